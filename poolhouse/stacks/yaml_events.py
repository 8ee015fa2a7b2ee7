"""YAML's event stream as plain data and lines, without recursion and within bounds.

Owns scalars, short-form tags, aliases, merge keys and duplicate keys. Knows nothing of templates but the tags' names.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from poolhouse.stacks.errors import Path, Problem, TemplateInvalid, nearest
from poolhouse.stacks.template import JsonValue, Parsed

MAX_DEPTH = 100
MAX_NODES = 200_000
"""Nodes after aliases are expanded: an alias bomb ends here."""

TAGS = {
    f"!{name}": (name if name in ("Ref", "Condition") else f"Fn::{name}")
    for name in (
        *("And", "Base64", "Cidr", "Condition", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "ImportValue"),
        *("Join", "Length", "Not", "Or", "Ref", "Select", "Split", "Sub", "ToJsonString", "Transform"),
    )
}
_CORE = "tag:yaml.org,2002:"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,14}\Z")


@dataclass(slots=True)
class _Node:
    """One node as written: scalars have text, collections have parts; a mapping's parts are key, value, key, …"""

    line: int
    tag: str | None
    text: str | None = None
    plain: bool = False
    parts: list["_Node"] = field(default_factory=list)
    mapping: bool = False


def parse_yaml(text: str, name: str, *, lines_only: bool = False) -> Parsed:
    """Read one document. Raises TemplateInvalid. `lines_only` leaves the tags' meaning aside (JSON has none)."""
    reader = _Reader(name)
    try:
        root = reader.compose(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        detail = " ".join(filter(None, (error.context, error.problem)))
        raise TemplateInvalid([Problem(name, line, f"this is not YAML: {detail}", "check the indentation")]) from None
    except yaml.YAMLError as error:
        raise TemplateInvalid([Problem(name, 0, f"this is not YAML: {' '.join(str(error).split())}")]) from None
    value = reader.build(root, (), 0)
    return Parsed(None if lines_only else value, reader.lines)


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self._anchors: dict[str, _Node] = {}
        self._open: set[int] = set()
        self._nodes = 0

    def refuse(self, line: int, message: str, advice: str = "") -> TemplateInvalid:
        return TemplateInvalid([Problem(self.name, line, message, advice)])

    def compose(self, events: Iterator[yaml.Event]) -> _Node:
        """The node tree; an alias is the same node again. Iterative, so that depth is a number and not a crash."""
        root = _Node(1, None)
        stack = [root]
        for event in events:
            if isinstance(event, yaml.AliasEvent):
                stack[-1].parts.append(self._alias(event))
            elif isinstance(event, yaml.ScalarEvent):
                plain = event.implicit[0]
                self._place(stack[-1], event, _Node(self._line(event), event.tag, event.value, plain))
            elif isinstance(event, yaml.CollectionStartEvent):
                mapping = isinstance(event, yaml.MappingStartEvent)
                stack.append(self._place(stack[-1], event, _Node(self._line(event), event.tag, mapping=mapping)))
                if len(stack) > MAX_DEPTH:
                    raise self.refuse(self._line(event), f"the template is nested deeper than {MAX_DEPTH} levels")
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
        if len(root.parts) > 1:
            raise self.refuse(root.parts[1].line, "there is more than one document", "remove the --- line")
        return root.parts[0] if root.parts else _Node(0, None, "", plain=True)

    def _line(self, event: yaml.Event) -> int:
        return event.start_mark.line + 1 if event.start_mark is not None else 0

    def _place(self, parent: _Node, event: yaml.NodeEvent, node: _Node) -> _Node:
        parent.parts.append(node)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent) -> _Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            raise self.refuse(self._line(event), f"the alias *{event.anchor} has no anchor")
        return node

    def build(self, node: _Node, path: Path, depth: int) -> JsonValue:
        """The data of a node. Bounded: by the composer's depth times what aliases add, counted here."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise self.refuse(node.line, f"the template is too large: more than {MAX_NODES} nodes", "use fewer aliases")
        if id(node) in self._open:
            raise self.refuse(node.line, "an alias contains itself", "write the value out")
        self.lines.setdefault(path, node.line)
        tag = node.tag
        if tag is None or tag.startswith(_CORE) or tag == "!":
            return self._untagged(node, path, depth)
        if tag not in TAGS:
            raise self.refuse(node.line, f"unknown short form {tag}", nearest(tag, TAGS))
        name = TAGS[tag]
        value = self._untagged(node, (*path, name), depth, quoted=node.text is not None)
        if tag == "!GetAtt" and isinstance(value, str):
            return {name: list(value.split(".", 1))}
        return {name: value}

    def _untagged(self, node: _Node, path: Path, depth: int, *, quoted: bool = False) -> JsonValue:
        if node.text is not None:
            return node.text if quoted else self._scalar(node)
        if not node.mapping and node.tag == f"{_CORE}map":
            raise self.refuse(node.line, "a list is not a mapping")
        self._open.add(id(node))
        try:
            if node.mapping:
                return self._mapping(node, path, depth)
            return [self.build(part, (*path, place), depth + 1) for place, part in enumerate(node.parts)]
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: _Node) -> JsonValue:
        """YAML 1.1 as CloudFormation reads it, except that digits which a number would not give back stay text.

        So 012345678901, 1_000, 1:30 and 2010-09-09 are what was written.
        """
        text = node.text or ""
        tag = (node.tag or "").removeprefix(_CORE)
        if tag not in ("", "!", "str", "null", "bool", "int", "float"):
            raise self.refuse(node.line, f"the tag !!{tag} is not allowed in a template", "write a plain value")
        if tag in ("!", "str") or not (node.plain or tag):
            return text
        if text in _NULL:
            return None
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        if _INTEGER.match(text):
            return int(text)
        return float(text) if _DECIMAL.match(text) and repr(float(text)) == text else text

    def _mapping(self, node: _Node, path: Path, depth: int) -> dict[str, JsonValue]:
        mapping: dict[str, JsonValue] = {}
        merged: dict[str, JsonValue] = {}
        for key_node, value_node in zip(node.parts[::2], node.parts[1::2], strict=True):
            if key_node.text is None:
                raise self.refuse(key_node.line, "a key must be a plain text")
            key = key_node.text
            if key == "<<" and key_node.plain:
                for part in [value_node] if value_node.mapping else value_node.parts:
                    value = self.build(part, path, depth + 1)
                    merged = {**(value if isinstance(value, dict) else {}), **merged}
                continue
            if key in mapping:
                raise self.refuse(key_node.line, f"{key} is written twice here", "keep one of the two")
            self.lines[(*path, key)] = key_node.line
            mapping[key] = self.build(value_node, (*path, key), depth + 1)
        return {**merged, **mapping}
