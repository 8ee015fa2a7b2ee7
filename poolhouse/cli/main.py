"""The `poolhouse` command: its parts, and the one place where failures become a line and an exit code.

Commands import what they need when they run, so that help and completion answer at once.
"""

import sys
from typing import Annotated

import typer

from poolhouse.cli import doctor, keys, overview, serve, stacks, up, users
from poolhouse.cli.failures import EXIT_INTERRUPTED, EXIT_REFUSED, explain
from poolhouse.cli.terminal import complain

app = typer.Typer(
    name="poolhouse",
    help="A self-hosted identity service that speaks Amazon Cognito's language.\n\n"
    "Start with [bold]poolhouse up template.yaml[/bold]: it deploys a SAM template and serves it on this machine.",
    epilog="Every command takes --output json. Options of an installation: docs/configuration.md",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"poolhouse {version('poolhouse')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version


_SERVE, _STACKS, _LOOK = "Serve", "Stacks", "Look after it"
app.command(rich_help_panel=_SERVE)(up.up)
app.command(rich_help_panel=_SERVE)(serve.serve)
app.command(rich_help_panel=_STACKS)(stacks.deploy)
app.command(rich_help_panel=_STACKS)(stacks.describe)
app.command(rich_help_panel=_STACKS)(stacks.delete)
app.add_typer(users.app, rich_help_panel="Users and keys")
app.add_typer(keys.app, rich_help_panel="Users and keys")
app.command(rich_help_panel=_LOOK)(doctor.doctor)
app.command(rich_help_panel=_LOOK)(overview.coverage)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    try:
        app(args=arguments, prog_name="poolhouse")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_REFUSED
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (`| head`): nothing to say, and nobody to say it to.
        sys.stderr.close()
        return EXIT_REFUSED
    except Exception as error:
        # The boundary: what is foreseeable becomes one line, the rest keeps its traceback for a bug report.
        told = explain(error)
        if told is None:
            raise
        complain(told)
        return EXIT_REFUSED
    return 0
