"""Which operations passing client tests have exercised, for the coverage table (`poolhouse coverage`).

`python -m tests.clients.exercised` runs the tests and writes covered.json. Knows no client.
"""

import json
import sys
from pathlib import Path

import pytest

COVERED = Path(__file__).with_name("covered.json")
EXERCISED: pytest.StashKey[set[str]] = pytest.StashKey()
"""Targets that were answered without an error while a test that then passed was running."""


def exercised(config: pytest.Config) -> set[str]:
    """The set that this run adds to."""
    return config.stash.setdefault(EXERCISED, set())


def read_covered() -> set[str]:
    """What covered.json holds."""
    return set(json.loads(COVERED.read_text()))


class CoveredWriter:
    """A pytest plugin that writes covered.json when every test has passed."""

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK:
            COVERED.write_text(json.dumps(sorted(exercised(session.config)), indent=1) + "\n")


def main() -> int:
    """Run every client test but the one that compares with covered.json; returns pytest's exit code."""
    folder = str(Path(__file__).parent)
    comparing = f"--ignore={Path(__file__).with_name('test_covered.py')}"
    return int(pytest.main([folder, comparing, "-q", *sys.argv[1:]], plugins=[CoveredWriter()]))


if __name__ == "__main__":
    sys.exit(main())
