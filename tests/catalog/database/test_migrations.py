"""Upgrades of a catalog to a newer schema lose nothing, and an upgrade that fails leaves the old catalog."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from tests.support import ROOT, run_command, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import migrations, schema, sqlite_database
from thresher.catalog.database.schema import recording
from thresher.catalog.safety.backups import BackupPlace, make_backup
from thresher.curation.clips.decisions import history, rate
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.verify import verify
from thresher.curation.songs.former_rules import former_selections
from thresher.curation.songs.songs import get_song
from thresher.errors import CatalogError
from thresher.signal.features.measure_registry import MEASURES

pytestmark = pytest.mark.sqlite_only("catalogs of older versions, which are in files")

MIGRATIONS = ROOT / "migrations"
HEAD = schema.HEAD
NEXT = "9001"

REBUILD = '''"""A revision to come: rebuilds a parent whose children cascade."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table(
        "recording", recreate="always", table_kwargs={{"sqlite_autoincrement": True}}
    ) as table:
        table.add_column(sa.Column("mood", sa.Text()))
    {then}
'''


def write_next(folder: Path, then: str = "pass") -> None:
    """Add one more revision to a folder of migrations."""
    revision = folder / "versions" / "next.py"
    revision.write_text(REBUILD.format(revision=NEXT, head=HEAD, then=then))
    shutil.rmtree(folder / "versions" / "__pycache__", ignore_errors=True)


@pytest.fixture
def future(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, filled: Catalog
) -> Path:
    """A folder of the migrations and one more revision, which the program uses instead of its own."""
    folder = tmp_path_factory.mktemp("migrations") / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    write_next(folder)
    monkeypatch.setattr(migrations, "migrations_folder", lambda: folder)
    monkeypatch.setattr(schema, "HEAD", NEXT)
    assert filled.file.exists()
    return folder


def backups(catalog: Catalog) -> list[Path]:
    return sorted(catalog.root.glob("*.backup.db"))


def revision_of(file: Path) -> str:
    opened = sqlite3.connect(file)
    (found,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    opened.close()
    return str(found)


def content(file: Path) -> list[str]:
    opened = sqlite3.connect(file)
    lines = list(opened.iterdump())
    opened.close()
    return lines


# -- upgrades ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("future")
def test_children_survive_the_rebuild_of_their_parent(filled: Catalog) -> None:
    with Catalog.open(filled.file) as catalog:
        assert [(row.id, row.rating) for row in list_clips(catalog)] == [(1, None), (2, 4)]
        assert verify(catalog).is_sound
        assert len(history(catalog)) == 1


@pytest.mark.parametrize("left", [[1, 2], []])
@pytest.mark.usefixtures("future")
def test_an_upgrade_does_not_reuse_ids(filled: Catalog, left: list[int]) -> None:
    """After a rebuild, SQLite knows only the highest id of the rows that are left."""
    with sqlite3.connect(filled.root / "catalog.db") as opened:
        opened.execute("PRAGMA foreign_keys = ON")
        if not left:
            opened.execute("DELETE FROM recording")
    opened.close()
    with Catalog.open(filled.file) as catalog:
        with writing(catalog) as connection:
            added = connection.execute(
                insert(recording).values(sha256="new", batch_id=1, role="generated", status="ok")
            )
            assert added.inserted_primary_key == (4,)
        with catalog.reading() as connection:
            assert list(connection.scalars(select(recording.c.id))) == [*left, 4]


def test_a_revision_that_breaks_references_is_refused(filled: Catalog, future: Path) -> None:
    write_next(future, 'op.execute("DELETE FROM recording WHERE id = 1")')
    before = content(filled.root / "catalog.db")
    with pytest.raises(CatalogError, match="would break 1 references; nothing was changed"):
        Catalog.open(filled.file)
    assert content(filled.root / "catalog.db") == before
    assert len(backups(filled)) == 1


@pytest.mark.usefixtures("future")
def test_the_backup_equals_the_catalog_before_the_upgrade(filled: Catalog) -> None:
    before = content(filled.root / "catalog.db")
    with Catalog.open(filled.file) as catalog:
        assert catalog.backup is not None
        assert content(catalog.backup) == before
        assert backups(filled) == [catalog.backup]
    assert revision_of(filled.root / "catalog.db") == NEXT
    assert not list(filled.root.glob("*.part*"))


def back_up(file: Path) -> Path:
    return make_backup(BackupPlace(file, file.parent), "nothing was done").path


def test_backups_of_the_same_second_have_different_names(filled: Catalog) -> None:
    file = filled.root / "catalog.db"
    os.utime(file, (2e9, 2e9))  # it may have changed since each backup
    made = [back_up(file) for _ in range(3)]
    assert len(set(made)) == 3
    assert backups(filled) == sorted(made)
    threads = [threading.Thread(target=back_up, args=(file,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(backups(filled)) == 7
    assert {len(content(copy)) for copy in backups(filled)} == {len(content(file))}


@pytest.mark.usefixtures("future")
def test_nothing_is_upgraded_if_the_backup_fails(filled: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    file = filled.root / "catalog.db"
    before = file.read_bytes()

    class Full(sqlite3.Connection):
        def backup(self, *_arguments: Any, **_options: Any) -> None:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error

    real: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return real(*arguments, **{"factory": Full, **options})

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", connect)
        with pytest.raises(CatalogError, match="no space left"):
            Catalog.open(filled.file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in filled.root.iterdir()) == ["catalog.db", "catalog.toml"]
    with Catalog.open(filled.file) as catalog:
        assert catalog.backup is not None


@pytest.mark.usefixtures("future")
def test_two_programs_can_open_an_old_catalog_at_once(filled: Catalog) -> None:
    opened: list[Catalog] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            opened.append(Catalog.open(filled.file))
        except BaseException as error:  # noqa: BLE001  shown below
            failed.append(error)

    # the first comes to the lock, the second waits there with a backup of its own
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for catalog in opened:
        assert [row.id for row in list_clips(catalog)] == [1, 2]
        catalog.close()
    assert revision_of(filled.root / "catalog.db") == NEXT


def test_every_stored_measure_becomes_a_row_with_the_same_value(tmp_path: Path) -> None:
    dump = (ROOT / "tests/golden/catalog-0004.sql").read_text(encoding="utf-8")
    (tmp_path / "catalog.toml").touch()
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as old:
        old.executescript(dump)
        old.execute("INSERT INTO measure VALUES (4, 7, 0.1, NULL, 1e-300, NULL, 0, NULL, NULL, NULL, 119.99)")
        old.commit()
        old.row_factory = sqlite3.Row
        before = {
            (row["clip_id"], name): (row["version"], row[name])
            for row in old.execute("SELECT * FROM measure")
            for name in MEASURES
        }
    Catalog.open(tmp_path / "catalog.toml").close()
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as new:
        after = {(row[0], row[1]): row[2:4] for row in new.execute("SELECT * FROM measure")}
        tables = {name for (name,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert len(after) == 4 * 9
    assert after == before
    assert {name for name in tables if name.startswith("measure")} == {"measure"}


def test_recordings_and_renderings_keep_the_decoder_that_made_them(tmp_path: Path) -> None:
    dump = (ROOT / "tests/golden/catalog-0005.sql").read_text(encoding="utf-8")
    (tmp_path / "catalog.toml").touch()
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as old:
        old.executescript(dump)
        old.execute("UPDATE recording SET sample_rate = NULL WHERE id = 1")
        old.commit()
    Catalog.open(tmp_path / "catalog.toml").close()
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as new:
        recordings = dict(new.execute("SELECT id, decoder FROM recording"))
        versions = {found for (found,) in new.execute("SELECT decoder_version FROM recording")}
        clips = set(new.execute("SELECT decoder, decoder_version FROM rendering_clip"))
    assert recordings.pop(1) is None  # nothing decoded it
    assert set(recordings.values()) == {"libsndfile"}
    assert versions == {None}
    assert clips == {("libsndfile", None)}


def test_songs_keep_their_selection_rule_and_the_upgrade_lists_what_would_leave(tmp_path: Path) -> None:
    dump = (ROOT / "tests/golden/catalog-0005.sql").read_text(encoding="utf-8")
    (tmp_path / "catalog.toml").touch()
    with closing(sqlite3.connect(tmp_path / "catalog.db")) as old:
        old.executescript(dump)
        reasons = {1: "ends at 1.00 s of 4.00 s", 2: "ends at 3.90 s of 4.00 s", 3: "ends at 3.90 s, cut"}
        for number, reason in reasons.items():
            old.execute(
                "UPDATE recording SET status = 'truncated', reason = ? WHERE id = ?", (reason, number)
            )
        old.commit()
    code, _, said = run_command("--catalog", tmp_path / "catalog.toml", "song", "list")
    assert code == 0
    assert "keeps 1 clip that new songs leave out (1)" in said
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        with catalog.reading() as connection:
            shares = connection.scalars(
                select(recording.c.lost_share).order_by(recording.c.id).limit(3)
            ).all()
        assert shares == [pytest.approx(0.75), pytest.approx(0.025), None]
        (song,) = former_selections(catalog)
        found = get_song(catalog, song.song)
        assert found is not None
        assert (found.settings.selection_rule, song.clips) == (1, (1,))


# -- the journal, and what is left untouched ---------------------------------------------------------------


def journal_mode(file: Path) -> str:
    opened = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    (mode,) = opened.execute("PRAGMA journal_mode").fetchone()
    opened.close()
    return str(mode)


def set_journal_mode(file: Path, mode: str) -> None:
    opened = sqlite3.connect(file)
    opened.execute(f"PRAGMA journal_mode = {mode}")
    opened.close()


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("is_safe", [True, False])
def test_opening_sets_the_safe_journal_mode(
    filled: Catalog, monkeypatch: pytest.MonkeyPatch, mode: str, is_safe: bool
) -> None:
    file = filled.root / "catalog.db"
    set_journal_mode(file, mode)
    monkeypatch.setattr(sqlite_database, "wal_is_safe", lambda _version: is_safe)
    with Catalog.open(filled.file) as catalog:
        assert rate(catalog, ["1"], 3).decision is not None
    assert journal_mode(file) == ("wal" if is_safe else "delete")


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("is_safe", [True, False])
def test_a_newer_catalog_keeps_every_byte(
    filled: Catalog, monkeypatch: pytest.MonkeyPatch, mode: str, is_safe: bool
) -> None:
    file = filled.root / "catalog.db"
    with sqlite3.connect(file) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
    opened.close()
    set_journal_mode(file, mode)
    monkeypatch.setattr(sqlite_database, "wal_is_safe", lambda _version: is_safe)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    with pytest.raises(CatalogError, match="9999"):
        Catalog.open(filled.file)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert sorted(path.name for path in filled.root.iterdir()) == ["catalog.db", "catalog.toml"]


@pytest.mark.skipif(os.name != "posix", reason="bytes that are not UTF-8 are names on POSIX only")
@pytest.mark.usefixtures("future")
def test_a_catalog_in_a_folder_whose_name_is_not_utf8_is_upgraded(filled: Catalog) -> None:
    folder = Path(os.fsdecode(os.fsencode(filled.root) + b"/n\xff?#%41 x"))
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for name in ("catalog.db", "catalog.toml"):
        (filled.root / name).rename(folder / name)
    with Catalog.open(folder / "catalog.toml") as catalog:
        assert catalog.backup is not None
        assert catalog.backup.parent == folder
        assert [row.id for row in list_clips(catalog)] == [1, 2]


def test_a_damaged_database_is_reported_in_one_sentence(filled: Catalog) -> None:
    file = filled.root / "catalog.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes(len(whole) - 100))
    with pytest.raises(CatalogError, match=r"catalog\.db is damaged .*backup"):
        Catalog.open(filled.file)


def as_another_user(run: Callable[[], list[str]]) -> list[str]:
    """Run a function in a child process without root's rights, which ignore permissions; return its result."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            said = run()
        except BaseException as error:  # noqa: BLE001  any error is sent to the parent, whose assertion shows it
            said = [repr(error)]
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        return list(json.load(stream))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="permissions are those of POSIX")
@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_a_catalog_in_a_folder_without_write_permission_can_be_read(filled: Catalog, mode: int) -> None:
    """The clips can be listed; a command that writes reports what to do."""

    def use(folder: Path, rating: int) -> list[str]:
        said = []
        with Catalog.open(folder / "catalog.toml") as catalog:
            said.append(str([row.id for row in list_clips(catalog)]))
            try:
                rate(catalog, ["1"], rating)
            except CatalogError as error:
                said.append(str(error))
        return said

    assert use(filled.root, 2) == ["[1, 2]"]  # and all is imported
    with tempfile.TemporaryDirectory() as name:  # not the test's own folder, which is for one user only
        folder = Path(name)
        for each in filled.root.iterdir():
            shutil.copy(each, folder)
        (folder / "catalog.db").chmod(mode)
        folder.chmod(0o555)
        said = as_another_user(lambda: use(folder, 3))
        folder.chmod(0o755)
    assert said[0] == "[1, 2]"
    assert "catalog.db can't be written" in said[1]


def test_a_new_catalog_is_what_the_revisions_make_of_an_empty_database() -> None:
    written = runpy.run_path(str(MIGRATIONS / "make_newest.py"))
    assert written["SCRIPT"].read_text(encoding="utf-8") == written["script"](), "run `make schema`"


def test_a_new_catalog_equals_a_migrated_database(tmp_path: Path) -> None:
    migrated = tmp_path / "migrated.db"
    migrated.touch()
    engine = sqlite_database.connect(migrated, 1.0)
    sqlite_database.run_migrations(engine)
    engine.dispose()
    sqlite_database.create(tmp_path / "new.db", 1.0)
    dumps = []
    for file in (migrated, tmp_path / "new.db"):
        with closing(sqlite3.connect(file)) as connection:
            dumps.append(list(connection.iterdump()))
    assert dumps[0] == dumps[1]
