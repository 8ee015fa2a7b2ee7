"""Texts with `$context.…` and `$stageVariables.…` in them, as gateway responses and mock integrations use.

Owns the substitution, not the variables. It is not VTL: a template with a directive is refused when it is
deployed instead of being answered wrongly.
"""

import re
from collections.abc import Callable

Lookup = Callable[[str], str]
"""The value of a variable by its full name (`context.requestId`); empty if it has none."""

_REFERENCE = re.compile(r"\$\{?((?:context|stageVariables)(?:\.[A-Za-z0-9_:]+)+)\}?")
_DIRECTIVE = re.compile(r"#(?:set|if|else|elseif|end|foreach|define|macro|parse|include)\b|\$(?:input|util)\b")


class TemplateUnsupported(Exception):
    """The template needs more than substitution."""


class Text:
    """A compiled text."""

    __slots__ = ("_names", "_parts")

    def __init__(self, source: str) -> None:
        directive = _DIRECTIVE.search(source)
        if directive is not None:
            raise TemplateUnsupported(directive[0])
        pieces = _REFERENCE.split(source)
        self._parts = pieces[0::2]
        self._names = pieces[1::2]

    @property
    def constant(self) -> bool:
        """Whether there is nothing to substitute."""
        return not self._names

    def render(self, lookup: Lookup) -> str:
        """The text with every variable's value in place."""
        if not self._names:
            return self._parts[0]
        out = [self._parts[0]]
        for name, part in zip(self._names, self._parts[1:], strict=True):
            out.append(lookup(name))
            out.append(part)
        return "".join(out)
