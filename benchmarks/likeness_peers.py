"""The metrics that `likeness` is compared with; each maps n signals → scores, float64, shape (n, n).

A signal is float32, shape (frames,), mono, with its sample rate. libmusly gets the signals judged as its
reference set (`set_style`), which is the most favourable choice. It scales a distance to the share of that set
that is nearer.
"""

from __future__ import annotations

import numba
import numpy as np
import soxr
from numpy.typing import NDArray

from thresher.signal.features.fingerprint import find_backend, to_pcm
from thresher.signal.metrics.metric import Fingerprints
from thresher.signal.metrics.prefix import prefix_scores

Signals = list[tuple[NDArray[np.float32], int]]
Matrix = NDArray[np.float64]


def fingerprints(signals: Signals) -> Fingerprints:
    backend = find_backend()
    peaks = [float(np.abs(y).max()) for y, _ in signals]
    return Fingerprints.pack(
        backend.fingerprint([to_pcm(y, peak)], sr) for (y, sr), peak in zip(signals, peaks, strict=True)
    )


def prefix(signals: Signals) -> Matrix:
    packed = fingerprints(signals)
    return prefix_scores(packed, packed).astype(np.float64)


def aligned(signals: Signals) -> Matrix:
    words = list(fingerprints(signals))
    scores = np.ones((len(words), len(words)))
    for row, a in enumerate(words):
        for column, b in enumerate(words[:row]):
            scores[row, column] = scores[column, row] = best_offset(a, b)
    return scores


@numba.njit
def best_offset(a, b):  # type: ignore[no-untyped-def]  # numba compiles it for each type
    """Return the best share of equal bits over all offsets with enough overlap, in plain and slow code."""
    shorter = min(len(a), len(b))
    least = max((shorter + 2) // 3, min(12, shorter))
    best = 0.0
    for offset in range(least - len(b), len(a) - least + 1):
        start, stop = max(0, offset), min(len(a), offset + len(b))
        different = 0
        for word in range(start, stop):
            bits = a[word] ^ b[word - offset]
            while bits:
                bits &= bits - np.uint32(1)
                different += 1
        best = max(best, 1.0 - different / (32.0 * (stop - start)))
    return best


def musly(signals: Signals) -> Matrix:
    import pymusly

    jukebox = pymusly.MuslyJukebox(method="timbre", decoder="none")
    at_its_rate = (soxr.resample(y, sr, 22_050) for y, sr in signals)
    tracks = [jukebox.track_from_audiodata(y.tolist()) for y in at_its_rate]
    jukebox.set_style(tracks)
    numbered = list(zip(jukebox.add_tracks(tracks), tracks, strict=True))
    return 1.0 - np.array([jukebox.compute_similarity(track, numbered) for track in numbered])
