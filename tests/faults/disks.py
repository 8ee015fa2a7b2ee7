"""Small file systems that can be filled up, where the machine lets us make them. Knows no database."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def can_mount() -> bool:
    """Whether this machine lets us make a file system of our own."""
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/tmp"], check=False, capture_output=True)
    return probe.returncode == 0


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of `size` (as mount spells it) on `folder`, gone with all that is in it when the block ends."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write a file until there is no space left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
