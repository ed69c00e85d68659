"""The commands `checkpoints` (show and compare) and `checkpoint` (record a verdict)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import unknown
from thresher.interfaces.cli.app import DECIDE, FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.envelope import BARS
from thresher.interfaces.cli.options import DryRun, Form, Json, form_of
from thresher.interfaces.cli.output import (
    Format,
    checkpoint_text,
    clock,
    emit,
    one_line,
    print_json,
    say,
    score_text,
    tell,
)
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.checkpoints.comparison import FigureDifference
    from thresher.curation.checkpoints.summary import CheckpointRow


FEWEST = 3
"""The fewest checkpoints of a run for which lines of bars are drawn."""

LONGEST_TITLE = 24

WIDEST = 48
"""The most bars in a line. In a run with more checkpoints, neighbours share a bar."""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


_FIGURES: dict[str, Callable[[CheckpointRow], float | None]] = {
    "kept": lambda row: row.minutes_kept / row.minutes_generated if row.minutes_generated else None,
    "silence": lambda row: row.silence,
    "loudness": lambda row: row.loudness,
    "loop": lambda row: row.loop,
    "noise": lambda row: row.noise,
    "collapse": lambda row: row.collapse,
    "copies": lambda row: row.copies,
    "novelty": lambda row: row.novelty,
    "rating": lambda row: row.mean_rating,
}
"""The figures that are drawn over training."""

_SORTS: dict[str, Callable[[CheckpointRow], Any]] = {
    "run": lambda row: row.run,
    "epoch": lambda row: row.epoch,
    "step": lambda row: row.step,
    "clips": lambda row: row.clips,
    "length": lambda row: row.minutes_generated,
    "heard": lambda row: row.heard,
    "rejected": lambda row: row.rejected,
    "verdict": lambda row: row.verdict,
    **_FIGURES,
    "kept": lambda row: row.minutes_kept,
}


def _not_ok(row: CheckpointRow) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in row.statuses.items() if name != "ok")


_COLUMNS = (
    # Run, epoch and step name the checkpoint, so they are always shown in full.
    Column("run", lambda row: row.run, keep=Keep.LINES, least=40),
    Column("epoch", lambda row: row.epoch, is_number=True),
    Column("step", lambda row: row.step, is_number=True),
    Column("clips", lambda row: row.clips, is_number=True, rank=4),
    Column("length", lambda row: clock(60 * row.minutes_generated), is_number=True, rank=9),
    Column("kept", lambda row: clock(60 * row.minutes_kept), is_number=True, rank=5),
    Column("silence", lambda row: _share(row.silence), is_number=True, rank=2),
    Column("LUFS", lambda row: "" if row.loudness is None else f"{row.loudness:.1f}", is_number=True, rank=7),
    Column("loop", lambda row: "" if row.loop is None else f"{row.loop:.2f}", is_number=True, rank=4),
    Column("noise", lambda row: "" if row.noise is None else f"{row.noise:.2f}", is_number=True, rank=4),
    Column("collapse", lambda row: score_text(row.collapse), is_number=True, rank=3),
    Column("copies", lambda row: _share(row.copies), is_number=True, rank=4),
    Column("novelty", lambda row: score_text(row.novelty), is_number=True, rank=2),
    Column(
        "rating",
        lambda row: "" if row.mean_rating is None else f"{row.mean_rating:.1f} ({row.ratings})",
        is_number=True,
        rank=1,
    ),
    Column("heard", lambda row: row.heard or "", is_number=True, rank=8),
    Column("rejected", lambda row: row.rejected or "", is_number=True, rank=8),
    Column("missing", lambda row: row.missing or "", is_number=True, rank=8),
    Column("not ok", _not_ok, keep=Keep.START, rank=6),
    Column("verdict", lambda row: row.verdict, rank=1),
    Column("note", lambda row: row.note, keep=Keep.START, rank=10),
)


@app.command(rich_help_panel=FIND)
def checkpoints(
    query: Annotated[
        list[str] | None,
        typer.Argument(help="Show only checkpoints that wrote a clip of this query, such as run:night."),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN[+|-]", help="Sort by a column, up (+) or down (-): novelty-."),
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help='Compare two checkpoints: "night e20" "night e40".'),
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Show what each checkpoint wrote: share of silence, looping, noise, repetition (collapse) and novelty.

    `collapse` is the mean likeness of a checkpoint's clips with each other. `copies` is the share of clips that
    have the same sound as another. `novelty` is the mean distance from the most similar earlier clip.
    """
    if compare is not None:
        if sort is not None:
            raise UsageError("--sort cannot be used with --compare")
        if query:
            raise UsageError(f'"{" ".join(query)}": --compare takes two checkpoints and no query')
        _compare(*compare, form_of(form, json))
        return
    from thresher.curation.checkpoints.summary import checkpoints as list_checkpoints

    order = None if sort is None else _order(sort)
    with open_catalog() as catalog, ProgressBar("checkpoints") as progress:
        terms = terms_of(catalog, query) if query else None
        rows = list_checkpoints(catalog, progress, terms=terms)
    emit(rows if order is None else order(rows), _COLUMNS, form_of(form, json), fewer="a query shows fewer")
    if form_of(form, json) is Format.TABLE:
        _draw(rows)


def _order(sort: str) -> Callable[[Sequence[CheckpointRow]], list[CheckpointRow]]:
    """Return a function that sorts rows by a column. Rows without a value come last."""
    name = sort.rstrip("+-")
    if name not in _SORTS or len(sort) - len(name) > 1:
        raise UsageError(f"{unknown('sort', sort, _SORTS)}; end it with + or -")
    key = _SORTS[name]

    def ordered(rows: Sequence[CheckpointRow]) -> list[CheckpointRow]:
        known = [row for row in rows if key(row) is not None]
        rest = [row for row in rows if key(row) is None]
        return [*sorted(known, key=key, reverse=sort.endswith("-")), *rest]

    return ordered


def _draw(rows: Sequence[CheckpointRow]) -> None:
    """Draw each figure of each run over training, as a line of bars."""
    runs: dict[str | None, list[CheckpointRow]] = {}
    for row in rows:
        if row.epoch is not None or row.step is not None:
            runs.setdefault(row.run, []).append(row)
    for run, course in runs.items():
        if len(course) < FEWEST:
            continue
        first, last = (checkpoint_text(course[place]).removeprefix(run or "").strip() for place in (0, -1))
        tell(f"{run or 'no run'}, {first} to {last}:")
        for name, read in _FIGURES.items():
            values = [read(row) for row in course]
            known = [value for value in values if value is not None]
            if known:
                ends = (
                    f"{min(known):.3g} … {max(known):.3g}" if min(known) < max(known) else f"{known[0]:.3g}"
                )
                tell(f"  {name:<9} {sparkline(values)}  {ends}")


def sparkline(values: Sequence[float | None]) -> str:
    """Draw values as bars between their minimum and maximum, None as a blank, in at most WIDEST bars."""
    shown = [_mean(part) for part in _parts(values)]
    known = [value for value in shown if value is not None]
    low, span = min(known, default=0.0), max(known, default=0.0) - min(known, default=0.0)
    top = len(BARS) - 1
    return "".join(
        " " if value is None else BARS[round((value - low) / span * top) if span else 0] for value in shown
    )


def _parts(values: Sequence[float | None]) -> list[Sequence[float | None]]:
    count = min(len(values), WIDEST)
    ends = [len(values) * place // count for place in range(count + 1)] if count else [0]
    return [values[start:end] for start, end in itertools.pairwise(ends)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _short(first: str, second: str) -> tuple[str, str]:
    """Shorten the names of two checkpoints: leave out the words that both start with, and cut long names."""
    words, other_words = first.split(), second.split()
    shared = sum(
        1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(words, other_words, strict=False))
    )
    kept = (" ".join(each[shared:]) or " ".join(each) for each in (words, other_words))
    one, other = (name if len(name) <= LONGEST_TITLE else f"…{name[1 - LONGEST_TITLE :]}" for name in kept)
    return one, other


def _compare(first: str, second: str, form: Format) -> None:
    from thresher.curation.checkpoints.comparison import compare_checkpoints

    with open_catalog() as catalog:
        found = compare_checkpoints(catalog, first, second)
    if form is Format.JSON:
        print_json(found)
        return
    first, second = _short(found.first, found.second)
    if form is Format.TABLE and (first, second) != (found.first, found.second):
        say(f"{found.first} and {found.second}:")
    columns = (
        Column("figure", lambda row: row.figure.replace("_", " ")),
        Column(first, lambda row: _number(row.first), is_number=True),
        Column(second, lambda row: _number(row.second), is_number=True),
        Column("clips", lambda row: f"{row.clips_first}, {row.clips_second}", is_number=True, rank=1),
        Column("difference", lambda row: _number(row.difference, sign="+"), is_number=True),
        Column("95 % interval", _interval, is_number=True),
        Column("", _meaning),
    )
    # A table leaves out figures that neither checkpoint has.
    is_known = [
        row for row in found.differences if form is not Format.TABLE or row.clips_first or row.clips_second
    ]
    emit(is_known, columns, form)
    if form is Format.TABLE and any(row.is_chance is not None for row in is_known):
        say("of twenty figures without a real change, one or two are reported as changed by chance")


def _number(value: float | None, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.3g}"


def _interval(row: FigureDifference) -> str:
    return "" if row.low is None or row.high is None else f"{row.low:+.2g} … {row.high:+.2g}"


def _meaning(row: FigureDifference) -> str:
    if row.difference is None:
        return ""
    if row.is_chance is None:
        return "too few clips"
    if row.low == row.high == 0:
        return "no change"
    if row.is_chance:
        return "may be chance"
    return "more" if row.difference > 0 else "less"


@app.command(rich_help_panel=DECIDE)
def checkpoint(
    name: Annotated[
        str,
        typer.Argument(
            metavar="CKPT",
            help='A checkpoint as `checkpoints` shows it, such as "night 20 4000", or a part of that.',
        ),
    ],
    keep: Annotated[bool, typer.Option("--keep", help="Mark it as worth keeping.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Mark it as not worth keeping.")] = False,
    gone: Annotated[bool, typer.Option("--gone", help="Mark its weights as deleted.")] = False,
    none: Annotated[bool, typer.Option("--none", help="Remove the verdict.")] = False,
    note: Annotated[str | None, typer.Option(help='Set the note; "" removes it.')] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Record a verdict on a checkpoint: keep, drop or gone. The query field is verdict, as in verdict:keep."""
    from thresher.curation.checkpoints.verdicts import judge_checkpoint

    said = [
        word
        for word, is_said in zip(("keep", "drop", "gone", "none"), (keep, drop, gone, none), strict=True)
        if is_said
    ]
    if len(said) > 1:
        raise UsageError(f"--{' and --'.join(said)} exclude each other; give one of them")
    with open_catalog() as catalog:
        called, decision = judge_checkpoint(catalog, name, said[0] if said else None, note, dry_run=dry_run)
    if json:
        print_json({"checkpoint": called, "decision": decision}, dry_run=dry_run)
        return
    if decision is None:
        tell(f"{called}: nothing to change")
        return
    if dry_run:
        tell(f"dry run: {one_line(decision.summary)}")
        return
    tell(f"decision {decision.id}: {one_line(decision.summary)}")
    say(f"`thresher undo {decision.id}` reverts it")
