"""The stamp of a settled catalog names its settings and the program, and goes with the next change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import settled, sqlite_database

pytestmark = pytest.mark.sqlite_only("the stamp of a settled catalog")


def stamp_of(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        return sqlite_database.user_version(connection)


@pytest.fixture
def stamped(catalog: Catalog) -> Catalog:
    catalog.settle(lambda _connection: True)
    assert stamp_of(catalog) == settled.stamp(catalog.file)
    return catalog


def test_only_a_settled_catalog_is_stamped(catalog: Catalog) -> None:
    catalog.settle(lambda _connection: False)
    assert stamp_of(catalog) == 0


def test_every_transaction_that_writes_removes_the_stamp(stamped: Catalog) -> None:
    with writing(stamped):
        pass
    assert stamp_of(stamped) == 0


def test_a_transaction_that_is_rolled_back_keeps_the_stamp(stamped: Catalog) -> None:
    before = stamp_of(stamped)
    with writing(stamped, rollback=True):
        pass
    with pytest.raises(ZeroDivisionError), writing(stamped):
        raise ZeroDivisionError
    assert stamp_of(stamped) == before > 0


def test_settling_a_settled_catalog_writes_nothing(stamped: Catalog) -> None:
    file = stamped.root / "catalog.db"
    before = (file.stat().st_mtime_ns, file.read_bytes())
    stamped.settle(lambda _connection: True)
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before


def test_other_settings_have_another_stamp(catalog: Catalog) -> None:
    before = settled.stamp(catalog.file)
    catalog.file.write_text(catalog.file.read_text() + "[trim]\ntop_db = 40\n")
    assert settled.stamp(catalog.file) != before


def test_another_program_has_another_stamp(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "program/signal/metric.py"
    source.parent.mkdir(parents=True)
    source.write_text("VERSION = 1\n")
    monkeypatch.setattr(settled, "PROGRAM", tmp_path / "program")
    before = settled.stamp(catalog.file)
    then = source.stat()
    source.write_text("VERSION = 2\n")
    os.utime(source, ns=(then.st_atime_ns, then.st_mtime_ns + 1))
    assert settled.stamp(catalog.file) != before
