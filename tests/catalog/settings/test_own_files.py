"""Own files: which files belong to the catalog, and which only look like it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from thresher.catalog.settings.config import load_settings
from thresher.catalog.settings.own_files import OwnFiles
from thresher.catalog.settings.sections import Settings

PAGE = '<!doctype html><meta charset="utf-8">\n<meta name="generator" content="thresher 1.2">'


def has(folder: Path, name: str, settings: Settings | None = None) -> bool:
    own = OwnFiles(folder / "catalog.toml", settings or Settings())
    return own.has_file(os.fsencode(os.path.realpath(folder)) + b"/" + os.fsencode(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("catalog.toml", True),
        ("catalog.db", True),
        ("catalog.db-wal", True),
        ("catalog.db-shm", True),
        ("catalog.db-journal", True),
        ("catalog.key", True),
        ("catalog.room", True),
        ("catalog-0007-20260101-120000.backup.db", True),
        ("catalog-0007-20260101-120000-2.backup.part", True),
        ("sub/catalog.toml", False),
        ("catalog.db.old", False),
        ("other-0007-20260101-120000.backup.db", False),
        ("notes.toml", False),
    ],
)
def test_files_of_the_catalog_are_known_by_their_paths(tmp_path: Path, name: str, expected: bool) -> None:
    assert has(tmp_path, name) is expected


@pytest.mark.parametrize(
    "url", ["sqlite:///sub/my.db", "sqlite:///./sub/../sub/my.db", "sqlite:///{root}/sub/my.db"]
)
def test_the_database_is_where_the_settings_say(tmp_path: Path, url: str) -> None:
    (tmp_path / "catalog.toml").write_text(f'[catalog]\ndatabase = "{url.format(root=tmp_path)}"\n')
    settings = load_settings(tmp_path / "catalog.toml")
    assert has(tmp_path, "sub/my.db-wal", settings)
    assert has(tmp_path, "sub/my-0009-20260101-120000.backup.db", settings)
    assert not has(tmp_path, "catalog.db", settings)


def test_a_catalog_found_through_a_symlink_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    own = OwnFiles(tmp_path / "link" / "catalog.toml", Settings())
    assert own.has_file(os.fsencode(tmp_path / "real/catalog.db"))
    assert own.has_folder(os.fsencode(tmp_path / "real/catalog.cache"))
    assert not own.has_folder(os.fsencode(tmp_path / "real/sub/catalog.cache"))


def test_only_pages_with_the_mark_of_a_report_are_known(tmp_path: Path) -> None:
    (tmp_path / "night.HTML").write_text(PAGE)
    (tmp_path / "mine.html").write_text("<!doctype html><title>thresher</title>")
    (tmp_path / "page.txt").write_text(PAGE)
    os.mkfifo(tmp_path / "fifo.html")
    names = ("night.HTML", "mine.html", "page.txt", "fifo.html", "none.html")
    assert [has(tmp_path, name) for name in names] == [True, False, False, False, False]
