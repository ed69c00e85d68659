"""`thresher song renderings`, `thresher song diff` and `thresher song verify`: what they print and return."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import Command


@pytest.fixture
def rendered(song_command: Command) -> Command:
    """The same as `song_command`, with one rendering of "Bone" in Bone.wav."""
    assert song_command("song", "render", "Bone")[0] == 0
    return song_command


def test_renderings_are_listed_with_their_format_settings_and_file(rendered: Command) -> None:
    code, out, _ = rendered("song", "renderings", "Bone")
    heading, _, row = out.splitlines()[:3]
    assert code == 0
    assert heading.split() == ["number", "rendered", "clips", "length", "format", "settings", "file"]
    assert "WAV PCM_16" in row
    assert "epoch:1.., order epoch+ by likeness" in row
    assert row.rstrip().endswith("Bone.wav")


def test_a_difference_lists_each_clip_with_its_reason(
    rendered: Command, song_json: Callable[..., Any]
) -> None:
    assert "nothing changed" in rendered("song", "diff", "Bone")[1]
    assert rendered("reject", "3")[0] == 0
    code, out, _ = rendered("song", "diff", "Bone")
    (row,) = [line.split() for line in out.splitlines() if line.startswith("gone")]
    assert (code, row[1], row[3]) == (0, "3", "rejected")
    assert "rendering 1: 0:20; today: 0:16" in out
    assert song_json("song", "diff", "Bone")["reasons"] == {"3": "rejected"}


def test_a_changed_rendering_is_reported_with_the_command_that_repairs_it(
    rendered: Command, tmp_path: Path, song_json: Callable[..., Any]
) -> None:
    code, out, _ = rendered("song", "verify", "Bone")
    assert (code, out) == (0, "rendering 1: 5 clips and Bone.wav are unchanged\n")
    assert song_json("song", "verify", "Bone")["faults"] == []
    (tmp_path / "Bone.wav").write_bytes(b"other")
    code, out, err = rendered("song", "verify", "Bone", "1")
    assert code == 3
    assert "Bone.wav is changed" in out
    assert err == '`thresher song render "Bone" --rendering 1 -o "Bone.wav"` writes the file again\n'


def test_a_missing_source_file_is_named(rendered: Command, tmp_path: Path) -> None:
    (tmp_path / "run/run_epoch_2_0.wav").unlink()
    code, out, err = rendered("song", "verify", "Bone")
    assert code == 3
    assert "run/run_epoch_2_0.wav" in out
    assert err == "restore the files and `thresher ingest` their folder\n"


def test_every_path_that_is_not_as_it_was_has_a_line_of_its_own(rendered: Command, tmp_path: Path) -> None:
    for file in sorted((tmp_path / "run").glob("*.wav"))[-2:]:
        file.unlink()
    _, out, _ = rendered("song", "verify", "Bone")
    lines = [line.split() for line in out.splitlines() if line.startswith("missing")]
    assert len(lines) == 2
    assert all(len(line) == 2 for line in lines)
