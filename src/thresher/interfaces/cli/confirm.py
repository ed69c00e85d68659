"""Questions before what can't be undone: at a terminal, and nowhere else."""

from __future__ import annotations

import sys

import typer

from thresher.errors import ThresherError, UsageError


def ask(question: str, otherwise: str) -> None:
    """Go on only where the user agrees; else a ThresherError says `otherwise`, what was not done."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} there is no terminal to answer at; say --yes")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as error:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from error
    if not agreed:
        raise ThresherError(otherwise)
