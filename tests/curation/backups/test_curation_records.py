"""Every value of an exported curation is checked before anything is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.backups.curation_records import LATEST, Curation, RecordingRecord, read_curation
from thresher.errors import UsageError

HEADER = '{"format":"thresher curation","version":1}'


def read(folder: Path, *records: dict[str, Any]) -> Curation:
    file = folder / "curation.jsonl"
    file.write_text("".join(f"{line}\n" for line in (HEADER, *map(json.dumps, records))))
    return read_curation(file)


def recording(**clip: Any) -> dict[str, Any]:
    return {"type": "recording", "sha256": "a", "clips": [{"kind": "whole", **clip}]}


@pytest.mark.parametrize(
    ("record", "is_valid"),
    [
        (recording(rating=0), False),
        (recording(rating=1), True),
        (recording(rating=5), True),
        (recording(rating=6), False),
        (recording(rating=True), False),
        (recording(rating=4.0), False),
        (recording(start=-1), False),
        (recording(start=0, end=LARGEST_INTEGER), True),
        (recording(end=LARGEST_INTEGER + 1), False),
        (recording(heard_at=-0.5), False),
        (recording(heard_at=LATEST), True),
        (recording(heard_at=LATEST + 1), False),
        (recording(kind="cut"), False),
        (recording(tags=["a", "b"]), True),
        (recording(tags=[""]), False),
        ({"type": "checkpoint", "run": "r", "epoch": -LARGEST_INTEGER, "verdict": "keep"}, True),
        ({"type": "checkpoint", "run": "r", "verdict": "maybe"}, False),
        ({"type": "output", "sha256": "a", "kind": "stem"}, True),
        ({"type": "output", "sha256": "a", "kind": "song"}, False),
        ({"type": "rendering", "song": "S", "plan_sha256": "p", "number": 1, "clips": []}, True),
        ({"type": "rendering", "song": "S", "plan_sha256": "p", "number": 0, "clips": []}, False),
        ({"type": "query", "name": "x" * 200, "query": "riff"}, True),
        ({"type": "query", "name": "x" * 201, "query": "riff"}, False),
    ],
)
def test_values_are_checked_with_their_line(tmp_path: Path, record: dict[str, Any], is_valid: bool) -> None:
    known = {"type": "decision", "by": "anna"}
    if is_valid:
        read(tmp_path, known, record)
        return
    with pytest.raises(UsageError, match=r"line 3: .*nothing was imported"):
        read(tmp_path, known, record)


def test_other_types_and_keys_are_passed_over(tmp_path: Path) -> None:
    found = read(
        tmp_path, {"type": "future", "x": 1}, {"type": "recording", "sha256": "a", "future": 1}, {"x": 1}
    )
    assert found == Curation(recording=[RecordingRecord("a")])


def test_a_rendering_keeps_all_of_its_columns(tmp_path: Path) -> None:
    record = {"song": "S", "plan_sha256": "p", "number": 2, "clips": [{"gain": 1.0}], "frames": 9}
    (found,) = read(tmp_path, {"type": "rendering", **record}).rendering
    assert (found.number, found.columns, found.clips) == (2, record, ({"gain": 1.0},))


def test_who_decided_is_named_unless_it_was_undone(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {"type": "decision", "by": "c", "undone": False},
        {"type": "decision", "by": "a"},
        {"type": "decision", "by": "b", "undone": True},
        {"type": "decision", "by": "c"},
        {"type": "decision"},
    )
    assert found.decided_by == ("a", "c")


@pytest.mark.parametrize("split", [{"silence": 0.4}, {"every": 2.0}, {"count": 3.0}])
def test_how_a_recording_is_split(tmp_path: Path, split: dict[str, float]) -> None:
    (found,) = read(tmp_path, {"type": "recording", "sha256": "a", "split": split}).recording
    ((name, value),) = split.items()
    assert getattr(found.split_settings, name) == value


def test_what_a_clip_does_not_say_is_not_decided(tmp_path: Path) -> None:
    ((clip,),) = [each.clips for each in read(tmp_path, recording()).recording]
    assert (clip.removed, clip.rejected, clip.trusted, clip.tags) == (False, False, False, ())
    assert (clip.rating, clip.note, clip.heard_at, clip.name) == (None, None, None, None)
