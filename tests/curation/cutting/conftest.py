"""A catalog for the tests of marks and labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import PREFIX_ONLY, RATE, MakeCatalog, MakeSound, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


@pytest.fixture(scope="session")
def marked_template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, sound: MakeSound
) -> Path:
    """The folder that `bench` is copied from."""
    folder = tmp_path_factory.mktemp("marks")
    new_catalog(folder).close()
    (folder / "catalog.toml").write_text(PREFIX_ONLY)
    (folder / "in").mkdir()
    quiet = np.zeros((RATE // 2, 1), np.float32)
    y = np.concatenate([quiet, sound(1, 4.0), quiet, quiet, sound(2, 4.0)])
    soundfile.write(folder / "in/a.wav", y, RATE)
    soundfile.write(folder / "in/b.wav", sound(3, 4.0), RATE)
    soundfile.write(folder / "in/c.wav", np.zeros(RATE, np.float32), RATE)
    with Catalog.open(folder / "catalog.toml") as made:
        ingest(made, [folder / "in"], IngestOptions(executor="serial"))
    return folder


@pytest.fixture
def bench(marked_template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """Clip 1: half a second of silence, 4 s of sound, a second of silence, 4 s of sound. Clip 3 is silent."""
    copy_folder(marked_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as opened:
        yield opened
