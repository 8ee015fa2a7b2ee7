"""Which resources a piece of a template mentions, and the order that follows from it.

Owns Ref, Fn::GetAtt, Fn::Sub and DependsOn as edges, cycles and unresolved names. Evaluates nothing.
"""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from poolhouse.stacks.errors import Fault, Path, nearest
from poolhouse.stacks.template import JsonValue, Source, Template

PSEUDO = frozenset(
    f"AWS::{name}"
    for name in ("AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix")
)
SUB_VARIABLE = re.compile(r"\$\{([^!${}][^${}]*)\}")
"""`${Name}` or `${Name.Attribute}`; `${!Literal}` is no variable."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A mention of a parameter, a pseudo parameter or a resource; `attribute` is None for a Ref."""

    name: str
    attribute: str | None
    path: Path


def references(node: JsonValue, path: Path) -> Iterator[Reference]:
    """Every mention in `node`, in order. Malformed intrinsics are left to the evaluation, which words them better."""
    if isinstance(node, list):
        for place, item in enumerate(node):
            yield from references(item, (*path, place))
    elif isinstance(node, dict):
        if len(node) == 1:
            yield from _intrinsic(node, path)
        for key, value in node.items():
            if len(node) > 1 or key not in ("Ref", "Fn::GetAtt", "Fn::Sub"):
                yield from references(value, (*path, key))


def _intrinsic(node: dict[str, JsonValue], path: Path) -> Iterator[Reference]:
    [(name, argument)] = node.items()
    inner = (*path, name)
    if name == "Ref" and isinstance(argument, str):
        yield Reference(argument, None, inner)
    elif name == "Fn::GetAtt":
        target, attribute = split_attribute(argument)
        if isinstance(target, str):
            yield Reference(target, attribute, inner)
    elif name == "Fn::Sub":
        text, variables = split_sub(argument)
        if isinstance(variables, dict):
            yield from references(variables, (*inner, 1))
        for variable in SUB_VARIABLE.findall(text) if isinstance(text, str) else ():
            if not isinstance(variables, dict) or variable.strip() not in variables:
                target, _, attribute = variable.strip().partition(".")
                yield Reference(target, attribute or None, inner)


def split_attribute(argument: JsonValue) -> tuple[JsonValue, str | None]:
    """`[Name, Attribute]` or `Name.Attribute` as its two parts; the attribute may itself hold dots."""
    if isinstance(argument, str) and "." in argument:
        target, _, attribute = argument.partition(".")
        return target, attribute
    if isinstance(argument, list) and len(argument) == 2:
        return argument[0], argument[1] if isinstance(argument[1], str) else None
    return None, None


def split_sub(argument: JsonValue) -> tuple[JsonValue, JsonValue]:
    """Fn::Sub's text and its own variables, for both of its forms."""
    if isinstance(argument, list) and len(argument) == 2:
        return argument[0], argument[1]
    return argument, None


def unresolved(template: Template, parameters: Collection[str], written: Template) -> list[Fault]:
    """A fault for each mention of something that the template does not have.

    `written` is the template before its transforms: a mention that a transform has moved is placed where it was.
    """
    places = {
        (reference.name, reference.attribute): reference.path
        for section in ("Resources", "Outputs", "Conditions")
        for name, entry in reversed(written.section(section).items())
        for reference in references(entry, (section, name))
    }
    resources = template.section("Resources")
    known = {*resources, *parameters, *PSEUDO}
    faults = [
        Fault(("Resources", name), f"{name} names a parameter and a resource", "rename one of them")
        for name in resources
        if name in parameters
    ]
    for section in ("Conditions", "Resources", "Outputs"):
        for name, entry in template.section(section).items():
            for found in references(entry, (section, name)):
                reference = replace(found, path=places.get((found.name, found.attribute), found.path))
                if reference.attribute is not None and reference.name not in resources:
                    advice = nearest(reference.name, resources)
                    faults.append(Fault(reference.path, f"there is no resource {reference.name}", advice))
                elif reference.name not in known:
                    advice = nearest(reference.name, known)
                    faults.append(Fault(reference.path, f"nothing here is named {reference.name}", advice))
                elif section == "Conditions" and reference.name in resources:
                    faults.append(Fault(reference.path, f"a condition cannot depend on resource {reference.name}"))
    return faults


def dependencies(template: Template) -> dict[str, dict[str, Path]]:
    """For each resource what must be there before it, and where that is said. Raises TemplateInvalid."""
    resources = template.section("Resources")
    edges: dict[str, dict[str, Path]] = {}
    faults = []
    for logical_id, resource in resources.items():
        needed: dict[str, Path] = {}
        if isinstance(resource, dict):
            path: Path = ("Resources", logical_id, "DependsOn")
            explicit = resource.get("DependsOn") or []
            for name in explicit if isinstance(explicit, list) else [explicit]:
                if name not in resources:
                    faults.append(
                        Fault(
                            path, f"{logical_id} depends on {name}, which is not there", nearest(str(name), resources)
                        )
                    )
                else:
                    needed.setdefault(str(name), path)
            for reference in references(resource.get("Properties"), ("Resources", logical_id, "Properties")):
                if reference.name in resources:
                    needed.setdefault(reference.name, reference.path)
        edges[logical_id] = needed
    if faults:
        raise template.source.invalid(*faults)
    return edges


def in_order(edges: Mapping[str, Mapping[str, Path]], source: Source) -> list[str]:
    """Resources so that each follows what it needs; ties as in the template. Raises TemplateInvalid for a cycle."""
    remaining = {name: set(needed) for name, needed in edges.items()}
    ordered: list[str] = []
    while remaining:
        ready = [name for name, needed in remaining.items() if not needed]
        if not ready:
            raise _cycle(edges, set(remaining), source)
        for name in ready:
            del remaining[name]
        for needed in remaining.values():
            needed.difference_update(ready)
        ordered += ready
    return ordered


def _cycle(edges: Mapping[str, Mapping[str, Path]], stuck: set[str], source: Source) -> Exception:
    walk = [next(name for name in edges if name in stuck)]
    while walk[-1] not in walk[:-1]:
        walk.append(next(name for name in edges[walk[-1]] if name in stuck))
    loop = walk[walk.index(walk[-1]) :]
    steps = [f"{loop[0]}"]
    for before, after in itertools.pairwise(loop):
        steps.append(f"{after} (line {source.line(edges[before][after])})")
    return source.invalid(
        Fault(edges[loop[0]][loop[1]], f"resources depend on each other in a circle: {' → '.join(steps)}", "cut one")
    )
