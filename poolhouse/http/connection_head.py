"""What a request's head must look like before anything of ours sees it (RFC 9112 sections 2-6, 9.6).

Owns the checks that the parser leaves open. Knows nothing of sockets, bodies or handlers.
"""

import re

from poolhouse.http.limits import Limits
from poolhouse.http.message import RawHeaders

_METHODS = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "REPORT")
}
_ONCE = frozenset((b"host", b"content-length", b"transfer-encoding", b"content-type", b"expect"))
"""Headers whose repetition makes two readers see two different requests."""
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{1,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#@]*)([/?].*)?", re.IGNORECASE)


class Refused(Exception):
    """The request cannot be understood or is not wanted; carries the HTTP status and a reason for people."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_head(
    method: bytes, target: bytes, headers: RawHeaders, version: str, limits: Limits
) -> tuple[str, bytes, dict[bytes, bytes]]:
    """Check a parsed head; returns method, target in origin form and the first value of each header by
    lower-case name. Raises Refused with the status that the client gets."""
    if version not in {"1.1", "1.0"}:
        raise Refused(505, "HTTP version not supported")
    known = _METHODS.get(method)
    if known is None:
        raise Refused(501, "method not implemented")
    if len(target) > limits.max_target:
        raise Refused(414, "request target too long")
    if len(headers) > limits.max_headers:
        raise Refused(431, "too many headers")
    index = {name.lower(): value for name, value in headers}
    if len(index) != len(headers):
        index = _index_repeated(headers)
    if not target.startswith(b"/"):
        target = _origin_form(method, target, headers, index)
    if b"#" in target:
        raise Refused(400, "fragment in request target")
    _check_host(index.get(b"host"), version)
    expect = index.get(b"expect")
    if expect is not None and expect.lower() != b"100-continue":
        raise Refused(417, "expectation not understood")
    coding = index.get(b"transfer-encoding")
    if coding is not None:
        _check_coding(coding, version, index)
    return known, target, index


def size_of_head(target: bytes, headers: RawHeaders) -> int:
    """Bytes that a parsed head took on the wire, line ends included."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def _index_repeated(headers: RawHeaders) -> dict[bytes, bytes]:
    """First value by name; refuses the repetition of what must stand once."""
    index: dict[bytes, bytes] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered not in index:
            index[lowered] = value
        elif lowered in _ONCE:
            raise Refused(400, f"repeated {lowered.decode('latin-1')} header")
    return index


def _origin_form(method: bytes, target: bytes, headers: RawHeaders, index: dict[bytes, bytes]) -> bytes:
    """Reduce an absolute-form target to origin form; its authority replaces Host (RFC 9112 section 3.2.2)."""
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused(400, "malformed request target")
    host = absolute[1]
    headers[:] = [(b"Host", host), *(line for line in headers if line[0].lower() != b"host")]
    index[b"host"] = host
    rest = absolute[2] or b"/"
    return rest if rest.startswith(b"/") else b"/" + rest


def _check_host(host: bytes | None, version: str) -> None:
    if host is None:
        if version == "1.1":
            raise Refused(400, "missing host header")
    elif host and _HOST.fullmatch(host) is None:
        raise Refused(400, "malformed host header")


def _check_coding(coding: bytes, version: str, index: dict[bytes, bytes]) -> None:
    """Refuse every framing on which two readers could disagree (RFC 9112 section 6.1)."""
    if version == "1.0" or b"content-length" in index:
        raise Refused(400, "conflicting message framing")
    if coding.lower() != b"chunked":
        raise Refused(501, "transfer coding not implemented")
