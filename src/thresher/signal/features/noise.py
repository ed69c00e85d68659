"""Spectral flatness of a clip, averaged over octave bands: about 1 for noise, near 0 for tones.

The flatness of a band is the geometric mean of its powers divided by their arithmetic mean (A. Gray and J.
Markel, IEEE Trans. ASSP 22, 1974). It is 1 if all powers are equal, and near 0 if a few bins hold all the
power. Octave bands make the result nearly independent of the colour of the noise.
"""

from __future__ import annotations

import numpy as np

from thresher.signal.features.spectra import FLATNESS_EDGES, Spectra

# The powers of white noise in one spectrum are exponentially distributed. The mean of their logarithms is the
# logarithm of their mean minus Euler's constant.
EXPECTED = float(np.exp(-np.euler_gamma))

# Bands are weighted by their power raised to this exponent, which follows loudness (S. S. Stevens, "On the
# psychophysical law", Psychological Review 64, 1957). An empty band has no weight.
LOUDNESS_EXPONENT = 0.3

SILENCE = 1e-5  # relative to the power of the loudest spectrum, -50 dB; quieter spectra do not count

# The highest frequency used, as a share of the sample rate: near the Nyquist frequency, resampling filters
# attenuate.
HIGHEST_SHARE = 0.45


def noisiness(spectra: Spectra, sr: int) -> float | None:
    """Return the mean spectral flatness over bands and spectra, in [0, 1]; None if the signal has no power.

    `sr` is the sample rate in Hz before the signal was resampled to the working rate.
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
