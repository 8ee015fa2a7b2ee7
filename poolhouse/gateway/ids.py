"""Request ids, trace ids and the times of an exchange, in the forms that AWS gives them.

Owns the forms. Chance and time are arguments.
"""

import base64
import time
from collections.abc import Callable

_REQUEST, _EXTENDED, _TRACE = 16, 11, 12
_EACH = _REQUEST + _EXTENDED + _TRACE
_BATCH = 64


class Ids:
    """Makes ids from a source of random bytes, which is asked for many at a time: a system call costs more
    than everything else here together."""

    __slots__ = ("_at", "_pool", "_random")

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._pool = b""
        self._at = 0

    def next(self, epoch: float) -> tuple[str, str, str]:
        """Request id (UUID), extended id (x-amz-apigw-id), trace root (`1-<8 hex>-<24 hex>`)."""
        at = self._at
        if at >= len(self._pool):
            self._pool = self._random(_EACH * _BATCH)
            at = 0
        chunk = self._pool[at : at + _EACH]
        self._at = at + _EACH
        h = chunk[:_REQUEST].hex()
        # Version 4 and its variant (RFC 9562 section 5.4).
        variant = "89ab"[chunk[8] & 3]
        request_id = f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{variant}{h[17:20]}-{h[20:]}"
        extended = base64.urlsafe_b64encode(chunk[_REQUEST : _REQUEST + _EXTENDED]).decode()
        return request_id, extended, f"1-{int(epoch):08x}-{chunk[_REQUEST + _EXTENDED :].hex()}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class RequestTimes:
    """`17/Dec/2021:11:40:21 +0000`, made once a second."""

    __slots__ = ("_second", "_text")

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, epoch: float) -> str:
        """The time of a request as `requestTime` says it."""
        second = int(epoch)
        if second != self._second:
            t = time.gmtime(second)
            month = _MONTHS[t.tm_mon - 1]
            self._text = f"{t.tm_mday:02}/{month}/{t.tm_year}:{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000"
            self._second = second
        return self._text
