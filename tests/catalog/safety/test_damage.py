"""Damage in the database: every kind is found, and no command answers it with a traceback."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import run_command
from thresher.catalog.catalog import Catalog
from thresher.catalog.safety.damage import find_damage, is_damaged
from thresher.curation.clips.decisions import rate, undo
from thresher.curation.songs.songs import save_song

SAMPLES = {
    "the schema's text": (
        "PRAGMA writable_schema = ON; "
        "UPDATE sqlite_master SET sql = replace(sql, 'BETWEEN 1 AND 5', 'BETWEEN 1 AND 7') WHERE name = 'clip'"
    ),
    "a measure": "UPDATE measure SET value = value + 1 WHERE clip_id = 2 AND value IS NOT NULL",
    "the type of a measure": "UPDATE measure SET value = 'loud' WHERE clip_id = 2",
    "the loudness": "UPDATE clip SET loudness = -3.0 WHERE id = 2",
    "the length of a whole": "UPDATE clip SET end_frame = end_frame - 1 WHERE kind = 'whole'",
    "the length of a part": "UPDATE clip SET end_frame = end_frame - 1 WHERE kind = 'part'",
    "the type of a fingerprint": "UPDATE clip SET fingerprint = CAST(fingerprint AS TEXT) WHERE id = 2",
    "the sample rate": "UPDATE recording SET sample_rate = sample_rate + 1 WHERE id = 1",
    "a rating": "UPDATE clip SET rating = 1 WHERE id = 1",
    "a nearest clip": "UPDATE nearest SET score = score / 2",
    "a lost decision": "DELETE FROM decision WHERE id = (SELECT max(id) FROM decision)",
    "an undone decision": "UPDATE decision SET undone_by_id = NULL",
    "the highest id of a table": "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'song'",
    "a name that is not UTF-8": "UPDATE song SET name = CAST(x'ff41' AS TEXT)",
    "a role that does not exist": "PRAGMA ignore_check_constraints = ON; UPDATE recording SET role = 'drummer'",
}


def damage_by(catalog: Catalog, statements: str) -> None:
    """Change the database as no program of ours does."""
    with closing(sqlite3.connect(catalog.root / "catalog.db")) as opened:
        opened.executescript(statements)
        opened.commit()


@pytest.fixture
def judged(cut_clips: Catalog) -> Catalog:
    """A catalog with parts, a mark, scores, a rating, a song, and an undone decision."""
    rate(cut_clips, ["1"], 4)
    save_song(cut_clips, "one", ["rating:4.."], {"ordering": "pairs"})
    rate(cut_clips, ["1"], 5)
    undo(cut_clips)
    run_command("--catalog", cut_clips.file, "score")
    return cut_clips


def test_an_intact_catalog_has_no_damage(judged: Catalog) -> None:
    with judged.reading() as connection:
        assert vars(find_damage(connection)) == {**vars(find_damage(connection)), "database": [], "rows": []}
        assert not find_damage(connection)
        assert not is_damaged(connection)


@pytest.mark.sqlite_only("values that are damaged in its file")
@pytest.mark.parametrize("what", SAMPLES)
def test_damage_that_sqlite_does_not_notice_is_found(judged: Catalog, what: str) -> None:
    damage_by(judged, SAMPLES[what])
    with judged.reading() as connection:
        found = find_damage(connection)
    assert found, vars(found)


# -- damaged text ------------------------------------------------------------------------------------------

TEXTS = {
    "song": ("name", "query", "ordering", "metric", "edits"),
    "clip": ("kind", "trim", "note"),
    "recording": ("role", "status", "sha256", "split"),
    "location": ("path_text", "mtime_ns"),
    "decision": ("changes", "verb"),
    "attribute": ("key", "text"),
    "checkpoint": ("run",),
    "batch": ("paths", "options"),
}
VALUES = {
    "no UTF-8": "CAST(x'c3287bff' AS TEXT)",
    "no value of the set": "'{]'",
    "bytes": "x'00ff'",
    "a number": "7.5",
}
COMMANDS = (
    ("list",),
    ("show", "1"),
    ("song", "list"),
    ("song", "show", "one"),
    ("history",),
    ("batches",),
    ("stats",),
    ("checkpoints",),
    ("rate", "1", "3"),
    ("undo",),
    ("score",),
    ("dupes",),
)


@pytest.mark.sqlite_only("values that are damaged in its file")
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("clip", "trim", "no value of the set"),
        ("song", "query", "no UTF-8"),
        ("song", "edits", "no value of the set"),
        ("recording", "status", "no value of the set"),
        ("location", "mtime_ns", "bytes"),
        ("decision", "changes", "a number"),
    ],
)
def test_damaged_text_is_one_sentence(judged: Catalog, table: str, column: str, value: str) -> None:
    commands = (("list",), ("show", "1"), ("song", "show", "one"), ("history",), ("rate", "1", "3"))
    assert_sentences(judged, table, column, value, commands)


@pytest.mark.sqlite_only("values that are damaged in its file")
@pytest.mark.slow
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("table", TEXTS)
def test_damaged_text_is_one_sentence_for_every_command(judged: Catalog, table: str, value: str) -> None:
    for column in TEXTS[table]:
        assert_sentences(judged, table, column, value, COMMANDS)


def assert_sentences(
    catalog: Catalog, table: str, column: str, value: str, commands: tuple[tuple[str, ...], ...]
) -> None:
    """Damage a column of all rows: `verify` finds it, and every command ends with a sentence or works."""
    file = catalog.root / "catalog.db"
    catalog.close()
    intact = file.read_bytes()
    changed = f"UPDATE OR IGNORE {table} SET {column} = {VALUES[value]}"
    damage_by(catalog, f"PRAGMA ignore_check_constraints = ON; {changed}")
    damaged = file.read_bytes()
    for command in (("verify",), *commands):
        done = run_command("--catalog", catalog.file, *command)
        told = f"{table}.{column} {command}: {done}"
        assert "unexpected" not in done.stderr, told
        assert "Traceback" not in done.stderr, told
        assert done.returncode in range(6), told
        assert done.returncode == 3 or command != ("verify",), told
        if done.returncode == 3 and command != ("verify",):
            assert "`thresher verify" in done.stderr, told
        replace_file(file, damaged)
    replace_file(file, intact)


def replace_file(file: Path, content: bytes) -> None:
    """Put another file in the place of one that a connection may still hold."""
    new = file.with_name("new.db")
    new.write_bytes(content)
    new.replace(file)
