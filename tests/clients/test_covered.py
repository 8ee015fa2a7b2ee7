"""covered.json says which operations real clients exercise, and this run agrees."""

from pathlib import Path

import pytest

from tests.clients.exercised import COVERED, exercised, read_covered


def test_covered_json_lists_what_the_client_tests_exercised(request: pytest.FixtureRequest) -> None:
    seen = exercised(request.config)
    written = read_covered()
    advice = "write it anew with: python -m tests.clients.write_covered"
    assert seen <= written, f"{COVERED.name} lacks operations; {advice}"
    if _all_ran(request.session):
        assert seen == written, f"{COVERED.name} lists operations that no client exercises; {advice}"


def _all_ran(session: pytest.Session) -> bool:
    """Whether no client test was left out of this run, or failed in it."""
    modules = {item.path for item in session.items}
    narrowed = session.config.getoption("keyword") or any("::" in argument for argument in session.config.args)
    return modules >= set(Path(__file__).parent.glob("test_*.py")) and not narrowed and session.testsfailed == 0
