"""Build links from a page to audio files, and tell whether browsers play a format."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes

_CONTAINERS = {"WAV", "WAVEX", "FLAC", "OGG", "MP3", "MP4", "ADTS"}
_WAV_SUBTYPES = {"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW", "ALAW"}
_LOWEST_RATE = 3000  # Hz; Chromium's media/base/limits.h


def relative_url(file: bytes, folder: bytes) -> str:
    """Return the URL of a file relative to a page in `folder`; an absolute URL if they are on different drives.

    Both paths are absolute. All special bytes are percent-encoded, also the colon, which would end a URL scheme.
    """
    try:
        relative = os.path.relpath(file, folder)
    except ValueError:  # another drive
        return Path(os.fsdecode(file)).as_uri()
    return quote_from_bytes(relative.replace(os.sep.encode(), b"/"), safe="/~")


def span_fragment(start: float, end: float, whole: float) -> str:
    """Return the URL fragment that limits playback to `start` … `end`; "" if that is the whole file. In seconds."""
    if start < 0.01 and end > whole - 0.01:
        return ""
    return f"#t={start:.3f},{end:.3f}"


def why_silent(container: str | None, subtype: str | None, sample_rate: int | None) -> str | None:
    """Return why browsers cannot play a file of this format; None if they can."""
    if container not in _CONTAINERS:
        return f"browsers cannot play {container or 'this format'}"
    if container in ("WAV", "WAVEX") and subtype not in _WAV_SUBTYPES:
        return f"browsers cannot play {subtype} in WAV"
    if sample_rate is not None and sample_rate < _LOWEST_RATE:
        return f"browsers cannot play sample rates under {_LOWEST_RATE:,} Hz; this file has {sample_rate:,}"
    return None
