"""What the clusters of a catalog are: those of the last fit, as far as a query's clips are in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog import features as compared
from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import IS_HEARD, SOURCE, shown_location
from thresher.catalog.database import chunks
from thresher.catalog.query import join_terms
from thresher.catalog.schema import checkpoint, clip, cluster, cluster_clip, clustering, location
from thresher.curation.clips.selection import Terms, select_ids
from thresher.curation.comparison.cluster_fit import ClusterChange, fit_clusters
from thresher.curation.workers import Progress, cores, no_progress
from thresher.errors import UsageError
from thresher.signal.metrics.likeness import Likenesses
from thresher.signal.statistics.clustering import SMALLEST, mean_likeness


@dataclass(frozen=True)
class ClusterRow:
    """A cluster, by those of its clips that are shown; `thresher list cluster:NUMBER` lists them.

    `medoid` is the clip that is most like the others, with its `path`; `likeness` the mean likeness of the clips
    among themselves, None for one alone. `run`, `epoch` and `step` name the checkpoint that wrote most of them,
    `share` how many of them, in [0, 1]. `mean_rating` goes over those rated; `heard` is the share that was heard.
    """

    number: int
    size: int
    medoid: int
    path: str | None
    likeness: float | None
    run: str | None
    epoch: int | None
    step: int | None
    share: float
    mean_rating: float | None
    heard: float


@dataclass(frozen=True)
class Clustering:
    """The last fit – of the clips of `query` at `fitted_at`, `smallest` to a cluster – and its clusters.

    Counted are the clips shown: `alone` are kin to none, `unfitted` were not there at the fit or not in its query,
    `undescribed` have nothing to group by. `change` is what a fit did just now; None where it was not asked for.
    """

    query: str
    fitted_at: float
    smallest: int
    clusters: tuple[ClusterRow, ...]
    alone: int
    unfitted: int
    undescribed: int
    change: ClusterChange | None = None

    @property
    def refit_command(self) -> str:
        """The command that makes this fit again, over the clips that its query finds now."""
        smallest = "" if self.smallest == SMALLEST else f" --smallest {self.smallest}"
        return f"thresher clusters {self.query} --refit{smallest}".replace("  ", " ")


def clusters(
    catalog: Catalog,
    terms: Terms = (),
    *,
    refit: bool = False,
    smallest: int | None = None,
    progress: Progress = no_progress,
) -> Clustering:
    """The clusters of the last fit, the largest first, restricted to the clips that the terms find.

    Without terms, those of the fit's own query. The first time, and with `refit`, the clips that the terms find are
    grouped first. UsageError for a `smallest` that is not the last fit's, without `refit`; else raises what
    `fit_clusters` does.
    """
    with catalog.reading() as connection:
        last = connection.execute(select(clustering)).one_or_none()
    change = None
    if refit or last is None:
        change = fit_clusters(catalog, terms, smallest, progress)
    elif smallest is not None and smallest != last.smallest:
        raise UsageError(
            f"the clusters that there are have {last.smallest} clips or more; --refit makes new ones of {smallest}"
        )
    with catalog.reading() as connection:
        return replace(_shown(catalog, connection, terms), change=change)


def _shown(catalog: Catalog, connection: Connection, terms: Terms) -> Clustering:
    fit = connection.execute(select(clustering)).one()
    found = select_ids(catalog, connection, terms if join_terms(terms) else fit.query)
    has_descriptor = compared.checksums(connection, found, "descriptor")
    numbers: dict[int, int | None] = {
        row.clip_id: row.number
        for chunk in chunks(found)
        for row in connection.execute(
            select(cluster_clip.c.clip_id, cluster_clip.c.number).where(cluster_clip.c.clip_id.in_(chunk))
        )
    }
    members: defaultdict[int, list[int]] = defaultdict(list)
    for clip_id in found:
        number = numbers.get(clip_id)
        if number is not None:
            members[number].append(clip_id)
    rows = [_cluster_row(connection, number, ids) for number, ids in members.items()]
    return Clustering(
        query=fit.query,
        fitted_at=fit.fitted_at,
        smallest=fit.smallest,
        clusters=tuple(sorted(rows, key=lambda row: (-row.size, row.number))),
        alone=sum(numbers.get(clip_id, 0) is None for clip_id in found),
        unfitted=sum(clip_id not in numbers for clip_id in has_descriptor),
        undescribed=sum(clip_id not in numbers and clip_id not in has_descriptor for clip_id in found),
    )


def _cluster_row(connection: Connection, number: int, ids: Sequence[int]) -> ClusterRow:
    facts: dict[int, Any] = {
        row.id: row
        for chunk in chunks(ids)
        for row in connection.execute(
            select(
                clip.c.id,
                checkpoint.c.run,
                checkpoint.c.epoch,
                checkpoint.c.step,
                clip.c.rating,
                IS_HEARD.label("heard"),
                shown_location(location.c.path_text).label("path"),
            )
            .select_from(SOURCE)
            .where(clip.c.id.in_(chunk))
        )
    }
    medoid, likeness = _medoid(connection, number, ids)
    written = Counter((row.run, row.epoch, row.step) for row in (facts[clip_id] for clip_id in ids))
    (run, epoch, step), most = written.most_common(1)[0]
    ratings = [row.rating for row in facts.values() if row.rating is not None]
    return ClusterRow(
        number=number,
        size=len(ids),
        medoid=medoid,
        path=facts[medoid].path,
        likeness=likeness,
        run=run,
        epoch=epoch,
        step=step,
        share=most / len(ids),
        mean_rating=sum(ratings) / len(ratings) if ratings else None,
        heard=sum(bool(row.heard) for row in facts.values()) / len(ids),
    )


def _medoid(connection: Connection, number: int, ids: Sequence[int]) -> tuple[int, float | None]:
    """The medoid among the clips shown – the fit's own where it is among them – and their mean likeness."""
    own: int | None = connection.scalar(select(cluster.c.medoid_id).where(cluster.c.number == number))
    stays = own if own in ids else None
    compared_ids = list(compared.checksums(connection, ids, "descriptor"))
    if len(compared_ids) < 2:
        return stays or ids[0], None
    kept = Likenesses.pack(compared.read(connection, compared_ids, "descriptor"), threads=cores())
    means = mean_likeness(kept, threads=cores())
    return stays or compared_ids[int(means.argmax())], float(means.mean())
