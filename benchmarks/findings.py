"""What a benchmark has found: one line of the table, with the numbers behind it; and the table itself.

Owns wording and layout. Measures nothing.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.databases import TITLES, Name


class Finding(Struct, frozen=True):
    """One result. `met` is None where there is no target. `facts` are in the units that their names say."""

    work: str
    target: str
    shown: str
    met: bool | None
    facts: dict[str, float]


def milliseconds(seconds: float) -> str:
    """As people read them."""
    return f"{seconds * 1000:.3f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"


def microseconds(seconds: float) -> str:
    """As people read them."""
    return f"{seconds * 1e6:.0f} µs"


Found = Mapping[Name, Sequence[Finding]]


def print_table(found: Found, notes: Sequence[str]) -> None:
    """One line for each work, one column for each database."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("work")
    table.add_column("target")
    for name in found:
        table.add_column(TITLES[name])
    table.add_column("met?")
    for work in _works(found):
        cells = [next((finding for finding in found[name] if finding.work == work), None) for name in found]
        target = next(cell.target for cell in cells if cell is not None)
        table.add_row(work, target, *("" if cell is None else cell.shown for cell in cells), _met(cells))
    console = Console(width=max(Console().width, 150), highlight=False)
    console.print(table)
    for note in notes:
        console.print(f"  {note}")


def markdown(found: Found) -> str:
    """The same table for a document."""
    lines = [
        f"| work | target | {' | '.join(TITLES[name] for name in found)} | met |",
        "|---" * (len(found) + 3) + "|",
    ]
    for work in _works(found):
        cells = [next((finding for finding in found[name] if finding.work == work), None) for name in found]
        target = next(cell.target for cell in cells if cell is not None)
        shown = " | ".join("" if cell is None else cell.shown for cell in cells)
        lines.append(f"| {work} | {target} | {shown} | {_met(cells)} |")
    return "\n".join(lines) + "\n"


def _works(found: Found) -> list[str]:
    works: dict[str, None] = {}
    for findings in found.values():
        works.update((finding.work, None) for finding in findings)
    return list(works)


def _met(cells: Sequence[Finding | None]) -> str:
    judged = [cell.met for cell in cells if cell is not None and cell.met is not None]
    if not judged:
        return ""
    return "yes" if all(judged) else " / ".join("yes" if met else "no" for met in judged)
