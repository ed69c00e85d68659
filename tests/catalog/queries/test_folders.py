"""Folders of queries: what lies under one, by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location
from thresher.catalog.files.paths import Roots
from thresher.catalog.queries.folders import Folders, under_folder


@pytest.mark.parametrize(
    ("folder", "found"),
    [("a", ["a/x.wav"]), ("a/x.wav", ["a/x.wav"]), ("ab/../a", ["a/x.wav"]), (".", ["a/x.wav", "ab/x.wav"])],
)
def test_a_folder_contains_its_files_but_not_those_of_a_folder_that_begins_like_it(
    catalog: Catalog, folder: str, found: list[str]
) -> None:
    add_clips(catalog, [1])
    with writing(catalog) as connection:
        for path in ("a/x.wav", "ab/x.wav", "/elsewhere/a/x.wav"):
            values = {"recording_id": 1, "batch_id": 1, "path": path.encode(), "path_text": path}
            connection.execute(insert(location).values(**values, size=1, mtime_ns=1))
        statement = select(location.c.path_text).where(under_folder(folder, Folders(catalog.roots)))
        assert sorted(connection.scalars(statement)) == found
        statement = select(location.c.path_text).where(under_folder("/", Folders(Roots(Path("/anywhere")))))
        assert len(connection.scalars(statement).all()) == 3


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/mnt/audio/runs", ["corpus:runs/a.wav"]),
        ("/mnt/audio", ["corpus:b.wav", "corpus:runs/a.wav"]),
        ("/mnt", ["corpus:b.wav", "corpus:runs/a.wav"]),
        ("corpus:runs", ["corpus:runs/a.wav"]),
        ("corpus:", ["corpus:b.wav", "corpus:runs/a.wav"]),
        ("other:", ["other:c.wav"]),  # a root of other machines
        ("other:c.wav", ["other:c.wav"]),
        (".", ["corpus.wav"]),
    ],
)
def test_a_folder_of_a_root_contains_its_files(catalog: Catalog, folder: str, found: list[str]) -> None:
    add_clips(catalog, [1])
    roots = Roots(catalog.root, {"corpus": b"/mnt/audio"})
    places = (("corpus", "runs/a.wav"), ("corpus", "b.wav"), ("other", "c.wav"), ("", "corpus.wav"))
    with writing(catalog) as connection:
        for root, path in places:
            values = {"recording_id": 1, "batch_id": 1, "root": root, "path": path.encode()}
            text = f"{root}:{path}" if root else path
            connection.execute(insert(location).values(**values, path_text=text, size=1, mtime_ns=1))
        statement = select(location.c.path_text).where(under_folder(folder, Folders(roots)))
        assert sorted(connection.scalars(statement)) == found


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("corpus:runs", ["corpus:runs/a.wav"]),
        ("corpus:runs/", ["corpus:runs/a.wav"]),
        ("corpus:", ["corpus:b.wav", "corpus:runs/a.wav"]),
        ("runs", ["corpus:runs/a.wav"]),  # relative to the catalog's folder
        ("other:", ["other:c.wav"]),
        ("other:c.wav", ["other:c.wav"]),
        (".", ["corpus:b.wav", "corpus:runs/a.wav"]),
    ],
)
def test_a_root_that_contains_the_catalog_is_named_like_any_other(
    catalog: Catalog, folder: str, found: list[str]
) -> None:
    add_clips(catalog, [1])
    roots = Roots.of(catalog.root, {"corpus": "."})
    with writing(catalog) as connection:
        for root, path in (("corpus", "runs/a.wav"), ("corpus", "b.wav"), ("other", "c.wav")):
            values = {"recording_id": 1, "batch_id": 1, "root": root, "path": path.encode()}
            text = f"{root}:{path}"
            connection.execute(insert(location).values(**values, path_text=text, size=1, mtime_ns=1))
        statement = select(location.c.path_text).where(under_folder(folder, Folders(roots)))
        assert sorted(connection.scalars(statement)) == found


def test_a_name_that_no_file_system_holds_contains_nothing(catalog: Catalog) -> None:
    add_clips(catalog, [1])
    with catalog.reading() as connection:
        for name in ("a\0b", "a/../b\0", "\0"):
            statement = select(location.c.path_text).where(under_folder(name, Folders(catalog.roots)))
            assert connection.scalars(statement).all() == []
