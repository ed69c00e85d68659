"""File systems that change ctimes or inodes by themselves, which a test gives to a scan of real files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.files.stamps import Stamp
from thresher.curation.ingest.ingest import ingest_scan
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.report import IngestReport
from thresher.curation.ingest.scan import scan
from thresher.curation.ingest.stability import FEWEST_FILES

pytestmark = pytest.mark.usefixtures("settled")

Reinode = Callable[[Stamp, int], Stamp]
"""Gives a file the stamp that an unstable file system shows at the n-th scan."""


def new_inode(stamp: Stamp, scan_number: int) -> Stamp:
    return stamp._replace(inode=stamp.inode + 1_000 * scan_number)


def new_ctime(stamp: Stamp, scan_number: int) -> Stamp:
    return stamp._replace(ctime_ns=stamp.ctime_ns + scan_number)


def new_both(stamp: Stamp, scan_number: int) -> Stamp:
    return new_ctime(new_inode(stamp, scan_number), scan_number)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of one size that no decoder reads, which is enough to be catalogued."""
    folder = tmp_path / "share"
    folder.mkdir()
    for number in range(FEWEST_FILES):
        (folder / f"{number:02}.wav").write_bytes(b"RIFF" + bytes([number]) * 60)
        os.utime(folder / f"{number:02}.wav", (1_000, 1_000))
    return folder


def look(catalog: Catalog, folder: Path, shown: Reinode, scan_number: int) -> IngestReport:
    found = scan([folder])
    files = tuple(replace(each, stamp=shown(each.stamp, scan_number)) for each in found.files)
    return ingest_scan(catalog, replace(found, files=files), IngestOptions(executor="serial"))


@pytest.mark.parametrize(("shown", "scans"), [(new_inode, 1), (new_ctime, 3), (new_both, 3)])
def test_what_a_file_system_changes_by_itself_is_found_and_then_ignored(
    catalog: Catalog, folder: Path, shown: Reinode, scans: int
) -> None:
    look(catalog, folder, shown, 0)
    reports = [look(catalog, folder, shown, number) for number in range(1, scans + 3)]
    assert [report.rehashed for report in reports] == [FEWEST_FILES] * scans + [0, 0]
    assert [len(report.warnings) for report in reports] == [0] * (scans - 1) + [1, 0, 0]
    assert reports[scans - 1].warnings[0].startswith("share: the file system changes the ")
    assert {report.unchanged for report in reports} == {FEWEST_FILES}


def test_a_folder_that_was_restored_once_is_still_compared_completely(catalog: Catalog, folder: Path) -> None:
    look(catalog, folder, new_both, 0)
    for _ in range(2):
        assert look(catalog, folder, new_both, 1).warnings == ()
    assert look(catalog, folder, new_both, 1).rehashed == 0
    (folder / "00.wav").rename(folder / "spare")
    (folder / "01.wav").rename(folder / "00.wav")
    (folder / "spare").rename(folder / "01.wav")
    assert look(catalog, folder, new_both, 1).copies == 2


def test_other_content_is_not_a_sign_of_an_unstable_file_system(catalog: Catalog, folder: Path) -> None:
    for number in range(5):
        for path in folder.iterdir():
            path.write_bytes(b"RIFF" + os.urandom(60))
            os.utime(path, (1_000, 1_000))
        assert look(catalog, folder, new_both, number).warnings == ()


def test_few_files_say_nothing_about_a_file_system(catalog: Catalog, folder: Path) -> None:
    (folder / "00.wav").unlink()
    for number in range(5):
        assert look(catalog, folder, new_inode, number).warnings == ()


def test_a_swap_on_an_unstable_file_system_is_found_by_what_is_left(catalog: Catalog, folder: Path) -> None:
    for number in range(3):
        look(catalog, folder, new_inode, number)
    shutil.copy(folder / "03.wav", folder / "04.wav")
    os.utime(folder / "04.wav", (1_000, 1_000))
    assert look(catalog, folder, new_inode, 3).copies == 1
