"""A scheduler that takes encrypted connections only: Dask's own settings are passed through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed.security import Security

from tests.curation.executors.clusters import Cluster, content
from tests.support import run_process

pytestmark = pytest.mark.slow

TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Dask's settings for one certificate that all have, and that vouches for itself."""
    made = Security.temporary()
    files = {"CA_FILE": made.tls_ca_file, "CERT": made.tls_client_cert, "KEY": made.tls_client_key}
    for name, content_of_file in files.items():
        (tmp_path / f"{name}.pem").write_text(content_of_file)
    settings = {f"{TLS}CA_FILE": str(tmp_path / "CA_FILE.pem")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        settings |= {f"{TLS}{role}__{name}": str(tmp_path / f"{name}.pem") for name in ("CERT", "KEY")}
    return {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true", **settings}


@pytest.fixture
def processes(tmp_path: Path, variables: dict[str, str]) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder, "tls", **variables)
    try:
        yield cluster
    finally:
        cluster.end()


def test_a_command_with_the_certificate_works_on_an_encrypted_cluster(
    processes: Cluster,
    shelf: Callable[[str], Path],
    expected: dict[str, list[str]],
    variables: dict[str, str],
) -> None:
    processes.scheduler()
    processes.worker("--no-nanny")
    folder = shelf(f"dask:{processes.address}")
    refused = run_process("ingest", "clips", cwd=folder)
    assert refused.returncode == 3
    assert refused.stderr.count("\n") == 1
    assert f"no scheduler answers at {processes.address}" in refused.stderr
    done = run_process("ingest", "clips", cwd=folder, variables=variables)
    assert done.returncode == 5, done.stderr  # one file is broken
    assert content(folder) == expected
