"""Recordings are split into parts and joined again: identities, what is kept, what is reported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import func, select, update

from tests.curation.cutting.cuts import mark_recording
from tests.support import RATE, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, task_for
from thresher.curation.clips.decisions import rate, tag
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison import block_scores
from thresher.curation.comparison.score import open_work
from thresher.curation.comparison.suspects import all_examined
from thresher.curation.cutting import finding, targets
from thresher.curation.cutting import split as splitting
from thresher.curation.cutting.finding import FoundParts
from thresher.curation.cutting.split import join, split
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import find_song, save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import Span

LONG = SplitSettings(silence=0.8)
"""Finds two parts in the recording of `shelf` where the default finds three."""


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions) -> Catalog:
    """Clip 1 holds sounds at 1 to 4, 5 to 8 and 8.6 to 9.6 s; clip 2 is one sound."""
    gap = np.zeros((RATE, 1), np.float32)
    y = np.concatenate([gap, sound(1, 3.0), gap, sound(2, 3.0), gap[: 6 * RATE // 10], sound(3, 1.0), gap])
    soundfile.write(tmp_path / "long.wav", y, RATE)
    soundfile.write(tmp_path / "one.wav", sound(4, 4.0), RATE)
    ingest(catalog, [tmp_path / "long.wav", tmp_path / "one.wav"], serial)
    return catalog


def test_the_executor_of_a_split_computes_its_scores(shelf: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_scores, "CLUSTER_PAIRS", 0)
    text = shelf.file.read_text()
    shelf.file.write_text(f'{text}\n[ingest]\nexecutor = "dask:tcp://127.0.0.1:1"\n')  # nobody listens there
    with Catalog.open(shelf.file) as catalog:
        assert run(catalog).scores


def run(catalog: Catalog, query: str = "long", settings: SplitSettings | None = None, **options: Any) -> Any:
    return split(catalog, query, settings, executor="serial", **options)


def ids(catalog: Catalog, query: str = "") -> list[int]:
    return sorted(row.id for row in list_clips(catalog, query))


def column(catalog: Catalog, name: str, clip_id: int) -> Any:
    with catalog.reading() as connection:
        return connection.scalar(select(clip.c[name]).where(clip.c.id == clip_id))


def test_the_sounds_of_a_recording_become_clips_of_their_own(shelf: Catalog) -> None:
    report = run(shelf)
    (recording,) = report.recordings
    assert [(round(p.start, 1), round(p.end, 1)) for p in recording.parts] == [(1, 4), (5, 8), (8.6, 9.6)]
    assert [part.status for part in recording.parts] == ["ok", "ok", "too_short"]
    assert [part.clip for part in recording.parts] == [3, 4, 5]
    assert ids(shelf) == [2, 3, 4, 5]
    assert ids(shelf, "kind:whole") == [1, 2]
    assert ids(shelf, "of:1") == [3, 4, 5] or ids(shelf, "of:1") == [1, 3, 4, 5]
    assert report.scores[0].clips == 2


def test_a_part_has_the_fingerprint_of_a_file_that_holds_only_its_samples(
    shelf: Catalog, tmp_path: Path
) -> None:
    y, _ = soundfile.read(tmp_path / "long.wav", dtype="float32")
    for part in run(shelf).recordings[0].parts[:2]:
        alone = tmp_path / "alone.wav"
        soundfile.write(alone, y[round(part.start * RATE) : round(part.end * RATE)], RATE, subtype="FLOAT")
        stat = alone.stat()
        found = analyse(task_for(os.fsencode(alone), stat.st_size, stat.st_mtime_ns, shelf.settings))
        assert isinstance(found, Analysis)
        assert found.whole.fingerprint is not None
        assert column(shelf, "fingerprint", part.clip) == found.whole.fingerprint.astype("<u4").tobytes()


def test_splitting_twice_is_splitting_once(shelf: Catalog) -> None:
    run(shelf)
    before = dump(shelf)
    again = run(shelf)
    assert (again.decision, again.recordings) == (None, ())
    assert "already" in again.unchanged[0].reason
    assert dump(shelf) == before


def test_the_same_split_scores_what_an_interrupted_one_left(
    shelf: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as interrupted:
        interrupted.setattr(splitting, "scored", lambda _catalog, report, *_, **_options: report)
        run(shelf)
    assert open_work(shelf, "prefix").clips == 2
    assert run(shelf).scores[0].clips == 2
    assert open_work(shelf, "prefix").clips == 0


def trimmed_otherwise(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        connection.execute(update(clip).values(trim="{}"))


def forgotten(catalog: Catalog) -> None:
    forget(catalog, str(catalog.root / "long.wav"))


def test_the_same_split_examines_what_an_interrupted_one_scored(shelf: Catalog) -> None:
    run(shelf)
    with writing(shelf) as connection:
        connection.execute(update(clip).where(clip.c.kind == "part").values(examined=False))
    assert run(shelf).decision is None
    with shelf.reading() as connection:
        assert all_examined(connection)


@pytest.mark.parametrize("change", [trimmed_otherwise, forgotten])
def test_a_recording_that_changes_while_it_is_analysed_is_named_and_left_alone(
    shelf: Catalog, monkeypatch: pytest.MonkeyPatch, change: Callable[[Catalog], None]
) -> None:
    def analysed_parts(*arguments: Any, **options: Any) -> FoundParts:
        found = finding.analysed_parts(*arguments, **options)
        change(shelf)
        return found

    monkeypatch.setattr(splitting, "analysed_parts", analysed_parts)
    report = run(shelf)
    assert (report.decision, report.recordings) == (None, ())
    assert [failure.reason for failure in report.failures] == [targets.CHANGED]
    with shelf.reading() as connection:
        assert connection.scalar(select(func.count()).where(clip.c.kind == "part")) == 0


def test_a_join_takes_a_split_back_and_the_same_split_brings_the_same_clips(shelf: Catalog) -> None:
    listed = list_clips(shelf, "")
    run(shelf)
    rate(shelf, ["4"], 5)
    joined = join(shelf, "long")
    assert [lost.rating for lost in joined.gone] == [None, 5, None]
    assert list_clips(shelf, "") == listed
    with pytest.raises(NotFoundError):
        join(shelf, "4")
    run(shelf)
    assert ids(shelf) == [2, 3, 4, 5]
    assert column(shelf, "rating", 4) == 5


def test_undo_and_redo_keep_the_ratings_of_parts(shelf: Catalog) -> None:
    made = run(shelf).decision
    rate(shelf, ["3"], 4)
    undone = undo(shelf, made.id)
    assert ids(shelf) == [1, 2]
    undo(shelf, undone.id)
    assert ids(shelf, "rating:4") == [3]
    undo(shelf)  # the rating
    assert column(shelf, "rating", 3) is None


def test_another_split_keeps_the_parts_whose_spans_survive(shelf: Catalog) -> None:
    run(shelf)
    rate(shelf, ["3"], 4)
    rate(shelf, ["4"], 5)
    tag(shelf, ["4"], add=["riff"])
    rate(shelf, ["5"], 2)
    save_song(shelf, "good", "rating:5")
    save_song(shelf, "picked", "4 , 5")
    edit_song(shelf, "picked", SongEdit(first="4"))
    report = run(shelf, settings=LONG)
    (recording,) = report.recordings
    assert [(part.clip, part.is_new) for part in recording.parts] == [(3, False), (6, True)]
    assert [(lost.clip, lost.rating, lost.heir) for lost in recording.gone] == [(4, 5, 6), (5, 2, None)]
    assert [lost.songs for lost in recording.gone] == [("good", "picked"), ("picked",)]
    assert ids(shelf, "rating:5 tag:riff") == [6]
    assert ids(shelf, "rating:4") == [3]
    assert [track.clip for track in tracklist(shelf, "good").tracks] == [6]
    with shelf.reading() as connection:
        edits = find_song(connection, "picked").settings.edits
    assert (edits.pins, edits.added) == (((6, 1),), (6,))
    assert [track.clip for track in tracklist(shelf, "picked").tracks] == [6]
    undo(shelf)
    assert ids(shelf, "rating:5 tag:riff") == [4]
    assert column(shelf, "rating", 6) is None
    assert [track.clip for track in tracklist(shelf, "picked").tracks] == [4, 5]


def test_a_split_that_finds_nothing_joins_what_was_split(shelf: Catalog) -> None:
    run(shelf)
    report = run(shelf, settings=SplitSettings(silence=5.0))
    assert [(each.split, each.parts) for each in report.recordings] == [(None, ())]
    assert ids(shelf) == [1, 2]


def test_recordings_without_silence_are_left_as_they_are(shelf: Catalog) -> None:
    before = dump(shelf)
    report = run(shelf, "one")
    assert (report.decision, report.recordings) == (None, ())
    assert report.unchanged[0].reason.startswith("has no silence longer than 0.4 s between two sounds (")
    assert dump(shelf) == before


@pytest.mark.parametrize(
    ("settings", "bounds"),
    [
        (SplitSettings(every=4.0), [(0, 64_000), (64_000, 128_000), (128_000, 169_600)]),
        (SplitSettings(count=2), [(0, 84_800), (84_800, 169_600)]),
    ],
)
def test_a_grid_covers_the_recording(
    shelf: Catalog, settings: SplitSettings, bounds: list[tuple[int, int]]
) -> None:
    parts = run(shelf, settings=settings).recordings[0].parts
    assert [(round(part.start * RATE), round(part.end * RATE)) for part in parts] == bounds


def test_the_cells_of_a_grid_that_hold_silence_are_silent(shelf: Catalog) -> None:
    report = run(shelf, settings=SplitSettings(count=106))
    assert {part.status for part in report.parts} == {"silent", "too_short"}
    assert ids(shelf, "of:1 status:silent") == [part.clip for part in report.parts if part.status == "silent"]


def test_a_grid_of_too_many_cells_is_refused_for_that_recording(shelf: Catalog) -> None:
    (left,) = run(shelf, settings=SplitSettings(every=0.0005)).unchanged
    assert left.reason == "would have 21,201 parts (at most 10,000)"


@pytest.mark.parametrize("settings", [None, SplitSettings(count=3)])
def test_a_dry_run_tells_what_the_split_then_does(shelf: Catalog, settings: SplitSettings | None) -> None:
    run(shelf, settings=LONG)
    rate(shelf, ["4"], 3)
    before = dump(shelf)
    planned = run(shelf, settings=settings, dry_run=True)
    assert dump(shelf) == before
    done = run(shelf, settings=settings)
    (plan,), (result,) = planned.recordings, done.recordings
    assert len(plan.envelope) == 1_000
    for known, then in zip(plan.parts, result.parts, strict=True):
        assert (known.start, known.end, known.status, known.is_new) == (
            then.start, then.end, then.status, then.is_new,
        )  # fmt: skip
    assert [(lost.clip, lost.has_heir) for lost in plan.gone] == [
        (lost.clip, lost.has_heir) for lost in result.gone
    ]


def test_a_recording_whose_file_is_missing_is_reported_and_the_others_are_split(
    shelf: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions
) -> None:
    y = np.concatenate([sound(5, 3.0), np.zeros((RATE, 1), np.float32), sound(6, 3.0)])
    soundfile.write(tmp_path / "gone.wav", y, RATE)
    ingest(shelf, [tmp_path / "gone.wav"], serial)
    os.remove(tmp_path / "gone.wav")
    report = run(shelf, "")
    assert [os.path.basename(each.path) for each in report.failures] == ["gone.wav"]
    assert [os.path.basename(each.path) for each in report.recordings] == ["long.wav"]


def test_marks_stay_as_they_are(shelf: Catalog) -> None:
    mark = mark_recording(shelf, 1, Span(2 * RATE, 6 * RATE), "bridge")
    run(shelf)
    assert mark in ids(shelf, "kind:marked")
    join(shelf, "long")
    assert ids(shelf) == [1, 2, mark]


def test_the_rating_and_the_songs_of_a_whole_are_named(shelf: Catalog) -> None:
    rate(shelf, ["1"], 4)
    save_song(shelf, "by rating", "rating:4")
    save_song(shelf, "by id", "1")
    (recording,) = run(shelf).recordings
    assert recording.whole is not None
    assert (recording.whole.clip, recording.whole.rating) == (1, 4)
    assert recording.whole.songs == ("by id", "by rating")
    assert tracklist(shelf, "by rating").tracks == ()
    assert [track.clip for track in tracklist(shelf, "by id").tracks] == [1]
    join(shelf, "long")
    assert [track.clip for track in tracklist(shelf, "by rating").tracks] == [1]
