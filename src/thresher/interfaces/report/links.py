"""Links from a page to audio, and whether browsers play it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes

_CONTAINERS = {"WAV", "WAVEX", "FLAC", "OGG", "MP3"}
_WAV_SUBTYPES = {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW"}
_LOWEST_RATE = 3000  # Hz; Chromium's media/base/limits.h


def relative_url(file: bytes, folder: bytes) -> str:
    """The URL of an absolute path, relative to a page in the absolute `folder`; absolute on another drive.

    Whatever bytes a name holds are percent-encoded; a colon too, which would end a scheme.
    """
    try:
        relative = os.path.relpath(file, folder)
    except ValueError:  # another drive
        return Path(os.fsdecode(file)).as_uri()
    return quote_from_bytes(relative.replace(os.sep.encode(), b"/"), safe="/~")


def span_fragment(start: float, end: float, whole: float) -> str:
    """What to add to a file's URL so that only seconds `start` to `end` of its `whole` length are played."""
    if start < 0.01 and end > whole - 0.01:
        return ""
    return f"#t={start:.3f},{end:.3f}"


def why_silent(container: str | None, subtype: str | None, sample_rate: int | None) -> str | None:
    """Why browsers don't play such a file; None where they do."""
    if container not in _CONTAINERS:
        return f"browsers don't play {container or 'it'}"
    if container in ("WAV", "WAVEX") and subtype not in _WAV_SUBTYPES:
        return f"browsers don't play {subtype} in WAV"
    if sample_rate is not None and sample_rate < _LOWEST_RATE:
        return f"browsers don't play rates under {_LOWEST_RATE:,} Hz; this has {sample_rate:,}"
    return None
