"""Parameters: defaults, constraints, types."""

import pytest

from poolhouse.stacks.errors import TemplateInvalid
from poolhouse.stacks.parameters import Parameters, resolve_parameters
from poolhouse.stacks.template import parse_template


def resolve(declaration: str, given: dict[str, str] | None = None) -> Parameters:
    text = f"Parameters:\n  P:\n    {declaration}\nResources:\n  R:\n    Type: A::B::C\n"
    return resolve_parameters(parse_template(text, "t.yaml"), given or {})


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ("Type: String\n    Default: a", None, "a"),
        ("Type: String\n    Default: a", "b", "b"),
        ("Type: String\n    Default: ''", None, ""),
        ("Type: String\n    Default: true", None, "true"),
        ("Type: Number\n    Default: 7", None, "7"),
        ("Type: Number\n    MinValue: 1\n    MaxValue: 3", "3", "3"),
        ("Type: CommaDelimitedList", "a, b ,c", ["a", "b", "c"]),
        ("Type: CommaDelimitedList\n    Default: ''", None, []),
        ("Type: List<Number>", "1,2.5", ["1", "2.5"]),
        ("Type: String\n    AllowedPattern: '[a-z]+'", "abc", "abc"),
        ("Type: String\n    AllowedValues: [1, 2]", "2", "2"),
        ("Type: String\n    MinLength: 2\n    MaxLength: 3", "abc", "abc"),
    ],
)
def test_a_value_is_what_was_given_or_the_default(declaration: str, given: str | None, value: object) -> None:
    assert resolve(declaration, None if given is None else {"P": given}).values["P"] == value


@pytest.mark.parametrize(
    ("declaration", "given", "complaint"),
    [
        ("Type: String", None, "t.yaml:2: parameter P has no default and was not given; give it: --parameter P=VALUE"),
        (
            "Type: String\n    AllowedValues: [val, test]",
            "prod",
            "t.yaml:4: parameter P: the value 'prod' is not allowed; allowed: val, test",
        ),
        ("Type: String\n    AllowedPattern: '[a-z]+'", "A", "t.yaml:4: parameter P: the value 'A' does not match the"),
        ("Type: String\n    AllowedPattern: '['", "A", "t.yaml:4: parameter P: the value 'A' cannot be checked"),
        (
            "Type: String\n    AllowedPattern: '[a-z]+'\n    ConstraintDescription: small letters please",
            "A",
            "; small letters please",
        ),
        ("Type: String\n    MinLength: 2", "a", "t.yaml:4: parameter P: the value 'a' is shorter than 2 characters"),
        ("Type: String\n    MaxLength: 2", "abc", "is longer than 2 characters"),
        ("Type: String\n    MaxLength: many", "abc", "t.yaml:4: MaxLength must be a number"),
        ("Type: Number", "x", "the value 'x' is not a number"),
        ("Type: Number", "nan", "the value 'nan' is not a number"),
        ("Type: Number\n    MinValue: 2", "1", "is less than 2"),
        ("Type: Number\n    MaxValue: 2", "3", "is more than 2"),
        ("Type: List<Number>", "1,x", "is not a number"),
        ("Type: CommaDelimitedList\n    AllowedValues: [a]", "a,b", "is not allowed; allowed: a"),
        ("Type: String\n    Default: [a]", None, "t.yaml:4: parameter P: the default must be a plain value"),
        ("Type: String\n    AllowedValues: [a]\n    Default: b", None, "t.yaml:5: parameter P: the value 'b' is not"),
        ("Type: Text", None, "t.yaml:3: parameter P: unknown type Text; known: CommaDelimitedList"),
        ("Type: AWS::SSM::Parameter::Value<String>", "a", "the type AWS::SSM::Parameter::Value<String> is not supp"),
        ("Type: String\n    Defualt: a", None, "t.yaml:4: unknown attribute Defualt of parameter P; did you mean Def"),
        ("Type: String", "x" * 5000, "is longer than 4096 bytes"),
    ],
)
def test_a_broken_parameter_is_refused_with_its_line(declaration: str, given: str | None, complaint: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        resolve(declaration, None if given is None else {"P": given})
    assert complaint in str(refused.value)
    assert len(refused.value.problems) == 1


def test_an_unknown_parameter_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TemplateInvalid) as refused:
        resolve("Type: String\n    Default: a", {"p": "x"})
    assert str(refused.value) == "t.yaml:1: the template has no parameter p; did you mean P?"


def test_a_hidden_value_is_never_shown() -> None:
    declaration = "Type: String\n    NoEcho: true\n    AllowedPattern: '[a-z]+'"
    assert resolve(declaration, {"P": "secret"}).shown() == {"P": "****"}
    with pytest.raises(TemplateInvalid) as refused:
        resolve(declaration, {"P": "Secret1"})
    assert "Secret1" not in str(refused.value)
