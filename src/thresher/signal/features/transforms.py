"""Fourier and cosine transforms: scipy.fft's values, without the cost of importing scipy.fft.

Importing scipy.fft loads most of numpy's and several of scipy's subpackages, which takes longer than the
analysis of twenty clips. This module therefore loads only scipy's compiled transforms, if they are found and
give the expected answers. Otherwise it imports scipy.fft. Both run the same code and give the same values.

All transforms run along the last axis, in one thread. Arrays are float32 or float64 and keep their precision.
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Reals = TypeVar("Reals", NDArray[np.float32], NDArray[np.float64])

MODULE = "scipy.fft._pocketfft.pypocketfft"

# How the compiled module names the scaling of a transform.
_UNSCALED, _ORTHONORMAL, _BY_SIZE = 0, 1, 2


def rfft(y: NDArray[Any], size: int | None = None) -> NDArray[Any]:
    """Return the transform of real `y`, zero-padded to `size`: complex, shape (…, size // 2 + 1)."""
    if size is not None:
        y = np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, size - y.shape[-1])])
    module = _compiled()
    if module is None:
        from scipy import fft

        return np.asarray(fft.rfft(y, workers=1))
    found: NDArray[Any] = module.r2c(y, (y.ndim - 1,), True, _UNSCALED, None, 1)
    return found


def irfft(spectrum: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the inverse of `rfft`: real, shape (…, size). `spectrum` may be real."""
    module = _compiled()
    if module is None:
        from scipy import fft

        return np.asarray(fft.irfft(spectrum, size, workers=1))
    bins = spectrum + 0j  # as scipy.fft does
    found: NDArray[Any] = module.c2r(bins, (bins.ndim - 1,), size, False, _BY_SIZE, None, 1)
    return found


def dct(y: Reals) -> Reals:
    """Return the orthonormal cosine transform (type 2) of `y`, in its shape."""
    module = _compiled()
    if module is None:
        from scipy import fft

        return fft.dct(y, norm="ortho", workers=1)  # type: ignore[no-any-return]  # scipy has no types
    return module.dct(y, 2, (y.ndim - 1,), _ORTHONORMAL, None, 1)  # type: ignore[no-any-return]  # scipy has no types


def fast_size(least: int) -> int:
    """Return the smallest size of at least `least` whose real transform is fast."""
    module = _compiled()
    if module is None:
        from scipy import fft

        return int(fft.next_fast_len(least, real=True))
    return int(module.good_size(least, True))


@cache
def _compiled() -> Any:
    """Load scipy's compiled transforms. None if this scipy has none that answer as expected."""
    scipy = find_spec("scipy")
    if scipy is None or not scipy.submodule_search_locations:
        return None
    folders = [f"{folder}/fft/_pocketfft" for folder in scipy.submodule_search_locations]
    spec = PathFinder.find_spec(MODULE.rpartition(".")[2], folders)
    if spec is None or spec.loader is None:
        return None
    try:
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        impulse = np.array([1.0, 0.0, 0.0, 0.0])
        answers = (
            module.r2c(impulse, (0,), True, _UNSCALED, None, 1),
            module.c2r(np.ones(3, complex), (0,), 4, False, _BY_SIZE, None, 1) / impulse.max(),
            module.dct(np.ones(4), 2, (0,), _ORTHONORMAL, None, 1),
            module.good_size(7, True),
        )
    except (ImportError, AttributeError, TypeError, ValueError):  # another version of scipy
        return None
    expected: tuple[Any, ...] = (np.ones(3), impulse, 2.0 * impulse, 8)
    is_known = all(np.allclose(*each) for each in zip(answers, expected, strict=True))
    return module if is_known else None
