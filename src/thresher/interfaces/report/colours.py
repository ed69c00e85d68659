"""The colours of a report: by name, so that the page can give each another value on a dark ground.

Runs have the hues of Okabe and Ito that read on white (https://jfly.uni-koeln.de/color/), ratings those of
ColorBrewer's RdYlBu, epochs a stretch of viridis: all three can be told apart with any kind of colour vision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LIGHT: Mapping[str, str] = {
    "paper": "#fefefd",
    "ink": "#1d2127",
    "muted": "#5c646f",
    "rule": "#e3e5e8",
    "faint": "#b4bac2",
    "run-1": "#0072b3",
    "run-2": "#d55e01",
    "run-3": "#009e74",
    "run-4": "#b8588f",
    "run-5": "#a37800",
    "run-6": "#3d9bd1",
}
"""What a figure is drawn in. No two are equal, so that a drawn colour tells its name."""

DARK: Mapping[str, str] = {
    "paper": "#14171b",
    "ink": "#e8eaed",
    "muted": "#a3abb5",
    "rule": "#2c3138",
    "faint": "#5f6873",
    "run-1": "#4aa8e0",
    "run-2": "#f08a3c",
    "run-3": "#2fc79a",
    "run-4": "#de8fbb",
    "run-5": "#d9ad33",
    "run-6": "#8fcdf0",
}
"""The same on a dark ground."""

RUNS: Sequence[str] = tuple(name for name in LIGHT if name.startswith("run-"))
"""Names of the colours of runs; further runs are drawn in `faint`."""

UNKNOWN = "#aab1ba"
RATINGS: Mapping[int, str] = {1: "#d7301f", 2: "#fc9a52", 3: "#e2c044", 4: "#74b3d8", 5: "#2166ac"}

_VIRIDIS = ("#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30")


def sequential(share: float) -> str:
    """The colour at a share from 0 to 1 of the way from the earliest to the latest."""
    place = min(max(share, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    first = min(int(place), len(_VIRIDIS) - 2)
    rest = place - first
    mixed = (
        round(
            (1 - rest) * int(_VIRIDIS[first][at : at + 2], 16)
            + rest * int(_VIRIDIS[first + 1][at : at + 2], 16)
        )
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def gradient() -> str:
    """All of `sequential` as a CSS gradient from left to right."""
    return f"linear-gradient(to right, {', '.join(_VIRIDIS)})"
