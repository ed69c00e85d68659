"""The data of the plots over training: one chart for each quantity, with one line for each run.

The x of a point is the checkpoint's epoch if epochs draw every run that has numbers, else its step, else its
position in its run. Epochs or steps draw a run if they are unique within it and more than half of its checkpoints
have one, and all with the verdict keep.
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
class Quantity:
    """A number that each checkpoint has: its name, title, meaning and unit."""

    name: str
    title: str
    meaning: str
    unit: Unit
    value: Callable[[CheckpointRow], float | None]


QUANTITIES: Sequence[Quantity] = (
    Quantity(
        "kept",
        "Minutes kept",
        "minutes of usable files after trimming",
        "minutes",
        lambda row: row.minutes_kept,
    ),
    Quantity("rating", "Mean rating", "of the rated clips, 1 to 5", "stars", lambda row: row.mean_rating),
    Quantity(
        "silence",
        "Silence",
        "share of the generated minutes that is silent",
        "share",
        lambda row: row.silence,
    ),
    Quantity(
        "loudness",
        "Loudness",
        "mean of the clips, in LUFS; −70 is almost silent",
        "LUFS",
        lambda row: row.loudness,
    ),
    Quantity(
        "loop",
        "Loops",
        "how much the clips repeat themselves; 1 is an exact loop",
        "score",
        lambda row: row.loop,
    ),
    Quantity("noise", "Noise", "spectral flatness; 1 is white noise", "score", lambda row: row.noise),
    Quantity(
        "collapse",
        "Collapse",
        "mean likeness between the clips; 1 means that all are the same sound",
        "score",
        lambda row: row.collapse,
    ),
    Quantity(
        "copies",
        "Copies",
        "share of the clips that duplicate another clip of the checkpoint",
        "share",
        lambda row: row.copies,
    ),
    Quantity(
        "novelty",
        "Novelty",
        "mean distance to the nearest clip of an earlier checkpoint",
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
    """A run. `label` is None for a run beyond the number of colours."""

    label: str | None
    colour: str
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True)
class Chart:
    """One quantity over training; all charts of a report have the same `x_range`."""

    quantity: Quantity
    lines: tuple[Line, ...]
    x_label: str
    x_range: tuple[float, float]


def charts(found: Sequence[ReportCheckpoint]) -> tuple[list[Chart], list[Quantity]]:
    """Return a chart for each quantity with data, and the quantities without data."""
    named = [each for each in found if each.row.id is not None]
    x_label, x_values = _x_values([each.row for each in named])
    x_range = min(x_values.values(), default=0.0), max(x_values.values(), default=0.0)
    colours = run_colours(found)
    runs: defaultdict[str | None, list[ReportCheckpoint]] = defaultdict(list)
    for each in named:
        runs[each.row.run].append(each)
    drawn, unknown = [], []
    for quantity in QUANTITIES:
        lines = []
        for run, of_run in runs.items():
            points = tuple(_points(quantity, of_run, x_values))
            if points:
                colour = colours.get(run)
                lines.append(Line((run or "no run") if colour else None, colour or "faint", points))
        if lines:
            drawn.append(Chart(quantity, tuple(lines), x_label, x_range))
        else:
            unknown.append(quantity)
    return drawn, unknown


def run_colours(found: Sequence[ReportCheckpoint]) -> Mapping[str | None, str]:
    """Return the colour names of runs, in the order of the rows: first of those with a curve, the largest first."""
    rows = [each.row for each in found if each.row.id is not None]
    files: Counter[str | None] = Counter()
    for row in rows:
        files[row.run] += row.files
    curves = _runs_with_curves(rows)
    ranked = sorted(files, key=lambda run: (run not in curves, -files[run], run or ""))
    chosen = set(ranked[: len(RUNS)])
    return dict(zip((run for run in files if run in chosen), RUNS, strict=False))


def _runs_with_curves(rows: Sequence[CheckpointRow]) -> set[str | None]:
    """Return the runs of which a quantity is known at two checkpoints or more: one point makes no curve."""
    _, x_values = _x_values(rows)
    known: Counter[tuple[str | None, str]] = Counter(
        (row.run, quantity.name)
        for row in rows
        if row.id in x_values
        for quantity in QUANTITIES
        if quantity.value(row) is not None
    )
    return {run for (run, _), count in known.items() if count > 1}


def _x_values(rows: Sequence[CheckpointRow]) -> tuple[str, dict[int | None, float]]:
    """Return the label of the x axis and the x of each checkpoint. Checkpoints without x are not drawn."""
    for name in ("epoch", "step"):
        values = {row.id: getattr(row, name) for row in rows if getattr(row, name) is not None}
        if _draws_all(rows, values):
            return name, values
    counts: Counter[str | None] = Counter(row.run for row in rows)
    if max(counts.values(), default=0) <= 1:  # one checkpoint for each run
        return "checkpoint", {row.id: position for position, row in enumerate(rows, 1)}
    seen: Counter[str | None] = Counter()
    x_values: dict[int | None, float] = {}
    for row in rows:
        seen[row.run] += 1
        x_values[row.id] = seen[row.run]
    return "checkpoint of its run", x_values


def _draws_all(rows: Sequence[CheckpointRow], values: Mapping[int | None, float]) -> bool:
    """Whether these x values draw every run with numbers, and every checkpoint with the verdict keep."""
    numbered = {row.run for row in rows if row.epoch is not None or row.step is not None}
    of_run = Counter(row.run for row in rows if row.run in numbered)
    known = Counter(row.run for row in rows if row.id in values)
    distinct = {(row.run, values[row.id]) for row in rows if row.id in values}
    return (
        bool(numbered)
        and all(2 * known[run] > count for run, count in of_run.items())
        and len(distinct) == len(values)
        and all(row.id in values for row in rows if row.verdict == "keep")
    )


def _points(
    quantity: Quantity, of_run: Sequence[ReportCheckpoint], x_values: Mapping[int | None, float]
) -> list[ChartPoint]:
    points = []
    for each in of_run:
        value = quantity.value(each.row)
        if value is not None and each.row.id is not None and each.row.id in x_values:
            # the share of silent minutes covers whole files, the silence of clips only their trimmed spans
            spread = None if quantity.name == "silence" else each.spreads.get(quantity.name)
            low, high = spread or (None, None)
            is_kept = each.row.verdict == "keep"
            points.append(ChartPoint(x_values[each.row.id], value, low, high, each.row.id, is_kept))
    return sorted(points, key=lambda point: point.x)
