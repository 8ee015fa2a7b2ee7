"""What a command says: lines and tables for people, JSON for scripts.

Owns standard output. Rich is imported only for a table; the rest of a start must not pay for it.
"""

import errno
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TextIO

import msgspec

JsonDocument = object
"""Anything msgspec encodes: shapes, structs, dicts."""


class Output(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


class Paint(StrEnum):
    """How a word stands out, as an SGR parameter (ECMA-48 section 8.3.117)."""

    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"
    CYAN = "36"


def paint(text: str, colour: Paint, stream: TextIO | None = None) -> str:
    """The text in colour where the stream is a terminal and the person wants colours (no-color.org)."""
    target = sys.stdout if stream is None else stream
    if not target.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


def columns() -> int:
    """How many characters a line on standard output may have; no limit where that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


class Terminal:
    """Where one command writes. What is for people is left out of JSON, and the other way round."""

    def __init__(self, output: Output = Output.TEXT) -> None:
        self.output = output

    @property
    def is_json(self) -> bool:
        """Whether a script reads."""
        return self.output is Output.JSON

    def line(self, text: str = "") -> None:
        """A line for people."""
        if not self.is_json:
            _write(text)

    def document(self, document: JsonDocument) -> None:
        """The command's whole answer, for scripts."""
        if self.is_json:
            encoded = msgspec.json.encode(document, order="deterministic")
            _write(msgspec.json.format(encoded, indent=2).decode())

    def event(self, name: str, document: dict[str, JsonDocument]) -> None:
        """One of several answers, each a line of JSON."""
        if self.is_json:
            _write(msgspec.json.encode({"event": name, **document}).decode())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Rows for people; without a heading where no column has one."""
        if self.is_json:
            return
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_header=any(columns))
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            # Text, not str: a user's name must not be read as markup.
            table.add_row(*(Text(visible(cell)) for cell in row))
        # Into a pipe nothing is cut off or folded: whoever greps wants whole ids.
        console = Console() if sys.stdout.isatty() else Console(width=10_000, soft_wrap=True)
        console.print(table)


# C0 and C1 controls, separators of lines, and what turns the direction of text (Unicode UAX #9).
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """The text with what a terminal would obey, or not show, written out: a user's name is anybody's words."""
    return _UNSEEN.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def complain(text: str) -> None:
    """The line of a failure, on standard error."""
    sys.stderr.write(f"{paint('error:', Paint.RED, sys.stderr)} {text}\n")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        # The terminal was closed: nobody is left to read, and the signal that says so ends a server properly.
        if error.errno != errno.EIO:
            raise
