"""The end of an ingest: corrections of unchanged files, and files that are gone."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import counts
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


@pytest.mark.parametrize(("left", "marked"), [(0, False), (9, False), (10, True), (11, True)])
def test_if_most_of_a_folder_is_gone_nothing_is_marked_without_permission(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions, left: int, marked: bool
) -> None:
    folder = tmp_path / "drive"
    paths = [write_clip(folder / f"a_epoch_{epoch}_0.wav", epoch, 0.5) for epoch in range(20)]
    ingest(catalog, [folder], serial)
    for path in paths[left:]:
        path.unlink()
    gone = 20 - left
    report = ingest(catalog, [folder], serial)
    assert (report.missing, report.held_back) == ((gone, 0) if marked else (0, gone))
    agreed = ingest(catalog, [folder], replace(serial, mark_missing=True))
    assert report.missing + agreed.missing == gone


def test_few_files_are_marked_missing_even_if_all_are_gone(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    for path in six_clips.iterdir():
        path.unlink()
    assert ingest(catalog, [six_clips], serial).missing == 6


def test_only_files_below_scanned_folders_are_marked_missing(
    catalog: Catalog, six_clips: Path, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    shutil.rmtree(six_clips)
    write_clip(tmp_path / "other" / "x.wav", 5)
    assert ingest(catalog, [tmp_path / "other"], serial).missing == 0


def test_an_unplugged_drive_is_suspected_even_if_its_folder_has_new_files(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "drive"
    for epoch in range(12):
        write_clip(folder / "sub" / f"a_epoch_{epoch}_0.wav", epoch, 0.3)
    ingest(catalog, [folder], serial)
    shutil.rmtree(folder / "sub")
    for epoch in range(30):
        write_clip(folder / "sub" / f"b_epoch_{epoch}_0.wav", 100 + epoch, 0.3)
    report = ingest(catalog, [folder, folder / "sub"], serial)
    assert (report.added, report.missing, report.held_back) == (30, 0, 12)
    dry = ingest(catalog, [folder], replace(serial, dry_run=True, mark_missing=True))
    assert (dry.missing, dry.held_back) == (12, 0)


def test_an_unplugged_drive_is_suspected_for_each_given_folder_alone(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "runs"
    for name, clips in (("night", 11), ("night 2", 12), ("night/late", 1)):
        for number in range(clips):
            write_clip(folder / name / f"{name.replace('/', '_')}_{number}.wav", 100 * clips + number, 0.3)
    ingest(catalog, [folder], serial)
    for path in [*(folder / "night").glob("*.wav"), *list((folder / "night 2").iterdir())[:3]]:
        path.unlink()
    given = [folder / "night", folder / "night 2", folder / "night/late"]
    report = ingest(catalog, given, serial)
    assert (report.missing, report.held_back) == (3, 11)


def test_nine_files_are_too_few_to_suspect_an_unplugged_drive(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "drive"
    for epoch in range(9):
        write_clip(folder / f"a_epoch_{epoch}_0.wav", epoch, 0.3)
    ingest(catalog, [folder], serial)
    shutil.rmtree(folder)
    folder.mkdir()
    assert ingest(catalog, [folder], replace(serial, dry_run=True)).missing == 9
    assert ingest(catalog, [folder], serial).missing == 9


def test_flags_override_names_and_apply_to_unchanged_files(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    flags = replace(serial, epoch=77, attributes={"temperature": "0.95"})
    assert counts(ingest(catalog, [six_clips], replace(flags, dry_run=True))) == {"corrected": 6}
    assert 77 not in {row.epoch for row in list_clips(catalog)}
    assert counts(ingest(catalog, [six_clips], flags)) == {"corrected": 6}
    assert counts(ingest(catalog, [six_clips], flags)) == {"unchanged": 6}
    os.utime(six_clips / "death_epoch_10_0.wav")
    assert counts(ingest(catalog, [six_clips], replace(flags, epoch=78))) == {"corrected": 6}
    assert counts(ingest(catalog, [six_clips], flags)) == {"corrected": 6}
    assert {row.epoch for row in list_clips(catalog)} == {77}
    assert {row.run for row in list_clips(catalog)} == {"death"}
    assert len(list_clips(catalog, "temperature:0.9..1")) == 6
    ingest(catalog, [six_clips], serial)
    assert {row.epoch for row in list_clips(catalog)} == {77}


def test_a_role_flag_applies_to_known_files_and_updates_the_scores(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    one = six_clips / "death_epoch_10_0.wav"
    report = ingest(catalog, [one], replace(serial, role="reference"))
    assert counts(report) == {"corrected": 1}
    assert report.scoring is not None
    assert report.scoring.live == 5
    assert [row.id for row in list_clips(catalog, "role:reference")] == [1]
    assert counts(ingest(catalog, [six_clips], serial)) == {"unchanged": 6}
    assert [row.id for row in list_clips(catalog, "role:reference")] == [1]
    shutil.copy(one, six_clips / "copy.wav")
    again = ingest(catalog, [six_clips], replace(serial, role="generated"))
    assert counts(again) == {"copies": 1, "unchanged": 6}
    assert again.scoring is not None
    assert again.scoring.live == 6


def test_a_moved_folder_keeps_its_run_until_names_are_read_again(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    """The folder name is the run of both files: a pattern takes it for one, the fallback for the other."""
    write_clip(tmp_path / "jazz" / "samples" / "ep1-s1.wav", 1)
    write_clip(tmp_path / "jazz" / "song.wav", 2)
    ingest(catalog, [tmp_path / "jazz"], serial)
    (tmp_path / "jazz").rename(tmp_path / "blues")
    assert ingest(catalog, [tmp_path / "blues"], serial).moved == 2
    assert {row.run for row in list_clips(catalog)} == {"jazz"}
    report = ingest(catalog, [tmp_path / "blues"], replace(serial, reread=True))
    assert counts(report) == {"corrected": 2}
    assert [row.run for row in list_clips(catalog, "path+")] == ["blues", "blues"]


def test_reread_reads_names_and_sidecars_of_known_files_again(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    """A user does this after a first listing shows that a pattern is missing."""
    clip = write_clip(tmp_path / "c" / "take7of12.wav", 1)
    write_clip(tmp_path / "c" / "other.wav", 2)
    ingest(catalog, [tmp_path / "c"], serial)
    pattern = r"take(?P<index>\d+)of(?P<epoch>\d+)"
    catalog.file.write_text(f"[[provenance]]\nname = 'takes'\npattern = '{pattern}'\n")
    clip.with_suffix(".json").write_text('{"mood": "grim"}')
    with Catalog.open(catalog.file) as taught:
        assert counts(ingest(taught, [tmp_path / "c"], serial)) == {"unchanged": 2}
        asked = replace(serial, reread=True)
        dry = ingest(taught, [tmp_path / "c"], replace(asked, dry_run=True))
        assert (
            counts(dry) == counts(ingest(taught, [tmp_path / "c"], asked)) == {"corrected": 1, "unchanged": 1}
        )
        assert [row.id for row in list_clips(taught, "epoch:12 index:7 mood:grim run:c")] == [2]
        judging.modify(taught, ["2"], {"epoch": "13"})
        assert counts(ingest(taught, [tmp_path / "c"], asked)) == {"unchanged": 2}
        assert [row.id for row in list_clips(taught, "epoch:13")] == [2]
