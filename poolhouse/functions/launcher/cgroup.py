"""One cgroup v2 folder per child, below a folder that the operator (or systemd) delegated to us.

Owns the files of the controller. Where nothing is delegated, `launcher/watch.py` does the work instead.
"""

import os

_PIDS_MAX = 1024
"""Lambda's limit on processes and threads."""
_CONTROLLERS = ("memory", "pids")


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="ascii") as stream:
            return stream.read()
    except OSError:
        return ""


def _write(folder: str, name: str, value: str) -> bool:
    try:
        with open(os.path.join(folder, name), "w", encoding="ascii") as stream:
            stream.write(value)
    except OSError:
        return False
    return True


def delegated(membership: str = "/proc/self/cgroup", mount: str = "/sys/fs/cgroup") -> str | None:
    """The folder below which children may be placed, or None.

    It is the parent of our own cgroup: a cgroup with processes in it may not pass controllers on, so
    systemd is asked for `Delegate=memory pids` with `DelegateSubgroup=server`.
    """
    own = next((line[3:].strip() for line in _lines(membership) if line.startswith("0::")), "/")
    if own == "/":
        return None
    parent = os.path.dirname(mount + own)
    offered = _read(parent, "cgroup.controllers").split()
    if not all(name in offered for name in _CONTROLLERS) or not os.access(parent, os.W_OK):
        return None
    if not _write(parent, "cgroup.subtree_control", " ".join(f"+{name}" for name in _CONTROLLERS)):
        return None
    return parent


def _lines(path: str) -> list[str]:
    return _read(os.path.dirname(path), os.path.basename(path)).splitlines()


def create(parent: str, name: str, memory: int) -> str | None:
    """A cgroup with its limits set, or None when the kernel refuses one of them."""
    folder = os.path.join(parent, name)
    try:
        os.mkdir(folder, 0o755)
    except OSError:
        return None
    if _write(folder, "memory.max", str(memory)) and _write(folder, "pids.max", str(_PIDS_MAX)):
        _write(folder, "memory.swap.max", "0")  # absent where the kernel does not account swap
        _write(folder, "memory.oom.group", "1")
        return folder
    remove(folder)
    return None


def kill(folder: str) -> None:
    """Kill every process inside, whatever session it moved to (Linux 5.14; the group is killed anyway)."""
    _write(folder, "cgroup.kill", "1")


def ran_out_of_memory(folder: str) -> bool:
    """Whether the kernel killed a process inside for the limit."""
    for line in _read(folder, "memory.events").splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill" and int(count) > 0:
            return True
    return False


def remove(folder: str) -> bool:
    """Remove an empty cgroup; False while processes are still leaving it."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
