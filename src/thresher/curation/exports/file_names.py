"""What exported files are called: as their sources are, and with a number where names would meet."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from thresher.catalog.audio import SUFFIXES

LONGEST_NAME = 255
"""Bytes that a file's name may have."""


@dataclass(frozen=True)
class Wanted:
    """A file that needs a name: its source's own name, the number of its clip, and the suffix it shall have in
    place of its own, or None."""

    own: bytes
    clip: int
    suffix: bytes | None


def distinct_names(wanted: Sequence[Wanted]) -> list[bytes]:
    """A name for each file that no other has, upper and lower case being the same.

    Where names meet, all that would have one get their clips' numbers; such a name may meet another's own in
    turn. Two with numbers never do. What is on the disk has no part in it: the same files get the same names.
    """
    numbered: set[int] = set()
    while True:
        names = [_name(each, is_numbered=each.clip in numbered) for each in wanted]
        keys = [_key(name) for name in names]
        count = Counter(keys)
        meeting = {each.clip for each, key in zip(wanted, keys, strict=True) if count[key] > 1}
        if meeting <= numbered:
            return names
        numbered |= meeting


def _name(wanted: Wanted, *, is_numbered: bool) -> bytes:
    stem, suffix = os.path.splitext(wanted.own)
    if os.fsdecode(suffix).lower() not in SUFFIXES:
        stem, suffix = wanted.own, b""
    suffix = suffix if wanted.suffix is None else wanted.suffix
    mark = b"-%d" % wanted.clip if is_numbered else b""
    return _cut(stem, LONGEST_NAME - len(mark) - len(suffix)) + mark + suffix


def _key(name: bytes) -> str:
    """What is equal for names that are one on some file system."""
    text = unicodedata.normalize("NFD", name.decode("utf-8", "surrogateescape"))
    return unicodedata.normalize("NFD", text.casefold())


def _cut(name: bytes, most: int) -> bytes:
    """The beginning of a name, of so many bytes or up to three fewer: no character is cut in the middle."""
    end = most
    while most < len(name) and end > most - 3 and name[end] & 0xC0 == 0x80:
        end -= 1
    return name[:end]
