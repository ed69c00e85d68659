"""The commands over marks: mark, unmark."""

from __future__ import annotations

import shlex
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted, listed
from thresher.interfaces.cli.app import DECIDE, DONE_IN_PART, app, open_catalog
from thresher.interfaces.cli.deciding import decide
from thresher.interfaces.cli.options import DryRun, Json, Query, Yes
from thresher.interfaces.cli.output import from_here, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.curation.cutting.labels import LabelReport
    from thresher.curation.cutting.marking import MarkRow
    from thresher.curation.cutting.marks import MarkReport

MOST_LINES = 20
"""The most lines of a label file whose errors are printed."""


class Origin(StrEnum):
    """What times count from."""

    CLIP = "clip"
    RECORDING = "recording"


@app.command(rich_help_panel=DECIDE, context_settings={"ignore_unknown_options": True})  # -1 is a time
def mark(
    clip: Annotated[
        str, typer.Argument(metavar="CLIP", help="A clip id, a file, or a query that matches one clip.")
    ],
    start: Annotated[
        str | None, typer.Argument(metavar="[START]", help="The start of the span: 7.5 or 0:07.500.")
    ] = None,
    end: Annotated[str | None, typer.Argument(metavar="[END]", help="The end of the span.")] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help='Name the mark; without START and END, rename a mark ("" removes the name).'
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE", help="Mark the labels of a file from Audacity.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write parts and marks as labels for Audacity."),
    ] = None,
    origin: Annotated[
        Origin | None,
        typer.Option(
            "--from",
            help="Count times from the start of the clip as `play` plays it (the default for START and END), or of "
            "its whole recording (the default for labels).",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let --export replace a file.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a clip from a span of another one by hand: mark 12 0:07.5 0:11.5 --name drop.

    Marks are clips with scores, ratings and tags of their own, and may overlap. Their clip stays as it is.
    """
    given = [option for option, value in (("--labels", labels), ("--export", export)) if value is not None]
    if len(given) > 1 or (given and (start is not None or name is not None)):
        raise UsageError(f"{given[0]} takes only a clip and --from; write one command for each")
    if overwrite and export is None:
        raise UsageError("--overwrite needs --export FILE")
    if not given and (start is None) is not (end is None):
        raise UsageError(f"{start} has no END; write `thresher mark {shlex.quote(clip)} START END`")
    if not given and start is None and name is None:
        raise UsageError(
            f"write `thresher mark {shlex.quote(clip)} START END`, or give --name NAME for a mark, "
            "--labels FILE or --export FILE"
        )
    with open_catalog() as catalog:
        if labels is not None:
            _import(catalog, clip, labels, origin or Origin.RECORDING, dry_run=dry_run, json=json)
        elif export is not None:
            _export(
                catalog,
                clip,
                export,
                origin or Origin.RECORDING,
                overwrite=overwrite,
                dry_run=dry_run,
                json=json,
            )
        elif start is not None and end is not None:
            span = _seconds("START", start), _seconds("END", end)
            _mark(catalog, clip, span, name, origin or Origin.CLIP, dry_run=dry_run, json=json)
        else:
            _rename(catalog, clip, name, dry_run=dry_run, json=json)


@app.command(rich_help_panel=DECIDE)
def unmark(query: Query, dry_run: DryRun = False, yes: Yes = False, json: Json = False) -> None:
    """Remove marks: unmark 51, or unmark mark:drop. Their ratings and tags come back if they are marked again.

    Wholes and parts are never removed. Files are not touched.
    """
    from thresher.curation.cutting.marks import unmark as run

    report = decide(query, run, dry_run=dry_run, yes=yes, json=json)
    for song, marks in report.songs.items():
        verb = "would leave" if dry_run else "left"
        ids = listed([str(clip_id) for clip_id in marks])
        say(f'{counted(len(marks), "mark")} {verb} song "{song}" ({ids}); its renderings stay')


def _seconds(what: str, text: str) -> float:
    from thresher.catalog.text.values import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(
            f'{what} "{text}" is not a time (expected seconds such as 7.5, or 0:07.500)'
        ) from error


def _mark(
    catalog: Catalog,
    clip: str,
    span: tuple[float, float],
    name: str | None,
    origin: Origin,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    from thresher.curation.cutting.marks import mark as run

    with ProgressBar() as progress:
        report = run(catalog, clip, *span, name=name, origin=origin.value, dry_run=dry_run, progress=progress)
    _print_marks(report, json=json)


def _rename(catalog: Catalog, clip: str, name: str | None, *, dry_run: bool, json: bool) -> None:
    from thresher.curation.cutting.marks import name_mark

    _print_marks(name_mark(catalog, clip, name, dry_run=dry_run), json=json)


def _import(catalog: Catalog, clip: str, file: Path, origin: Origin, *, dry_run: bool, json: bool) -> None:
    from thresher.curation.cutting.labels import import_labels

    with ProgressBar() as progress:
        report = import_labels(catalog, clip, file, origin=origin.value, dry_run=dry_run, progress=progress)
    if json:
        print_json(report)
    else:
        _print_labels(report, file)
    if report.unused:
        raise typer.Exit(DONE_IN_PART)


def _export(
    catalog: Catalog, clip: str, file: Path, origin: Origin, *, overwrite: bool, dry_run: bool, json: bool
) -> None:
    from thresher.curation.cutting.labels import export_labels

    report = export_labels(catalog, clip, file, origin=origin.value, overwrite=overwrite, dry_run=dry_run)
    if json:
        print_json(report)
        return
    head = "dry run: would write " if dry_run else ""
    what = " and ".join(
        counted(number, noun) for number, noun in ((report.parts, "part"), (report.marks, "mark")) if number
    )
    tell(f"{head}{from_here(report.path)}: {what}")
    if report.outside:
        say(
            f"{counted(report.outside, 'clip')} left out: not inside of clip {report.clip} (--from recording)"
        )


def _print_marks(report: MarkReport, *, json: bool) -> None:
    if json:
        print_json(report)
        return
    head = "dry run: " if report.dry_run else ""
    for row in report.marks:
        tell(f"{head}{_mark_text(row)}")
        if row.status != "ok":
            say(f"its status is {row.status}: {row.reason}")
    _say_undo(report)


def _say_undo(report: MarkReport) -> None:
    if report.decision is not None and not report.dry_run:
        say(f"decision {report.decision.id}; `thresher undo {report.decision.id}` reverts it")


def _mark_text(row: MarkRow) -> str:
    named = f' "{row.name}"' if row.name else ""
    states = {
        "new": "new mark",
        "restored": "restored mark",
        "renamed": "renamed mark",
        "unchanged": "nothing to change, already mark",
    }
    number = "" if row.clip is None else f" {row.clip}"
    span = f"{row.start:.3f} s to {row.end:.3f} s of its recording ({row.seconds:.3f} s)"
    return f"{states[row.state]}{number}{named}: {span}"


def _print_labels(report: LabelReport, file: Path) -> None:
    head = "dry run: " if report.dry_run else ""
    words = {"new": "new", "restored": "restored", "renamed": "renamed", "unchanged": "already there"}
    count: Counter[str] = Counter(row.state for row in report.marks)
    parts = [f"{count[state]:,} {word}" for state, word in words.items() if count[state]]
    tell(f"{head}{counted(len(report.marks), 'mark')} of {file}{': ' if parts else ''}{', '.join(parts)}")
    ids = [str(row.clip) for row in report.marks if row.state in ("new", "restored") and row.clip is not None]
    if ids:
        say(f"clips {listed(ids)}")
    for status, number in Counter(row.status for row in report.marks if row.status != "ok").items():
        say(f"{counted(number, 'mark')} of status {status}")
    if report.encoding == "Windows-1252":
        say("the file is not UTF-8; names were read as Windows-1252")
    if report.parts:
        say(f"{counted(report.parts, 'label')} left alone: parts of the recording, as they were exported")
    if report.points:
        say(f"{counted(report.points, 'label')} skipped: points without a length")
    if report.frequencies:
        say(f"{counted(report.frequencies, 'range')} of frequencies skipped: a mark has none")
    for each in report.unused[:MOST_LINES]:
        say(f"line {each.line} not used: {each.reason}")
    if len(report.unused) > MOST_LINES:
        say(f"… and {len(report.unused) - MOST_LINES:,} more lines not used; --json lists all")
    _say_undo(report)
