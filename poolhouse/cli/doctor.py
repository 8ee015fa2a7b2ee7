"""`poolhouse doctor`: what is there, what is missing, and what to do about it. The checks are in checks.py."""

from pathlib import Path

import click

from poolhouse.cli.failures import EXIT_REFUSED
from poolhouse.cli.options import Command, output_option, state_option
from poolhouse.cli.terminal import Output, Paint, Terminal, paint

_SIGNS = {"fine": ("✓", Paint.GREEN), "off": ("–", Paint.YELLOW), "wrong": ("✗", Paint.RED)}


@click.command(cls=Command, examples=("", "--output json"))
@state_option
@output_option
def doctor(state: Path | None, output: Output) -> None:
    """Check this machine and the installation.

    The exit code is 1 if something has to be put right.
    """
    from poolhouse.cli.checks import examine
    from poolhouse.cli.installation import run

    terminal = Terminal(output)
    findings = run(examine(state))
    terminal.document([finding.document() for finding in findings])
    for finding in findings:
        sign, colour = _SIGNS[finding.verdict]
        terminal.line(f"{paint(sign, colour)} {finding.name:<14} {finding.detail}")
        if finding.advice:
            terminal.line(f"  {'':<14} {paint(finding.advice, Paint.DIM)}")
    if any(finding.verdict == "wrong" for finding in findings):
        raise click.exceptions.Exit(EXIT_REFUSED)
