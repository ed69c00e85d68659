"""Which clips songs and queues leave out, unless the query names their field."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.queries.selection_rules import IS_STUMP, SELECTION_RULE, STUMP_SHARE, left_out
from thresher.catalog.recordings.clip_source import SOURCE


@pytest.mark.parametrize(
    ("status", "lost", "is_stump"),
    [
        ("truncated", None, False),
        ("truncated", 0.0, False),
        ("truncated", STUMP_SHARE, False),
        ("truncated", STUMP_SHARE + 0.001, True),
        ("ok", 0.9, False),
    ],
)
def test_a_stump_lacks_more_than_a_share_of_its_length(
    cut_clips: Catalog, status: str, lost: float | None, is_stump: bool
) -> None:
    with writing(cut_clips) as connection:
        changed = update(recording).where(recording.c.id == 2)
        connection.execute(changed.values(status=status, lost_share=lost))
        found = connection.scalars(select(clip.c.id).select_from(SOURCE).where(IS_STUMP)).all()
    assert found == ([2] if is_stump else [])


@pytest.mark.parametrize(
    ("rule", "named", "count"),
    [
        (SELECTION_RULE, (), 3),
        (SELECTION_RULE, ("status",), 2),
        (SELECTION_RULE, ("verdict", "missing", "epoch"), 1),
        (1, (), 0),
    ],
)
def test_a_query_asks_for_what_is_left_out_by_its_field(
    rule: int, named: tuple[str, ...], count: int
) -> None:
    assert len(left_out(rule, named)) == count
