"""Record verdicts and notes on checkpoints, and find a checkpoint by its name."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Connection, case, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import VERDICTS, checkpoint, location, recording
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.text.normal_form import folded, nfc
from thresher.catalog.text.values import checkpoint_text, whole_number
from thresher.curation.clips.decisions import utf8_text
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import listed, unknown

NOTHING = "none"
"""The word that removes a verdict."""

WROTE = case((recording.c.checkpoint_pinned, recording.c.checkpoint_id), else_=location.c.checkpoint_id)
"""The id of the checkpoint that wrote the file at a location: the corrected one, else that of its names."""

_NUMBERED = re.compile(r"(?:e|epoch:)(?P<epoch>[0-9]+)|(?:i|step:)(?P<step>[0-9]+)|(?P<bare>[0-9]+)")
_MOST_SHOWN = 5


def judge_checkpoint(
    catalog: Catalog,
    name: str,
    verdict: str | None = None,
    note: str | None = None,
    *,
    dry_run: bool = False,
) -> tuple[str, Decision | None]:
    """Set the verdict on a checkpoint, the note, or both.

    The verdict is `keep`, `drop`, `gone` (its weights are deleted) or `none`, which removes it. A blank note
    removes the note. Returns the checkpoint's full name and the decision, which is None if nothing changed. A
    dry run returns the same and changes nothing. Raises NotFoundError if no checkpoint matches the name, UsageError
    if several do.
    """
    if verdict is None and note is None:
        raise UsageError(
            f'nothing to change for checkpoint "{name}"; give --{", --".join(VERDICTS)}, --none or --note TEXT'
        )
    if verdict not in (None, NOTHING, *VERDICTS):
        raise UsageError(unknown("verdict", verdict, (*VERDICTS, NOTHING)))
    note = None if note is None else utf8_text(note).strip()

    def judge(connection: Connection) -> tuple[str, Decision | None]:
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
        return text, decide(connection, "checkpoint", f"checkpoint {text}: {said}", assignments)

    return catalog.write(judge, dry_run=dry_run)


def find_checkpoint(connection: Connection, name: str) -> Any:
    """Return the row of the checkpoint called `name`, as listings print it, or any part that is unambiguous.

    Listings print "night e20 i4000", the table of checkpoints "night 20 4000". A number alone is an epoch, or else
    a step. All other words must be contained in the run; case is ignored. Checkpoints that have no file, left over
    by corrections, are found only if no other fits.
    """
    rows = list(connection.execute(select(checkpoint).order_by(checkpoint.c.id)))
    with_files = _with_files(connection)
    for candidates in ([row for row in rows if row.id in with_files], rows):
        words = _tidy(name)
        exact = [row for row in candidates if words in (_tidy(text_of(row)), _tidy(_cells(row)))]
        fitting = exact or _fitting(candidates, nfc(name).split())
        if fitting:
            break
    else:
        raise NotFoundError(f'no checkpoint named "{name}"; `thresher checkpoints` lists them')
    if len(fitting) > 1:
        shown = [f'"{text_of(row)}"' for row in fitting]
        raise UsageError(
            f'"{name}" matches {len(fitting)} checkpoints; give one of {listed(shown, _MOST_SHOWN)}'
        )
    return fitting[0]


def _with_files(connection: Connection) -> set[int]:
    """Return the ids of the checkpoints that wrote a file."""
    files = location.outerjoin(recording, recording.c.id == location.c.recording_id)
    return set(connection.scalars(select(WROTE).distinct().select_from(files).where(WROTE.is_not(None))))


def _cells(row: Any) -> str:
    """Return run, epoch and step as the table of checkpoints prints them."""
    return " ".join(str(value) for value in (row.run, row.epoch, row.step) if value is not None)


def _tidy(text: str) -> str:
    return " ".join(nfc(text).split())


def text_of(row: Any) -> str:
    """Return a checkpoint's name as listings show it."""
    return checkpoint_text(row.run, row.epoch, row.step)


def _stored(digits: str) -> int:
    """Return the number in digits, -1 if it is too large for a checkpoint."""
    number = whole_number(digits)
    return -1 if number is None else number


def _fitting(rows: list[Any], words: list[str]) -> list[Any]:
    """Return the checkpoints that match all words; bare numbers are an epoch and a step, in this order."""
    run: list[str] = []
    bare: list[int] = []
    for word in words:
        number = _NUMBERED.fullmatch(word)
        if number is None:
            run.append(word.removeprefix("run:"))
        elif number["bare"]:
            bare.append(_stored(number["bare"]))
        else:
            field = "step" if number["step"] else "epoch"
            value = _stored(number["step"] or number["epoch"])
            rows = [row for row in rows if getattr(row, field) == value]
    if len(bare) == 1:
        rows = [row for row in rows if row.epoch == bare[0]] or [row for row in rows if row.step == bare[0]]
    elif bare:
        rows = [row for row in rows if [row.epoch, row.step] == bare]
    wanted = folded(" ".join(run))
    if not words:
        return []
    same = [row for row in rows if folded(row.run or "") == wanted]
    return same if same and wanted else [row for row in rows if wanted in folded(row.run or "")]
