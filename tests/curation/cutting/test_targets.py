"""The recordings that a split cuts, and whether they are as they were read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Table, update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, location, recording
from thresher.curation.cutting.targets import as_they_were, find_targets, targets_of
from thresher.errors import NotFoundError


def test_the_recordings_of_listed_clips_and_of_clips_named_by_id_are_found_once(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        found = find_targets(cut_clips, connection, ["epoch:1"])
        assert [(each.id, each.whole, each.split is not None) for each in found] == [
            (1, 1, True),
            (3, 3, False),
        ]
        assert [each.id for each in find_targets(cut_clips, connection, ["1"])] == [1]  # its whole is hidden
        with pytest.raises(NotFoundError):
            find_targets(cut_clips, connection, ["epoch:9"])


def test_a_recording_without_usable_frames_is_no_target_of_a_split(cut_clips: Catalog) -> None:
    with cut_clips.reading() as connection:
        (found,) = targets_of(connection, [2])
    assert found.is_usable
    assert not replace(found, frames=0).is_usable
    assert not replace(found, status="silent").is_usable
    assert replace(found, status="truncated").is_usable


@pytest.mark.parametrize(
    ("table", "values", "is_same"),
    [
        (location, {"path": b"elsewhere.wav", "path_text": "elsewhere.wav"}, True),
        (recording, {"split": '{"every":1.0}'}, False),
        (recording, {"status": "truncated"}, False),
        (clip, {"end_frame": 5}, False),
        (clip, {"trim": "{}"}, False),
        (clip, {"rating": 5}, True),
    ],
)
def test_a_recording_has_changed_if_its_cuts_depend_on_what_changed(
    cut_clips: Catalog, table: Table, values: dict[str, Any], is_same: bool
) -> None:
    with writing(cut_clips) as connection:
        targets = targets_of(connection, [2, 4])
        connection.execute(update(table).where(table.c.id == 2).values(values))
        same, others = as_they_were(connection, targets)
    assert [each.id for each in same] == ([2, 4] if is_same else [4])
    assert [each.id for each in others] == ([] if is_same else [2])
