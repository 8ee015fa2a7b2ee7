"""Whose turn it is to write an SQLite file, among the processes of this machine that share it.

SQLite's own waiting is a poll whose pauses grow to a tenth of a second, so that of two busy processes one starves.
Here whoever waits is next. Owns two lock files beside the database; the kernel lets go of them when a process dies.
SQLite's locks still decide about the data: without these files, writes would be as right and less fair.
"""

import fcntl
import os
from contextlib import suppress


class WriteTurn:
    """One process's place in the queue. Never blocks; to be asked again while it is not yet its turn."""

    def __init__(self, path: str) -> None:
        """Open the lock files of the database at `path`. Raises OSError."""
        self._holder = os.open(f"{path}-turn", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._next = os.open(f"{path}-next", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._is_next = False

    def take(self) -> bool:
        """Whether the turn is now this process's. While it is not, this process may have become the next one.

        Only the next one can take the turn, so whoever has just given it cannot snatch it from under those who wait.
        """
        if not self._is_next:
            if not _lock(self._next):
                return False
            self._is_next = True
        if not _lock(self._holder):
            return False
        self.forgo()
        return True

    def give(self) -> None:
        """Let the next one write."""
        fcntl.flock(self._holder, fcntl.LOCK_UN)

    def forgo(self) -> None:
        """Wait no longer."""
        if self._is_next:
            self._is_next = False
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the queue, and give back the turn if it is held."""
        for lock in (self._next, self._holder):
            with suppress(OSError):
                os.close(lock)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
