"""Condition operators of IAM policies: compiled when the document is read, evaluated for each request.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators". An operator, key or value that is not
understood refuses the whole document, never a request later.
"""

import ipaddress
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from poolhouse.access.pattern import ArnPattern, Context, MalformedPolicy, Pattern, tokenize

Quantifier = Literal["one", "all", "any"]
Test = Callable[[str, Context], bool]
"""Whether a request's value meets one value of the policy."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator applied to one key; its tests are alternatives."""

    key: str
    tests: tuple[Test, ...]
    negated: bool
    quantifier: Quantifier
    if_exists: bool
    expects_absence: bool | None
    """Of the Null operator: whether the key must be absent; None for every other operator."""

    def holds(self, context: Context) -> bool:
        """Whether the request meets the condition."""
        values = context.get(self.key, ())
        if self.expects_absence is not None:
            return (not values) is self.expects_absence
        if not values:
            return self.if_exists or self.quantifier == "all" or (self.negated and self.quantifier == "one")
        meets = (any(test(value, context) for test in self.tests) is not self.negated for value in values)
        return any(meets) if self.quantifier == "any" or not (self.negated or self.quantifier == "all") else all(meets)


def compile_condition(
    name: str, key: str, values: Sequence[str], known_keys: frozenset[str], *, variables: bool
) -> Condition:
    """Compile the operator `name` for `key`. Raises MalformedPolicy for what is not understood."""
    lowered = key.lower()
    if lowered not in known_keys:
        raise MalformedPolicy(f"the condition key '{key}' is not one that this service evaluates")
    quantifier, plain = _split_quantifier(name)
    if plain == "Null":
        if quantifier != "one":
            raise MalformedPolicy(f"the condition operator '{name}' does not exist")
        absent = {_read_bool(value) for value in values}
        if len(absent) != 1:
            raise MalformedPolicy("Null takes true or false, not both")
        return Condition(lowered, (), False, "one", False, absent.pop())
    if_exists = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    negated = plain in _NEGATED
    positive = _NEGATED.get(plain, plain)
    tests = tuple(_compile_test(positive, value, known_keys, name, variables) for value in values)
    return Condition(lowered, tests, negated, quantifier, if_exists, None)


def _split_quantifier(name: str) -> tuple[Quantifier, str]:
    if name.startswith("ForAllValues:"):
        return "all", name.removeprefix("ForAllValues:")
    if name.startswith("ForAnyValue:"):
        return "any", name.removeprefix("ForAnyValue:")
    return "one", name


def _compile_test(name: str, value: str, known_keys: frozenset[str], shown: str, variables: bool) -> Test:
    match name:
        case "StringEquals" | "StringEqualsIgnoreCase" | "StringLike":
            tokens = tokenize(value, known_keys, wildcards=name == "StringLike", variables=variables)
            return Pattern(tokens, ignore_case=name.endswith("IgnoreCase")).matches
        case "ArnEquals" | "ArnLike":
            return ArnPattern(tokenize(value, known_keys, wildcards=True, variables=variables)).matches
        case "Bool":
            wanted = "true" if _read_bool(value) else "false"
            return lambda given, _: given.lower() == wanted
        case "IpAddress":
            return _ip_test(value)
    if name.startswith("Numeric") and name.removeprefix("Numeric") in _COMPARISONS:
        return _comparison(name.removeprefix("Numeric"), value, _read_number)
    if name.startswith("Date") and name.removeprefix("Date") in _COMPARISONS:
        return _comparison(name.removeprefix("Date"), value, _read_date)
    raise MalformedPolicy(f"the condition operator '{shown}' is not one that this service evaluates")


def _comparison(word: str, value: str, read: Callable[[str], float | None]) -> Test:
    limit = read(value)
    if limit is None:
        raise MalformedPolicy(f"the condition value '{value}' is not of its operator's type")
    compare = _COMPARISONS[word]

    def test(given: str, _: Context) -> bool:
        number = read(given)
        return number is not None and compare(number, limit)

    return test


def _ip_test(value: str) -> Test:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise MalformedPolicy(f"the condition value '{value}' is not an address or a CIDR block") from error

    def test(given: str, _: Context) -> bool:
        try:
            address = ipaddress.ip_address(given)
        except ValueError:
            return False
        # A dual-stack listener names an IPv4 client ::ffff:a.b.c.d.
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address) in network

    return test


def _read_bool(value: str) -> bool:
    lowered = value.lower()
    if lowered not in {"true", "false"}:
        raise MalformedPolicy(f"the condition value '{value}' must be true or false")
    return lowered == "true"


def _read_number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", value) else None


def _read_date(value: str) -> float | None:
    if re.fullmatch("[0-9]{1,12}", value):
        return float(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
