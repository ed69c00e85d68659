"""The names of exported files: those of their sources, with the part, and a number where two would be the same."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from thresher.catalog.files.files import SUFFIXES
from thresher.catalog.files.paths import LONGEST_FILE_NAME

_LONGEST_LABEL = 100  # bytes
_UNWANTED = '/\\:*?"<>|'  # not allowed in names on some file systems


@dataclass(frozen=True)
class NameRequest:
    """A file that needs a name: the name of its source, the id of its clip, and a new suffix or None to keep it.

    `label` is text that follows the name of the source, which several clips of one file share.
    """

    own: bytes
    clip: int
    suffix: bytes | None
    label: str | None = None


def distinct_names(wanted: Sequence[NameRequest]) -> list[bytes]:
    """A different name for each file. Names that differ only in case count as equal.

    If several files would have the same name, all of them get the ids of their clips. A name with an id can
    equal the own name of another file, which then gets an id, too; two names with ids are always different.
    Existing files are not considered, so the same files always get the same names.
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


def _name(wanted: NameRequest, *, is_numbered: bool) -> bytes:
    stem, suffix = os.path.splitext(wanted.own)
    if os.fsdecode(suffix).lower() not in SUFFIXES:
        stem, suffix = wanted.own, b""
    suffix = suffix if wanted.suffix is None else wanted.suffix
    label = b"" if wanted.label is None else b"-" + plain_name(wanted.label, _LONGEST_LABEL)
    mark = label + (b"-%d" % wanted.clip if is_numbered else b"")
    return _cut(stem, LONGEST_FILE_NAME - len(mark) - len(suffix)) + mark + suffix


def plain_name(text: str, longest: int) -> bytes:
    """Return text as a part of a file name that all systems allow, of at most `longest` bytes."""
    plain = "".join("_" if char in _UNWANTED or not char.isprintable() else char for char in text)
    return _cut(plain.encode("utf-8", "replace"), longest).strip()


def _key(name: bytes) -> str:
    """A key that is equal for two names that are the same name on some file systems."""
    text = unicodedata.normalize("NFD", name.decode("utf-8", "surrogateescape"))
    return unicodedata.normalize("NFD", text.casefold())


def _cut(name: bytes, most: int) -> bytes:
    """The first `most` bytes of a name, or up to three fewer, so that no character is cut."""
    end = most
    while most < len(name) and end > most - 3 and name[end] & 0xC0 == 0x80:
        end -= 1
    return name[:end]


def portable_name(name: bytes) -> str:
    """Return the name of a file as text that all systems allow, for an archive or a download."""
    text = "".join(
        "_" if char in _UNWANTED or not char.isprintable() else char
        for char in name.decode("utf-8", "replace").replace("\ufffd", "_")
    )
    return text.strip(" .") or "clip"
