"""Catalogs: creating, finding and opening them, files that are refused, and transactions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from tests.support import MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema, sqlite_database
from thresher.catalog.settings import config
from thresher.curation.clips.listing import list_clips
from thresher.errors import CatalogError


@pytest.mark.sqlite_only("a file")
@pytest.mark.parametrize("content", [b"", b"SQLite", b"this is a diary" * 100])
def test_a_file_that_is_not_a_catalog_is_refused_and_not_changed(catalog: Catalog, content: bytes) -> None:
    catalog.close()
    file = catalog.root / "catalog.db"
    file.write_bytes(content)
    with pytest.raises(CatalogError, match="thresher init"):
        Catalog.open(catalog.file)
    assert file.read_bytes() == content


@pytest.mark.sqlite_only("a file")
def test_the_database_of_another_program_is_refused(catalog: Catalog) -> None:
    file = catalog.root / "catalog.db"
    file.unlink()
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    before = file.read_bytes()
    with pytest.raises(CatalogError, match="not a catalog"):
        Catalog.open(catalog.file)
    assert file.read_bytes() == before


@pytest.mark.sqlite_only("a file")
def test_a_missing_database_is_reported_and_not_created(catalog: Catalog) -> None:
    (catalog.root / "catalog.db").unlink()
    with pytest.raises(CatalogError, match="does not exist"):
        Catalog.open(catalog.file)
    assert not (catalog.root / "catalog.db").exists()


@pytest.mark.sqlite_only("a file")
def test_a_newer_catalog_is_refused_and_not_changed(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    file = catalog.root / "catalog.db"
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    with pytest.raises(CatalogError, match=r"newer thresher \(revision 9999"):
        Catalog.open(catalog.file)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


@pytest.mark.sqlite_only("a file")
@pytest.mark.parametrize("name", ["plain", "what? #1 100%", "ü 🦈"])
def test_a_catalog_works_in_a_folder_with_any_name(tmp_path: Path, name: str) -> None:
    with Catalog.create(tmp_path / name) as catalog:
        assert list_clips(catalog) == []
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["catalog.db", "catalog.toml"]


def test_the_settings_of_a_lost_database_are_kept(tmp_path: Path) -> None:
    """`create` makes a database for them again, but touches neither of two files that are both there."""
    (tmp_path / "catalog.toml").write_text("[trim]\ntop_db = 33.0\n")
    with Catalog.create(tmp_path) as catalog:
        assert catalog.settings.trim.top_db == 33.0
    assert (tmp_path / "catalog.toml").read_text() == "[trim]\ntop_db = 33.0\n"
    with pytest.raises(CatalogError, match="thresher ingest PATH"):
        Catalog.create(tmp_path)


def test_a_catalog_can_not_be_created_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match="thresher init FOLDER"):
        Catalog.create(tmp_path / "file")


def test_a_catalog_is_found_from_a_folder_below_it_and_by_its_link(catalog: Catalog, tmp_path: Path) -> None:
    below = tmp_path / "clips/deep"
    below.mkdir(parents=True)
    link = tmp_path / "link.toml"
    link.symlink_to(catalog.file)
    for arguments in ({"start": below}, {"environ": {"THRESHER_CATALOG": str(link)}, "start": below}):
        with Catalog.open(**arguments) as found:
            assert (found.file, found.root, found.backup) == (catalog.file, catalog.root, None)


def test_a_stored_path_is_relative_to_the_folder_of_the_catalog(catalog: Catalog) -> None:
    inside = catalog.stored(catalog.root / "clips" / "a.wav")
    assert (inside.path, inside.path_text) == (b"clips/a.wav", "clips/a.wav")
    assert catalog.absolute(*inside.place) == bytes(catalog.root / "clips" / "a.wav")
    assert catalog.stored("/elsewhere/b.wav").path == b"/elsewhere/b.wav"
    assert catalog.absolute("", b"/elsewhere/b.wav") == b"/elsewhere/b.wav"


def test_a_transaction_with_rollback_sees_its_changes_and_keeps_none(catalog: Catalog) -> None:
    count = text("SELECT count(*) FROM batch")
    with writing(catalog, rollback=True) as connection:
        connection.execute(text("INSERT INTO batch (started_at, paths, options) VALUES (0, '', '')"))
        assert connection.scalar(count) == 1
    with catalog.reading() as connection:
        assert connection.scalar(count) == 0


@pytest.mark.sqlite_only("the stamp of a settled catalog")
def test_a_catalog_is_stamped_as_settled_only_if_it_is(catalog: Catalog) -> None:
    def stamp() -> int:
        with catalog.reading() as connection:
            return sqlite_database.user_version(connection)

    catalog.settle(lambda _connection: False)
    assert stamp() == 0
    catalog.settle(lambda _connection: True)
    settled = stamp()
    assert settled != 0
    catalog.settle(lambda _connection: pytest.fail("it is settled already"))
    assert stamp() == settled


@pytest.mark.sqlite_only("a file")
def test_a_creation_that_was_killed_between_its_files_is_completed(
    tmp_path: Path, new_catalog: MakeCatalog
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").unlink()
    (tmp_path / "catalog.db.999999999-1.part").write_bytes(b"x")
    (tmp_path / "catalog.toml.999999999-1.part").write_bytes(b"x")
    Catalog.create(tmp_path).close()
    assert (tmp_path / "catalog.toml").read_text(encoding="utf-8") == config.STARTER
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalog.db", "catalog.toml"]
    with pytest.raises(CatalogError, match="exists already"):
        Catalog.create(tmp_path)


@pytest.mark.sqlite_only("a file")
def test_a_catalog_that_lost_its_settings_is_not_taken_for_a_new_one(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        connection.execute(insert(schema.batch).values(started_at=0.0, paths="[]", options="{}"))
    catalog.close()
    catalog.file.unlink()
    with pytest.raises(CatalogError, match=r"put that back, write an empty .*catalog.toml"):
        Catalog.create(catalog.root)
    assert not catalog.file.exists()
