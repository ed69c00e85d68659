"""Write text to terminals, files and pipes whose encoding cannot show every character.

What cannot be shown is written as an escape such as `\\U0001f988`; signs that thresher itself uses in tables and
messages have plain substitutes. JSON and CSV are always written as UTF-8.
"""

from __future__ import annotations

import io
import sys
from typing import IO

_SUBSTITUTES = str.maketrans(
    {"…": "...", "→": "->", "−": "-", "–": "-", "×": "x", "·": "*", "’": "'", "“": '"', "”": '"', "±": "+-"}
    | {"─": "-", "━": "-", "│": "|", "├": "|", "┤": "|", "┼": "+", "•": "*"}
    | dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True))
)


def escape_what_cannot_be_written() -> None:
    """Make stdout and stderr escape characters that their encoding does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def writable(text: str, stream: IO[str] | None = None) -> str:
    """Return `text` as `stream` (by default stdout) can show it: with substitutes, then with escapes."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "utf-8"
    if text.isascii() or _encodes(text, encoding):
        return text
    kept = "".join(
        character if _encodes(character, encoding) else character.translate(_SUBSTITUTES)
        for character in text
    )
    return kept.encode(encoding, "backslashreplace").decode(encoding)


def write_utf8(text: str) -> None:
    """Write text to stdout as UTF-8, whatever its encoding. Half of a surrogate pair is written as `\\udcff`."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    binary.write(text.encode("utf-8", "backslashreplace"))
    binary.flush()


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
