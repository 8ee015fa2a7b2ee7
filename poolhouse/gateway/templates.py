"""Reads the templates that a document offers by content type.

Owns the choice among them. Knows nothing of what they are for.
"""

from poolhouse.gateway.document import Part
from poolhouse.gateway.text import TemplateUnsupported, Text


def read_template(templates: Part) -> tuple[Text | None, bytes]:
    """The JSON template of a choice by content type, else the first, and its content type."""
    choices = dict(templates.members())
    if not choices:
        return None, b"application/json"
    content_type = "application/json" if "application/json" in choices else next(iter(choices))
    part = choices[content_type]
    try:
        return Text(part.text_or("")), content_type.encode("ascii", "replace")
    except TemplateUnsupported as unsupported:
        raise part.wrong(f"templates may hold variables, but not {unsupported}") from None
