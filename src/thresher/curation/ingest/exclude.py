"""Patterns of files and folders that a scan leaves out, with the rules of a .gitignore file.

A pattern without a slash fits the name of a file or folder at any depth: `*_16k.wav`, `rejected`. A pattern with a
slash at the start or in the middle fits the path below the ingested folder: `run7/demos`. A slash at the end fits
folders only. `*` and `?` stand for anything but a slash, `**` for any number of folders, `[a-z]` and `[!a-z]` for
one character; `\\` takes the meaning from the next one. A pattern that begins with `!` includes again what earlier
ones leave out.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from thresher.errors import UsageError


@dataclass(frozen=True)
class Exclusion:
    """A pattern of `--exclude`, and how many audio files and folders it left out of a scan.

    What is inside of a folder that was left out is not counted.
    """

    pattern: str
    files: int
    folders: int


@dataclass(frozen=True)
class _Rule:
    pattern: str
    regex: re.Pattern[str]
    folders_only: bool
    takes_back: bool


class Exclude:
    """Decides for a scan what is left out, and counts it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._rules = [_rule(pattern) for pattern in patterns]
        self._counts: Counter[tuple[str, bool]] = Counter()

    def leaves_out(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a file or folder is left out; `path` is relative to the ingested folder."""
        path = unicodedata.normalize("NFC", path)
        last = None
        for rule in self._rules:
            if (is_folder or not rule.folders_only) and rule.regex.fullmatch(path):
                last = rule
        if last is None or last.takes_back:
            return False
        self._counts[last.pattern, is_folder] += 1
        return True

    def report(self) -> tuple[Exclusion, ...]:
        """Return what each pattern has left out so far, in their order, without those that take back."""
        return tuple(
            Exclusion(rule.pattern, self._counts[rule.pattern, False], self._counts[rule.pattern, True])
            for rule in self._rules
            if not rule.takes_back
        )


def check_exclude(patterns: Sequence[str]) -> None:
    """Raise UsageError for a pattern that no file can fit."""
    for pattern in patterns:
        _rule(pattern)


def _rule(pattern: str) -> _Rule:
    # bytes that are not UTF-8 become the same surrogates as in the paths of a scan
    text = unicodedata.normalize("NFC", os.fsencode(pattern).decode("utf-8", "surrogateescape"))
    takes_back = text.startswith("!")
    body = text.removeprefix("!")
    folders_only = body.endswith("/")
    body = body.rstrip("/")
    anchored = "/" in body
    body = body.removeprefix("/").removeprefix("./")
    if not body or "//" in body:
        raise UsageError(f'--exclude "{pattern}" names no file or folder; write for example "*_draft.wav"')
    try:
        regex = re.compile(_regex(body, anchored=anchored), re.DOTALL)
    except re.error as error:
        raise UsageError(f'--exclude "{pattern}" is not a valid pattern: {error}') from error
    return _Rule(pattern, regex, folders_only, takes_back)


_PARTS = re.compile(
    r"(?P<any_folders>(?:^|(?<=/))\*\*/)|(?P<inside>/\*\*$)|(?P<star>\*+)|(?P<one>\?)"
    r"|\[(?P<not>[!^]?)(?P<set>\]?[^\]]+)\]|\\(?P<escaped>.)|(?P<literal>.)",
    re.DOTALL,
)


def _regex(body: str, *, anchored: bool) -> str:
    """Return the regular expression of a pattern without the slashes at its ends."""
    parts: list[str] = []
    pieces: list[str] = [] if anchored else [""]  # the folders and names between two `**/`
    names: list[list[str]] = [[]]  # the name between two slashes, cut at its stars
    for part in _PARTS.finditer(body):
        if part["any_folders"]:
            pieces.append("".join(parts))
            parts = []
        elif part["inside"] or part["literal"] == "/":
            parts += _name_regex(names), "/.+" if part["inside"] else "/"
            names = [[]]
        elif part["star"]:
            names.append([])
        elif part["one"]:
            names[-1].append("[^/]")
        elif part["set"]:
            inside = part["set"].replace("\\", "\\\\").replace("]", "\\]").replace("[", "\\[")
            names[-1].append(f"(?!/)[{'^' if part['not'] else ''}{inside}]")
        else:
            names[-1].append(re.escape(part["escaped"] or part["literal"]))
    return _path_regex([*pieces, "".join([*parts, _name_regex(names)])])


def _path_regex(pieces: Sequence[str]) -> str:
    """Return the regular expression of a path from its pieces, between which any number of folders may be.

    As in a name, each piece but the last is taken where it fits first.
    """
    first, *rest = pieces
    if not rest:
        return first
    between = "".join(f"(?>(?:[^/]+/)*?{piece})" for piece in rest[:-1] if piece)
    return f"{first}{between}(?:[^/]+/)*{rest[-1]}"


def _name_regex(pieces: Sequence[Sequence[str]]) -> str:
    """Return the regular expression of a name from the pieces between its stars.

    Each piece but the last is taken where it fits first, and never tried again (an atomic group): what follows a
    star fits there if it fits anywhere. So the time does not grow with the power of the number of stars.
    """
    first, *rest = ("".join(piece) for piece in pieces)
    if not rest:
        return first
    return first + "".join(f"(?>[^/]*?{piece})" for piece in rest[:-1]) + f"[^/]*{rest[-1]}"
