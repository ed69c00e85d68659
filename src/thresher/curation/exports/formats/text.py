"""Text and paths for one line of a text file. All results can be encoded as UTF-8."""

from __future__ import annotations

import os
import re
from pathlib import Path

from thresher.curation.exports.formats.timeline import Entry

# control characters, and everything that ends a line for some reader
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")  # from file names that are not valid UTF-8


def one_line(text: str) -> str:
    """The text on one line: control characters become spaces, and surrogates become U+FFFD."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text)).strip()


def relative_path(path: bytes, folder: bytes) -> bytes:
    """An absolute path relative to the absolute `folder`, if both are below a common folder other than the root.

    Otherwise, and for an empty `folder`, the path itself.
    """
    if folder.rstrip(b"/") and path.startswith(folder.rstrip(b"/") + b"/"):
        return path.removeprefix(folder.rstrip(b"/") + b"/")
    top = folder.split(b"/")[:2]
    if len(top) < 2 or not top[1] or path.split(b"/")[:2] != top:
        return path
    return os.path.relpath(path, folder)


def folder_of(target: Path) -> bytes:
    """The folder to which paths in the file `target` can be relative; empty if a symlink leads to it.

    Some programs resolve ".." in the text of a path and others in the file system, which differ after a symlink.
    """
    folder = os.path.abspath(target.parent)
    return os.fsencode(folder) if os.path.realpath(folder) == folder else b""


def path_text(path: bytes) -> str:
    """A path as text: bytes that are not UTF-8 become U+FFFD, and control characters become spaces."""
    return _CONTROLS.sub(" ", path.decode("utf-8", "replace"))


def checkpoint_in_words(entry: Entry) -> str:
    """The checkpoint as text, such as "bone, epoch 12, step 3400"; empty if it is unknown."""
    known = (
        None if entry.run is None else one_line(entry.run),
        None if entry.epoch is None else f"epoch {entry.epoch}",
        None if entry.step is None else f"step {entry.step}",
    )
    return ", ".join(part for part in known if part)
