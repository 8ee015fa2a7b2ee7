"""The table of operations that are built: an operation registers itself, and every edge finds it here by name."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from poolhouse.call import Call
from poolhouse.model.shape import Shape

RequestT = TypeVar("RequestT", bound=Shape)
ResponseT = TypeVar("ResponseT")
Runner = Callable[[Call, Shape], Awaitable[Shape | None]]

OPERATIONS: dict[str, Runner] = {}
"""Wire name (`AdminCreateUser`) to function. Filled by importing poolhouse.userpools.operations."""


def operation(
    function: Callable[[Call, RequestT], Awaitable[ResponseT]],
) -> Callable[[Call, RequestT], Awaitable[ResponseT]]:
    """Register `admin_create_user` as the operation `AdminCreateUser`."""
    name = "".join(part.capitalize() for part in function.__name__.split("_"))
    # The wire decodes the request into the operation's own struct, so the narrower argument is what it gets.
    OPERATIONS[_WIRE_NAMES.get(name, name)] = function  # type: ignore[assignment]
    return function


_WIRE_NAMES = {
    "GetCsvHeader": "GetCSVHeader",
    "AdminSetUserMfaPreference": "AdminSetUserMFAPreference",
    "SetUserMfaPreference": "SetUserMFAPreference",
    "GetUiCustomization": "GetUICustomization",
    "SetUiCustomization": "SetUICustomization",
}
