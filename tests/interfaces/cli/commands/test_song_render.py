"""`thresher song render` and `thresher song reproduce`: manifests, the limiter, and former options."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import Command


def test_a_manifest_is_written_and_reproduced_elsewhere(
    song_command: Command, song_json: Callable[..., Any], tmp_path: Path
) -> None:
    dry = song_command("song", "render", "Bone", "--manifest", "-o", "bone.wav", "--dry-run")[1]
    assert "bone.wav.manifest.json would be its manifest" in dry
    code, out, _ = song_command("song", "render", "Bone", "--manifest", "-o", "bone.wav")
    assert code == 0
    assert "bone.wav.manifest.json: its manifest" in out
    assert song_command("song", "render", "Bone", "-o", "bone.wav", "--manifest-file", "other.json")[0] == 0
    assert (tmp_path / "other.json").read_text() == (tmp_path / "bone.wav.manifest.json").read_text()
    away = tmp_path.parent / f"{tmp_path.name}-away"
    away.mkdir()
    (tmp_path / "bone.wav.manifest.json").rename(away / "m.json")
    (tmp_path / "run").rename(away / "clips")
    os.chdir(away)
    code, out, _ = song_command("song", "reproduce", "m.json", "--files", "clips", "-o", "again.wav")
    assert code == 0
    assert "the same as when rendering 1 was first made" in out
    assert (away / "again.wav").read_bytes() == (tmp_path / "bone.wav").read_bytes()
    report = song_json("song", "reproduce", "m.json")
    assert (report["same_bytes"], report["path"]) == (True, str(away / "Bone.wav"))


def test_what_the_limiter_turned_down_is_reported(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    assert song_command("song", "save", "Bone", "--lufs", "-3")[0] == 0
    out = song_command("song", "render", "Bone")[1]
    assert "the limiter turned down 5 clips" in out
    assert "LUFS" in out
    report = song_json("song", "render", "Bone")
    assert set(report["limited"]["clips"]) == {"2", "3", "4", "5", "6"}
    assert report["limited"]["most"] < -3


def test_the_former_forms_of_manifest_work_with_a_warning(song_command: Command, tmp_path: Path) -> None:
    code, out, err = song_command("song", "render", "Bone", "-o", "bone.wav", "--manifest", "m.json")
    assert code == 0
    assert "warning: `--manifest FILE` is now `--manifest-file FILE`" in err
    assert "m.json: its manifest" in out
    code, out, err = song_command(
        "song", "render", "--manifest", "m.json", "--files", "run", "-o", "again.wav"
    )
    assert code == 0
    assert "warning: `song render --manifest FILE` is now `thresher song reproduce FILE`" in err
    assert "the same as when rendering 1 was first made" in out
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "bone.wav").read_bytes()
