"""`thresher score` and `thresher reanalyse`: dry runs."""

from __future__ import annotations

from pathlib import Path

import soundfile

from tests.support import RATE, riff, run_command


def test_dry_runs_of_score_and_reanalyse_change_nothing(home: Path, tmp_path: Path) -> None:
    def state() -> str:
        return run_command("stats", "--json", cwd=home).stdout

    soundfile.write(tmp_path / "new.wav", riff(77), RATE)
    assert run_command("ingest", tmp_path / "new.wav", "--no-score", cwd=home).returncode == 0
    before = state()
    assert "1 clip would be scored in 6 comparisons" in run_command("score", "--dry-run", cwd=home).stdout
    assert "2 recordings would be" in run_command("reanalyse", "epoch:20", "--dry-run", cwd=home).stdout
    assert state() == before
    assert "1 clip scored in 6 comparisons" in run_command("score", cwd=home).stdout
    assert run_command("forget", tmp_path / "new.wav", "--yes", cwd=home).returncode == 0
