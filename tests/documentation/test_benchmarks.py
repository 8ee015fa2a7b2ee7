"""The benchmarks still run: whoever repeats a figure of docs/performance.md can."""

import json
import os
import subprocess
import sys

import pytest

from tests.postgresql import find_binary, missing_toolchain
from tests.server import ROOT


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_quick_run_measures_what_it_is_asked_for(database: str) -> None:
    if database == "postgresql" and find_binary("initdb") is None:
        missing_toolchain("PostgreSQL (initdb)")
    asked = ("--quick", "--only", "authorising", "--database", database, "--json", "-")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", *asked],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["findings"][database]
    assert {finding["work"] for finding in found} == {
        "gateway authorisation: known token",
        "gateway authorisation: unknown token, known session",
        "gateway authorisation: unknown session",
    }
