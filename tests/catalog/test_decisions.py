"""The journal: after any sequence of decisions and undos, the catalog is in the state of those in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from tests.postgres_catalogs import needs_postgres
from tests.support import JOURNAL, dump, writing
from thresher.catalog import decisions
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import (
    attribute,
    batch,
    checkpoint,
    clip,
    clip_tag,
    decision,
    location,
    recording,
    writer,
)
from thresher.catalog.decisions import Assignment, Decision
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.songs.listing import songs
from thresher.curation.songs.songs import delete_song, rename_song, save_song
from thresher.errors import NotFoundError, UsageError

CLIPS = 4
SILENT = 4
SPAN = {"kind": "whole", "ordinal": 0, "start_frame": 0, "end_frame": 16_000, "trim": "{}"}


@pytest.fixture
def judged(catalog: Catalog) -> Catalog:
    """Four clips, each with its own path and its own checkpoint; the last one is silent."""
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        for key in range(1, CLIPS + 1):
            status = "silent" if key == SILENT else "ok"
            connection.execute(insert(checkpoint).values(run="night", epoch=key, step=None))
            connection.execute(
                insert(recording).values(
                    sha256=str(key),
                    batch_id=1,
                    role="generated",
                    status=status,
                    sample_rate=16_000,
                    checkpoint_id=key,
                )
            )
            connection.execute(insert(clip).values(recording_id=key, **SPAN))
            add_location(connection, key, f"{key}.wav", key)
    return catalog


def add_location(connection: Any, recording_id: int, path: str, checkpoint_id: int | None) -> None:
    connection.execute(
        insert(location).values(
            recording_id=recording_id,
            batch_id=1,
            checkpoint_id=checkpoint_id,
            path=path.encode(),
            path_text=path,
            size=1,
            mtime_ns=1,
        )
    )


@pytest.fixture
def restored(judged: Catalog) -> Iterator[Catalog]:
    """The catalog. After the test, all decisions are undone, and its content must be as before."""
    before = dump(judged, without=JOURNAL)
    yield judged
    while True:
        try:
            judging.undo(judged)
        except NotFoundError:
            break
    assert dump(judged, without=JOURNAL) == before


def standing(catalog: Catalog) -> list[Decision]:
    """Decisions that are in force, the earliest first."""
    made = judging.history(catalog)
    return [each for each in reversed(made) if each.undoes is None and each.undone_by is None]


def rating(catalog: Catalog, clip_id: int = 1) -> int | None:
    return show_clip(catalog, str(clip_id)).clip.rating


# -- doing and undoing in any order ------------------------------------------------------------------------

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
                kind = decisions._field(entity, name)
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


def test_a_command_that_changes_nothing_adds_no_decision(judged: Catalog) -> None:
    judging.rate(judged, ["1", ",", "2"], 4)
    done = judging.rate(judged, ["1", ",", "2", ",", "3"], 4)
    assert done.found == 3
    assert done.decision is not None
    assert [change.id for change in done.decision.changes] == [3]
    judging.undo(judged)
    assert (rating(judged, 1), rating(judged, 3)) == (4, None)


def test_an_undo_leaves_out_clips_that_were_forgotten(judged: Catalog) -> None:
    judging.rate(judged, ["1", ",", "2"], 4)
    with writing(judged) as connection:
        connection.execute(delete(recording).where(recording.c.id == 1))
    undone = judging.undo(judged)
    assert [change.id for change in undone.changes] == [2]
    assert rating(judged, 2) is None


def test_a_failing_decision_changes_nothing(judged: Catalog) -> None:
    before = dump(judged, without=JOURNAL)
    with pytest.raises(KeyError), writing(judged) as connection:
        decisions.decide(
            connection, "rate", "", [Assignment("clip", 1, "rating", 4), Assignment("clip", 99, "rating", 4)]
        )
    assert dump(judged, without=JOURNAL) == before
    assert judging.history(judged) == []


# -- which clips are meant ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "meant"),
    [
        (["run:night"], [1, 3]),  # 2 is rejected, 4 silent
        ([], [1, 3]),
        (["2"], [2]),
        (["4"], [4]),
        (["id:2..4"], [2, 3, 4]),
        (["4", ",", "epoch:1..3"], [1, 3, 4]),  # the id is for its own alternative only
        (["^1"], [3]),
        (["rejected:yes"], [2]),
        (["status:silent"], [4]),
        (["status:silent", ",", "epoch:2"], [4]),
        (["2", "epoch:3"], []),
        ("run:night", [1, 3]),
        ("id:4 , epoch:3", [3, 4]),
    ],
)
def test_a_query_selects_what_a_listing_shows_and_an_id_its_clip_in_any_case(
    restored: Catalog, terms: Any, meant: list[int]
) -> None:
    judging.reject(restored, ["2"])
    judges: tuple[Callable[[], judging.DecisionOutcome], ...] = (
        lambda: judging.rate(restored, terms, 3, dry_run=True),
        lambda: judging.note(restored, terms, "x", dry_run=True),
        lambda: judging.tag(restored, terms, add=["x"], dry_run=True),
    )
    for judge in judges:
        if meant:
            done = judge()
            assert done.decision is not None
            assert [change.id for change in done.decision.changes] == meant
        else:
            with pytest.raises(NotFoundError, match="no clip matches"):
                judge()


def test_unreject_searches_only_rejected_clips(restored: Catalog) -> None:
    with pytest.raises(NotFoundError, match="no rejected clip matches run:night"):
        judging.unreject(restored, ["run:night"])
    judging.reject(restored, ["2", ",", "4"])
    assert judging.unreject(restored, ["run:night"], dry_run=True).found == 2
    assert judging.unreject(restored, ["epoch:1..2"]).found == 1
    assert [row.id for row in list_clips(restored)] == [1, 2, 3]
    assert judging.unreject(restored, ["2"]).decision is None
    assert judging.unreject(restored, []).found == 1


def test_modify_searches_all_clips(restored: Catalog) -> None:
    judging.reject(restored, ["2"])
    assert judging.modify(restored, ["run:night"], {"run": "day"}).found == CLIPS
    assert [row.id for row in list_clips(restored, "run:day rejected:yes")] == [2]


@pytest.mark.parametrize("verb", ["reject", "unreject"])
def test_a_query_without_a_match_is_an_error(judged: Catalog, verb: str) -> None:
    with pytest.raises(NotFoundError, match="epoch:99"):
        getattr(judging, verb)(judged, ["epoch:99"])


def test_a_folder_name_with_a_space_is_one_term(judged: Catalog) -> None:
    with writing(judged) as connection:
        add_location(connection, 3, "my clips/a.wav", 3)
    assert judging.rate(judged, ["path:my clips"], 4).found == 1


# -- corrections are pinned --------------------------------------------------------------------------------


def test_a_corrected_attribute_is_pinned_and_its_undo_unpins_it(judged: Catalog) -> None:
    with writing(judged) as connection:
        connection.execute(insert(attribute).values(location_id=1, key="mood", text="calm"))
    judging.modify(judged, ["1"], {"mood": "wild"})
    with judged.reading() as connection:
        rows = connection.execute(select(attribute.c.text, attribute.c.pinned)).all()
    assert [tuple(row) for row in rows] == [("wild", True)]
    judging.undo(judged)
    with judged.reading() as connection:
        rows = connection.execute(select(attribute.c.text, attribute.c.pinned)).all()
    assert [tuple(row) for row in rows] == [("calm", False)]


def test_a_corrected_checkpoint_is_kept_until_the_correction_is_undone(judged: Catalog) -> None:
    judging.modify(judged, ["1"], {"epoch": "40"})
    with writing(judged) as connection:
        decisions.refresh_checkpoint(connection, 1)
    found = show_clip(judged, "1")
    assert (found.clip.run, found.clip.epoch, found.checkpoint_pinned) == ("night", 40, True)
    judging.undo(judged)
    found = show_clip(judged, "1")
    assert (found.clip.run, found.clip.epoch, found.checkpoint_pinned) == ("night", 1, False)


# -- any text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "<b onclick=alert(1)>&amp;</b>",
        "é 🦈 \x1b[31m",
        pytest.param("\x00", marks=pytest.mark.sqlite_only("NUL in texts")),
        "two\nlines",
        "'; DROP TABLE clip; --",
    ],
)
def test_a_note_is_stored_unchanged(restored: Catalog, text: str) -> None:
    judging.note(restored, ["1"], text)
    assert show_clip(restored, "1").clip.note == text
    made = judging.history(restored)[0].changes[0]
    assert (made.before, made.after) == (None, text)


def test_bytes_that_are_not_utf8_are_stored_as_escapes(restored: Catalog) -> None:
    judging.note(restored, ["1"], "caf\udce9")
    assert show_clip(restored, "1").clip.note == "caf\\xe9"
    judging.modify(restored, ["1"], {"mood": "\udcff", "run": "n\udcff"})
    assert [row.id for row in list_clips(restored, r"mood:=\\xff")] == [1]
    with writing(restored) as connection:
        connection.execute(
            update(location).where(location.c.id == 1).values(path=b"\xff.wav", path_text="\\xff.wav")
        )
    assert judging.rate(restored, ["\udcff.wav"], 4).found == 1
    assert judging.history(restored)[0].summary == "rate 4: \\xff.wav"
    with writing(restored) as connection:
        connection.execute(
            update(location).where(location.c.id == 1).values(path=b"1.wav", path_text="1.wav")
        )
    with pytest.raises(UsageError, match="half of a surrogate pair"):
        judging.note(restored, ["1"], "\ud800")


# -- songs -------------------------------------------------------------------------------------------------


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


# -- many --------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_one_decision_can_change_more_clips_than_a_statement_has_parameters(judged: Catalog) -> None:
    with writing(judged) as connection:
        ids = range(100, 610)
        common = {"batch_id": 1, "role": "generated", "status": "ok", "sample_rate": 16_000}
        connection.execute(insert(recording), [{**common, "id": key, "sha256": str(key)} for key in ids])
        connection.execute(insert(clip), [{**SPAN, "id": key, "recording_id": key} for key in ids])
    before = dump(judged, without=JOURNAL)
    assert judging.tag(judged, ["id:100.."], add=["riff"]).found == 510
    assert judging.modify(judged, ["tag:riff"], {"run": "day"}).found == 510
    with judged.reading() as connection:
        assert len(connection.execute(select(clip_tag)).all()) == 510
    judging.undo(judged)
    judging.undo(judged)
    assert dump(judged, without=JOURNAL) == before


# -- decisions of several people ---------------------------------------------------------------------------


@pytest.fixture
def act_as(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the following decisions those of a user; the label of the writer of each is as here."""

    def act(label: str) -> None:
        monkeypatch.setattr(decisions, "this_writer", lambda: f"id of {label}")
        monkeypatch.setattr(decisions, "this_label", lambda: label)

    return act


ANNA, BEN = "anna@studio", "ben@desk"


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


def test_history_says_who_made_each_decision(judged: Catalog, act_as: Callable[[str], None]) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    act_as(BEN)
    judging.rate(judged, "1", 2)
    assert [(each.by, each.own, each.who) for each in judging.history(judged)] == [
        (BEN, True, ""),
        (ANNA, False, ANNA),
    ]


@needs_postgres
def test_decisions_without_a_writer_are_your_own_until_somebody_else_decides(
    judged: Catalog, act_as: Callable[[str], None]
) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    with writing(judged) as connection:  # as the upgrade to revision 0015 leaves them
        connection.execute(update(decision).values(writer="earlier"))
        connection.execute(update(writer).values(name="earlier", label=""))
    assert [(each.by, each.own) for each in judging.history(judged)] == [(None, True)]
    act_as(BEN)
    judging.rate(judged, "2", 3)
    assert [each.own for each in judging.history(judged)] == [True, True]
    act_as(ANNA)
    assert [(each.who, each.own) for each in judging.history(judged)] == [
        (BEN, False),
        ("an unknown user", False),
    ]
    with pytest.raises(NotFoundError, match=r"decision 2 \(rate 3: 2\) is by ben@desk"):
        judging.undo(judged)
    judging.undo(judged, 2)
    with pytest.raises(NotFoundError, match=r"decision 1 \(rate 5: 1\) is by an unknown user"):
        judging.undo(judged)
