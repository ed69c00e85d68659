"""Distances between clips of a catalog, column by column, and from the nearest of other clips."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeCatalog, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.catalog.scores import features
from thresher.curation.comparison import distances
from thresher.curation.comparison.distances import ClipDistances
from thresher.curation.ingest.ingest import IngestOptions, ingest
from thresher.signal.metrics.likeness import LIKENESS


@pytest.fixture(scope="module")
def described(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    family: MakeSound,
    serial: IngestOptions,
) -> Iterator[Catalog]:
    """Five clips with descriptors (ids 1 to 5), and a silent one without (6). No test changes them."""
    home = tmp_path_factory.mktemp("described")
    (home / "clips").mkdir()
    for number in range(5):
        soundfile.write(home / f"clips/{number}.wav", family(number % 3, number), RATE)
    soundfile.write(home / "clips/silent.wav", np.zeros(2 * RATE), RATE)
    new_catalog(home).close()
    (home / "catalog.toml").write_text('[metrics]\nuse = ["likeness"]\ndefault = "likeness"\n')
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "clips"], serial)
        yield catalog


def test_a_column_holds_one_minus_likeness_and_nan_without_a_descriptor(described: Catalog) -> None:
    ids = [5, 6, 3, 1]
    with described.reading() as connection:
        found = ClipDistances.read(connection, ids)
        packed = LIKENESS.pack(features.read(connection, [5, 3, 1], "descriptor"))
    assert found.described.tolist() == [0, 2, 3]
    expected = 1.0 - LIKENESS.scores(packed, packed).astype(np.float64)
    for row, number in enumerate(found.described.tolist()):
        column = found.column(number)
        assert np.isnan(column[1])
        np.testing.assert_allclose(column[found.described], expected[row], atol=1e-6)


@pytest.mark.parametrize("block", [1, 2, 256])
def test_distances_are_those_from_the_nearest_other_clip(
    described: Catalog, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(distances, "BLOCK_CLIPS", block)
    with described.reading() as connection:
        some, others = (ClipDistances.read(connection, ids) for ids in ([1, 6, 2], [3, 4, 5]))
        every = ClipDistances.read(connection, [1, 6, 2, 3, 4, 5])
    found = some.to_nearest(others)
    assert np.isnan(found[1])
    for number in (0, 2):
        assert found[number] == pytest.approx(every.column(number)[3:].min(), abs=1e-6)


def test_distances_are_infinite_without_other_clips(described: Catalog) -> None:
    with described.reading() as connection:
        some, none = (ClipDistances.read(connection, ids) for ids in ([1, 6], [6]))
    assert some.to_nearest(none).tolist()[0] == np.inf
    assert np.isnan(some.to_nearest(none)[1])
