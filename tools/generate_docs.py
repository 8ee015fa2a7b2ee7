"""Write the pages of docs/ that are made from the code, and what the coverage table knows of the client tests.

python tools/generate_docs.py            write
python tools/generate_docs.py --check    fail, naming the files, if what is written differs
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from poolhouse.cli.overview import coverage_rows
from poolhouse.config import PREFIX, Config

ROOT = Path(__file__).resolve().parent.parent
MADE = "<!-- Made by `make docs`; edit {source} instead. -->\n\n"
COVERED = ROOT / "tests" / "clients" / "covered.json"
TESTED = ROOT / "poolhouse" / "cli" / "tested.json"
_CITED = re.compile(r" ?\([^()]*(?:\.md|STATE)[^()]*\)")
"""What the code cites is the specification that it was written from, not a page of these docs."""
SECRET_DOOR = """\
The master key is not among them. It comes from `POOLHOUSE_MASTER_KEY` itself, from the command or the file named below,
in that order; in development it is made in the state folder. `poolhouse keys generate` prints a new one.
"""


def configuration() -> str:
    """docs/configuration.md."""
    lines = [
        "# Configuration\n",
        f"Every option is an environment variable with the prefix `{PREFIX}`; `poolhouse up` and `serve` take",
        "the most frequent ones as options too, and these win. A value that cannot be is refused at the start.\n",
        SECRET_DOOR,
        "| variable | takes | default | meaning |",
        "|---|---|---|---|",
    ]
    info = msgspec.inspect.type_info(Config)
    assert isinstance(info, msgspec.inspect.StructType)
    lines += [_option(field) for field in info.fields]
    return MADE.format(source="poolhouse/config.py") + "\n".join(lines) + "\n"


def _option(field: msgspec.inspect.Field) -> str:
    kind, meaning = field.type, ""
    while isinstance(kind, msgspec.inspect.Metadata):
        meaning = str((kind.extra_json_schema or {}).get("description", meaning))
        kind = kind.type
    if field.default is not msgspec.NODEFAULT:
        default = field.default
    else:
        default = "" if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    shown = "" if default in ("", []) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return f"| `{PREFIX}{field.name.upper()}` | {_takes(kind)} | {shown} | {meaning} |"


def _takes(kind: msgspec.inspect.Type) -> str:
    match kind:
        case msgspec.inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in kind.values)
        case msgspec.inspect.BoolType():
            return "`true`, `false`"
        case msgspec.inspect.IntType():
            if kind.ge is not None and kind.le is not None:
                return f"{kind.ge}–{kind.le}"
            return "a number" if kind.ge is None else f"a number from {kind.ge}"
        case msgspec.inspect.FloatType():
            return "seconds"
        case msgspec.inspect.ListType():
            return "a list, comma-separated"
        case msgspec.inspect.StrType():
            return "text" if kind.pattern is None else f"text like `{kind.pattern}`".replace("|", "\\|")
        case _:
            return "a path"


def operations() -> str:
    """docs/operations.md."""
    rows = coverage_rows()
    built, tested = sum(row.built for row in rows), sum(row.tested for row in rows)
    callers = {"none": "anyone", "token": "access token", "sigv4": "signed"}
    lines = [
        "# Operations\n",
        f"{built} of {len(rows)} operations are built, {tested} of them tested with a real client.",
        "`poolhouse coverage` prints the same. What is not built answers with `UnsupportedOperationException`.\n",
    ]
    for service in dict.fromkeys(row.service for row in rows):
        lines += [f"## {service}\n", "| operation | caller | built | tested with a real client |", "|---|---|---|---|"]
        lines += [
            f"| {row.operation} | {callers[row.auth]} | {_yes(row.built)} | {_yes(row.tested)} |"
            for row in rows
            if row.service == service
        ]
        lines.append("")
    return MADE.format(source="the operations") + "\n".join(lines)


def _yes(value: bool) -> str:
    return "✓" if value else ""


def deviations() -> str:
    """docs/deviations.md."""
    lines = [
        "# Deviations\n",
        "Where Poolhouse differs from the service on purpose, as the code says it (`DEVIATION:`). Where the service's",
        "behaviour is not known, see [fidelity.md](fidelity.md).\n",
    ]
    for room, found in _by_room():
        lines += [f"## {room}\n", *(f"- {text}  \n  {place}" for place, text in found), ""]
    return MADE.format(source="the comment in the code") + "\n".join(lines)


def _by_room() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    rooms: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((ROOT / "poolhouse").rglob("*.py")):
        inside = path.relative_to(ROOT / "poolhouse")
        room = inside.parts[0] if len(inside.parts) > 1 else "the server"
        source = path.read_text()
        subject = source.removeprefix('"""').split("\n", 1)[0].removesuffix('"""').rstrip(".")
        subject = _CITED.sub("", subject)
        for text in marked(source):
            rooms.setdefault(room, []).append((f"`{path.relative_to(ROOT)}`: {subject}", text))
    yield from sorted(rooms.items())


def marked(source: str) -> Iterator[str]:
    """The text of each deviation in a module: to the end of its comment or of its docstring's paragraph."""
    lines = source.splitlines()
    for number, line in enumerate(lines):
        if "DEVIATION:" not in line:
            continue
        comment = line.lstrip().startswith("#")
        parts = [line.partition("DEVIATION:")[2]]
        for following in lines[number + 1 :]:
            stripped = following.strip()
            if parts[-1].rstrip().endswith('"""') or not stripped or stripped.startswith('"""'):
                break
            if comment != stripped.startswith("#"):
                break
            parts.append(stripped.removeprefix("#"))
        text = " ".join(" ".join(parts).replace('"""', "").partition(" Raises ")[0].split())
        text = _CITED.sub("", text)
        yield re.sub(r"^\w", lambda first: first[0].upper(), text)


def tested() -> str:
    """poolhouse/cli/tested.json."""
    targets = json.loads(COVERED.read_text()) if COVERED.exists() else []
    return json.dumps(sorted(targets), indent=1) + "\n"


def main() -> int:
    """Write or check; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    checking = parser.parse_args().check
    # The coverage table reads it: first, and on its own.
    pages = [(TESTED, tested)]
    pages += [(ROOT / "docs" / f"{page.__name__}.md", page) for page in (configuration, operations, deviations)]
    stale = []
    for path, make in pages:
        text = make()
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not checking:
            path.write_text(text)
    if checking and stale:
        print(f"stale: {', '.join(stale)}; run `make docs`", file=sys.stderr)
    return 1 if checking and stale else 0


if __name__ == "__main__":
    sys.exit(main())
