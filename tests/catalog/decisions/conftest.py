"""Fixtures of decisions: four clips, and decisions of several people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import insert

from tests.catalog.judged_clips import CLIPS, SILENT, SPAN, add_location
from tests.support import JOURNAL, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, checkpoint, clip, recording
from thresher.catalog.decisions import journal
from thresher.curation.clips import decisions as judging
from thresher.errors import NotFoundError


@pytest.fixture
def judged(catalog: Catalog) -> Catalog:
    """Four clips, each with its own path and its own checkpoint; the last one is silent."""
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        for key in range(1, CLIPS + 1):
            status = "silent" if key == SILENT else "ok"
            connection.execute(insert(checkpoint).values(run="night", epoch=key, step=None))
            connection.execute(
                insert(recording).values(
                    sha256=str(key),
                    batch_id=1,
                    role="generated",
                    status=status,
                    sample_rate=16_000,
                    checkpoint_id=key,
                )
            )
            connection.execute(insert(clip).values(recording_id=key, **SPAN))
            add_location(connection, key, f"{key}.wav", key)
    return catalog


@pytest.fixture
def restored(judged: Catalog) -> Iterator[Catalog]:
    """The catalog. After the test, all decisions are undone, and its content must be as before."""
    before = dump(judged, without=JOURNAL)
    yield judged
    while True:
        try:
            judging.undo(judged)
        except NotFoundError:
            break
    assert dump(judged, without=JOURNAL) == before


@pytest.fixture
def act_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the following decisions those of a user; the label of the writer of each is as here."""

    def act(label: str) -> None:
        monkeypatch.setattr(journal, "this_writer", lambda: f"id of {label}")
        monkeypatch.setattr(journal, "this_label", lambda: label)

    return act
