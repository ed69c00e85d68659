"""The shape of a path: the path with its numbers replaced by `#`, which files of one kind share."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import takewhile

from thresher.catalog.files.paths import display_text

_HEXADECIMAL = re.compile(
    r"(?<![^\W_])(?=[a-f]*[0-9])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,})(?![^\W_])"
)
_NUMBER = re.compile(r"[0-9]+")
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}\Z")
_WORD = re.compile(r"[^\W_]+|[\W_]")


def shape_of(path: bytes, root: bytes) -> str:
    """Return the shape of a path from the name of the folder `root` above it: `night/step_#.wav`.

    Numbers become `#`, and so do identifiers of eight or more hexadecimal digits. A suffix such as `.mp3` stays.
    """
    inside = display_text(path.removeprefix(os.path.join(os.path.dirname(root), b"")))
    match = _SUFFIX.search(inside)
    stem, suffix = (inside[: match.start()], match[0]) if match else (inside, "")
    return _NUMBER.sub("#", _HEXADECIMAL.sub("#", stem)) + suffix


def common_shape(shapes: Sequence[str]) -> str:
    """Return the shape that several shapes have in common: `night/*_step_#.*`.

    `*` stands for what differs in a name, and `**` for folders of different depth.
    """
    parts = [shape.split("/") for shape in shapes]
    if len({len(each) for each in parts}) == 1:
        return "/".join(_common_name(names) for names in zip(*parts, strict=True))
    head = list(takewhile(_are_equal, zip(*(each[:-1] for each in parts), strict=False)))
    return "/".join([*(names[0] for names in head), "**", _common_name([each[-1] for each in parts])])


def _common_name(names: Sequence[str]) -> str:
    """Return a name with the words that all names have in the same order, and `*` for what some have between."""
    words = [_WORD.findall(name) for name in dict.fromkeys(names)]
    common = words[0]
    for each in words[1:]:
        blocks = SequenceMatcher(None, common, each, autojunk=False).get_matching_blocks()
        common = [word for block in blocks for word in common[block.a : block.a + block.size]]
    has_gap = [False] * (len(common) + 1)
    for each in words:
        at = 0
        for number, word in enumerate(common):
            found = each.index(word, at)
            has_gap[number] |= found > at
            at = found + 1
        has_gap[-1] |= at < len(each)
    shown = [f"*{word}" if gap else word for gap, word in zip(has_gap, common, strict=False)]
    return "".join(shown) + ("*" if has_gap[-1] else "")


def _are_equal(texts: Sequence[str]) -> bool:
    return len(set(texts)) == 1
