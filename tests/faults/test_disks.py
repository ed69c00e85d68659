"""Full and read-only disks: one sentence that names the cause, and the same command completes afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import disk, filled, read_only
from tests.support import Finished, WriteClip, copy_folder, run_command

WRITING = {
    "ingest": ["ingest", "more"],
    "score": ["score"],
    "rate": ["rate", "1", "5"],
    "tag": ["tag", "1", "--add", "drone"],
    "split": ["split", "1", "--count", "2"],
    "song save": ["song", "save", "Other", "rating:.."],
    "song render": ["song", "render", "Bone", "-o", "bone.wav"],
    "song export": ["song", "export", "Bone", "--stems", "stems"],
    "export": ["export", "status:ok", "--to", "copies"],
    "report": ["report", "-o", "report.html"],
    "backup": ["backup"],
}
"""Commands that write, in the folder of `shelf`."""

READING = [
    ["list"],
    ["show", "1"],
    ["stats"],
    ["song", "show", "Bone"],
    ["song", "list"],
    ["near", "1"],
    ["dupes"],
    ["history"],
    ["batches"],
    ["verify"],
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Path:
    """A folder with a catalog of four clips and a song, and a clip that is not in it: about 0.7 MB."""
    home = tmp_path_factory.mktemp("shelf")
    for seed in range(5):
        folder = "clips" if seed < 3 else "unscored" if seed == 3 else "more"
        write_clip(home / folder / f"a_epoch_{seed}.wav", seed, 3.0, rate=8_000)
    for arguments in (
        ["init"],
        ["ingest", "clips"],
        ["ingest", "unscored", "--no-score"],
        ["song", "save", "Bone", "path:clips"],
    ):
        done(run_command(*arguments, cwd=home))
    return home


@pytest.fixture
def small(tmp_path: Path, shelf: Path) -> Iterator[Path]:
    """The same folder on a disk of 4 MB."""
    with disk(tmp_path / "disk", "size=4M") as folder:
        copy_folder(shelf, folder)
        yield folder


def done(finished: Finished) -> Finished:
    assert finished.returncode == 0, finished
    return finished


def sentence(finished: Finished) -> str:
    """Return the error of a command that failed: one line, without a traceback."""
    assert finished.returncode in (1, 3, 5), finished
    errors = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, finished
    assert "unexpected" not in finished.stderr
    assert "Traceback" not in finished.stderr
    return errors[0]


def free_again(folder: Path, arguments: list[str]) -> None:
    """Check that the catalog is sound, and that a command that failed completes now."""
    done(run_command("verify", cwd=folder))
    done(run_command(*arguments, cwd=folder))
    done(run_command("verify", cwd=folder))
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]


@pytest.mark.slow
@pytest.mark.parametrize("free", [0, 4_096, 16_384, 65_536])
@pytest.mark.parametrize("command", WRITING)
def test_on_a_full_disk_a_command_names_the_cause_and_completes_later(
    small: Path, command: str, free: int
) -> None:
    arguments = WRITING[command]
    with filled(small, free=free):
        found = run_command(*arguments, cwd=small)
        if found.returncode:
            assert "no space left on" in sentence(found).lower()
        else:
            assert free > 0
        done(run_command("list", cwd=small))
    free_again(small, arguments)


def test_on_a_full_disk_a_rating_names_the_cause_and_is_stored_later(small: Path) -> None:
    with filled(small):
        assert "no space left on the disk of " in sentence(run_command("rate", "1", "5", cwd=small))
    free_again(small, ["rate", "1", "5"])


def test_a_disk_without_room_for_the_journal_is_called_full(tmp_path: Path, shelf: Path) -> None:
    with disk(tmp_path / "disk", "size=4M", "nr_inodes=20") as folder:
        copy_folder(shelf, folder)
        names: list[Path] = []
        try:
            while True:
                names.append(folder / f"waste{len(names)}")
                names[-1].touch()
        except OSError:
            names.pop()
        assert "no space left on the disk of " in sentence(run_command("rate", "1", "5", cwd=folder))
        for name in names:
            name.unlink()
        free_again(folder, ["rate", "1", "5"])


@pytest.mark.slow
def test_a_read_only_catalog_can_be_read(small: Path) -> None:
    done(run_command("dupes", cwd=small))  # the first one stores scores
    with read_only(small):
        for arguments in READING:
            done(run_command(*arguments, cwd=small))


@pytest.mark.slow
@pytest.mark.parametrize("command", WRITING)
def test_on_a_read_only_disk_a_command_names_the_cause_and_completes_later(small: Path, command: str) -> None:
    with read_only(small):
        assert "read-only file system" in sentence(run_command(*WRITING[command], cwd=small)).lower()
    free_again(small, WRITING[command])


def test_clips_on_a_read_only_disk_are_ingested_and_rendered(tmp_path: Path, shelf: Path) -> None:
    with disk(tmp_path / "disk") as folder:
        copy_folder(shelf / "clips", folder)
        home = tmp_path / "home"
        home.mkdir()
        done(run_command("init", cwd=home))
        with read_only(folder):
            for arguments in (
                ["ingest", str(folder)],
                ["rate", "1", "4"],
                ["split", "2", "--count", "2"],
                ["song", "save", "Bone", "rejected:no"],
                ["song", "render", "Bone", "-o", "bone.wav"],
                ["export", "rating:4", "--to", "copies"],
                ["verify", "--files"],
            ):
                done(run_command(*arguments, cwd=home))
            done(run_command("reject", "1", cwd=home))
            refused = run_command("prune", "--rejected", "--rendered", "--yes", cwd=home)
        assert "Read-only file system" in refused.stdout + refused.stderr
        assert (folder / "a_epoch_0.wav").exists()
        assert json.loads(run_command("list", "--json", cwd=home).stdout)[0]["missing"] is False


def test_outputs_to_a_read_only_folder_name_the_cause(tmp_path: Path, shelf: Path) -> None:
    home = tmp_path / "home"
    copy_folder(shelf, home)
    with disk(tmp_path / "disk") as folder, read_only(folder):
        commands: list[list[str | Path]] = [
            ["song", "render", "Bone", "-o", folder / "bone.wav"],
            ["song", "export", "Bone", "--stems", folder / "stems"],
            ["export", "status:ok", "--to", folder],
            ["report", "-o", folder / "report.html"],
        ]
        for arguments in commands:
            found = sentence(run_command(*arguments, cwd=home))
            assert "Read-only file system" in found
            assert os.fspath(folder) in found
        assert not os.listdir(folder)
