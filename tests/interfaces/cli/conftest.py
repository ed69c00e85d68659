"""A catalog for the tests of commands."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE, Command, WriteClip, copy_folder, riff, run_command


@pytest.fixture(autouse=True, scope="session")
def heeded_hangup() -> Iterator[None]:
    """Do not ignore SIGHUP, as a test run under `nohup` would: commands that start with it ignored keep that."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session")
def home_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `home` is copied from."""
    folder = tmp_path_factory.mktemp("template")
    clips = folder / "clips"
    clips.mkdir()
    for epoch in (10, 20, 30):
        for index in range(2):
            soundfile.write(clips / f"death_epoch_{epoch}_{index}.wav", riff(epoch + index), RATE)
    soundfile.write(clips / "death_epoch_01_0.wav", np.zeros(4 * RATE, np.float32), RATE)
    (clips / "death_epoch_02_0.wav").write_text("this is no audio")
    assert run_command("init", cwd=folder).returncode == 0
    done = run_command("ingest", "clips", "--jobs", "1", cwd=folder)
    assert done.returncode == 5, done.stderr
    assert "death_epoch_02_0.wav: unreadable" in done.stderr
    assert "7 new" not in done.stdout
    assert "8 new" in done.stdout
    assert "15 comparisons" in done.stdout
    return folder


@pytest.fixture(scope="module")
def home(home_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of six clips of three checkpoints, one silent, one broken.

    The tests of a module share it, so each of them leaves it as it was.
    """
    folder = tmp_path_factory.mktemp("home")
    copy_folder(home_template, folder)
    return folder


@pytest.fixture
def thresher(command: Command, template: Path, tmp_path: Path) -> Command:
    """Run a command in a copy of the folder `template`, a fixture of the module."""
    copy_folder(template, tmp_path)
    return command


@pytest.fixture(scope="session")
def song_template(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Path:
    """The folder that `song_command` copies."""
    folder = tmp_path_factory.mktemp("song")
    for epoch in range(6):
        write_clip(folder / "run" / f"run_epoch_{epoch}_0.wav", epoch)
    for line in (
        ["init"],
        ["ingest", "run", "--jobs", "1"],
        ["song", "save", "Bone", "epoch:1..", "--order", "epoch+"],
    ):
        assert run_command(*line, cwd=folder).returncode == 0
    return folder


@pytest.fixture
def song_command(command: Command, song_template: Path, tmp_path: Path) -> Command:
    """Run a command in a folder with a catalog of six clips and the song "Bone" of the last five."""
    copy_folder(song_template, tmp_path)
    return command


@pytest.fixture
def song_json(song_command: Command) -> Callable[..., Any]:
    """Run a command as `song_command` does, and return the JSON that it prints."""

    def run(*arguments: str) -> Any:
        code, out, err = song_command(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return run
