"""The `poolhouse` command: its parts, and the one place where failures become a line and an exit code.

Commands import what they need when they run, so that help and completion answer at once.
"""

import sys

import click

from poolhouse.cli import VERSION, lean
from poolhouse.cli.doctor import doctor
from poolhouse.cli.failures import EXIT_INTERRUPTED, EXIT_REFUSED, EXIT_USAGE, explain
from poolhouse.cli.keys import keys
from poolhouse.cli.options import Section
from poolhouse.cli.overview import coverage
from poolhouse.cli.serve import serve
from poolhouse.cli.stacks import delete, deploy, describe
from poolhouse.cli.terminal import complain
from poolhouse.cli.up import up
from poolhouse.cli.users import users

__all__ = ["lean", "main", "poolhouse"]


@click.group(
    cls=Section,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command takes --output json. Exit status: 0 done, 1 refused or failed, 2 wrong usage, "
    "130 interrupted. Commands, answers and completion: docs/commands.md. "
    "An installation's options: docs/configuration.md.",
)
@click.version_option(VERSION, message="poolhouse %(version)s", help="Show the version.")
def poolhouse() -> None:
    """A self-hosted identity service that speaks Amazon Cognito's language.

    Start with `poolhouse up template.yaml`: it deploys a SAM template and serves it on this machine.
    """


poolhouse.place("Serve", up, serve)
poolhouse.place("Stacks", deploy, describe, delete)
poolhouse.place("Users and keys", users, keys)
poolhouse.place("Look after it", doctor, coverage)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted."""
    try:
        code = poolhouse.main(arguments, prog_name="poolhouse", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        return _misused(error)
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
    return code if isinstance(code, int) else 0


def _misused(error: click.ClickException) -> int:
    """Wrong usage in one line, or the help where nothing was asked for."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return EXIT_USAGE
    context = error.ctx if isinstance(error, click.UsageError) else None
    said = error.format_message().rstrip(".")
    if context is not None:
        said += f"{' ' if said.endswith(('?', ')')) else '; '}`{context.command_path} --help` shows how"
    complain(said)
    return EXIT_USAGE
