"""Find the command line that made a file in a sidecar or a tag, and read its flags.

Flags are `--seed 42`, `--seed=42`, `--use-sampling` (true), and the assignments `seed=42` and `+seed=42` of Hydra
and Dora. The names of flags are written with `_`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

COMMAND_KEYS = frozenset(
    (
        *("command", "cmd", "cmdline", "commandline", "command_line", "argv", "args"),
        *("cli", "invocation", "sys_argv", "sys.argv"),
    )
)
"""The keys of sidecars, in any case, that hold a command line: a text or a list of words."""

LONGEST_COMMAND = 32_768  # characters

_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)(?:=(.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"\+{0,2}([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_HAS_FLAG = re.compile(r"(?:^|\s)--[A-Za-z]")


def command_of(value: object) -> tuple[str, ...]:
    """Return the words of a command line that a text or a list of texts and numbers holds; empty if it is none."""
    if isinstance(value, str) and len(value) <= LONGEST_COMMAND:
        try:
            return tuple(shlex.split(value))
        except ValueError:  # an open quotation mark
            return tuple(value.split())
    if (
        isinstance(value, list | tuple)
        and value
        and all(isinstance(each, str | int | float) for each in value)
    ):
        words = tuple(map(str, value))
        return words if sum(map(len, words)) <= LONGEST_COMMAND else ()
    return ()


def is_command(text: str) -> bool:
    """Return whether a text, such as a comment, is a command line with flags."""
    return len(text) <= LONGEST_COMMAND and _HAS_FLAG.search(text) is not None


def flags_of(words: Sequence[str]) -> dict[str, str]:
    """Return the flags of a command line and their values; of a flag that occurs twice, the last value."""
    return dict(_flags(words))


def _flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if (flag := _FLAG.fullmatch(word)) is None:
            if (assigned := _ASSIGNMENT.fullmatch(word)) is not None:
                yield assigned[1], assigned[2]
            continue
        value = flag[2]
        if value is None and position < len(words) and not _is_flag(words[position]):
            value = words[position]
            position += 1
        yield flag[1].replace("-", "_"), "true" if value is None else value


def _is_flag(word: str) -> bool:
    """Return whether a word is a flag, not a value: -1 and -0.5 are values."""
    return _FLAG.fullmatch(word) is not None


def find_command(content: Mapping[str, object]) -> tuple[str, ...]:
    """Return the words of the command line in a JSON object; empty if it holds none."""
    for key, value in content.items():
        if key.casefold() in COMMAND_KEYS and (words := command_of(value)):
            return words
    return ()
