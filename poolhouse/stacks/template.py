"""A template's text as plain data, with the line of every node.

Owns YAML and JSON, the short forms of the intrinsics, and the bounds on size, depth and aliases.
Knows the sections that a template may have, and nothing of what is in them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from poolhouse.stacks.errors import Fault, Path, Problem, TemplateInvalid, nearest

if TYPE_CHECKING:
    JsonValue = dict[str, "JsonValue"] | list["JsonValue"] | str | int | float | bool | None
else:
    # msgspec reads annotations at run time and knows no recursive alias.
    JsonValue = Any

Tree = dict[str, JsonValue]

MAX_TEMPLATE_BYTES = 1024 * 1024
"""CloudFormation's limit for a template (1 MB)."""
SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Transform",
        "Globals",
        "Resources",
        "Outputs",
    }
)
_MAPPINGS = frozenset({"Parameters", "Mappings", "Conditions", "Resources", "Outputs", "Globals"})
SERVERLESS = "AWS::Serverless-2016-10-31"
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"


class Source:
    """The file that a template came from: turns a path into a line."""

    __slots__ = ("_lines", "name")

    def __init__(self, name: str, lines: dict[Path, int]) -> None:
        self.name = name
        self._lines = lines

    def line(self, path: Path) -> int:
        """The line of the node at `path`, or of the nearest node around it; 0 when there is none.

        Resources that the serverless transform made (FooFunctionRole) are placed at the resource whose name begins
        theirs (FooFunction).
        """
        if len(path) >= 2 and path[0] == "Resources" and path[:2] not in self._lines:
            path = self._origin(str(path[1])) + path[2:]
        for length in range(len(path), 0, -1):
            if (line := self._lines.get(path[:length])) is not None:
                return line
        return 0

    def _origin(self, logical_id: str) -> Path:
        owners = [
            str(path[1])
            for path in self._lines
            if len(path) == 2 and path[0] == "Resources" and logical_id.startswith(str(path[1]))
        ]
        return ("Resources", max(owners, key=len)) if owners else ("Resources",)

    def has(self, path: Path) -> bool:
        """Whether there is a node at `path` itself."""
        return path in self._lines

    def point(self, path: Path, origin: Path) -> None:
        """Let `path`, which a transform made, have the line of `origin`."""
        if line := self.line(origin):
            self._lines[path] = line

    def problem(self, fault: Fault) -> Problem:
        """The fault with its line."""
        return Problem(self.name, self.line(fault.path), fault.message, fault.advice)

    def invalid(self, *faults: Fault) -> TemplateInvalid:
        """An exception that carries these faults, in the order of their lines."""
        problems = sorted((self.problem(fault) for fault in faults), key=lambda problem: problem.line)
        return TemplateInvalid(list(dict.fromkeys(problems)))


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: sections are mappings, every resource has a Type; intrinsics are in long form."""

    source: Source
    tree: Tree
    transforms: tuple[str, ...]

    def section(self, name: str) -> Tree:
        """A section's entries; empty when the template has none."""
        entries = self.tree.get(name)
        return entries if isinstance(entries, dict) else {}

    @property
    def description(self) -> str:
        """The template's Description, without the blanks that a folded text ends with."""
        return str(self.tree.get("Description") or "").strip()


def parse_template(text: str, name: str = "template.yaml") -> Template:
    """Read a template. Raises TemplateInvalid with the line of what is wrong."""
    if len(text.encode()) > MAX_TEMPLATE_BYTES:
        raise TemplateInvalid([Problem(name, 0, "the template is larger than 1 MB", "split it into several stacks")])
    parsed = _parse(text, name)
    source = Source(name, parsed.lines)
    if not isinstance(parsed.value, dict):
        raise source.invalid(Fault((), "this is not a template", "a template is a mapping with a Resources section"))
    faults = list(_check_sections(parsed.value))
    if faults:
        raise source.invalid(*faults)
    return Template(source, parsed.value, tuple(_transforms(parsed.value, source)))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's data and the line (from 1) of each node."""

    value: JsonValue
    lines: dict[Path, int]


def _parse(text: str, name: str) -> Parsed:
    # Imported here: a server whose stack is unchanged starts without PyYAML.
    from poolhouse.stacks.yaml_events import parse_yaml

    if not text.lstrip().startswith("{"):
        return parse_yaml(text, name)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # A flow mapping, or JSON that is broken or too deep: YAML's reader knows the line.
        return parse_yaml(text, name)
    # Outside of strings JSON's tabs are blanks, inside they cannot stand: so YAML reads it for the lines.
    return Parsed(value, parse_yaml(text.replace("\t", " "), name, lines_only=True).lines)


def _check_sections(tree: Tree) -> list[Fault]:
    faults = []
    for section, entries in tree.items():
        if section == "Rules":
            faults.append(Fault((section,), "the Rules section is not supported", "use AllowedValues"))
        elif section not in SECTIONS:
            faults.append(Fault((section,), f"unknown section {section}", nearest(section, SECTIONS)))
        elif section in _MAPPINGS and not isinstance(entries, dict):
            faults.append(Fault((section,), f"{section} must be a mapping of names to definitions"))
        elif isinstance(entries, dict):
            loops = [name for name in entries if name.startswith("Fn::ForEach")]
            faults += [
                Fault((section, name), "Fn::ForEach is not supported", "write its members out") for name in loops
            ]
    resources = tree.get("Resources")
    if not resources:
        faults.append(Fault((), "the template has no resources", "add a Resources section"))
    elif isinstance(resources, dict):
        for logical_id, resource in resources.items():
            if logical_id.startswith("Fn::ForEach"):
                continue
            faults += _check_resource(("Resources", logical_id), logical_id, resource)
    return faults


_RESOURCE_KEYS = frozenset(
    {
        "Type",
        "Properties",
        "DependsOn",
        "Condition",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "UpdatePolicy",
        "CreationPolicy",
        "Metadata",
        "Connectors",
    }
)


def _check_resource(path: Path, logical_id: str, resource: JsonValue) -> list[Fault]:
    if not logical_id.isalnum() or not logical_id.isascii():
        return [Fault(path, f"the resource name {logical_id!r} must be letters and digits only")]
    if not isinstance(resource, dict):
        return [Fault(path, f"resource {logical_id} must be a mapping with a Type")]
    if not isinstance(resource.get("Type"), str):
        return [Fault(path, f"resource {logical_id} has no Type", "for example Type: AWS::Cognito::UserPool")]
    faults = [
        Fault((*path, key), f"unknown attribute {key} of resource {logical_id}", nearest(key, _RESOURCE_KEYS))
        for key in resource
        if key not in _RESOURCE_KEYS
    ]
    properties = resource.get("Properties")
    if properties is not None and not isinstance(properties, dict):
        faults.append(Fault((*path, "Properties"), f"Properties of {logical_id} must be a mapping"))
    return faults


def _transforms(tree: Tree, source: Source) -> list[str]:
    given = tree.get("Transform")
    names = given if isinstance(given, list) else [] if given is None else [given]
    known = (SERVERLESS, LANGUAGE_EXTENSIONS)
    for name in names:
        if name not in known:
            raise source.invalid(
                Fault(("Transform",), f"the transform {name} is not supported", "known: " + ", ".join(known))
            )
    return [str(name) for name in names]
