"""Listening queues: their clips, how a queue is continued, and undo."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.curation.listening.listening_clips import SERIAL, heard, ids, left, write
from thresher.catalog import content_files
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import listening
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.listening import queue
from thresher.curation.listening.choice import QueueCandidates, choose
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.playlist import write_playlist
from thresher.curation.listening.queue import (
    finish_listening,
    plan_listening,
    resume_listening,
    skip,
)
from thresher.errors import NotFoundError


def test_a_plan_is_deterministic_and_a_dry_run_stores_nothing(fresh: Catalog) -> None:
    dry = plan_listening(fresh, (), 0.3, dry_run=True)
    assert dry.id is None
    assert resume_listening(fresh) is None
    real = plan_listening(fresh, (), 0.3)
    assert (ids(real), [row.distance for row in real.clips]) == (
        ids(dry),
        [row.distance for row in dry.clips],
    )
    stored = resume_listening(fresh)
    assert stored is not None
    assert (stored.clips, stored.query, stored.minutes) == (real.clips, "", 0.3)


def test_heard_clips_are_not_chosen_while_there_are_unheard_ones(fresh: Catalog) -> None:
    first = plan_listening(fresh, (), 0.2)
    finish_listening(fresh)
    second = plan_listening(fresh, (), 5 * 3 / 60)
    assert not set(ids(first)) & set(ids(second))
    finish_listening(fresh)
    assert heard(fresh) == set(range(1, 10))
    # nothing is new any more: what was heard the longest ago
    third = plan_listening(fresh, (), 0.1)
    assert ids(third) == sorted(ids(first))[:2]
    assert [row.why for row in third.clips] == ["heard before"] * 2
    assert len(left(fresh)) == 2


def test_a_clip_that_is_forgotten_while_the_queue_is_made_is_left_out(
    fresh: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose_and_forget(candidates: QueueCandidates, seconds: float) -> Any:
        chosen, reach = choose(candidates, seconds)
        return [chosen[0], 999, *chosen[1:]], reach  # another program has forgotten clip 999 since

    monkeypatch.setattr(queue, "choose", choose_and_forget)
    made = plan_listening(fresh, (), 0.3)
    assert 999 not in ids(made)
    assert ids(made) == left(fresh)


def test_references_are_not_in_a_queue(fresh: Catalog) -> None:
    judging.modify(fresh, ["epoch:1"], {"role": "reference"})
    assert set(ids(plan_listening(fresh, (), 5))) == set(range(4, 10))


def test_a_queue_continues_where_it_was_left(fresh: Catalog) -> None:
    queue = plan_listening(fresh, ["epoch:2.."], 1)
    assert len(queue.clips) == 6
    mark_heard(fresh, ids(queue)[:2], not_before=queue.started_at)
    skip(fresh, queue, ids(queue)[2])
    judging.reject(fresh, [str(ids(queue)[3])])
    assert left(fresh) == ids(queue)[4:]
    assert heard(fresh) == set(ids(queue)[:2])
    mark_heard(fresh, ids(queue)[4:], not_before=queue.started_at)
    assert resume_listening(fresh) is None
    with pytest.raises(NotFoundError, match="thresher listen"):
        finish_listening(fresh)


def test_rejected_clips_are_queued_if_the_query_names_them(fresh: Catalog) -> None:
    judging.reject(fresh, ["epoch:1"])
    assert set(ids(plan_listening(fresh, (), 5))) == set(range(4, 10))
    assert set(ids(plan_listening(fresh, ["rejected:yes"], 5))) == {1, 2, 3}
    assert set(left(fresh)) == {1, 2, 3}


def test_one_decision_finishes_the_rest_of_a_queue(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    mark_heard(fresh, ids(queue)[:1], not_before=queue.started_at)
    made = finish_listening(fresh)
    assert made.summary == "listen: 8 clips"
    assert left(fresh) == []
    judging.undo(fresh, made.id)
    assert left(fresh) == ids(queue)[1:]


def test_new_clips_join_only_a_new_queue(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 0.2)
    write(fresh.root / "clips" / "night_epoch_4_0.wav", 1, 99)
    ingest(fresh, [fresh.root / "clips"], SERIAL)
    assert left(fresh) == ids(queue)
    again = plan_listening(fresh, (), 0.2)
    assert 10 in ids(again)
    # the latest queue is the one to continue
    assert left(fresh) == ids(again)


def test_a_clip_with_a_missing_file_is_reported_and_queued_again_later(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    gone = fresh.root / str(queue.clips[0].path)
    kept = gone.rename(gone.with_suffix(".away"))
    there = resume_listening(fresh)
    assert there is not None
    assert [row.missing for row in there.clips] == [True] + [False] * 8
    assert left(fresh) == ids(queue)[1:]
    finish_listening(fresh)
    assert heard(fresh) == set(ids(queue)[1:])
    assert resume_listening(fresh) is None
    kept.rename(gone)
    assert left(fresh) == ids(queue)[:1]


def test_a_forgotten_clip_leaves_its_queue(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    forget(fresh, str(fresh.root / str(queue.clips[3].path)))
    assert left(fresh) == [clip_id for clip_id in ids(queue) if clip_id != ids(queue)[3]]


def test_file_names_that_are_not_utf8_are_in_playlists(fresh: Catalog) -> None:
    with pytest.raises(NotFoundError):
        plan_listening(fresh, [os.fsdecode(b"path:\xff")])
    plan_listening(fresh, ["^" + os.fsdecode(b"path:\xff")], 1)
    with fresh.reading() as connection:
        assert connection.scalar(select(listening.c.query)) == "^path:\\xff"


def test_a_queue_holds_shown_clips_and_plays_parts_from_their_start(cut_clips: Catalog) -> None:
    queue = plan_listening(cut_clips, "epoch:1", 5)
    assert {row.id: (row.part, row.start, row.seconds) for row in queue.clips} == {
        3: (None, 0, 4),
        5: ("part 1 of 3", 0, 5),
        6: ("part 2 of 3", 6, 5),
        7: ("part 3 of 3", 12, 5),
        8: ('mark "drop"', 1, 2),
        9: ("mark 2 of 2", 2, 1.5),
    }
    written = write_playlist(cut_clips, queue)
    lines = Path(written.path).read_text().splitlines()
    place = lines.index("#EXTVLCOPT:start-time=6.000000")
    assert lines[place - 1].endswith("· part 2 of 3 · clip 6")
    assert lines[place + 1 : place + 3] == ["#EXTVLCOPT:stop-time=11.000000", "out/run_epoch_1_0.wav"]
    mark_heard(cut_clips, [6], not_before=queue.started_at)
    assert [row.id for row in list_clips(cut_clips, "heard:yes")] == [6]


def test_clips_that_a_split_hides_or_takes_away_leave_a_queue(cut_clips: Catalog) -> None:
    plan_listening(cut_clips, "kind:part", 5)
    undo(cut_clips, 1)
    assert resume_listening(cut_clips) is None
    plan_listening(cut_clips, "length:16..", 5)  # the whole
    assert left(cut_clips) == [1]
    redo = next(each.id for each in judging.history(cut_clips) if each.undoes == 1)
    undo(cut_clips, redo)
    assert left(cut_clips) == []
    plan_listening(cut_clips, "kind:whole length:16..", 5)
    assert left(cut_clips) == [1]


def test_no_transaction_is_open_while_files_are_looked_for(
    fresh: Catalog, open_transactions: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked, check_file = [], content_files.check_file

    def watched(*given: Any, **options: Any) -> Any:
        checked.append(len(open_transactions))
        return check_file(*given, **options)

    monkeypatch.setattr(content_files, "check_file", watched)
    queue = plan_listening(fresh, (), 0.3)
    Path(fresh.root / str(queue.clips[0].path)).unlink()
    stored = resume_listening(fresh)
    assert stored is not None
    assert [row.missing for row in stored.clips] == [True, *[False] * (len(queue.clips) - 1)]
    assert set(checked) == {0}


def test_no_transaction_is_open_while_clips_are_chosen(
    fresh: Catalog,
    open_transactions: list[Any],
    computed_in_transactions: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_ones = []

    def watched(candidates: QueueCandidates, seconds: float) -> Any:
        open_ones.append(len(open_transactions))
        return choose(candidates, seconds)

    monkeypatch.setattr(queue, "choose", watched)
    assert any(row.distance for row in plan_listening(fresh, (), 0.3).clips)
    assert open_ones == [0]
    assert "likeness_scores" not in computed_in_transactions


@pytest.mark.usefixtures("one_transaction_at_a_time")
def test_a_queue_is_read_in_one_transaction(fresh: Catalog) -> None:
    planned = plan_listening(fresh, (), 0.3)
    stored = resume_listening(fresh)
    assert stored is not None
    assert ids(stored) == ids(planned)
