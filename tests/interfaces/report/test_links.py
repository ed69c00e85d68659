"""Links from a page to audio files, and which formats get a player."""

from __future__ import annotations

import pytest

from thresher.interfaces.report.links import relative_url, span_fragment, why_silent


@pytest.mark.parametrize(
    ("file", "folder", "url"),
    [
        (b"/a/b/c.wav", b"/a/b", "c.wav"),
        (b"/a/b/c.wav", b"/a", "b/c.wav"),
        (b"/a/c.wav", b"/a/b/d", "../../c.wav"),
        (b"/a/12:40 #1?.wav", b"/a", "12%3A40%20%231%3F.wav"),
        (b"/a/\xff\n%.wav", b"/a", "%FF%0A%25.wav"),
    ],
)
def test_urls_are_relative_and_encoded(file: bytes, folder: bytes, url: str) -> None:
    assert relative_url(file, folder) == url


def test_a_span_is_named_unless_it_is_the_whole_file() -> None:
    assert span_fragment(0.0, 5.0, 5.0) == ""
    assert span_fragment(0.5, 5.0, 5.0) == "#t=0.500,5.000"
    assert span_fragment(0.0, 4.5, 5.0) == "#t=0.000,4.500"


@pytest.mark.parametrize(
    ("form", "is_played"),
    [
        (("WAV", "FLOAT", 16_000), True),
        (("WAV", "DOUBLE", 16_000), False),
        (("WAV", "PCM_16", 2_000), False),
        (("FLAC", "PCM_24", 44_100), True),
        (("OGG", "VORBIS", 44_100), True),
        (("AIFF", "PCM_16", 44_100), False),
        ((None, None, None), False),
    ],
)
def test_a_player_is_shown_only_for_formats_that_browsers_play(
    form: tuple[str | None, str | None, int | None], is_played: bool
) -> None:
    assert (why_silent(*form) is None) == is_played
