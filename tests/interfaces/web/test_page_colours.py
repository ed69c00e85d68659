"""The colours of the room's page: each can be told from the others with every kind of colour vision.

Colour vision deficiencies are simulated at full severity as in G. M. Machado et al., "A Physiologically-based Model
for Simulation of Color Vision Deficiency", 2009. Differences are distances in CIELAB; 2.3 is just noticeable.
"""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pytest
from numpy.typing import NDArray

from thresher.signal.features.spectrum_picture import LEVELS, TONES, palette

STATIC = files("thresher.interfaces.web") / "static"
SCHEMES = ["dark", "light"]
VISION = {
    "all": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def rgb(text: str) -> list[list[int]]:
    return [[int(each[at : at + 2], 16) for at in (0, 2, 4)] for each in re.findall(r"#([0-9a-f]{6})", text)]


def linear(colours: list[list[int]]) -> NDArray[np.float64]:
    shares = np.asarray(colours, float) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def seen(colours: list[list[int]], vision: str) -> NDArray[np.float64]:
    """Return colours in CIELAB, as seen with a kind of colour vision."""
    light = np.clip(linear(colours) @ np.asarray(VISION[vision]).T, 0, 1)
    xyz = light @ TO_XYZ.T / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def distances(colours: list[list[int]], vision: str) -> NDArray[np.float64]:
    lab = seen(colours, vision)
    apart: NDArray[np.float64] = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return apart


def contrast(one: list[int], other: list[int]) -> float:
    low, high = sorted(float(linear([each])[0] @ TO_XYZ[1]) for each in (one, other))
    return (high + 0.05) / (low + 0.05)


def page_colours(scheme: str) -> dict[str, list[list[int]]]:
    """Return the colours of the map and of the plots in a scheme."""
    script = (STATIC / "js/colours.js").read_text()
    block = re.search(rf"const {scheme.upper()} = {{(.*?)}};", script, re.DOTALL)
    assert block is not None
    return {name: rgb(values) for name, values in re.findall(r"(\w+): (\[.*?\]|\".*?\")", block[1])}


def token(name: str, scheme: str) -> list[int]:
    """Return a colour of the style sheet in a scheme."""
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", (STATIC / "css/base.css").read_text())
    assert found is not None
    return rgb(found[2 if scheme == "dark" else 1])[0]


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_names_and_numbers_can_be_distinguished(scheme: str, vision: str) -> None:
    colours = page_colours(scheme)
    assert len(colours["named"]) == 8
    apart = distances(colours["named"], vision)
    assert apart[np.triu_indices(8, 1)].min() > 20
    assert np.diagonal(distances(colours["scale"], vision), 1).min() > 15


@pytest.mark.parametrize("scheme", SCHEMES)
def test_colours_stand_out_from_the_ground(scheme: str) -> None:
    ground = token("ground", scheme)
    colours = page_colours(scheme)
    assert min(contrast(each, ground) for each in colours["named"] + colours["scale"]) >= 2.8
    for surface in ("ground", "raised", "hover"):
        for name in ("text", "quiet", "accent", "kept", "bad"):
            assert contrast(token(name, scheme), token(surface, scheme)) >= 4.5, (name, surface)
    assert contrast(token("edge", scheme), ground) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_the_timbres_of_a_spectrum_can_be_distinguished(vision: str) -> None:
    raster = np.frombuffer(palette(), np.uint8).reshape(TONES, LEVELS, 3)
    loud = raster[:, LEVELS * 4 // 5].tolist()
    assert np.diagonal(distances(loud, vision), 1).min() > 10
    assert distances(loud, vision)[0, -1] > 60
