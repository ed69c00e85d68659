"""What the plots over training show: for each measure a chart, in it a line for each run.

The x of a point is the checkpoint's epoch where that tells a run's checkpoints apart, else its step, else its place
among its run's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from thresher.curation.checkpoints.summary import CheckpointRow
from thresher.curation.report.report import ReportCheckpoint
from thresher.interfaces.report.colours import RUNS

Unit = Literal["share", "minutes", "stars", "LUFS", "score"]


@dataclass(frozen=True)
class Measure:
    """A number of each checkpoint: how it is called, what it says, in which unit."""

    name: str
    title: str
    meaning: str
    unit: Unit
    value: Callable[[CheckpointRow], float | None]


MEASURES: Sequence[Measure] = (
    Measure(
        "kept",
        "Minutes kept",
        "minutes left after trimming, of usable files",
        "minutes",
        lambda row: row.minutes_kept,
    ),
    Measure(
        "rating", "Mean rating", "of the clips that were rated, 1 to 5", "stars", lambda row: row.mean_rating
    ),
    Measure(
        "silence",
        "Silence",
        "share of the minutes generated in which nothing sounds",
        "share",
        lambda row: row.silence,
    ),
    Measure(
        "loudness",
        "Loudness",
        "mean of the clips, in LUFS; −70 is next to nothing",
        "LUFS",
        lambda row: row.loudness,
    ),
    Measure(
        "loop",
        "Loops",
        "how much a clip repeats itself; 1 is a loop that never leaves its bar",
        "score",
        lambda row: row.loop,
    ),
    Measure("noise", "Noise", "how flat the spectrum is; 1 is white noise", "score", lambda row: row.noise),
    Measure(
        "collapse",
        "Collapse",
        "mean likeness of the clips among themselves; 1 is one sound over and over",
        "score",
        lambda row: row.collapse,
    ),
    Measure(
        "copies",
        "Copies",
        "share of the clips that are the same sound as another of the checkpoint",
        "share",
        lambda row: row.copies,
    ),
    Measure(
        "novelty",
        "Novelty",
        "mean distance from the nearest clip of any earlier checkpoint",
        "score",
        lambda row: row.novelty,
    ),
)


@dataclass(frozen=True)
class ChartPoint:
    """A checkpoint on a line; `low` and `high` are the quartiles of its clips."""

    x: float
    y: float
    low: float | None
    high: float | None
    checkpoint: int
    is_kept: bool


@dataclass(frozen=True)
class Line:
    """A run; `colour` names one, `label` is None where it is one of too many."""

    label: str | None
    colour: str
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True)
class Chart:
    """One measure over training; all charts of a report have the same `x_range`."""

    measure: Measure
    lines: tuple[Line, ...]
    x_label: str
    x_range: tuple[float, float]


def charts(found: Sequence[ReportCheckpoint]) -> tuple[list[Chart], list[Measure]]:
    """A chart for each measure that is known of any named checkpoint, and the measures known of none."""
    named = [each for each in found if each.row.id is not None]
    x_label, places = _places([each.row for each in named])
    x_range = min(places.values(), default=0.0), max(places.values(), default=0.0)
    colours = run_colours([each.row for each in named])
    runs: defaultdict[str | None, list[ReportCheckpoint]] = defaultdict(list)
    for each in named:
        runs[each.row.run].append(each)
    drawn, unknown = [], []
    for measure in MEASURES:
        lines = []
        for run, of_run in runs.items():
            points = tuple(_points(measure, of_run, places))
            if points:
                colour = colours.get(run)
                lines.append(Line((run or "no run") if colour else None, colour or "faint", points))
        if lines:
            drawn.append(Chart(measure, tuple(lines), x_label, x_range))
        else:
            unknown.append(measure)
    return drawn, unknown


def run_colours(rows: Sequence[CheckpointRow]) -> Mapping[str | None, str]:
    """The colour's name of each run that has one: the largest runs, in the order in which they are listed."""
    files: Counter[str | None] = Counter()
    for row in rows:
        files[row.run] += row.files
    largest = {
        run for run, _ in sorted(files.items(), key=lambda pair: (-pair[1], pair[0] or ""))[: len(RUNS)]
    }
    return dict(zip((run for run in files if run in largest), RUNS, strict=False))


def _places(rows: Sequence[CheckpointRow]) -> tuple[str, dict[int | None, float]]:
    """What x is called, and that of each checkpoint; those that don't have one are not drawn."""
    for name in ("epoch", "step"):
        values = {row.id: getattr(row, name) for row in rows if getattr(row, name) is not None}
        told_apart = {(row.run, values[row.id]) for row in rows if row.id in values}
        if 2 * len(values) > len(rows) and len(told_apart) == len(values):
            return name, values
    counts: Counter[str | None] = Counter(row.run for row in rows)
    if max(counts.values(), default=0) <= 1:  # each run's only one
        return "checkpoint", {row.id: place for place, row in enumerate(rows, 1)}
    seen: Counter[str | None] = Counter()
    places: dict[int | None, float] = {}
    for row in rows:
        seen[row.run] += 1
        places[row.id] = seen[row.run]
    return "checkpoint of its run", places


def _points(
    measure: Measure, of_run: Sequence[ReportCheckpoint], places: Mapping[int | None, float]
) -> list[ChartPoint]:
    points = []
    for each in of_run:
        value = measure.value(each.row)
        if value is not None and each.row.id is not None and each.row.id in places:
            # the share of silent minutes goes over files, the clips' own silence only over what was kept
            spread = None if measure.name == "silence" else each.spreads.get(measure.name)
            low, high = spread or (None, None)
            is_kept = each.row.verdict == "keep"
            points.append(ChartPoint(places[each.row.id], value, low, high, each.row.id, is_kept))
    return sorted(points, key=lambda point: point.x)
