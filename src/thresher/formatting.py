"""Parts of messages: counts with a noun, shortened lists, alternatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def counted(number: int, noun: str) -> str:
    """Return a count with its noun: "1 clip", "2,000 clips". The plural must end in s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return the first `most` names, and the number of further ones: "a, b and 3 more"."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def any_of(words: Iterable[str]) -> str:
    """Return words as alternatives: "a", "a or b", "a, b or c"."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def unknown(what: str, value: str, expected: Iterable[str]) -> str:
    """Say that `value` is not one of the expected words: `unknown role "x" (expected generated or reference)`."""
    return f'unknown {what} "{value}" (expected {any_of(expected)})'
