"""ffmpeg's metadata format, and files that ffmpeg can't read."""

from __future__ import annotations

import os
from pathlib import Path

from thresher.catalog.provenance.ffmpeg_tags import ffmpeg_tags, parse_ffmetadata


def test_escapes_line_breaks_and_sections() -> None:
    content = ";FFMETADATA1\ntitle=a\\=b\\;c\\#\\\\\nprompt=one\\\ntwo\nk=v=w\n[STREAM]\ninner=x\n"
    assert parse_ffmetadata(content) == [("title", "a=b;c#\\"), ("prompt", "one\ntwo"), ("k", "v=w")]


def test_a_file_that_is_not_audio_has_no_tags(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"this is no audio" * 10)
    assert ffmpeg_tags(os.fsencode(tmp_path / "a")) is None
    assert ffmpeg_tags(os.fsencode(tmp_path / "gone")) is None
