"""Repairs: indexes first, every step can be interrupted, and what is repaired equals what was there before."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import Any

import pytest
from sqlalchemy import update

from tests.support import WriteClip, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import claim
from thresher.catalog.safety.damage import find_damage
from thresher.catalog.scores import claims, scores
from thresher.curation.clips.decisions import rate, tag, undo
from thresher.curation.comparison.duplicates import dupes
from thresher.curation.comparison.score import score
from thresher.curation.ingest import repair as steps
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.errors import CatalogError

DAMAGE = {
    "a measure": "UPDATE measure SET value = value + 1 WHERE clip_id = 2 AND value IS NOT NULL",
    "the type of a measure": "UPDATE measure SET value = 'loud' WHERE clip_id = 2",
    "the loudness": "UPDATE clip SET loudness = -3.0 WHERE id = 2",
    "the span of a whole": "UPDATE clip SET end_frame = end_frame - 1 WHERE id = 1",
    "fingerprints": "UPDATE clip SET fingerprint = zeroblob(length(fingerprint))",
    "a profile": "UPDATE clip SET profile = CAST(profile AS TEXT) WHERE id = 2",
    "the sample rate": "UPDATE recording SET sample_rate = sample_rate + 1 WHERE id = 1",
    "score rows": "UPDATE score_row SET scores = zeroblob(length(scores)) WHERE position = 2",
    "nearest clips": "UPDATE nearest SET score = score / 2",
    "an undone decision": "UPDATE decision SET undone_by_id = NULL",
    "the highest id of a table": "UPDATE sqlite_sequence SET seq = seq + 10 WHERE name = 'clip'",
}


@pytest.fixture
def judged(catalog: Catalog, write_clip: WriteClip) -> Catalog:
    """Five clips of real files, scored, with a rating, a tag and an undone decision."""
    for index in range(5):
        write_clip(catalog.root / f"run_epoch_1_{index}.wav", index)
    ingest(catalog, [catalog.root], IngestOptions(executor="serial"))
    rate(catalog, ["1"], 4)
    tag(catalog, ["2"], add=["riff"])
    rate(catalog, ["1"], 5)
    undo(catalog)
    return catalog


def damage_by(catalog: Catalog, statements: str) -> None:
    """Change the database as no program of ours does."""
    with closing(sqlite3.connect(catalog.root / "catalog.db")) as opened:
        opened.executescript(statements)
        opened.commit()


def values(catalog: Catalog) -> dict[str, list[str]]:
    """Return all rows but those of score rows, whose positions change, and of metrics, which count compactions."""
    return dump(catalog, without=("score_row", "metric", "safeguard"))


@pytest.mark.sqlite_only("a file whose bytes a test can damage")
@pytest.mark.parametrize("what", DAMAGE)
def test_what_can_be_computed_is_repaired(judged: Catalog, what: str) -> None:
    before = values(judged)
    damage_by(judged, DAMAGE[what])
    assert not verify(judged).is_sound
    report = verify(judged, repair=True)
    assert report.is_repaired, report.left
    assert verify(judged).is_sound
    assert values(judged) == before


@pytest.mark.sqlite_only("a file whose bytes a test can damage")
@pytest.mark.parametrize("table", ["score_row", "clip", "nearest", "clip_tag", "location"])
def test_a_damaged_index_is_rebuilt_before_anything_else(judged: Catalog, table: str) -> None:
    before = values(judged)
    empty_indexes(judged, table)
    assert any("index" in words for words in verify(judged).database)
    assert verify(judged, repair=True).is_repaired
    assert verify(judged).is_sound
    assert values(judged) == before


def empty_indexes(catalog: Catalog, table: str) -> None:
    """Let every index of a table be empty, as after damage of its first page."""
    file = catalog.root / "catalog.db"
    with closing(sqlite3.connect(file)) as opened:
        (size,) = opened.execute("PRAGMA page_size").fetchone()
        pages = opened.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", (table,)
        ).fetchall()
    content = bytearray(file.read_bytes())
    for (page,) in pages:
        first = (page - 1) * size
        content[first : first + 8] = bytes([10, 0, 0, 0, 0, size >> 8, size & 255, 0])  # an empty leaf
    file.write_bytes(content)


@pytest.mark.sqlite_only("a file whose bytes a test can damage")
def test_score_and_dupes_stop_on_a_damaged_index(judged: Catalog) -> None:
    empty_indexes(judged, "score_row")
    with pytest.raises(CatalogError, match="verify --repair"):
        score(judged)
    with suppress(CatalogError):  # it scores by another metric, which has no rows yet
        dupes(judged)


STEPS = ("_repair_rows", "_repair_analysis", "reanalyse_clips", "_forget", "catch_up")


@pytest.mark.sqlite_only("a file whose bytes a test can damage")
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_repair_is_found_and_completed(
    judged: Catalog, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = values(judged)
    damage_by(judged, "; ".join(DAMAGE[each] for each in ("fingerprints", "score rows", "a measure")))

    def interrupted(*_arguments: Any, **_options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(steps, step, interrupted)
        if step == "_forget":
            patched.setattr(
                steps, "reanalyse_clips", lambda *_a, **_o: steps.ReanalysisReport(0, 0, (), 0.0, ())
            )
        verify(judged, repair=True)
    assert not verify(judged).is_sound
    assert verify(judged, repair=True).is_repaired
    assert verify(judged).is_sound
    assert values(judged) == before


@pytest.mark.parametrize("clips", ["[[1,2]", "[[1,2],[3]]", "[1]", "[[1,null]]", "\x01"])
def test_a_damaged_claim_of_a_scorer_is_found_and_removed(judged: Catalog, clips: str) -> None:
    before = values(judged)
    with writing(judged) as connection:
        metric_id = scores.metric_id(connection, "prefix", 1)
        claims.add(connection, metric_id, {1: 2}, "a killed one", 0.0)
        connection.execute(update(claim).values(clips=clips))
    with pytest.raises(CatalogError, match=r"claim of scores is damaged .*verify --repair"):
        score(judged, "prefix")
    assert verify(judged).incomplete == ("prefix",)
    assert verify(judged, repair=True).is_repaired
    assert verify(judged).is_sound
    assert values(judged) == before


def test_clips_without_live_rows_are_counted_and_scored_by_a_repair(judged: Catalog) -> None:
    with writing(judged) as connection:
        scores.retire(connection, [2])
    found = verify(judged)
    assert found.is_sound
    assert set(found.unfinished.values()) == {1}
    assert all(what.startswith("scores by ") for what in found.unfinished)
    verify(judged, repair=True)
    assert verify(judged).unfinished == {}


def test_rows_of_people_are_not_repaired_but_can_be_accepted(judged: Catalog) -> None:
    with writing(judged) as connection:
        connection.exec_driver_sql("UPDATE clip SET rating = 1 WHERE id = 1")
    assert verify(judged).rows == ("clip 1",)
    left = verify(judged, repair=True)
    assert (left.is_repaired, left.left) == (False, ("clip 1",))
    assert verify(judged, accept=True).is_repaired
    with judged.reading() as connection:
        assert not find_damage(connection)
