"""Translate the Java regular expressions of the service models into Python ones for a whole-string match.

Owns character-class arithmetic. Knows nothing of shapes or of the generated modules.
"""

import re

Ranges = list[tuple[int, int]]

_END = 0x10FFFF
# Unicode general categories that do not move between Unicode versions (Zs, Zl, Zp; Cc, Cf, Cs, Co, noncharacters).
# DEVIATION: code points that Unicode has not assigned yet count as assigned, so that the answer does not depend
# on the age of a Unicode table (ours or the service's); a new emoji is a symbol, not an error.
_SEPARATORS: Ranges = [
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
]
_OTHER: Ranges = [
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x2064),
    (0x2066, 0x206F),
    (0xD800, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    *[(plane * 0x10000 + 0xFFFE, plane * 0x10000 + 0xFFFF) for plane in range(1, 0xF)],
    (0xE0001, 0xE0001),
    (0xE0020, 0xE007F),
    (0xF0000, _END),
]
_SPACE: Ranges = [(0x09, 0x0D), (0x20, 0x20)]
_DIGIT: Ranges = [(0x30, 0x39)]
_WORD: Ranges = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_LINE_ENDS: Ranges = [(0x0A, 0x0A), (0x0D, 0x0D), (0x85, 0x85), (0x2028, 0x2029)]
_VISIBLE = frozenset("LMSNP")


class Untranslatable(Exception):
    """The pattern uses something that this translator does not know; carries the pattern."""


def merge(ranges: Ranges) -> Ranges:
    """Sort, and join ranges that overlap or touch."""
    merged: Ranges = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def complement(ranges: Ranges) -> Ranges:
    """Every code point that is in none of `ranges`."""
    result: Ranges = []
    start = 0
    for low, high in merge(ranges):
        if low > start:
            result.append((start, low - 1))
        start = high + 1
    if start <= _END:
        result.append((start, _END))
    return result


def translate(java: str, *, ceiling: int = _END) -> str | None:
    """The Python pattern (for `search`, anchored at both ends) that matches what Java's `matches` does.

    None if every string matches. With a `ceiling`, a class that would have to list code points above it matches
    none of them: such a pattern is cheap to compile, and whatever it matches the full one matches too.
    Raises Untranslatable.
    """
    if java == "(?s).*":
        return None
    pieces = _LINEAR.get(java)
    if pieces is None:
        return rf"\A(?:{_Translation(java, ceiling).run()})\Z"
    template, repeated = pieces
    return rf"\A{template.replace('X', _Translation(repeated, ceiling).run())}\Z"


class _Translation:
    """One pass over one pattern; `position` is the next character to read."""

    def __init__(self, java: str, ceiling: int) -> None:
        self.java = java
        self.ceiling = ceiling
        self.position = 0

    def run(self) -> str:
        out: list[str] = []
        while self.position < len(self.java):
            out.append(self._atom())
        return "".join(out)

    def _take(self) -> str:
        if self.position >= len(self.java):
            raise Untranslatable(self.java)
        character = self.java[self.position]
        self.position += 1
        return character

    def _atom(self) -> str:
        character = self._take()
        if character == "[":
            return self._bracket()
        if character == "\\":
            if self.java.startswith("b", self.position):
                self.position += 1
                return r"(?a:\b)"  # between ASCII word characters and others, as Java's own
            single, ranges = self._escape()
            return _literal(single) if single is not None else self._emit(ranges)
        if character == ".":
            return self._emit(complement(_LINE_ENDS))
        if character == "$":
            return r"\Z"
        if character in "^()|*+?{}" or character.isalnum() or character in ":!<,=-@#_ /":
            return character
        raise Untranslatable(self.java)

    def _escape(self) -> tuple[int | None, Ranges]:
        """After a backslash: one code point, or a class of them."""
        character = self._take()
        classes = {"s": _SPACE, "S": complement(_SPACE), "d": _DIGIT, "w": _WORD}
        if character in classes:
            return None, classes[character]
        if character == "x":
            return int(self._take() + self._take(), 16), []
        if character == "u":
            return self._code_point(), []
        controls = {"t": 0x09, "n": 0x0A, "r": 0x0D}
        if character in controls:
            return controls[character], []
        if character.isalnum():
            raise Untranslatable(self.java)
        return ord(character), []

    def _code_point(self) -> int:
        # DEVIATION: the sts model writes \u10000-\u10FFFF and means U+10000 to U+10FFFF; Java reads four digits
        # only, which would refuse every supplementary character.
        for escaped in ("10000", "10FFFF"):
            if self.java.startswith(escaped, self.position):
                self.position += len(escaped)
                return int(escaped, 16)
        digits = self.java[self.position : self.position + 4]
        self.position += 4
        return int(digits, 16)

    def _category(self) -> str:
        if self._take() != "{":
            raise Untranslatable(self.java)
        name = self._take()
        if self._take() != "}":
            raise Untranslatable(self.java)
        return name

    def _bracket(self) -> str:
        negated = self.java.startswith("^", self.position)
        self.position += negated
        ranges: Ranges = []
        categories: set[str] = set()
        while not self.java.startswith("]", self.position):
            if self.java.startswith(r"\p", self.position):
                self.position += 2
                categories.add(self._category())
            else:
                ranges += self._item()
        self.position += 1
        return self._class(negated, ranges, categories)

    def _item(self) -> Ranges:
        low, ranges = self._bracket_character()
        # a hyphen is literal beside a class and at the end of the bracket
        is_range = low is not None and self.java.startswith("-", self.position)
        if not is_range or self.java.startswith("-]", self.position):
            return ranges if low is None else [(low, low)]
        self.position += 1
        high, _ = self._bracket_character()
        if low is None or high is None or high < low:
            raise Untranslatable(self.java)
        return [(low, high)]

    def _bracket_character(self) -> tuple[int | None, Ranges]:
        character = self._take()
        if character == "\\":
            return self._escape()
        if character in "[&":  # nested classes and intersections
            raise Untranslatable(self.java)
        return ord(character), []

    def _class(self, negated: bool, ranges: Ranges, categories: set[str]) -> str:
        if "Z" in categories:
            ranges += _SEPARATORS
        letters = categories - {"Z"}
        if letters == _VISIBLE:
            ranges += complement(merge(_SEPARATORS + _OTHER))
        elif letters == {"L", "N"} and (0x5F, 0x5F) in ranges and not negated:
            # Python's \w is exactly L, N and the underscore
            return rf"[\w{_inside(merge(ranges))}]"
        elif letters:
            raise Untranslatable(self.java)
        return self._emit(complement(ranges) if negated else merge(ranges))

    def _emit(self, ranges: Ranges) -> str:
        """The shorter of the class and the negation of its complement, within the ceiling."""
        inverse = complement(ranges)
        if not inverse:
            return r"[\s\S]"
        if len(inverse) < len(ranges) and inverse[-1][1] <= self.ceiling:
            return f"[^{_inside(inverse)}]"
        return f"[{_inside([(low, min(high, self.ceiling)) for low, high in ranges if low <= self.ceiling])}]"


def _literal(code_point: int) -> str:
    character = chr(code_point)
    if character.isascii() and character.isprintable():
        return re.escape(character)
    return f"\\u{code_point:04x}" if code_point <= 0xFFFF else f"\\U{code_point:08x}"


def _inside(ranges: Ranges) -> str:
    parts = []
    for low, high in ranges:
        parts.append(_literal(low) if low == high else f"{_literal(low)}-{_literal(high)}")
    return "".join(parts)


_TEXT = r"[\p{L}\p{M}\p{S}\p{N}\p{P}\s*]"
_SIGNS = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]"

_LINEAR = {
    # These search for a marker inside text that may itself contain the marker. Taken literally they backtrack in
    # quadratic or cubic time, minutes for one request body. The first marker decides, so atomic groups lose nothing.
    # X stands for the class beside the template.
    rf"{_TEXT}*\{{####\}}{_TEXT}*": (r"(?>X*?\{####\})X*+", _TEXT),
    rf"{_TEXT}*\{{##{_TEXT}*##\}}{_TEXT}*": (r"(?>X*?\{##)(?>X*?##\})X*+", _TEXT),
    r".*\{####\}.*": (r"(?>X*?\{####\})X*+", "."),
    rf"{_SIGNS}+@{_SIGNS}+": (r"(?>X+?@)X++", _SIGNS),
}
