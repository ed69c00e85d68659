"""The charts of a report: their lines, x values and colours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from thresher.interfaces.report.charts import QUANTITIES, charts, run_colours


def rows_of(*names: tuple[str, int | None, int | None], files: int = 1) -> list[Any]:
    """Rows of checkpoints with what charts look at."""
    return [
        SimpleNamespace(
            id=at,
            run=run,
            epoch=epoch,
            step=step,
            files=files,
            minutes_kept=1.0,
            verdict=None,
            **dict.fromkeys(
                (each.name if each.name != "rating" else "mean_rating") for each in QUANTITIES[1:]
            ),
        )
        for at, (run, epoch, step) in enumerate(names)
    ]


def reported(rows: list[Any]) -> list[Any]:
    return [SimpleNamespace(row=row, spreads={}) for row in rows]


def test_x_is_the_epoch_else_the_step_else_the_position() -> None:
    def found(
        *names: tuple[str, int | None, int | None], kept: int | None = None
    ) -> tuple[str, list[list[float]]]:
        rows = rows_of(*names)
        if kept is not None:
            rows[kept].verdict = "keep"
        drawn, unknown = charts(reported(rows))
        assert len(unknown) == len(QUANTITIES) - 1
        xs = [point.x for line in drawn[0].lines for point in line.points]
        assert drawn[0].x_range == (min(xs), max(xs))
        return drawn[0].x_label, [[point.x for point in line.points] for line in drawn[0].lines]

    assert found(("a", 1, 5), ("a", 9, 6), ("b", 1, 7)) == ("epoch", [[1, 9], [1]])
    assert found(("a", 1, 5), ("a", 1, 6)) == ("step", [[5, 6]])
    assert found(("a", 1, None), ("a", 2, None), ("b", None, None)) == ("epoch", [[1, 2]])
    assert found(("a", None, None), ("b", None, None)) == ("checkpoint", [[1], [2]])
    both, one = (("a", 1, 10), ("a", 2, 20)), (("b", None, 5), ("b", None, 15))
    assert found(*both, *one) == ("step", [[10, 20], [5, 15]])  # a run that has only steps is drawn, too
    assert found(("a", 1, None), ("a", 2, None), *one) == ("checkpoint of its run", [[1, 2], [1, 2]])
    mixed = ("a", 1, None), ("a", 2, None), ("a", None, 7)
    assert found(*mixed) == ("epoch", [[1, 2]])
    assert found(*mixed, kept=2) == ("checkpoint of its run", [[1, 2, 3]])


def test_colours_go_to_runs_that_have_a_curve() -> None:
    rows = rows_of(*((f"large {at}", 1, None) for at in range(8)), files=100)
    rows += rows_of(*(("small", epoch, None) for epoch in (1, 2)), ("other", 1, None), ("other", 2, None))
    for number, row in enumerate(rows):
        row.id = number
    assert set(run_colours(reported(rows))) == {"small", "other", *(f"large {at}" for at in range(4))}
