"""What the curator says of whole checkpoints, and how one is named."""

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
from thresher.formatting import listed

NOTHING = "none"
"""Takes a verdict away."""

_NUMBERED = re.compile(r"(?:e|epoch:)(?P<epoch>[0-9]+)|(?:i|step:)(?P<step>[0-9]+)|(?P<bare>[0-9]+)")
_MOST_SHOWN = 5


def judge_checkpoint(
    catalog: Catalog, name: str, verdict: str | None = None, note: str | None = None
) -> tuple[str, Decision | None]:
    """Say `keep`, `drop`, `gone` (its weights are deleted) or `none` of a checkpoint, and note why; blank takes the
    note away.

    The checkpoint as it is called, and the decision, None where nothing changed. NotFoundError, or UsageError
    where the name fits several.
    """
    if verdict is None and note is None:
        raise UsageError(f"nothing was said of {name}; write --{', --'.join(VERDICTS)} or --note TEXT")
    if verdict not in (None, NOTHING, *VERDICTS):
        raise UsageError(f'"{verdict}" is no verdict; write {", ".join(VERDICTS)} or {NOTHING}')
    note = None if note is None else storable(note).strip()
    with catalog.writing() as connection:
        found = find_checkpoint(connection, name)
        text = text_of(found)
        wishes = []
        if verdict is not None:
            wishes.append(
                Assignment("checkpoint", found.id, "verdict", None if verdict == NOTHING else verdict)
            )
        if note is not None:
            wishes.append(Assignment("checkpoint", found.id, "note", note or None))
        said = " ".join(filter(None, [verdict, None if note is None else f'note "{note}"']))
        return text, decisions.decide(connection, "checkpoint", f"checkpoint {text}: {said}", wishes)


def find_checkpoint(connection: Connection, name: str) -> Any:
    """The row of the one checkpoint that `name` fits: "night e20 i4000", or as much of it as tells it apart.

    A number alone is an epoch; words are in the run, in any case.
    """
    rows = list(connection.execute(select(checkpoint).order_by(checkpoint.c.id)))
    exact = [row for row in rows if text_of(row) == name.strip()]
    fitting = exact or _fitting(rows, name.split())
    if not fitting:
        raise NotFoundError(f'no checkpoint is called "{name}"; `thresher checkpoints` lists them')
    if len(fitting) > 1:
        shown = [f'"{text_of(row)}"' for row in fitting]
        raise UsageError(
            f'"{name}" fits {len(fitting)} checkpoints; write one of {listed(shown, _MOST_SHOWN)}'
        )
    return fitting[0]


def text_of(row: Any) -> str:
    """A checkpoint as listings write it."""
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
