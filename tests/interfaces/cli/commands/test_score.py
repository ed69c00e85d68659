"""`thresher score` and `thresher reanalyse`: dry runs, and files of another machine."""

from __future__ import annotations

from pathlib import Path

import soundfile

from tests.support import RATE, Machines, riff, run_command
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


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


def test_reanalyse_without_the_root_of_the_files_says_that_they_are_not_on_this_machine(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    ingest(machines.open("one", corpus=audio), [audio], serial)
    far = machines.open("far").file
    done = run_command("--catalog", far, "reanalyse")
    assert "3 recordings not analysed, because no file on this machine holds them now" in done.stderr
    assert "missing" not in run_command("--catalog", far, "list").stdout
