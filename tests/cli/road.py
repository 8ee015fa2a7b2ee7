"""A port that leads nowhere until it is opened, and then to a server: how a database is away and comes back."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Road:
    """Holds a port from the start, so that nobody else takes it while it refuses connections."""

    def __init__(self, destination: int) -> None:
        self._destination = destination
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._travellers: list[socket.socket] = []

    def open(self) -> None:
        """Accept connections from now on."""
        self._socket.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._socket.accept()
            except OSError:
                return
            there = socket.create_connection(("127.0.0.1", self._destination))
            self._travellers += [here, there]
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._socket, *self._travellers):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
