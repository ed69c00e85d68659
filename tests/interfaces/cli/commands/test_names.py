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


def entry_in(out: str) -> str:
    """The first suggested entry: the lines up to the next empty one."""
    return out[out.index("[[provenance]]") :].partition("\n\n")[0] + "\n"


def test_shapes_and_suggestions_are_printed_without_a_catalog(tmp_path: Path) -> None:
    code, out, err = run_command("names", "runs", cwd=runs(tmp_path))
    assert code == 0
    assert "only the built-in patterns are tried" in err
    assert "2 files: runs/run#/step_#k.wav" in out
    assert "reads    run=run7 (from the folder), step=2000" in out
    assert "3 of 5 files name no epoch and no step" in out
    assert "1 file has no word such as epoch or step before a number" in out
    entry = entry_in(out)
    assert tomllib.loads(entry)["provenance"][0]["name"] == "night_ep#_z#"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


def test_the_suggested_entry_works_when_it_is_pasted(tmp_path: Path) -> None:
    runs(tmp_path)
    assert run_command("init", cwd=tmp_path).returncode == 0
    _, out, err = run_command("names", "runs", "--exclude", "x.wav", cwd=tmp_path)
    assert "excluded by x.wav: 1 file" in out
    assert err == ""
    with (tmp_path / "catalog.toml").open("a") as file:
        file.write(entry_in(out))
    again = run_command("names", "runs", "--exclude", "x.wav", cwd=tmp_path).stdout
    assert "reads    run=night, epoch=3, z=7" in again
    assert "all 4 files name an epoch or a step" in again


def test_hundreds_of_names_are_a_few_lines_with_suggestions_below_their_shapes(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    words = [f"{one}{two}" for one in "abcdefghij" for two in "klmnopqrtv"]
    for number, word in enumerate(words):
        for name in (f"{word} mix.wav", f"{word}_ep{number}_t7 {word}.flac", f"{word}_step_{number}.mp3"):
            (tmp_path / "runs" / name).touch()
    _, out, err = run_command("names", "runs", cwd=tmp_path)
    lines = out.splitlines()
    assert len(lines) < 40
    heads = [line for line in lines if line[0:1].isdigit()]
    assert heads[:3] == [
        "100 files of 100 shapes: runs/* mix.wav",
        "100 files of 100 shapes: runs/*_ep#_t# *.flac",
        "100 files of 100 shapes: runs/*_step_#.mp3",
    ]
    assert lines.index(heads[1]) < lines.index("[[provenance]]") < lines.index(heads[2])
    assert "  reads    run=ak, step=0" in lines
    assert "example  runs/ak mix.wav" in out
    assert "--json lists every shape" in err
    preview = json.loads(run_command("names", "runs", "--json", cwd=tmp_path).stdout)
    assert (len(preview["shapes"]), len(preview["groups"])) == (300, 3)


def test_ignored_files_are_counted_without_the_catalogs_own(tmp_path: Path) -> None:
    runs(tmp_path)
    assert run_command("init", cwd=tmp_path).returncode == 0
    (tmp_path / "runs" / "x.json").write_text("{}")
    assert "not audio" not in run_command("names", ".", cwd=tmp_path).stdout
    (tmp_path / "notes.txt").touch()
    assert "ignored 1 file that is not audio: 1 .txt" in run_command("names", ".", cwd=tmp_path).stdout


def test_long_sidecars_are_cut(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.json").write_text(json.dumps({"prompt": "x" * 99, **{f"key{n}": n for n in range(20)}}))
    out = run_command("names", "a.wav", cwd=tmp_path).stdout
    (read,) = [line for line in out.splitlines() if line.startswith("  reads")]
    assert f"from the sidecar: prompt={'x' * 39}…, key0=0" in read
    assert read.endswith("key6=6 and 13 more")


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
