"""A file goes to the trash only if it still is what the catalog expects."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from thresher.curation.clips.trash import (
    MOST_LINKS,
    FileChangedError,
    FileInspector,
    PlannedFile,
    RecordingFile,
    check_movable,
    link_depth,
)


def planned(path: Path, content: bytes = b"sound") -> PlannedFile:
    digest = hashlib.sha256(content).hexdigest()
    return FileInspector().inspect(RecordingFile(os.fsencode(path), 1, (2, 3), digest))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    return path


def test_a_file_is_planned_with_its_state(file: Path) -> None:
    found = planned(file)
    assert (found.path, found.location_ids, found.is_link, found.names) == (
        os.fsencode(file),
        (2, 3),
        False,
        1,
    )
    assert found.entry == found.content
    assert found.content[2] == 5
    assert found.size >= 5


def test_a_link_is_planned_with_the_state_of_its_target(file: Path) -> None:
    link = file.with_name("link.wav")
    link.symlink_to(file)
    os.link(file, file.with_name("other name.wav"))
    found = planned(link)
    assert found.is_link
    assert found.entry != found.content
    assert (found.names, planned(file).names) == (1, 2)


def test_a_file_with_other_content_is_refused(file: Path) -> None:
    with pytest.raises(FileChangedError):
        planned(file, b"other")


@pytest.mark.parametrize("change", ["content", "time", "target"])
def test_a_file_that_changed_since_it_was_planned_is_refused(file: Path, change: str) -> None:
    link = file.with_name("link.wav")
    link.symlink_to(file)
    before = planned(link if change == "target" else file)
    assert check_movable(before)
    if change == "time":
        os.utime(file, ns=(1, 1))
    else:
        file.write_bytes(b"changed")
    with pytest.raises(FileChangedError):
        check_movable(before)


def test_a_file_that_is_gone_needs_no_move(file: Path) -> None:
    before = planned(file)
    file.unlink()
    assert not check_movable(before)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_the_depth_of_a_link_is_the_number_of_links_to_its_file(file: Path, depth: int) -> None:
    path = file
    for number in range(depth):
        link = file.with_name(f"link{number}.wav")
        link.symlink_to(path.name)
        path = link
    assert link_depth(os.fsencode(path)) == depth


def test_links_in_a_circle_have_the_highest_depth(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    assert link_depth(os.fsencode(one)) == MOST_LINKS
