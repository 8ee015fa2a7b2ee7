"""The comb method for powers of one fixed base (Lim and Lee, CRYPTO '94): its shape, apart from any arithmetic.

Owns which table entries exist and which ones an exponent picks. Must not know how numbers are multiplied or stored.
"""

from collections.abc import Callable
from typing import Final, TypeVar

ROWS: Final = 6
"""The exponent's bits are laid out in this many rows; an entry is picked by a column, one bit of each row."""
COLUMNS: Final = 43
BLOCK: Final = 6
"""Columns that share a table, at the price of a squaring between them."""
BLOCKS: Final = -(-COLUMNS // BLOCK)
ENTRIES: Final = 1 << ROWS
EXPONENT_BITS: Final = ROWS * COLUMNS
"""The longest exponent that the comb takes: 258 bits, for SHA-256 values and 256-bit secrets."""

NumberT = TypeVar("NumberT")


def table(base: NumberT, one: NumberT, multiply: Callable[[NumberT, NumberT], NumberT]) -> list[list[NumberT]]:
    """The tables, one per block, of the base `base`: entry d of block k is its power with exponent
    the sum over the bits j of d of 2^(COLUMNS*j + BLOCK*k)."""
    tower = [base]
    for _ in range(COLUMNS * (ROWS - 1) + BLOCK * (BLOCKS - 1)):
        tower.append(multiply(tower[-1], tower[-1]))
    return [_block([tower[COLUMNS * row + BLOCK * k] for row in range(ROWS)], one, multiply) for k in range(BLOCKS)]


def _block(teeth: list[NumberT], one: NumberT, multiply: Callable[[NumberT, NumberT], NumberT]) -> list[NumberT]:
    entries = [one]
    for tooth in teeth:
        entries += [tooth, *(multiply(entry, tooth) for entry in entries[1:])]
    return entries


def picks(exponent: int) -> list[list[tuple[int, int]]]:
    """For each step, from the first: the (block, entry) pairs to multiply in. Before each step but the first, square.

    The shape of the answer is the same for every exponent of at most EXPONENT_BITS bits; only the entries differ.
    """
    # As text, a column is a slice with a stride; shifting and masking bit by bit costs four times as much.
    bits = format(exponent, _FORMAT)
    return [[(k, int(bits[at::COLUMNS], 2)) for k, at in step] for step in _STEPS]


_FORMAT: Final = f"0{EXPONENT_BITS}b"
# Column c of the exponent (from its low end) is found at COLUMNS - 1 - c of the text, which begins at the high end.
_STEPS: Final = [
    [(k, COLUMNS - 1 - column) for k in range(BLOCKS) if (column := BLOCK * k + step) < COLUMNS]
    for step in reversed(range(BLOCK))
]
