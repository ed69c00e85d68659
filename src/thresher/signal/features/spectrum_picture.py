"""A small picture of a clip's spectrum whose colour carries timbre: dull sounds are blue, bright ones yellow.

The picture is a raster of palette indices, uint8, shape (rows, columns), low frequencies at the bottom. An index is
`tone · LEVELS + level`: `level` grows with the level of a band in dB, `tone` with the spectral centroid of the
column. The palette keeps its order for people who see red and green alike.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
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


def palette() -> Sequence[tuple[int, int, int]]:
    """Return the colours of the indices, as red, green and blue from 0 to 255."""
    colours = []
    for tone in range(TONES):
        share = tone / (TONES - 1)
        hue = (225 - 175 * share) / 360  # blue to yellow, past green
        for level in range(LEVELS):
            value = (level / (LEVELS - 1)) ** 1.2
            red, green, blue = colorsys.hls_to_rgb(hue, 0.02 + (0.66 - 0.06 * share) * value, 0.8)
            colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colours
