"""Catalogs for reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import EVERY_METRIC, MakeCatalog, WriteClip, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


@pytest.fixture
def full(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps scores by every metric."""
    home = tmp_path / "home"
    new_catalog(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    with Catalog.open(home / "catalog.toml") as made:
        yield made


@pytest.fixture(scope="session")
def trained_template(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    write_clip: WriteClip,
    serial: IngestOptions,
) -> Path:
    """The folder that `trained` is copied from."""
    home = tmp_path_factory.mktemp("trained")
    for index in range(6):
        write_clip(home / f"runs/night_e={index // 2}({index})_t=0.9.wav", index)
    new_catalog(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    with Catalog.open(home / "catalog.toml") as made:
        ingest(made, [home / "runs"], serial)
    return home


@pytest.fixture
def trained(full: Catalog, trained_template: Path) -> Catalog:
    """Three checkpoints of two clips each."""
    copy_folder(trained_template, full.root)
    return full
