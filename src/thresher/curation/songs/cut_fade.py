"""The fade of parts and marks where they are played or written alone, so that their ends do not click.

In a song, every clip has the song's fade.
"""

from __future__ import annotations

from thresher.signal.mixing.mix import Fade


def cut_fade(kind: str, seconds: float, frames: int, sample_rate: int) -> Fade:
    """Return the fade at both ends of a clip of a `kind` and of `frames` frames: none for a whole.

    A fade is at most half of the clip.
    """
    return Fade(0 if kind == "whole" else min(round(seconds * sample_rate), frames // 2))
