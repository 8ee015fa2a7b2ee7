"""The filter of ListUsers: one condition, parsed strictly (contract/rules.md §7). The only door to its SQL."""

import re
from typing import Literal

from msgspec import Struct

from poolhouse.model.cognito_idp_model import InvalidParameterException

_GRAMMAR = re.compile(r'\s*([A-Za-z_:]{1,64})\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Column = Literal[
    "username",
    "email",
    "phone_number",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "status",
    "enabled",
    "user_id",
]

_COLUMNS: dict[str, Column] = {
    "username": "username",
    "email": "email",
    "phone_number": "phone_number",
    "name": "name",
    "given_name": "given_name",
    "family_name": "family_name",
    "preferred_username": "preferred_username",
    "cognito:user_status": "status",
    "status": "enabled",
    "sub": "user_id",
}
_FOLDED = frozenset({"email", "phone_number", "name", "given_name", "family_name", "preferred_username"})


class UserFilter(Struct, frozen=True):
    """A parsed condition: a column, and a value that it equals or begins with."""

    column: Column
    value: str
    prefix: bool


def parse_filter(text: str | None) -> UserFilter | None:
    """The condition in `text`; None when it is empty. Raises InvalidParameterException (FILTER)."""
    if text is None or not text.strip():
        return None
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise InvalidParameterException("Error while parsing filter")
    name, operator, raw = match.groups()
    column = _COLUMNS.get(name)
    if column is None:
        raise InvalidParameterException(f"Invalid search attribute: {name}")
    value = _ESCAPED.sub(r"\1", raw)
    if column in _FOLDED:
        value = value.lower()
    elif column == "status":
        value = value.upper()
    return UserFilter(column, value, operator == "^=")
