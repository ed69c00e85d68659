"""The figures of a report: labels apart from each other, in a readable size."""

from __future__ import annotations

import re

import pytest

from thresher.interfaces.report import plots
from thresher.interfaces.report.charts import QUANTITIES, Chart, ChartPoint, Line
from thresher.interfaces.report.colours import RUNS


def chart_of(runs: int, points: int = 4, y: float = 0.5) -> Chart:
    lines = tuple(
        Line(
            f"run {run}" if run < len(RUNS) else None,
            RUNS[run] if run < len(RUNS) else "faint",
            tuple(ChartPoint(x, y, 0.4, 0.6, 10 * run + x, x == 1) for x in range(points)),
        )
        for run in range(runs)
    )
    return Chart(QUANTITIES[4], lines, "epoch", (0, points - 1))


@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_twenty_runs_are_drawn_and_the_labels_of_six_do_not_overlap(y: float) -> None:
    with plots.drawing():
        svg = plots.as_svg(plots.draw_chart(chart_of(20, y=y), with_title=False))
    assert "dc:date" not in svg
    places = [float(y) for y in re.findall(r'y="([0-9.]+)"[^>]*>run [0-9]', svg)]
    assert len(places) == 6
    gaps = [high - low for low, high in zip(sorted(places), sorted(places)[1:], strict=False)]
    assert min(gaps) >= plots.FONT_SIZE
    assert (
        0 < min(places) < max(places) < 72 * plots.CHART_SIZE[1] - 2 * plots.FONT_SIZE
    )  # not where x is named


def test_labels_of_figures_are_text_in_a_readable_size() -> None:
    with plots.drawing():
        svg = plots.as_svg(plots.draw_chart(chart_of(2), with_title=True))
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*([0-9.]+)px", svg)]
    assert sizes
    assert min(sizes) >= 11
