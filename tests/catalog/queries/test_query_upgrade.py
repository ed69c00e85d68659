"""Stored queries keep their meaning when a catalog is upgraded to the language with operators."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions.undo import undo
from thresher.catalog.queries.query import context_of, parse
from thresher.catalog.queries.text import Kind, tokens_of
from thresher.curation.songs.songs import get_song, save_song

pytestmark = pytest.mark.sqlite_only("catalogs of older versions, which are in files")

QUERIES = [
    # before, after
    ("skeletal", "skeletal"),
    ("", ""),
    ("epoch:20.. , tag:riff", "epoch:20.. , tag:riff"),
    ("'note:a b' ^rating:..2 epoch+", "'note:a b' ^rating:..2 epoch+"),
    ("'^note:a b'", "'^note:a b'"),
    ("c++ 17:19:52 out/night.wav", "c++ 17:19:52 out/night.wav"),
    ("path::(a|b)$", "path::(a|b)$"),
    ("12 , 13", "12 , 13"),
    ("riff or slow", 'riff "or" slow'),
    ("a AND b ^not", 'a "AND" b ^"not"'),
    ("rating loop", '"rating" "loop"'),
    ("Mood", '"Mood"'),
    ("(live) take(1).wav", '"(live)" "take(1).wav"'),
    ("score:0.7.. score-", "score@prefix:0.7.. score@prefix-"),
    ("near:12:0.8.. score@aligned:0.5..", "near@prefix:12:0.8.. score@aligned:0.5.."),
    ("foo- *.mp3 1..5 #jazz", '"foo-" "*.mp3" "1..5" "#jazz"'),
    ("rating>=4 riff, -x", '"rating>=4" "riff," "-x"'),
    ("run:a* tag:a,b note:x,", 'run:"a*" tag:"a,b" note:"x,"'),
    ("1 2", "id:1 id:2"),
    ("^1 riff", "^1 riff"),
    ("^1 ^2 riff", "^1 ^2 riff"),
    ("5 ^12", "id:5 ^id:12"),
    ("Mood+ ^epoch+ score@aligned", '"Mood+" ^"epoch+" "score@aligned"'),
    ("query:x", "sidecar_query:x"),
    ("take2:30", "take2\\:30"),
    ("'two words' \\( 'a\"b'", "'two words' \"(\" 'a\"b'"),
    ("note:'open", "note:'open"),
]


def upgraded(folder: Path, settings: str = "") -> Catalog:
    """Return the golden catalog of revision 0005 with songs of these queries, upgraded."""
    (folder / "catalog.toml").write_text(settings, encoding="utf-8")
    dump = (ROOT / "tests/golden/catalog-0005.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(folder / "catalog.db")) as old:
        old.executescript(dump)
        columns = "name, query, ordering, metric, fade, created_at"
        for number, (text, _) in enumerate(QUERIES):
            values = (f"q{number}", text, "score-", "prefix", 0.005, 1.0)
            old.execute(f"INSERT INTO song ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
        (song,) = old.execute("SELECT id FROM song WHERE name = 'q8'").fetchone()
        change = [["song", song, "query", "slow or riff", "riff or slow"]]
        old.execute(
            "INSERT INTO decision (made_at, verb, summary, changes) VALUES (1, 'song save', 'edit', ?)",
            (json.dumps(change),),
        )
        (place,) = old.execute("SELECT min(id) FROM location").fetchone()
        for key in ("query", "mood"):
            old.execute("INSERT INTO attribute (location_id, key, text) VALUES (?, ?, 'x')", (place, key))
        old.execute("UPDATE rendering SET query = 'score:0.7..' WHERE id = 1")
        old.commit()
    return Catalog.open(folder / "catalog.toml")


def rows(catalog: Catalog, statement: str) -> list[Any]:
    with catalog.reading() as connection:
        return list(connection.exec_driver_sql(statement))


def test_queries_of_songs_are_rewritten_only_where_they_would_mean_something_else(tmp_path: Path) -> None:
    with upgraded(tmp_path) as catalog:
        for number, (before, after) in enumerate(QUERIES):
            song = get_song(catalog, f"q{number}")
            assert song is not None
            assert song.settings.query == after
            assert song.tag_query == before
            assert str(song.settings.ordering) == "score@prefix-"


def test_rewritten_queries_have_the_terms_of_before(tmp_path: Path) -> None:
    with upgraded(tmp_path) as catalog, catalog.reading() as connection:
        context = context_of(catalog, connection)
        for _, after in QUERIES[:-1]:
            if "near" not in after:
                parse(after, context)
            kinds = {token.kind for token in tokens_of(after)}
            assert kinds <= {Kind.TERM, Kind.OR}
        assert parse('riff "or" slow', context).named == set()
        assert parse("sidecar_query:x", context).named == {"sidecar_query"}


def test_undo_restores_a_query_of_before_in_the_new_language(tmp_path: Path) -> None:
    with upgraded(tmp_path) as catalog:
        with writing(catalog) as connection:
            undo(connection)
        song = get_song(catalog, "q8")
        assert song is not None
        assert song.settings.query == 'slow "or" riff'


def test_a_rendering_keeps_its_query_and_knows_it_in_the_new_language(tmp_path: Path) -> None:
    with upgraded(tmp_path) as catalog:
        ((query, rewritten),) = rows(catalog, "SELECT query, rewritten FROM rendering WHERE id = 1")
        assert query == "score:0.7.."
        assert json.loads(rewritten)["query"] == "score@prefix:0.7.."


def test_saving_another_query_ends_the_former_one(tmp_path: Path) -> None:
    with upgraded(tmp_path) as catalog:
        assert save_song(catalog, "q8", None, {"fade": 0.01}).tag_query == "riff or slow"
        assert save_song(catalog, "q8", "riff or slow").tag_query == "riff or slow"
        assert save_song(catalog, "q8", "riff").former_query is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('[metrics]\ndefault = "prefix"\n', "score:0.7.. score-"),
        ('[metrics]\nuse = ["aligned", "likeness"]\ndefault = "aligned"\n', "score:0.7.. score-"),
        ('[metrics]\nuse = ["prefix"]\n', "score:0.7.. score-"),
        ('[metrics]\nuse = ["prefix", "likeness"]\n', "score@prefix:0.7.. score@prefix-"),
    ],
)
def test_scores_name_their_metric_only_if_the_default_changes(
    tmp_path: Path, settings: str, expected: str
) -> None:
    with upgraded(tmp_path, settings) as catalog:
        assert rows(catalog, "SELECT query FROM song WHERE query LIKE '%0.7..%'") == [(expected,)]
