"""The state of a code folder as one short text: equal texts mean that nothing changed.

Owns the walk and its bound. Reads no file's content.
"""

import hashlib
import os
from collections.abc import Iterator

_ENTRIES = 20_000
_SKIPPED = frozenset({".git", ".hg", "__pycache__", ".pytest_cache", ".mypy_cache", ".DS_Store"})
_INSTALLED = frozenset({"node_modules"})
"""Folders that an installer rewrites as a whole: their own time and lock file stand for the content."""


def fingerprint(folder: str) -> str:
    """Digest of names, sizes and times below `folder`, at most 20 000 entries of them.

    Archives and copies bring modification times of their own; when a file changed here only its status tells.
    """
    digest = hashlib.blake2b(digest_size=12)
    for count, (name, status) in enumerate(_walk(folder, "")):
        if count >= _ENTRIES:
            break
        facts = f"{name}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_ino}\0{status.st_size}\n"
        digest.update(facts.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def newest_source(folder: str, besides: str) -> int:
    """Latest modification (ns) of a regular file below `folder`, the file `besides` (absolute) left out."""
    latest = 0
    for count, (name, status) in enumerate(_walk(folder, "")):
        if count >= _ENTRIES:
            break
        if os.path.join(folder, name) != besides:
            latest = max(latest, status.st_mtime_ns)
    return latest


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
    """Files in a stable order; a folder that vanishes meanwhile is empty."""
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name in _SKIPPED:
            continue
        name = prefix + entry.name
        try:
            if not entry.is_dir(follow_symlinks=False):
                yield name, entry.stat()
            elif entry.name in _INSTALLED:
                yield name, entry.stat()
                lock = os.path.join(entry.path, ".package-lock.json")
                if os.path.exists(lock):
                    yield f"{name}/.package-lock.json", os.stat(lock)
            else:
                yield from _walk(entry.path, name + "/")
        except OSError:
            continue
