"""Questions to the person at the terminal.

Owns what happens where nobody can answer: a refusal that names the option.
"""

import getpass
import sys

from poolhouse.cli.failures import Refused


def confirm(question: str, *, yes: bool) -> None:
    """Go on only after a yes. Raises Refused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"{question} Nobody can answer here: add --yes to go on")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")


def read_secret(prompt: str) -> str:
    """A secret from the terminal, unseen, or from a line of standard input. Raises Refused for an empty one."""
    secret = getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not secret:
        raise Refused(f"no {prompt.lower()} was given; type it, or send it as a line of standard input")
    return secret
