"""Typed reading of an untyped document, remembering where in it one is.

Owns the complaints about shapes. Knows nothing of OpenAPI.
"""

import re
from collections.abc import Iterator

from poolhouse.gateway.authority import JsonValue
from poolhouse.gateway.definition import ApiInvalid

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 section 5.6.2."""


class Part:
    """A value inside a document and the way to it."""

    __slots__ = ("value", "where")

    def __init__(self, value: JsonValue, where: str) -> None:
        self.value = value
        self.where = where

    def wrong(self, message: str) -> ApiInvalid:
        """An error about this part."""
        return ApiInvalid(self.where or "body", message)

    @property
    def absent(self) -> bool:
        """Whether there is nothing here."""
        return self.value is None

    def __getitem__(self, name: str) -> "Part":
        """A member of this mapping; absent if it has none."""
        where = f"{self.where}.{name}" if self.where else name
        return Part(self.mapping().get(name), where)

    def mapping(self) -> dict[str, JsonValue]:
        """This as a mapping; empty if absent."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.wrong("an object is expected here")
        return self.value

    def members(self) -> Iterator[tuple[str, "Part"]]:
        """The members of this mapping."""
        for name in self.mapping():
            yield name, self[name]

    def elements(self) -> list["Part"]:
        """The elements of this list; none if absent."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.wrong("a list is expected here")
        return [Part(value, f"{self.where}[{position}]") for position, value in enumerate(self.value)]

    def text(self) -> str:
        """This as text; numbers and booleans become text."""
        match self.value:
            case str():
                return self.value
            case bool():
                return "true" if self.value else "false"
            case int() | float():
                return str(self.value)
            case _:
                raise self.wrong("text is expected here")

    def text_or(self, default: str) -> str:
        """This as text, or a default if absent."""
        return default if self.value is None else self.text()

    def header_name(self, name: str) -> bytes:
        """A header's name that stands before this part."""
        if _TOKEN.fullmatch(name) is None:
            raise self.wrong(f"{name!r} cannot be a header's name")
        return name.encode()

    def answer_status_or(self, default: int) -> int:
        """This as the status of an answer, or a default if absent."""
        status = self.integer_or(default)
        if not 200 <= status <= 599 and not self.absent:
            raise self.wrong("a status is between 200 and 599")
        return status

    def integer_or(self, default: int) -> int:
        """This as a whole number, or a default if absent."""
        if self.value is None:
            return default
        text = self.text()
        if not text.isascii() or not text.isdigit():
            raise self.wrong("a whole number is expected here")
        return int(text)

    def flag(self) -> bool:
        """This as a boolean; false if absent."""
        if self.value is None:
            return False
        if self.value in (True, "true"):
            return True
        if self.value in (False, "false"):
            return False
        raise self.wrong("true or false is expected here")
