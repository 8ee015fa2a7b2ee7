"""How an answer's head is written, and which framing its body gets (RFC 9112 sections 6 and 7).

Owns bytes only; the connection sends them. Refuses header lines that could split the answer.
"""

from enum import Enum
from http import HTTPStatus

from poolhouse.http.message import RawHeaders

_OURS = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"date"))
"""Framing and date belong to the connection, whatever a handler (or the upstream that it copies) says."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}".encode() for status in HTTPStatus}


class Framing(Enum):
    """How the receiver learns where the body ends."""

    EMPTY = "empty"
    LENGTH = "length"
    CHUNKED = "chunked"
    CLOSE = "close"


class UnsafeHeader(Exception):
    """A header line to be sent holds CR, LF or NUL."""


def bodiless(status: int) -> bool:
    """Whether an answer with this status never has a body (RFC 9112 section 6.3)."""
    return status == 204 or status == 304 or status < 200  # noqa: PLR1714 -- half the time of a set


def head_of_whole(status: int, headers: RawHeaders, length: int, is_head: bool, own: bytes) -> bytes:
    """The head of an answer whose whole body is at hand.

    `own` holds the connection's own header lines with their line ends. To a HEAD request
    a length that the handler gives describes the body that GET would have had.
    """
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
    stated: bytes | None = None
    for name, value in headers:
        if (lowered := name.lower()) not in _OURS:
            lines.append(name + b": " + value)
        elif lowered == b"content-length":
            stated = value
    if not bodiless(status):
        if stated is not None and is_head and not length and stated.isdigit():
            lines.append(b"Content-Length: " + stated)
        else:
            lines.append(b"Content-Length: %d" % length)
    return join_head(lines, own)


def head_of_stream(
    status: int, headers: RawHeaders, is_head: bool, http10: bool, own: bytes
) -> tuple[bytes, Framing, int]:
    """The head of a streamed answer, its framing and (for Framing.LENGTH) its length.

    Framing.CLOSE (an HTTP/1.0 client, no length known) says `Connection: close`, and nothing else of the connection,
    whatever was asked.
    """
    lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status]
    length: int | None = None
    for name, value in headers:
        if (lowered := name.lower()) not in _OURS:
            lines.append(name + b": " + value)
        elif lowered == b"content-length" and value.isdigit():
            length = int(value)
    if bodiless(status):
        return join_head(lines, own), Framing.EMPTY, 0
    if length is not None:
        lines.append(b"Content-Length: %d" % length)
        return join_head(lines, own), Framing.EMPTY if is_head else Framing.LENGTH, length
    if http10:
        others, _, _ = own.partition(b"Connection:")  # which comes last, and may promise the contrary
        return join_head(lines, others + b"Connection: close\r\n"), Framing.CLOSE, 0
    lines.append(b"Transfer-Encoding: chunked")
    return join_head(lines, own), Framing.EMPTY if is_head else Framing.CHUNKED, 0


def join_head(lines: list[bytes], own: bytes) -> bytes:
    """One head from its lines and complete `own` lines; a line break inside a line would begin a second
    message: UnsafeHeader."""
    head = b"\r\n".join(lines)
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise UnsafeHeader
    return head + b"\r\n" + own + b"\r\n"
