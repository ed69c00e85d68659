"""The map of a catalog: which clips are on it, and that it is reproducible."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeCatalog, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison.clip_map import clip_map
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, family: Any, serial: IngestOptions
) -> Path:
    """The folder that `mapped` is copied from."""
    home = tmp_path_factory.mktemp("mapped")
    (home / "clips").mkdir()
    for number in range(12):
        soundfile.write(home / f"clips/{number:02}.wav", family(number % 4, number), RATE)
    new_catalog(home).close()
    (home / "catalog.toml").write_text('[metrics]\nuse = ["likeness"]\ndefault = "likeness"\n')
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "clips"], serial)
    return home


@pytest.fixture
def mapped(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """Twelve clips of four families, by `likeness` alone."""
    copy_folder(template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        yield catalog


def test_each_clip_is_on_the_map_once_in_the_order_of_the_query(mapped: Catalog) -> None:
    points = clip_map(mapped, ["id-"])
    assert [point.clip for point in points] == [row.id for row in list_clips(mapped, ["id-"])]
    assert all(0 <= point.x <= 1 and 0 <= point.y <= 1 for point in points)
    assert clip_map(mapped, ["id-"]) == points
    assert sorted(clip_map(mapped), key=lambda point: -point.clip) == points


def test_rejected_clips_are_left_out_and_queries_choose(mapped: Catalog) -> None:
    judging.reject(mapped, ["id:3"])
    assert 3 not in {point.clip for point in clip_map(mapped)}
    assert {point.clip for point in clip_map(mapped, ["id:2..5"])} == {2, 4, 5}
    assert clip_map(mapped, ["id:99"]) == []


def test_references_are_left_out(mapped: Catalog) -> None:
    judging.modify(mapped, ["id:4"], {"role": "reference"})
    assert 4 not in {point.clip for point in clip_map(mapped)}


def test_clips_without_descriptors_are_left_out(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "clips/a.wav", 1)
    ingest(catalog, [tmp_path / "clips"], serial)
    assert len(list_clips(catalog)) == 1
    assert clip_map(catalog) == []


def test_progress_is_reported(mapped: Catalog) -> None:
    seen: list[tuple[str, int, int]] = []
    clip_map(mapped, progress=lambda *told: seen.append(told))
    assert seen[-1] == ("mapping", 12, 12)


@pytest.mark.slow
def test_on_the_corpus_the_nearest_is_mostly_from_the_same_track(
    tmp_path: Path, corpus: Path, serial: IngestOptions
) -> None:
    with Catalog.create(tmp_path):
        (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["likeness"]\ndefault = "likeness"\n')
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [corpus / "music"], serial)
        paths = {row.id: row.path or "" for row in list_clips(catalog)}
        points = clip_map(catalog)
    with open(corpus / "groups.tsv", newline="", encoding="utf-8") as file:
        group_of = {row["path"]: row["group"] for row in csv.DictReader(file, delimiter="\t")}
    groups = [group_of["music" + paths[point.clip].split("music", 1)[1]] for point in points]
    places = np.array([[point.x, point.y] for point in points])
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(apart, np.inf)
    same = [groups[near] == group for group, near in zip(groups, apart.argmin(axis=1), strict=True)]
    assert min(Counter(groups).values()) > 1
    assert np.mean(same) > 0.85
