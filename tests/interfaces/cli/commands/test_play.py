"""`thresher play`, with and without a player."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from tests.support import RATE, run_command, run_process
from thresher.curation.listening.player import find_player, has_player
from thresher.errors import ConfigError


def test_play_without_a_player_says_what_to_install(home: Path) -> None:
    done = run_command("play", "3", cwd=home, PATH="/nonexistent")
    assert done.returncode == 1
    assert "install" in done.stderr


def test_play_hands_the_trimmed_span_to_the_player(home: Path, tmp_path: Path) -> None:
    player = tmp_path / "aplay"
    player.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "$last" {tmp_path}/heard.wav\n')
    player.chmod(0o755)
    done = run_process("play", "3", cwd=home, variables={"PATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    heard, rate = soundfile.read(tmp_path / "heard.wav")
    clip = json.loads(run_command("show", "3", "--json", cwd=home).stdout)["clip"]
    assert rate == RATE
    assert len(heard) == round(clip["seconds"] * RATE)


def test_a_player_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("aplay", "mpv", "vlc"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert find_player() == ("aplay", "-q")
    assert find_player("mpv") == ("mpv", "--no-video", "--really-quiet")
    assert find_player("vlc --intf 'dummy'") == ("vlc", "--intf", "dummy")
    assert has_player("ffplay")  # a chosen player that is missing is an error, not a playlist
    with pytest.raises(ConfigError, match=r'\[listen\] player: "ffplay" is not installed'):
        find_player("ffplay")
    with pytest.raises(ConfigError, match="is not a command"):
        find_player("vlc '")
