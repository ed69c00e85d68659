"""The tables that queries read, and the expressions that fields and listings share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select, update

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, location, metric, recording
from thresher.catalog.recordings.clip_source import (
    END,
    SECONDS,
    SOURCE,
    START,
    has_location,
    latest_metric,
    shown_location,
)


def add_location(connection: Connection, recording_id: int, path: str, missing: float | None = None) -> None:
    values: dict[str, Any] = {"recording_id": recording_id, "batch_id": 1, "size": 1, "mtime_ns": 1}
    connection.execute(
        insert(location).values(path=path.encode(), path_text=path, missing_since=missing, **values)
    )


def test_positions_are_seconds_and_null_without_a_sample_rate(catalog: Catalog) -> None:
    add_clips(catalog, [1, 2])
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id == 1).values(start_frame=8_000, end_frame=40_000))
        connection.execute(update(recording).where(recording.c.id == 2).values(sample_rate=None))
        rows = connection.execute(select(START, END, SECONDS).select_from(SOURCE).order_by(clip.c.id)).all()
    assert [tuple(row) for row in rows] == [(0.5, 2.5, 2.0), (None, None, None)]


def test_the_location_shown_is_the_earliest_present_one_else_the_earliest(catalog: Catalog) -> None:
    add_clips(catalog, [1, 2, 3])
    with writing(catalog) as connection:
        for of, path, missing in (
            (1, "gone.wav", 5.0),
            (1, "here.wav", None),
            (1, "copy.wav", None),
            (2, "late.wav", 9.0),
            (2, "lost.wav", 1.0),
        ):
            add_location(connection, of, path, missing)
        shown = select(shown_location(location.c.path_text)).select_from(SOURCE).order_by(clip.c.id)
        assert list(connection.scalars(shown)) == ["here.wav", "late.wav", None]
        present = (
            select(clip.c.id).select_from(SOURCE).where(has_location(location.c.missing_since.is_(None)))
        )
        assert list(connection.scalars(present)) == [1]


def test_the_highest_version_of_a_metric_is_its_latest(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        for version in (2, 3, 1):
            connection.execute(insert(metric).values(id=version * 10, name="prefix", version=version))
        assert connection.scalar(select(latest_metric("prefix"))) == 30
        assert connection.scalar(select(latest_metric("aligned"))) is None
