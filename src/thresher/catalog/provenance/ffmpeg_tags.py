"""Read the tags of a file with ffmpeg: of Matroska, WebM, CAF, W64 and other formats that no library here reads."""

from __future__ import annotations

import os
import subprocess

from thresher.catalog.audio.ffmpeg_decoder import find_ffmpeg
from thresher.catalog.audio.signatures import CONTAINERS

_SECONDS = 30.0
LARGEST_OUTPUT = 16 << 20  # bytes
_OF_THE_CONTAINER = frozenset(
    ("major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id", "language", "duration")
)


def ffmpeg_tags(path: bytes) -> list[tuple[str, str]] | None:
    """Return the tags of a file and its first stream as (name, text); None if ffmpeg can't."""
    program = find_ffmpeg()
    if program is None:
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    limits = ["-nostdin", "-loglevel", "quiet", "-protocol_whitelist", "file,pipe"]
    source = ["-format_whitelist", ",".join(sorted(CONTAINERS)), "-i", f"file:/dev/fd/{fd}"]
    streams = ["-map_metadata", "0", "-map_metadata:g", "0:s:a:0"]
    written: dict[str, str] = {}
    try:
        for more in ([], streams):
            command = [program, *limits, *source, *more, "-f", "ffmetadata", "pipe:1"]
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                pass_fds=(fd,),
                check=False,
                timeout=_SECONDS,
            )
            if done.returncode != 0 and not more:
                return None
            for name, text in parse_ffmetadata(done.stdout[:LARGEST_OUTPUT].decode("utf-8", "replace")):
                if name.lower() not in _OF_THE_CONTAINER:
                    written.setdefault(name.lower(), text)
            os.lseek(fd, 0, os.SEEK_SET)
    except (OSError, subprocess.TimeoutExpired):
        return None
    finally:
        os.close(fd)
    return list(written.items())


def parse_ffmetadata(content: str) -> list[tuple[str, str]]:
    """Return the global tags in ffmpeg's metadata format: lines of `name=text`, in which `\\` escapes."""
    tags: list[tuple[str, str]] = []
    parts, is_escaped = [""], False
    for character in [*content.partition("\n")[2], "\n"]:
        if is_escaped or character not in "\\=\n" or (character == "=" and len(parts) == 2):
            parts[-1] += character
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif character == "=":
            parts.append("")
        else:
            if parts[0].startswith("[") and len(parts) == 1:  # a chapter or a stream begins
                break
            if len(parts) == 2:
                tags.append((parts[0], parts[1]))
            parts = [""]
    return tags
