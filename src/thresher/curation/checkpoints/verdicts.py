"""Record verdicts and notes on checkpoints, and find a checkpoint by its name."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog import decisions
from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions import Assignment, Decision
from thresher.catalog.schema import VERDICTS, checkpoint
from thresher.catalog.values import checkpoint_text
from thresher.curation.clips.decisions import storable
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import listed, unknown

NOTHING = "none"
"""The word that removes a verdict."""

_NUMBERED = re.compile(r"(?:e|epoch:)(?P<epoch>[0-9]+)|(?:i|step:)(?P<step>[0-9]+)|(?P<bare>[0-9]+)")
_MOST_SHOWN = 5


def judge_checkpoint(
    catalog: Catalog, name: str, verdict: str | None = None, note: str | None = None
) -> tuple[str, Decision | None]:
    """Set the verdict on a checkpoint, the note, or both.

    The verdict is `keep`, `drop`, `gone` (its weights are deleted) or `none`, which removes it. A blank note
    removes the note. Returns the checkpoint's full name and the decision, which is None if nothing changed.
    Raises NotFoundError if no checkpoint matches the name, UsageError if several do.
    """
    if verdict is None and note is None:
        raise UsageError(
            f'nothing to change for checkpoint "{name}"; give --{", --".join(VERDICTS)}, --none or --note TEXT'
        )
    if verdict not in (None, NOTHING, *VERDICTS):
        raise UsageError(unknown("verdict", verdict, (*VERDICTS, NOTHING)))
    note = None if note is None else storable(note).strip()
    with catalog.writing() as connection:
        found = find_checkpoint(connection, name)
        text = text_of(found)
        assignments = []
        if verdict is not None:
            assignments.append(
                Assignment("checkpoint", found.id, "verdict", None if verdict == NOTHING else verdict)
            )
        if note is not None:
            assignments.append(Assignment("checkpoint", found.id, "note", note or None))
        said = " ".join(filter(None, [verdict, None if note is None else f'note "{note}"']))
        return text, decisions.decide(connection, "checkpoint", f"checkpoint {text}: {said}", assignments)


def find_checkpoint(connection: Connection, name: str) -> Any:
    """Return the row of the checkpoint called `name`: "night e20 i4000", or any part of it that is unambiguous.

    A number alone is an epoch. All other words must be contained in the run; case is ignored.
    """
    rows = list(connection.execute(select(checkpoint).order_by(checkpoint.c.id)))
    exact = [row for row in rows if text_of(row) == name.strip()]
    fitting = exact or _fitting(rows, name.split())
    if not fitting:
        raise NotFoundError(f'no checkpoint named "{name}"; `thresher checkpoints` lists them')
    if len(fitting) > 1:
        shown = [f'"{text_of(row)}"' for row in fitting]
        raise UsageError(
            f'"{name}" matches {len(fitting)} checkpoints; give one of {listed(shown, _MOST_SHOWN)}'
        )
    return fitting[0]


def text_of(row: Any) -> str:
    """Return a checkpoint's name as listings show it."""
    return checkpoint_text(row.run, row.epoch, row.step)


def _fitting(rows: list[Any], words: list[str]) -> list[Any]:
    run: list[str] = []
    for word in words:
        number = _NUMBERED.fullmatch(word)
        if number is None:
            run.append(word.removeprefix("run:"))
            continue
        epoch, step = number["epoch"] or number["bare"], number["step"]
        rows = [
            row
            for row in rows
            if (epoch is None or row.epoch == int(epoch)) and (step is None or row.step == int(step))
        ]
    wanted = " ".join(run).lower()
    same = [row for row in rows if (row.run or "").lower() == wanted]
    return (
        same
        if same and wanted
        else [row for row in rows if wanted in (row.run or "").lower()]
        if words
        else []
    )
