"""`thresher song export`: files and stems, of today's song and of a rendering."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from tests.support import Command


def test_a_song_is_exported_to_files_and_stems(
    song_command: Command, song_json: Callable[..., Any], tmp_path: Path
) -> None:
    code, out, err = song_command("song", "export", "Bone", "bone.cue")
    assert (code, "5 clips of today's song, which is not rendered" in out) == (0, True)
    assert 'thresher song render "Bone" -o "' in err
    assert song_command("song", "render", "Bone")[0] == 0
    assert "5 clips of rendering 1" in song_command("song", "export", "Bone", "bone.rpp")[1]
    assert song_command("song", "export", "Bone", "bone.rpp")[0] == 0  # it is there already
    (tmp_path / "bone.rpp").write_text("edited")
    assert song_command("song", "export", "Bone", "bone.rpp")[0] == 2
    assert song_command("song", "export", "Bone", "bone.rpp", "--overwrite")[0] == 0
    report = song_json("song", "export", "Bone", "--stems", "stems", "--rendering", "1")
    assert len(report["stems"]) == 5
    assert soundfile.info(tmp_path / "stems" / report["stems"][0]).subtype == "PCM_16"
