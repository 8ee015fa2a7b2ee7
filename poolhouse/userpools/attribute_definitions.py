"""Which attributes a pool has: the standard ones, and what CreateUserPool and AddCustomAttributes may define.

Owns the rules for definitions (rules.md section 2, operations.md SCHEMADEF and ATTRDUP). Knows no user and no value.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation

from msgspec import structs

from poolhouse.model.cognito_idp_model import (
    AttributeDataType,
    InvalidParameterException,
    NumberAttributeConstraintsType,
    SchemaAttributeType,
    StringAttributeConstraintsType,
)

CUSTOM = "custom:"
DEVELOPER = "dev:custom:"
MAX_CUSTOM_ATTRIBUTES = 50
MAX_VALUE_LENGTH = 2048
MAX_CONSTRAINT_DIGITS = 400
"""The service documents bounds up to 2^1023, which has 308 digits; longer ones are nonsense."""


def _standard(
    name: str,
    data_type: AttributeDataType = "String",
    *,
    mutable: bool = True,
    required: bool = False,
    text: tuple[str, str] | None = None,
    least: str | None = None,
) -> SchemaAttributeType:
    return SchemaAttributeType(
        name=name,
        attribute_data_type=data_type,
        developer_only_attribute=False,
        mutable=mutable,
        required=required,
        string_attribute_constraints=text and StringAttributeConstraintsType(min_length=text[0], max_length=text[1]),
        number_attribute_constraints=None if least is None else NumberAttributeConstraintsType(min_value=least),
    )


_ANY_TEXT = ("0", "2048")

STANDARD_ATTRIBUTES: tuple[SchemaAttributeType, ...] = (
    _standard("sub", mutable=False, required=True, text=("1", "2048")),
    *(
        _standard(name, text=_ANY_TEXT)
        for name in ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username")
    ),
    *(_standard(name, text=_ANY_TEXT) for name in ("profile", "picture", "website", "email")),
    _standard("email_verified", "Boolean"),
    _standard("gender", text=_ANY_TEXT),
    _standard("birthdate", text=("10", "10")),
    *(_standard(name, text=_ANY_TEXT) for name in ("zoneinfo", "locale", "phone_number")),
    _standard("phone_number_verified", "Boolean"),
    _standard("address", text=_ANY_TEXT),
    _standard("updated_at", "Number", least="0"),
)
"""The 20 attributes of every pool, in the order of DescribeUserPool (rules.md section 2)."""

_STANDARD = {attribute.name or "": attribute for attribute in STANDARD_ATTRIBUTES}
# The service takes a definition of these two for a custom attribute's (rules.md section 2: never in a Schema).
_NOT_DEFINABLE = frozenset({"email_verified", "phone_number_verified"})


def define_schema(given: Iterable[SchemaAttributeType]) -> list[SchemaAttributeType]:
    """A new pool's attributes: the standard ones with `given` merged in, then the custom ones in their order.

    Raises InvalidParameterException (SCHEMADEF, ATTRDUP).
    """
    standard = dict(_STANDARD)
    custom: list[SchemaAttributeType] = []
    seen: set[str] = set()
    for definition in given:
        name = _given_name(definition)
        if name not in _STANDARD or name in _NOT_DEFINABLE:
            custom.append(definition)
            continue
        if name in seen:
            raise InvalidParameterException(f"{name}: Existing attribute already has name {name}.")
        seen.add(name)
        standard[name] = _checked(_merged(_STANDARD[name], definition))
    return extend_schema(list(standard.values()), custom)


def extend_schema(
    current: Sequence[SchemaAttributeType], given: Iterable[SchemaAttributeType]
) -> list[SchemaAttributeType]:
    """`current` followed by the custom attributes that `given` defines, with their prefixed names.

    Raises InvalidParameterException: ATTRDUP, SCHEMADEF, or more than 50 custom attributes.
    """
    extended = list(current)
    names = {attribute.name for attribute in current}
    for definition in given:
        attribute = _checked(_custom(definition))
        if attribute.name in names:
            raise InvalidParameterException(f"{attribute.name}: Existing attribute already has name {attribute.name}.")
        names.add(attribute.name)
        extended.append(attribute)
    if len(extended) - len(STANDARD_ATTRIBUTES) > MAX_CUSTOM_ATTRIBUTES:
        raise InvalidParameterException(f"Custom attributes cannot exceed limit of {MAX_CUSTOM_ATTRIBUTES}.")
    return extended


def _given_name(definition: SchemaAttributeType) -> str:
    if not definition.name:
        raise InvalidParameterException("The name of an attribute in the schema must not be null.")
    return definition.name


def _merged(standard: SchemaAttributeType, given: SchemaAttributeType) -> SchemaAttributeType:
    """A standard attribute as a pool wants it; what `given` does not say stays as it is."""
    changed_type = given.attribute_data_type not in (None, standard.attribute_data_type)
    if changed_type or given.developer_only_attribute:
        raise InvalidParameterException(
            "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute "
            f"{standard.name}"
        )
    if standard.name == "sub":
        return standard  # made by the service: always there, never changed
    return structs.replace(
        standard,
        mutable=standard.mutable if given.mutable is None else given.mutable,
        required=standard.required if given.required is None else given.required,
        string_attribute_constraints=_merged_text(
            standard.string_attribute_constraints, given.string_attribute_constraints
        ),
        number_attribute_constraints=_merged_number(
            standard.number_attribute_constraints, given.number_attribute_constraints
        ),
    )


def _merged_text(
    standard: StringAttributeConstraintsType | None, given: StringAttributeConstraintsType | None
) -> StringAttributeConstraintsType | None:
    if standard is None or given is None:
        return standard
    return StringAttributeConstraintsType(
        min_length=standard.min_length if given.min_length is None else given.min_length,
        max_length=standard.max_length if given.max_length is None else given.max_length,
    )


def _merged_number(
    standard: NumberAttributeConstraintsType | None, given: NumberAttributeConstraintsType | None
) -> NumberAttributeConstraintsType | None:
    if standard is None or given is None:
        return standard
    return NumberAttributeConstraintsType(
        min_value=standard.min_value if given.min_value is None else given.min_value,
        max_value=standard.max_value if given.max_value is None else given.max_value,
    )


def _custom(given: SchemaAttributeType) -> SchemaAttributeType:
    name = _given_name(given)
    if given.attribute_data_type is None:
        raise InvalidParameterException(
            "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."
        )
    if given.required:
        raise InvalidParameterException("Required custom attributes are not supported currently.")
    developer_only = bool(given.developer_only_attribute)
    is_text = given.attribute_data_type == "String"
    is_number = given.attribute_data_type == "Number"
    return SchemaAttributeType(
        name=(DEVELOPER if developer_only else CUSTOM) + name,
        attribute_data_type=given.attribute_data_type,
        developer_only_attribute=developer_only,
        mutable=given.mutable is not False,
        required=False,
        # An empty constraint is reported as an empty object, one of another type not at all.
        string_attribute_constraints=(given.string_attribute_constraints or StringAttributeConstraintsType())
        if is_text
        else None,
        number_attribute_constraints=(given.number_attribute_constraints or NumberAttributeConstraintsType())
        if is_number
        else None,
    )


def _checked(attribute: SchemaAttributeType) -> SchemaAttributeType:
    text = attribute.string_attribute_constraints
    if text is not None:
        shortest, longest = _length(attribute, text.min_length), _length(attribute, text.max_length)
        if longest is not None and shortest is not None and longest < shortest:
            raise InvalidParameterException(f"user.{attribute.name}: Max length cannot be less than min length.")
    number = attribute.number_attribute_constraints
    if number is not None:
        least, most = constraint_number(number.min_value), constraint_number(number.max_value)
        if least is not None and most is not None and most < least:
            raise InvalidParameterException(f"user.{attribute.name}: Max value cannot be less than min value.")
    return attribute


def _length(attribute: SchemaAttributeType, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > MAX_CONSTRAINT_DIGITS:
        raise InvalidParameterException("Attribute length constraints must be whole numbers that are not negative.")
    if int(text) > MAX_VALUE_LENGTH:
        raise InvalidParameterException(
            f"user.{attribute.name}: String attributes cannot have a length of more than {MAX_VALUE_LENGTH}"
        )
    return int(text)


def constraint_number(text: str | None) -> Decimal | None:
    """A bound of a Number attribute. Raises InvalidParameterException for what is not a finite number."""
    if text is None:
        return None
    try:
        number = Decimal(text) if len(text) <= MAX_CONSTRAINT_DIGITS else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise InvalidParameterException("Attribute value constraints must be numbers.")
    return number
