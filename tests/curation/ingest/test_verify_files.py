"""Files that are gone, changed or unreadable, and folders that vanished."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import Command, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import reject
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError
from thresher.interfaces.cli.main import run

pytestmark = pytest.mark.usefixtures("settled")


def missing(catalog: Catalog) -> tuple[int, int, int]:
    """Return how many clips `missing:yes`, `song show` and `verify` count as missing."""
    found = len(list_clips(catalog, "missing:yes"))
    shown = sum(track.missing for track in tracklist(catalog, "Bone").tracks)
    return found, shown, verify(catalog).files.marked


def test_a_vanished_folder_is_marked_missing_only_with_permission(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    save_song(catalog, "Bone", "epoch:10..")
    six_clips.rename(six_clips.with_name("away"))
    report = ingest(catalog, [six_clips], serial)
    assert (report.missing, report.held_back, report.vanished) == (0, 6, (str(six_clips),))
    assert len(verify(catalog).files.gone) == 6
    report = ingest(catalog, [six_clips], replace(serial, mark_missing=True))
    assert (report.missing, report.held_back) == (6, 0)
    assert missing(catalog) == (6, 6, 6)
    assert verify(catalog).files.gone == ()
    six_clips.with_name("away").rename(six_clips)
    assert ingest(catalog, [six_clips], serial).returned == 6
    assert missing(catalog) == (0, 0, 0)


def test_a_vanished_folder_beside_others_hides_no_new_file(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    (six_clips / "part").mkdir()
    for path in list(six_clips.glob("*_0.wav")):
        path.rename(six_clips / "part" / path.name)
    ingest(catalog, [six_clips], serial)
    (six_clips / "part").rename(six_clips / "renamed")
    report = ingest(catalog, [six_clips / "part", six_clips / "renamed"], serial)
    assert (report.moved, report.held_back) == (3, 0)


@pytest.mark.parametrize("name", ["nowhere", "clips/nothing.wav", "clip"])
def test_an_unknown_path_is_an_error(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, name: str
) -> None:
    ingest(catalog, [six_clips], serial)
    with pytest.raises(NotFoundError, match="no file of the catalog was there"):
        ingest(catalog, [six_clips.parent / name], serial)


def test_reading_every_file_finds_what_equal_stamps_hide(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(catalog, [six_clips], serial)
    changed = six_clips / "death_epoch_20_1.wav"
    before, real = changed.stat(), os.stat
    changed.write_bytes(changed.read_bytes()[:-2] + b"\x11\x11")

    def unreal(path: Any, **options: Any) -> os.stat_result:
        """A file system that shows the old stamp, as after a fault of the disk."""
        is_changed = isinstance(path, bytes) and path == os.fsencode(changed)
        return before if is_changed else real(path, **options)

    monkeypatch.setattr(os, "stat", unreal)
    assert ingest(catalog, [six_clips], serial).rehashed == 0
    assert verify(catalog).files.changed == ()
    report = verify(catalog, files=True)
    assert report.files.changed == ("clips/death_epoch_20_1.wav",)
    assert (report.is_sound, report.files.is_sound) == (True, False)
    assert ingest(catalog, [six_clips], serial).added == 1
    assert verify(catalog, files=True).files.is_sound


def test_the_commands_say_what_to_do(command: Command, tmp_path: Path, write_clip: WriteClip) -> None:
    write_clip(tmp_path / "clips/a.wav", 1, 0.2)
    (tmp_path / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
    command("init")
    command("ingest", "clips", "--no-score")
    assert "1 file read: all hold their audio" in command("verify", "--files").stdout
    (tmp_path / "clips").rename(tmp_path / "away")
    done = command("ingest", "clips")
    assert done.returncode == 3
    assert "clips does not exist any more\n1 known file is gone" in done.stderr
    assert "the same command with --yes marks them" in done.stderr
    for more in ((), ("--files",), ("--json",)):
        done = command("verify", *more)
        assert done.returncode == 3
        assert more == ("--json",) or "1 file is gone, but not marked missing" in done.stderr
    assert command("ingest", "clips", "--yes").returncode == 0
    done = command("verify")
    assert "1 recording has no file any more (thresher list missing:yes)" in done.stderr
    assert done.returncode == 0
    command("reject", "1")
    assert "listings leave out 1 that are rejected or not usable" in command("verify").stderr


def test_after_the_question_the_report_has_the_counts_of_both_ingests(
    tmp_path: Path, write_clip: WriteClip, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a/one.wav", "a/two.wav", "b/one.wav"):
        write_clip(tmp_path / name, len(name) + ord(name[0]) + ord(name[2]), 0.2)
    (tmp_path / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    assert run(["ingest", "a", "--no-score"]) == 0
    (tmp_path / "a").rename(tmp_path / "away")
    terminal = io.StringIO("y\n")
    terminal.isatty = lambda: True  # type: ignore[method-assign]  # in memory, no terminal
    monkeypatch.setattr("sys.stdin", terminal)
    capsys.readouterr()
    assert run(["ingest", "a", "b", "--no-score", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["added"], report["missing"], report["held_back"]) == (1, 2, 0)
    assert (report["files"], report["unchanged"]) == (1, 0)


def test_a_lost_recording_is_hidden_if_all_its_shown_clips_are_rejected(cut_clips: Catalog) -> None:
    (cut_clips.root / "out/run_epoch_1_0.wav").unlink()
    ingest(cut_clips, [cut_clips.root / "out"], IngestOptions(executor="serial"))
    assert (verify(cut_clips).files.marked, verify(cut_clips).files.marked_hidden) == (1, 0)
    reject(cut_clips, "5 6 7")  # the whole is not rejected, but it was split
    assert verify(cut_clips).files.marked_hidden == 1


def test_renderings_are_compared_with_their_hashes(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    save_song(catalog, "Bone", "epoch:10..")
    render(catalog, "Bone", catalog.root / "bone.wav")
    found = verify(catalog, files=True).files
    assert (found.renderings, found.renderings_changed, found.renderings_gone, found.is_sound) == (
        1,
        (),
        (),
        True,
    )
    file = catalog.root / "bone.wav"
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    found = verify(catalog, files=True).files
    assert (found.renderings_changed, found.is_sound) == (("bone.wav",), False)
    file.unlink()
    found = verify(catalog, files=True).files
    assert (found.renderings_gone, found.is_sound) == (("bone.wav",), True)


@pytest.mark.parametrize("name", [b"a line\nbreak.wav", b"not \xff UTF-8.wav"])
def test_renderings_with_unusual_names_are_found(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, name: bytes
) -> None:
    ingest(catalog, [six_clips], serial)
    save_song(catalog, "Bone", "epoch:10..")
    render(catalog, "Bone", catalog.root / os.fsdecode(name))
    found = verify(catalog, files=True).files
    assert (found.renderings, found.renderings_gone) == (1, ())
