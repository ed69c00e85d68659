"""The registry of metrics: every entry loads, and unknown names are refused."""

from __future__ import annotations

import pytest

from thresher.errors import UsageError
from thresher.signal.metrics.registry import METRICS, find_metric, metric_entry


@pytest.mark.parametrize("name", METRICS)
def test_every_entry_leads_to_the_metric_of_its_name(name: str) -> None:
    assert find_metric(name).name == name
    assert metric_entry(name).description


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r'unknown metric "likness".*likeness'):
        find_metric("likness")
