"""`thresher song list`, `thresher song show` and `thresher song compare`: tables, summaries and JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import Command
from thresher.interfaces.cli import output


def test_songs_are_listed_with_their_clips_renderings_and_settings(song_command: Command) -> None:
    code, out, _ = song_command("song", "list")
    heading, _, row = out.splitlines()[:3]
    assert code == 0
    assert heading.split() == ["song", "clips", "renderings", "settings"]
    assert row.split(maxsplit=3) == ["Bone", "5", "0", "epoch:1.., order epoch+ by likeness"]


def test_songs_are_listed_with_the_clips_that_a_render_writes(song_command: Command) -> None:
    song_command("song", "save", "Bone", "--clips", "4")
    song_command("song", "save", "Chain", "epoch:1..", "--order", "chain", "--length", "0:09")
    rows = song_command("song", "list")[1].splitlines()[2:]
    assert [row.split()[:2] for row in rows] == [["Bone", "4"], ["Chain", "2"]]


def test_a_tracklist_has_a_line_for_each_clip_and_a_summary(song_command: Command) -> None:
    assert song_command("song", "save", "Bone", "--clips", "4")[0] == 0
    code, out, _ = song_command("song", "show", "Bone")
    assert code == 0
    heading, _, first, second = out.splitlines()[:4]
    assert heading.split() == ["#", "at", "length", "clip", "checkpoint", "transition", "file"]
    assert first.split()[:4] == ["1", "0:00.0", "0:04.0", "2"]
    assert second.split()[:4] == ["2", "0:04.0", "0:04.0", "3"]  # `--pin 3@2` names this position
    assert "0:16, 4 clips, 16000 Hz mono" in out
    assert "1 clip beyond the limits" in out
    assert "never rendered" in out
    assert song_command("song", "render", "Bone")[0] == 0
    assert "1: nothing changed" in song_command("song", "show", "Bone")[1]


def test_a_tracklist_is_shown_in_full(song_command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "TABLE_ROWS", 2)
    code, out, err = song_command("song", "show", "Bone")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:7]] == ["1", "2", "3", "4", "5"]
    assert "more row" not in err


def test_the_json_of_a_song_contains_its_tracklist_and_difference(song_json: Callable[..., Any]) -> None:
    shown = song_json("song", "show", "Bone")
    assert shown["difference"] is None
    assert [track["clip"] for track in shown["tracklist"]["tracks"]] == [2, 3, 4, 5, 6]
    assert shown["tracklist"]["edits_not_applied"] == []
    assert shown["tracklist"]["tracks"][0]["transition"] is None


def test_orderings_are_compared_by_their_transitions(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    code, out, _ = song_command("song", "compare", "Bone", "--order", "chain", "epoch+")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:4]] == ["chain", "epoch+"]
    plans = song_json("song", "compare", "Bone", "--order", "chain", "epoch+")
    chain, by_epoch = (sum(track["transition"] or 0 for track in plan["tracks"]) for plan in plans)
    assert chain >= by_epoch
    _, out, _ = song_command("song", "compare", "Bone", "--order", "chain", "epoch+", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["order"], row["clips"]) for row in rows] == [("chain", "5"), ("epoch+", "5")]
    assert all(0 < float(row["lowest"]) <= float(row["mean_transition"]) <= 1 for row in rows)


@pytest.mark.parametrize("arguments", [["song", "show", "Bones"], ["list", "song:Bones"]])
def test_an_unknown_song_is_an_error_with_the_most_similar_name(
    song_command: Command, arguments: list[str]
) -> None:
    code, _, err = song_command(*arguments)
    expected = 'error: no song named "Bones"; did you mean "Bone"? (`thresher song list` shows all 1)\n'
    assert (code, err) == (4, expected)


def test_a_gain_is_shown_in_decibels(song_command: Command, song_json: Callable[..., Any]) -> None:
    assert song_command("song", "save", "Bone", "--lufs", "-12")[0] == 0
    gains = [track["gain"] for track in song_json("song", "show", "Bone")["tracklist"]["tracks"]]
    shown = song_command("song", "show", "Bone")[1]
    assert all(f"{20 * math.log10(gain):+.1f} dB" in shown for gain in gains)


def test_a_gain_that_rounds_to_nothing_is_not_shown(
    song_command: Command, song_json: Callable[..., Any]
) -> None:
    loudness = song_json("show", "2")["clip"]["loudness"]
    below = math.floor(loudness * 100) / 100
    assert song_command("song", "save", "One", "id:2", "--lufs", str(below))[0] == 0
    (track,) = song_json("song", "show", "One")["tracklist"]["tracks"]
    assert 0.99 < track["gain"] < 1
    assert " dB" not in song_command("song", "show", "One")[1]


def test_only_the_first_edits_that_are_not_applied_are_shown(
    song_command: Command, song_json: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "list").write_text("1\n2\n3\n4\n5\n6\n")
    said = song_command("song", "save", "Bone", "id:99", "--from", "list").stderr
    assert said.count("edit not applied: ") == 5
    assert "… and 1 more edit not applied; --json lists all" in said
    shown = song_command("song", "show", "Bone").stdout
    assert shown.count("the query does not match clip") == 5
    assert "; and 1 more (--json lists all)" in shown
    assert len(song_json("song", "show", "Bone")["tracklist"]["edits_not_applied"]) == 6
