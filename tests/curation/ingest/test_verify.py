"""Verify: damage that the database does not notice is found, and repaired from the audio files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import insert, select, text

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, nearest, score_row
from thresher.catalog.scores import score_reads, scores
from thresher.curation.clips.detail import show_clip
from thresher.curation.comparison.score import score
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.errors import CatalogError

CLIPS = 5


@pytest.fixture
def scored(catalog: Catalog, write_clip: Any, serial: IngestOptions) -> Catalog:
    """Five clips from real files, scored."""
    for index in range(CLIPS):
        write_clip(catalog.root / f"run_epoch_1_{index}.wav", index)
    ingest(catalog, [catalog.root], serial)
    return catalog


def state(catalog: Catalog) -> tuple[NDArray[np.float32], list[Any], list[Any]]:
    """Return the matrix, the nearest clips and the fingerprints."""
    with catalog.reading() as connection:
        matrix = score_reads.between(connection, 1, range(1, CLIPS + 1))
        best = connection.execute(select(nearest).order_by(nearest.c.clip_id)).all()
        prints = list(connection.scalars(select(clip.c.fingerprint).order_by(clip.c.id)))
    return matrix, list(best), prints


def same(one: Any, two: Any) -> None:
    np.testing.assert_array_equal(one[0], two[0])
    assert one[1:] == two[1:]


def run(catalog: Catalog, *statements: str) -> None:
    with writing(catalog) as connection:
        for statement in statements:
            connection.execute(text(statement))


def flip(column: str, where: str, table: str, place: int = 3) -> str:
    """Return SQL that changes one byte of a blob."""
    other = (
        f"CASE substr({column}, {place + 1}, 1) WHEN zeroblob(1) THEN CAST('A' AS BLOB) ELSE zeroblob(1) END"
    )
    changed = f"substr({column}, 1, {place}) || {other} || substr({column}, {place + 2})"
    return f"UPDATE {table} SET {column} = CAST({changed} AS BLOB) WHERE {where}"


def test_a_new_catalog_is_sound(catalog: Catalog) -> None:
    assert verify(catalog).is_sound


def test_a_repair_does_not_change_an_undamaged_catalog(scored: Catalog) -> None:
    before = state(scored)
    report = verify(scored, repair=True)
    assert report.is_sound
    assert report.repair is None
    same(state(scored), before)


@pytest.mark.parametrize("position", range(1, CLIPS))
def test_a_flipped_byte_in_a_score_row_is_found_and_repaired(scored: Catalog, position: int) -> None:
    before = state(scored)
    run(scored, flip("scores", f"position = {position}", "score_row", place=2))
    with scored.reading() as connection, pytest.raises(CatalogError, match="verify --repair"):
        score_reads.between(connection, 1, range(1, CLIPS + 1))
    found = verify(scored)
    assert (found.score_rows, found.fingerprints, found.repair) == ({"prefix": (position,)}, (), None)
    repaired = verify(scored, repair=True).repair
    assert repaired is not None
    assert repaired.scoring is not None
    assert repaired.scoring.clips == 1
    assert verify(scored).is_sound
    same(state(scored), before)


def test_a_flipped_byte_in_a_fingerprint_is_found_and_repaired(scored: Catalog) -> None:
    before = state(scored)
    run(scored, flip("fingerprint", "id = 3", "clip"))
    assert verify(scored).fingerprints == (3,)
    repaired = verify(scored, repair=True).repair
    assert repaired is not None
    assert (repaired.analysed, repaired.without_file) == (1, ())
    assert verify(scored).is_sound
    same(state(scored), before)


def test_damage_of_all_fingerprints_and_rows_is_repaired(scored: Catalog) -> None:
    before = state(scored)
    run(
        scored,
        "UPDATE clip SET fingerprint = zeroblob(8)",
        "UPDATE score_row SET scores = zeroblob(7), crc32 = 1",
    )
    found = verify(scored, repair=True)
    assert found.fingerprints == tuple(range(1, CLIPS + 1))
    assert found.score_rows == {"prefix": tuple(range(CLIPS))}
    assert verify(scored).is_sound
    same(state(scored), before)


def test_a_damaged_fingerprint_without_a_file_does_not_stop_the_repair(
    scored: Catalog, write_clip: Any, serial: IngestOptions
) -> None:
    """The other clips are scored. Once the file is back, this clip is repaired too."""
    before = state(scored)
    file = scored.root / "run_epoch_1_2.wav"
    content = file.read_bytes()
    file.unlink()
    run(scored, flip("fingerprint", "id = 3", "clip"))
    repaired = verify(scored, repair=True).repair
    assert repaired is not None
    assert repaired.without_file == (3,)
    assert verify(scored).is_sound
    found = show_clip(scored, "3")
    assert (found.fingerprint_words, found.nearest) == (0, ())
    write_clip(scored.root / "run_epoch_2_0.wav", 77)
    report = ingest(scored, [scored.root], serial)
    assert report.scoring is not None
    assert report.scoring.live == CLIPS
    file.write_bytes(content)
    (scored.root / "run_epoch_2_0.wav").unlink()
    ingest(scored, [scored.root], serial)
    np.testing.assert_array_equal(state(scored)[0], before[0])
    assert state(scored)[2][:CLIPS] == before[2]


@pytest.mark.parametrize("position", [0, 2])
def test_a_missing_score_row_is_found_and_repaired(scored: Catalog, position: int) -> None:
    before = state(scored)
    run(scored, f"DELETE FROM score_row WHERE position = {position}")
    assert verify(scored).incomplete == ("prefix",)
    verify(scored, repair=True)
    assert verify(scored).is_sound
    same(state(scored), before)


def test_damaged_rows_are_reported_for_each_version_of_a_metric(scored: Catalog) -> None:
    before = state(scored)
    with writing(scored) as connection:
        assert scores.register_metric(connection, "prefix", 2) == 2
        old = connection.execute(select(score_row)).all()
        connection.execute(insert(score_row), [{**row._mapping, "metric_id": 2} for row in old])
    run(
        scored,
        flip("scores", "position = 3 AND metric_id = 1", "score_row"),
        flip("scores", "position = 2 AND metric_id = 2", "score_row"),
    )
    found = verify(scored, repair=True)
    assert found.score_rows == {"prefix, version 1": (3,), "prefix, version 2": (2,)}
    assert verify(scored).is_sound
    np.testing.assert_array_equal(state(scored)[0], before[0])


def test_the_repair_of_a_retired_row_computes_no_score(scored: Catalog) -> None:
    with writing(scored) as connection:
        scores.retire(connection, [3])
    score(scored)
    before = state(scored)
    run(scored, flip("scores", "position = 2", "score_row"))
    repaired = verify(scored, repair=True).repair
    assert repaired is not None
    assert repaired.scoring is not None
    assert repaired.scoring.pairs == 0
    assert verify(scored).is_sound
    same(state(scored), before)


@pytest.mark.sqlite_only("the structure of a file")
def test_references_to_missing_rows_are_found(scored: Catalog) -> None:
    raw = scored.root / "catalog.db"
    import sqlite3

    opened = sqlite3.connect(raw)
    opened.execute("INSERT INTO clip_tag (clip_id, tag) VALUES (999, 'ghost')")
    opened.commit()
    opened.close()
    assert verify(scored).database == ("1 references to missing rows",)


@pytest.mark.sqlite_only("the structure of a file")
def test_an_overwritten_page_of_the_file_is_reported(scored: Catalog) -> None:
    """Either `verify` reports it, or the catalog refuses to open with an error in one sentence."""
    scored.close()
    file = scored.root / "catalog.db"
    content = bytearray(file.read_bytes())
    content[4096 * 4 : 4096 * 5] = b"\xa5" * 4096
    Path(file).write_bytes(content)
    try:
        with Catalog.open(scored.file) as catalog:
            assert not verify(catalog).is_sound
    except CatalogError as error:
        assert "damaged" in str(error)  # noqa: PT017  either is right


def test_features_of_parts_and_of_removed_clips_are_repaired(cut_clips: Catalog) -> None:
    undo(cut_clips, 1)  # removes the parts
    with writing(cut_clips) as connection:
        before = {row.id: row for row in connection.execute(select(clip))}
        for clip_id in (6, 8):
            damaged = bytes([before[clip_id].descriptor[0] ^ 1]) + before[clip_id].descriptor[1:]
            connection.execute(clip.update().where(clip.c.id == clip_id).values(descriptor=damaged))
    found = verify(cut_clips)
    assert found.descriptors == (6, 8)
    assert verify(cut_clips, repair=True).is_repaired
    assert verify(cut_clips).is_sound
    with cut_clips.reading() as connection:
        after = {row.id: row for row in connection.execute(select(clip))}
    assert after == before
