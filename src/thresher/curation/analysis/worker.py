"""What worker processes run, and what they load before their first task.

Importing this module loads neither decoders nor signal code: a process that only hands out tasks needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thresher.curation.analysis.task import Analysis, FileTask, Keyed, Unopened, Unsettled

WORKER_MODULES = ("thresher.curation.analysis.analyse", "chromaprint")
"""The modules that every analysis needs. Worker processes skip those that a machine lacks."""


def analyse_file(task: FileTask) -> Analysis | Keyed | Unsettled | Unopened:
    """Run `analyse.analyse` on a task."""
    from thresher.curation.analysis.analyse import analyse

    return analyse(task)
