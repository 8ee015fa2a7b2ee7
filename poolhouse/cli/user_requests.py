"""Requests about users as the command line makes them, and their answers as rows.

Owns the choice of the pool and the reading of NAME=VALUE. Every rule about values is the operation's.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from poolhouse.cli.failures import Refused
from poolhouse.cli.installation import Installation
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminGetUserResponse,
    AttributeType,
    ListUserPoolsRequest,
    ListUsersRequest,
    UserPoolDescriptionType,
    UserType,
)
from poolhouse.userpools.attributes import is_phone_number
from poolhouse.userpools.operations.list_users import list_users
from poolhouse.userpools.operations.pools import list_user_pools

_PAGE = 60
"""The largest page of ListUserPools and ListUsers."""
_NAMED = 10
"""Pools named in a refusal."""


async def choose_pool(installation: Installation, wanted: str | None) -> str:
    """The id of the pool that is meant: by id, by name, or the only one. Raises Refused."""
    pools = await _pools(installation)
    if not pools:
        raise Refused("there is no user pool yet; `poolhouse up TEMPLATE` or `poolhouse deploy TEMPLATE` makes one")
    if wanted is None:
        if len(pools) == 1:
            return _id(pools[0])
        raise Refused(f"there are several user pools, choose one with --pool: {_names(pools)}")
    matching = [pool for pool in pools if pool.id == wanted] or [pool for pool in pools if pool.name == wanted]
    if len(matching) == 1:
        return _id(matching[0])
    if not matching:
        raise Refused(f"there is no user pool {wanted}; there are {_names(pools)}")
    raise Refused(f"several user pools are called {wanted}, choose one by its id: {_names(matching)}")


async def _pools(installation: Installation) -> list[UserPoolDescriptionType]:
    found: list[UserPoolDescriptionType] = []
    token: str | None = None
    while True:
        request = ListUserPoolsRequest(max_results=_PAGE, next_token=token)
        page = await installation.ask(list_user_pools, request)
        found += page.user_pools or []
        token = page.next_token
        if token is None:
            return found


def _id(pool: UserPoolDescriptionType) -> str:
    return pool.id or ""


def _names(pools: list[UserPoolDescriptionType]) -> str:
    named = ", ".join(f"{pool.id} ({pool.name})" for pool in pools[:_NAMED])
    return named + (f" and {len(pools) - _NAMED} more" if len(pools) > _NAMED else "")


def creation(
    pool_id: str,
    username: str,
    *,
    email: str | None,
    phone: str | None,
    attributes: Iterable[str],
    temporary_password: str | None,
    action: Literal["SUPPRESS", "RESEND"] | None,
    by_sms: bool,
) -> AdminCreateUserRequest:
    """The request that creates or re-invites a user. Raises Refused for a malformed attribute."""
    values = dict(_attribute(text) for text in attributes)
    # An administrator who types an address vouches for it; `--attribute email_verified=false` says otherwise.
    address = email or (username if "@" in username and "email" not in values else None)
    number = phone or (username if is_phone_number(username) and "phone_number" not in values else None)
    for name, value in (("email", address), ("phone_number", number)):
        if value is not None and action != "RESEND":
            values.setdefault(name, value)
            values.setdefault(f"{name}_verified", "true")
    only_by_sms = number is not None and address is None and "email" not in values
    return AdminCreateUserRequest(
        user_pool_id=pool_id,
        username=username,
        user_attributes=[AttributeType(name=name, value=value) for name, value in values.items()] or None,
        temporary_password=temporary_password,
        message_action=action,
        desired_delivery_mediums=["SMS" if by_sms or only_by_sms else "EMAIL"],
    )


def created(request: AdminCreateUserRequest, user: UserType) -> str:
    """What has come of a creation; an invitation that had nowhere to go is not claimed to be sent."""
    again = request.message_action == "RESEND"
    if request.message_action == "SUPPRESS":
        return "created, not invited"
    medium = (request.desired_delivery_mediums or ["SMS"])[0]
    wanted, called = ("email", "e-mail address") if medium == "EMAIL" else ("phone_number", "phone number")
    if any(attribute.name == wanted and attribute.value for attribute in user.attributes or ()):
        return "invited again" if again else "created and invited"
    return f"{'has a new password' if again else 'created'}, not invited: there is no {called}"


def _attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Refused(f"--attribute {text}: write it as NAME=VALUE")
    return name, value


async def find_users(
    installation: Installation, pool_id: str, query: str | None, limit: int
) -> tuple[list[UserType], bool]:
    """Up to `limit` users, and whether there are more."""
    users: list[UserType] = []
    token: str | None = None
    while len(users) < limit:
        request = ListUsersRequest(
            user_pool_id=pool_id, filter=query, limit=min(_PAGE, limit - len(users)), pagination_token=token
        )
        page = await installation.ask(list_users, request)
        users += page.users or []
        token = page.pagination_token
        if token is None:
            break
    return users, token is not None


def user_row(user: UserType) -> tuple[str, ...]:
    """A user as a line of a table."""
    values = {attribute.name: attribute.value for attribute in user.attributes or []}
    enabled = "yes" if user.enabled else "no"
    return (
        user.username or "",
        values.get("email") or "",
        user.user_status or "",
        enabled,
        _date(user.user_create_date),
    )


def facts_of(user: AdminGetUserResponse) -> Iterator[tuple[str, str]]:
    """A user, one fact a line."""
    yield "Username", user.username
    yield "Status", user.user_status or ""
    yield "Enabled", "yes" if user.enabled else "no"
    yield "Created", _date(user.user_create_date)
    yield "Modified", _date(user.user_last_modified_date)
    for attribute in user.user_attributes or []:
        yield attribute.name, attribute.value or ""


def _date(moment: float | None) -> str:
    return "" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
