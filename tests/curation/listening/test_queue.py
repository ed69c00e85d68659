"""Listening queues: their clips, how a queue is continued, and undo."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import func, select

from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import clip, listening
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening import playlist as listening_playlist
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.queue import (
    Queue,
    finish_listening,
    plan_listening,
    resume_listening,
    skip,
)
from thresher.errors import NotFoundError, UsageError

SERIAL = IngestOptions(executor="serial")
KINDS: tuple[Callable[[np.random.Generator, np.ndarray], np.ndarray], ...] = (
    lambda _random, time: 0.4 * np.sin(2 * np.pi * 220 * time),
    lambda random, time: 0.1 * random.normal(size=time.size),
    lambda _random, time: 0.4 * np.sin(2 * np.pi * 90 * time) * (np.sin(2 * np.pi * 3 * time) > 0),
)


def write(path: Path, kind: int, seed: int, seconds: float = 3.0) -> None:
    """A tone, a hiss or a beat with a little of a seed's own noise: those of a kind sound alike."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    y = KINDS[kind](random, time) + 0.005 * random.normal(size=time.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, y.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of three clips, 3 s each: the first two are all tones, the third has one clip of each kind."""
    folder = tmp_path_factory.mktemp("template")
    for epoch, kinds in ((1, (0, 0, 0)), (2, (0, 0, 0)), (3, (0, 1, 2))):
        for index, kind in enumerate(kinds):
            write(folder / "clips" / f"night_epoch_{epoch}_{index}.wav", kind, 10 * epoch + index)
    with Catalog.create(folder) as catalog:
        ingest(catalog, [folder / "clips"], SERIAL)
    return folder


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A copy of the template, files and all."""
    shutil.copytree(template, tmp_path / "copy", copy_function=shutil.copy2)
    with Catalog.open(tmp_path / "copy" / "catalog.toml") as catalog:
        yield catalog


def ids(queue: Queue | None) -> list[int]:
    return [] if queue is None else [row.id for row in queue.clips]


def left(catalog: Catalog) -> list[int]:
    queue = resume_listening(catalog)
    return [] if queue is None else [row.id for row in queue.left]


def heard(catalog: Catalog) -> set[int]:
    return {row.id for row in list_clips(catalog, ["heard:yes", "rejected+"])}


def test_a_queue_has_one_clip_of_each_checkpoint_then_the_most_different_clips(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 5 * 3 / 60)
    assert len(queue.clips) == 5
    assert {row.epoch for row in queue.clips[:3]} == {1, 2, 3}
    assert [row.why for row in queue.clips] == ["new checkpoint"] * 3 + ["different from the others"] * 2
    # of the third epoch, which has a tone, a hiss and a beat, all that is no tone
    assert {8, 9} <= set(ids(queue))
    assert queue.clips[0].distance is None
    assert all(row.distance is not None and 0 <= row.distance <= 1 for row in queue.clips[1:])
    assert queue.reach is not None
    assert (queue.reach.left_out, queue.reach.without_descriptor) == (4, 0)
    others = [
        row.distance
        for row in plan_listening(fresh, (), 1, dry_run=True).clips[5:]
        if row.distance is not None
    ]
    assert queue.reach.radius == pytest.approx(max(others), abs=1e-5)


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


def test_clips_similar_to_heard_ones_come_last(fresh: Catalog) -> None:
    mark_heard(fresh, [1, 4])
    assert ids(plan_listening(fresh, ["epoch:3"], 3 / 60)) in ([8], [9])
    assert ids(plan_listening(fresh, ["epoch:3"], 3 * 3 / 60))[-1] == 7


def test_references_are_not_in_a_queue(fresh: Catalog) -> None:
    judging.modify(fresh, ["epoch:1"], {"role": "reference"})
    assert set(ids(plan_listening(fresh, (), 5))) == set(range(4, 10))


def test_remaining_time_is_filled_with_heard_clips(fresh: Catalog) -> None:
    judging.rate(fresh, ["9"], 4)
    for clip_id in (5, 1, 3):
        mark_heard(fresh, [clip_id])
    assert ids(plan_listening(fresh, (), 1))[-4:] == [9, 5, 1, 3]
    assert len(plan_listening(fresh, (), 5 * 3 / 60).clips) == 5


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


def test_a_rating_and_the_mark_as_heard_are_one_decision(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    first, second = ids(queue)[:2]
    made = mark_heard(fresh, [first], rating=4, not_before=queue.started_at)
    assert made is not None
    assert made.summary == f"listen rate 4: {first}"
    assert {change.field: change.after for change in made.changes if change.field != "heard_at"} == {
        "rating": 4
    }
    mark_heard(fresh, [second], reject=True, not_before=queue.started_at)
    assert heard(fresh) == {first, second}
    assert not {first, second} & set(left(fresh))
    judging.undo(fresh)
    assert left(fresh)[0] == second
    assert heard(fresh) == {first}
    judging.undo(fresh)
    assert left(fresh) == ids(queue)
    with fresh.reading() as connection:
        touched = (clip.c.heard_at, clip.c.rating)
        assert connection.scalar(select(func.count(touched[0]) + func.count(touched[1]))) == 0


def test_a_rating_reverts_a_rejection(fresh: Catalog) -> None:
    mark_heard(fresh, [1], reject=True)
    mark_heard(fresh, [1], rating=2)
    assert [row.rating for row in list_clips(fresh, ["1"])] == [2]
    judging.undo(fresh)
    assert list_clips(fresh, ["1"]) == []


def test_invalid_ratings_lengths_and_unknown_clips_are_refused(fresh: Catalog) -> None:
    for wrong in (0, 6):
        with pytest.raises(UsageError, match="invalid rating"):
            mark_heard(fresh, [1], rating=wrong)
    with pytest.raises(UsageError, match="without a rejection"):
        mark_heard(fresh, [1], rating=3, reject=True)
    with pytest.raises(NotFoundError, match="thresher list"):
        mark_heard(fresh, [99])
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="minutes"):
            plan_listening(fresh, (), minutes)
    with pytest.raises(NotFoundError, match="epoch:7"):
        plan_listening(fresh, ["epoch:7"])


def test_one_decision_finishes_the_rest_of_a_queue(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    mark_heard(fresh, ids(queue)[:1], not_before=queue.started_at)
    made = finish_listening(fresh)
    assert made.summary == "listen: 8 clips"
    assert left(fresh) == []
    judging.undo(fresh, made.id)
    assert left(fresh) == ids(queue)[1:]


def test_heard_clips_stay_heard_if_the_clock_is_set_back(
    fresh: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = plan_listening(fresh, (), 1)
    monkeypatch.setattr("thresher.curation.listening.heard.time.time", lambda: queue.started_at - 3600)
    mark_heard(fresh, ids(queue)[:1], not_before=queue.started_at)
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


def test_checkpoints_without_a_heard_clip_come_first(fresh: Catalog) -> None:
    mark_heard(fresh, [1, 7])
    queue = plan_listening(fresh, (), 3 * 3 / 60)
    assert [row.why for row in queue.clips] == ["new checkpoint", *["first of its checkpoint"] * 2]
    assert queue.clips[0].epoch == 2
    assert {row.epoch for row in queue.clips[1:]} == {1, 3}
    assert all(row.distance is not None for row in queue.clips)


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


def test_without_descriptors_clips_are_spread_over_checkpoints(tmp_path: Path, template: Path) -> None:
    Catalog.create(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [template / "clips"], SERIAL)
        queue = plan_listening(catalog, (), 5 * 3 / 60)
        assert ids(queue) == [1, 4, 7, 2, 5]
        assert {row.distance for row in queue.clips} == {None}
        assert queue.reach is not None
        assert (queue.reach.without_descriptor, queue.reach.radius) == (9, None)
        finish_listening(catalog)
        assert ids(plan_listening(catalog, (), 3 * 3 / 60)) == [3, 6, 8]


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


def test_a_playlist_holds_the_rest_of_the_queue(fresh: Catalog, tmp_path: Path) -> None:
    queue = plan_listening(fresh, (), 1)
    mark_heard(fresh, ids(queue)[:7], not_before=queue.started_at)
    rest = resume_listening(fresh)
    assert rest is not None
    written = listening_playlist.write_playlist(fresh, rest)
    assert written.path == str(fresh.root / "listen.m3u8")
    lines = Path(written.path).read_text("utf-8").splitlines()
    assert lines[:2] == ["#EXTM3U", "#PLAYLIST:thresher listen"]
    row = queue.clips[7]
    assert lines[2] == f"#EXTINF:{row.seconds:.3f},night e{row.epoch} · clip {row.id}"
    assert lines[5] == row.path
    assert (written.clips, written.missing) == (2, ())
    # a queue's own list is replaced, another file is not
    listening_playlist.write_playlist(fresh, rest)
    other = tmp_path / "mine.m3u8"
    other.write_text("#EXTM3U\n")
    with pytest.raises(UsageError, match="--overwrite"):
        listening_playlist.write_playlist(fresh, rest, other)
    listening_playlist.write_playlist(fresh, rest, other, overwrite=True)
    assert "\ncopy/clips/night" in other.read_text("utf-8")
    with pytest.raises(UsageError, match="m3u8"):
        listening_playlist.write_playlist(fresh, rest, tmp_path / "list.txt")


def test_a_playlist_leaves_missing_files_out(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    first, *others = [fresh.root / str(row.path) for row in queue.clips]
    first.unlink()
    there = resume_listening(fresh)
    assert there is not None
    written = listening_playlist.write_playlist(fresh, there)
    assert (written.clips, written.missing) == (8, (queue.clips[0].path,))
    for file in others:
        file.unlink()
    with pytest.raises(NotFoundError, match="thresher ingest"):
        listening_playlist.write_playlist(fresh, there)
