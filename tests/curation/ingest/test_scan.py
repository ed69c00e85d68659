"""Scans: which files are found, in which order, and which are ignored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.settings.own_files import OwnFiles
from thresher.catalog.settings.sections import Settings
from thresher.curation.ingest.scan import Problem, scan
from thresher.errors import NotFoundError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return path


def names(folder: Path, *given: Path) -> list[str]:
    seen = scan(given or [folder])
    return [os.fsdecode(os.path.relpath(found.path, os.fsencode(folder))) for found in seen.files]


def test_files_are_sorted_by_the_bytes_of_their_paths(tmp_path: Path) -> None:
    for name in ("b.wav", "a/z.wav", "a.wav", "B.wav", "a/é.flac", "a-b/x.mp3", "ä.ogg"):
        touch(tmp_path / name)
    found = names(tmp_path)
    assert sorted(found, key=os.fsencode) == found
    assert found == ["B.wav", "a-b/x.mp3", "a.wav", "a/z.wav", "a/é.flac", "b.wav", "ä.ogg"]


def test_a_found_file_has_its_path_folder_and_stamp(tmp_path: Path) -> None:
    path = touch(tmp_path / "sub" / "a.wav")
    os.utime(path, ns=(5, 123_456_789_123_456_789))
    (found,) = scan([tmp_path]).files
    assert (found.path, found.root) == (os.fsencode(path), os.fsencode(tmp_path))
    status = path.stat()
    assert found.stamp == (7, 123_456_789_123_456_789, status.st_ctime_ns, status.st_ino)
    assert scan([path]).files[0].root == os.fsencode(tmp_path / "sub")


@pytest.mark.parametrize("name", ["a.txt", "a", "a.json", ".hidden.wav", ".trash/a.wav", "a.wav.part"])
def test_files_that_are_not_audio_are_counted_and_ignored(tmp_path: Path, name: str) -> None:
    touch(tmp_path / name)
    seen = scan([tmp_path])
    assert (seen.files, seen.problems, seen.ignored) == ((), (), 1)


def test_ignored_files_are_counted_by_suffix(tmp_path: Path) -> None:
    for name in ("a.png", "b.PNG", "c.txt", "README", "x.very long suffix", ".DS_Store", "a.wav", "a.json"):
        touch(tmp_path / name)
    seen = scan([tmp_path])
    assert seen.ignored_suffixes == {".png": 2, "without suffix": 2, ".txt": 1, "hidden": 1}
    assert seen.ignored == 6


def test_the_catalogs_own_files_and_its_folder_of_previews_are_not_counted(tmp_path: Path) -> None:
    for name in (
        "catalog.toml",
        "catalog.db",
        "catalog.db-wal",
        "catalog.cache/ab/cd.png",
        "catalog.cache/a.wav",
    ):
        touch(tmp_path / name)
    for name in ("a.wav", "a.wav.json", "notes.toml", "sub/catalog.toml", "sub/catalog.cache/b.wav"):
        touch(tmp_path / name)
    seen = scan([tmp_path], own=OwnFiles(tmp_path / "catalog.toml", Settings()))
    assert seen.ignored_suffixes == {".toml": 2}
    assert [os.path.basename(found.path) for found in seen.files] == [b"a.wav", b"b.wav"]
    assert scan([tmp_path]).ignored == 6


@pytest.mark.parametrize(
    "name", ["a.WAV", "a.Flac", "a.oga", "a.aiff", "prompt/a.wav", "a.m4a", "a.MP4", "a.webm"]
)
def test_suffixes_are_recognised_in_any_case(tmp_path: Path, name: str) -> None:
    touch(tmp_path / name)
    assert names(tmp_path) == [name]


def test_prompts_of_audiocraft_are_skipped(tmp_path: Path) -> None:
    for name in ("40/a.wav", "40/prompt/a.wav", "reference/a.wav"):
        touch(tmp_path / "9357d0f2" / "samples" / name)
    assert names(tmp_path) == ["9357d0f2/samples/40/a.wav"]


def test_a_file_that_is_named_needs_no_suffix(tmp_path: Path) -> None:
    path = touch(tmp_path / "take")
    assert names(tmp_path, path) == ["take"]


def test_named_sidecars_and_files_of_the_catalog_are_ignored(tmp_path: Path) -> None:
    """As in `thresher ingest *`, which names whatever is in the folder."""
    sidecars = ("a.wav.json", "b.json", "b_input_params.json")
    for name in ("a.wav", "b.flac", *sidecars, "take", "catalog.toml", "catalog.db"):
        touch(tmp_path / name)
    seen = scan(sorted(tmp_path.iterdir()), own=OwnFiles(tmp_path / "catalog.toml", Settings()))
    assert [os.path.basename(found.path) for found in seen.files] == [b"a.wav", b"b.flac", b"take"]
    assert seen.ignored_suffixes == {".json": 3, ".toml": 1, ".db": 1}
    assert names(tmp_path, touch(tmp_path / "alone.json")) == ["alone.json"]


def test_a_file_below_overlapping_paths_is_found_once(tmp_path: Path) -> None:
    path = touch(tmp_path / "sub" / "a.wav")
    seen = scan([tmp_path, tmp_path / "sub", path, tmp_path / "sub" / ".." / "sub"])
    assert [found.path for found in seen.files] == [os.fsencode(path)]
    assert seen.files[0].root == os.fsencode(tmp_path)


def test_symlinks_are_followed_each_folder_once(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "a.wav")
    (tmp_path / "real" / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "zlink").symlink_to(tmp_path / "real", target_is_directory=True)
    (tmp_path / "b.wav").symlink_to(tmp_path / "real" / "a.wav")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert names(tmp_path) == ["b.wav", "real/a.wav"]


def test_a_dangling_symlink_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "lost.wav").symlink_to(tmp_path / "nothing.wav")
    (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
    lost, loop = scan([tmp_path]).problems
    assert (os.path.basename(lost.path), lost.reason) == (b"lost.wav", "No such file or directory")
    assert (os.path.basename(loop.path), lost.root) == (b"self.wav", os.fsencode(tmp_path))


def test_a_fifo_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.wav")

    def opened(*_arguments: Any) -> int:
        raise AssertionError("opened")

    monkeypatch.setattr(os, "open", opened)
    for given in (tmp_path, tmp_path / "pipe.wav"):
        (problem,) = scan([given]).problems
        assert "FIFO" in problem.reason
        assert not problem.is_folder


def test_a_folder_that_cannot_be_read_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "locked" / "a.wav")
    touch(tmp_path / "open" / "a.wav")
    real = os.scandir

    def refuse(path: Any) -> Any:
        if os.fsencode(path).endswith(b"locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    seen = scan([tmp_path])
    root = os.fsencode(tmp_path)
    assert seen.problems == (Problem(root + b"/locked", root, "Permission denied", is_folder=True),)
    assert [os.path.relpath(found.path, root) for found in seen.files] == [b"open/a.wav"]


def test_folders_nested_more_deeply_than_the_stack_are_scanned(tmp_path: Path) -> None:
    folders = [tmp_path.joinpath(*["d"] * depth) for depth in range(1, 1_101)]
    for folder in folders:
        folder.mkdir()
    path = touch(folders[-1] / "a.wav")
    try:
        assert [found.path for found in scan([tmp_path]).files] == [os.fsencode(path)]
    finally:  # pytest's own way to remove a folder is a recursion
        path.unlink()
        for folder in reversed(folders):
            folder.rmdir()


def test_files_with_any_bytes_in_their_names_are_found(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    given = sorted([b"\xff\xfe.wav", b"new\nline.wav", b"x" * 251 + b".wav", "🦈.wav".encode()])
    for name in given:
        with open(os.path.join(root, name), "wb"):
            pass
    assert [os.path.basename(found.path) for found in scan([tmp_path]).files] == given
    assert len(scan([os.path.join(root, given[-1])]).files) == 1


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No such file"):
        scan([tmp_path / "nowhere"])
    with pytest.raises(NotFoundError, match=r"\\x0a"):
        scan([tmp_path / "no\nwhere"])
