"""The shape of a path: the path with its numbers replaced by `#`, which files of one kind share."""

from __future__ import annotations

import os
import re

from thresher.catalog.paths import display_text

_HEXADECIMAL = re.compile(
    r"(?<![^\W_])(?=[a-f]*[0-9])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8,})(?![^\W_])"
)
_NUMBER = re.compile(r"[0-9]+")


def shape_of(path: bytes, root: bytes) -> str:
    """Return the shape of a path from the name of the folder `root` above it: `night/step_#.wav`.

    Numbers become `#`, and so do identifiers of eight or more hexadecimal digits.
    """
    inside = path.removeprefix(os.path.join(os.path.dirname(root), b""))
    return _NUMBER.sub("#", _HEXADECIMAL.sub("#", display_text(inside)))
