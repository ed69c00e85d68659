"""The `near` command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import any_of
from thresher.interfaces.cli.app import FIND, app, open_catalog
from thresher.interfaces.cli.clip_columns import clip_columns, csv_records
from thresher.interfaces.cli.options import Form, Json, form_of, seconds_of
from thresher.interfaces.cli.output import Format, emit, score_text
from thresher.interfaces.cli.table import Column
from thresher.signal.metrics.registry import METRICS

COLUMNS = (
    Column("score", lambda row: score_text(row.score), is_number=True),
    Column("offset", lambda row: "" if row.offset is None else f"{row.offset:+.1f} s", is_number=True),
)

MOMENT_COLUMNS = (
    COLUMNS[0],
    Column("by", lambda row: row.metric),
    Column("at", lambda row: "" if row.at is None else f"{row.at:.1f} s", is_number=True),
)


def _of_clip(column: Column) -> Column:
    return replace(column, show=lambda row: column.show(row.clip))


@app.command(rich_help_panel=FIND)
def near(
    clip: Annotated[str, typer.Argument(help="A clip id, a query that matches one clip, or any audio file.")],
    metric: Annotated[
        str | None,
        typer.Option(help=f"Compare by {any_of(METRICS)}. Default: [metrics] default in catalog.toml."),
    ] = None,
    limit: Annotated[int, typer.Option(help="Show at most this many clips.")] = 20,
    at: Annotated[
        float | None,
        typer.Option(
            "--at",
            metavar="S",
            parser=seconds_of,
            help="Compare only the moment that begins S (seconds, or 0:07.5) after the start of the clip, "
            "with the places where it occurs in other clips first, then by likeness.",
        ),
    ] = None,
    length: Annotated[
        float | None,
        typer.Option(
            "--length", metavar="S", parser=seconds_of, help="Length of the moment of --at. Default: 5."
        ),
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """List the clips most similar to a clip or an audio file, best score first.

    Clips of the same recording are left out: a part resembles its whole.
    """
    from thresher.curation.comparison.neighbours import near as find

    if at is not None:
        _near_moment(clip, at, length, metric, limit, form_of(form, json))
        return
    if length is not None:
        raise UsageError("--length is the length of a moment; write --at, too")
    with open_catalog() as catalog:
        rows = find(catalog, clip, metric, limit=limit)
    _emit(rows, COLUMNS, form_of(form, json))


def _near_moment(
    clip: str, at: float, length: float | None, metric: str | None, limit: int, form: Format
) -> None:
    from thresher.curation.listening.moments import MOMENT_SECONDS, near_moment

    with open_catalog() as catalog:
        seconds = MOMENT_SECONDS if length is None else length
        rows = near_moment(catalog, clip, at, length=seconds, metric=metric, limit=limit)
    _emit(rows, MOMENT_COLUMNS, form)


def _emit(rows: Sequence[Any], own: tuple[Column, ...], form: Format) -> None:
    if form is Format.CSV:
        emit(_csv_rows(rows), own, form)
        return
    of_clips = clip_columns([row.clip for row in rows])
    emit(
        rows,
        (*own, *(_of_clip(column) for column in of_clips if column.title != "score")),
        form,
        show_all=True,
    )


def _csv_rows(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Return rows in which the fields of the clip are columns; its best score against any clip is left out."""
    own = [
        {each.name: getattr(row, each.name) for each in fields(row) if each.name != "clip"} for row in rows
    ]
    of_clips = csv_records([row.clip for row in rows], [{} for _ in rows])
    return [{**scores, **{**clip, **scores}} for scores, clip in zip(own, of_clips, strict=True)]
