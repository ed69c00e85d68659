"""The transforms are those of scipy.fft, bit for bit, whichever way they are reached."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray

from thresher.signal.features import transforms


@pytest.fixture(params=["loaded alone", "imported"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "imported":
        monkeypatch.setattr(transforms, "_compiled", lambda: None)
    elif transforms._compiled() is None:
        pytest.skip("this scipy has no compiled module of transforms like the one that is known")
    return name


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [40, 128, 675, 2_048])
def test_all_transforms_equal_those_of_scipy(size: int, dtype: type) -> None:
    y: NDArray[Any] = np.random.default_rng(size).normal(size=(5, size)).astype(dtype)
    expected = scipy.fft.rfft(y, axis=1)
    found = transforms.rfft(y)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)
    longer = transforms.fast_size(size + 77)
    assert longer == scipy.fft.next_fast_len(size + 77, real=True)
    assert np.array_equal(transforms.rfft(y, longer), scipy.fft.rfft(y, longer, axis=1))
    assert np.array_equal(transforms.rfft(y[0], longer), scipy.fft.rfft(y[0], longer))
    powers = expected.real**2 + expected.imag**2
    for spectrum in (expected, powers, powers[0]):
        found, wanted = transforms.irfft(spectrum, size), scipy.fft.irfft(spectrum, size)
        assert found.dtype == wanted.dtype == dtype
        assert np.array_equal(found, wanted)
    cosines = transforms.dct(y)
    assert cosines.dtype == dtype
    assert np.array_equal(cosines, scipy.fft.dct(y, norm="ortho", axis=1))


def test_a_descriptor_needs_no_import_of_scipy() -> None:
    code = """
import sys
import numpy as np
from thresher.signal.features import transforms
from thresher.signal.features.descriptors import descriptor
descriptor(np.random.default_rng(0).normal(size=16_000).astype(np.float32), 16_000)
print(transforms._compiled() is None or "scipy" not in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_another_module_than_the_known_one_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "MODULE", "scipy.fft._pocketfft.basic")
    transforms._compiled.cache_clear()
    assert transforms._compiled() is None
    transforms._compiled.cache_clear()
