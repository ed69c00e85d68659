"""Corrections of checkpoints and attributes are pinned until they are undone."""

from __future__ import annotations

from sqlalchemy import insert, select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import attribute
from thresher.catalog.recordings.attribution import refresh_checkpoint
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip


def test_a_corrected_attribute_is_pinned_and_its_undo_unpins_it(judged: Catalog) -> None:
    with writing(judged) as connection:
        connection.execute(insert(attribute).values(location_id=1, key="mood", text="calm"))
    judging.modify(judged, ["1"], {"mood": "wild"})
    with judged.reading() as connection:
        rows = connection.execute(select(attribute.c.text, attribute.c.pinned)).all()
    assert [tuple(row) for row in rows] == [("wild", True)]
    judging.undo(judged)
    with judged.reading() as connection:
        rows = connection.execute(select(attribute.c.text, attribute.c.pinned)).all()
    assert [tuple(row) for row in rows] == [("calm", False)]


def test_a_corrected_checkpoint_is_kept_until_the_correction_is_undone(judged: Catalog) -> None:
    judging.modify(judged, ["1"], {"epoch": "40"})
    with writing(judged) as connection:
        refresh_checkpoint(connection, 1)
    found = show_clip(judged, "1")
    assert (found.clip.run, found.clip.epoch, found.checkpoint_pinned) == ("night", 40, True)
    judging.undo(judged)
    found = show_clip(judged, "1")
    assert (found.clip.run, found.clip.epoch, found.checkpoint_pinned) == ("night", 1, False)
