"""The memory watcher for children without a cgroup: looks at /proc and says who is over the limit.

Owns the rhythm (fast while a child computes, slow while it rests). Kills nobody itself.
"""

from . import procfs

BUSY_SECONDS = 0.06
REST_SECONDS = 0.25
_FAMILY_SECONDS = 0.5


class Watched:
    """What the watcher remembers of one child."""

    __slots__ = ("cpu_ticks", "family", "limit", "pid")

    def __init__(self, pid: int, limit: int) -> None:
        self.pid = pid
        self.limit = limit
        self.cpu_ticks = -1
        self.family: list[int] = []


class MemoryWatch:
    """Looks at all watched children at each tick."""

    __slots__ = ("_children", "_family_due", "_next")

    def __init__(self) -> None:
        self._children: dict[int, Watched] = {}
        self._family_due = 0.0
        self._next = 0.0

    def add(self, pid: int, limit: int) -> None:
        """Watch a child; `limit` in bytes."""
        self._children[pid] = Watched(pid, limit)
        self._next = 0.0

    def remove(self, pid: int) -> None:
        """The child is gone."""
        self._children.pop(pid, None)

    def wait(self, now: float) -> float | None:
        """Seconds until the next tick is due; None when nobody is watched."""
        return max(0.0, self._next - now) if self._children else None

    def tick(self, now: float) -> list[int]:
        """The pids of the children that hold more than they may."""
        if not self._children or now < self._next:
            return []
        if now >= self._family_due:
            self._meet_families()
            self._family_due = now + _FAMILY_SECONDS
        over, busy = [], False
        for child in self._children.values():
            entry = procfs.stat(child.pid)
            if entry is None:
                continue
            busy = busy or entry.cpu_ticks != child.cpu_ticks
            child.cpu_ticks = entry.cpu_ticks
            if _is_over(child, entry.resident):
                over.append(child.pid)
        self._next = now + (BUSY_SECONDS if busy else REST_SECONDS)
        return over

    def _meet_families(self) -> None:
        processes = procfs.table()
        for child in self._children.values():
            child.family = procfs.family(child.pid, processes)


def _is_over(child: Watched, resident: int) -> bool:
    if not child.family:
        return resident > child.limit
    members = [procfs.stat(pid) for pid in child.family]
    if resident + sum(entry.resident for entry in members if entry is not None) <= child.limit:
        return False
    # Forked processes share pages; only the proportional sum says what the family really holds.
    held = procfs.proportional(child.pid) + sum(procfs.proportional(pid) for pid in child.family)
    return max(held, resident) > child.limit
