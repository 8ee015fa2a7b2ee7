"""Whose end of a loopback connection it is: the kernel's tables say which process holds the socket (Linux).

Owns the reading of them. Knows nothing of what is said on the connection.
"""

import os
import socket
import sys

from .launcher import procfs

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def is_held_within(client: tuple[str, int], server: tuple[str, int], root: int) -> bool | None:
    """Whether process `root`, a descendant or a member of its group holds the client's end of an IPv4 connection.

    None where the system has no tables to tell. Environments do not count as evidence: anybody can copy one.
    """
    try:
        inode = _inode(_address(client), _address(server))
    except OSError:
        return None
    if inode is None:  # it is gone already
        return False
    held = f"socket:[{inode}]"
    return _holds(root, held) or any(_holds(pid, held) for pid in procfs.family(root, procfs.table()))


def _address(place: tuple[str, int]) -> str:
    host, port = place
    # The table prints the address as one number of the machine's own byte order.
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    return f"{number:08X}:{port:04X}"


def _inode(local: str, remote: str) -> int | None:
    """Inode of the socket with these two ends. In the second table IPv4 addresses stand at the end of longer ones."""
    for table in _TABLES:
        with open(table, encoding="ascii") as lines:
            for line in lines:
                if local not in line:
                    continue
                fields = line.split()
                if fields[1].endswith(local) and fields[2].endswith(remote):
                    return int(fields[9])
    return None


def _holds(pid: int, held: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)
    except OSError:
        return False
    return any(_target(f"{folder}/{descriptor}") == held for descriptor in descriptors)


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
