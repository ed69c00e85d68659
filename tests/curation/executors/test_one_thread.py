"""OpenBLAS has one thread in worker processes; the process that starts them stays as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support import environment

SCRIPT = """
import os
from thresher.curation.workers import Workers

with Workers("processes:1", preload=["numpy"]) as workers:
    [(_, found)] = workers.map(os.getenv, [("", "OPENBLAS_NUM_THREADS")])
print(found, os.getenv("OPENBLAS_NUM_THREADS"))
"""


def test_numpy_has_one_thread_in_workers_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    without = {key: value for key, value in environment().items() if key != "OPENBLAS_NUM_THREADS"}
    printed = subprocess.run(
        [sys.executable, script], env=without, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "1 None\n"
