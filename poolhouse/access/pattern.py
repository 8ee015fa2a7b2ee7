"""Texts of IAM policies: wildcards `*` and `?`, policy variables `${…}`, and matching in linear time.

Owns how one text is compared with one value. Knows no statement and no condition operator.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

Context = Mapping[str, Sequence[str]]
"""What is known of a request: values by condition key in lower case. An unknown key is absent."""

_VARIABLE = re.compile(r"\$\{(?P<name>[^}',]*?)\s*(?:,\s*'(?P<default>[^']*)'\s*)?\}")
_ARN_SEGMENTS = 6


class MalformedPolicy(Exception):
    """The policy document is refused; the text says which part and why."""


class Wildcard(Enum):
    """What stands for characters that the policy's author left open."""

    ANY = auto()
    """`*`: any characters, also none."""
    ONE = auto()
    """`?`: exactly one."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`${key}` or `${key, 'default'}`, filled in from the request."""

    key: str
    default: str | None


Token = str | Wildcard | Variable


class Pattern:
    """A compiled text; `matches` never backtracks over more than the value's length."""

    __slots__ = ("_flags", "_regex", "_tokens")

    def __init__(self, tokens: Sequence[Token], *, ignore_case: bool = False) -> None:
        self._tokens = tuple(tokens)
        self._flags = re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG)
        fixed = not any(isinstance(token, Variable) for token in self._tokens)
        self._regex = self._compile({}) if fixed else None

    @property
    def fixed(self) -> bool:
        """Whether it matches the same whatever the context."""
        return self._regex is not None

    def matches(self, value: str, context: Context) -> bool:
        """Whether the whole value matches; a variable that the request does not fill matches nothing."""
        regex = self._regex or self._compile(context)
        return regex is not None and regex.match(value) is not None

    def _compile(self, context: Context) -> re.Pattern[str] | None:
        pieces: list[str] = [""]
        for token in self._tokens:
            match token:
                case str():
                    pieces[-1] += re.escape(token)
                case Wildcard.ONE:
                    pieces[-1] += "."
                case Wildcard.ANY:
                    pieces.append("")
                case Variable(key, default):
                    values = context.get(key, ())
                    filled = values[0] if len(values) == 1 else default
                    if filled is None:
                        return None
                    pieces[-1] += re.escape(filled)
                case _:
                    assert_never(token)
        head, *rest = pieces
        if not rest:
            return re.compile(head + r"\Z", self._flags)
        # The leftmost place for a middle piece is always as good as a later one, so it is never taken back.
        middle = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
        return re.compile(f"{head}{middle}.*{rest[-1]}\\Z", self._flags)


class ArnPattern:
    """An ARN of a policy, matched part by part: a wildcard never reaches across the first five colons."""

    __slots__ = ("_parts",)

    def __init__(self, tokens: Sequence[Token]) -> None:
        parts: list[list[Token]] = [[]]
        for token in tokens:
            if not isinstance(token, str):
                parts[-1].append(token)
                continue
            for index, text in enumerate(token.split(":", _ARN_SEGMENTS - len(parts))):
                if index:
                    parts.append([])
                if text:
                    parts[-1].append(text)
        if len(parts) != _ARN_SEGMENTS or parts[0] != ["arn"]:
            raise MalformedPolicy("an ARN must have six parts: arn:partition:service:region:account:resource")
        self._parts = tuple(Pattern(part) for part in parts)

    @property
    def fixed(self) -> bool:
        """Whether it matches the same whatever the context."""
        return all(part.fixed for part in self._parts)

    def matches(self, arn: str, context: Context) -> bool:
        """Whether the ARN matches in each of its six parts."""
        values = arn.split(":", _ARN_SEGMENTS - 1)
        return len(values) == _ARN_SEGMENTS and all(
            part.matches(value, context) for part, value in zip(self._parts, values, strict=True)
        )


def tokenize(text: str, known_keys: frozenset[str], *, wildcards: bool, variables: bool) -> list[Token]:
    """Split a policy's text into its parts.

    Raises MalformedPolicy for a variable that is not well formed or that no request of ours ever fills: a Deny
    that silently never applies is worse than a refused document.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        start = text.find("${", position) if variables else -1
        plain = text[position:] if start < 0 else text[position:start]
        tokens.extend(_split_wildcards(plain) if wildcards else [plain] if plain else [])
        if start < 0:
            break
        match = _VARIABLE.match(text, start)
        if match is None:
            raise MalformedPolicy(f"the policy variable in '{text}' is not closed or not well formed")
        tokens.append(_read_variable(match["name"], match["default"], known_keys))
        position = match.end()
    return tokens


def _read_variable(name: str, default: str | None, known_keys: frozenset[str]) -> Token:
    if name in {"*", "?", "$"}:
        return name
    key = name.lower()
    if key not in known_keys:
        raise MalformedPolicy(f"the policy variable '{name}' is not one that this service fills")
    return Variable(key, default)


def _split_wildcards(text: str) -> list[Token]:
    tokens: list[Token] = []
    for part in re.split(r"([*?])", text):
        if part == "*":
            tokens.append(Wildcard.ANY)
        elif part == "?":
            tokens.append(Wildcard.ONE)
        elif part:
            tokens.append(part)
    return tokens
