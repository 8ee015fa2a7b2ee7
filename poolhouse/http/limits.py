"""The bounds that a listener puts on its clients: sizes, counts and times.

Owns the numbers and their meaning. Knows nothing of sockets or of who answers.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one listener. Sizes in bytes, times in seconds."""

    max_body: int = 1 << 20
    """Longest body that `Request.read()` returns; a streamed body has no limit but back-pressure."""
    max_header_bytes: int = 16 << 10
    """Request line and headers together; 431 beyond it."""
    max_target: int = 8 << 10
    """The request target alone; 414 beyond it."""
    max_headers: int = 100
    header_timeout: float = 10.0
    """From the first byte of a head to its last; also the TLS handshake."""
    body_timeout: float = 30.0
    """Longest wait for a body, plus the time it needs at `min_body_rate`."""
    min_body_rate: int = 16 << 10
    """Bytes a second: a client that keeps it up is never timed out, one that trickles is."""
    keep_alive: float = 75.0
    """How long a connection may sit idle, before its first request too."""
    write_timeout: float = 60.0
    """Longest time that a client may take to accept one buffer (64 KiB) of an answer."""
    linger: float = 2.0
    """After an early refusal: how long the rest of the request is read and dropped, so that the
    client sees the answer instead of a reset (RFC 9112 section 9.6)."""
    max_concurrency: int = 1000
    """Requests being handled at once; 503 with Retry-After beyond it."""
    max_connections: int = 10_000
    """Open connections; beyond it a new one is closed unanswered."""
    max_pipelined: int = 64
    """Requests that may wait behind the one being handled on a connection."""

    @property
    def sweep_interval(self) -> float:
        """How often deadlines are looked at: fine enough for the shortest of them, at most once a second."""
        shortest = min(self.header_timeout, self.body_timeout, self.keep_alive, self.write_timeout, self.linger)
        return min(1.0, max(0.02, shortest / 4))
