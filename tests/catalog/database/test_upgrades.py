"""Upgrades of a shared catalog: by command only, with a list of who is connected, and in one transaction."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, insert, text

from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, ROOT, run_command, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, digests, migrations, schema, upgrades
from thresher.catalog.database.schema import song
from thresher.errors import CatalogError, UpgradedError

NEXT = '''"""A revision to come."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("song", sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
    {then}
'''


HEAD = schema.HEAD


def write_next(folder: Path, then: str) -> None:
    (folder / "versions/next.py").write_text(NEXT.format(head=HEAD, then=then))


@pytest.fixture
def future(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the migrations with one more, which the program uses from now on; the catalog holds a song."""
    with writing(catalog) as connection:
        values = {
            "name": "s",
            "query": "",
            "ordering": "pairs",
            "metric": "prefix",
            "fade": 0.0,
            "created_at": 1.0,
        }
        connection.execute(insert(song).values(**values))
    folder = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    write_next(folder, "op.execute(\"UPDATE song SET mood = 'wild'\")")
    monkeypatch.setattr(migrations, "migrations_folder", lambda: folder)
    monkeypatch.setattr(schema, "HEAD", "9001")
    return folder


@pytest.fixture
def observer(catalog: Catalog) -> Engine:
    """An engine that looks at the catalog whatever its revision is."""
    assert POSTGRES is not None
    target = POSTGRES.target_of(catalog.settings.catalog.database, catalog.root)
    return database.connect(target, 1.0)


@needs_postgres
@pytest.mark.usefixtures("future")
def test_only_the_command_upgrades_and_connected_programs_are_refused_by_name(
    catalog: Catalog, observer: Engine
) -> None:
    with pytest.raises(CatalogError, match=r"revision 0.*`thresher upgrade` upgrades it"):
        Catalog.open(catalog.file)
    refused = run_command("upgrade", cwd=catalog.root)
    assert refused.returncode == 2
    assert "although 1 other program will be refused" in refused.stderr
    assert database.current_revision(observer) != "9001"
    done = run_command("upgrade", "--yes", cwd=catalog.root)
    assert (done.returncode, done.stdout.splitlines()[-1].endswith("to 9001")) == (0, True)
    assert "connected: thresher " in done.stderr
    with database.reading(observer) as connection:
        assert connection.scalar(text("SELECT mood FROM song")) == "wild"
    assert "nothing to do" in run_command("upgrade", cwd=catalog.root).stdout
    observer.dispose()


@needs_postgres
def test_the_older_program_is_refused_at_its_next_change(
    catalog: Catalog, future: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrades.upgrade(catalog.file)
    assert future.exists()
    monkeypatch.undo()  # this process is the older program again
    assert POSTGRES is not None
    monkeypatch.setattr(database, "target_of", POSTGRES.target_of)
    refused = pytest.raises(
        UpgradedError, match=r"another version of thresher has upgraded .* to revision 9001"
    )
    with refused, writing(catalog):
        pass
    with pytest.raises(CatalogError, match=r"newer thresher \(revision 9001"):
        Catalog.open(catalog.file)


@needs_postgres
def test_an_upgrade_that_fails_leaves_the_old_catalog(
    catalog: Catalog, future: Path, observer: Engine
) -> None:
    write_next(future, 'raise OSError("no more")')
    before = database.current_revision(observer)
    with pytest.raises(OSError, match="no more"):
        upgrades.upgrade(catalog.file)
    assert database.current_revision(observer) == before
    observer.dispose()


@needs_postgres
@pytest.mark.usefixtures("future")
def test_an_upgrade_waits_for_a_writer(catalog: Catalog, observer: Engine) -> None:
    (catalog.root / "catalog.toml").write_text("[catalog]\nbusy_timeout = 0.05\n")
    with database.connect(observer.url, 1.0).connect() as other:
        other.execute(text("LOCK TABLE alembic_version IN ROW EXCLUSIVE MODE"))
        with pytest.raises(CatalogError, match="is locked by another program"):
            upgrades.upgrade(catalog.file)
    observer.dispose()


@needs_postgres
@pytest.mark.usefixtures("future")
def test_a_row_that_was_damaged_stays_damaged(catalog: Catalog, observer: Engine) -> None:
    with observer.connect().execution_options(upgrades=True) as connection, connection.begin():
        connection.execute(text("UPDATE song SET artist = 'nobody'"))
    upgrades.upgrade(catalog.file)
    protected = next(each for each in digests.PROTECTED if each.table is song)
    with database.reading(observer) as connection:
        assert [row.key for row in digests.damaged_rows(connection, protected)] == [(1,)]
        assert digests.known_columns(connection, "no_such_table") == set()
    observer.dispose()


@needs_postgres
def test_the_digests_are_computed_again(catalog: Catalog, observer: Engine) -> None:
    with writing(catalog) as connection:
        connection.execute(insert(schema.checkpoint).values(run="a"))
    with observer.connect().execution_options(upgrades=True) as connection, connection.begin():
        connection.execute(text("UPDATE checkpoint SET digest = '\\x00'"))
        digests.compute_all(connection)
        protected = next(each for each in digests.PROTECTED if each.table is schema.checkpoint)
        assert digests.damaged_rows(connection, protected) == []
    observer.dispose()


@pytest.mark.sqlite_only("catalogs in a file, which are upgraded when they are opened")
def test_a_catalog_in_a_file_needs_no_command(catalog: Catalog) -> None:
    done = run_command("upgrade", cwd=catalog.root)
    assert (done.returncode, "upgraded when it is opened; nothing to do" in done.stdout) == (0, True)
    with pytest.raises(CatalogError, match="is a file"):
        upgrades.upgrade(catalog.file)


def test_addresses_of_servers_are_urls(tmp_path: Path) -> None:
    assert isinstance(database.target_of("postgresql+psycopg://h/n", tmp_path), URL)
