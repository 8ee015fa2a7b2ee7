"""The options that several commands share, with their help."""

from pathlib import Path
from typing import Annotated

import typer

from poolhouse.cli.terminal import Output

OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="`text` for people, `json` for scripts.", show_default=False)
]
StateOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        help="The folder of the installation's state.  [default: .poolhouse]",
        metavar="DIR",
        show_default=False,
    ),
]
PoolOption = Annotated[
    str | None,
    typer.Option("--pool", help="The user pool's id or name; not needed where there is one pool.", metavar="POOL"),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ParameterOption = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", help="A template parameter; may be repeated.", metavar="KEY=VALUE"),
]
StackOption = Annotated[str, typer.Option("--stack", help="The stack's name.", metavar="NAME")]
STACK = "poolhouse"
"""The stack's name where none is given."""
