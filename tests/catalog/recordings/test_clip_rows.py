"""Rows of clips with their recordings and checkpoints."""

from __future__ import annotations

from sqlalchemy import insert, update

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import checkpoint, clip, recording
from thresher.catalog.recordings.clip_rows import clip_rows


def test_rows_hold_the_clip_its_recording_and_its_checkpoint_but_no_features(catalog: Catalog) -> None:
    first, second = add_clips(catalog, [1, 2])
    with writing(catalog) as connection:
        connection.execute(insert(checkpoint).values(id=7, run="night", epoch=20))
        connection.execute(update(recording).where(recording.c.id == first).values(checkpoint_id=7))
    with catalog.reading() as connection:
        rows = clip_rows(connection, [second, first, 99])
    assert set(rows) == {first, second}
    row = rows[first]
    assert (row[clip.c.id], row[recording.c.sample_rate], row[clip.c.end_frame]) == (first, 16_000, 16_000)
    assert (row[checkpoint.c.run], row[checkpoint.c.epoch], row[checkpoint.c.step]) == ("night", 20, None)
    assert rows[second][checkpoint.c.run] is None
    assert clip.c.fingerprint not in row


def test_more_ids_than_one_statement_can_have_are_read(catalog: Catalog) -> None:
    ids = add_clips(catalog, range(3))
    with catalog.reading() as connection:
        assert sorted(clip_rows(connection, [*range(100, 1_200), *ids])) == ids
