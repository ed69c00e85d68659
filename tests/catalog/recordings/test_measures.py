"""Stored measures: rows of a clip, values by name, and which clips are not measured yet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, insert, select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, measure, recording
from thresher.catalog.recordings import measures
from thresher.signal.features.measure_registry import MEASURES

COMPLETE: dict[str, float | None] = dict.fromkeys(MEASURES, 0.5) | {"tempo": None}


@pytest.fixture
def three(catalog: Catalog) -> Catalog:
    """A catalog of three clips: the first is measured, the second lacks one measure, the third has none."""
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        for key in (1, 2, 3):
            values = {"sha256": str(key), "batch_id": 1, "role": "generated", "status": "ok"}
            connection.execute(insert(recording).values(values))
            span = {"kind": "whole", "ordinal": 0, "start_frame": 0, "end_frame": 1, "trim": "{}"}
            connection.execute(insert(clip).values(recording_id=key, **span))
        lacking = {name: value for name, value in COMPLETE.items() if name != "noise"}
        measures.store(connection, [(1, COMPLETE), (2, lacking)])
    return catalog


def unmeasured(connection: Connection) -> list[int]:
    return list(connection.scalars(select(clip.c.id).where(measures.is_unmeasured()).order_by(clip.c.id)))


def test_a_clip_without_a_row_for_each_measure_is_unmeasured(three: Catalog) -> None:
    with three.reading() as connection:
        assert unmeasured(connection) == [2, 3]


def test_a_new_version_of_a_measure_makes_older_clips_unmeasured(
    three: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = {**MEASURES, "loop": replace(MEASURES["loop"], version=MEASURES["loop"].version + 1)}
    monkeypatch.setattr(measures, "MEASURES", raised)
    with writing(three) as connection:
        assert unmeasured(connection) == [1, 2, 3]
        measures.remove(connection, 1)
        measures.store(connection, [(1, COMPLETE)])
        assert unmeasured(connection) == [2, 3]


def test_a_new_measure_makes_older_clips_unmeasured(three: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MEASURES", {**MEASURES, "new": replace(MEASURES["loop"], name="new")})
    with three.reading() as connection:
        assert unmeasured(connection) == [1, 2, 3]
        assert measures.read(connection, [1])[1]["new"] is None


def test_values_are_read_by_name_in_the_order_of_the_registry(three: Catalog) -> None:
    with three.reading() as connection:
        found = measures.read(connection, [3, 2, 1])
        noise = connection.execute(select(clip.c.id, measures.measure_value("noise"))).all()
    assert set(found) == {1, 2}
    assert list(found[1].items()) == [(name, COMPLETE[name]) for name in MEASURES]
    assert found[2]["noise"] is None
    assert sorted(map(tuple, noise)) == [(1, 0.5), (2, None), (3, None)]


def test_the_measures_of_a_forgotten_clip_are_deleted_with_it(three: Catalog) -> None:
    with writing(three) as connection:
        connection.execute(recording.delete().where(recording.c.id == 1))
        assert set(connection.scalars(select(measure.c.clip_id))) == {2}
