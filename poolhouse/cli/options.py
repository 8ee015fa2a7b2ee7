"""The options that several commands share, and how help looks.

Owns the command line's grammar. Imported by every start: brings nothing but click.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from poolhouse.cli.terminal import Output, Paint, paint

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

STACK = "poolhouse"
"""The stack's name where none is given."""
FILE = click.Path(path_type=Path)
PORT = click.IntRange(0, 65535)


class Number(click.Option):
    """An option whose help does not spell out the range: the refusal of a value outside does."""

    def get_help_extra(self, ctx: click.Context) -> "OptionHelpExtra":
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def _output(_context: click.Context, _option: click.Parameter, value: str) -> Output:
    return Output(value)


output_option = click.option(
    "--output",
    "-o",
    type=click.Choice([str(one) for one in Output]),
    default=str(Output.TEXT),
    callback=_output,
    help="text for people (default), json for scripts.",
)
state_option = click.option(
    "--state", type=FILE, metavar="DIR", help="The folder of the installation's state (default .poolhouse)."
)
pool_option = click.option(
    "--pool", metavar="POOL", help="The user pool's id or name; not needed where there is one pool."
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
stack_option = click.option("--stack", default=STACK, metavar="NAME", help=f"The stack's name (default {STACK}).")
parameter_option = click.option(
    "--parameter", "-p", multiple=True, metavar="KEY=VALUE", help="A template parameter; may be repeated."
)
template_argument = click.argument("template", type=FILE)


class _Formatter(click.HelpFormatter):
    """Help with headings that stand out."""

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{paint(heading, Paint.BOLD)}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 34, col_spacing: int = 3) -> None:
        super().write_dl([(paint(name, Paint.CYAN), text) for name, text in rows], col_max, col_spacing)


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command with our help, and with examples at its end."""

    context_class = _Context

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **options: Any) -> None:
        """`examples` are what comes after `poolhouse` and the command's own name."""
        super().__init__(*arguments, **options)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
                for example in self.examples:
                    # Not write_text: a line to paste is never folded.
                    formatter.write(f"{'':>{formatter.current_indent}}{ctx.command_path} {example}".rstrip() + "\n")
        super().format_epilog(ctx, formatter)


class Section(click.Group):
    """A group of commands whose help lists them under headings, in the order in which they were added."""

    context_class = _Context
    command_class = Command

    @cached_property
    def headings(self) -> dict[str, str]:
        """The heading of each command that has one, by its name."""
        return {}

    def place(self, heading: str, *commands: click.Command) -> None:
        """Add commands under a heading."""
        for command in commands:
            self.add_command(command)
            self.headings[command.name or ""] = heading

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading in dict.fromkeys(self.headings.get(name, "Commands") for name in self.commands):
            rows = [
                (name, command.get_short_help_str(100))
                for name, command in self.commands.items()
                if self.headings.get(name, "Commands") == heading and not command.hidden
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)
