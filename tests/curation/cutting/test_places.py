"""Times of marks: what they count from, and where no mark can be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.curation.cutting.cuts import split_recording
from tests.support import PREFIX_ONLY, RATE, MakeCatalog
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.curation.clips.decisions import history
from thresher.curation.cutting.marks import mark
from thresher.curation.ingest.ingest import ingest
from thresher.errors import UsageError
from thresher.signal.features.trim import Span

LEAD = RATE // 2
"""The silence before the first sound of clip 1, in frames."""


def start_of(catalog: Catalog, clip_id: int) -> int:
    with catalog.reading() as connection:
        frame: int = clip_rows(connection, [clip_id])[clip_id][clip.c.start_frame]
    return frame


def test_times_count_from_the_clip_or_from_its_recording(bench: Catalog) -> None:
    (of_clip,) = mark(bench, "1", 1.0, 2.0).marks
    (of_recording,) = mark(bench, "in/a.wav", 1.0, 2.0, origin="recording").marks
    assert of_recording.start == 1.0
    assert of_clip.start == 1.0 + start_of(bench, 1) / RATE
    (of_mark,) = mark(bench, str(of_recording.clip), 0.25, 0.5).marks  # a mark of a mark
    assert (of_mark.start, of_mark.end) == (1.25, 1.5)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (2, 1, r"the start, 2.000 s, is after the end, 1.000 s"),
        (1, 1, r"a mark of 0.000 s is too short \(expected 0.05 s or more\)"),
        (1, 1.049, r"a mark of 0.049 s is too short"),
        (-1, 1, r"-1.000 s is before the start of clip 2; times count from 0"),
        (0, 4.2, r"4.200 s is beyond the end of clip 2, which is 4.000 s long"),
        (4, 4.04, r"4.000 s is beyond the end of clip 2"),
        (math.nan, 1, r"nan is not a time"),
        (0, math.nan, r"nan is not a time"),
        (0, math.inf, r"inf is not a time"),
        (0, 1e300, r"beyond the end of clip 2"),
    ],
)
def test_spans_that_cannot_be_marks(bench: Catalog, start: float, end: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mark(bench, "2", start, end)
    assert history(bench) == []


def test_a_length_as_listings_round_it_means_the_end(bench: Catalog) -> None:
    (made,) = mark(bench, "2", 1, 4.05).marks
    assert made.end == 4.0


def test_an_error_about_the_end_names_the_other_way_to_count(bench: Catalog) -> None:
    with pytest.raises(
        UsageError, match=r"--from recording counts from the start of its recording \(9.500 s\)"
    ):
        mark(bench, "1", 0, 9.45)
    assert mark(bench, "1", 0, 9.45, origin="recording").marks[0].end == 9.45


def test_a_recording_without_sound_has_no_marks(bench: Catalog) -> None:
    for origin in ("clip", "recording"):
        with pytest.raises(UsageError, match="clip 3 has no sound to mark: silent"):
            mark(bench, "3", 0, 1, origin=origin)
    with pytest.raises(UsageError, match='unknown origin of times "file"'):
        mark(bench, "1", 0, 1, origin="file")  # type: ignore[arg-type]  # what untyped callers may pass


def test_a_part_can_be_marked_and_a_split_recording_named_by_its_path(bench: Catalog) -> None:
    parts = split_recording(bench, 1, [Span(LEAD, LEAD + 4 * RATE), Span(LEAD + 5 * RATE, LEAD + 9 * RATE)])
    (made,) = mark(bench, str(parts[1]), 0.5, 1.5).marks
    assert made.start == 0.5 + 5 + 0.5
    with pytest.raises(UsageError, match="is beyond the end of clip 5"):
        mark(bench, str(parts[1]), 0.5, 4.5)
    assert mark(bench, "in/a.wav", 3, 6, origin="recording").marks[0].start == 3.0
    with pytest.raises(
        UsageError, match=r"matches 2 clips; give one id of 4, 5, or count from .*--from recording"
    ):
        mark(bench, "in/a.wav", 0, 1)
    with pytest.raises(UsageError, match=r"matches 5 clips; give one id of 2, 4, 5, 6, 7$"):
        mark(bench, "kind:part or b.wav or kind:marked", 0, 1)


def test_marks_beyond_what_is_analysed_are_refused(
    new_catalog: MakeCatalog, tmp_path: Path, sound: Any, serial: Any
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(f"{PREFIX_ONLY}[audio]\nmax_length = 5\n")
    with Catalog.open(tmp_path / "catalog.toml") as capped:
        soundfile.write(tmp_path / "long.wav", sound(1, 8.0), RATE)
        ingest(capped, [tmp_path / "long.wav"], serial)
        with pytest.raises(
            UsageError, match=r"is beyond the end of the recording of clip 1, which is 5.000 s long"
        ):
            mark(capped, "1", 1, 7, origin="recording")
