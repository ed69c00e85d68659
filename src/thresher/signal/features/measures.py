"""Measure a clip: silence, loudness range, clipping, noise, offset, loops, onsets and tempo.

`measure_registry.py` lists the measures; the functions here compute the built-in ones. Each maps a `MeasuredClip`
to a number, or to None where the measure is undefined. `noise`, `loop`, `loop_period`, `onset_rate` and `tempo` do
not depend on the gain.
"""

from __future__ import annotations

import pkgutil

from thresher.signal.features.clipping import clipping as clipped_share
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.features.measured_clip import MeasuredClip
from thresher.signal.features.noise import noisiness


def measure(clip: MeasuredClip) -> dict[str, float | None]:
    """Compute every measure of the registry, by name."""
    return {name: pkgutil.resolve_name(entry.path)(clip) for name, entry in MEASURES.items()}


def silence(clip: MeasuredClip) -> float:
    """Return the share of the clip's analysis frames that are silent, 0 to 1."""
    return clip.levels.silence


def loudness_range(clip: MeasuredClip) -> float | None:
    """Return the loudness range in LU; None if too little of the clip is audible."""
    return clip.loudness_range


def clipping(clip: MeasuredClip) -> float:
    """Return the share of the clip's samples that are clipped, 0 to 1."""
    return clipped_share(clip.blocks)


def noise(clip: MeasuredClip) -> float | None:
    """Return the spectral flatness, about 1 for noise and 0 for tones; None without any power."""
    return noisiness(clip.spectra, clip.sr)


def dc_offset(clip: MeasuredClip) -> float:
    """Return the absolute mean of the channel whose mean is farthest from zero; full scale is 1."""
    return clip.levels.dc_offset


def loop(clip: MeasuredClip) -> float | None:
    """Return how well the clip aligns with itself some time later, 0 to 1."""
    return clip.loop.strength if clip.loop else None


def loop_period(clip: MeasuredClip) -> float | None:
    """Return the time after which the clip aligns with itself, in seconds."""
    return clip.loop.period if clip.loop else None


def onset_rate(clip: MeasuredClip) -> float | None:
    """Return onsets per second."""
    return clip.pulse.onset_rate if clip.pulse else None


def tempo(clip: MeasuredClip) -> float | None:
    """Return beats per minute; None without a clear pulse."""
    return clip.pulse.tempo if clip.pulse else None
