"""Catalogs with checkpoints, and how tests read their figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from tests.curation.checkpoints.checkpoint_rows import SERIAL
from tests.support import RATE, MakeCatalog, WriteClip, copy_folder
from thresher import Catalog, ingest


@pytest.fixture
def catalog(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps all scores."""
    with new_catalog(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, write_clip: WriteClip
) -> Path:
    """The folder that `trained` is copied from."""
    catalog = new_catalog(tmp_path_factory.mktemp("trained"))
    root = catalog.root
    for epoch, seeds in {1: (1, 2), 2: (3, 4, 5), 4: (6,)}.items():
        for seed in seeds:
            write_clip(root / f"out/night_epoch_{epoch}_{seed}.wav", seed)
    ingest(catalog, [root / "out"], SERIAL)
    write_clip(root / "out/day_epoch_1_7.wav", 7)
    write_clip(root / "out/day_epoch_1_8.wav", 8)
    ingest(catalog, [root / "out"], SERIAL)
    # nearly what epoch 4 wrote, though it comes later
    y, _ = soundfile.read(root / "out/night_epoch_4_6.wav")
    soundfile.write(root / "out/night_epoch_3_9.wav", 0.5 * y[2_000:], RATE)
    ingest(catalog, [root / "out"], SERIAL)
    catalog.close()
    return root


@pytest.fixture
def trained(catalog: Catalog, template: Path) -> Catalog:
    """Two runs: three epochs of the first in one batch, then a second run, then an earlier epoch of the first."""
    copy_folder(template, catalog.root)
    return catalog
