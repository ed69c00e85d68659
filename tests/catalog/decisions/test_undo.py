"""After any sequence of decisions and undos, the catalog is in the state of the decisions in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from tests.catalog.judged_clips import ANNA, BEN, rating, standing
from tests.postgres_catalogs import needs_postgres
from tests.support import JOURNAL, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import decision, recording
from thresher.catalog.decisions.fields import field_of
from thresher.curation.clips import decisions as judging
from thresher.curation.songs.listing import songs
from thresher.curation.songs.songs import delete_song, rename_song, save_song
from thresher.errors import NotFoundError, UsageError

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rate"), st.integers(1, 2), st.sampled_from([None, 1, 5])),
        st.tuples(st.just("note"), st.integers(1, 2), st.sampled_from(["a", ""])),
        st.tuples(st.just("tag"), st.integers(1, 2), st.sampled_from(["x", "y"])),
        st.tuples(st.just("modify"), st.integers(1, 2), st.sampled_from(["epoch=3", "epoch=", "mood=x"])),
        st.tuples(st.just("rate both"), st.just(0), st.sampled_from([2, 3])),
        st.tuples(st.just("undo"), st.integers(1, 12), st.none()),
        st.tuples(st.just("undo"), st.just(0), st.none()),
    ),
    max_size=14,
)


def take(catalog: Catalog, what: str, number: int, value: Any) -> None:
    if what == "undo":
        judging.undo(catalog, number or None)
    elif what == "rate both":
        judging.rate(catalog, ["1", ",", "2"], value)
    elif what == "tag":
        judging.tag(catalog, [str(number)], add=[value])
    elif what == "modify":
        key, _, text = value.partition("=")
        judging.modify(catalog, [str(number)], {key: text})
    else:
        getattr(judging, what)(catalog, [str(number)], value)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([("rate", 1, 5), ("undo", 0, None), ("undo", 2, None), ("undo", 3, None), ("undo", 0, None)])
@given(STEPS)
def test_each_field_has_the_value_of_the_last_decision_in_force(judged: Catalog, steps: list[Any]) -> None:
    """This holds after any sequence of decisions, undos and redos."""
    before = dump(judged, without=JOURNAL)
    with writing(judged) as connection:  # the journal of the example before
        connection.execute(update(decision).values(undone_by_id=None, undoes_id=None))
        connection.execute(delete(decision))
    for step in steps:
        what, number, value = step
        if what == "undo" and number:
            made = judging.history(judged)
            number = 0 if not made else made[-1].id + number - 1
        try:
            take(judged, what, number, value)
        except (UsageError, NotFoundError):
            assert what == "undo"
        wanted: dict[Any, Any] = {}
        for made_one in reversed(judging.history(judged)):
            for change in made_one.changes:
                wanted.setdefault(change.field_key, change.before)
        for made_one in standing(judged):
            wanted |= {change.field_key: change.after for change in made_one.changes}
        with judged.reading() as connection:
            for (entity, key, name), value in wanted.items():
                kind = field_of(entity, name)
                assert kind.read(connection, key, name) == value, (step, standing(judged))
    while standing(judged):
        judging.undo(judged)  # the latest that stands is never refused
    assert dump(judged, without=JOURNAL) == before


def test_an_undo_is_refused_after_a_redo_in_between(judged: Catalog) -> None:
    judging.rate(judged, ["1"], 4)
    judging.undo(judged)  # 2
    judging.rate(judged, ["1"], 5)
    judging.undo(judged)  # 4
    judging.undo(judged, 2)  # 5: four stars again
    with pytest.raises(UsageError, match=r"decision 5 \(undo 2: .*`thresher undo 5` first"):
        judging.undo(judged, 4)
    assert rating(judged) == 4
    judging.undo(judged)
    assert rating(judged) is None


def test_undo_reverts_the_latest_decision_and_never_an_undo(restored: Catalog) -> None:
    for stars in (1, 2, 3):
        judging.rate(restored, ["1"], stars)
    assert [judging.undo(restored).undoes for _ in range(3)] == [3, 2, 1]
    assert rating(restored) is None
    assert [made.verb for made in judging.history(restored)] == ["undo"] * 3 + ["rate"] * 3
    assert len(judging.history(restored, 2)) == 2
    assert len(judging.history(restored, 2**63)) == 6


def test_redo_is_the_undo_of_an_undo(restored: Catalog) -> None:
    judging.rate(restored, ["1"], 4)
    for redo in range(3):
        undone = judging.undo(restored, 1)
        assert rating(restored) is None
        assert judging.undo(restored, undone.id).undoes == undone.id
        assert rating(restored) == 4
        assert len(standing(restored)) == 1, redo


def test_undo_and_redo_can_alternate_any_number_of_times(restored: Catalog) -> None:
    judging.rate(restored, ["1"], 4)
    for number in range(1, 8):
        judging.undo(restored, number)
        assert rating(restored) == (None if number % 2 else 4)
        assert len(standing(restored)) == (0 if number % 2 else 1)
    with pytest.raises(NotFoundError, match="nothing to undo"):
        judging.undo(restored)


def test_later_decisions_on_other_clips_or_fields_do_not_prevent_an_undo(restored: Catalog) -> None:
    judging.rate(restored, ["1"], 4)
    judging.rate(restored, ["2"], 3)
    judging.note(restored, ["1"], "later")
    judging.undo(restored, 1)
    assert (rating(restored, 1), rating(restored, 2)) == (None, 3)


def test_an_undo_leaves_out_clips_that_were_forgotten(judged: Catalog) -> None:
    judging.rate(judged, ["1", ",", "2"], 4)
    with writing(judged) as connection:
        connection.execute(delete(recording).where(recording.c.id == 1))
    undone = judging.undo(judged)
    assert [change.id for change in undone.changes] == [2]
    assert rating(judged, 2) is None


def names(catalog: Catalog) -> list[str]:
    return [row.name for row in songs(catalog)]


def test_song_edits_are_decisions(judged: Catalog) -> None:
    save_song(judged, "A", ["epoch:1.."])
    save_song(judged, "A", ["epoch:2.."], {"fade": 0.5, "ordering": "epoch+"})
    rename_song(judged, "A", "B")
    delete_song(judged, "B")
    assert names(judged) == []
    seen = []
    for _ in range(4):
        judging.undo(judged)
        seen.append([(row.name, row.settings.query) for row in songs(judged)])
    assert seen == [[("B", "epoch:2..")], [("A", "epoch:2..")], [("A", "epoch:1..")], []]


def test_an_undo_does_not_restore_a_song_whose_name_is_taken(judged: Catalog) -> None:
    save_song(judged, "A", ["epoch:1"])
    rename_song(judged, "A", "B")
    save_song(judged, "A", ["epoch:2"])
    with pytest.raises(UsageError, match='another song is named "A" now'):
        judging.undo(judged, 2)
    delete_song(judged, "B")
    save_song(judged, "B", ["epoch:3"])
    with pytest.raises(UsageError, match='another song is named "B" now'):
        judging.undo(judged, 4)
    assert names(judged) == ["A", "B"]
    delete_song(judged, "B")
    judging.undo(judged, 4)
    assert {row.name: row.settings.query for row in songs(judged)} == {"A": "epoch:2", "B": "epoch:1"}


@needs_postgres
def test_undo_on_a_server_reverts_the_latest_decision_of_your_own(
    judged: Catalog, act_as: Callable[[str], None]
) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    act_as(BEN)
    judging.rate(judged, "2", 4)
    act_as(ANNA)
    assert judging.undo(judged).undoes == 1
    with pytest.raises(
        NotFoundError,
        match=r"no decision to undo; decision 2 \(rate 4: 2\) is by ben@desk, and `thresher undo 2` reverts it",
    ):
        judging.undo(judged)
    assert (rating(judged, 1), rating(judged, 2)) == (None, 4)
    act_as(BEN)
    assert judging.undo(judged).undoes == 2
    with pytest.raises(NotFoundError, match="there is nothing to undo"):
        judging.undo(judged)


@pytest.mark.sqlite_only("a catalog in a file, which mostly has one curator")
def test_undo_in_a_file_reverts_the_latest_decision_of_anybody(
    judged: Catalog, act_as: Callable[[str], None]
) -> None:
    act_as("anna@container-1")
    judging.rate(judged, "1", 5)
    act_as("anna@container-2")
    undone = judging.undo(judged)
    assert (undone.undoes, rating(judged)) == (1, None)


def test_any_decision_can_be_undone_by_its_number_and_the_undo_says_whose_it_was(
    judged: Catalog, act_as: Callable[[str], None]
) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    act_as(BEN)
    undone = judging.undo(judged, 1)
    assert (undone.summary, undone.by, undone.own) == ("undo 1 by anna@studio: rate 5: 1", BEN, True)
    act_as(ANNA)
    with pytest.raises(UsageError, match="decision 1 was already undone by 2 by ben@desk; `thresher undo 2`"):
        judging.undo(judged, 1)
    assert judging.undo(judged, 2).summary == "undo 2 by ben@desk: undo 1 by anna@studio: rate 5: 1"
    assert rating(judged) == 5


def test_a_later_decision_of_somebody_else_is_named(judged: Catalog, act_as: Callable[[str], None]) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    act_as(BEN)
    judging.rate(judged, "1", 2)
    act_as(ANNA)
    with pytest.raises(
        UsageError, match=r"decision 2 \(rate 2: 1\) by ben@desk changed the same fields after 1"
    ):
        judging.undo(judged, 1)
