"""What the server and the launcher say to each other: length-prefixed JSON over a Unix stream socket.

Owns the encoding and the message shapes. Knows nothing of processes or sandboxes.
"""

import json
import struct
from collections.abc import Iterator
from typing import Literal, TypedDict

_HEAD = struct.Struct("!I")
MAX_FRAME = 4 << 20


class SpawnOrder(TypedDict):
    """Start a process; its output descriptor travels beside the frame (SCM_RIGHTS)."""

    op: Literal["spawn"]
    id: int
    argv: list[str]
    env: dict[str, str]
    cwd: str
    marker: str
    """NAME=value from `env`, unique to this child: by it, processes that left the group are recognised."""
    memory: int | None
    """Bytes that the child and its descendants may hold."""
    cgroup: str | None
    """Delegated cgroup v2 folder in which to make the child's own; None to watch /proc instead."""


class KillOrder(TypedDict):
    """Kill a child's process group."""

    op: Literal["kill"]
    id: int


class Started(TypedDict):
    """The child runs its program."""

    event: Literal["started"]
    id: int
    pid: int


class NotStarted(TypedDict):
    """The program could not be run; `stage` is the step that failed."""

    event: Literal["failed"]
    id: int
    errno: int
    stage: str


class Exited(TypedDict):
    """The child has ended and its group with it."""

    event: Literal["exited"]
    id: int
    code: int | None
    signal: int | None
    out_of_memory: bool
    peak_bytes: int


Order = SpawnOrder | KillOrder
Event = Started | NotStarted | Exited


def encode(message: Order | Event) -> bytes:
    """The frame of one message."""
    body = json.dumps(message, separators=(",", ":")).encode("utf-8", "surrogateescape")
    return _HEAD.pack(len(body)) + body


class FrameReader:
    """Cuts a byte stream into JSON texts."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames completed by `data`. Raises ValueError for one longer than MAX_FRAME."""
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(buffer)
            if length > MAX_FRAME:
                raise ValueError("frame too long")
            end = _HEAD.size + length
            if len(buffer) < end:
                return
            body = bytes(buffer[_HEAD.size : end])
            del buffer[:end]
            yield body


def read_order(body: bytes) -> Order:
    """The server's order in a frame; both ends are one release, so its shape is trusted."""
    order: Order = json.loads(body)
    return order


def read_event(body: bytes) -> Event:
    """The launcher's report in a frame."""
    event: Event = json.loads(body)
    return event
