"""Catalogs whose clips are not ingested yet, and what a local ingest makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.curation.executors.clusters import CLIPS, content
from tests.support import EVERY_METRIC, MakeCatalog, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


@pytest.fixture
def shelf(tmp_path: Path, new_catalog: MakeCatalog, write_clip: WriteClip) -> Callable[[str], Path]:
    """Make the folder of a catalog with clips that are not ingested yet; its argument is its executor."""

    def make(executor: str) -> Path:
        folder = tmp_path / executor.partition(":")[0]
        new_catalog(folder).close()
        (folder / "catalog.toml").write_text(
            f'{EVERY_METRIC}[ingest]\ngroup = 4\nexecutor = "{executor}"\n', "utf-8"
        )
        for index in range(CLIPS):
            write_clip(folder / f"clips/run_epoch_{index % 3}_{index}.wav", index)
        (folder / "clips/broken.wav").write_text("no audio")
        return folder

    return make


@pytest.fixture
def expected(shelf: Callable[[str], Path]) -> dict[str, list[str]]:
    """What a local ingest stores."""
    folder = shelf("serial")
    with Catalog.open(folder / "catalog.toml") as catalog:
        ingest(catalog, [folder / "clips"], IngestOptions(executor="serial"))
    return content(folder)
