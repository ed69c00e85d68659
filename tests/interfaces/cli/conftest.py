"""A catalog for the tests of commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, riff, run_process


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog of six clips of three checkpoints, one silent, one broken."""
    folder = tmp_path_factory.mktemp("home")
    clips = folder / "clips"
    clips.mkdir()
    for epoch in (10, 20, 30):
        for index in range(2):
            soundfile.write(clips / f"death_epoch_{epoch}_{index}.wav", riff(epoch + index), RATE)
    soundfile.write(clips / "death_epoch_01_0.wav", np.zeros(4 * RATE, np.float32), RATE)
    (clips / "death_epoch_02_0.wav").write_text("this is no audio")
    assert run_process("init", cwd=folder).returncode == 0
    done = run_process("ingest", "clips", "--jobs", "1", cwd=folder)
    assert done.returncode == 5, done.stderr
    assert "death_epoch_02_0.wav: unreadable" in done.stderr
    assert "7 new" not in done.stdout
    assert "8 new" in done.stdout
    assert "15 comparisons" in done.stdout
    return folder
