"""The registry of measures: every entry leads to a function, and has what tables need."""

from __future__ import annotations

import pkgutil

import pytest

from thresher.signal.features.measure_registry import MEASURES


@pytest.mark.parametrize("name", MEASURES)
def test_every_entry_leads_to_a_function_and_fills_a_column(name: str) -> None:
    entry = MEASURES[name]
    assert callable(pkgutil.resolve_name(entry.path))
    assert entry.name == name
    assert entry.version >= 1
    assert entry.title
    assert entry.digits >= 0


def test_the_columns_of_measures_have_different_titles() -> None:
    assert len({entry.title for entry in MEASURES.values()}) == len(MEASURES)
