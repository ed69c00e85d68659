"""The database: pragmas, transactions, refused files, upgrades with a backup, a golden catalog per revision."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support import ROOT, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import migrations, schema, sqlite_database
from thresher.catalog.edits import Edits
from thresher.catalog.scores import scores
from thresher.curation.clips.decisions import history, rate
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison.clusters import clusters
from thresher.curation.comparison.score import score
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.verify import verify
from thresher.curation.renderings.history import frozen
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.listing import songs
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import CatalogError

pytestmark = pytest.mark.sqlite_only("files, locks and journals, and catalogs of older versions")

GOLDEN = sorted((ROOT / "tests/golden").glob("catalog-*.sql"))


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_write_ahead_logging_is_used_only_if_it_cannot_lose_commits(
    version: tuple[int, ...], safe: bool
) -> None:
    assert sqlite_database.wal_is_safe(version) is safe


def test_every_connection_sets_the_pragmas(catalog: Catalog) -> None:
    def pragma(name: str) -> object:
        with catalog.reading() as connection:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    assert pragma("foreign_keys") == 1
    assert pragma("synchronous") == 2
    assert pragma("busy_timeout") == 10_000
    wanted = "wal" if sqlite_database.wal_is_safe(sqlite3.sqlite_version_info) else "delete"
    assert pragma("journal_mode") == wanted


def test_a_failing_block_is_rolled_back_including_new_tables(catalog: Catalog) -> None:
    with pytest.raises(ZeroDivisionError), writing(catalog) as connection:
        connection.execute(text("CREATE TABLE extra (x)"))
        connection.execute(text("INSERT INTO batch (started_at, paths, options) VALUES (0, '', '')"))
        raise ZeroDivisionError
    with catalog.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'extra'")) == 0
        assert connection.scalar(text("SELECT count(*) FROM batch")) == 0


def test_a_second_writer_waits_then_names_the_first_one(catalog: Catalog) -> None:
    catalog.file.write_text("[catalog]\nbusy_timeout = 0.1\n")
    with Catalog.open(catalog.file) as impatient:
        with writing(catalog), pytest.raises(CatalogError, match="locked"), writing(impatient):
            pass

        def hold() -> None:
            with writing(catalog):
                time.sleep(0.05)

        holder = threading.Thread(target=hold)
        holder.start()
        with Catalog.open(catalog.file) as patient, writing(patient):
            pass
        holder.join()


@pytest.mark.skipif(sys.platform != "linux", reason="the system tells who holds a lock on Linux only")
def test_the_processes_that_hold_a_lock_are_named(catalog: Catalog) -> None:
    file = catalog.root / "catalog.db"
    code = (
        "import sqlite3, sys, time\n"
        "held = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "held.execute('BEGIN EXCLUSIVE')\n"
        "print('held', flush=True)\n"
        "time.sleep(30)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        if not sqlite_database.lock_holders(file):
            pytest.skip("this kernel does not list the lock")
        assert str(holder.pid) in sqlite_database.lock_holders(file)[0]
    finally:
        holder.kill()
        holder.wait()


def test_a_full_disk_is_reported_in_one_sentence_and_rolls_back(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="no space left"), writing(catalog) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            connection.execute(
                text("INSERT INTO batch (started_at, paths, options) VALUES (0, :big, '')"),
                {"big": "x" * 4_000},
            )
    assert verify(catalog).is_sound


# -- migrations --------------------------------------------------------------------------------------------

HEAD = schema.HEAD

NEXT = '''"""A revision of the future: rebuilds a parent whose children cascade."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    # without this the rebuilt table would give ids of forgotten rows again
    with op.batch_alter_table("recording", table_kwargs={{"sqlite_autoincrement": True}}) as recording:
        recording.add_column(sa.Column("mood", sa.Text()))
        recording.alter_column("reason", existing_type=sa.Text(), type_=sa.String())
    {then}
'''


@pytest.fixture
def future(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the migrations and one more revision, which the program uses instead of its own."""
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9001_future.py").write_text(NEXT.format(head=HEAD, then="pass"))
    monkeypatch.setattr(migrations, "migrations_folder", lambda: folder)
    monkeypatch.setattr(schema, "HEAD", "9001")
    return folder


def golden(path: Path, folder: Path) -> Path:
    """Create a catalog from a dump and return its catalog.toml."""
    folder.mkdir()
    made = sqlite3.connect(folder / "catalog.db")
    made.executescript(path.read_text(encoding="utf-8"))
    made.close()
    (folder / "catalog.toml").write_text("")
    return folder / "catalog.toml"


def rows(file: Path) -> dict[str, int]:
    opened = sqlite3.connect(file)
    names = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: opened.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    opened.close()
    return found


def kept(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Return the rows, after an upgrade, of the tables that existed before."""
    return {name: after.get(name, 0) for name in before}


@pytest.mark.parametrize("dump", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_catalog_is_opened_and_used(dump: Path, tmp_path: Path) -> None:
    with Catalog.open(golden(dump, tmp_path / "old")) as catalog:
        assert [(row.id, row.epoch, row.rating, row.tags, row.note) for row in list_clips(catalog)] == [
            (1, 10, 5, ("riff",), None),
            (2, 11, None, ("riff",), "good bridge"),
            (3, 20, None, (), None),
        ]
        assert [row.id for row in list_clips(catalog, "temperature:0.9..1 rejected:no")] == [1, 2, 3]
        assert score(catalog, "prefix").pairs == 0
        with catalog.reading() as connection:
            assert scores.coverage(connection, 1).complete
        assert [(row.name, row.clips, row.renderings) for row in songs(catalog)] == [
            ("DOMAINAL SKELETON", 3, 1)
        ]
        assert len(tracklist(catalog, "DOMAINAL SKELETON").tracks) == 3
        verbs = [decision.verb for decision in reversed(history(catalog))]
        assert verbs[:7] == ["rate", "tag", "note", "modify", "reject", "undo", "song save"]
        assert rate(catalog, ["3"], 2).decision is not None
        assert verify(catalog).is_sound


@pytest.mark.parametrize("dump", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_rendering_keeps_its_digests(dump: Path, tmp_path: Path) -> None:
    """Its digests are those that the older revision stored; the audio files are not in the repository."""
    with Catalog.open(golden(dump, tmp_path / "old")) as catalog:
        report = verify_song(catalog, "DOMAINAL SKELETON", 1)
        assert (report.faults, report.file, report.clips) == ((), "missing", 3)


def test_the_golden_song_keeps_its_settings_and_edits(tmp_path: Path) -> None:
    with Catalog.open(golden(GOLDEN[2], tmp_path / "old")) as catalog:
        plan, then = frozen(catalog, "DOMAINAL SKELETON", 1)
        settings = tracklist(catalog, "DOMAINAL SKELETON").song.settings
        assert then.settings == settings
        assert (settings.crossfade, settings.lufs) == (0.5, -20.0)
        assert settings.edits == Edits(dropped=(4,), pins=((2, 1),))
        assert [track.clip for track in plan.tracks] == [2, 3, 1]
        assert [track.crossfade for track in plan.tracks] == [0, 4_000, 4_000]


def test_the_golden_measures_verdict_queue_and_clusters_are_kept(tmp_path: Path) -> None:
    with Catalog.open(golden(GOLDEN[3], tmp_path / "old")) as catalog:
        assert [row.id for row in list_clips(catalog, "heard:yes")] == [1, 3]  # one is rated
        fit = clusters(catalog)
        assert (fit.smallest, fit.unfitted) == (2, 0)
        with catalog.reading() as connection:
            queue = connection.execute(text("SELECT clip_id, is_done FROM listening_clip ORDER BY position"))
            assert len(queue.all()) == 2
        assert [row.id for row in list_clips(catalog, "verdict:keep")] == [3]
        assert [row.id for row in list_clips(catalog, "noise:0.9.. loop:..0.2")] == [1, 2, 3]
        with catalog.reading() as connection:
            assert connection.scalar(text("SELECT note FROM checkpoint WHERE verdict = 'keep'")) == (
                "found its riffs"
            )


@pytest.mark.parametrize("dump", GOLDEN[:3], ids=lambda path: path.stem)
def test_clips_of_an_older_catalog_count_as_examined_and_are_not_measured(dump: Path, tmp_path: Path) -> None:
    """Later rejections do not make these clips suspect; the next analysis computes their measures."""
    with Catalog.open(golden(dump, tmp_path / "old")) as catalog:
        assert list_clips(catalog, "loop:..") == []
        with catalog.reading() as connection:
            assert connection.scalar(text("SELECT count(*) FROM clip WHERE NOT examined")) == 0


def test_parts_and_marks_of_an_older_catalog_come_back_by_undo(tmp_path: Path) -> None:
    with Catalog.open(golden(GOLDEN[-1], tmp_path / "old")) as catalog:
        assert list_clips(catalog, "kind:part or kind:marked") == []
        unsplit, unmarked = [entry for entry in history(catalog) if entry.verb == "undo"][:2]
        undo(catalog, unmarked.id)
        undo(catalog, unsplit.id)
        assert [(row.id, row.kind) for row in list_clips(catalog, "of:2")] == [(5, "part"), (6, "part")]
        assert [row.kind for row in list_clips(catalog, "mark:drop")] == ["marked"]


def test_an_attribute_whose_name_became_a_field_can_still_be_queried(tmp_path: Path) -> None:
    file = golden(GOLDEN[2], tmp_path / "old")
    old = sqlite3.connect(file.parent / "catalog.db")
    old.execute("INSERT INTO attribute VALUES (1, 'tempo', '97', 97.0, 0)")
    old.commit()
    old.close()
    with Catalog.open(file) as catalog:
        assert [row.id for row in list_clips(catalog, "sidecar_tempo:97")] == [1]


def test_every_revision_that_a_version_wrote_has_a_golden_catalog() -> None:
    together = {f"{number:04}" for number in range(6, 13)}  # arrived in one version with 0013
    golden_revisions = {path.stem.removeprefix("catalog-") for path in GOLDEN}
    assert golden_revisions == set(migrations.known_revisions()) - together


@pytest.mark.usefixtures("future")
def test_an_older_catalog_is_upgraded_after_a_backup(tmp_path: Path) -> None:
    file = golden(GOLDEN[0], tmp_path / "old")
    before = rows(file.parent / "catalog.db")
    with Catalog.open(file) as catalog:
        assert catalog.backup is not None
        assert rows(catalog.backup) == before
        with catalog.reading() as connection:
            assert connection.scalar(text("SELECT count(mood) FROM recording")) == 0
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    # children of the rebuilt table are all there
    assert kept(before, rows(file.parent / "catalog.db")) == before
    old = sqlite3.connect(catalog.backup)
    assert old.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    old.close()
    with Catalog.open(file) as again:
        assert again.backup is None


def test_a_failing_upgrade_leaves_the_old_catalog(tmp_path: Path, future: Path) -> None:
    revision = future / "versions" / "9001_future.py"
    good = revision.read_text()
    revision.write_text(NEXT.format(head=HEAD, then="raise RuntimeError('power cut')"))
    file = golden(GOLDEN[0], tmp_path / "old")
    with pytest.raises(RuntimeError, match="power cut"):
        Catalog.open(file)
    opened = sqlite3.connect(file.parent / "catalog.db")
    assert opened.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    assert "mood" not in [row[1] for row in opened.execute("PRAGMA table_info(recording)")]
    opened.close()
    revision.write_text(good)
    shutil.rmtree(future / "versions" / "__pycache__", ignore_errors=True)
    with Catalog.open(file) as catalog:
        assert len(list_clips(catalog)) == 3


def test_a_kill_during_an_upgrade_leaves_a_catalog_that_can_be_upgraded(tmp_path: Path, future: Path) -> None:
    revision = future / "versions" / "9001_future.py"
    good = revision.read_text()
    revision.write_text(
        NEXT.format(head=HEAD, then="import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    )
    file = golden(GOLDEN[0], tmp_path / "old")
    before = rows(file.parent / "catalog.db")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from thresher.catalog.database import migrations, schema\n"
        "from thresher.catalog.catalog import Catalog\n"
        "migrations.migrations_folder = lambda: Path(sys.argv[2])\n"
        "schema.HEAD = '9001'\n"
        "Catalog.open(sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file, future], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(file.parent.glob("*.backup.db"))
    revision.write_text(good)
    shutil.rmtree(future / "versions" / "__pycache__", ignore_errors=True)
    with Catalog.open(file) as catalog:
        assert len(list_clips(catalog)) == 3
    assert kept(before, rows(file.parent / "catalog.db")) == before


@pytest.mark.parametrize("content", [b"", b"[catalog]\n", b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_not_a_catalog_names_the_way_back_to_a_backup(tmp_path: Path, content: bytes) -> None:
    Catalog.create(tmp_path).close()
    (tmp_path / "catalog.db").write_bytes(content)
    with pytest.raises(CatalogError, match="`thresher restore FILE` goes back to a backup"):
        Catalog.open(tmp_path / "catalog.toml")
    assert (tmp_path / "catalog.db").read_bytes() == content
