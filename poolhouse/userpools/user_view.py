"""A stored user in the shapes of the service model. Owns nothing but the mapping."""

from collections.abc import Collection

from poolhouse.model.cognito_idp_model import AttributeType, UserType
from poolhouse.storage.users import ListedUser


def wire_attributes(user: ListedUser, *, readable: Collection[str] = ()) -> list[AttributeType]:
    """The attributes, `sub` first; `readable` limits them (empty: all but developer-only ones are left to it)."""
    found = [AttributeType(name="sub", value=user.user_id)]
    if readable:
        shown = ((name, value) for name, value in user.attributes.items() if name in readable)
        return found + [AttributeType(name=name, value=value) for name, value in shown]
    return found + [AttributeType(name=name, value=value) for name, value in user.attributes.items()]


def user_type(user: ListedUser, *, attributes_to_get: Collection[str] = ()) -> UserType:
    """The user as ListUsers and AdminCreateUser show it."""
    attributes = wire_attributes(user)
    if attributes_to_get:
        attributes = [attribute for attribute in attributes if attribute.name in attributes_to_get]
    return UserType(
        username=user.username,
        attributes=attributes,
        user_create_date=user.created_at / 1000,
        user_last_modified_date=user.modified_at / 1000,
        enabled=user.enabled,
        user_status=user.status,  # type: ignore[arg-type]  # only values of the enum are ever written
    )
