"""The choice of events, and the comparison of folders."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from tests.faults.folders import content, differences
from tests.faults.points import spread


def test_all_events_are_tried_if_there_are_few() -> None:
    assert spread(5, 60) == [1, 2, 3, 4, 5]
    assert spread(0, 60) == []


def test_many_events_are_spread_from_the_first_to_the_last() -> None:
    chosen = spread(1_000, 60)
    assert (len(chosen), chosen[0], chosen[-1]) == (60, 1, 1_000)
    assert max(b - a for a, b in pairwise(chosen)) <= 18


def test_an_offset_chooses_other_events() -> None:
    assert spread(100, 1, offset=205) == [6]
    assert not set(spread(1_000, 10, offset=7)[:-1]) & set(spread(1_000, 10))


def test_times_and_inodes_make_no_difference_and_other_values_do(tmp_path: Path) -> None:
    def described(name: str, row: tuple[object, ...]) -> dict[str, str]:
        folder = tmp_path / name
        folder.mkdir()
        with closing(sqlite3.connect(folder / "catalog.db")) as database, database:
            database.execute("CREATE TABLE clip (id, rating, rated_at, inode)")
            database.execute("INSERT INTO clip VALUES (?, ?, ?, ?)", row)
        return content(folder, ())

    first = described("first", (1, 5, 10.0, 7))
    assert differences(first, described("later", (1, 5, 20.0, 8))) == []
    (line,) = differences(first, described("other", (1, 4, 10.0, 7)))
    assert line == "table clip: expected id=1, rating=5, found id=1, rating=4"


def test_a_file_too_many_and_a_missing_one_are_named(tmp_path: Path) -> None:
    (tmp_path / "catalog-0013-20260101-120000.backup.db").touch()
    before = content(tmp_path, ())
    (tmp_path / "catalog-0013-20260101-120000.backup.db").rename(
        tmp_path / "catalog-0013-20270101-120000.backup.db"
    )
    assert content(tmp_path, ()) == before
    (tmp_path / "rest.part").touch()
    assert differences(before, content(tmp_path, ())) == ["file rest.part should not be there"]
    assert differences(content(tmp_path, ()), before) == ["file rest.part is missing"]
