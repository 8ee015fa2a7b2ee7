"""The server's end of the socket to the launcher: frames out in order, descriptors beside them, frames in.

Owns partial writes and the order of descriptors. Knows nothing of what the frames say.
"""

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable

from .launcher.frames import FrameReader

_READ_SIZE = 64 << 10


class Channel:
    """The stream socket to one launcher: frames out in order, descriptors beside them, events in."""

    def __init__(self, sock: socket.socket, on_frame: Callable[[bytes], None], on_end: Callable[[], None]):
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._frames = FrameReader()
        self._out: deque[tuple[bytes, int | None]] = deque()
        self._on_frame = on_frame
        self._on_end = on_end
        self._closed = False
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)

    def send(self, frame: bytes, descriptor: int | None) -> None:
        """Queue a frame; the descriptor is closed once it has been handed over."""
        self._out.append((frame, descriptor))
        if len(self._out) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._out and not self._closed:
            frame, descriptor = self._out[0]
            rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _pack(descriptor))]
            try:
                sent = self._sock.sendmsg([frame], rights)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._flush)
                return
            except OSError:
                self.close()
                return
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(frame):
                self._out[0] = (frame[sent:], None)
            else:
                self._out.popleft()
        if not self._closed:
            self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        for body in self._frames.feed(data):
            self._on_frame(body)

    def close(self) -> None:
        """Close the socket; the launcher takes it as its end."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for _, descriptor in self._out:
            if descriptor is not None:
                os.close(descriptor)
        self._out.clear()
        self._on_end()


def _pack(descriptor: int) -> bytes:
    return array.array("i", [descriptor]).tobytes()
