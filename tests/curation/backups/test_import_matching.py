"""Recordings and clips of a file are found by content: hash, audio key, spans."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import recording
from thresher.curation.backups.curation_records import RecordingRecord, Ref
from thresher.curation.backups.import_matching import KnownClip, Matches, match

HERE = Matches(
    {"a": 1, "b": 2},
    {
        1: [
            KnownClip(10, "whole", 0, 1000, False),
            KnownClip(11, "part", 0, 100, False),
            KnownClip(12, "marked", 0, 100, False),
            KnownClip(13, "part", 200, 300, True),
        ]
    },
)


@pytest.mark.parametrize(
    ("wanted", "found", "shown"),
    [
        (Ref("a", "whole"), 10, True),
        (Ref("b", "whole"), None, False),
        (Ref("c", "whole"), None, False),
        (Ref("a", "part", 0, 100), 11, True),
        (Ref("a", "marked", 0, 100), 12, True),
        # a part whose span has 90 % in common is the same part, a mark is not
        (Ref("a", "part", 0, 90), 11, True),
        (Ref("a", "part", 0, 89), None, False),
        (Ref("a", "part", 10, 100), 11, True),
        (Ref("a", "part", 11, 100), None, False),
        (Ref("a", "part", 5, 105), 11, True),
        (Ref("a", "part", 0, 0), None, False),
        (Ref("a", "marked", 0, 99), None, False),
        # a removed part is found by its exact span only
        (Ref("a", "part", 200, 300), 13, False),
        (Ref("a", "part", 200, 299), None, False),
        (Ref("a", "part", 0), None, False),
        (Ref("a", "part", None, 100), None, False),
    ],
)
def test_a_clip_is_found_by_its_kind_and_span(wanted: Ref, found: int | None, shown: bool) -> None:
    assert (HERE.find(wanted), HERE.is_shown(wanted)) == (found, shown)


def test_a_recording_is_found_by_its_hash_then_by_the_key_of_its_audio(cut_clips: Catalog) -> None:
    with writing(cut_clips) as connection:
        hashes = {
            row.id: row.sha256 for row in connection.execute(select(recording.c.id, recording.c.sha256))
        }
        connection.execute(update(recording).where(recording.c.id.in_([2, 3])).values(audio_key="same"))
        connection.execute(update(recording).where(recording.c.id == 4).values(audio_key="other"))
    records = [
        RecordingRecord(hashes[4], audio_key="same"),  # the hash decides
        RecordingRecord("retagged", audio_key="same"),  # the earliest recording with the key
        RecordingRecord("unknown", audio_key="unheard"),
        RecordingRecord("silent"),
    ]
    with cut_clips.reading() as connection:
        found = match(connection, records)
    assert found.recordings == {hashes[4]: 4, "retagged": 2}
    assert found.find(Ref("retagged", "whole")) == 2
