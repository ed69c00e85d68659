"""Stored queries and attributes keep their meaning when `of` and `mark` become query fields."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.query import context_of, parse
from thresher.curation.songs.songs import get_song

pytestmark = pytest.mark.sqlite_only("catalogs of older versions, which are in files")

PLAIN = [
    # before, after, in a catalog with no attribute of these names
    ("riff", "riff"),
    ("best of mine", 'best "of" mine'),
    ("'best of mine' note:of", "'best of mine' note:of"),
    ("(of or ^Mark) epoch+", '("of" or ^"Mark") epoch+'),
    ("often marks path:of", "often marks path:of"),
]
NAMED = [
    # before, after, in a catalog with the attributes `of` and `Mark`
    ("of:4 of+", "sidecar_of:4 sidecar_of+"),
    ("of>=4", "sidecar_of>=4"),
    ("^OF:4", "^sidecar_of:4"),
    ("mark:x Mark:y", "Mark:x Mark:y"),
    ("'of:a b' 'mark:a b'", "'sidecar_of:a b' 'Mark:a b'"),
]


def upgraded(folder: Path, queries: list[str], keys: tuple[str, ...] = ()) -> Catalog:
    """Return the golden catalog of revision 0013 with songs of these queries, upgraded."""
    (folder / "catalog.toml").touch()
    dump = (ROOT / "tests/golden/catalog-0013.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(folder / "catalog.db")) as old:
        old.executescript(dump)
        columns = "name, query, ordering, metric, fade, created_at"
        for number, text in enumerate(queries):
            values = (f"q{number}", text, "of+", "prefix", 0.005, 1.0)
            old.execute(f"INSERT INTO song ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
        (song,) = old.execute("SELECT id FROM song WHERE name = 'q0'").fetchone()
        (place,) = old.execute("SELECT min(id) FROM location").fetchone()
        for key in keys:
            old.execute("INSERT INTO attribute (location_id, key, text) VALUES (?, ?, 'x')", (place, key))
        changes = [
            ["song", song, "query", "of", "riff"],
            ["recording", 1, "attribute of", [], [[1, "x", True]]],
        ]
        old.execute(
            "INSERT INTO decision (made_at, verb, summary, changes) VALUES (1, 'song save', 'edit', ?)",
            (json.dumps(changes),),
        )
        old.commit()
    return Catalog.open(folder / "catalog.toml")


@pytest.mark.parametrize(
    ("table", "keys", "ordering"), [(PLAIN, (), "of+"), (NAMED, ("of", "Mark"), "sidecar_of+")]
)
def test_queries_are_rewritten_only_where_they_would_mean_something_else(
    tmp_path: Path, table: list[tuple[str, str]], keys: tuple[str, ...], ordering: str
) -> None:
    with upgraded(tmp_path, [before for before, _ in table], keys) as catalog:
        for number, (before, after) in enumerate(table):
            song = get_song(catalog, f"q{number}")
            assert song is not None
            assert song.settings.query == after
            assert song.tag_query == before
            assert str(song.settings.ordering) == ordering
        with catalog.reading() as connection:
            context = context_of(catalog, connection)
            for _, after in table:
                parse(after, context)
            (changes,) = connection.exec_driver_sql(
                "SELECT changes FROM decision ORDER BY id DESC LIMIT 1"
            ).one()
            found: list[Any] = json.loads(changes)
        assert found[0][3] == '"of"'
        assert found[1][2] == "attribute sidecar_of"


def test_clips_of_before_are_wholes_that_are_not_split(tmp_path: Path) -> None:
    with upgraded(tmp_path, ["riff"]) as catalog, catalog.reading() as connection:
        split = connection.exec_driver_sql("SELECT count(*) FROM recording WHERE split IS NOT NULL").scalar()
        removed = connection.exec_driver_sql(
            "SELECT count(*) FROM clip WHERE removed OR status IS NOT NULL"
        ).scalar()
        assert (split, removed) == (0, 0)
