"""Commands on a query ask before they change surprisingly many clips."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from tests.support import copy_folder, run_command, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, clip_tag, location, recording, suspicion
from thresher.curation.clips.decisions import history
from thresher.interfaces.cli.main import run

CLIPS = 40


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of forty clips without files: 25 of them have the tag `most`, 3 the tag `few`."""
    folder = tmp_path_factory.mktemp("forty")
    with Catalog.create(folder) as catalog, writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        for number in range(1, CLIPS + 1):
            values = {"sha256": f"{number:064x}", "batch_id": 1, "role": "generated", "status": "ok"}
            connection.execute(insert(recording).values({**values, "sample_rate": 16_000}))
            span = {"kind": "whole", "ordinal": 0, "start_frame": 0, "end_frame": 16_000, "trim": "{}"}
            connection.execute(insert(clip).values(recording_id=number, examined=True, **span))
            path = f"runs/{number}.wav"
            values = {"path": path.encode(), "path_text": path, "size": 1, "mtime_ns": 1}
            connection.execute(insert(location).values({**values, "recording_id": number, "batch_id": 1}))
        tagged = [(number, "most") for number in range(1, 26)] + [(number, "few") for number in range(1, 4)]
        connection.execute(insert(clip_tag), [{"clip_id": of, "tag": tag} for of, tag in tagged])
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "catalog"
    shutil.copytree(template, copied)
    return copied


WIDE = [
    ("rate", "tag:most", "4"),
    ("reject", "tag:most"),
    ("reject", "not tag:few"),
    ("reject", "^nowhere"),
    ("reject", "not (nowhere or nothing)"),
    ("tag", "tag:most", "--add", "x"),
    ("note", "tag:most", "good"),
    ("modify", "tag:most", "epoch=4"),
    ("modify", "^nowhere", "epoch=4"),
]
NARROW = [
    ("rate", "tag:few", "4"),
    ("reject", "^most"),
    ("reject", *map(str, range(1, 31))),
    ("reject", " ".join(map(str, range(1, 31)))),
    ("reject", "path:runs"),
    ("reject", "."),
    ("tag", "few", "--add", "x"),
    ("note", "1", "good"),
]


@pytest.mark.parametrize("arguments", WIDE, ids=" ".join)
def test_without_a_terminal_nothing_is_changed(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run_command(*arguments, cwd=folder)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert decisions(folder) == 0
    assert run_command(*arguments, "--dry-run", cwd=folder).returncode == 0
    assert decisions(folder) == 0
    assert run_command(*arguments, "--yes", cwd=folder).returncode == 0
    assert decisions(folder) == 1


@pytest.mark.parametrize("arguments", NARROW, ids=lambda each: " ".join(each)[:30])
def test_few_clips_ids_and_paths_never_ask(folder: Path, arguments: tuple[str, ...]) -> None:
    assert run_command(*arguments, cwd=folder).returncode == 0
    assert decisions(folder) == 1


def test_the_question_names_the_numbers_and_the_word_that_nothing_contains(folder: Path) -> None:
    assert "change 25 of the 40 clips" in run_command("reject", "tag:most", cwd=folder).stderr
    said = run_command("reject", "^temprature", cwd=folder).stderr
    assert 'Nothing contains "temprature"' in said


def test_clips_that_have_the_value_already_do_not_count(folder: Path) -> None:
    assert run_command("rate", "tag:most", "4", "--yes", cwd=folder).returncode == 0
    assert run_command("rate", "tag:most", "4", cwd=folder).returncode == 0


def test_unreject_and_trust_ask_too(folder: Path) -> None:
    assert run_command("reject", "tag:most", "--yes", cwd=folder).returncode == 0
    assert run_command("unreject", "tag:most", cwd=folder).returncode == 2
    assert run_command("unreject", "^nowhere", cwd=folder).returncode == 2
    assert run_command("unreject", "tag:most", "--yes", cwd=folder).returncode == 0
    with Catalog.open(folder / "catalog.toml") as catalog, writing(catalog) as connection:
        for of in range(1, 31):
            pair = {"clip_id": of, "other_id": 40, "metric": "aligned", "score": 1.0}
            connection.execute(insert(suspicion).values(pair))
        connection.execute(update(clip).where(clip.c.id == 40).values(rejected=True))
    assert run_command("trust", "suspect:yes", cwd=folder).returncode == 2
    assert run_command("trust", "suspect:yes", "-y", cwd=folder).returncode == 0


def test_an_answer_at_a_terminal_decides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(text: str) -> int:
        terminal = io.StringIO(text)
        terminal.isatty = lambda: True  # type: ignore[method-assign]  # in memory, no terminal
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.chdir(folder)
        return run(["reject", "tag:most"])

    assert answered("n\n") == 1
    assert decisions(folder) == 0
    assert answered("y\n") == 0
    assert decisions(folder) == 1


def decisions(folder: Path) -> int:
    with Catalog.open(folder / "catalog.toml") as catalog:
        return len(history(catalog))


def test_a_line_break_that_a_user_wrote_does_not_break_a_line_of_output(
    home_template: Path, tmp_path: Path
) -> None:
    copy_folder(home_template, tmp_path)
    said = [
        run_command("note", "3", "two\nlines", "--dry-run", cwd=tmp_path),
        run_command("note", "3", "two\nlines", cwd=tmp_path),
        run_command("undo", cwd=tmp_path),
        run_command("checkpoint", "e10", "--note", "two\nlines", cwd=tmp_path),
    ]
    for done in said:
        assert done.returncode == 0
        assert done.stdout.count("\n") == 1
        assert r"two\nlines" in done.stdout
    error = run_command("list", "two:\nlines", cwd=tmp_path)
    assert error.returncode == 2
    assert error.stderr.count("\n") == 1
