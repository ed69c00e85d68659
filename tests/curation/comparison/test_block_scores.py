"""Blocks of scores: a cluster computes exactly what this process computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from tests.catalog.scored_clips import add_clips
from tests.support import MakeCatalog
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import nearest, score_row
from thresher.curation.comparison import block_scores
from thresher.curation.comparison.block_scores import BlockScorer, score_part
from thresher.curation.comparison.score import score, score_all
from thresher.curation.executors.inputs import InputsLostError
from thresher.curation.workers import Workers
from thresher.errors import ClusterError
from thresher.signal.features.descriptors import DESCRIPTOR_SIZE
from thresher.signal.metrics.registry import find_metric

MANY = block_scores.CLUSTER_PAIRS


def features(metric: str, count: int, seed: int) -> list[NDArray[Any]]:
    generator = np.random.default_rng(seed)
    if metric == "likeness":
        return list(generator.normal(size=(count, DESCRIPTOR_SIZE)).astype(np.float32))
    lengths = generator.integers(1, 40, size=count)
    return [generator.integers(0, 1 << 32, size=length, dtype=np.uint32) for length in lengths]


def blocks(name: str, workers: Workers, pairs: int) -> list[NDArray[np.float32]]:
    """The scores of three blocks of 30 clips, by a scorer that begins with 50 clips."""
    metric = find_metric(name)
    scorer = BlockScorer(metric, [metric.pack(features(name, 50, seed=0))], workers, pairs)
    found: list[NDArray[np.float32]] = []
    for seed in (1, 2, 3):
        new = metric.pack(features(name, 30, seed))
        found += scorer.scores(new)
        scorer.add(new)
    return found


@pytest.mark.parametrize("name", ["prefix", "aligned", "likeness"])
def test_a_cluster_computes_the_same_scores(name: str, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Workers("serial") as here:
        expected = blocks(name, here, MANY)
    monkeypatch.setattr(block_scores, "TASK_PAIRS", 400)  # several tasks a block
    monkeypatch.setattr(block_scores, "CLUSTER_PART_CLIPS", 70)  # the second block begins a part
    with Workers(cluster) as there:
        found = blocks(name, there, MANY)
    assert [each.shape for each in found] == [(30, 50), (30, 30), (30, 80), (30, 30), (30, 110), (30, 30)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_few_pairs_start_no_cluster() -> None:
    with Workers("dask:tcp://127.0.0.1:1") as unreachable:
        assert len(blocks("prefix", unreachable, MANY - 1)) == 6


def test_each_full_part_is_sent_once(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_scores, "CLUSTER_PART_CLIPS", 30)
    with Workers(cluster) as workers:
        sent: list[int] = []
        share = workers.share

        def counted(value: Any) -> Any:
            sent.append(value.count)
            return share(value)

        monkeypatch.setattr(workers, "share", counted)
        blocks("prefix", workers, MANY)
    assert sent == [30, 50, 30, 30, 30, 30]  # the rows of each block, and each part when it is first compared


def test_inputs_that_were_lost_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real loss of a worker with its inputs is in test_dask_faults.py."""
    metric = find_metric("prefix")
    with Workers("serial") as workers:
        scorer = BlockScorer(metric, [metric.pack(features("prefix", 5, 0))], workers, 0)
        new = metric.pack(features("prefix", 4, 1))
        expected = scorer.scores(new)
        monkeypatch.setattr(scorer, "_on_cluster", True)
        losses = [InputsLostError(), InputsLostError()]

        def share(value: Any) -> Any:
            if losses:
                raise losses.pop()
            return value

        monkeypatch.setattr(workers, "share", share)
        for one, other in zip(scorer.scores(new), expected, strict=True):
            np.testing.assert_array_equal(one, other)
        losses += [InputsLostError()] * block_scores.TRIES
        with pytest.raises(ClusterError, match="same command again"):
            scorer.scores(new)


def test_a_task_without_columns_is_a_triangle() -> None:
    rows = find_metric("prefix").pack(features("prefix", 6, 0))
    triangle = score_part(("prefix", rows, None, 0, 0))
    assert np.isnan(triangle[np.triu_indices(6)]).all()
    assert np.isfinite(triangle[np.tril_indices(6, -1)]).all()


def test_scoring_on_a_cluster_stores_the_rows_of_a_local_scoring(
    cluster: str, new_catalog: MakeCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = []
    monkeypatch.setattr(block_scores, "CLUSTER_PAIRS", 0)
    monkeypatch.setattr(block_scores, "TASK_PAIRS", 500)
    for executor in ("serial", cluster):
        with new_catalog(tmp_path / executor.partition(":")[0]) as catalog:
            add_clips(catalog, range(40))
            for name in ("prefix", "aligned"):
                assert score(catalog, name, executor=executor).pairs == 40 * 39 // 2
            add_clips(catalog, range(40, 90))
            score(catalog, "aligned", executor=executor)
            with catalog.reading() as connection:
                stored.append([connection.execute(select(table)).all() for table in (score_row, nearest)])
    assert stored[0] == stored[1]


def test_all_metrics_are_scored_by_one_cluster(
    cluster: str, new_catalog: MakeCatalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    start = Workers._start

    def counted(workers: Workers) -> Any:
        begun.append(workers.name.kind)
        return start(workers)

    monkeypatch.setattr(Workers, "_start", counted)
    monkeypatch.setattr(block_scores, "CLUSTER_PAIRS", 0)
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix", "aligned"]\n')
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        add_clips(catalog, range(20))
        assert [each.clips for each in score_all(catalog, executor=cluster)] == [20, 20]
    assert begun == ["dask"]
