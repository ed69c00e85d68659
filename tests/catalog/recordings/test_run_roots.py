"""The root of a file's run is the folder that was ingested first among those that contain it."""

from __future__ import annotations

import json
import os

import pytest

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch
from thresher.catalog.recordings.run_roots import RunRoots, latest_batch, read_run_roots, read_stated_runs


@pytest.mark.parametrize(
    ("folders", "beside", "path", "root"),
    [
        ({}, {}, b"/a/b/x.wav", b"/given"),
        ({"/a": 1}, {}, b"/a/b/x.wav", b"/a"),
        ({"/a": 2, "/a/b": 1}, {}, b"/a/b/x.wav", b"/a/b"),
        ({"/a": 1, "/a/b": 2}, {}, b"/a/b/x.wav", b"/a"),
        ({"/": 1}, {}, b"/a/b/x.wav", b"/"),
        ({"/c": 1}, {}, b"/a/b/x.wav", b"/given"),
        ({"/a/b/x.wav": 1}, {}, b"/a/b/x.wav", b"/given"),
        # a file that was ingested by its own path makes its folder the root, of the files beside it only
        ({"/a": 2}, {"/a/b": 1}, b"/a/b/x.wav", b"/a/b"),
        ({"/a": 1}, {"/a/b": 2}, b"/a/b/x.wav", b"/a"),
        ({}, {"/a": 1}, b"/a/b/x.wav", b"/given"),
    ],
)
def test_the_first_ingested_folder_above_a_file_is_its_root(
    folders: dict[str, int], beside: dict[str, int], path: bytes, root: bytes
) -> None:
    roots = RunRoots(os.fsdecode, folders, beside)
    assert roots.root_of(path, b"/given") == root
    assert roots.root_of(path, b"/given") == root  # remembered


def test_roots_and_stated_runs_are_read_in_the_order_of_the_ingests(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        assert latest_batch(connection) == 0
    ingests: tuple[tuple[list[str], dict[str, str]], ...] = (
        ([f"{catalog.root}/runs", f"{catalog.root}/x.WAV"], {"run": "night"}),
        ([f"{catalog.root}/later"], {}),
        ([f"{catalog.root}/runs", f"{catalog.root}/x.WAV"], {"run": "day"}),
        ([f"{catalog.root}/later"], {"run": "night"}),
    )
    with writing(catalog) as connection:
        rows = [
            {"started_at": 1.0, "paths": json.dumps(paths), "options": json.dumps(options)}
            for paths, options in ingests
        ]
        connection.execute(batch.insert(), rows)
        found = read_run_roots(connection, catalog.roots)
        assert read_stated_runs(connection) == {"night": 4, "day": 3}
    assert found.folders == {"runs": 1, "later": 3}
    assert found.beside == {".": 2}
    assert found.latest == 4
