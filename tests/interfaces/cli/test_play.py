"""`thresher play`, with and without a player."""

from __future__ import annotations

import json
from pathlib import Path

import soundfile

from tests.support import RATE, run_process


def test_play_without_a_player_says_what_to_install(home: Path) -> None:
    done = run_process("play", "3", cwd=home, variables={"PATH": "/nonexistent"})
    assert done.returncode == 1
    assert "install" in done.stderr


def test_play_hands_the_trimmed_span_to_the_player(home: Path, tmp_path: Path) -> None:
    player = tmp_path / "aplay"
    player.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "$last" {tmp_path}/heard.wav\n')
    player.chmod(0o755)
    done = run_process("play", "3", cwd=home, variables={"PATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    heard, rate = soundfile.read(tmp_path / "heard.wav")
    clip = json.loads(run_process("show", "3", "--json", cwd=home).stdout)["clip"]
    assert rate == RATE
    assert len(heard) == round(clip["seconds"] * RATE)
