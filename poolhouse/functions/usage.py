"""The memory figure of a REPORT line: what a process holds, and the most it ever did.

Owns one open descriptor per process. Knows no limits; those are the launcher's.
"""

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")
_NONE = -1


class ResidentMemory:
    """Resident memory of one process; zero on systems without /proc."""

    __slots__ = ("_descriptor", "_peak")

    def __init__(self, pid: int) -> None:
        self._peak = 0
        try:
            self._descriptor = os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = _NONE

    def note(self, bytes_held: int) -> None:
        """Somebody else's measure."""
        self._peak = max(self._peak, bytes_held)

    def peak_mb(self) -> int:
        """The highest value seen so far, now included."""
        if self._descriptor != _NONE:
            try:
                self.note(int(os.pread(self._descriptor, 64, 0).split()[1]) * _PAGE)
            except (OSError, IndexError):
                self.close()
        return self._peak >> 20

    def close(self) -> None:
        """Forget the process."""
        if self._descriptor != _NONE:
            os.close(self._descriptor)
            self._descriptor = _NONE
