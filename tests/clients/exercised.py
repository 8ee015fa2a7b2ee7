"""Which operations passing client tests have exercised, for the coverage table (`poolhouse coverage`).

Owns the record of a run and the place of covered.json. Knows no client.
"""

import json
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
