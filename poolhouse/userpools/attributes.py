"""A pool's attribute schema, and whether what someone wants to write of a user fits it.

Pure rules (rules.md section 2; operations.md SCHEMA, SCHEMA2, MUT, WRITEATTR, EMAILFMT, PHONEFMT). Knows no storage
and no client beyond its list of writable names; what an attribute means for signing in is decided elsewhere.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import assert_never

from msgspec import Struct

from poolhouse.model.cognito_idp_model import (
    AttributeDataType,
    AttributeType,
    InvalidParameterException,
    NotAuthorizedException,
    SchemaAttributeType,
)
from poolhouse.userpools.attribute_definitions import DEVELOPER, MAX_VALUE_LENGTH, constraint_number

VERIFIED_FLAGS = {"email": "email_verified", "phone_number": "phone_number_verified"}
"""An address that can be verified, and the attribute that says whether it is."""

MAX_LINES = 100
"""How many violations one message lists."""

_NO_LINES: tuple[str, ...] = ()
SELF_SERVICE_REFUSED = frozenset({"sub", "identities", *VERIFIED_FLAGS.values()})
"""What no app client writes for its user, whatever its list says."""
_EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")
_PHONE_NUMBER = re.compile(r"\+[0-9]{1,15}")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


class _Rule(Struct, frozen=True):
    """One attribute's constraints, parsed."""

    name: str
    data_type: AttributeDataType
    mutable: bool
    shortest: int
    longest: int
    least: Decimal | None
    most: Decimal | None


class AttributeSchema:
    """The attributes that a pool's users can have.

    required: names that a user must give when signing up (`sub` is the service's own and not among them).
    """

    __slots__ = ("_definitions", "_rules", "required")

    def __init__(self, attributes: Sequence[SchemaAttributeType]) -> None:
        self._definitions = {attribute.name or "": attribute for attribute in attributes}
        self._rules = {name: _rule(name, attribute) for name, attribute in self._definitions.items()}
        self.required = tuple(
            name for name, attribute in self._definitions.items() if attribute.required and name != "sub"
        )

    def __contains__(self, name: object) -> bool:
        return name in self._definitions

    def get(self, name: str) -> SchemaAttributeType | None:
        """The definition of an attribute by its full name (`email`, `custom:team`)."""
        return self._definitions.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All attributes, in the order of DescribeUserPool."""
        return tuple(self._definitions)

    def missing(self, held: Mapping[str, str]) -> list[str]:
        """Required attributes that `held` lacks or has blank, in the schema's order."""
        return [name for name in self.required if not held.get(name)]

    def check_new(self, given: Mapping[str, str], *, required: bool = False) -> dict[str, str]:
        """A new user's attributes, ready to be stored; blank ones are left out.

        `required`: whether the required ones must be there (SignUp yes, AdminCreateUser no; operations.md).
        Raises InvalidParameterException: SCHEMA with a line for each violation, MUT, EMAILFMT, PHONEFMT.
        """
        lines = self._violations(given)
        if required:
            lines += [f"{name}: The attribute is required" for name in self.missing(given)]
        _refuse_schema(lines)
        if "sub" in given:
            raise InvalidParameterException(_cannot_be_updated(["sub"]))
        _check_formats(given)
        return {name: _normal(name, value) for name, value in given.items() if value}

    def check_update(self, given: Mapping[str, str]) -> dict[str, str]:
        """What an update writes of an existing user, ready to be stored; a blank value deletes the attribute.

        Raises InvalidParameterException: SCHEMA, MUT, EMAILFMT, PHONEFMT; a required attribute cannot be blanked.
        """
        _refuse_schema(self._violations(given))
        self._refuse_immutable(given)
        blank = [name for name, value in given.items() if not value]
        _refuse_schema([f"{name}: The attribute is required" for name in blank if name in self.required])
        _check_formats({name: value for name, value in given.items() if value})
        return {name: _normal(name, value) for name, value in given.items()}

    def check_removal(self, names: Sequence[str]) -> dict[str, str]:
        """The update that deletes `names`: each with a blank value.

        Raises InvalidParameterException: SCHEMA2 listing every unknown name, MUT, or a required attribute.
        """
        unknown = [f"user.{name}: Attribute does not exist in the schema." for name in names if name not in self]
        if unknown:
            raise InvalidParameterException("Invalid user attributes: " + _joined(unknown))
        self._refuse_immutable(names)
        _refuse_schema([f"{name}: The attribute is required" for name in names if name in self.required])
        return dict.fromkeys(names, "")

    def _unknown(self, names: Iterable[str]) -> list[str]:
        return [f"{name}: Attribute does not exist in the schema." for name in names if name not in self._rules]

    def _violations(self, values: Mapping[str, str]) -> list[str]:
        lines = self._unknown(values)
        for name, value in values.items():
            rule = self._rules.get(name)
            if rule is not None and value:
                lines.extend(f"{name}: {text}" for text in _CHECKS[rule.data_type](rule, value))
        return lines

    def _refuse_immutable(self, names: Iterable[str]) -> None:
        fixed = [name for name in names if name in self._rules and not self._rules[name].mutable]
        if fixed:
            raise InvalidParameterException(_cannot_be_updated(fixed))


def check_client_writes(names: Iterable[str], writable: frozenset[str]) -> None:
    """Whether an app client may write these attributes for its user; `writable` empty means the client has no list.

    Raises NotAuthorizedException (WRITEATTR): names outside the list, the service's own attributes and flags, and
    developer-only attributes, which only an administrator writes.
    """
    for name in names:
        refused = name in SELF_SERVICE_REFUSED or name.startswith(DEVELOPER)
        if refused or (writable and name not in writable):
            raise NotAuthorizedException("A client attempted to write unauthorized attribute")


def is_email(value: str) -> bool:
    """Whether it has the form of an e-mail address: one `@` with something on either side (rules.md section 2)."""
    return _EMAIL.fullmatch(value) is not None


def is_phone_number(value: str) -> bool:
    """Whether it has the form of an E.164 number (rules.md section 2)."""
    return _PHONE_NUMBER.fullmatch(value) is not None


def attributes_by_name(given: Iterable[AttributeType] | None) -> dict[str, str]:
    """A request's attributes; of one that is sent twice the last value counts, an absent value is a blank one."""
    return {attribute.name: attribute.value or "" for attribute in given or ()}


def _normal(name: str, value: str) -> str:
    return value.lower() if name in VERIFIED_FLAGS.values() else value


def _check_formats(values: Mapping[str, str]) -> None:
    # A blank address is not an absent one to the service: it answers the format errors.
    if "email" in values and not is_email(values["email"]):
        raise InvalidParameterException("Invalid email address format.")
    if "phone_number" in values and not is_phone_number(values["phone_number"]):
        raise InvalidParameterException("Invalid phone number format.")


def _refuse_schema(lines: Sequence[str]) -> None:
    if lines:
        raise InvalidParameterException("Attributes did not conform to the schema: " + _joined(lines))


def _cannot_be_updated(names: Iterable[str]) -> str:
    return _joined([f"user.{name}: Attribute cannot be updated." for name in names])


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines[:MAX_LINES])


def _rule(name: str, attribute: SchemaAttributeType) -> _Rule:
    text = attribute.string_attribute_constraints
    number = attribute.number_attribute_constraints
    return _Rule(
        name=name,
        data_type=attribute.attribute_data_type or "String",
        mutable=attribute.mutable is not False,
        shortest=int(text.min_length) if text and text.min_length else 0,
        longest=int(text.max_length) if text and text.max_length else MAX_VALUE_LENGTH,
        least=constraint_number(number.min_value) if number else None,
        most=constraint_number(number.max_value) if number else None,
    )


# The wording of value violations is not documented (rules.md gives none); ours names the attribute and the bound,
# never the value.


def _check_text(rule: _Rule, value: str) -> Iterable[str]:
    if len(value) < rule.shortest:
        return (f"String must be at least {rule.shortest} characters long.",)
    if len(value) > rule.longest:
        return (f"String must be no longer than {rule.longest} characters.",)
    return _NO_LINES


def _check_number(rule: _Rule, value: str) -> Iterable[str]:
    if len(value) > MAX_VALUE_LENGTH or _NUMBER.fullmatch(value) is None:
        return ("Value is not a number.",)
    number = Decimal(value)
    if rule.least is not None and number < rule.least:
        return (f"Value must be at least {rule.least}.",)
    if rule.most is not None and number > rule.most:
        return (f"Value must be at most {rule.most}.",)
    return _NO_LINES


def _check_date_time(rule: _Rule, value: str) -> Iterable[str]:
    return _NO_LINES if _is_date_time(value) else (f"Value is not a {rule.data_type}.",)


def _is_date_time(value: str) -> bool:
    """ISO 8601, or epoch seconds as DateTime attributes are written by SDK clients."""
    if len(value) > MAX_VALUE_LENGTH:
        return False
    if _NUMBER.fullmatch(value) is not None:
        return True
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _check_boolean(rule: _Rule, value: str) -> Iterable[str]:
    if rule.name in VERIFIED_FLAGS.values():
        return _NO_LINES if value.lower() in ("true", "false") else ("Value must be true or false.",)
    return _check_text(rule, value)  # custom Booleans are free text to the service (rules.md section 2)


def _check_for(data_type: AttributeDataType) -> Callable[[_Rule, str], Iterable[str]]:
    match data_type:
        case "String":
            return _check_text
        case "Number":
            return _check_number
        case "DateTime":
            return _check_date_time
        case "Boolean":
            return _check_boolean
        case _:
            assert_never(data_type)


_TYPES: tuple[AttributeDataType, ...] = ("String", "Number", "DateTime", "Boolean")
_CHECKS = {data_type: _check_for(data_type) for data_type in _TYPES}
