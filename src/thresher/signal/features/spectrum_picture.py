"""A small picture of a clip's spectrum whose colour carries timbre: dull sounds are blue, bright ones yellow.

The picture is a raster of palette indices, uint8, shape (rows, columns), low frequencies at the bottom. An index is
`tone · LEVELS + level`: `level` grows with the level of a band in dB, `tone` with the spectral centroid of the
column.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 240, 64
LEVELS, TONES = 16, 8
WINDOW = 1024
LOWEST_HZ = 40.0
RANGE_DB = 70.0
"""The quietest level that is drawn, in dB below full scale of a sine."""

_DULL_HZ, _BRIGHT_HZ = 300.0, 6_000.0

_TONE_COLOURS = ("#3a4bff", "#757aff", "#9559cc", "#b246a6", "#e85f87", "#eca15b", "#fdc32f", "#f7ff65")
"""The colours of dull to bright sounds: blue, violet, rose, yellow. Colour-blind people can tell them apart."""
_FULL, _LIGHTEST = 0.85, 0.6


def window_starts(frames: int, columns: int = COLUMNS) -> NDArray[np.int64]:
    """Return where the window of each column begins, for a clip of `frames` frames."""
    centres = (np.arange(columns) + 0.5) * frames / columns
    return np.clip(centres - WINDOW / 2, 0, max(0, frames - WINDOW)).astype(np.int64)


def spectrum_picture(
    windows: NDArray[np.float32], sr: int, rows: int = ROWS, highest: float | None = None
) -> NDArray[np.uint8]:
    """Return the picture of windows, shape (columns, WINDOW), of a mono signal at `sr` Hz.

    It has up to `rows` rows and ends at `highest` Hz, at most half of `sr`, which is the default.
    """
    spectrum = np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) / (WINDOW / 4) ** 2
    frequencies = np.fft.rfftfreq(WINDOW, 1 / sr)
    top = sr / 2 if highest is None else min(highest, sr / 2)
    bands = _bands(frequencies, top, rows)
    shown = power[:, : int(np.searchsorted(frequencies, top, side="right"))]
    decibels = 10 * np.log10(np.maximum(np.add.reduceat(shown, bands, axis=1), 1e-12))
    level = np.clip((decibels + RANGE_DB) / RANGE_DB, 0, 1)
    magnitude = np.sqrt(power)
    total = np.maximum(magnitude.sum(axis=1), 1e-9)
    centroid = np.maximum((magnitude @ frequencies) / total, 1.0)
    tone = np.log(centroid / _DULL_HZ) / np.log(_BRIGHT_HZ / _DULL_HZ)
    steps = np.rint(level * (LEVELS - 1)).astype(np.uint8)
    tones = np.rint(np.clip(tone, 0, 1) * (TONES - 1)).astype(np.uint8)
    picture: NDArray[np.uint8] = (tones[:, None] * LEVELS + steps).T[::-1]
    return np.ascontiguousarray(picture)


def _bands(frequencies: NDArray[np.floating[Any]], top: float, rows: int) -> NDArray[np.int64]:
    """Return the first bin of each band below `top` Hz; bands are equally wide in pitch where bins allow it."""
    bins = int(np.searchsorted(frequencies, top, side="right"))
    rows = max(1, min(rows, bins - 1))
    edges = np.geomspace(min(LOWEST_HZ, top / 2), top, rows + 1)[:-1]
    first = np.searchsorted(frequencies, edges)
    least = np.arange(1, rows + 1)  # each band has a bin of its own
    return np.minimum(np.maximum.accumulate(np.maximum(first, least)), bins - 1)


@cache
def palette() -> bytes:
    """Return the colours of the indices: red, green and blue of each, from 0 to 255.

    A tone goes from black through its colour of _TONE_COLOURS, at _FULL of the levels, towards white.
    """
    colours = bytearray()
    for colour in _TONE_COLOURS:
        parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        for level in range(LEVELS):
            share = level / (LEVELS - 1) / _FULL
            dark, light = min(1.0, share), _LIGHTEST * max(0.0, share - 1) / (1 / _FULL - 1)
            colours += bytes(round(dark * part + light * (255 - part)) for part in parts)
    return bytes(colours)
