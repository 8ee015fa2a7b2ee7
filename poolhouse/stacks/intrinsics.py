"""CloudFormation's intrinsic functions: from a template's node to the value it stands for.

Owns what each function takes and gives. Knows no resource: a Scope answers for names.
Source: CloudFormation user guide, "Intrinsic function reference"; AWS::LanguageExtensions transform.
"""

import base64
import ipaddress
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from poolhouse.stacks.errors import Fault, Path, nearest
from poolhouse.stacks.references import SUB_VARIABLE, split_attribute, split_sub
from poolhouse.stacks.template import JsonValue

UNKNOWN: Final = "\x1b[known after deploy]"
"""In a planned value: what a resource will only have once it is made. No template can hold this character."""


class _NoValue:
    """What AWS::NoValue stands for: the property, or the list's member, is not there."""


NO_VALUE: Final = _NoValue()
_Value = JsonValue | _NoValue


class Scope(Protocol):
    """Who answers for the names in a template. Raises Fault, without a path of its own, for what it does not know."""

    @property
    def language_extensions(self) -> bool:
        """Whether the template asked for AWS::LanguageExtensions."""
        ...

    def ref(self, name: str, path: Path) -> JsonValue:
        """A parameter's or pseudo parameter's value, or a resource's reference."""
        ...

    def attribute(self, name: str, attribute: str, path: Path) -> JsonValue:
        """A resource's attribute."""
        ...

    def condition(self, name: str, path: Path) -> bool:
        """Whether a named condition holds."""
        ...

    def mapping(self, name: str, path: Path) -> JsonValue:
        """A mapping of the template."""
        ...

    def imported(self, name: str, path: Path) -> JsonValue:
        """Another stack's export."""
        ...

    def zones(self, region: str) -> list[str]:
        """A region's availability zones; of the stack's own region when empty."""
        ...


def evaluate(node: JsonValue, scope: Scope, path: Path) -> JsonValue:
    """The value of a node; None where it is AWS::NoValue. Raises Fault at the place that cannot be evaluated."""
    value = _evaluate(node, scope, path)
    return None if isinstance(value, _NoValue) else value


def evaluate_condition(node: JsonValue, scope: Scope, path: Path) -> bool:
    """A condition's truth. Raises Fault."""
    if isinstance(node, dict) and len(node) == 1:
        [(name, argument)] = node.items()
        inner = (*path, name)
        if name == "Condition" and isinstance(argument, str):
            return scope.condition(argument, inner)
        if name in _CONDITIONS:
            return _CONDITIONS[name](argument, scope, inner)
    if isinstance(node, bool):
        return node
    raise Fault(path, "this is not a condition", "use Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition")


def _evaluate(node: JsonValue, scope: Scope, path: Path) -> _Value:
    if isinstance(node, dict):
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return _call(name, argument, scope, (*path, name))
        values = {key: _evaluate(value, scope, (*path, key)) for key, value in node.items()}
        return {key: value for key, value in values.items() if not isinstance(value, _NoValue)}
    if isinstance(node, list):
        items = [_evaluate(item, scope, (*path, place)) for place, item in enumerate(node)]
        return [item for item in items if not isinstance(item, _NoValue)]
    return node


def _call(name: str, argument: JsonValue, scope: Scope, path: Path) -> _Value:
    function = _FUNCTIONS.get(name)
    if function is None and scope.language_extensions:
        function = _EXTENSIONS.get(name)
    if function is not None:
        return function(argument, scope, path)
    if name in _EXTENSIONS:
        raise Fault(path, f"{name} needs the language extensions", "add Transform: AWS::LanguageExtensions")
    if name in _CONDITIONS:
        raise Fault(path, f"{name} belongs into the Conditions section or into Fn::If")
    if name in _REFUSED:
        raise Fault(path, f"{name} is not supported", _REFUSED[name])
    raise Fault(path, f"unknown function {name}", nearest(name, [*_FUNCTIONS, *_EXTENSIONS]))


def is_unknown(value: JsonValue) -> bool:
    """Whether a planned value is, or holds, a text that is only known after the deploy."""
    return isinstance(value, str) and UNKNOWN in value


def has_unknown(value: JsonValue) -> bool:
    """Whether any text inside a planned value is only known after the deploy."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return is_unknown(value)


def text_of(value: JsonValue, path: Path, what: str) -> str:
    """A scalar as text, the way CloudFormation joins it. Raises Fault."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Fault(path, f"{what} must be a text")


def _arguments(argument: JsonValue, path: Path, low: int, high: int, form: str) -> list[JsonValue]:
    if not isinstance(argument, list) or not low <= len(argument) <= high:
        raise Fault(path, f"{path[-1]} takes {form}")
    return argument


def _strings(value: JsonValue, path: Path, what: str) -> list[str]:
    if not isinstance(value, list):
        raise Fault(path, f"{what} must be a list")
    return [text_of(item, path, f"each member of {what}") for item in value]


def _ref(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    if not isinstance(argument, str):
        raise Fault(path, "Ref takes the name of a parameter or of a resource")
    return NO_VALUE if argument == "AWS::NoValue" else scope.ref(argument, path)


def _get_att(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    if isinstance(argument, list) and len(argument) == 2:
        argument = [argument[0], evaluate(argument[1], scope, (*path, 1))]
    target, attribute = split_attribute(argument)
    if not isinstance(target, str) or attribute is None:
        raise Fault(path, "Fn::GetAtt takes a resource and an attribute", "for example !GetAtt UserPool.Arn")
    return scope.attribute(target, attribute, path)


def _sub(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    text, given = split_sub(argument)
    if not isinstance(text, str) or not (given is None or isinstance(given, dict)):
        raise Fault(path, "Fn::Sub takes a text, or a list of a text and a mapping of variables")
    variables = {key: evaluate(value, scope, (*path, 1, key)) for key, value in (given or {}).items()}
    parts: list[str] = []
    end = 0
    for match in SUB_VARIABLE.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        name = match.group(1).strip()
        if name in variables:
            value = variables[name]
        elif "." in name:
            target, _, attribute = name.partition(".")
            value = scope.attribute(target, attribute, path)
        else:
            value = scope.ref(name, path)
        parts.append(text_of(value, path, f"${{{name}}} in Fn::Sub"))
    return "".join([*parts, text[end:]]).replace("${!", "${")


def _join(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    separator, items = _arguments(argument, path, 2, 2, "a separator and a list")
    if not isinstance(separator, str):
        raise Fault(path, "the separator of Fn::Join must be a text")
    values = evaluate(items, scope, (*path, 1))
    return values if is_unknown(values) else separator.join(_strings(values, path, "the list of Fn::Join"))


def _select(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    place, items = _arguments(argument, path, 2, 2, "an index and a list")
    index = text_of(evaluate(place, scope, (*path, 0)), path, "the index of Fn::Select")
    values = evaluate(items, scope, (*path, 1))
    if is_unknown(values):
        return values
    if not isinstance(values, list) or not index.isdecimal():
        raise Fault(path, "Fn::Select takes an index and a list")
    if int(index) >= len(values):
        raise Fault(path, f"Fn::Select: there is no member {index} in a list of {len(values)}", "counting starts at 0")
    return values[int(index)]


def _split(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    separator, text = _arguments(argument, path, 2, 2, "a separator and a text")
    if not isinstance(separator, str) or not separator:
        raise Fault(path, "the separator of Fn::Split must be a text")
    whole = text_of(evaluate(text, scope, (*path, 1)), path, "the text of Fn::Split")
    return whole if is_unknown(whole) else list(whole.split(separator))


def _if(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    name, then, otherwise = _arguments(argument, path, 3, 3, "a condition's name, a value and another value")
    if not isinstance(name, str):
        raise Fault(path, "the first argument of Fn::If must be a condition's name")
    if scope.condition(name, path):
        return _evaluate(then, scope, (*path, 1))
    return _evaluate(otherwise, scope, (*path, 2))


def _find_in_map(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    most = 4 if scope.language_extensions else 3
    arguments = _arguments(argument, path, 3, most, "a mapping's name, a key and a second key")
    names = [
        text_of(evaluate(part, scope, (*path, place)), path, "a key of Fn::FindInMap")
        for place, part in enumerate(arguments[:3])
    ]
    found = scope.mapping(names[0], path)
    for key in names[1:]:
        if not isinstance(found, dict) or key not in found:
            if len(arguments) == 4 and isinstance(arguments[3], dict) and "DefaultValue" in arguments[3]:
                return _evaluate(arguments[3]["DefaultValue"], scope, (*path, 3, "DefaultValue"))
            advice = nearest(key, found) if isinstance(found, dict) else ""
            raise Fault(path, f"the mapping {names[0]} has no key {' → '.join(names[1:])}", advice)
        found = found[key]
    return found


def _base64(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    text = text_of(evaluate(argument, scope, path), path, "the argument of Fn::Base64")
    return text if is_unknown(text) else base64.b64encode(text.encode()).decode()


def _get_azs(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    return list(scope.zones(text_of(evaluate(argument, scope, path), path, "the argument of Fn::GetAZs")))


def _import_value(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    return scope.imported(text_of(evaluate(argument, scope, path), path, "the argument of Fn::ImportValue"), path)


def _cidr(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    arguments = _arguments(argument, path, 2, 3, "an address block, a count and the bits of a subnet's hosts")
    block, count, *rest = [
        text_of(evaluate(part, scope, (*path, place)), path, "an argument of Fn::Cidr")
        for place, part in enumerate(arguments)
    ]
    if is_unknown(block):
        return block
    try:
        network = ipaddress.ip_network(block, strict=False)
        bits = int(rest[0]) if rest else 8
        subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
        blocks = [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
    except ValueError as error:
        raise Fault(path, f"Fn::Cidr: {error}") from None
    if not 1 <= int(count) <= 256 or len(blocks) < int(count):
        raise Fault(path, f"Fn::Cidr: {block} does not hold {count} blocks of {bits} bits", "1 to 256 are possible")
    return list(blocks)


def _length(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    value = evaluate(argument, scope, path)
    if is_unknown(value):
        return value
    if not isinstance(value, list):
        raise Fault(path, "Fn::Length takes a list")
    return len(value)


def _to_json_string(argument: JsonValue, scope: Scope, path: Path) -> _Value:
    value = evaluate(argument, scope, path)
    if not isinstance(value, dict | list):
        raise Fault(path, "Fn::ToJsonString takes a mapping or a list")
    return UNKNOWN if has_unknown(value) else msgspec.json.encode(value).decode()


def _equals(argument: JsonValue, scope: Scope, path: Path) -> bool:
    left, right = (
        evaluate(part, scope, (*path, place))
        for place, part in enumerate(_arguments(argument, path, 2, 2, "two values"))
    )
    if isinstance(left, dict | list | None) or isinstance(right, dict | list | None):
        return left == right
    return text_of(left, path, "a value") == text_of(right, path, "a value")


def _and(argument: JsonValue, scope: Scope, path: Path) -> bool:
    parts = _arguments(argument, path, 2, 10, "two to ten conditions")
    return all([evaluate_condition(part, scope, (*path, place)) for place, part in enumerate(parts)])


def _or(argument: JsonValue, scope: Scope, path: Path) -> bool:
    parts = _arguments(argument, path, 2, 10, "two to ten conditions")
    return any([evaluate_condition(part, scope, (*path, place)) for place, part in enumerate(parts)])


def _not(argument: JsonValue, scope: Scope, path: Path) -> bool:
    [part] = _arguments(argument, path, 1, 1, "one condition in a list")
    return not evaluate_condition(part, scope, (*path, 0))


_FUNCTIONS: dict[str, Callable[[JsonValue, Scope, Path], _Value]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::If": _if,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::GetAZs": _get_azs,
    "Fn::ImportValue": _import_value,
    "Fn::Cidr": _cidr,
}
_EXTENSIONS: dict[str, Callable[[JsonValue, Scope, Path], _Value]] = {
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
}
_CONDITIONS: dict[str, Callable[[JsonValue, Scope, Path], bool]] = {
    "Fn::Equals": _equals,
    "Fn::And": _and,
    "Fn::Or": _or,
    "Fn::Not": _not,
}
_REFUSED = {
    "Fn::Transform": "put the included text into the template",
    "Fn::GetStackOutput": "use Fn::ImportValue and an export",
}
