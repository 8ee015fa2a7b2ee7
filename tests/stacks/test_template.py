"""Reading a template: YAML and JSON, short forms, lines, bounds."""

import json

import pytest

from poolhouse.stacks.errors import TemplateInvalid
from poolhouse.stacks.template import MAX_TEMPLATE_BYTES, JsonValue, parse_template

HEAD = "Resources:\n  R:\n    Type: A::B::C\n    Properties:\n      P: "


def value_of(text: str) -> JsonValue:
    resource = parse_template(HEAD + text).section("Resources")["R"]
    assert isinstance(resource, dict)
    properties = resource["Properties"]
    assert isinstance(properties, dict)
    return properties["P"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Pool", {"Ref": "Pool"}),
        ("!GetAtt Pool.Arn", {"Fn::GetAtt": ["Pool", "Arn"]}),
        ("!GetAtt Nested.Outputs.Arn", {"Fn::GetAtt": ["Nested", "Outputs.Arn"]}),
        ("!GetAtt [Pool, Arn]", {"Fn::GetAtt": ["Pool", "Arn"]}),
        ("!Sub '${A}-x'", {"Fn::Sub": "${A}-x"}),
        ("!Sub ['${B}', {B: !Ref C}]", {"Fn::Sub": ["${B}", {"B": {"Ref": "C"}}]}),
        ("!If [Dev, !Ref A, !Ref AWS::NoValue]", {"Fn::If": ["Dev", {"Ref": "A"}, {"Ref": "AWS::NoValue"}]}),
        ("!Join ['-', [a, b]]", {"Fn::Join": ["-", ["a", "b"]]}),
        ("!Condition Dev", {"Condition": "Dev"}),
        ("!GetAZs ''", {"Fn::GetAZs": ""}),
        ("!Base64 8", {"Fn::Base64": "8"}),
    ],
)
def test_a_short_form_means_its_long_form(text: str, value: JsonValue) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("no", False),
        ("'true'", "true"),
        ("15", 15),
        ("-1", -1),
        ("1.5", 1.5),
        ("1.10", "1.10"),
        ("012345678901", "012345678901"),
        ("0o7", "0o7"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2010-09-09", "2010-09-09"),
        ("1e3", "1e3"),
        ("~", None),
        ("", None),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("9999999999999999999", "9999999999999999999"),
    ],
)
def test_a_scalar_is_a_number_only_when_nothing_of_it_gets_lost(text: str, value: JsonValue) -> None:
    assert value_of(text) == value


def test_every_node_has_the_line_of_its_key() -> None:
    source = parse_template(HEAD + "\n        - Name: a\n          Deep: {x: 1,\n            y: 2}\n").source
    base = ("Resources", "R", "Properties", "P")
    assert source.line(base) == 5
    assert source.line((*base, 0, "Name")) == 6
    assert source.line((*base, 0, "Deep", "y")) == 8
    assert source.line((*base, 0, "Missing")) == 6
    assert source.line(("Nowhere",)) == 0


def test_a_json_template_has_lines_too() -> None:
    tree = {"Resources": {"R": {"Type": "A::B::C", "Properties": {"P": "\U0001f3ca\t", "N": 1.10, "E": "a/b"}}}}
    template = parse_template(json.dumps(tree, indent="\t"))
    assert template.tree == tree
    assert template.source.line(("Resources", "R", "Properties", "N")) == 7


def test_aliases_and_merge_keys_are_written_out() -> None:
    text = (
        "Metadata:\n  Base: &base {Runtime: go1.x, Handler: a}\nResources:\n"
        "  R:\n    Type: A::B::C\n    Properties:\n      <<: *base\n      Handler: b\n"
    )
    resource = parse_template(text).section("Resources")["R"]
    assert resource == {"Type": "A::B::C", "Properties": {"Runtime": "go1.x", "Handler": "b"}}


BOMB = "Metadata:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "t.yaml: this is not a template"),
        ("- a", "t.yaml: this is not a template"),
        ("Resources:\n  R: {Type: A\n", "t.yaml:3: this is not YAML: while parsing a flow mapping"),
        ("a: b\n\tc: d", "t.yaml:2: this is not YAML: while scanning"),
        ("Resources: {}\n", "t.yaml: the template has no resources"),
        ("Resources:\n  R:\n    Type: A\nResource:\n", "t.yaml:4: unknown section Resource; did you mean Resources?"),
        ("Resources:\n  R:\n    Type: A\n  R:\n    Type: B\n", "t.yaml:4: R is written twice here"),
        ("Resources:\n  R: [a]\n", "t.yaml:2: resource R must be a mapping with a Type"),
        ("Resources:\n  R:\n    Propertys: {}\n", "t.yaml:2: resource R has no Type"),
        (
            "Resources:\n  R:\n    Type: A\n    Propertys: {}\n",
            "t.yaml:4: unknown attribute Propertys of resource R; did you mean Properties?",
        ),
        ("Resources:\n  R_1:\n    Type: A\n", "t.yaml:2: the resource name 'R_1' must be letters and digits only"),
        ("Resources:\n  R:\n    Type: A\n    Properties: [1]\n", "t.yaml:4: Properties of R must be a mapping"),
        ("Transform: Mine\nResources:\n  R:\n    Type: A\n", "t.yaml:1: the transform Mine is not supported"),
        ("Rules: {}\nResources:\n  R:\n    Type: A\n", "t.yaml:1: the Rules section is not supported"),
        ("Parameters: []\nResources:\n  R:\n    Type: A\n", "t.yaml:1: Parameters must be a mapping"),
        (HEAD + "!Reff a\n", "t.yaml:5: unknown short form !Reff; did you mean !Ref?"),
        (HEAD + "!!python/name:os.system x\n", "t.yaml:5: the tag !!python/name:os.system is not allowed"),
        (HEAD + "!!binary aGk=\n", "t.yaml:5: the tag !!binary is not allowed"),
        (HEAD + "*gone\n", "t.yaml:5: the alias *gone has no anchor"),
        (HEAD + "&a [*a]\n", "t.yaml:5: an alias contains itself"),
        (HEAD + "{[a]: b}\n", "t.yaml:5: a key must be a plain text"),
        (HEAD + "[" * 200 + "]" * 200, "t.yaml:5: the template is nested deeper than 100 levels"),
        (BOMB + "Resources:\n  R:\n    Type: A\n", "the template is too large: more than 200000 nodes"),
        ("Resources:\n  R:\n    Type: A\n---\nb: c\n", "t.yaml:5: there is more than one document"),
        ("#" * (MAX_TEMPLATE_BYTES + 1), "t.yaml: the template is larger than 1 MB"),
        ("Resources:\n  R:\n    Type: \x00\n", "t.yaml: this is not YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        parse_template(text, "t.yaml")
    assert complaint in str(refused.value).splitlines()[0]
