"""Write requirements/*.lock: every package that runs and tests Poolhouse, with versions and hashes, for all platforms.

python tools/lock.py            resolve anew (needs uv and a package index)
python tools/lock.py --check    fail if pyproject.toml asks for other packages than those that were locked
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
EXTRAS = {"run": (), "dev": ("dev",)}
MARK = "# locked for "
OLDEST = "3.11"


def asked(extras: tuple[str, ...]) -> list[str]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    return sorted([*project["dependencies"], *(one for extra in extras for one in optional[extra])])


def fingerprint(extras: tuple[str, ...]) -> str:
    """Tells one set of requirements from another."""
    return hashlib.sha256(json.dumps([OLDEST, asked(extras)]).encode()).hexdigest()[:32]


def resolve(name: str, extras: tuple[str, ...]) -> None:
    """Write one lock. Versions that fit are kept; delete the file for the newest ones."""
    path = FOLDER / f"{name}.lock"
    constraint = ["-c", str(FOLDER / "run.lock")] if name != "run" else []
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", *(f"--extra={extra}" for extra in extras)),
        *("--universal", "--generate-hashes", "--python-version", OLDEST, *constraint),
        *("--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet", "-o", str(path)),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    text = path.read_text()
    if found := re.search(r"https?://\S+|--index|--find-links", text):
        raise SystemExit(f"{path.name}: names a place, {found[0]}")
    path.write_text(f"{MARK}{fingerprint(extras)}; `make lock` writes this file\n{text}")


def check(name: str, extras: tuple[str, ...]) -> bool:
    """Whether a lock is of what pyproject.toml asks for now."""
    path = FOLDER / f"{name}.lock"
    text = path.read_text() if path.exists() else ""
    good = text.startswith(f"{MARK}{fingerprint(extras)};") and "http" not in _places(text)
    if not good:
        print(f"{path.relative_to(ROOT)} is not what pyproject.toml asks for; run `make lock`", file=sys.stderr)
    return good


def _places(text: str) -> str:
    return "\n".join(re.findall(r"https?://", text))


def main() -> int:
    """Resolve or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return 0 if all([check(name, extras) for name, extras in EXTRAS.items()]) else 1
    FOLDER.mkdir(exist_ok=True)
    for name, extras in EXTRAS.items():
        resolve(name, extras)
    return 0


if __name__ == "__main__":
    sys.exit(main())
