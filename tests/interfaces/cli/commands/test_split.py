"""The command split: what it prints, draws, refuses and returns."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE, Command


@pytest.fixture
def shelf(command: Command, tmp_path: Path, sound: Any) -> Path:
    """A catalog with a.wav, which holds two sounds of 3 s, and b.wav, which holds one."""
    assert command("init").returncode == 0
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n[ingest]\nexecutor = "serial"\n')
    y = np.concatenate([sound(1, 3.0), np.zeros((RATE, 1), np.float32), sound(2, 3.0)])
    soundfile.write(tmp_path / "a.wav", y, RATE)
    soundfile.write(tmp_path / "b.wav", sound(3, 4.0), RATE)
    assert command("ingest", "a.wav", "b.wav").returncode == 0
    return tmp_path


pytestmark = pytest.mark.usefixtures("shelf")


def test_a_split_is_reported_and_can_be_undone(command: Command) -> None:
    done = command("split", "a.wav")
    assert done.returncode == 0
    assert done.stdout.splitlines()[:2] == [
        "a.wav, 0:07.0: 2 parts",
        "decision 1: 1 recording split into 2 parts",
    ]
    assert "`thresher undo 1` reverts it" in done.stderr
    assert "left as it is: b.wav has no silence longer than 0.4 s" in command("split", "b.wav").stderr
    assert command("undo").returncode == 0
    assert command("split", "a.wav", "--join").stderr.startswith("left as it is: a.wav is not split")


def test_a_dry_run_draws_the_cuts_and_changes_nothing(command: Command) -> None:
    done = command("split", "a.wav", "--dry-run")
    title, bars, marks, total = done.stdout.splitlines()
    assert title == "a.wav, 0:07.0: 2 parts"
    assert bars.startswith("0:00.0  ▇") or bars.startswith("0:00.0  █")
    assert (marks.count("├"), marks.count("┤")) == (2, 2)
    assert " " * 10 in bars
    assert total == "dry run, nothing was changed: 1 recording split into 2 parts"
    assert command("history", "--json").stdout.strip() == "[]"


def test_an_export_that_fades_nothing_says_so(command: Command, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    assert "no end is faded" in command("export", "a.wav", "--to", "to/whole", "--fade", "0.1").stderr
    command("split", "a.wav")
    assert "no end is faded" not in command("export", "3", "--to", "to/part", "--fade", "0.1").stderr


def test_lost_ratings_and_songs_are_named(command: Command) -> None:
    command("split", "a.wav")
    command("rate", "3", "4")
    command("song", "save", "best", "rating:4")
    planned = command("split", "a.wav", "--count", "7", "--dry-run").stderr
    assert 'note: clip 3 (0.00 to 3.01 s; rated 4, in song "best") would leave listings and songs' in planned
    done = command("split", "a.wav", "--every", "3.5")
    assert "2 parts (2 new, 2 gone)" not in done.stdout  # no part stays, so that all are new
    assert 'clip 3 (0.00 to 3.01 s; rated 4, in song "best") is replaced by clip 5' in done.stderr
    joined = command("split", "a.wav", "--join")
    assert "a.wav, 0:07.0: joined, 2 parts gone" in joined.stdout
    assert 'clip 5 (0.00 to 3.50 s; rated 4, in song "best") leaves listings' in joined.stderr


def test_json_has_the_parts_and_what_was_left(command: Command) -> None:
    report = json.loads(command("split", "a.wav", "b.wav", "--json").stdout)
    (recording,) = report["recordings"]
    assert [part["clip"] for part in recording["parts"]] == [3, 4]
    assert recording["split"] == '{"silence":0.4}'
    assert [left["path"] for left in report["unchanged"]] == ["b.wav"]
    assert report["decision"]["id"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seconds", "0"], "--seconds 0: silence must be above 0 seconds, not 0.0"),
        (["--every", "nan"], "--every nan: every must be above 0 seconds, not nan"),
        (["--count", "1"], "--count 1: count must be 2 or more, not 1"),
        (["--every", "2", "--count", "3"], "--every 2, --count 3 contradict each other; give one of them"),
        (["--count", "99999"], "--count 99999 is out of range (expected 2 to 10000)"),
        (["--join", "--count", "3"], "--join takes no --seconds, --every, --count or --jobs"),
        (["--join", "--jobs", "1"], "--join takes no --seconds, --every, --count or --jobs"),
        (["--jobs", "2"], '--jobs 2 contradicts [ingest] executor = "serial" in catalog.toml'),
    ],
)
def test_other_values_are_refused(command: Command, options: list[str], message: str) -> None:
    done = command("split", "a.wav", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_missing_file_is_reported_and_the_command_ends_with_5(command: Command) -> None:
    os.remove("a.wav")
    done = command("split", "1", "2")
    assert done.returncode == 5
    assert "not split: a.wav: no file holds the recording now; restore the file" in done.stderr


def test_a_query_without_clips_is_an_error(command: Command) -> None:
    assert command("split", "rating:5").returncode == 4


def test_most_of_a_catalog_is_split_only_after_a_question(
    command: Command, tmp_path: Path, sound: Any
) -> None:
    for seed in range(20):
        soundfile.write(tmp_path / f"c{seed}.wav", sound(seed + 10, 0.2), RATE)
    command("ingest", ".", "--no-score")
    done = command("split", "length:..20")
    assert done.returncode == 2
    assert "split the recordings of 22 of the 22 clips in the catalog?" in done.stderr
    assert command("split", "length:..20", "--yes").returncode == 0


def test_a_song_is_salvaged_from_mostly_silent_recordings(
    command: Command, tmp_path: Path, sound: Any
) -> None:
    y = np.concatenate([sound(4, 1.5), np.zeros((4 * RATE, 1), np.float32), sound(5, 0.5)])
    soundfile.write(tmp_path / "quiet.wav", y, RATE)
    command("ingest", "quiet.wav")
    done = command("song", "save", "found", "silence:0.5..", "--salvage", "--order", "length-")
    assert done.returncode == 0
    assert "quiet.wav, 0:06.0: 2 parts" in done.stdout
    assert 'song "found": 1 clip, 0:01' in done.stdout or 'song "found": 1 clip, 0:02' in done.stdout
    assert "salvaged from 1 recording; 1 sound shorter than 1 s left out" in done.stdout
    refused = command("song", "save", "found", "silence:0.5..", "--least", "2")
    assert (refused.returncode, "--least needs --salvage" in refused.stderr) == (2, True)
    assert command("song", "save", "found", "--salvage").returncode == 2
    assert command("song", "save", "found", "a.wav", "--salvage").returncode == 4
