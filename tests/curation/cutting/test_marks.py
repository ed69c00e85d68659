"""Marks: made by hand, named, removed, and brought back with what was decided about them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import select

from tests.curation.cutting.cuts import split_recording
from tests.support import JOURNAL, RATE, dump
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, score_row
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.curation.clips.decisions import history, rate, reject, tag
from thresher.curation.clips.listing import list_clips
from thresher.curation.cutting.marks import mark, name_mark, unmark
from thresher.curation.cutting.undo import undo
from thresher.curation.exports.songs import export_song, export_stems
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.renderings.manifest import read_manifest
from thresher.curation.renderings.render import render
from thresher.curation.renderings.reproduce import reproduce
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError, UsageError
from thresher.signal.features.trim import Span

LEAD = RATE // 2
"""The silence before the first sound of clip 1, in frames."""


def stored(catalog: Catalog, clip_id: int) -> Any:
    with catalog.reading() as connection:
        return clip_rows(connection, [clip_id])[clip_id]


def start_of(catalog: Catalog, clip_id: int) -> int:
    frame: int = stored(catalog, clip_id)[clip.c.start_frame]
    return frame


def test_a_mark_is_a_clip_of_its_own_with_scores(bench: Catalog) -> None:
    begins = start_of(bench, 1)
    assert begins > 0
    report = mark(bench, "1", 0.25, 3.75, name=" drop ")
    (made,) = report.marks
    assert (made.clip, made.name, made.state, made.status) == (4, "drop", "new", "ok")
    assert made.start == (begins + RATE // 4) / RATE
    assert made.seconds == pytest.approx(3.5)
    (row,) = list_clips(bench, "kind:marked")
    assert (row.id, row.kind, row.seconds, row.recording) == (4, "marked", 3.5, 1)
    assert row.score is not None
    assert [each.id for each in list_clips(bench)] == [1, 2, 4]  # a mark does not hide the whole
    assert report.decision is not None
    assert report.decision.summary == 'mark 0.250 s to 3.750 s of clip 1 as "drop"'


def test_a_mark_of_the_whole_span_has_the_content_of_the_whole(bench: Catalog) -> None:
    (row,) = list_clips(bench, "2")
    (made,) = mark(bench, "2", 0, row.seconds or 0).marks
    names = ("start_frame", "end_frame", "fingerprint", "descriptor", "profile", "loudness", "peak")
    with bench.reading() as connection:
        columns = [clip.c[name] for name in names]
        whole, marked = (
            connection.execute(select(*columns).where(clip.c.id == clip_id)).one()
            for clip_id in (2, made.clip)
        )
    assert whole == marked


def test_mark_then_unmark_is_as_before(bench: Catalog) -> None:
    def listed() -> list[Any]:
        return list_clips(bench, "rejected:yes or rejected:no")

    before = listed()
    mark(bench, "1", 0, 4)
    assert listed() != before
    report = unmark(bench, ["4"])
    assert report.found == 1
    assert listed() == before
    with bench.reading() as connection:
        live = connection.scalars(select(score_row.c.clip_id).where(~score_row.c.retired)).all()
    assert sorted(live) == [1, 2]


def test_a_removed_mark_comes_back_with_what_was_decided_about_it(bench: Catalog) -> None:
    mark(bench, "1", 0, 4, name="drop")
    rate(bench, ["4"], 5)
    tag(bench, ["4"], add=["loud"])
    before = list_clips(bench, "kind:marked")
    unmark(bench, ["mark:drop"])
    assert list_clips(bench, "kind:marked") == []
    undo(bench)
    assert list_clips(bench, "kind:marked") == before
    unmark(bench, ["4"])
    (again,) = mark(bench, "1", 0, 4).marks  # the same span is the same mark
    assert (again.clip, again.state, again.name) == (4, "restored", "drop")
    assert list_clips(bench, "kind:marked") == before


def test_the_undo_of_a_mark_and_its_undo(bench: Catalog) -> None:
    before = dump(bench, without=(*JOURNAL, "clip", "score_row", "nearest", "metric", "measure"))
    mark(bench, "1", 0, 4)
    with_mark = list_clips(bench)
    undo(bench)
    assert [each.id for each in list_clips(bench)] == [1, 2]
    assert dump(bench, without=(*JOURNAL, "clip", "score_row", "nearest", "metric", "measure")) == before
    undo(bench, 2)
    assert list_clips(bench) == with_mark
    assert [each.summary for each in history(bench)][1] == "undo 1: mark 0.000 s to 4.000 s of clip 1"


def test_a_mark_is_renamed_by_its_id(bench: Catalog) -> None:
    mark(bench, "1", 0, 4)
    assert name_mark(bench, "4", "drop", dry_run=True).marks[0].state == "renamed"
    assert list_clips(bench, "mark:drop") == []
    report = name_mark(bench, "4", "drop")
    assert report.decision is not None
    assert report.decision.summary == 'name mark 4 "drop"'
    assert name_mark(bench, "4", "drop").decision is None
    name_mark(bench, "mark:drop", "")
    assert stored(bench, 4)[clip.c.name] is None
    with pytest.raises(UsageError, match="clip 1 is the whole of its recording, and only marks have names"):
        name_mark(bench, "1", "drop")
    with pytest.raises(UsageError, match="invalid name"):
        name_mark(bench, "4", "a\tb")


def test_a_dry_run_changes_nothing_and_says_what_would_be(bench: Catalog) -> None:
    before = dump(bench, without=["location"])
    report = mark(bench, "1", 0, 2, dry_run=True)
    assert (report.marks[0].clip, report.marks[0].status, report.dry_run) == (None, "too_short", True)
    assert report.decision is not None
    assert dump(bench, without=["location"]) == before
    made = mark(bench, "1", 0, 2).marks[0].clip  # on a server, the dry run used up an id
    before = dump(bench, without=["location"])
    assert unmark(bench, [str(made)], dry_run=True).decision is not None
    assert dump(bench, without=["location"]) == before


def test_short_silent_and_overlapping_marks(bench: Catalog) -> None:
    begins = start_of(bench, 1) / RATE
    short, silent = (
        mark(bench, "1", start - begins, end - begins).marks[0] for start, end in ((1, 2), (4.6, 5.4))
    )
    assert (short.status, silent.status) == ("too_short", "silent")
    assert silent.reason == "no frame exceeds -72 dBFS"
    mark(bench, "1", 0.5, 3.5)
    assert [each.id for each in list_clips(bench, "kind:marked")] == [4, 6]  # the silent one can't be used
    assert [each.id for each in list_clips(bench, "kind:marked status:silent")] == [5]
    assert unmark(bench, ["kind:marked"]).found == 3  # silent ones, too


def test_only_marks_are_removed(bench: Catalog) -> None:
    mark(bench, "2", 0, 3.5)
    part = split_recording(bench, 1, [Span(LEAD, LEAD + 4 * RATE), Span(LEAD + 5 * RATE, LEAD + 9 * RATE)])[0]
    decisions = len(history(bench))
    with pytest.raises(
        UsageError, match="clip 2 is the whole of its recording, not a mark; `thresher reject 2`"
    ):
        unmark(bench, ["2"])
    with pytest.raises(UsageError, match=f"clip {part} is a part of a split recording, not a mark"):
        unmark(bench, [str(part)])
    with pytest.raises(UsageError, match=r"1 whole among 2 matching clips \(2\).*add kind:marked"):
        unmark(bench, ["of:2"])
    assert len(history(bench)) == decisions
    reject(bench, ["4"])
    assert unmark(bench, ["of:2", "kind:marked"]).found == 1  # a rejected one, too
    with pytest.raises(NotFoundError, match="no mark matches 4"):
        unmark(bench, ["4"])


def test_a_truncated_recording_can_be_marked(
    catalog: Catalog, tmp_path: Path, sound: Any, serial: Any
) -> None:
    soundfile.write(tmp_path / "t.wav", sound(1, 6.0), RATE)
    with open(tmp_path / "t.wav", "r+b") as file:
        file.truncate(44 + 5 * RATE * 2)
    ingest(catalog, [tmp_path / "t.wav"], serial)
    assert stored(catalog, 1)[clip.c.end_frame] == 5 * RATE
    assert mark(catalog, "1", 1, 5).marks[0].status == "ok"
    with pytest.raises(UsageError, match=r"is beyond the end of clip 1, which is 5.000 s long"):
        mark(catalog, "1", 1, 5.5)


def test_a_reference_recording_can_be_marked_and_is_not_scored(
    catalog: Catalog, tmp_path: Path, write_clip: Any
) -> None:
    write_clip(tmp_path / "r.wav", 1)
    ingest(catalog, [tmp_path / "r.wav"], IngestOptions(executor="serial", role="reference"))
    mark(catalog, "1", 0, 3.5)
    (row,) = list_clips(catalog, "kind:marked")
    assert (row.role, row.score) == ("reference", None)
    save_song(catalog, "Bone", "id:1..")
    assert tracklist(catalog, "Bone").tracks == ()


def test_unmark_names_the_songs_that_contained_the_mark(bench: Catalog) -> None:
    mark(bench, "1", 0, 4, name="drop")
    mark(bench, "2", 0, 3.5)
    save_song(bench, "All", "")
    save_song(bench, "Drops", "mark:drop")
    save_song(bench, "Wholes", "kind:whole")
    save_song(bench, "By hand", "kind:whole")
    edit_song(bench, "By hand", SongEdit(add=("5",)))
    report = unmark(bench, ["kind:marked"])
    assert report.songs == {"All": (4, 5), "By hand": (5,), "Drops": (4,)}
    assert (
        "clip 5 was removed by a split or by `thresher unmark`"
        in tracklist(bench, "By hand").edits_not_applied
    )
    undo(bench)
    assert [track.clip for track in tracklist(bench, "Drops").tracks] == [4]


def test_marks_stay_when_their_recording_is_analysed_again(bench: Catalog) -> None:
    mark(bench, "2", 0.5, 4, name="drop")
    before = list_clips(bench, "kind:marked")
    assert reanalyse(bench, executor="serial").changed == 0
    assert list_clips(bench, "kind:marked") == before


def test_a_recording_with_a_mark_is_kept_until_the_mark_is_removed(bench: Catalog) -> None:
    mark(bench, "2", 0.5, 4)
    forget(bench, str(bench.root / "in/b.wav"))
    assert [each.id for each in list_clips(bench)] == [1, 2, 4]
    unmark(bench, ["4"])
    forget(bench, str(bench.root / "in/b.wav"))
    assert [each.id for each in list_clips(bench)] == [1]
    with pytest.raises(UsageError, match="can't be undone: what it changed was forgotten"):
        undo(bench, 3)


def test_a_song_of_marks_is_rendered_to_the_same_bytes_after_its_folder_moved(bench: Catalog) -> None:
    mark(bench, "1", 0.5, 3.5, name="drop")
    mark(bench, "2", 1.0, 1.5)
    save_song(bench, "Marks", "kind:marked")
    first = render(bench, "Marks", bench.root / "one.wav")
    y, _ = soundfile.read(bench.root / "one.wav")
    joint = round(3.0 * RATE)
    assert abs(y[0]) < 1e-3  # the fade of the song at both ends of each mark
    assert max(abs(y[joint - 1]), abs(y[joint])) < 1e-3
    export_song(bench, "Marks", bench.root / "one.json", rendering=1)
    shutil.move(bench.root / "in", bench.root / "moved")
    ingest(bench, [bench.root / "moved"], IngestOptions(executor="serial"))
    again = render(bench, "Marks", bench.root / "two.wav")
    assert (again.number, again.is_new) == (first.number, False)
    assert (bench.root / "two.wav").read_bytes() == (bench.root / "one.wav").read_bytes()
    done = reproduce(bench.root / "one.json", bench.root / "moved", bench.root / "three.wav")
    assert done.same_bytes
    _, manifest = read_manifest(bench.root / "one.json")
    assert [(each.kind, each.name) for each in manifest.clips] == [("marked", "drop"), ("marked", None)]
    unmark(bench, ["kind:marked"])  # the rendering is history
    render(bench, "Marks", bench.root / "four.wav", rendering=1)
    assert (bench.root / "four.wav").read_bytes() == (bench.root / "one.wav").read_bytes()


def test_stems_of_marks_are_faded_and_named(bench: Catalog) -> None:
    mark(bench, "2", 1.0, 2.0, name="drop")
    save_song(bench, "Marks", "kind:marked")
    (name,) = export_stems(bench, "Marks", bench.root / "stems").stems
    assert name == "001 in b drop #4.wav"
    y, _ = soundfile.read(bench.root / "stems" / name)
    own, _ = soundfile.read(bench.root / "in/b.wav", start=RATE, stop=2 * RATE)
    assert max(abs(y[:3]).max(), abs(y[-3:]).max()) < 1e-3
    assert max(abs(own[:3]).max(), abs(own[-3:]).max()) > 1e-2
