"""Keeps the server's memory and environment from other processes of the same user: the functions that it runs.

Owns what the operating system is asked for. Where the system has no such switch nothing happens.
"""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def shield_process() -> bool:
    """Deny same-user processes /proc/PID/environ, /proc/PID/mem and ptrace (prctl(2)); returns whether it is so now."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0
