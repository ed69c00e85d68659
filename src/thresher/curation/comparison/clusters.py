"""Show the clusters of the last fit, restricted to the clips that match a query."""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import checkpoint, clip, cluster, cluster_clip, clustering, location
from thresher.catalog.queries.query import join_terms
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_source import IS_HEARD, SOURCE, shown_location
from thresher.catalog.recordings.cut_clips import CutPlace, cut_places
from thresher.catalog.scores import features
from thresher.curation.analysis.task import makes_descriptors
from thresher.curation.clips.selection import select_ids
from thresher.curation.comparison.cluster_fit import ClusterChange, fit_clusters
from thresher.curation.workers import cores
from thresher.errors import NotFoundError, QueryError, UsageError
from thresher.progress import Progress, no_progress
from thresher.signal.features.descriptors import VERSION as DESCRIPTOR_VERSION
from thresher.signal.metrics.likeness import Likenesses
from thresher.signal.statistics.clustering import SMALLEST, find_medoid


@dataclass(frozen=True)
class ClusterRow:
    """A cluster, described by those of its clips that are shown; `thresher list cluster:NUMBER` lists them.

    `medoid` is the id of the clip with the highest mean likeness to the others, `path` its file, and `part` which
    part or mark of it the clip is, None for a whole. `likeness` is the mean likeness of all pairs of clips; None
    for one clip. `run`, `epoch` and `step` name the checkpoint that wrote most of the clips, and `share` is the
    share of clips it wrote. `mean_rating` is the mean over rated clips. `heard` is the share of clips that were
    heard. Likeness and shares are in [0, 1].
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
    part: str | None = None


@dataclass(frozen=True)
class Clustering:
    """The last fit and its clusters.

    The fit grouped the clips that matched `query` at `fitted_at` (seconds since 1970), with at least `smallest`
    clips in a cluster. Of the clips shown, `alone` are in no cluster, `unfitted` were added to its query since,
    `outside` do not match its query, and `undescribed` have no descriptor. Of those, `describable` get one from
    `thresher score`. `change` is what a fit changed just now, None if none was made.
    """

    query: str
    fitted_at: float
    smallest: int
    clusters: tuple[ClusterRow, ...]
    alone: int
    unfitted: int
    undescribed: int
    change: ClusterChange | None = None
    outside: int = 0
    describable: int = 0

    @property
    def refit_command(self) -> str:
        """The command that repeats this fit with the clips that match its query now."""
        smallest = "" if self.smallest == SMALLEST else f" --smallest {self.smallest}"
        plain = re.fullmatch(r"[\w.:@,+/= ^-]*", self.query)
        query = self.query if plain else shlex.quote(self.query)
        return f"thresher clusters {query} --refit{smallest}".replace("  ", " ")


def clusters(
    catalog: Catalog,
    terms: Terms = (),
    *,
    refit: bool = False,
    smallest: int | None = None,
    progress: Progress = no_progress,
) -> Clustering:
    """Return the clusters of the last fit, largest first, restricted to the clips that match the terms.

    Without terms, the fit's own query is used. If there is no fit yet, or with `refit`, the clips that match
    the terms are grouped first.

    Raises UsageError for a `smallest` other than the last fit's without `refit`, and what `fit_clusters` raises.
    """
    with catalog.reading() as connection:
        last = connection.execute(select(clustering)).one_or_none()
    change = None
    if refit or last is None:
        change = fit_clusters(catalog, terms, smallest, progress)
    elif smallest is not None and smallest != last.smallest:
        raise UsageError(
            f"the current clusters have {last.smallest} clips or more; "
            f"add --refit to group again with at least {smallest}"
        )
    with catalog.reading() as connection:
        shown, members = _shown(catalog, connection, terms)
    rows = sorted(map(_cluster_row, members), key=lambda row: (-row.size, row.number))
    return replace(shown, clusters=tuple(rows), change=change)


def _shown(catalog: Catalog, connection: Connection, terms: Terms) -> tuple[Clustering, list[_Members]]:
    """Return the last fit without its clusters, and for each cluster its clips with what its row needs."""
    fit = connection.execute(select(clustering)).one()
    is_given = bool(join_terms(terms))
    found = select_ids(catalog, connection, terms if is_given else fit.query, stored=not is_given)
    has_descriptor = features.checksums(connection, found, "descriptor")
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
    unfitted = [clip_id for clip_id in has_descriptor if clip_id not in numbers]
    undescribed = [clip_id for clip_id in found if clip_id not in numbers and clip_id not in has_descriptor]
    outside = set(unfitted) - _matching_fit(catalog, connection, fit.query) if unfitted else set()
    shown = Clustering(
        query=fit.query,
        fitted_at=fit.fitted_at,
        smallest=fit.smallest,
        clusters=(),
        alone=sum(numbers.get(clip_id, 0) is None for clip_id in found),
        unfitted=len(unfitted) - len(outside),
        undescribed=len(undescribed),
        outside=len(outside),
        describable=_describable(catalog, connection, undescribed),
    )
    return shown, [_members(connection, number, ids) for number, ids in members.items()]


def _matching_fit(catalog: Catalog, connection: Connection, query: str) -> set[int]:
    try:
        return set(select_ids(catalog, connection, query, stored=True))
    except (QueryError, NotFoundError):  # the query names something that no longer exists
        return set()


def _describable(catalog: Catalog, connection: Connection, clip_ids: Sequence[int]) -> int:
    """Count the clips of which `thresher score` computes a descriptor: audible ones whose files are present."""
    if not makes_descriptors(catalog.settings):
        return 0
    is_present = select(location.c.id).where(
        location.c.recording_id == clip.c.recording_id, location.c.missing_since.is_(None)
    )
    lacks_version = func.coalesce(clip.c.descriptor_version, 0) != DESCRIPTOR_VERSION
    statement = select(func.count()).where(
        lacks_version, clip.c.end_frame > clip.c.start_frame, is_present.exists()
    )
    return sum(
        int(connection.scalar(statement.where(clip.c.id.in_(chunk))) or 0) for chunk in chunks(clip_ids)
    )


@dataclass(frozen=True, eq=False)
class _Members:
    """The shown clips of a cluster, with facts, and their descriptors.

    `fitted` is the medoid of the fit, None if it is not shown. `described` are the clips that have a descriptor;
    `descriptors` are theirs, in this order. `places` say which part or mark a clip is.
    """

    number: int
    ids: Sequence[int]
    facts: Mapping[int, Any]
    fitted: int | None
    described: Sequence[int]
    descriptors: Sequence[NDArray[Any]]
    places: Mapping[int, CutPlace]


def _members(connection: Connection, number: int, ids: Sequence[int]) -> _Members:
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
    fitted: int | None = connection.scalar(select(cluster.c.medoid_id).where(cluster.c.number == number))
    described = list(features.checksums(connection, ids, "descriptor"))
    return _Members(
        number,
        ids,
        facts,
        fitted if fitted in facts else None,
        described,
        list(features.read(connection, described, "descriptor")),
        cut_places(connection, ids),
    )


def _cluster_row(members: _Members) -> ClusterRow:
    ids, facts = members.ids, members.facts
    medoid, likeness = _medoid(members)
    checkpoints = Counter((row.run, row.epoch, row.step) for row in (facts[clip_id] for clip_id in ids))
    (run, epoch, step), most = checkpoints.most_common(1)[0]
    ratings = [row.rating for row in facts.values() if row.rating is not None]
    return ClusterRow(
        number=members.number,
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
        part=place.text if (place := members.places.get(medoid)) else None,
    )


def _medoid(members: _Members) -> tuple[int, float | None]:
    """Return the id of the medoid of the clips shown and their mean likeness.

    The medoid of the fit is kept if it is among the clips shown.
    """
    if len(members.described) < 2:
        return members.fitted or members.ids[0], None
    packed = Likenesses.pack(members.descriptors, threads=cores())
    index, likeness = find_medoid(packed, threads=cores())
    return members.fitted or members.described[index], likeness
