"""Ports held for a server that will listen on them in a moment.

Owns the check that a port is free, early and in words. Knows no server.
"""

import errno
import socket
from types import TracebackType
from typing import Self

from poolhouse.cli.failures import Refused


class HeldPort:
    """A bound socket that does not listen: nobody else can take its port meanwhile.

    `shared` holds it beside workers that bind it with SO_REUSEPORT; connections go to listening sockets only.
    """

    def __init__(self, host: str, port: int, option: str, *, shared: bool = False) -> None:
        """`port` 0 takes any free one. Raises Refused, naming `option` as the way out."""
        self._option = option
        try:
            self._socket = _bind(host, port)
            if shared:
                taken: int = self._socket.getsockname()[1]
                self._socket.close()
                self._socket = _bind(host, taken, shared=True)
        except OSError as error:
            raise Refused(port_trouble(error, host, port, option)) from None
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> None:
        """Let the server have it."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        # As servers bind: connections of a server that has just ended do not count as taken.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind(address)
    except BaseException:
        bound.close()
        raise
    return bound


def port_trouble(error: OSError, host: str, port: int, option: str) -> str:
    """Why a port cannot be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; stop what listens there, or choose another port with {option}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs privileges that this user does not have; choose one above 1023 with {option}"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is not an address of this machine; set POOLHOUSE_HOST to one that is"
    return f"cannot listen on {host} port {port}: {error.strerror or error}; choose another port with {option}"
