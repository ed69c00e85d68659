"""Saved queries: used in queries and songs, never circular, never deleted while something uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import rate, undo
from thresher.curation.clips.listing import list_clips
from thresher.curation.clips.saved_queries import delete_query, get_query, save_query, saved_queries
from thresher.curation.songs.songs import delete_song, matching_clips, rename_song, save_song
from thresher.errors import NotFoundError, QueryError, UsageError


def ids(catalog: Catalog, terms: str | Sequence[str]) -> list[int]:
    return [row.id for row in list_clips(catalog, terms)]


def test_a_saved_query_stands_for_its_terms(small_catalog: Catalog) -> None:
    saved = save_query(small_catalog, "best ones", ["rating:1..", "rating-"])
    assert (saved.name, saved.query, saved.clips, saved.used_by) == ("best ones", "rating:1.. rating-", 3, ())
    assert ids(small_catalog, 'query:"best ones"') == [9, 1, 7]
    assert ids(small_catalog, 'query:"best ones" rating+') == [9, 1, 7]
    assert ids(small_catalog, 'not query:"best ones"') == [4, 5, 8]
    assert ids(small_catalog, ["query:best ones", ",", "4"]) == [9, 1, 7, 4]
    save_query(small_catalog, "gone", "rejected:yes or status:silent")
    assert set(ids(small_catalog, "query:gone")) == {2, 3}
    save_query(small_catalog, "two", "1 or 7")
    assert rate(small_catalog, "query:two", 2).found == 2


def test_folders_are_looked_up_before_the_transaction(
    bone: Catalog, lookups: Callable[[Catalog], list[bool]]
) -> None:
    (bone.root / "link").symlink_to(bone.root / "clips")
    looked = lookups(bone)
    assert save_query(bone, "linked", "path:link epoch:4..").clips == 4
    delete_query(bone, "linked")
    assert looked
    assert not any(looked)


def test_saving_again_changes_it_and_undo_reverts(small_catalog: Catalog) -> None:
    save_query(small_catalog, "q", "rating:4..")
    save_query(small_catalog, "q", "tag:riff")
    assert [row.query for row in saved_queries(small_catalog)] == ["tag:riff"]
    undo(small_catalog)
    assert get_query(small_catalog, "q").query == "rating:4.."
    undo(small_catalog)
    assert saved_queries(small_catalog) == []
    with pytest.raises(NotFoundError, match="no saved query named"):
        ids(small_catalog, "query:q")


def test_songs_use_saved_queries_as_they_are_now(small_catalog: Catalog) -> None:
    save_query(small_catalog, "q", "rating:4..")
    song = save_song(small_catalog, "S", "query:q")
    with small_catalog.reading() as connection:
        assert matching_clips(small_catalog, connection, song) == [1, 9]
    save_query(small_catalog, "q", "rating:5..")
    with small_catalog.reading() as connection:
        assert matching_clips(small_catalog, connection, song) == [9]
    assert get_query(small_catalog, "q").used_by == ('song "S"',)


def test_circles_are_refused(small_catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match='no saved query named "q"'):
        save_query(small_catalog, "q", "query:q")
    save_query(small_catalog, "a", "rating:4..")
    save_query(small_catalog, "b", "query:a")
    save_song(small_catalog, "S", "query:b")
    for circle in ("query:a", "query:b", "song:S", "riff or not query:b"):
        with pytest.raises(QueryError, match="selects from itself"):
            save_query(small_catalog, "a", circle)
    assert get_query(small_catalog, "a").query == "rating:4.."


def test_what_is_in_use_is_not_deleted(small_catalog: Catalog) -> None:
    save_query(small_catalog, "a", "rating:4..")
    save_query(small_catalog, "b", "^query:a")
    with pytest.raises(UsageError, match=r'saved query "b" selects from "a".*thresher query save "b"'):
        delete_query(small_catalog, "a")
    save_song(small_catalog, "S", "query:b")
    with pytest.raises(UsageError, match='song "S" selects from "b"'):
        delete_query(small_catalog, "b")
    save_query(small_catalog, "c", "song:S")
    for change in (lambda: delete_song(small_catalog, "S"), lambda: rename_song(small_catalog, "S", "T")):
        with pytest.raises(UsageError, match='saved query "c" selects from "S"'):
            change()
    for name in ("c",):
        delete_query(small_catalog, name)
    delete_song(small_catalog, "S")
    delete_query(small_catalog, "b")
    delete_query(small_catalog, "a")
    assert saved_queries(small_catalog) == []
    undo(small_catalog)
    assert get_query(small_catalog, "a").query == "rating:4.."


def test_names_and_queries_are_checked(small_catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="not a valid name"):
        save_query(small_catalog, " ", "riff")
    with pytest.raises(UsageError, match=r"^'x{39}…' is not a valid name"):
        save_query(small_catalog, "x" * 201, "riff")
    with pytest.raises(QueryError, match="did you mean"):
        save_query(small_catalog, "q", "rating=4")
    save_query(small_catalog, "loud", "riff")
    with pytest.raises(NotFoundError, match='did you mean "loud"'):
        get_query(small_catalog, "lout")


def test_the_field_may_be_written_in_any_case(small_catalog: Catalog) -> None:
    save_query(small_catalog, "Été", "riff")
    assert ids(small_catalog, "Query:E\u0301te\u0301") == ids(small_catalog, "riff")


def test_what_a_song_or_a_query_uses_is_not_undone(small_catalog: Catalog) -> None:
    save_query(small_catalog, "best", "rating:1..")  # 1
    save_song(small_catalog, "A", ["query:best"])  # 2
    save_query(small_catalog, "of A", "song:A")  # 3
    with pytest.raises(UsageError, match=r'1 can.t be undone, because song "A" selects from what it made'):
        undo(small_catalog, 1)
    with pytest.raises(UsageError, match='saved query "of A" selects from what it made'):
        undo(small_catalog, 2)
    assert [row.problem for row in saved_queries(small_catalog)] == [None, None]
    for number in (3, 2, 1):
        undo(small_catalog, number)
    assert saved_queries(small_catalog) == []
