"""The `clusters` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted, listed
from thresher.interfaces.cli.app import FIND, app, open_catalog, terms_of
from thresher.interfaces.cli.clip_columns import path_text
from thresher.interfaces.cli.options import Form, Json, OptionalQuery, form_of
from thresher.interfaces.cli.output import (
    Format,
    checkpoint_text,
    emit,
    local_time,
    print_json,
    say,
    score_text,
)
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.comparison.clusters import Clustering, ClusterRow


def _checkpoint(row: ClusterRow) -> str:
    """Return the checkpoint that wrote most clips of a cluster, with its share if that is not all."""
    name = checkpoint_text(row)
    return name if not name or row.share == 1.0 else f"{row.share:.0%} {name}"


COLUMNS = (
    Column("cluster", lambda row: row.number, is_number=True),
    Column("clips", lambda row: row.size, is_number=True),
    Column("likeness", lambda row: score_text(row.likeness), is_number=True),
    Column("checkpoint", _checkpoint, keep=Keep.BOTH_ENDS, rank=2),
    Column(
        "rating",
        lambda row: "" if row.mean_rating is None else f"{row.mean_rating:.1f}",
        is_number=True,
        rank=3,
    ),
    Column("heard", lambda row: f"{row.heard:.0%}" if row.heard else "", is_number=True, rank=4),
    Column("medoid", lambda row: row.medoid, is_number=True),
    Column("path", lambda row: path_text(row.path, row.part), keep=Keep.END, rank=1),
)


@app.command(rich_help_panel=FIND)
def clusters(
    query: OptionalQuery = None,
    refit: Annotated[bool, typer.Option("--refit", help="Group the clips of the query again.")] = False,
    smallest: Annotated[
        int | None, typer.Option(min=2, help="The smallest number of clips in a cluster. Default: 4.")
    ] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Group similar clips into clusters. The query `cluster:7` then matches the clips of cluster 7.

    Similarity is measured by the metric likeness (timbre, movement, rhythm, harmony). The first call
    groups the clips, and --refit groups them again; until then, new clips are in no cluster. A cluster that keeps
    most of its clips keeps its number. The medoid is the clip most similar to all others of its cluster.
    """
    from thresher.curation.comparison.clusters import clusters as group_clips
    from thresher.interfaces.cli.progress import ProgressBar

    with open_catalog() as catalog, ProgressBar() as progress:
        found = group_clips(
            catalog, terms_of(catalog, query or []), refit=refit, smallest=smallest, progress=progress
        )
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json(found)
        return
    emit(found.clusters, COLUMNS, chosen, fewer="a query shows fewer")
    _say_summary(found)


def _say_summary(found: Clustering) -> None:
    within = sum(row.size for row in found.clusters)
    of_query = f" of {found.query}" if found.query else ""
    say(
        f"{counted(within, 'clip')} in {counted(len(found.clusters), 'cluster')}, {found.alone:,} in no cluster "
        f"(grouped {local_time(found.fitted_at)}{of_query})"
    )
    if found.change is not None and (found.change.kept or found.change.gone):
        kept, new, gone = found.change.kept, found.change.new, found.change.gone
        say(f"{len(kept)} kept their numbers; new: {_numbers(new)}; gone: {_numbers(gone)}")
    if found.unfitted:
        say(
            f"{counted(found.unfitted, 'clip')} came into its query since; `{found.refit_command}` groups them, too"
        )
    if found.outside:
        say(f"{counted(found.outside, 'clip')} outside the query of this grouping")
    if found.describable:
        say(f"{counted(found.describable, 'clip')} without a descriptor; `thresher score` computes it")
    if found.undescribed > found.describable:
        clips = counted(found.undescribed - found.describable, "clip")
        say(
            f"{clips} without a descriptor: they are empty, their files are missing, or likeness is not in use"
        )


def _numbers(numbers: tuple[int, ...]) -> str:
    return listed([str(number) for number in numbers], 10) or "none"
