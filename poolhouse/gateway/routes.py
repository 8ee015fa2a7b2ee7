"""Finds the resource of a path: static beats `{parameter}` beats `{proxy+}` (api-gateway.md section 1).

Owns the tree. Paths are compared as sent, undecoded: authorisation hangs on the resource, so no spelling of
a path may reach a more open one. A path that its receiver could take for another one has no resource at all.
"""

import re
from urllib.parse import unquote

from poolhouse.gateway.definition import ApiInvalid
from poolhouse.gateway.model import Resource

Found = tuple[Resource, dict[str, str]]
_MAX_SEGMENTS = 200
_UNRESERVED = re.compile(r"%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])")
"""Characters that mean the same encoded or not (RFC 3986 section 2.3)."""
_SEPARATOR = re.compile(r"[/\\]")


class _Node:
    __slots__ = ("greedy", "parameter", "resource", "static")

    def __init__(self) -> None:
        self.static: dict[str, _Node] = {}
        self.parameter: tuple[str, _Node] | None = None
        self.greedy: tuple[str, Resource] | None = None
        self.resource: Resource | None = None


class Router:
    """The resources of one stage."""

    def __init__(self, resources: list[Resource]) -> None:
        self._root = _Node()
        self._exact: dict[str, Resource] = {}
        for resource in resources:
            self._add(resource)

    def find(self, path: str) -> Found | None:
        """The resource of an undecoded path and its path parameters."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        if "/." in path or "%" in path or "\\" in path:
            return self._find_ambiguous(path)
        return self._find(path)

    def _find_ambiguous(self, path: str) -> Found | None:
        """The same for a path that its receiver may read otherwise than it is written: none if that is another one.

        DEVIATION: AWS lets such paths through to `{proxy+}`. An upstream that resolves dots or decodes letters
        would then serve what a guarded resource beside it names.
        """
        if _climbs(path):
            return None
        found = self._find(path)
        plain = _UNRESERVED.sub(lambda match: chr(int(match[1], 16)), path)
        if found is None or plain == path:
            return found
        otherwise = self._find(plain)
        return found if otherwise is not None and otherwise[0] is found[0] else None

    def _find(self, path: str) -> Found | None:
        trimmed = path[1:-1] if path.endswith("/") and len(path) > 1 else path[1:]
        segments = trimmed.split("/") if trimmed else []
        if len(segments) > _MAX_SEGMENTS:
            return None
        values: list[tuple[str, str]] = []
        resource = _find(self._root, segments, 0, values)
        return None if resource is None else (resource, dict(values))

    def _add(self, resource: Resource) -> None:
        path = resource.path
        if not path.startswith("/"):
            raise ApiInvalid(f"paths.{path}", "a path begins with a slash")
        node = self._root
        segments = path.strip("/").split("/") if path != "/" else []
        for position, segment in enumerate(segments):
            if segment.startswith("{") and segment.endswith("+}"):
                if position != len(segments) - 1:
                    raise ApiInvalid(f"paths.{path}", "a greedy parameter stands last")
                if node.greedy is not None:
                    raise ApiInvalid(f"paths.{path}", "two greedy parameters in one place")
                node.greedy = (segment[1:-2], resource)
                return
            node = _step(node, segment, path)
        if node.resource is not None:
            raise ApiInvalid(f"paths.{path}", "the same path twice")
        node.resource = resource
        if "{" not in path:
            self._exact[path] = resource


def _climbs(path: str) -> bool:
    """Whether a receiver that decodes once and resolves dots would leave the path as it stands.

    `..;x` is a dot segment to servers that cut path parameters off first.
    """
    return any(piece.partition(";")[0] in (".", "..") for piece in _SEPARATOR.split(unquote(path, "latin-1")))


def _step(node: _Node, segment: str, path: str) -> _Node:
    if segment.startswith("{") and segment.endswith("}"):
        name = segment[1:-1]
        if node.parameter is None:
            node.parameter = (name, _Node())
        elif node.parameter[0] != name:
            raise ApiInvalid(f"paths.{path}", f"{{{name}}} and {{{node.parameter[0]}}} stand in the same place")
        return node.parameter[1]
    if "{" in segment or "}" in segment:
        raise ApiInvalid(f"paths.{path}", "a path parameter fills its whole segment")
    return node.static.setdefault(segment, _Node())


def _find(node: _Node, segments: list[str], at: int, values: list[tuple[str, str]]) -> Resource | None:
    """Depth first, most specific first. No node is visited twice: each stands at one depth."""
    if at == len(segments):
        return node.resource
    segment = segments[at]
    following = node.static.get(segment)
    if following is not None:
        found = _find(following, segments, at + 1, values)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        name, following = node.parameter
        values.append((name, segment))
        found = _find(following, segments, at + 1, values)
        if found is not None:
            return found
        values.pop()
    if node.greedy is not None:
        name, resource = node.greedy
        values.append((name, "/".join(segments[at:])))
        return resource
    return None
