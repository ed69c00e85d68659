"""Ask for confirmation at a terminal, before actions that cannot be undone."""

from __future__ import annotations

import sys

import typer

from thresher.errors import ThresherError, UsageError


def ask(question: str, otherwise: str) -> None:
    """Ask a yes/no question. Raises ThresherError with the text `otherwise` if the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} (no terminal to ask at; use --yes to confirm)")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort as error:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from error
    if not agreed:
        raise ThresherError(otherwise)
