"""Start the server of worker processes early: it loads its modules while the command still loads SQLAlchemy."""

from __future__ import annotations

from thresher.curation.analysis.preload import WORKER_MODULES
from thresher.curation.workers import parse_executor, start_server


def give_head_start(executor: str) -> None:
    """Start the server of worker processes, if the executor needs one."""
    if parse_executor(executor)[0] == "processes":
        start_server(WORKER_MODULES)
