"""Draw the figures of a report, as SVG for the page and as PNG files.

Figures ignore the user's matplotlib settings and contain no date, so the same data gives the same bytes with
the same libraries. Sizes are inches of 72 units. On the page a unit is about one CSS pixel, so that text is
legible on a phone.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thresher.formatting import shortened
from thresher.interfaces.report.charts import Chart, ChartPoint, Line
from thresher.interfaces.report.colours import LIGHT, sequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHART_SIZE = (5.0, 2.5)
MAP_WIDTH = 10.0
FLATTEST = 0.36  # height of a map by its width, at least
FONT_SIZE = 11.5
MOST_MARKED = 60
"""On lines with more points, and on grey lines, only checkpoints with the verdict keep are marked."""

LONGEST_LABEL = 16
LEGEND_HEIGHT = 0.5
PNG_DPI = 144  # twice the page's
PNG_SOFTWARE = "thresher"

_STYLE = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib, on every machine the same
    "font.size": FONT_SIZE,
    "svg.fonttype": "none",
    "svg.hashsalt": "thresher",
    "text.parse_math": False,  # names hold dollars
    "axes.unicode_minus": True,
    "path.simplify": False,
}


@dataclass(frozen=True)
class MapMark:
    """A clip on the map, x and y in [0, 1], and its colour."""

    clip: int
    x: float
    y: float
    colour: str


@contextmanager
def drawing() -> Iterator[None]:
    """Make figures in this block use the report's style, whatever the user's settings."""
    import matplotlib.style

    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # a name can contain characters that the font lacks: boxes in a PNG, text on the page
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


def draw_chart(chart: Chart, *, with_title: bool) -> Figure:
    """Draw a measure over training. Points link to `checkpoint:ID`."""
    figure, axes = _figure(CHART_SIZE)
    labelled = [line for line in chart.lines if line.label is not None] if len(chart.lines) > 1 else []
    longest = max((len(run_label(line.label or "")) for line in labelled), default=0)
    right = 0.975 - longest * FONT_SIZE * 0.58 / (72 * CHART_SIZE[0])
    figure.subplots_adjust(left=0.125, right=right, bottom=0.205, top=0.86 if with_title else 0.955)
    if with_title:
        figure.text(0.02, 0.985, chart.quantity.title, va="top", weight="bold", color=LIGHT["ink"])
    for line in sorted(
        chart.lines, key=lambda line: line.label is not None
    ):  # lines with a label are drawn last, on top
        _draw_line(axes, line)
    _scale(axes, chart)
    for line, y in zip(labelled, _label_places(axes, labelled), strict=True):
        axes.annotate(
            run_label(line.label or ""),
            (1, y),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=LIGHT[line.colour],
            annotation_clip=False,
        )
    return figure


def draw_map(marks: Sequence[MapMark]) -> Figure:
    """Draw the map of clips, without axes, because only distances on it have a meaning. Points link to `clip:ID`.

    Both directions have the same scale; the points determine the height of the figure.
    """
    left, right = _extent([mark.x for mark in marks])
    low, high = _extent([mark.y for mark in marks])
    if high - low < FLATTEST * (right - left):
        middle = (low + high) / 2
        low, high = middle - FLATTEST * (right - left) / 2, middle + FLATTEST * (right - left) / 2
    figure, axes = _figure((MAP_WIDTH, MAP_WIDTH * (high - low) / (right - left)))
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    axes.set_axis_off()
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
    if marks:
        points = axes.scatter(
            [mark.x for mark in marks],
            [mark.y for mark in marks],
            s=_area(len(marks)),
            c=[mark.colour for mark in marks],
            edgecolors=LIGHT["paper"],
            linewidths=0.8,
            clip_on=False,
        )
        points.set_urls([f"clip:{mark.clip}" for mark in marks])
    return figure


def add_map_legend(figure: Figure, title: str, entries: Mapping[str, str] | tuple[str, str]) -> None:
    """Add a legend under a map: the meaning of each colour, or both ends of a colour gradient."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.lines import Line2D

    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + LEGEND_HEIGHT)
    figure.subplots_adjust(bottom=LEGEND_HEIGHT / (height + LEGEND_HEIGHT))
    middle = LEGEND_HEIGHT / 2 / (height + LEGEND_HEIGHT)
    if isinstance(entries, tuple):
        axes = figure.add_axes((0.30, 0.7 * middle, 0.4, 0.6 * middle))
        steps = [sequential(step / 32) for step in range(33)]
        colours = LinearSegmentedColormap.from_list("sequence", steps)
        axes.imshow([list(range(256))], aspect="auto", cmap=colours)
        axes.set_axis_off()
        figure.text(0.29, middle, f"{title} {entries[0]}", ha="right", va="center", color=LIGHT["muted"])
        figure.text(0.71, middle, entries[1], ha="left", va="center", color=LIGHT["muted"])
        return
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=run_label(name))
        for name, colour in entries.items()
    ]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=max(1, len(handles)),
        frameon=False,
        labelcolor=LIGHT["muted"],
        handletextpad=0.1,
        columnspacing=1.2,
    )


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG document."""
    made = io.StringIO()
    figure.savefig(made, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return made.getvalue()


def as_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    made = io.BytesIO()
    figure.savefig(made, format="png", dpi=PNG_DPI, metadata={"Software": PNG_SOFTWARE})
    return made.getvalue()


def run_label(name: str) -> str:
    """Return a run's name, shortened to fit next to its line."""
    name = "".join(character if character.isprintable() else " " for character in name)
    return shortened(name, LONGEST_LABEL)


def _figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor=LIGHT["paper"])
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    return figure, axes


def _draw_line(axes: Axes, line: Line) -> None:
    colour, has_colour = LIGHT[line.colour], line.label is not None
    xs, ys = [point.x for point in line.points], [point.y for point in line.points]
    for stretch in _stretches(line.points) if has_colour else ():
        axes.fill_between(
            [x for x, _, _ in stretch],
            [low for _, low, _ in stretch],
            [high for _, _, high in stretch],
            color=colour,
            alpha=0.16,
            linewidth=0,
        )
    axes.plot(xs, ys, color=colour, linewidth=1.8 if has_colour else 1.0, solid_joinstyle="round")
    all_are_marked = len(line.points) <= (MOST_MARKED if has_colour else 1)
    shown = [point for point in line.points if point.is_kept or all_are_marked]
    if not shown:
        return
    marks = axes.scatter(
        [point.x for point in shown],
        [point.y for point in shown],
        s=[44 if point.is_kept else 15 if has_colour else 7 for point in shown],
        c=[LIGHT["paper"] if point.is_kept else colour for point in shown],
        edgecolors=[colour if point.is_kept else LIGHT["paper"] for point in shown],
        linewidths=[2.0 if point.is_kept else 0.6 for point in shown],
        zorder=3,
        clip_on=False,
    )
    marks.set_urls([f"checkpoint:{point.checkpoint}" for point in shown])


def _stretches(points: Sequence[ChartPoint]) -> Iterator[list[tuple[float, float, float]]]:
    """Yield stretches of consecutive points with known quartiles, as (x, low, high)."""
    stretch: list[tuple[float, float, float]] = []
    for point in points:
        if point.low is not None and point.high is not None:
            stretch.append((point.x, point.low, point.high))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _scale(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    unit = chart.quantity.unit
    points = [point for line in chart.lines for point in line.points]
    if unit in ("share", "score"):
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.5, 1])
        if unit == "share":
            axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    elif unit == "stars":
        axes.set_ylim(0.8, 5.2)
        axes.set_yticks([1, 3, 5])
    elif unit == "minutes":
        axes.set_ylim(0, max((point.y for point in points), default=0.0) * 1.08 or 1)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    else:
        low = min(point.y if point.low is None else min(point.low, point.y) for point in points)
        high = max(point.y if point.high is None else max(point.high, point.y) for point in points)
        margin = max(1.0, 0.08 * (high - low))
        axes.set_ylim(low - margin, high + margin)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    first, last = chart.x_range
    room = 0.02 * (last - first) or 0.6
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(_whole))
    axes.set_xlabel(chart.x_label, color=LIGHT["muted"], labelpad=2)
    axes.grid(visible=True, axis="y", color=LIGHT["rule"], linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(colors=LIGHT["muted"], length=0, pad=5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LIGHT["faint"])


def _percent(value: float, _place: Any = None) -> str:
    return f"{100 * value:.0f} %"


def _whole(value: float, _place: Any = None) -> str:
    """Return a training step as text: 220000 is 220k."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:g}"


def _label_places(axes: Axes, lines: Sequence[Line]) -> list[float]:
    """Return the heights of the labels, as shares of the axes: at the ends of the lines, without overlap."""
    low, high = axes.get_ylim()
    height = CHART_SIZE[1] * 72 * axes.get_position().height
    apart = FONT_SIZE * 1.15 / height
    ends = [(line.points[-1].y - low) / (high - low) for line in lines]
    order = sorted(range(len(lines)), key=lambda at: (ends[at], at))
    places = [0.0] * len(lines)
    lowest = 0.0
    for at in order:
        places[at] = max(ends[at], lowest)
        lowest = places[at] + apart
    ceiling = max(1.0, (len(lines) - 1) * apart)
    for at in reversed(order):
        places[at] = min(places[at], ceiling)
        ceiling = places[at] - apart
    return places


def _extent(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of the points with a margin."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = 0.04 if high > low else 0.5
    return low - margin, high + margin


def _area(count: int) -> float:
    """Return the size of a point on the map, smaller for many points so that they don't hide one another."""
    return float(min(190.0, max(36.0, 14_000 / max(count, 1))))
