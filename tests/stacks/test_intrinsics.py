"""The intrinsic functions, one table of values and one of complaints."""

import pytest

from poolhouse.stacks.errors import Fault
from poolhouse.stacks.intrinsics import UNKNOWN, evaluate
from poolhouse.stacks.parameters import resolve_parameters
from poolhouse.stacks.scope import Place, StackScope
from poolhouse.stacks.template import JsonValue, parse_template

TEXT = """
Transform: {transform}
Parameters:
  Env: {{Type: String, Default: val}}
  Zones: {{Type: CommaDelimitedList, Default: 'a,b'}}
Mappings:
  Sizes:
    val: {{Memory: 128, Tags: [x, y]}}
Conditions:
  IsVal: !Equals [!Ref Env, val]
  Never: !Not [!Condition IsVal]
  Both: !And [!Condition IsVal, !Condition Never]
  Either: !Or [!Condition IsVal, !Condition Never]
  Loop: !Not [!Condition Loop]
  Number: !Equals [1, '1']
  Truth: !Equals [true, 'true']
  Broken: !Equals [a]
Resources:
  Pool: {{Type: A::B::C}}
  Gone: {{Type: A::B::C}}
Metadata:
  V: {value}
"""


def evaluated(value: str, transform: str = "[]") -> JsonValue:
    template = parse_template(TEXT.format(value=value, transform=transform), "t.yaml")
    place = Place("eu-west-1", "123456789012", "shop", "arn:aws:cloudformation:x")
    scope = StackScope(template, resolve_parameters(template, {}), place, {"other-pool": "eu-west-1_abc"})
    scope.names.put("Pool", "eu-west-1_me", {"Arn": "arn:pool", "Later": f"{UNKNOWN}Pool.Later"})
    return evaluate(template.section("Metadata")["V"], scope, ("Metadata", "V"))


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ("!Ref Env", "val"),
        ("!Ref Zones", ["a", "b"]),
        ("!Ref Pool", "eu-west-1_me"),
        ("!Ref AWS::Region", "eu-west-1"),
        ("!Ref AWS::AccountId", "123456789012"),
        ("!Ref AWS::StackName", "shop"),
        ("!Ref AWS::StackId", "arn:aws:cloudformation:x"),
        ("!Ref AWS::Partition", "aws"),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::NotificationARNs", []),
        ("!Ref AWS::NoValue", None),
        ("{a: !Ref AWS::NoValue, b: 1}", {"b": 1}),
        ("[a, !Ref AWS::NoValue]", ["a"]),
        ("!GetAtt Pool.Arn", "arn:pool"),
        ("{Fn::GetAtt: Pool.Arn}", "arn:pool"),
        ("{Fn::GetAtt: [Pool, !Select [0, [Arn]]]}", "arn:pool"),
        ("!Sub '${Env}-${Pool}-${Pool.Arn}'", "val-eu-west-1_me-arn:pool"),
        ("!Sub 'arn:${AWS::Partition}:x:${AWS::Region}'", "arn:aws:x:eu-west-1"),
        ("!Sub '${!Literal} $ $5 ${'", "${Literal} $ $5 ${"),
        ("!Sub ['${A}/${Env}', {A: !GetAtt Pool.Arn}]", "arn:pool/val"),
        ("!Sub ['${A.B}', {A.B: x}]", "x"),
        ("!Sub ['${N}', {N: 5}]", "5"),
        ("!Join ['-', [a, !Ref Env, 1, true]]", "a-val-1-true"),
        ("!Join ['', !Ref Zones]", "ab"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!Select ['0', [x]]", "x"),
        ("!Split [',', 'a,b']", ["a", "b"]),
        ("!Select [1, !Split [':', !GetAtt Pool.Arn]]", "pool"),
        ("!If [IsVal, a, b]", "a"),
        ("!If [Never, a, !If [Both, b, c]]", "c"),
        ("!If [Either, a, b]", "a"),
        ("!If [Number, a, b]", "a"),
        ("!If [Truth, a, b]", "a"),
        ("{a: !If [Never, b, !Ref AWS::NoValue]}", {}),
        ("!If [IsVal, a, !Ref Gone]", "a"),
        ("!FindInMap [Sizes, !Ref Env, Memory]", 128),
        ("!FindInMap [Sizes, val, Tags]", ["x", "y"]),
        ("!Base64 {Ref: Env}", "dmFs"),
        ("!GetAZs ''", ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ("!GetAZs us-east-1", ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ("!ImportValue other-pool", "eu-west-1_abc"),
        ("!ImportValue {Fn::Sub: 'other-${X}'}", None),
        ("!Cidr ['10.0.0.0/16', 2, 8]", ["10.0.0.0/24", "10.0.1.0/24"]),
        ("{Ref: Env, Other: 1}", {"Ref": "Env", "Other": 1}),
        ("{Condition: {StringEquals: {a: !Ref Env}}}", {"Condition": {"StringEquals": {"a": "val"}}}),
    ],
)
def test_a_function_gives_its_value(node: str, value: JsonValue) -> None:
    if "${X}" in node:
        node, value = node.replace("${X}", "pool"), "eu-west-1_abc"
    assert evaluated(node) == value


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ("{Fn::Length: !Ref Zones}", 2),
        ("{Fn::ToJsonString: {a: !Ref Env}}", '{"a":"val"}'),
        ("!FindInMap [Sizes, none, Memory, {DefaultValue: 64}]", 64),
    ],
)
def test_the_language_extensions_have_their_functions(node: str, value: JsonValue) -> None:
    assert evaluated(node, "AWS::LanguageExtensions") == value


@pytest.mark.parametrize(
    "node",
    [
        "!GetAtt Pool.Later",
        "!Sub 'x-${Pool.Later}'",
        "!Join ['-', [a, !GetAtt Pool.Later]]",
        "!Join ['-', !Split [':', !GetAtt Pool.Later]]",
        "!Select [3, !Split [':', !GetAtt Pool.Later]]",
        "!Base64 {Fn::GetAtt: Pool.Later}",
    ],
)
def test_what_depends_on_something_unknown_is_unknown(node: str) -> None:
    assert UNKNOWN in str(evaluated(node))


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        ("!Ref Nobody", "nothing here is named Nobody"),
        ("!Ref Gone", "Gone is mentioned here, but its condition leaves it out of this deploy"),
        ("!Ref AWS::Regoin", "unknown pseudo parameter AWS::Regoin"),
        ("!Ref [a]", "Ref takes the name"),
        ("!GetAtt Pool.ARN", "Pool has no attribute ARN"),
        ("!GetAtt Pool", "Fn::GetAtt takes a resource and an attribute"),
        ("!Sub [a]", "Fn::Sub takes a text, or"),
        ("!Sub '${Zones}'", "${Zones} in Fn::Sub must be a text"),
        ("!Join [a, b]", "the list of Fn::Join must be a list"),
        ("!Join [a]", "Fn::Join takes a separator and a list"),
        ("!Select [2, !Ref Zones]", "there is no member 2 in a list of 2"),
        ("!Select [x, !Ref Zones]", "Fn::Select takes an index and a list"),
        ("!Split ['', a]", "the separator of Fn::Split must be a text"),
        ("!If [Maybe, a, b]", "there is no condition Maybe"),
        ("!If [Loop, a, b]", "the condition Loop depends on itself"),
        ("!If [Broken, a, b]", "Fn::Equals takes two values"),
        ("!If [IsVal, a]", "Fn::If takes a condition's name"),
        ("!FindInMap [Size, val, Memory]", "there is no mapping Size"),
        ("!FindInMap [Sizes, test, Memory]", "the mapping Sizes has no key test → Memory"),
        ("!ImportValue nothing", "no stack exports nothing"),
        ("!Cidr ['10.0.0.0/24', 2, 8]", "does not hold 2 blocks"),
        ("!Cidr ['x', 2, 8]", "Fn::Cidr"),
        ("!Equals [a, b]", "Fn::Equals belongs into the Conditions section"),
        ("{Fn::Length: [a]}", "Fn::Length needs the language extensions"),
        ("!Transform {Name: AWS::Include}", "Fn::Transform is not supported"),
        ("{Fn::Jion: [a, b]}", "unknown function Fn::Jion"),
    ],
)
def test_a_wrong_use_is_a_fault_at_its_place(node: str, complaint: str) -> None:
    with pytest.raises(Fault) as refused:
        evaluated(node)
    assert complaint in refused.value.message
