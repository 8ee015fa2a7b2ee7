"""Shapes as the XML of the Query protocol.

Owns escaping and member order. Knows nothing of envelopes and of HTTP. Only writes XML; nothing of ours reads it here.
"""

import base64
import re
from datetime import UTC, datetime

from poolhouse.model.rules import Rule
from poolhouse.model.shape import Shape

# XML 1.0 section 2.2: these cannot be written at all, not even as a reference.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(text: str) -> str:
    """Text for the inside of an element; what XML cannot hold becomes U+FFFD."""
    plain = _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def element(name: str, inner: str) -> str:
    """`<name>inner</name>`; `inner` is XML."""
    return f"<{name}>{inner}</{name}>"


def structure(rule: Rule, shape: Shape) -> str:
    """The members of `shape` as elements, in the model's order; absent ones are left out."""
    parts = []
    for member in rule.members:
        value = getattr(shape, member.attribute)
        if value is not None:
            parts.append(element(member.wire, _value(member.rule, value)))
    return "".join(parts)


def _value(rule: Rule, value: object) -> str:
    if isinstance(value, Shape):
        return structure(rule, value)
    if isinstance(value, list):
        assert rule.element is not None
        return "".join(element("member", _value(rule.element, item)) for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, int | float) and rule.timestamp:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))
