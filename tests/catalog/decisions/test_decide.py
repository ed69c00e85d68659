"""Decisions change what they mean, and nothing if they fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.catalog.judged_clips import CLIPS, SPAN, add_location, rating
from tests.support import JOURNAL, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, clip_tag, recording
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.errors import NotFoundError


def test_a_command_that_changes_nothing_adds_no_decision(judged: Catalog) -> None:
    judging.rate(judged, ["1", ",", "2"], 4)
    done = judging.rate(judged, ["1", ",", "2", ",", "3"], 4)
    assert done.found == 3
    assert done.decision is not None
    assert [change.id for change in done.decision.changes] == [3]
    judging.undo(judged)
    assert (rating(judged, 1), rating(judged, 3)) == (4, None)


def test_a_failing_decision_changes_nothing(judged: Catalog) -> None:
    before = dump(judged, without=JOURNAL)
    with pytest.raises(KeyError), writing(judged) as connection:
        decide(
            connection, "rate", "", [Assignment("clip", 1, "rating", 4), Assignment("clip", 99, "rating", 4)]
        )
    assert dump(judged, without=JOURNAL) == before
    assert judging.history(judged) == []


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
