"""`poolhouse doctor`: what is there, what is missing, and what to do about it. The checks are in checks.py."""

import typer

from poolhouse.cli.options import OutputOption, StateOption
from poolhouse.cli.terminal import Output, Paint, Terminal, paint


def doctor(state: StateOption = None, output: OutputOption = Output.TEXT) -> None:
    """Check this machine and the installation. Exit code 1 if something has to be put right."""
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
        raise typer.Exit(1)


_SIGNS = {"fine": ("✓", Paint.GREEN), "off": ("–", Paint.YELLOW), "wrong": ("✗", Paint.RED)}
