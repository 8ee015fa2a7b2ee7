"""`poolhouse coverage`: which operations of the services this release provides, and which a real client has tested."""

from importlib import resources
from typing import TYPE_CHECKING

import click
import msgspec

from poolhouse.cli.options import Command, output_option
from poolhouse.cli.terminal import Output, Paint, Terminal, paint

if TYPE_CHECKING:
    from poolhouse.model.catalogue import CoverageRow

TESTED_FILE = "tested.json"
"""Targets that the client tests exercised; tools/generate_docs.py keeps it equal to tests/clients/covered.json."""


@click.command(cls=Command, examples=("", "--output json"))
@output_option
def coverage(output: Output) -> None:
    """Show which operations are provided, and which a real client has tested."""
    terminal = Terminal(output)
    rows = coverage_rows()
    terminal.document([row_document(row) for row in rows])
    terminal.table(
        ("Service", "Operation", "Caller", "Built", "Tested with a real client"),
        ((row.service, row.operation, row.auth, _mark(row.built), _mark(row.tested)) for row in rows),
    )
    built, tested = sum(row.built for row in rows), sum(row.tested for row in rows)
    terminal.line(paint(f"{built} of {len(rows)} built, {tested} tested with a real client", Paint.BOLD))


def coverage_rows() -> "list[CoverageRow]":
    """The table of this release."""
    import poolhouse.userpools.operations
    from poolhouse.endpoint import bound_operations
    from poolhouse.model.catalogue import coverage as table

    del poolhouse
    built = bound_operations().keys()
    return table(built, tested_targets() & built)


def tested_targets() -> set[str]:
    """What the client tests exercised."""
    text = (resources.files("poolhouse.cli") / TESTED_FILE).read_bytes()
    return set(msgspec.json.decode(text, type=list[str]))


def row_document(row: "CoverageRow") -> dict[str, object]:
    """A row for scripts."""
    return {
        "service": row.service,
        "operation": row.operation,
        "auth": row.auth,
        "built": row.built,
        "tested": row.tested,
    }


def _mark(value: bool) -> str:
    return "✓" if value else "·"
