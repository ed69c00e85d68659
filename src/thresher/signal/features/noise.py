"""How noisy a clip is: the flatness of its spectra, in bands of an octave.

Flatness is the geometric mean of a band's powers over their arithmetic mean: 1 where all are equal, near 0 where
few hold everything (A. Gray and J. Markel, IEEE Trans. ASSP 22, 1974). In bands of an octave the colour of noise
hardly matters.
"""

from __future__ import annotations

import numpy as np

from thresher.signal.features.spectra import FLATNESS_EDGES, Spectra

# Powers of white noise in one spectrum are exponentially distributed: the mean of their logarithms lies Euler's
# constant below the logarithm of their mean.
EXPECTED = float(np.exp(-np.euler_gamma))

# Loudness grows as this power of power: S. S. Stevens, "On the psychophysical law", Psychological Review 64 (1957).
# So weighs a band, and one that is empty counts for nothing.
LOUDNESS_EXPONENT = 0.3

SILENCE = 1e-5  # of the loudest spectrum's power, -50 dB: quieter ones do not count


# Of a sample rate; above, its filters leave less and less of what there was.
HIGHEST_SHARE = 0.45


def noisiness(spectra: Spectra, sr: int) -> float | None:
    """Mean flatness of the bands of all spectra, 0 … 1, of noise about 1; None where there is no power at all.

    `sr` is the sample rate in Hz that the sound had before it was brought to the working rate.
    """
    used = max(1, np.searchsorted(FLATNESS_EDGES, HIGHEST_SHARE * sr, side="right") - 1)
    means = spectra.means[:, :used].astype(np.float64)
    total = means.sum(axis=1)
    loudest = float(total.max())
    if not 0.0 < loudest < np.inf:
        return None
    weights = means**LOUDNESS_EXPONENT * (total > SILENCE * loudest)[:, np.newaxis]
    flatness = np.exp(spectra.log_means[:, :used]) / np.maximum(means, 1e-30)
    return min(1.0, float(np.vdot(weights, flatness) / weights.sum()) / EXPECTED)
