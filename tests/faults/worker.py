"""A worker of the sweep: it tries faults, one after another, as the lines on its standard input ask for.

Requests and answers are JSON, one a line. `{"scenario": NAME, "modes": NAMES}` prepares a command and is answered
with the number of its events by mode; `{"mode": NAME, "at": N}` is answered with the outcome of one fault. The
interposer is preloaded into this process, so that it is in the children that are forked from it.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from tests.faults import commands
from tests.faults.interposer import MODES
from tests.faults.points import Bench
from tests.faults.scenarios import SCENARIOS

HEAVY = (
    "alembic.command",
    "librosa",
    "numba",
    "scipy.signal",
    "sklearn.cluster",
    "soundfile",
    "soxr",
    "uvicorn",
    "thresher.curation.ingest.ingest",
    "thresher.curation.ingest.verify",
    "thresher.interfaces.web.app",
    "thresher.interfaces.web.server",
)
"""Modules that take long to load, and those that load others."""


def main(root: str, kind: str) -> None:
    """Answer requests until the input ends. `root` is a folder for this worker alone, `kind` "warm" or "cold"."""
    place = commands.Place(Path(os.path.realpath(root)))
    commands.adopt_orphans()
    _load_modules()
    bench = None
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "scenario" in request:
                bench = Bench(place, SCENARIOS[request["scenario"]], request["modes"], cold=kind == "cold")
                answer: dict[str, object] = {"events": bench.baseline.events}
            else:
                assert bench is not None
                outcome = bench.attempt(MODES[request["mode"]], request["at"])
                answer = {"what": outcome.what, "problems": outcome.problems}
        except Exception as error:  # noqa: BLE001  the sweep reports it and continues
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def _load_modules() -> None:
    """Load what commands load, so that it does not cost time in each of them."""
    for name in HEAVY:
        import_module(name)
    from thresher.interfaces.cli.main import load_commands

    load_commands()
    gc.collect()
    gc.freeze()  # the memory of what was loaded stays shared with the children


if __name__ == "__main__":
    main(*sys.argv[1:])
