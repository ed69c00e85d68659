"""The registry of metrics: one line each, with its name, what it measures, and where its code is.

Reading the registry loads no metric, so that help texts, query fields and settings can be derived from it.
docs/extending.md lists the steps for adding a metric.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from thresher.errors import UsageError
from thresher.formatting import unknown

if TYPE_CHECKING:
    from thresher.signal.metrics.metric import Metric


@dataclass(frozen=True)
class MetricEntry:
    """One metric of the registry. `path` is "module:name" of its `Metric`."""

    name: str
    description: str
    path: str


_ENTRIES = (
    MetricEntry(
        "prefix",
        "whether two clips start with the same sound; the score of the 1000sharks script",
        "thresher.signal.metrics.prefix:PREFIX",
    ),
    MetricEntry(
        "aligned",
        "whether two clips contain the same sound, at any offset",
        "thresher.signal.metrics.aligned:ALIGNED",
    ),
    MetricEntry(
        "likeness",
        "acoustic similarity (timbre, movement, rhythm, harmony)",
        "thresher.signal.metrics.likeness:LIKENESS",
    ),
)

METRICS: Mapping[str, MetricEntry] = MappingProxyType({entry.name: entry for entry in _ENTRIES})
"""Every metric by its name."""


def metric_entry(name: str) -> MetricEntry:
    """Return the entry of the metric called `name`. Raises UsageError for an unknown name."""
    if name not in METRICS:
        raise UsageError(unknown("metric", name, METRICS))
    return METRICS[name]


def find_metric(name: str) -> Metric[Any]:
    """Load the metric called `name`. Raises UsageError for an unknown name."""
    metric: Metric[Any] = pkgutil.resolve_name(metric_entry(name).path)
    return metric
