"""Backups: consistent while others write, checked, atomic, never over another file, and found again."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.support import MakeCatalog, run_python
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import HEAD
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.safety import backups, database_copy
from thresher.catalog.safety.backups import BackupPlace, find_backups, make_backup, write_backup
from thresher.catalog.safety.database_copy import check_copy, copy_database, looks_whole
from thresher.errors import CatalogError, UsageError

pytestmark = pytest.mark.sqlite_only("a database in a file")

UNDONE = "nothing was done"


@pytest.fixture
def place(new_catalog: MakeCatalog, tmp_path: Path) -> BackupPlace:
    """The place of a new catalog, whose database was last changed long ago."""
    new_catalog(tmp_path).close()
    os.utime(tmp_path / "catalog.db", (1e9, 1e9))
    return BackupPlace(tmp_path / "catalog.db", tmp_path)


def file_of(place: BackupPlace) -> Path:
    """The file of the database."""
    assert isinstance(place.database, Path)
    return place.database


def write_row(database: Path) -> None:
    with closing(sqlite3.connect(database)) as opened, opened:
        opened.execute("INSERT INTO batch (started_at, paths, options) VALUES (1, '[]', '{}')")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_backups_of_a_database_on_a_server_have_the_same_names_for_all_users(tmp_path: Path) -> None:
    addresses = (
        "anna@server/music",
        "ben@server/music?sslmode=require",
        "anna@other/music",
        "anna@server/speech",
    )
    anna, ben, *others = (
        BackupPlace(make_url(f"postgresql+psycopg://{address}"), tmp_path).prefix for address in addresses
    )
    assert anna == ben
    assert len({anna, *others}) == 3


def test_a_backup_has_the_rows_of_the_catalog_and_stays_one_file(place: BackupPlace) -> None:
    write_row(file_of(place))
    made = make_backup(place, UNDONE)
    assert check_copy(made.path).rows["batch"] == 1
    assert made.revision == HEAD
    assert find_backups(place) == [made]
    assert names(place.folder) == [made.path.name, "catalog.db", "catalog.toml"]


def test_a_backup_of_a_database_with_a_log_needs_no_log(place: BackupPlace) -> None:
    with closing(sqlite3.connect(file_of(place))) as opened:
        opened.execute("PRAGMA journal_mode=WAL")
        opened.execute("INSERT INTO batch (started_at, paths, options) VALUES (1, '[]', '{}')")
        opened.commit()
        made = make_backup(place, UNDONE)
    assert check_copy(made.path).rows["batch"] == 1
    assert made.path.read_bytes()[18:20] == b"\1\1"  # the versions of the format without a log


def test_backups_are_consistent_while_another_program_writes(place: BackupPlace) -> None:
    done = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(file_of(place), timeout=10)) as opened:
            while not done.is_set():
                with opened:  # two rows or none
                    for _ in range(2):
                        opened.execute(
                            "INSERT INTO batch (started_at, paths, options) VALUES (1, ?, '')", ["x" * 9000]
                        )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [make_backup(place, UNDONE) for _ in range(5)]
    finally:
        done.set()
        writer.join()
    assert {check_copy(each.path).rows["batch"] % 2 for each in made} == {0}


def test_nothing_is_copied_again_if_nothing_has_changed(place: BackupPlace) -> None:
    made = make_backup(place, UNDONE)
    assert make_backup(place, UNDONE) == made
    write_row(file_of(place))
    assert make_backup(place, UNDONE).path != made.path


def test_a_database_that_was_just_changed_may_have_changed_again(place: BackupPlace) -> None:
    write_row(file_of(place))
    assert make_backup(place, UNDONE).path != make_backup(place, UNDONE).path


def test_a_damaged_backup_is_not_taken_for_the_latest(place: BackupPlace) -> None:
    made = make_backup(place, UNDONE)
    changed = made.path.stat().st_mtime_ns
    content = bytearray(made.path.read_bytes())
    content[4096 * 3 : 4096 * 4] = bytes(4096)
    made.path.write_bytes(content)
    os.utime(made.path, ns=(changed, changed))
    with pytest.raises(CatalogError, match="is damaged"):
        check_copy(made.path)
    assert make_backup(place, UNDONE).path != made.path


@pytest.mark.parametrize("length", [0, 50, 4096, 4097])
def test_a_file_that_is_cut_off_is_not_a_whole_database(place: BackupPlace, length: int) -> None:
    made = make_backup(place, UNDONE)
    assert looks_whole(made.path)
    made.path.write_bytes(made.path.read_bytes()[:length])
    assert not looks_whole(made.path)
    with pytest.raises(CatalogError, match="not a whole SQLite database"):
        check_copy(made.path)


def test_the_database_of_another_program_is_not_a_backup(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as opened:
        opened.execute("CREATE TABLE x (y)")
    with pytest.raises(CatalogError, match="not a catalog"):
        check_copy(tmp_path / "other.db")


def test_a_damaged_catalog_is_copied_as_it_is_only_on_request(place: BackupPlace) -> None:
    content = bytearray(file_of(place).read_bytes())
    content[4096 * 3 : 4096 * 4] = bytes(4096)
    file_of(place).write_bytes(content)
    with pytest.raises(CatalogError, match=r"no backup was made: .*; nothing was done"):
        make_backup(place, UNDONE)
    assert names(place.folder) == ["catalog.db", "catalog.toml"]
    made = make_backup(place, UNDONE, may_be_damaged=True)
    assert made.is_damaged
    assert made.path.read_bytes()[4096:] == file_of(place).read_bytes()[4096:]


# -- a file of the user's choice ----------------------------------------------------------------------------


def test_no_file_is_ever_replaced(place: BackupPlace, tmp_path: Path) -> None:
    target = tmp_path / "mine.db"
    target.write_text("mine")
    for path in (target, tmp_path / "catalog.toml"):
        with pytest.raises(UsageError):
            write_backup(place, path, OutputGuard(None))
    assert target.read_text() == "mine"


def test_a_file_that_appears_meanwhile_is_kept(
    place: BackupPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "mine.db"
    real = backups.place_new

    def late(partial: Path, path: Path) -> None:
        target.write_text("theirs")
        real(partial, path)

    monkeypatch.setattr(backups, "place_new", late)
    with pytest.raises(UsageError, match="exists now"):
        write_backup(place, target, OutputGuard(None))
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["catalog.db", "catalog.toml", "mine.db"]


def test_a_chosen_name_is_not_a_backup_of_the_folder(place: BackupPlace, tmp_path: Path) -> None:
    write_backup(place, tmp_path / "mine.db", OutputGuard(None))
    assert find_backups(place) == []


# -- several catalogs, several folders ----------------------------------------------------------------------


def test_catalogs_that_share_a_folder_do_not_see_each_others_backups(
    new_catalog: MakeCatalog, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    places = []
    for name in ("one", "two"):
        new_catalog(tmp_path / name).close()
        places.append(BackupPlace(tmp_path / name / "catalog.db", disk))
    made = [make_backup(each, UNDONE) for each in places]
    assert [find_backups(each) for each in places] == [[each] for each in made]


def test_the_backup_folder_is_relative_to_the_settings(new_catalog: MakeCatalog, tmp_path: Path) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[backup]\nfolder = "kept"\nkeep = 2\nweeks = 0\n')
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        place = backups.place_of(catalog.root, catalog.settings)
    assert (place.folder, place.keep, place.weeks) == (tmp_path / "kept", 2, 0)


# -- what can't be written ----------------------------------------------------------------------------------


def test_a_missing_folder_is_not_created(place: BackupPlace, tmp_path: Path) -> None:
    gone = replace(place, folder=tmp_path / "disk/thresher")
    with pytest.raises(
        CatalogError, match=r"does not exist; mount its disk .*\[backup\] folder .*; nothing was done"
    ):
        make_backup(gone, UNDONE)
    assert find_backups(gone) == []
    assert not (tmp_path / "disk").exists()


def test_a_folder_that_is_a_file_is_refused(place: BackupPlace, tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("x")
    with pytest.raises(CatalogError, match="does not exist"):
        make_backup(replace(place, folder=tmp_path / "disk"), UNDONE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_is_named(place: BackupPlace) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught, closing(sqlite3.connect("/dev/full")) as full:
        full.execute("CREATE TABLE x (y)")
    assert "full" in str(caught.value) or "disk" in str(caught.value)
    with (
        pytest.raises(CatalogError, match="disk"),
        backups.reporting(place.database, place.folder, UNDONE),
    ):
        raise caught.value


# -- what killed programs leave -----------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from pathlib import Path
from thresher.catalog.safety import backups, database_copy
def killed(*_): os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "copying":
    real = database_copy.copy_database
    database_copy._transfer = lambda source, target, progress: killed()
else:
    backups.place_new = killed
file = Path(sys.argv[1])
backups.make_backup(backups.BackupPlace(file, file.parent), "x")
"""


@pytest.mark.parametrize("moment", ["copying", "naming"])
def test_the_next_backup_removes_what_a_killed_one_left(place: BackupPlace, moment: str) -> None:
    done = run_python(KILLED, file_of(place), moment, PYTHONPATH=os.pathsep.join(sys.path))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(place.folder.glob("*.part"))) == 1
    made = make_backup(place, UNDONE)
    assert names(place.folder) == [made.path.name, "catalog.db", "catalog.toml"]


def test_the_partial_file_of_a_running_program_stays(place: BackupPlace) -> None:
    partial = place.folder / f"catalog-0000-20260101-120000.backup.db.{os.getppid()}-1.part"
    partial.write_bytes(b"x")
    make_backup(place, UNDONE)
    assert partial.exists()


def test_partial_files_of_earlier_versions_are_removed_once_nobody_writes_them(place: BackupPlace) -> None:
    partial = place.folder / "catalog-0013-20260101-120000.backup.part"
    partial.write_bytes(b"x")
    make_backup(place, UNDONE)
    assert partial.exists()
    hours_ago = time.time() - 7200
    os.utime(partial, (hours_ago, hours_ago))
    make_backup(place, UNDONE)
    assert not partial.exists()


def test_copying_tells_its_progress(place: BackupPlace, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    (tmp_path / "copy.db").touch()
    copy_database(file_of(place), tmp_path / "copy.db", 1.0, lambda *step: told.append(step))
    assert told
    assert told[-1][1] == told[-1][2]


def test_a_copy_that_the_disk_damages_is_not_blamed_on_the_catalog(
    place: BackupPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = database_copy._transfer

    def damaging(source: sqlite3.Connection, target: Path, progress: database_copy.Progress) -> None:
        real(source, target, progress)
        with target.open("r+b") as copy:
            copy.seek(4096 * 3)
            copy.write(bytes(4096))

    monkeypatch.setattr(database_copy, "_transfer", damaging)
    for may_be_damaged in (False, True):
        with pytest.raises(CatalogError, match=r"does not hold what was written to it.*; nothing was done"):
            make_backup(place, UNDONE, may_be_damaged=may_be_damaged)
    assert names(place.folder) == ["catalog.db", "catalog.toml"]
