"""How much of the catalog a query selects, and which of its terms match nothing."""

from __future__ import annotations

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import rate, unreject
from thresher.curation.clips.reach import no_match, reach
from thresher.errors import NotFoundError


def test_reach_counts_all_clips_that_the_terms_match(small_catalog: Catalog) -> None:
    found = reach(small_catalog, "^nothing")
    assert (found.clips, found.catalog, found.names_clips, found.negated_words) == (9, 9, False, ("nothing",))
    assert reach(small_catalog, ["1", "2"]).names_clips


def test_a_query_never_reaches_more_clips_than_the_catalog_has(cut_clips: Catalog) -> None:
    """A query for ids also matches the wholes of split recordings, which do not count otherwise."""
    shown, by_id = reach(cut_clips, ""), reach(cut_clips, "id:1..")
    assert shown.clips == shown.catalog < by_id.clips == by_id.catalog


@pytest.mark.parametrize(
    ("clips", "catalog", "is_wide"), [(20, 39, True), (20, 40, False), (19, 19, False), (500, 999, True)]
)
def test_many_clips_that_are_more_than_half_are_wide(
    small_catalog: Catalog, clips: int, catalog: int, is_wide: bool
) -> None:
    from dataclasses import replace

    assert replace(reach(small_catalog, ""), catalog=catalog).is_wide(clips) is is_wide
    assert not replace(reach(small_catalog, "1"), catalog=catalog).is_wide(clips)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ("run:nowhere", "no clip matches run:nowhere; `thresher list`"),
        ("run:b tag:nowhere note:no", "(nothing matches tag:nowhere nor note:no)"),
        ("run:b ^run:b", "but no clip matches all terms"),
        ("run:b not id:1..", "nothing matches not id:1.."),
        ("run:x or tag:x", "nothing matches run:x nor tag:x"),
        ("3", "1 matching clip left out"),
    ],
)
def test_a_query_without_clips_says_which_term_matches_nothing(
    small_catalog: Catalog, terms: str, words: str
) -> None:
    with small_catalog.reading() as connection:
        assert words in str(no_match(small_catalog, connection, terms))


def test_decisions_say_which_term_matches_nothing(small_catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="nothing matches tag:nowhere"):
        rate(small_catalog, "tag:nowhere run:b", 3)
    with pytest.raises(
        NotFoundError, match=r"no rejected clip matches run:b .*matching, but no rejected clip"
    ):
        unreject(small_catalog, "run:b rejected:no")


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ("10", "1 clip taken away by a split or `thresher unmark`"),
        ("length:16..", "1 matching clip split into parts; kind:whole shows such clips"),
        ("of:5 epoch:2", "of:5 matches 3 clips, epoch:2 matches 2 clips, but"),
    ],
)
def test_clips_that_a_split_hides_or_takes_away_are_explained(
    cut_clips: Catalog, terms: str, words: str
) -> None:
    with cut_clips.reading() as connection:
        assert words in str(no_match(cut_clips, connection, terms))
    with pytest.raises(NotFoundError):
        rate(cut_clips, terms, 5)


def test_reach_counts_shown_clips(cut_clips: Catalog) -> None:
    assert (reach(cut_clips, "").clips, reach(cut_clips, "").catalog) == (8, 8)
