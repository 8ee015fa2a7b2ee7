"""What may be a username in a pool, and what it then stands for (contract/rules.md §1). Pure."""

from poolhouse.model.cognito_idp_model import InvalidParameterException
from poolhouse.userpools.attributes import is_email, is_phone_number
from poolhouse.userpools.directory import Pool

LONGEST_USERNAME = 128
"""By the service model; addresses that are aliases may be longer."""


def username_attribute(pool: Pool, username: str) -> str | None:
    """The attribute that the username of a new user is, or None in a pool with plain usernames.

    Raises InvalidParameterException (NAMEATTR, NOTEMAILNAME).
    """
    wanted = pool.username_attributes
    if not wanted:
        _refuse_growing(pool, username)
        _refuse_alias_form(pool, username)
        return None
    if "email" in wanted and is_email(username):
        return "email"
    if "phone_number" in wanted and is_phone_number(username):
        return "phone_number"
    if len(wanted) == 2:
        raise InvalidParameterException("Username should be either an email or a phone number.")
    if "email" in wanted:
        raise InvalidParameterException("Username should be an email.")
    raise InvalidParameterException("Username should be a phone number.")


def _refuse_alias_form(pool: Pool, username: str) -> None:
    if "email" in pool.alias_attributes and is_email(username):
        raise InvalidParameterException(
            "Username cannot be of email format, since user pool is configured for email alias."
        )
    if "phone_number" in pool.alias_attributes and is_phone_number(username):
        raise InvalidParameterException(
            "Username cannot be of phone number format, since user pool is configured for phone number alias."
        )


def _refuse_growing(pool: Pool, username: str) -> None:
    """In small letters some names are longer; beyond what requests may hold nobody could name the user again."""
    if len(pool.fold(username)) > LONGEST_USERNAME:
        raise InvalidParameterException(
            "1 validation error detected: Value at 'username' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_USERNAME}"
        )
