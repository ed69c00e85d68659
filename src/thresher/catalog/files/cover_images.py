"""Cover images as files: their type, and reading them."""

from __future__ import annotations

import os

from thresher.errors import NotFoundError, UsageError

LARGEST = 4 << 20
"""The largest cover image, in bytes."""

_KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def image_type(content: bytes) -> str:
    """Return the MIME type of an image. Raises UsageError for anything but PNG and JPEG."""
    for start, kind in _KINDS.items():
        if content.startswith(start):
            return kind
    raise UsageError("the cover is not a PNG or JPEG image; give another --cover FILE")


def read_image(path: str | os.PathLike[str]) -> bytes:
    """Read a cover image from a file. Raises NotFoundError or UsageError if it can't be used."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise NotFoundError(
            f'the cover "{path}" can\'t be read: {error.strerror}; give another --cover FILE'
        ) from error
    if len(content) > LARGEST:
        raise UsageError(f'the cover "{path}" has more than {LARGEST >> 20} MB; give a smaller image')
    image_type(content)
    return content
