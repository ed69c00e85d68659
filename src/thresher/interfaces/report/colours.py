"""The colours of a report, by name, so that the page can use other values on a dark background.

Runs have those hues of Okabe and Ito that are legible on white (https://jfly.uni-koeln.de/color/), ratings those of
ColorBrewer's RdYlBu, epochs a part of viridis. All three are distinguishable with every kind of colour vision.
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
"""The colours of figures. All values differ, so that a colour in a figure identifies its name."""

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
"""The same names on a dark background."""

RUNS: Sequence[str] = tuple(name for name in LIGHT if name.startswith("run-"))
"""The names of the colours for runs. Further runs are drawn in `faint`."""

UNKNOWN = "#aab1ba"
RATINGS: Mapping[int, str] = {1: "#d7301f", 2: "#fc9a52", 3: "#e2c044", 4: "#74b3d8", 5: "#2166ac"}

_VIRIDIS = ("#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30")


def sequential(share: float) -> str:
    """Return the colour at a position from 0 (earliest) to 1 (latest)."""
    position = min(max(share, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    first = min(int(position), len(_VIRIDIS) - 2)
    rest = position - first
    mixed = (
        round(
            (1 - rest) * int(_VIRIDIS[first][at : at + 2], 16)
            + rest * int(_VIRIDIS[first + 1][at : at + 2], 16)
        )
        for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def gradient() -> str:
    """Return the colours of `sequential` as a CSS gradient from left to right."""
    return f"linear-gradient(to right, {', '.join(_VIRIDIS)})"
