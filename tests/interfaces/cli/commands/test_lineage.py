"""`thresher lineage`: text and JSON, for clips with and without a fingerprint."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeSound, run_command


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sound: MakeSound) -> Path:
    folder = tmp_path_factory.mktemp("lineage")
    first, second = sound(1, 8.0)[:, 0], sound(2, 8.0)[:, 0]
    soundfile.write(folder / "a.wav", first, RATE)
    soundfile.write(folder / "b.wav", np.concatenate([first[-5 * RATE :], second]), RATE)
    soundfile.write(folder / "c.wav", second[: RATE // 2], RATE)
    assert run_command("init", cwd=folder).returncode == 0
    (folder / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    for line in (
        ["ingest", ".", "--jobs", "1"],
        ["song", "save", "Bone", "id:1..2", "--metric", "prefix"],
        ["song", "render", "Bone", "-o", "bone.wav"],
    ):
        assert run_command(*line, cwd=folder).returncode == 0
    return folder


def test_a_continuation_a_song_and_a_rendering(home: Path) -> None:
    done = run_command("lineage", "b.wav", cwd=home)
    assert (done.returncode, done.stderr) == (0, "")
    lines = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert lines["clip"].strip() == "2 (whole, 0:00.0 to 0:13.0)"
    assert lines["cut from"].strip() == "b.wav, batch 1"
    assert re.search(
        r"clip 1 a.wav: its 0:0[23].\d to 0:0[78].\d is here 0:00.0 to 0:0[45].\d", lines["continues"]
    )
    assert lines["song"].strip() == "Bone"
    assert "Bone 1 at " in lines["rendering"]


def test_json_has_everything(home: Path) -> None:
    found = json.loads(run_command("lineage", "1", "--json", cwd=home).stdout)
    (relative,) = found["relatives"]
    assert (relative["relation"]["kind"], relative["clip"]["path"]) == ("continued by", "b.wav")
    assert found["detail"]["locations"][0]["path"] == "a.wav"
    assert found["songs"] == ["Bone"]


def test_a_clip_without_a_fingerprint(home: Path) -> None:
    done = run_command("lineage", "3", cwd=home)
    assert done.returncode == 0
    assert "no fingerprint" in done.stderr
    assert run_command("lineage", "99", cwd=home).returncode == 4
