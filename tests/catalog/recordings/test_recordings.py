"""Recordings: found by content, and replaced by a new analysis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.catalog.shelf import Shelf, content
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.recordings import recordings


def test_only_known_contents_are_found(catalog: Catalog) -> None:
    shelf = Shelf(catalog)
    wanted = [f"{number:064x}" for number in (2, 0, 7)]
    with catalog.reading() as connection:
        found = recordings.find_recordings(connection, wanted)
    assert found == {f"{2:064x}": shelf.known[2], f"{0:064x}": shelf.known[0]}


@pytest.mark.parametrize(("end", "stale"), [(10, False), (9, True)])
def test_a_new_analysis_makes_scores_stale_only_if_the_span_changes(
    catalog: Catalog, end: int, *, stale: bool
) -> None:
    shelf = Shelf(catalog)
    new = replace(content("truncated"), whole=replace(content().whole, end_frame=end))
    with writing(catalog) as connection:
        changed = recordings.replace_content(connection, shelf.known[1], new)
        clip_id = connection.scalar(select(clip.c.id).where(clip.c.recording_id == shelf.known[1]))
        assert recordings.status_and_trim(connection, shelf.known[1]) == ("truncated", "{}")
    assert changed == ([clip_id] if stale else [])


def test_a_new_analysis_of_a_forgotten_recording_adds_nothing(catalog: Catalog) -> None:
    Shelf(catalog)
    with writing(catalog) as connection:
        assert recordings.replace_content(connection, 99, content()) == []
        assert len(connection.execute(select(clip.c.id)).all()) == 3
