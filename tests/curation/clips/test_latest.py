"""What is newest in a catalog changes with everything that an open page of the room shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import EVERY_METRIC
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import rate
from thresher.curation.clips.latest import latest
from thresher.curation.comparison.clusters import clusters
from thresher.curation.comparison.score import score_all
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.queue import latest_listening, plan_listening, skip


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, write_clip: Any) -> Any:
    """Four clips that are not scored yet."""
    home = tmp_path_factory.mktemp("latest")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    for index in range(4):
        write_clip(home / f"night/night_epoch_{index}.wav", index)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "night"], IngestOptions(executor="serial", score=False))
        yield catalog


def _skip_first(catalog: Catalog) -> None:
    queue = latest_listening(catalog)
    assert queue is not None
    skip(catalog, queue, queue.clips[0].id)


def _add_clip(catalog: Catalog, write_clip: Any) -> None:
    write_clip(catalog.root / "night/night_epoch_9.wav", 9)
    ingest(catalog, [Path(catalog.root / "night")], IngestOptions(executor="serial", score=False))


CHANGES: list[tuple[set[str], Callable[[Catalog, Any], object]]] = [
    ({"decision"}, lambda catalog, _: rate(catalog, "1", 3)),
    ({"listening"}, lambda catalog, _: plan_listening(catalog, minutes=5)),
    ({"skipped"}, lambda catalog, _: _skip_first(catalog)),
    ({"scored"}, lambda catalog, _: score_all(catalog)),
    ({"clustered_at"}, lambda catalog, _: clusters(catalog, refit=True)),
    ({"batch", "clip"}, _add_clip),
    ({"listening", "skipped"}, lambda catalog, _: plan_listening(catalog, minutes=1)),
]


def test_each_change_is_seen_in_its_own_value(shelf: Catalog, write_clip: Any) -> None:
    for expected, change in CHANGES:
        before = latest(shelf)
        change(shelf, write_clip)
        after = latest(shelf)
        assert {name for name, value in vars(after).items() if value != getattr(before, name)} == expected
