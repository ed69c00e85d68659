"""Selecting clips by query, and finding the one clip that a term names."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema
from thresher.catalog.scores import score_reads, scores
from thresher.curation.clips.decisions import rate
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.selection import find_clip, select_ids
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, QueryError, UsageError


def find(catalog: Catalog, term: str) -> int:
    with catalog.reading() as connection:
        return find_clip(catalog, connection, term)


@pytest.mark.parametrize(
    ("terms", "options", "expected"),
    [
        ("", {}, [1, 4, 5, 7, 8, 9]),
        ("", {"defaults": False}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("", {"song": True}, [1, 5, 7, 8, 9]),
        ("", {"song": True, "defaults": False}, [1, 5, 7, 8, 9]),
        ("", {"song": True, "sort": "length-"}, [9, 1, 7, 8, 5]),
        ("rating:1.. rating-", {"sort": "rating+"}, [7, 1, 9]),
    ],
)
def test_select_ids_applies_defaults_song_rules_and_sort(
    small_catalog: Catalog, terms: str, options: dict[str, Any], expected: list[int]
) -> None:
    with small_catalog.reading() as connection:
        assert select_ids(small_catalog, connection, terms, **options) == expected


def test_a_path_names_its_clip(small_catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(small_catalog, "out/a b.wav") == 1
    assert find(small_catalog, "/data/r.wav") == 4
    assert find(small_catalog, f"{small_catalog.root}/copy/../copy/a.wav") == 1
    (small_catalog.root / "out").mkdir()
    monkeypatch.chdir(small_catalog.root / "out")
    assert find(small_catalog, "c.wav") == 3
    assert find(small_catalog, "../e10/s.wav") == 2


def test_a_path_names_the_clip_that_is_there_now(small_catalog: Catalog) -> None:
    with writing(small_catalog) as connection:
        is_late = schema.location.c.path_text == "out/a b.wav"
        connection.execute(
            update(schema.location).where(is_late).values(path=b"out/c.wav", path_text="out/c.wav")
        )
    assert find(small_catalog, "out/c.wav") == 3


def test_a_query_names_the_one_clip_it_matches(small_catalog: Catalog) -> None:
    assert find(small_catalog, "note:first") == 1
    assert find(small_catalog, "rating:1.. rejected:yes") == 3
    assert find(small_catalog, "temperature:10") == 3


@pytest.mark.parametrize(
    ("term", "error", "words"),
    [
        ("77", NotFoundError, "no clip has the id 77; `thresher list`"),
        ("nothing", NotFoundError, 'no clip matches "nothing"; `thresher list`'),
        ("out/locked.wav", NotFoundError, "could not be read: permission denied"),
        ("out/parts.wav", UsageError, "matches 2 clips; give one id of 7, 8"),
        ("rejected:no", UsageError, "matches 8 clips; give one id of 1, 2, 4, 5, 6, …"),
        ("epok:1", QueryError, "epoch"),
        ("a\ud800", QueryError, "half of a surrogate pair"),
    ],
)
def test_a_term_that_matches_no_clip_or_several_is_an_error(
    small_catalog: Catalog, term: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        show_clip(small_catalog, term)
    assert words in str(caught.value)


def test_a_file_that_is_not_in_the_catalog_suggests_ingest(
    small_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small_catalog.root / "new.wav").touch()
    monkeypatch.chdir(small_catalog.root)
    with pytest.raises(NotFoundError, match=r'"new\.wav" is not in the catalog; `thresher ingest`'):
        find(small_catalog, "new.wav")


@pytest.fixture
def comparing(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each time that a clip was compared with all others, whether it was in a write transaction."""
    found: list[bool] = []
    write, nearest_to = Catalog.write, score_reads.Comparable.nearest_to
    writing: list[bool] = []

    def watched_write(catalog: Catalog, function: Any, **keywords: Any) -> Any:
        def inside(connection: Any) -> Any:
            writing.append(True)
            try:
                return function(connection)
            finally:
                writing.clear()

        return write(catalog, inside, **keywords)

    def watched(comparable: score_reads.Comparable, one: Any) -> Any:
        found.append(bool(writing))
        return nearest_to(comparable, one)

    monkeypatch.setattr(Catalog, "write", watched_write)
    monkeypatch.setattr(score_reads.Comparable, "nearest_to", watched)
    return found


def test_near_clips_are_found_before_the_transaction_that_decides(
    cut_clips: Catalog, comparing: list[bool]
) -> None:
    assert rate(cut_clips, "near@aligned:2", 4).found > 0
    assert comparing == [False]


def test_near_clips_are_found_before_the_transaction_that_saves_a_song_of_them(
    cut_clips: Catalog, comparing: list[bool]
) -> None:
    save_song(cut_clips, "S", "near@aligned:2")
    save_song(cut_clips, "S", options=SongOptions(crossfade=1.0))
    assert comparing
    assert not any(comparing)


def test_near_clips_are_found_again_if_the_compared_clips_changed_meanwhile(
    cut_clips: Catalog, comparing: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut_clips.reading() as connection:
        before = select_ids(cut_clips, connection, "near@aligned:2", defaults=False)
    comparing.clear()
    write = Catalog.write

    def after_a_change(catalog: Catalog, function: Any, **keywords: Any) -> Any:
        monkeypatch.setattr(Catalog, "write", write)
        with writing(catalog) as connection:
            scores.retire(connection, [before[0]])
        return write(catalog, function, **keywords)

    monkeypatch.setattr(Catalog, "write", after_a_change)
    assert rate(cut_clips, "near@aligned:2", 4).found == len(before) - 1
    assert comparing == [False, True]
