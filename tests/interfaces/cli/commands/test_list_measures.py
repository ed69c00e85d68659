"""`thresher list --measures` and what `show` prints about measures and suspicion."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, Command, WriteClip, run_command
from thresher.signal.features.measure_registry import MEASURES


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Path:
    """A folder with a catalog of music, of noise, and of silence."""
    folder = tmp_path_factory.mktemp("template")
    write_clip(folder / "a_music.wav", 1, 6.0)
    noise = np.random.default_rng(1).normal(scale=0.1, size=4 * RATE)
    soundfile.write(folder / "b_noise.wav", noise, RATE)
    soundfile.write(folder / "c_nothing.wav", np.zeros(RATE), RATE)
    for line in (["init"], ["ingest", ".", "--jobs", "1"]):
        assert run_command(*line, cwd=folder).returncode == 0
    return folder


def test_a_listing_with_measures_in_every_form(thresher: Command) -> None:
    code, out, _ = thresher("list", "--measures")
    assert code == 0
    assert "noise" in out.splitlines()[0]
    rows = json.loads(thresher("list", "--measures", "status:", "--json")[1])
    assert [set(MEASURES) <= set(row) for row in rows] == [True] * 3
    assert rows[0]["noise"] < 0.5 < 0.9 < rows[1]["noise"]
    assert rows[2]["noise"] is None
    (first, second) = csv.DictReader(io.StringIO(thresher("list", "--measures", "--format", "csv")[1]))
    assert float(first["noise"]) == pytest.approx(rows[0]["noise"])
    assert second["path"] == "b_noise.wav"
    assert "noise" not in json.loads(thresher("list", "--json")[1])[0]


def test_paths_alone_have_no_measures(thresher: Command) -> None:
    code, _, err = thresher("list", "--paths0", "--measures")
    assert code == 2
    assert "omit --json, --format, --columns and --measures" in err


def test_show_tells_measures_with_their_units(thresher: Command) -> None:
    out = thresher("show", "2")[1]
    assert "noise           1.0" in out or "noise           0.99" in out
    assert "per second" in out
    assert "heard           not yet" in out
    assert "suspect" not in out


def test_show_tells_why_a_clip_is_suspect(thresher: Command, tmp_path: Path) -> None:
    thresher("reject", "1")
    y, _ = soundfile.read(tmp_path / "a_music.wav", dtype="float32")
    soundfile.write(tmp_path / "d_again.wav", 0.5 * y, RATE)
    _, out, _ = thresher("ingest", ".", "--jobs", "1")
    assert "1 clip resembles clips that you rejected (thresher list suspect:yes" in out
    assert "a copy of clip 1 (" in thresher("show", "4")[1]
    (line,) = [line for line in thresher("list")[1].splitlines() if "d_again.wav" in line]
    assert "ok, suspect" in line
    assert thresher("trust", "4")[0] == 0
    assert "suspect" not in thresher("show", "4")[1]
