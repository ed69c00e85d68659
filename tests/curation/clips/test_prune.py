"""Pruning: rejected files go to a real trash, whole and once; nothing else moves, and nothing is forgotten."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import insert, select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, location
from thresher.curation.clips import decisions as judging
from thresher.curation.clips import prune as prune_module
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.prune import PruneReport, plan_prune, prune
from thresher.curation.clips.restore import restore_pruned
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song
from thresher.errors import UsageError


@pytest.fixture(autouse=True)
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trash folder of this test alone, by the freedesktop.org rules."""
    if sys.platform != "linux":
        pytest.skip("only there can a test have a trash of its own")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".data"))
    monkeypatch.setitem(sys.modules, "gi", None)  # GLib asks for its folders once in a process
    for name in [name for name in sys.modules if name.partition(".")[0] == "send2trash"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path / ".data/Trash"


@pytest.fixture
def clips(catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions) -> Path:
    """Clips 1 to 4 in `a`."""
    for index in range(4):
        write_clip(tmp_path / "a" / f"r_epoch_1_{index}.wav", index, 3.0)
    ingest(catalog, [tmp_path / "a"], serial)
    return tmp_path / "a"


def pruned(catalog: Catalog, terms: Any = (), **options: Any) -> PruneReport:
    return prune(catalog, plan_prune(catalog, terms, **options))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def missing(catalog: Catalog) -> list[str]:
    with catalog.reading() as connection:
        gone = select(location.c.path_text).where(location.c.missing_since.is_not(None))
        return sorted(connection.scalars(gone))


def occupied(*files: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in files)


def test_only_files_of_rejected_clips_go_to_the_trash(catalog: Catalog, clips: Path, trash: Path) -> None:
    judging.reject(catalog, "1 , 3")
    contents = (clips / "r_epoch_1_0.wav").read_bytes()
    plan = plan_prune(catalog)
    expected = occupied(clips / "r_epoch_1_0.wav", clips / "r_epoch_1_2.wav")
    assert (plan.report.files, plan.report.recordings, plan.report.frees) == (2, 2, expected)
    assert plan.report.dry_run
    assert len(names(clips)) == 4
    assert missing(catalog) == []
    assert not trash.exists()
    report = prune(catalog, plan)
    assert (report.files, report.recordings, report.frees, report.dry_run) == (2, 2, expected, False)
    assert report.failures == ()
    assert names(clips) == ["r_epoch_1_1.wav", "r_epoch_1_3.wav"]
    assert names(trash / "files") == ["r_epoch_1_0.wav", "r_epoch_1_2.wav"]
    assert (trash / "files/r_epoch_1_0.wav").read_bytes() == contents
    info = (trash / "info/r_epoch_1_0.wav.trashinfo").read_text().splitlines()
    assert info[0] == "[Trash Info]"
    assert unquote(info[1]) == f"Path={clips / 'r_epoch_1_0.wav'}"
    assert missing(catalog) == ["a/r_epoch_1_0.wav", "a/r_epoch_1_2.wav"]
    assert pruned(catalog).files == 0


def test_a_file_put_back_from_the_trash_is_known_again(
    catalog: Catalog, clips: Path, trash: Path, serial: IngestOptions
) -> None:
    judging.rate(catalog, "2", 2)
    judging.note(catalog, "2", "hum")
    judging.reject(catalog, "2")
    pruned(catalog)
    shutil.move(trash / "files/r_epoch_1_1.wav", clips)
    assert plan_prune(catalog).report.files == 0  # nobody has said that it is back
    report = ingest(catalog, [clips], serial)
    assert (report.added, report.moved, report.returned, report.missing) == (0, 0, 1, 0)
    shown = show_clip(catalog, "2")
    assert (shown.clip.rating, shown.clip.note, shown.clip.rejected) == (2, "hum", True)
    assert missing(catalog) == []


def test_a_file_that_was_tagged_before_it_was_pruned_is_restored(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    path = clips / "r_epoch_1_1.wav"
    body = path.read_bytes()[8:] + b"LIST\x0c\0\0\0INFOINAMsong"
    path.write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)
    assert ingest(catalog, [clips], serial).retagged == 1
    judging.reject(catalog, "2")
    entry = pruned(catalog).entry
    assert entry is not None
    assert restore_pruned(catalog, entry).restored == (os.fsencode(path),)


def test_a_query_limits_the_rejected_clips(catalog: Catalog, clips: Path, trash: Path) -> None:
    judging.reject(catalog, "1 , 2 , 3")
    assert plan_prune(catalog, "1 , 4").report.files == 1  # 4 is not rejected
    assert plan_prune(catalog, "^id:1").report.files == 2
    assert plan_prune(catalog, "rejected:no").report.files == 0
    assert pruned(catalog, "epoch:2").files == 0
    assert len(names(clips)) == 4
    assert not trash.exists()


def test_all_locations_of_a_recording_are_moved_and_each_file_counts_once(
    catalog: Catalog, clips: Path, trash: Path, serial: IngestOptions
) -> None:
    first = clips / "r_epoch_1_0.wav"
    shutil.copy(first, clips / "copy.wav")
    os.link(first, clips / "hard.wav")
    ingest(catalog, [clips], serial)
    judging.reject(catalog, "1")
    expected = occupied(first, clips / "copy.wav")
    report = pruned(catalog)
    assert (report.files, report.recordings, report.frees, report.shared) == (3, 1, expected, 0)
    assert names(trash / "files") == ["copy.wav", "hard.wav", "r_epoch_1_0.wav"]
    assert len(missing(catalog)) == 3


def test_a_file_with_another_hard_link_frees_no_space(
    catalog: Catalog, clips: Path, tmp_path: Path, trash: Path
) -> None:
    os.link(clips / "r_epoch_1_0.wav", tmp_path / "elsewhere.wav")
    judging.reject(catalog, "1 , 2")
    expected = occupied(clips / "r_epoch_1_1.wav")
    report = pruned(catalog)
    assert (report.files, report.frees, report.shared) == (2, expected, 1)
    assert (tmp_path / "elsewhere.wav").exists()
    assert len(names(trash / "files")) == 2


@pytest.mark.parametrize("name", ["0_link.wav", "z_link.wav"])
def test_a_symlink_is_moved_before_its_target(
    catalog: Catalog, clips: Path, trash: Path, serial: IngestOptions, name: str
) -> None:
    (clips / name).symlink_to("r_epoch_1_0.wav")
    (clips / f"{name[0]}_again.wav").symlink_to(name)
    ingest(catalog, [clips], serial)
    judging.reject(catalog, "1")
    expected = occupied(clips / "r_epoch_1_0.wav")
    report = pruned(catalog)
    assert (report.files, report.links, report.frees, report.failures) == (3, 2, expected, ())
    assert (trash / "files" / name).is_symlink()
    assert (trash / "files" / name).readlink() == Path("r_epoch_1_0.wav")
    assert not (trash / "files/r_epoch_1_0.wav").is_symlink()
    assert len(names(clips)) == 3
    assert len(missing(catalog)) == 3


def test_the_target_of_a_symlink_stays_if_only_the_link_is_known(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    target = write_clip(tmp_path / "outside/t.wav", 5, 3.0)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/link.wav").symlink_to(target)
    ingest(catalog, [tmp_path / "b"], serial)
    judging.reject(catalog, "1")
    report = pruned(catalog)
    assert (report.files, report.links, report.frees) == (1, 1, 0)
    assert target.exists()
    assert names(tmp_path / "b") == []


def test_a_file_reached_by_two_folders_is_moved_once(
    catalog: Catalog, clips: Path, tmp_path: Path, trash: Path, serial: IngestOptions
) -> None:
    shutil.copytree(clips, tmp_path / "b")
    ingest(catalog, [tmp_path / "b"], serial)
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "b").symlink_to(clips)
    judging.reject(catalog, "1")
    expected = occupied(clips / "r_epoch_1_0.wav")
    report = pruned(catalog)
    assert (report.files, report.frees, report.failures) == (1, expected, ())
    assert len(names(trash / "files")) == 1
    assert missing(catalog) == ["a/r_epoch_1_0.wav", "b/r_epoch_1_0.wav"]


def test_changed_files_stay_and_missing_files_do_not_count(
    catalog: Catalog, clips: Path, trash: Path, write_clip: Any
) -> None:
    judging.reject(catalog, "1 , 2 , 3")
    write_clip(clips / "r_epoch_1_0.wav", 99, 3.0)
    (clips / "r_epoch_1_1.wav").unlink()
    report = pruned(catalog)
    assert (report.files, report.failures) == (1, ())
    assert report.changed == (str(clips / "r_epoch_1_0.wav"),)
    assert names(trash / "files") == ["r_epoch_1_2.wav"]
    assert (clips / "r_epoch_1_0.wav").exists()


def test_a_file_that_changes_after_the_plan_stays(
    catalog: Catalog, clips: Path, trash: Path, write_clip: Any
) -> None:
    judging.reject(catalog, "1 , 2 , 3")
    plan = plan_prune(catalog)
    write_clip(clips / "r_epoch_1_0.wav", 99, 3.5)
    judging.unreject(catalog, "2")
    report = prune(catalog, plan)
    assert report.changed == (str(clips / "r_epoch_1_0.wav"),)
    assert report.in_part == 1
    assert names(trash / "files") == ["r_epoch_1_2.wav"]


def test_files_with_a_kept_clip_and_references_stay(catalog: Catalog, clips: Path, trash: Path) -> None:
    with writing(catalog) as connection:
        marked = {
            "recording_id": 1,
            "kind": "marked",
            "ordinal": 1,
            "start_frame": 0,
            "end_frame": 9,
            "trim": "",
        }
        connection.execute(insert(clip), marked)
    judging.reject(catalog, "1 , 2 , 3")
    judging.modify(catalog, "2", {"role": "reference"})
    report = pruned(catalog)
    assert (report.files, report.in_part, report.references) == (1, 1, 1)
    assert names(trash / "files") == ["r_epoch_1_2.wav"]
    judging.reject(catalog, "id:5")
    assert pruned(catalog).files == 1
    assert names(clips) == ["r_epoch_1_1.wav", "r_epoch_1_3.wav"]


def test_files_that_a_rendering_needs_stay(
    catalog: Catalog, clips: Path, tmp_path: Path, trash: Path
) -> None:
    save_song(catalog, "S", "1 , 2")
    render(catalog, "S", tmp_path / "s.wav")
    judging.reject(catalog, "1 , 2 , 3")
    report = pruned(catalog)
    assert (report.files, report.in_songs) == (1, 2)
    assert names(trash / "files") == ["r_epoch_1_2.wav"]
    render(catalog, "S", tmp_path / "again.wav", rendering=1)
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "s.wav").read_bytes()
    report = pruned(catalog, rendered=True)
    assert (report.files, report.in_songs) == (2, 0)
    assert names(clips) == ["r_epoch_1_3.wav"]


def test_files_with_names_that_are_not_utf8_are_moved(
    catalog: Catalog, tmp_path: Path, trash: Path, write_clip: Any, serial: IngestOptions
) -> None:
    plain = write_clip(tmp_path / "b/plain.wav", 7, 3.0)
    odd = os.fsencode(tmp_path) + b"/b/\xff 'new\nline'.wav"
    os.rename(plain, odd)
    ingest(catalog, [tmp_path / "b"], serial)
    judging.reject(catalog, "1")
    assert pruned(catalog).files == 1
    assert not os.path.exists(odd)
    assert len(names(trash / "files")) == 1


def blocked_trash(trash: Path) -> Callable[[], None]:
    trash.parent.mkdir(parents=True)
    trash.write_text("no folder")
    return trash.unlink


def test_a_trash_that_refuses_every_file_is_reported_for_each(
    catalog: Catalog, clips: Path, trash: Path
) -> None:
    unblock = blocked_trash(trash)
    judging.reject(catalog, "1 , 2")
    report = pruned(catalog)
    assert report.files == 0
    assert report.frees == 0
    assert [each.path for each in report.failures] == [
        str(clips / "r_epoch_1_0.wav"),
        str(clips / "r_epoch_1_1.wav"),
    ]
    assert all(each.reason for each in report.failures)
    assert len(names(clips)) == 4
    assert missing(catalog) == []
    unblock()
    assert pruned(catalog).files == 2


def test_a_trash_that_cannot_be_reached_is_named_instead_of_the_clip(
    catalog: Catalog, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "no home"))
    monkeypatch.delenv("XDG_DATA_HOME")
    judging.reject(catalog, "1")
    (failure,) = pruned(catalog).failures
    assert failure.path == str(clips / "r_epoch_1_0.wav")
    assert failure.reason == f"No such file or directory: {tmp_path / 'no home'}"
    assert len(names(clips)) == 4


def test_a_file_that_can_not_be_moved_does_not_stop_the_others(
    catalog: Catalog, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.reject(catalog, "1 , 2 , 3")
    access = os.access
    if os.geteuid() == 0:  # whom no permission stops
        denied = os.fsencode(clips / "r_epoch_1_1.wav")
        monkeypatch.setattr(
            os, "access", lambda path, mode: os.fsencode(path) != denied and access(path, mode)
        )
    else:
        (clips / "r_epoch_1_1.wav").chmod(0o444)
    report = pruned(catalog)
    assert [each.path for each in report.failures] == [str(clips / "r_epoch_1_1.wav")]
    assert "ermission" in report.failures[0].reason
    assert report.files == 2
    assert missing(catalog) == ["a/r_epoch_1_0.wav", "a/r_epoch_1_2.wav"]


def test_a_file_in_a_folder_without_write_permission_leaves_nothing_in_the_trash(
    catalog: Catalog, clips: Path, trash: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.reject(catalog, "1")
    access = os.access
    if os.geteuid() == 0:
        monkeypatch.setattr(
            os, "access", lambda path, mode: os.fsencode(path) != os.fsencode(clips) and access(path, mode)
        )
    else:
        clips.chmod(0o555)
    report = pruned(catalog)
    clips.chmod(0o755)
    assert "is not writable" in report.failures[0].reason
    assert names(trash / "info") == []
    assert len(names(clips)) == 4


@pytest.mark.usefixtures("clips")
def test_after_an_interruption_the_catalog_knows_which_files_were_moved(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.reject(catalog, "1 , 2 , 3")
    plan = plan_prune(catalog)
    move, moved = prune_module.move_to_trash, list[Any]()

    def interrupted(file: Any) -> bool:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(file)
        return move(file)

    monkeypatch.setattr(prune_module, "move_to_trash", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prune(catalog, plan)
    assert missing(catalog) == ["a/r_epoch_1_0.wav", "a/r_epoch_1_1.wav"]


def killed(catalog: Catalog, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Prune, and stop after some files were moved, as a kill does: nothing is corrected afterwards."""
    plan, move, moved = plan_prune(catalog), prune_module.move_to_trash, list[Any]()

    def interrupted(file: Any) -> bool:
        if len(moved) == after:
            raise KeyboardInterrupt
        moved.append(file)
        return move(file)

    with monkeypatch.context() as patch:
        patch.setattr(prune_module, "move_to_trash", interrupted)
        patch.setattr(prune_module, "conclude", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            prune(catalog, plan)


@pytest.mark.parametrize("after", [0, 1])
def test_the_next_prune_completes_one_that_was_killed(
    catalog: Catalog, clips: Path, trash: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    judging.reject(catalog, "1 , 2")
    killed(catalog, monkeypatch, after=after)
    assert missing(catalog) == ["a/r_epoch_1_0.wav", "a/r_epoch_1_1.wav"]
    assert verify(catalog).files.is_sound
    (trash / "info").mkdir(parents=True, exist_ok=True)
    orphan = trash / "info/r_epoch_1_1.wav.trashinfo"  # the kill came before the file was moved
    orphan.write_text(f"[Trash Info]\nPath={clips / 'r_epoch_1_1.wav'}\nDeletionDate=2026-01-01T00:00:00\n")
    report = pruned(catalog)
    assert (report.files, report.entry) == (2 - after, 2)
    assert names(clips) == ["r_epoch_1_2.wav", "r_epoch_1_3.wav"]
    assert names(trash / "files") == ["r_epoch_1_0.wav", "r_epoch_1_1.wav"]
    assert names(trash / "info") == [f"{name}.trashinfo" for name in names(trash / "files")]
    assert [(entry.id, entry.summary) for entry in judging.history(catalog, 2)] == [
        (2, "prune 2 files"),
        (1, "reject: 1 , 2"),
    ]
    assert pruned(catalog).files == 0
    assert len(restore_pruned(catalog, 2).restored) == 2


@pytest.mark.usefixtures("clips")
def test_a_prune_of_other_clips_leaves_the_entry_of_one_that_runs_alone(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.reject(catalog, "1 , 2 , 3")
    killed(catalog, monkeypatch, after=1)
    assert pruned(catalog, "3").files == 1
    (entry,) = judging.history(catalog, 1)
    assert [(change.id, change.after is None) for change in entry.changes] == [
        (1, True),
        (2, False),
        (3, True),
    ]
    assert missing(catalog) == [f"a/r_epoch_1_{index}.wav" for index in range(3)]
    assert verify(catalog).is_sound
    assert pruned(catalog).files == 1
    assert len(restore_pruned(catalog, entry.id).restored) == 3


def test_after_a_killed_prune_an_ingest_finds_the_files_that_are_there(
    catalog: Catalog, clips: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.rate(catalog, "1", 1)
    judging.reject(catalog, "1 , 2")
    killed(catalog, monkeypatch, after=1)
    ingest(catalog, [clips], serial)
    assert missing(catalog) == ["a/r_epoch_1_0.wav"]
    assert show_clip(catalog, "1").clip.rating == 1


def test_a_restore_that_was_interrupted_is_completed(
    catalog: Catalog, clips: Path, trash: Path, serial: IngestOptions
) -> None:
    judging.reject(catalog, "1 , 2")
    before = {name: (clips / name).read_bytes() for name in names(clips)}
    entry = pruned(catalog).entry
    assert entry is not None
    os.rename(trash / "files/r_epoch_1_0.wav", clips / "r_epoch_1_0.wav")  # killed before the ingest
    restored = restore_pruned(catalog, entry)
    assert (len(restored.restored), restored.failures) == (2, ())
    assert {name: (clips / name).read_bytes() for name in names(clips)} == before
    assert names(trash / "info") == []
    ingest(catalog, [clips], serial)
    again = restore_pruned(catalog, entry)
    assert (again.restored, again.failures) == ((), ())


def test_the_history_lists_only_what_was_moved(
    catalog: Catalog, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.reject(catalog, "1 , 2")
    move = prune_module.move_to_trash

    def refused(file: Any) -> bool:
        if file.recording_id == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return move(file)

    monkeypatch.setattr(prune_module, "move_to_trash", refused)
    assert [failure.path for failure in pruned(catalog).failures] == [str(clips / "r_epoch_1_0.wav")]
    assert missing(catalog) == ["a/r_epoch_1_1.wav"]
    (entry,) = judging.history(catalog, 1)
    assert (entry.summary, [change.id for change in entry.changes]) == ("prune 1 file", [2])
    assert verify(catalog).is_sound


def test_undo_after_a_prune_explains_and_restore_takes_the_files_out_of_the_trash(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    judging.reject(catalog, "1 , 3")
    before = {name: (clips / name).read_bytes() for name in names(clips)}
    (clips / "link.wav").symlink_to(clips / "r_epoch_1_0.wav")
    ingest(catalog, [clips], serial)
    report = pruned(catalog)
    assert report.entry == 2
    with pytest.raises(UsageError, match=r"--restore 2` .*`thresher undo 1` reverts the decision before it"):
        judging.undo(catalog)
    with pytest.raises(UsageError, match=r"prune 3 files\) can't be undone"):
        judging.undo(catalog, 2)
    (clips / "r_epoch_1_2.wav").write_bytes(b"another file")
    restored = restore_pruned(catalog, 2)
    assert [os.path.basename(path) for path in restored.restored] == [b"r_epoch_1_0.wav", b"link.wav"]
    assert [failure.reason for failure in restored.failures] == ["another file is there"]
    assert (clips / "r_epoch_1_2.wav").read_bytes() == b"another file"
    (clips / "r_epoch_1_2.wav").unlink()
    assert len(restore_pruned(catalog, 2).restored) == 3  # those that are back, but not ingested, count again
    report_of_ingest = ingest(catalog, [clips], serial)
    assert (report_of_ingest.added, report_of_ingest.missing) == (0, 0)
    assert missing(catalog) == []
    assert {name: (clips / name).read_bytes() for name in before} == before
    assert (clips / "link.wav").is_symlink()
    with pytest.raises(UsageError, match="is not a prune"):
        restore_pruned(catalog, 1)
    judging.undo(catalog, 1)
    assert not show_clip(catalog, "1").clip.rejected


def test_a_file_is_moved_if_all_its_shown_clips_are_rejected(cut_clips: Catalog) -> None:
    judging.reject(cut_clips, "5 6")
    stays = plan_prune(cut_clips).report
    assert (stays.files, stays.in_part) == (0, 1)
    judging.reject(cut_clips, "7")
    judging.reject(cut_clips, "3 8")  # the mark 9 stays
    done = pruned(cut_clips)
    assert (done.paths, done.in_part) == ((str(cut_clips.root / "out/run_epoch_1_0.wav"),), 1)
    judging.reject(cut_clips, "9 4")  # of the clip 4, a mark was removed
    assert len(pruned(cut_clips).paths) == 2


def test_a_rejected_whole_that_was_split_moves_nothing(cut_clips: Catalog) -> None:
    judging.reject(cut_clips, "1")
    assert plan_prune(cut_clips).report.recordings == 0
    assert plan_prune(cut_clips, "1").report.files == 0


def test_no_transaction_is_open_while_files_are_looked_for_moved_or_put_back(
    catalog: Catalog, clips: Path, touched_in_transactions: list[str]
) -> None:
    judging.reject(catalog, ["1"])
    report = pruned(catalog)
    assert report.files
    assert report.entry is not None
    if sys.platform == "linux":
        assert restore_pruned(catalog, report.entry).restored
        assert len(names(clips)) == 4
    assert touched_in_transactions == []
