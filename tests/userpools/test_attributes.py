"""The attribute schema: what may be defined, and which values fit (contract/rules.md section 2)."""

import pytest

from poolhouse.model.cognito_idp_model import (
    AttributeType,
    InvalidParameterException,
    NotAuthorizedException,
    NumberAttributeConstraintsType,
    SchemaAttributeType,
    StringAttributeConstraintsType,
)
from poolhouse.userpools.attribute_definitions import STANDARD_ATTRIBUTES, define_schema, extend_schema
from poolhouse.userpools.attributes import AttributeSchema, attributes_by_name, check_client_writes

STANDARD_NAMES = [
    *("sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile"),
    *("picture", "website", "email", "email_verified", "gender", "birthdate", "zoneinfo", "locale"),
    *("phone_number", "phone_number_verified", "address", "updated_at"),
]


def definition(name: str, data_type: str | None = "String", **members: object) -> SchemaAttributeType:
    return SchemaAttributeType(name=name, attribute_data_type=data_type, **members)  # type: ignore[arg-type]


def text(shortest: str | None = None, longest: str | None = None) -> StringAttributeConstraintsType:
    return StringAttributeConstraintsType(min_length=shortest, max_length=longest)


def number(least: str | None = None, most: str | None = None) -> NumberAttributeConstraintsType:
    return NumberAttributeConstraintsType(min_value=least, max_value=most)


SCHEMA = AttributeSchema(
    define_schema(
        [
            definition("email", required=True),
            definition("nickname", required=True, mutable=False),
            definition("short", string_attribute_constraints=text("2", "4")),
            definition("fixed", mutable=False),
            definition("count", "Number", number_attribute_constraints=number("-5", "10.5")),
            definition("since", "DateTime"),
            definition("flag", "Boolean"),
            definition("secret", developer_only_attribute=True),
        ]
    )
)


# -- definitions ----------------------------------------------------------------------------------------------


def test_the_standard_attributes_come_in_the_order_of_describe_user_pool() -> None:
    assert [attribute.name for attribute in STANDARD_ATTRIBUTES] == STANDARD_NAMES


def test_a_pool_without_a_schema_has_the_standard_attributes() -> None:
    assert define_schema([]) == list(STANDARD_ATTRIBUTES)


def test_only_sub_is_required_and_immutable_by_default() -> None:
    assert [a.name for a in STANDARD_ATTRIBUTES if a.required] == ["sub"]
    assert [a.name for a in STANDARD_ATTRIBUTES if not a.mutable] == ["sub"]


@pytest.mark.parametrize(
    ("name", "constraints"),
    [
        ("sub", text("1", "2048")),
        ("email", text("0", "2048")),
        ("birthdate", text("10", "10")),
        ("email_verified", None),
    ],
)
def test_constraints_of_standard_attributes_are_strings(
    name: str, constraints: StringAttributeConstraintsType | None
) -> None:
    assert AttributeSchema(STANDARD_ATTRIBUTES).get(name) is not None
    found = AttributeSchema(STANDARD_ATTRIBUTES).get(name)
    assert found is not None
    assert found.string_attribute_constraints == constraints


def test_updated_at_is_a_number_from_zero() -> None:
    assert STANDARD_ATTRIBUTES[-1].number_attribute_constraints == number("0")


def test_a_definition_merges_into_the_standard_attribute() -> None:
    given = definition("email", None, required=True, mutable=False, string_attribute_constraints=text(longest="32"))
    merged = AttributeSchema(define_schema([given])).get("email")
    assert merged == SchemaAttributeType(
        name="email",
        attribute_data_type="String",
        developer_only_attribute=False,
        mutable=False,
        required=True,
        string_attribute_constraints=text("0", "32"),
    )
    assert [attribute.name for attribute in define_schema([given])] == STANDARD_NAMES


def test_a_definition_of_sub_leaves_it_the_services_own() -> None:
    changed = define_schema([definition("sub", mutable=True, required=False)])
    assert changed[0] == STANDARD_ATTRIBUTES[0]


def test_custom_attributes_follow_with_their_prefix_and_defaults() -> None:
    tail = define_schema(
        [definition("team"), definition("age", "Number"), definition("x", developer_only_attribute=True)]
    )[20:]
    assert [(a.name, a.mutable, a.required, a.developer_only_attribute) for a in tail] == [
        ("custom:team", True, False, False),
        ("custom:age", True, False, False),
        ("dev:custom:x", True, False, True),
    ]
    assert tail[0].string_attribute_constraints == text()
    assert tail[1].number_attribute_constraints == number()
    assert tail[1].string_attribute_constraints is None


def test_a_definition_of_a_verified_flag_makes_a_custom_attribute() -> None:
    assert define_schema([definition("email_verified", "Boolean")])[20].name == "custom:email_verified"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (definition("team", required=True), "Required custom attributes are not supported currently."),
        (
            definition("gender", "Number"),
            "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute gender",
        ),
        (
            definition("gender", developer_only_attribute=True),
            "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute gender",
        ),
        (
            definition("team", None),
            "Invalid AttributeDataType input, consider using the provided AttributeDataType enum.",
        ),
        (
            definition("email", string_attribute_constraints=text(longest="2049")),
            "user.email: String attributes cannot have a length of more than 2048",
        ),
        (
            definition("team", string_attribute_constraints=text(shortest="2049")),
            "user.custom:team: String attributes cannot have a length of more than 2048",
        ),
        (
            definition("email", string_attribute_constraints=text("5", "4")),
            "user.email: Max length cannot be less than min length.",
        ),
        (
            definition("updated_at", "Number", number_attribute_constraints=number("5", "4")),
            "user.updated_at: Max value cannot be less than min value.",
        ),
        (
            definition("team", string_attribute_constraints=text("-1")),
            "Attribute length constraints must be whole numbers that are not negative.",
        ),
        (
            definition("team", string_attribute_constraints=text("9" * 500)),
            "Attribute length constraints must be whole numbers that are not negative.",
        ),
        (
            definition("age", "Number", number_attribute_constraints=number("NaN")),
            "Attribute value constraints must be numbers.",
        ),
        (
            definition("age", "Number", number_attribute_constraints=number("ten")),
            "Attribute value constraints must be numbers.",
        ),
    ],
)
def test_a_wrong_definition_is_refused(given: SchemaAttributeType, message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        define_schema([given])
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (definition("banana"), "custom:banana: Existing attribute already has name custom:banana."),
        (
            definition("banana", developer_only_attribute=True),
            "dev:custom:banana: Existing attribute already has name dev:custom:banana.",
        ),
    ],
)
def test_a_custom_attribute_exists_once(given: SchemaAttributeType, message: str) -> None:
    schema = define_schema([given])
    with pytest.raises(InvalidParameterException) as refused:
        extend_schema(schema, [given])
    assert refused.value.message == message
    with pytest.raises(InvalidParameterException):
        define_schema([given, given])


def test_a_standard_attribute_is_defined_once() -> None:
    with pytest.raises(InvalidParameterException):
        define_schema([definition("email"), definition("email")])


def test_a_pool_has_at_most_fifty_custom_attributes() -> None:
    full = define_schema([definition(f"a{index}") for index in range(50)])
    assert len(full) == 70
    with pytest.raises(InvalidParameterException, match="cannot exceed limit of 50"):
        extend_schema(full, [definition("one_more")])


# -- values of new users --------------------------------------------------------------------------------------


def test_what_fits_is_accepted_with_blank_values_left_out() -> None:
    given = {
        "email": "ann@example.com",
        "nickname": "Ann",
        "name": "",
        "custom:short": "abc",
        "custom:count": "10.50",
        "custom:since": "2026-01-02T03:04:05Z",
        "custom:flag": "perhaps",
        "dev:custom:secret": "x",
        "phone_number": "+4912345",
        "updated_at": "1700000000",
    }
    kept = SCHEMA.check_new(given, required=True)
    assert kept == {name: value for name, value in given.items() if value}


@pytest.mark.parametrize("value", ["2026-01-02", "2026-01-02T03:04:05+01:00", "1700000000", "1700000000.5"])
def test_a_date_time_is_iso_8601_or_epoch_seconds(value: str) -> None:
    assert SCHEMA.check_new({"custom:since": value}) == {"custom:since": value}


@pytest.mark.parametrize("value", ["True", "true", "FALSE"])
def test_verified_flags_are_kept_in_lower_case(value: str) -> None:
    kept = SCHEMA.check_new({"email": "a@b", "email_verified": value})
    assert kept["email_verified"] == value.lower()


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"custom:foo": "x"}, "custom:foo: Attribute does not exist in the schema.\n"),
        (
            {"custom:foo": "x", "short": "abc"},
            "custom:foo: Attribute does not exist in the schema.\nshort: Attribute does not exist in the schema.\n",
        ),
        ({"custom:short": "a"}, "custom:short: String must be at least 2 characters long.\n"),
        ({"custom:short": "abcde"}, "custom:short: String must be no longer than 4 characters.\n"),
        ({"name": "x" * 2049}, "name: String must be no longer than 2048 characters.\n"),
        ({"birthdate": "1999-1-1"}, "birthdate: String must be at least 10 characters long.\n"),
        ({"birthdate": "1999-01-011"}, "birthdate: String must be no longer than 10 characters.\n"),
        ({"custom:count": "-5.1"}, "custom:count: Value must be at least -5.\n"),
        ({"custom:count": "10.51"}, "custom:count: Value must be at most 10.5.\n"),
        ({"custom:count": "1e3"}, "custom:count: Value is not a number.\n"),
        ({"custom:count": "٣"}, "custom:count: Value is not a number.\n"),
        ({"updated_at": "-1"}, "updated_at: Value must be at least 0.\n"),
        ({"custom:since": "yesterday"}, "custom:since: Value is not a DateTime.\n"),
        ({"email_verified": "yes"}, "email_verified: Value must be true or false.\n"),
    ],
)
def test_every_violation_of_the_schema_is_a_line(given: dict[str, str], lines: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_new(given)
    assert refused.value.message == "Attributes did not conform to the schema: " + lines


def test_required_attributes_are_demanded_only_where_the_operation_does() -> None:
    assert SCHEMA.check_new({}) == {}
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_new({"email": ""}, required=True)
    assert refused.value.message == (
        "Attributes did not conform to the schema: nickname: The attribute is required\n"
        "email: The attribute is required\n"
    )


def test_missing_names_what_a_user_still_lacks() -> None:
    assert SCHEMA.missing({"nickname": "", "email": "a@b"}) == ["nickname"]
    assert SCHEMA.missing({"nickname": "n", "email": "a@b"}) == []


@pytest.mark.parametrize("email", ["a@b", "first.last+tag@example.com", "ü@example.com"])
def test_an_email_address_has_one_at(email: str) -> None:
    assert SCHEMA.check_new({"email": email}) == {"email": email}


@pytest.mark.parametrize("email", ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\n", "a@b\r\nBcc: c@d", "a\x00@b"])
def test_what_is_no_email_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_new({"email": email})
    assert refused.value.message == "Invalid email address format."


@pytest.mark.parametrize("phone", ["", "49123", "+", "+49 123", "+1234567890123456", "+49123\n", "+٤٩"])
def test_what_is_no_phone_number_is_refused(phone: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_new({"phone_number": phone})
    assert refused.value.message == "Invalid phone number format."


def test_nobody_chooses_a_sub() -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_new({"sub": "34c84488-e0e1-70ae-d2ee-991ad1a898c8"})
    assert refused.value.message == "user.sub: Attribute cannot be updated.\n"


def test_an_immutable_attribute_can_be_written_at_creation() -> None:
    assert SCHEMA.check_new({"custom:fixed": "once"}) == {"custom:fixed": "once"}


def test_a_message_has_a_bounded_number_of_lines_and_no_value() -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_new({f"custom:x{index}": "hunter2" for index in range(5000)})
    assert refused.value.message.count("\n") == 100
    assert "hunter2" not in refused.value.message


def test_of_an_attribute_that_is_sent_twice_the_last_value_counts() -> None:
    sent = [AttributeType(name="name", value="a"), AttributeType(name="name", value="b"), AttributeType(name="email")]
    assert attributes_by_name(sent) == {"name": "b", "email": ""}
    assert attributes_by_name(None) == {}


# -- updates --------------------------------------------------------------------------------------------------


def test_an_update_keeps_blank_values_which_delete() -> None:
    given = {"name": "", "custom:short": "abc", "email_verified": "True"}
    assert SCHEMA.check_update(given) == {"name": "", "custom:short": "abc", "email_verified": "true"}


def test_immutable_attributes_cannot_be_updated() -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_update({"custom:fixed": "x", "sub": "y", "name": "z"})
    assert refused.value.message == (
        "user.custom:fixed: Attribute cannot be updated.\nuser.sub: Attribute cannot be updated.\n"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"email": ""}, "Attributes did not conform to the schema: email: The attribute is required\n"),
        (
            {"custom:foo": ""},
            "Attributes did not conform to the schema: custom:foo: Attribute does not exist in the schema.\n",
        ),
        ({"email": "nobody"}, "Invalid email address format."),
        ({"phone_number": "nobody"}, "Invalid phone number format."),
    ],
)
def test_an_update_must_fit_the_schema(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_update(given)
    assert refused.value.message == message


def test_a_phone_number_can_be_blanked() -> None:
    assert SCHEMA.check_update({"phone_number": ""}) == {"phone_number": ""}


def test_a_removal_lists_every_unknown_name() -> None:
    with pytest.raises(InvalidParameterException) as refused:
        SCHEMA.check_removal(["custom:foo", "name", "custom:bar"])
    assert refused.value.message == (
        "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n"
        "user.custom:bar: Attribute does not exist in the schema.\n"
    )


@pytest.mark.parametrize("name", ["sub", "custom:fixed", "email"])
def test_immutable_and_required_attributes_cannot_be_removed(name: str) -> None:
    with pytest.raises(InvalidParameterException):
        SCHEMA.check_removal([name])


def test_a_removal_is_an_update_with_blanks() -> None:
    assert SCHEMA.check_removal(["name", "custom:short"]) == {"name": "", "custom:short": ""}


# -- what a client may write ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified", "sub", "identities", "dev:custom:secret"])
def test_no_client_writes_flags_or_the_services_own_attributes(name: str) -> None:
    for writable in (frozenset[str](), frozenset({name})):
        with pytest.raises(NotAuthorizedException) as refused:
            check_client_writes([name], writable)
        assert refused.value.message == "A client attempted to write unauthorized attribute"


def test_a_client_with_a_list_writes_only_what_is_in_it() -> None:
    check_client_writes(["name"], frozenset({"name", "email"}))
    check_client_writes(["name", "custom:team"], frozenset())
    with pytest.raises(NotAuthorizedException):
        check_client_writes(["name", "custom:team"], frozenset({"name"}))
