"""The text of an HTML e-mail, for readers and filters that want one beside it. Never a source of HTML."""

from html.parser import HTMLParser

_SILENT = frozenset({"head", "script", "style", "template", "title"})
_BREAKS = frozenset(
    {"address", "blockquote", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "p", "table", "tr"}
)


class _Reader(HTMLParser):
    """Collects what a person would read, and where links lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.links: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Break lines where a browser would; remember a link's end."""
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BREAKS:
            self.parts.append("\n")
        elif tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Write a link's address after its text."""
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BREAKS and tag != "br":
            self.parts.append("\n")
        elif tag == "a" and self.links:
            link = self.links.pop()
            if link:
                self.parts.append(f" ({link})")

    def handle_data(self, data: str) -> None:
        """Keep the words; white space is one blank, as in a browser."""
        if not self._silent:
            words = " ".join(data.split())
            self.parts.append((" " if data[:1].isspace() else "") + words + (" " if data[-1:].isspace() else ""))


def read_as_text(markup: str) -> str:
    """The readable text of an HTML body."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.parts).split("\n")]
    kept = [line for index, line in enumerate(lines) if line or (index and lines[index - 1])]
    return "\n".join(kept).strip()
