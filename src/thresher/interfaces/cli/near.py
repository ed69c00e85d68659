"""The `near` command."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from thresher.formatting import any_of
from thresher.interfaces.cli.app import FIND, app, open_catalog
from thresher.interfaces.cli.clip_columns import clip_columns
from thresher.interfaces.cli.options import Form, Json, form_of
from thresher.interfaces.cli.output import Format, emit, score_text
from thresher.interfaces.cli.table import Column
from thresher.signal.metrics.registry import METRICS

COLUMNS = (
    Column("score", lambda row: score_text(row.score), is_number=True),
    Column("offset", lambda row: "" if row.offset is None else f"{row.offset:+.1f} s", is_number=True),
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
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """List the clips most similar to a clip or an audio file, best score first.

    Clips of the same recording are left out: a part resembles its whole.
    """
    from thresher.curation.comparison.neighbours import near as find

    with open_catalog() as catalog:
        rows = find(catalog, clip, metric, limit=limit)
    of_clips = clip_columns([row.clip for row in rows])
    columns = (*COLUMNS, *(_of_clip(column) for column in of_clips if column.title != "score"))
    emit(rows, columns, form_of(form, json))
