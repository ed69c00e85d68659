"""Reports of splits in words, and the drawings of a dry run."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from typing import TYPE_CHECKING

from thresher.formatting import counted
from thresher.interfaces.cli.envelope import drawn
from thresher.interfaces.cli.ingest_output import tell_all_scoring, tell_some, tell_suspects
from thresher.interfaces.cli.output import clock, say, tell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from thresher.curation.cutting.split_report import Part, SplitRecording, SplitReport

MOST_SHOWN = 10
"""The recordings that are described or drawn one by one."""

STATUS_WORDS = {"too_short": "too short for a fingerprint", "silent": "silent"}

NO_TERMINAL_WIDTH = 100


def tell_split(report: SplitReport, *, dry_run: bool) -> None:
    """Print what a split or a join did, or would do."""
    for each in report.recordings[:MOST_SHOWN]:
        _tell_recording(each, dry_run=dry_run)
    if len(report.recordings) > MOST_SHOWN:
        rest = len(report.recordings) - MOST_SHOWN
        say(f"… and {counted(rest, 'more recording')}; --json shows all")
    _tell_total(report, dry_run=dry_run)
    _tell_lost(report, dry_run=dry_run)
    unchanged = [f"{each.path} {each.reason}" for each in report.unchanged]
    tell_some("left as it is", unchanged, "recording")
    for failure in report.failures:
        say(f"not split: {failure.path}: {failure.reason}")
    tell_all_scoring(report.scores)
    tell_suspects(len(report.suspects))
    if report.decision is not None:
        say(f"`thresher undo {report.decision.id}` reverts it")


def _tell_recording(found: SplitRecording, *, dry_run: bool) -> None:
    """Print what becomes of a recording, in a dry run with its envelope."""
    new = sum(part.is_new for part in found.parts)
    kept = len(found.parts) - new
    if found.parts:
        facts = [f"{new} new" if kept else "", f"{kept} as before" if kept else ""]
        facts += [f"{len(found.gone)} gone" if found.gone else ""]
        inside = ", ".join(fact for fact in facts if fact)
        detail = f" ({inside})" if inside else ""
        tell(f"{found.path}, {clock(found.seconds)}: {counted(len(found.parts), 'part')}{detail}")
    else:
        tell(f"{found.path}, {clock(found.seconds)}: joined, {counted(len(found.gone), 'part')} gone")
    if dry_run and found.envelope:
        spans = [(part.start, part.end) for part in found.parts]
        for line in drawn(found.envelope, spans, found.seconds, _width()):
            tell(line)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else NO_TERMINAL_WIDTH


def _tell_total(report: SplitReport, *, dry_run: bool) -> None:
    if not report.recordings or (report.decision is None and not dry_run):
        tell("nothing to change")
        return
    split = [each for each in report.recordings if each.parts]
    joined = len(report.recordings) - len(split)
    did = []
    if split:
        did.append(f"{counted(len(split), 'recording')} split into {counted(len(report.parts), 'part')}")
    if joined:
        did.append(f"{counted(joined, 'recording')} joined")
    head = "dry run, nothing was changed: " if dry_run else ""
    number = "" if report.decision is None else f"decision {report.decision.id}: "
    tell(f"{head}{number}{' and '.join(did)}{_statuses(report.parts)}")


def _statuses(parts: Iterable[Part]) -> str:
    counts = Counter(part.status for part in parts)
    found = [f"{counts[status]} {words}" for status, words in STATUS_WORDS.items() if counts[status]]
    return f" ({', '.join(found)})" if found else ""


def _tell_lost(report: SplitReport, *, dry_run: bool) -> None:
    """Name the judged clips and those in songs that leave, and the parts that take their place."""
    leaves, replaced = ("would leave", "would be") if dry_run else ("leaves", "is")
    notes = [
        f"{each.whole.words} {leaves} listings and songs, except where a query names it by id or kind: its "
        "parts stand for it"
        for each in report.recordings
        if each.whole is not None and (each.whole.judged or each.whole.songs)
    ]
    for lost in report.gone:
        if lost.has_heir and (lost.judged or lost.songs):
            heir = "a new clip" if lost.heir is None else f"clip {lost.heir}"
            notes.append(
                f"{lost.words} {replaced} replaced by {heir}, with its judgements and places in songs"
            )
        elif lost.judged or lost.songs:
            notes.append(f"{lost.words} {leaves} listings and songs; its judgements are kept")
    tell_some("note", notes)
