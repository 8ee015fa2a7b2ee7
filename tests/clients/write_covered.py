"""`python -m tests.clients.write_covered`: runs every client test and, when all pass, writes covered.json."""

import json
import sys
from pathlib import Path

import pytest

from tests.clients.exercised import COVERED, exercised


class CoveredWriter:
    """A pytest plugin that writes covered.json when every test has passed."""

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK:
            COVERED.write_text(json.dumps(sorted(exercised(session.config)), indent=1) + "\n")


def main() -> int:
    """Run every client test but the one that compares with covered.json; returns pytest's exit code."""
    folder = Path(__file__).parent
    arguments = [str(folder), f"--ignore={folder / 'test_covered.py'}", "-q", *sys.argv[1:]]
    return int(pytest.main(arguments, plugins=[CoveredWriter()]))


if __name__ == "__main__":
    sys.exit(main())
