"""Restores: checked before, all or nothing, what is replaced is kept, and nobody else works meanwhile."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.support import dump, run_python, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import back_up
from thresher.catalog.database import schema
from thresher.catalog.safety import database_copy
from thresher.catalog.safety.backups import find_backups, place_of
from thresher.curation.backups import restore
from thresher.curation.backups.restore import RestoreChanges, prepare_restore
from thresher.curation.clips.decisions import rate, tag
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.verify import verify
from thresher.errors import CatalogError, NotFoundError, UsageError

pytestmark = pytest.mark.sqlite_only("a database in a file")

Home = tuple[Path, Path]


@pytest.fixture
def home(seven_clips: Catalog, tmp_path: Path) -> Home:
    """The catalog.toml of a catalog of seven clips, and a backup after which two were judged."""
    rate(seven_clips, ["1"], 3)
    back_up(seven_clips, tmp_path / "mine.db")
    rate(seven_clips, ["2"], 5)
    tag(seven_clips, ["3"], add=["slow"])
    seven_clips.close()
    return seven_clips.file, tmp_path / "mine.db"


def restored(file: Path, backup: Path) -> RestoreChanges:
    with prepare_restore(backup, file) as prepared:
        return prepared.carry_out()


def ratings(file: Path) -> dict[int, int | None]:
    with Catalog.open(file) as catalog:
        return {row.id: row.rating for row in list_clips(catalog) if row.rating}


def test_a_restore_goes_back_and_keeps_what_it_replaces(home: Home) -> None:
    file, backup = home
    report = restored(file, backup)
    lost = {each.what: each.lost for each in report.differences if each.lost}
    assert lost == {"decisions": 2, "ratings": 1, "tags": 1}
    assert not any(each.won for each in report.differences)
    assert ratings(file) == {1: 3}
    assert report.kept is not None
    again = restored(file, Path(report.kept))
    assert {each.what: each.won for each in again.differences if each.won} == lost
    assert ratings(file) == {1: 3, 2: 5}


def test_a_dry_run_changes_nothing(home: Home) -> None:
    file, backup = home
    before = (file.parent / "catalog.db").read_bytes()
    names = sorted(os.listdir(file.parent))
    with prepare_restore(backup, file) as prepared:
        assert prepared.report.damage == ()
    assert (file.parent / "catalog.db").read_bytes() == before
    assert sorted(os.listdir(file.parent)) == names


def test_damage_that_only_checksums_show_is_found(home: Home) -> None:
    file, backup = home
    with closing(sqlite3.connect(backup)) as opened, opened:
        opened.execute("UPDATE clip SET descriptor = zeroblob(1888) WHERE id = 2")
    with prepare_restore(backup, file) as prepared:
        assert prepared.report.damage == ("descriptors: 1",)


@pytest.mark.parametrize("content", [b"", b"diary" * 9000])
def test_what_is_not_a_backup_is_refused(home: Home, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(CatalogError, match="or not a backup"), prepare_restore(tmp_path / "x.db", home[0]):
        pass


def test_a_truncated_or_newer_backup_is_refused_and_the_own_database_too(home: Home, tmp_path: Path) -> None:
    file, backup = home
    with closing(sqlite3.connect(backup)) as opened, opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogError, match="newer thresher"), prepare_restore(backup, file):
        pass
    backup.write_bytes(backup.read_bytes()[:-4096])
    with pytest.raises(CatalogError, match="not a whole"), prepare_restore(backup, file):
        pass
    with (
        pytest.raises(UsageError, match="the catalog itself"),
        prepare_restore(tmp_path / "catalog.db", file),
    ):
        pass
    with pytest.raises(NotFoundError, match="backup --list"), prepare_restore(tmp_path / "gone.db", file):
        pass


def test_an_older_backup_is_upgraded(home: Home) -> None:
    file, _ = home
    golden = Path(__file__).parents[2] / "golden/catalog-0013.sql"
    old = file.parent / "old.db"
    with closing(sqlite3.connect(old)) as opened:
        opened.executescript(golden.read_text(encoding="utf-8"))
    report = restored(file, old)
    assert report.revision == "0013"
    with Catalog.open(file) as catalog:
        assert catalog.backup is None
        assert list_clips(catalog)


@pytest.mark.parametrize(
    "content", [None, b"", b"not a database" * 999, b"SQLite format 3\x00" + bytes(8000)]
)
def test_a_catalog_that_can_not_be_read_is_replaced_and_kept(home: Home, content: bytes | None) -> None:
    file, backup = home
    database = file.parent / "catalog.db"
    database.unlink()
    if content is not None:
        database.write_bytes(content)
    report = restored(file, backup)
    assert report.incomparable
    assert ratings(file) == {1: 3}
    kept = None if report.kept is None else Path(report.kept).read_bytes()
    assert (kept is None) == (content is None)
    assert not content or (kept or b"")[:14] == content[:14]


def test_a_damaged_catalog_is_replaced_and_kept(home: Home) -> None:
    file, backup = home
    database = file.parent / "catalog.db"
    content = bytearray(database.read_bytes())
    content[4096 * 2 : 4096 * 9] = b"\xff" * 4096 * 7
    database.write_bytes(content)
    report = restored(file, backup)
    assert report.kept is not None
    assert "damaged" in report.kept
    assert Path(report.kept).read_bytes()[8192:] == content[8192:]
    assert ratings(file) == {1: 3}


def test_ids_of_what_was_replaced_are_not_given_again(home: Home) -> None:
    file, backup = home
    recording = schema.recording
    values = {"batch_id": 1, "role": "generated", "status": "ok"}
    with Catalog.open(file) as catalog, writing(catalog) as connection:
        given = connection.execute(insert(recording).values(sha256="a", **values)).inserted_primary_key
    restored(file, backup)
    with Catalog.open(file) as catalog:
        assert verify(catalog).is_sound
    with Catalog.open(file) as catalog, writing(catalog) as connection:
        now = connection.execute(insert(recording).values(sha256="b", **values)).inserted_primary_key
        assert given is not None
        assert now is not None
        assert now[0] == given[0] + 1


# -- others -------------------------------------------------------------------------------------------------

HOLDS = """
import sys
from thresher.catalog.catalog import Catalog
catalog = Catalog.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def test_another_process_that_has_the_catalog_open_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, backup = home
    monkeypatch.setattr(restore, "_PATIENCE", 0.1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with (
            pytest.raises(CatalogError, match=rf"process {other.pid}\) has the catalog of .* open; end it"),
            prepare_restore(backup, file) as prepared,
        ):
            prepared.carry_out()
        other.kill()
    assert ratings(file) == {1: 3, 2: 5}
    restored(file, backup)  # a killed process holds nothing


def test_a_reader_of_the_database_is_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    file, backup = home
    monkeypatch.setattr(restore, "_PATIENCE", 0.1)
    with closing(sqlite3.connect(file.parent / "catalog.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM clip").fetchone()
        with pytest.raises(CatalogError, match="is locked"), prepare_restore(backup, file) as prepared:
            prepared.carry_out()
    assert ratings(file) == {1: 3, 2: 5}


KILLED = """
import os, signal, sys
from pathlib import Path
from thresher.curation.backups import restore
from thresher.catalog.safety import database_copy
database_copy._STEP_PAGES = 8
steps = int(sys.argv[3])
def progress(stage, done, total):
    global steps
    if stage == "restoring":
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)
with restore.prepare_restore(Path(sys.argv[2]), Path(sys.argv[1])) as prepared:
    prepared.carry_out(progress)
"""


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.long
def test_a_kill_in_the_middle_leaves_the_old_content(home: Home, steps: int, tmp_path: Path) -> None:
    file, backup = home
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    done = run_python(KILLED, file, backup, str(steps), cwd=tmp_path, **environment)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert ratings(file) == {1: 3, 2: 5}
    with Catalog.open(file) as catalog:
        before = dump(catalog)
        kept = find_backups(place_of(catalog.root, catalog.settings))[0]
    done = run_python(KILLED, file, kept.path, "0", cwd=tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    with Catalog.open(file) as catalog:
        assert dump(catalog) == before
        with catalog.reading() as connection:
            assert connection.scalar(select(schema.decision.c.id).limit(1)) == 1
    assert os.listdir(tmp_path / "tmp") == []


def test_a_disk_that_fails_while_the_old_content_is_kept_is_not_taken_for_damage(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, backup = home

    def failing(*_arguments: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    with prepare_restore(backup, file) as prepared:
        monkeypatch.setattr(database_copy, "_transfer", failing)
        with pytest.raises(CatalogError, match=r"disk reports an error .*; the catalog was not replaced"):
            prepared.carry_out()
    assert ratings(file) == {1: 3, 2: 5}
    assert not list(file.parent.glob("*.backup.db"))
