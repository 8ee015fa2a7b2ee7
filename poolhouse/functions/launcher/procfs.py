"""Reading /proc: who descends from whom, what it holds, what it was started with (Linux).

Owns the parsing. Answers None or nothing for processes that are gone, and on systems without /proc.
"""

import os
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """The fields of /proc/<pid>/stat that matter here."""

    state: bytes
    parent: int
    group: int
    cpu_ticks: int
    resident: int
    """Bytes."""


def _read(path: str, limit: int = 4096) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, limit)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def stat(pid: int) -> Stat | None:
    """The process's state, or None if it is gone."""
    text = _read(f"/proc/{pid}/stat")
    if not text:
        return None
    # The command may hold blanks and brackets; the fields begin behind its last bracket.
    fields = text[text.rindex(b")") + 2 :].split()
    ticks = int(fields[11]) + int(fields[12])
    return Stat(fields[0], int(fields[1]), int(fields[2]), ticks, int(fields[21]) * _PAGE)


def table() -> dict[int, Stat]:
    """Every process that can be seen."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return {}
    found = {}
    for name in names:
        if name.isdigit() and (entry := stat(int(name))) is not None:
            found[int(name)] = entry
    return found


def family(root: int, processes: dict[int, Stat]) -> list[int]:
    """Descendants of `root` and members of its process group, without itself."""
    members = {root}
    grown = True
    while grown:
        grown = False
        for pid, entry in processes.items():
            if pid not in members and (entry.parent in members or entry.group == root):
                members.add(pid)
                grown = True
    members.discard(root)
    return list(members)


def started_with(pid: int, marker: bytes) -> bool:
    """Whether the process's initial environment holds the entry `marker`."""
    return marker in _read(f"/proc/{pid}/environ", 256 << 10).split(b"\0")


def proportional(pid: int) -> int:
    """Bytes held, with pages shared among n processes counted 1/n; 0 when it cannot be read."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) << 10
    return 0
