"""A catalog to listen to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.curation.listening.listening_clips import SERIAL, write
from tests.support import copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of three clips, 3 s each: the first two are all tones, the third has one clip of each kind."""
    folder = tmp_path_factory.mktemp("template")
    for epoch, kinds in ((1, (0, 0, 0)), (2, (0, 0, 0)), (3, (0, 1, 2))):
        for index, kind in enumerate(kinds):
            write(folder / "clips" / f"night_epoch_{epoch}_{index}.wav", kind, 10 * epoch + index)
    with Catalog.create(folder) as catalog:
        ingest(catalog, [folder / "clips"], SERIAL)
    return folder


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A copy of the template, files and all."""
    copy_folder(template, tmp_path / "copy")
    with Catalog.open(tmp_path / "copy" / "catalog.toml") as catalog:
        yield catalog
