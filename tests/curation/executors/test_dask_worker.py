"""What runs on the workers of a cluster."""

from __future__ import annotations

from thresher.curation.executors.dask_worker import worker_address
from thresher.curation.workers import Workers


def test_a_task_knows_the_address_of_its_worker(cluster: str) -> None:
    asking = "__import__('thresher.curation.executors.dask_worker', fromlist=['x']).worker_address()"
    assert worker_address() is None
    with Workers(cluster) as workers:
        ((_, address),) = workers.map(eval, [(0, asking)])
    assert str(address).startswith("tcp://127.0.0.1:")
