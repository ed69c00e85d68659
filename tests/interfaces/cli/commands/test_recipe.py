"""`thresher recipe`: text, JSON, bare commands, exit codes, and texts that could harm a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.catalog.tagged_files import flac
from tests.support import copy_folder, run_command

TEMPLATE = """
[[recipe]]
name = "mine"
command = "g --seed {seed} --prompt {prompt}"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipe")
    assert run_command("init", cwd=folder).returncode == 0
    (folder / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n' + TEMPLATE)
    (folder / "a.flac").write_bytes(flac({"seed": "41", "prompt": "\x1b[2Jrain\nand $(reboot) " + "x" * 200}))
    (folder / "b.flac").write_bytes(flac({"title": "other", "comment": "temperature=0.9"}))
    assert run_command("ingest", ".", "--jobs", "1", cwd=folder).returncode == 0
    return folder


def test_a_recipe_is_printed_without_control_characters(home: Path) -> None:
    done = run_command("recipe", "a.flac", "--vary", "seed", "--count", "2", cwd=home)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "seed      41  (from the tag seed)" in done.stdout
    assert "more characters)" in done.stdout
    assert "g --seed 41 --prompt $'\\\\x1b[2Jrain\\nand $(reboot) xxx" in done.stdout
    assert "seed=43" in done.stdout


def test_config_shows_the_templates(home: Path) -> None:
    command = "g --seed {seed} --prompt {prompt}"
    assert f"mine: {command}" in run_command("config", cwd=home).stdout
    (entry,) = json.loads(run_command("config", "--json", cwd=home).stdout)["recipe"]
    assert (entry["name"], entry["command"], entry["query"]) == ("mine", command, None)


def test_the_help_has_no_markup() -> None:
    assert "[]" not in run_command("recipe", "--help").stdout  # what is left of a word in double brackets


def test_json_is_whole(home: Path) -> None:
    (found,) = json.loads(run_command("recipe", "a.flac", "--json", cwd=home).stdout)
    assert found["values"][1]["text"].endswith("x" * 200)
    assert found["line"]["missing"] == found["missing"] == []
    assert {tag["name"] for tag in found["tags"]} == {"seed", "prompt"}


def test_missing_values_are_named_and_the_exit_code_is_5(home: Path) -> None:
    done = run_command("recipe", "b.flac", cwd=home)
    assert done.returncode == 5
    assert "missing: seed, prompt" in done.stdout
    found = run_command("recipe", "b.flac", "--json", cwd=home)
    assert found.returncode == 5
    assert json.loads(found.stdout)[0]["missing"] == ["seed", "prompt"]


def test_a_count_without_a_name_that_varies_is_refused(home: Path) -> None:
    done = run_command("recipe", "a.flac", "--count", "2", cwd=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--count needs --vary NAME" in done.stderr


def test_only_commands(home: Path) -> None:
    done = run_command("recipe", "id+", "--commands", "--set", "prompt=a b", cwd=home)
    assert done.returncode == 5
    assert done.stdout == "g --seed 41 --prompt 'a b'\n"
    assert done.stderr == "clip 2: missing: seed\n"


def test_without_a_template_the_facts_are_printed(home: Path, tmp_path: Path) -> None:
    copy_folder(home, tmp_path)
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    done = run_command("recipe", "2", cwd=tmp_path)
    assert done.returncode == 0
    assert "temperature" in done.stdout
    assert "docs/recipes.md" in done.stderr
    assert run_command("recipe", "2", "--commands", cwd=tmp_path).returncode == 5


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["1", "--set", "seed"], 2, '"seed" is not NAME=VALUE'),
        (["1", "--set", "sed=1"], 2, "no placeholder {sed}"),
        (["1", "--vary", "prompt"], 2, "is not a whole number"),
        (["1", "--json", "--commands"], 2, "contradicts"),
        (["1", "--template", "other"], 4, 'it has "mine"'),
        (["99"], 4, "no clip matches"),
    ],
)
def test_mistakes(home: Path, arguments: list[str], code: int, message: str) -> None:
    done = run_command("recipe", *arguments, cwd=home)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
