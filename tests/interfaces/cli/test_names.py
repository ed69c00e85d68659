"""The command `names`: what it prints with and without a catalog, and that it changes nothing."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from tests.support import run_command


def runs(folder: Path) -> Path:
    for name in (
        "run7/step_2k.wav",
        "run8/step_4k.wav",
        "odd/night_ep3_z7.wav",
        "odd/night_ep4_z8.wav",
        "x.wav",
    ):
        (folder / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "runs" / name).touch()
    return folder


def test_shapes_and_suggestions_are_printed_without_a_catalog(tmp_path: Path) -> None:
    code, out, err = run_command("names", "runs", cwd=runs(tmp_path))
    assert code == 0
    assert "only the built-in patterns are tried" in err
    assert "2 files: runs/run#/step_#k.wav" in out
    assert "reads    run=run7 (from the folder), step=2000" in out
    assert "3 of 5 files name no epoch and no step" in out
    assert "1 file has no word such as epoch or step before a number" in out
    entry = out[out.index("[[provenance]]") : out.index("`thresher names runs` then")]
    assert tomllib.loads(entry)["provenance"][0]["name"] == "night_ep#_z#"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_the_suggested_entry_works_when_it_is_pasted(tmp_path: Path) -> None:
    runs(tmp_path)
    assert run_command("init", cwd=tmp_path).returncode == 0
    _, out, err = run_command("names", "runs", "--exclude", "x.wav", cwd=tmp_path)
    assert "excluded by x.wav: 1 file" in out
    assert err == ""
    with (tmp_path / "catalog.toml").open("a") as file:
        file.write(out[out.index("[[provenance]]") : out.index("`thresher names runs` then")])
    again = run_command("names", "runs", "--exclude", "x.wav", cwd=tmp_path).stdout
    assert "reads    run=night, epoch=3, z=7" in again
    assert "all 4 files name an epoch or a step" in again


def test_json_holds_every_shape(tmp_path: Path) -> None:
    preview = json.loads(run_command("names", "runs", "--json", cwd=runs(tmp_path)).stdout)
    assert (preview["files"], preview["unnamed"]) == (5, 3)
    assert {shape["shape"]: shape["pattern"] for shape in preview["shapes"]} == {
        "runs/run#/step_#k.wav": "step",
        "runs/odd/night_ep#_z#.wav": None,
        "runs/x.wav": None,
    }


def test_a_named_catalog_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    done = run_command("--catalog", "nowhere.toml", "names", "runs", cwd=runs(tmp_path))
    assert done.returncode == 3
    assert run_command("names", "nowhere", cwd=tmp_path).returncode == 4
