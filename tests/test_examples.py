"""The programs in examples/: each of them runs on the clips of the demo, and uses public names only."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest
import soundfile

from tests.support import ROOT, Finished, copy_folder, environment, run_command
from thresher.demo.synth import write_part

EXAMPLES = ROOT / "examples"
SERIAL = '[ingest]\nexecutor = "serial"\n'


def run_process(name: str, *arguments: str | Path, cwd: Path, **variables: str) -> Finished:
    """Run an example as a reader does: in a process of its own."""
    start = [sys.executable] if name.endswith(".py") else []
    done = subprocess.run(
        [*start, EXAMPLES / name, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def run_example(name: str, *arguments: str | Path, cwd: Path) -> Finished:
    """Run a Python example in this process, which saves the start of another one."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", [name, *map(str, arguments)]),
        mock.patch.dict(os.environ, environment(), clear=True),
        chdir(cwd),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as end:  # as Python does: a text goes to the errors
            code = 1
            err.write(f"{end.code}\n")
    return Finished(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A folder with the demo's first clips, which curate_run.py has curated, and what it printed."""
    home = tmp_path_factory.mktemp("curated")
    write_part(home / "made", 1).rename(home / "runs")
    assert run_command("init", cwd=home).returncode == 0
    (home / "catalog.toml").write_text(SERIAL)
    return home, run_process("curate_run.py", "runs", cwd=home)


@pytest.fixture
def home(tmp_path: Path, curated: tuple[Path, Finished]) -> Path:
    """A copy of that folder."""
    copy_folder(curated[0], tmp_path / "home")
    return tmp_path / "home"


def test_a_training_run_is_curated_and_becomes_a_song(curated: tuple[Path, Finished]) -> None:
    home, done = curated
    assert done.returncode == 0, done.stderr
    assert "25 new clips, 0 unchanged, 1 not usable" in done.stdout
    assert "7 rejected by noise:0.95.." in done.stdout
    assert soundfile.info(home / "FIRST CUT.flac").duration > 60
    assert (home / "FIRST CUT.flac.manifest.json").exists()


def test_curating_again_keeps_rated_clips_and_takes_up_new_ones(home: Path) -> None:
    hissing = json.loads(run_command("list", "noise:0.95..", "rejected:yes", "--json", cwd=home).stdout)
    for command in (("unreject", str(hissing[0]["id"])), ("rate", str(hissing[0]["id"]), "4")):
        assert run_command(*command, cwd=home).returncode == 0
    for path in write_part(home / "made", 2).glob("*_e20_*"):
        path.rename(home / "runs" / path.name)
    done = run_example("curate_run.py", "runs", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "8 new clips, 25 unchanged" in done.stdout
    assert "rejected by" not in done.stdout
    kept = json.loads(run_command("list", 'song:"FIRST CUT"', "--json", cwd=home).stdout)
    assert {hissing[0]["id"]} < {row["id"] for row in kept}
    assert 20 in {row["epoch"] for row in kept}


def test_a_training_logs_each_checkpoint_stops_at_a_collapse_and_continues_after_it(tmp_path: Path) -> None:
    assert run_command("init", cwd=tmp_path).returncode == 0
    (tmp_path / "catalog.toml").write_text(SERIAL)
    for last in (6, 7):
        done = run_example("training_loop.py", tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"epoch {last}: the network has collapsed" in done.stdout
        with (tmp_path / "log.csv").open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, last + 1)]
    assert rows[0]["novelty"] == ""
    assert float(rows[-1]["collapse"]) > 0.98 > float(rows[3]["collapse"])


def test_an_own_measure_is_a_query_field_and_other_values_of_a_sidecar_stay(home: Path) -> None:
    first, second, *_ = sorted((home / "runs").glob("*_e5_*.wav"))
    first.with_suffix(".json").write_text('{"prompt": "rain"}')
    second.with_name(f"{second.name}.json").write_text('{"prompt": "wind"}')
    done = run_example("own_measure.py", "runs", cwd=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(run_command("list", "bass:0..1", "--json", cwd=home).stdout)
    values = {Path(row["path"]).name: row["attributes"] for row in found}
    shown = run_command("list", "--json", cwd=home)
    assert len(values) == len(json.loads(shown.stdout))
    assert values[first.name]["prompt"] == "rain"
    assert values[second.name]["prompt"] == "wind"
    again = run_example("own_measure.py", "runs", cwd=home)
    assert "0 of them have new values" in again.stdout


def test_kept_clips_become_a_data_set_with_their_recipes(home: Path) -> None:
    assert run_command("rate", "epoch:10", "4", cwd=home).returncode == 0
    with (home / "catalog.toml").open("a") as settings:
        settings.write('[[recipe]]\nname = "mine"\ncommand = "python sample.py --epoch {epoch}"\n')
    done = run_example("export_dataset.py", "kept", cwd=home)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (home / "kept/metadata.jsonl").read_text().splitlines()]
    assert {line["file_name"] for line in lines} == {path.name for path in (home / "kept").glob("*.wav")}
    assert len(lines) == 8
    for line in lines:
        assert soundfile.info(home / "kept" / line["file_name"]).duration == pytest.approx(line["seconds"])
        assert (line["rating"], line["recipe"]["epoch"]) == (4, "10")
        assert line["command"] == "python sample.py --epoch 10"


def test_clips_whose_files_are_gone_are_left_out_of_a_data_set_and_named(home: Path) -> None:
    assert run_command("rate", "epoch:10", "4", cwd=home).returncode == 0
    gone = next((home / "runs").glob("*_e10_*_1.wav"))
    gone.unlink()
    done = run_example("export_dataset.py", "kept", cwd=home)
    assert gone.name in done.stderr
    assert len((home / "kept/metadata.jsonl").read_text().splitlines()) == 7


def test_a_song_is_made_again_from_a_parcel_without_the_catalog(home: Path, tmp_path: Path) -> None:
    packed = run_example("reproduce_song.py", "pack", "FIRST CUT", tmp_path / "parcel", cwd=home)
    assert packed.returncode == 0, packed.stderr
    song = (home / "FIRST CUT.wav").read_bytes()
    shutil.rmtree(home)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = run_example("reproduce_song.py", "unpack", tmp_path / "parcel", "again.wav", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "its bytes are those of the first rendering" in done.stdout
    assert (elsewhere / "again.wav").read_bytes() == song


@pytest.mark.long
def test_the_nightly_job_reports_problems_and_may_run_twice(home: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin/thresher"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m thresher "$@"\n')
    program.chmod(0o755)
    search = f"{program.parent}:{os.environ['PATH']}"

    def nightly(*arguments: str | Path) -> Finished:
        return run_process("nightly.sh", *arguments, cwd=tmp_path, PATH=search)

    (home / "runs/broken.wav").write_text("no audio")
    first = nightly(home, "runs")
    assert first.returncode == 5
    assert "broken.wav" in first.stderr
    assert (home / "report.html").exists()
    assert len(list(home.glob("*.backup.db"))) == 1
    second = nightly(home, "runs")
    assert second.returncode == 0, second.stderr
    failed = nightly(home, "nowhere")
    assert failed.returncode == 4
    assert "nowhere" in failed.stderr
    assert nightly(home).returncode == 2


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_imports_public_names_only_and_shows_its_usage(path: Path, tmp_path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {
        name
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert [name for name in modules if name.startswith("thresher.")] == []
    assert "thresher" in modules
    done = run_example(path.name, cwd=tmp_path)
    assert done.returncode == 1
    assert f"usage: python examples/{path.name}" in done.stderr
    assert f"python examples/{path.name}" in (ast.get_docstring(tree) or "")


def test_the_page_of_the_examples_names_each_of_them() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    programs = [path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh")]
    assert [name for name in programs if f"[{name}]({name})" not in page] == []
