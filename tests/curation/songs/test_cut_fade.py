"""The fade of parts and marks that are played or written alone."""

from __future__ import annotations

import pytest

from thresher.curation.songs.cut_fade import cut_fade


@pytest.mark.parametrize(
    ("kind", "seconds", "frames", "expected"),
    [
        ("whole", 0.01, 16_000, 0),
        ("part", 0.01, 16_000, 160),
        ("marked", 0.01, 16_000, 160),
        ("marked", 60.0, 16_000, 8_000),
        ("marked", 0.01, 3, 1),
        ("part", 0.0, 16_000, 0),
    ],
)
def test_the_length_of_a_fade(kind: str, seconds: float, frames: int, expected: int) -> None:
    fade = cut_fade(kind, seconds, frames, 16_000)
    assert (fade.frames, fade.is_crossfade) == (expected, False)
