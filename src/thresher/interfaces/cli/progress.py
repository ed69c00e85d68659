"""Progress bars on stderr for work that takes longer than a second, only on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PATIENCE = 1.0
"""Seconds of work before a bar appears."""


class ProgressBar:
    """A context manager that verbs call with (stage, done, total)."""

    def __init__(self, unit: str = "clips") -> None:
        self._unit = unit
        self._begun = time.monotonic()
        self._shown: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown is not None:
            self._shown.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that `done` of `total` are done; 0 means an unknown total."""
        if not sys.stderr.isatty() or time.monotonic() - self._begun < PATIENCE:
            return
        progress = self._running()
        if stage not in self._tasks:
            self._tasks[stage] = progress.add_task(stage, total=total or None)
        progress.update(self._tasks[stage], completed=done, total=total or None)

    def _running(self) -> Progress:
        if self._shown is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                ProgressColumn,
                Task,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Bars
            from rich.text import Text

            unit = self._unit

            class SpeedColumn(ProgressColumn):
                def render(self, task: Task) -> Text:
                    return Text(f"{task.speed:.1f} {unit}/s" if task.speed else "")

            self._shown = Bars(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                SpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._shown.start()
        return self._shown
