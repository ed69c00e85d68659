"""Parts of messages: counts with a noun, shortened lists, alternatives, commands to paste into a shell."""

from __future__ import annotations

import shlex
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


def shortened(text: str, most: int = 40) -> str:
    """Return a text of at most `most` characters; a longer one is cut, and ends with "…"."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shell_word(text: str) -> str:
    """Return `text` as one word of a command for a shell, in double quotes where these suffice.

    The escapes of a path that is not UTF-8, such as `\\xff`, are turned back into bytes by the shell.
    """
    if "\\x" in text or not text.isprintable():
        return "$'" + text.replace("'", "\\'") + "'"
    return shlex.quote(text) if set(text) & set('"\\$`!') else f'"{text}"'


def command_on(command: str, name: str, *, options: str = "", then: str = "") -> str:
    """Return the command that does something with the song or query `name`: `thresher song show "A"`.

    `then` are words that follow the name. Options stand before a name that begins with a dash.
    """
    words = ["thresher", command, shell_word(name), then, options]
    if name.startswith("-"):
        words = ["thresher", command, options, "--", shell_word(name), then]
    return " ".join(word for word in words if word)


def listing_of(kind: str, number: int) -> str:
    """Return the command that lists all songs ("song") or saved queries ("query"), or makes the first one."""
    if number == 0:
        return f"there is none yet; `thresher {kind} save NAME QUERY` makes one"
    return f"`thresher {kind} list` shows all {number}"
