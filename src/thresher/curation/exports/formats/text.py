"""Text and paths as they stand in a line of a file; all of it can be written as UTF-8."""

from __future__ import annotations

import re

from thresher.curation.exports.formats.timeline import Entry

# all that ends a line for some reader, and what has no business in one
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")  # bytes of a file name that were no text


def one_line(text: str) -> str:
    """The text on one line: control characters become spaces, what UTF-8 cannot hold becomes U+FFFD."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", text)).strip()


def beside(path: bytes, folder: bytes) -> bytes:
    """An absolute path, relative to the absolute `folder` where it lies under it."""
    return path.removeprefix(folder.rstrip(b"/") + b"/")


def readable(path: bytes) -> str:
    """A path as people read it: what is not UTF-8 becomes U+FFFD, and control characters become spaces."""
    return _CONTROLS.sub(" ", path.decode("utf-8", "replace"))


def checkpoint_text(entry: Entry) -> str:
    """What is known of the checkpoint, such as "bone, epoch 12, step 3400"; empty where nothing is."""
    known = (
        None if entry.run is None else one_line(entry.run),
        None if entry.epoch is None else f"epoch {entry.epoch}",
        None if entry.step is None else f"step {entry.step}",
    )
    return ", ".join(part for part in known if part)
