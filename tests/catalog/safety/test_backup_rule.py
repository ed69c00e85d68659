"""The rule that says which backups stay, and backups before commands that can't be undone."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_before, backup_state
from thresher.catalog.safety.backup_rule import backup_by_rule, surplus
from thresher.catalog.safety.backups import Backup, BackupPlace, find_backups, make_backup
from thresher.curation.ingest.forget import forget
from thresher.errors import CatalogError

DAY = 86_400.0
WEEK = 7 * DAY


def backup(days: float) -> Backup:
    return Backup(Path(f"{days}"), "0014", days * DAY, 1, 1)


def ages(found: list[Backup]) -> list[float]:
    return sorted(each.made_at / DAY for each in found)


def test_the_latest_stay_and_the_last_of_each_week() -> None:
    found = [backup(day) for day in range(100)]
    removed = ages(surplus(found, 5, 8, 99 * DAY))
    kept = [each for each in range(100) if each not in removed]
    assert kept == [55, 62, 69, 76, 83, 90, 95, 96, 97, 98, 99]  # 97 is the last of its week, too


def test_backups_of_a_time_to_come_stay_and_do_not_count() -> None:
    found = [backup(day) for day in (*range(7), 800, 801, 802)]
    assert ages(surplus(found, 3, 0, 6 * DAY)) == [0, 1, 2, 3]


def test_without_weeks_only_the_latest_stay() -> None:
    assert ages(surplus([backup(day) for day in range(5)], 2, 0, 4 * DAY)) == [0, 1, 2]


@given(
    st.lists(st.floats(0, 400, allow_nan=False), unique=True, max_size=40),
    st.integers(1, 6),
    st.integers(0, 9),
    st.floats(-50, 500),
)
def test_the_latest_backup_always_stays(days: list[float], keep: int, weeks: int, now: float) -> None:
    found = [backup(day) for day in days]
    removed = surplus(found, keep, weeks, now * DAY)
    assert len(found) - len(removed) >= min(keep, len(found))
    assert not found or max(found, key=lambda each: each.made_at) not in removed


@given(st.lists(st.integers(0, 100), unique=True, min_size=1, max_size=60))
def test_a_backup_that_is_the_last_of_its_week_is_still_there_eight_weeks_later(days: list[int]) -> None:
    kept: list[Backup] = []
    for day in sorted(days):
        kept.append(backup(day))
        gone = surplus(kept, 5, 8, day * DAY)
        kept = [each for each in kept if each not in gone]
    last = max(days)
    for week in range(last // 7 - 7, last // 7 + 1):
        in_week = [day for day in days if day // 7 == week]
        assert not in_week or max(in_week) in ages(kept)


@pytest.fixture
def old(new_catalog: MakeCatalog, tmp_path: Path) -> BackupPlace:
    """The place of a catalog with seven backups, each of another year, and a damaged and a foreign file."""
    new_catalog(tmp_path).close()
    place = BackupPlace(tmp_path / "catalog.db", tmp_path)
    made = make_backup(place, "x").path.read_bytes()
    for each in find_backups(place):
        each.path.unlink()
    for year in range(2010, 2017):
        (tmp_path / f"catalog-0014-{year}0101-120000.backup.db").write_bytes(made)
    (tmp_path / "catalog-0014-20170101-120000.backup.db").write_bytes(made[:-1])
    (tmp_path / "catalog-damaged-20170101-120000.backup.db").write_bytes(b"x")
    (tmp_path / "catalog-mine.backup.db").write_bytes(b"x")
    return place


@pytest.mark.sqlite_only("backups, which are copies of its file")
def test_only_whole_backups_count_and_are_removed(old: BackupPlace) -> None:
    made = backup_by_rule(old, "x")
    years = sorted(path.name.split("-")[2][:4] for path in old.folder.glob("catalog-*-*-*.backup.db"))
    assert years == ["2013", "2014", "2015", "2016", "2017", "2017", time.strftime("%Y")]
    assert (old.folder / "catalog-mine.backup.db").exists()
    with Catalog.open(old.folder / "catalog.toml") as catalog:
        state = backup_state(catalog)
    assert state.whole[0].path == made.path
    assert len(state.whole) == 5
    assert len(state.damaged) == 2


@pytest.mark.sqlite_only("backups, which are copies of its file")
def test_nothing_is_removed_if_the_backup_fails(old: BackupPlace) -> None:
    assert isinstance(old.database, Path)
    content = old.database.read_bytes()
    old.database.write_bytes(content[: 3 * 4096])
    before = sorted(os.listdir(old.folder))
    with pytest.raises(CatalogError, match="not done"):
        backup_by_rule(old, "not done")
    assert sorted(os.listdir(old.folder)) == before


@pytest.mark.sqlite_only("backups, which are copies of its file")
def test_without_a_backup_nothing_is_forgotten(one_file: Path) -> None:
    (one_file / "catalog.toml").write_text('[backup]\nfolder = "gone"\n')
    with Catalog.open(one_file / "catalog.toml") as catalog:
        with pytest.raises(CatalogError, match=r"backup folder .*gone does not exist.*nothing was forgotten"):
            forget(catalog, str(one_file / "c"))
        assert forget(catalog, str(one_file / "c"), dry_run=True).locations == 1


@pytest.mark.sqlite_only("backups, which are copies of its file")
def test_a_forget_makes_a_backup(one_file: Path) -> None:
    with Catalog.open(one_file / "catalog.toml") as catalog:
        forget(catalog, str(one_file / "c"))
        assert len(backup_state(catalog).whole) == 1
        made = backup_before(catalog, "x")
        assert made is not None
        assert made.path.exists()


@pytest.fixture
def one_file(new_catalog: MakeCatalog, tmp_path: Path) -> Path:
    """A catalog that knows one file, which could not be opened."""
    from sqlalchemy import insert

    from thresher.catalog.database.schema import batch, location

    with new_catalog(tmp_path) as catalog, writing(catalog) as connection:
        connection.execute(insert(batch).values(id=1, started_at=0.0, paths="[]", options="{}"))
        connection.execute(
            insert(location).values(
                batch_id=1,
                path=b"c/a.wav",
                path_text="c/a.wav",
                size=1,
                mtime_ns=1,
                reason="permission denied",
            )
        )
    return tmp_path
