"""The colours of a report: names and contrast."""

from __future__ import annotations

import pytest

from thresher.interfaces.report.colours import DARK, LIGHT, RATINGS, RUNS, UNKNOWN, sequential


def test_every_colour_has_its_name() -> None:
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert set(LIGHT) == set(DARK)
    assert not {*RATINGS.values(), UNKNOWN} & set(LIGHT.values())
    assert not {sequential(share / 50) for share in range(51)} & set(LIGHT.values())


@pytest.mark.parametrize("ground", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_have_enough_contrast_to_the_background(ground: dict[str, str]) -> None:
    """Contrast by https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio: text 4.5, lines 3."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(colour: str) -> float:
        low, high = sorted((luminance(colour), luminance(ground["paper"])))
        return (high + 0.05) / (low + 0.05)

    assert min(contrast(ground[name]) for name in ("ink", "muted")) >= 4.5
    assert min(contrast(ground[name]) for name in RUNS) >= 3
