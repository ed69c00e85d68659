"""Whether two clips whose fingerprints match also agree in absolute pitch and in the movement of loudness.

Chromaprint folds octaves, as chroma does, and normalises loudness. So steady tones of different pitch, a melody and
its octave, and pulse trains of different speed can have equal fingerprints. Their profiles differ.

Times are seconds, `offset` is the time at which the second clip begins in the first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.descriptors import analysed_spans
from thresher.signal.features.profile import MODULATION_BANDS, SEGMENT_SECONDS, Profile
from thresher.signal.features.spectra import PITCH_BANDS, PITCH_CENTRES

Exact = NDArray[np.float64]

# Amplitudes are compared in bands of pitch, their square roots in bands of modulation, where weak bands say more.
PITCH_EXPONENT = 0.5
MODULATION_EXPONENT = 0.25

# Copies at 8 kHz and at low bit rates lack the bands above, so these count only for sounds that have less than
# LEAST_SHARE of their power below.
HIGHEST_COMMON_HZ = 3_400.0
LEAST_SHARE = 0.01

# The least correlations of copies. All copies in the corpus, and 380 clips that were re-encoded or cropped, have at
# least 0.992 in pitch and 0.990 in modulation. Tones that differ by 10 cents have 0.982, by 50 cents 0.7; tones at
# 55 Hz that differ by a semitone 0.95.
SAME_PITCH = 0.985
SAME_MODULATION = 0.95

# Segments do not begin at the same time in both clips, and a part shares some with other sounds. So the less steady
# the clips are, the less they have to agree: the least correlation is multiplied by this power of their steadiness.
# With it, no copy and no part in the corpus is lost.
BLUR_OF_COPIES = 0.25
BLUR_OF_PARTS = 1.5

# Profiles cover two minutes of a longer clip. Both have to cover this share of the overlap, or this many seconds.
LEAST_COVER = 0.75
LEAST_SECONDS = 10.0


@dataclass(frozen=True, eq=False)
class Profiled:
    """A clip of `frames` frames at `sr` Hz, with its profile as it is stored: uint8."""

    profile: NDArray[np.uint8]
    frames: int
    sr: int


def agree(first: Profiled, second: Profiled, offset: float, overlap: float, *, whole: bool) -> bool | None:
    """Return whether two clips agree where they overlap; None if their profiles do not cover the overlap.

    With `whole`, the overlap is nearly all of both clips, and the movement of loudness has to agree, too.
    """
    begins = max(0.0, offset), max(0.0, -offset)
    covered = [
        (max(low, other_low, 0.0), min(high, other_high, overlap))
        for low, high in _analysed(first, begins[0])
        for other_low, other_high in _analysed(second, begins[1])
        if min(high, other_high, overlap) > max(low, other_low, 0.0)
    ]
    if sum(high - low for low, high in covered) < min(LEAST_COVER * overlap, LEAST_SECONDS):
        return None
    shares = [_shares(clip, begin, covered) for clip, begin in zip((first, second), begins, strict=True)]
    one, other = Profile.unpack(first.profile), Profile.unpack(second.profile)
    means = [share @ each.segments / share.sum() for share, each in zip(shares, (one, other), strict=True)]
    pitch = _correlation(*_compared(*means))
    steadiness = [
        _steadiness(each.segments[share > 0], mean)
        for each, share, mean in zip((one, other), shares, means, strict=True)
    ]
    blur = (steadiness[0] * steadiness[1]) ** (BLUR_OF_COPIES if whole else BLUR_OF_PARTS)
    if pitch < SAME_PITCH * blur:
        return False
    if not whole:
        return True
    movement = _correlation(
        *(np.append(1.0, each.modulation) ** MODULATION_EXPONENT for each in (one, other))
    )
    return movement >= SAME_MODULATION


def _analysed(clip: Profiled, begin: float) -> list[tuple[float, float]]:
    """Return the spans of a clip that its profile covers, in order, in seconds after `begin`."""
    spans = analysed_spans(clip.frames, clip.sr)
    return [(start / clip.sr - begin, end / clip.sr - begin) for start, end in spans]


def _shares(clip: Profiled, begin: float, covered: Sequence[tuple[float, float]]) -> Exact:
    """Return the seconds of the spans `covered` that lie in each segment of a clip's profile: shape (segments,)."""
    count = (len(clip.profile) - MODULATION_BANDS) // PITCH_BANDS
    starts = np.arange(count) * SEGMENT_SECONDS
    shares, before = np.zeros(count), 0.0
    for first, last in _analysed(clip, begin):
        # Segments lie in the excerpts, which follow one another.
        for low, high in covered:
            start, end = (time - first + before for time in (max(low, first), min(high, last)))
            shares += np.maximum(np.minimum(end, starts + SEGMENT_SECONDS) - np.maximum(start, starts), 0.0)
        before += last - first
    return shares


def _compared(one: Exact, other: Exact) -> tuple[Exact, Exact]:
    """Return the amplitudes in the bands that both sounds can have."""
    low = PITCH_CENTRES < HIGHEST_COMMON_HZ
    share = min(float(powers[low].sum() / (powers.sum() or 1.0)) for powers in (one, other))
    bands = low if share >= LEAST_SHARE else np.full(len(low), fill_value=True)
    return one[bands] ** PITCH_EXPONENT, other[bands] ** PITCH_EXPONENT


def _correlation(one: Exact, other: Exact) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / norm if norm else float(np.array_equal(one, other))


def _steadiness(segments: Exact, mean: Exact) -> float:
    """Return the mean correlation of segments with their mean, 0 to 1."""
    return max(0.0, float(np.mean([_correlation(*_compared(segment, mean)) for segment in segments])))
