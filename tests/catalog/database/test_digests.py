"""Digests of rows: all values are protected, writers keep digests right, changes from outside are found."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tests.support import ROOT, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import digests
from thresher.catalog.database.digests import PROTECTED, Protected
from thresher.catalog.database.schema import clip, decision, metadata, song, writer
from thresher.curation.clips.decisions import modify, note, rate, tag, undo
from thresher.curation.cutting.marks import mark
from thresher.curation.ingest.ingest import ingest
from thresher.curation.songs.songs import save_song

GOLDEN = ROOT / "tests/golden/catalog-0014.sql"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    """The golden catalog of the revision before, which has rows in every table, upgraded."""
    folder = tmp_path_factory.mktemp("golden")
    with closing(sqlite3.connect(folder / "catalog.db")) as old:
        old.executescript(GOLDEN.read_text(encoding="utf-8"))
        old.execute("INSERT INTO suspicion VALUES (2, 1, 'aligned', 0.75)")
        old.execute("INSERT INTO cluster VALUES (7, 1)")
        old.execute("INSERT INTO ingested_folder (path, ctime_changes, inode_changes) VALUES (x'2e', 1, 0)")
        old.execute("INSERT INTO saved_query (name, query, created_at) VALUES ('loud', 'rating:5', 1.5)")
        old.commit()
    (folder / "catalog.toml").touch()
    with Catalog.open(folder / "catalog.toml") as catalog:
        yield catalog


def damaged(catalog: Catalog) -> list[tuple[str, tuple[Any, ...]]]:
    """Return the digests that do not match, with the keys of their rows."""
    with catalog.reading() as connection:
        return [(row.name, row.key) for each in PROTECTED for row in digests.damaged_rows(connection, each)]


# -- what is protected -------------------------------------------------------------------------------------

OTHERWISE = {
    "claim": {"id", "metric_id", "first_position", "clips", "holder", "expires_at"},  # work in progress
    "clip": {"fingerprint", "descriptor", "profile"},  # and their checksums
    "cover": {"sha256", "content"},  # the key is the hash of the content
    "decision": {"undone_by_id"},  # follows from the others
    "measure": {"clip_id", "name", "version", "value", "crc32"},
    "nearest": {
        "metric_id",
        "clip_id",
        "other_id",
        "score",
    },  # all are in an index, and follow from the matrix
    "score_row": {"metric_id", "position", "clip_id", "scores", "crc32", "retired"},
}
"""The columns that no digest covers: bytes with a checksum, measures, and what is compared with an index."""


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_column_is_protected(table: Any) -> None:
    """A new column belongs to a digest, or is named here with what protects it."""
    covered = {name for each in PROTECTED if each.table is table for name in each.covered}
    blobs = OTHERWISE.get(table.name, set())
    otherwise = blobs | {f"{name}_crc32" for name in blobs} | {"digest", "analysis_digest"}
    assert {column.name for column in table.c} - covered - otherwise == set()


@pytest.mark.sqlite_only("values that are damaged in its file")
@pytest.mark.parametrize("protected", PROTECTED, ids=lambda protected: protected.name)
def test_a_change_of_any_covered_value_from_outside_is_found(upgraded: Catalog, protected: Protected) -> None:
    table = protected.table.name
    keys = [column.name for column in protected.table.primary_key]
    for name in set(protected.covered) - set(keys):
        with writing(upgraded, rollback=True) as connection:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            if protected.expressions.get(name):
                connection.exec_driver_sql("UPDATE OR IGNORE clip SET kind = 'part', digest = NULL")
                digests.note_change(connection, clip)
                digests.seal(connection)
            key = connection.exec_driver_sql(f"SELECT {', '.join(keys)} FROM {table} LIMIT 1").one()
            here = " AND ".join(f"{column} = ?" for column in keys)
            changed = f"UPDATE {table} SET {name} = CASE WHEN {name} IS NULL THEN 7 ELSE {name} || '7' END"
            connection.exec_driver_sql(f"{changed} WHERE {here}", tuple(key))
            found = [row.key for row in digests.damaged_rows(connection, protected)]
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
        assert found == [tuple(key)], name


@pytest.mark.sqlite_only("catalogs of older versions, which are in files")
def test_a_digest_is_the_documented_hash(upgraded: Catalog) -> None:
    with upgraded.reading() as connection:
        row = connection.execute(text("SELECT * FROM clip_tag ORDER BY clip_id, tag")).first()
    assert row is not None
    expected = b"clip_tag.digest\nclip_id=i1:1\ntag=t4:riff\n"
    assert (row.clip_id, row.tag, row.digest) == (1, "riff", blake2b(expected, digest_size=16).digest())


@pytest.mark.parametrize(
    ("one", "other"), [(1, 1.0), ("1", 1), ("a", b"a"), (0.0, -0.0), ("", None), ("ab", "a")]
)
def test_values_of_different_types_have_different_digests(one: Any, other: Any) -> None:
    protected = next(each for each in PROTECTED if each.name == "safeguard.digest")
    assert digests.digest_of(protected, ("x", one)) != digests.digest_of(protected, ("x", other))


# -- writers -----------------------------------------------------------------------------------------------


@pytest.mark.sqlite_only("values that are damaged in its file")
def test_an_upgraded_catalog_has_right_digests(upgraded: Catalog) -> None:
    assert damaged(upgraded) == []
    with upgraded.reading() as connection:
        rows = connection.execute(select(decision.c.id, decision.c.writer, decision.c.sequence)).all()
        assert [(row.writer, row.sequence) for row in rows] == [
            ("earlier", number) for number in range(1, len(rows) + 1)
        ]


def test_every_writer_keeps_the_digests_right(cut_clips: Catalog) -> None:
    assert damaged(cut_clips) == []
    shown = str(1)
    rate(cut_clips, [shown], 4)
    tag(cut_clips, [shown], add=["riff", "long"])
    note(cut_clips, [shown], "a note")
    modify(cut_clips, [shown], {"epoch": "7", "mood": "dark"})
    mark(cut_clips, shown, 0.2, 0.9, name="drop")
    save_song(cut_clips, "one", ["rating:4.."], {"ordering": "pairs"})
    assert damaged(cut_clips) == []
    for _ in range(4):
        undo(cut_clips)
    ingest(cut_clips, [cut_clips.root])
    assert damaged(cut_clips) == []


def test_a_statement_that_inserts_or_updates_must_remove_the_digest(catalog: Catalog) -> None:
    statement = upsert(writer).values(name="x", decisions=1)
    forgetful = statement.on_conflict_do_update(index_elements=["name"], set_={"decisions": 2})
    with pytest.raises(AssertionError, match="lacks removed_digests"), writing(catalog) as connection:
        connection.execute(forgetful)


def test_no_module_writes_protected_rows_in_sql_of_its_own() -> None:
    """`mark_changed` sees statements of SQLAlchemy, but not those that are text."""
    names = "|".join(table.name for table in metadata.sorted_tables)
    writes = re.compile(rf"\b(UPDATE|INSERT (OR \w+ )?INTO|REPLACE INTO)\s+({names})\b")
    sources = {path: path.read_text() for path in (ROOT / "src/thresher").rglob("*.py")}
    assert {path.name for path, source in sources.items() if writes.search(source)} == {"safeguards.py"}


@pytest.mark.sqlite_only("values that are damaged in its file")
def test_a_change_of_a_damaged_row_does_not_hide_the_damage(upgraded: Catalog) -> None:
    with writing(upgraded, rollback=True) as connection:
        connection.exec_driver_sql("UPDATE clip SET rating = 1 WHERE id = 1")
        connection.execute(update(clip).values(heard_at=3.0))
        connection.execute(update(clip).values(heard_at=4.0))
        digests.seal(connection)
        found = [(row.name, row.key) for each in PROTECTED for row in digests.damaged_rows(connection, each)]
    assert found == [("clip.digest", (1,))]


@pytest.mark.sqlite_only("values that are damaged in its file")
def test_damage_stays_visible_after_the_next_upgrade(upgraded: Catalog) -> None:
    with writing(upgraded, rollback=True) as connection:
        connection.exec_driver_sql("UPDATE song SET query = 'rating:1' WHERE id = 1")
        connection.exec_driver_sql("UPDATE clip SET digest = NULL WHERE id = 2")
        before = [row for each in PROTECTED for row in digests.damaged_rows(connection, each)]
        digests.compute_all(connection, before)
        after = [row for each in PROTECTED for row in digests.damaged_rows(connection, each)]
    assert [(row.name, row.key) for row in after] == [("clip.digest", (2,)), ("song.digest", (1,))]


@pytest.mark.sqlite_only("values that are damaged in its file")
def test_text_that_is_not_utf8_is_found(upgraded: Catalog) -> None:
    with writing(upgraded, rollback=True) as connection:
        connection.exec_driver_sql("UPDATE song SET name = CAST(x'ff41' AS TEXT) WHERE id = 1")
        song_digest = next(each for each in PROTECTED if each.table is song)
        assert [row.key for row in digests.damaged_rows(connection, song_digest)] == [(1,)]
