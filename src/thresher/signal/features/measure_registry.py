"""The registry of measures: one entry for each number that describes a clip.

Reading the registry loads no signal code, so that query fields, listings and settings can be derived from it.
docs/extending.md lists the steps for adding a measure, docs/measures.md describes how each one is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class MeasureEntry:
    """One measure of the registry.

    `version` must be raised whenever the value for the same sound changes; clips measured by another version
    are then measured again. `path` is "module:name" of a function that maps a `MeasuredClip` to a number, or to
    None where the measure is undefined. `title` heads the column of `list --measures`, which shows `digits`
    decimals. A terminal that is too narrow leaves out the columns of the highest `rank` first, and never those of
    rank 0.
    """

    name: str
    version: int
    description: str
    path: str
    title: str
    digits: int
    rank: int = 0
    unit: str = ""


_HERE = "thresher.signal.features.measures"

_ENTRIES = (
    MeasureEntry("silence", 1, "share of the clip that is silent, 0 to 1", f"{_HERE}:silence", "silence", 2),
    MeasureEntry(
        "loudness_range", 1, "variation of loudness, in LU", f"{_HERE}:loudness_range", "range", 1, 5, "LU"
    ),
    MeasureEntry(
        "clipping",
        1,
        "share of the samples that are at full scale or in flat tops, 0 to 1",
        f"{_HERE}:clipping",
        "clipping",
        3,
        3,
    ),
    MeasureEntry("noise", 1, "spectral flatness, 0 for tones to 1 for noise", f"{_HERE}:noise", "noise", 2),
    MeasureEntry(
        "dc_offset",
        1,
        "absolute mean of the samples, as a share of full scale",
        f"{_HERE}:dc_offset",
        "offset",
        3,
        4,
    ),
    MeasureEntry("loop", 1, "how exactly the clip repeats itself, 0 to 1", f"{_HERE}:loop", "loop", 2),
    MeasureEntry(
        "loop_period",
        1,
        "length of the repeated part, in seconds",
        f"{_HERE}:loop_period",
        "period",
        2,
        1,
        "s",
    ),
    MeasureEntry("onset_rate", 1, "onsets per second", f"{_HERE}:onset_rate", "onsets/s", 1, 2, "per second"),
    MeasureEntry(
        "tempo", 1, "beats per minute; none without a clear pulse", f"{_HERE}:tempo", "tempo", 0, 2, "BPM"
    ),
)

MEASURES: Mapping[str, MeasureEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every measure by its name."""
