"""Clips in an order in which similar ones are near each other, as songs in the ordering "chain" have them."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.catalog.queries.text import Terms
from thresher.catalog.scores import score_reads, scores
from thresher.curation.clips.selection import select_ids
from thresher.signal.metrics.registry import find_metric

MOST_CHAINED = 2_000
"""The most clips of a chain: its matrix of scores grows with their square."""


def chained(catalog: Catalog, terms: Terms = ()) -> list[int]:
    """Return the clips that match the terms, as a chain of similar clips under the configured metric.

    Of more than MOST_CHAINED clips, the others follow in the order of the query. Raises QueryError.
    """
    import numpy as np

    from thresher.signal.ordering.chain import chain

    metric = find_metric(catalog.settings.metrics.default_metric)
    with catalog.reading() as connection:
        found = select_ids(catalog, connection, terms)
        ids = sorted(found[:MOST_CHAINED])
        by = scores.metric_id(connection, metric.name, metric.version)
        between = score_reads.between(connection, by, ids)
    order = chain(between, np.array(ids, dtype=np.int64))
    return [*(ids[place] for place in order.tolist()), *found[MOST_CHAINED:]]
