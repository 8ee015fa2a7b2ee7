"""requirements/: what pyproject.toml asks for is what is locked, with hashes, and no place is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_locks_are_of_what_pyproject_asks_for() -> None:
    subprocess.run([sys.executable, "tools/lock.py", "--check"], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_locked_package_has_a_version_and_a_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    packages = [entry for entry in re.split(r"\n(?=[a-zA-Z])", text) if "==" in entry]
    assert len(packages) > 20
    assert all("--hash=sha256:" in entry for entry in packages)
    assert "://" not in text
