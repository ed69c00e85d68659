"""The registry of query fields."""

from __future__ import annotations

import pytest

from thresher.catalog.queries.fields import FIELDS, find_field
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.metrics.registry import METRICS


def test_every_field_has_its_own_name_and_a_description() -> None:
    assert all(field.name == name and field.description for name, field in FIELDS.items())


def test_every_measure_and_metric_has_a_field() -> None:
    assert set(MEASURES) <= set(FIELDS)
    assert {f"{kind}@{name}" for kind in ("score", "near") for name in METRICS} <= set(FIELDS)


def test_a_built_in_field_takes_precedence_over_an_attribute() -> None:
    assert find_field("epoch", lambda: pytest.fail("a built-in field needs no attributes")) is FIELDS["epoch"]


def test_an_attribute_is_a_field_if_a_file_brought_it() -> None:
    found = find_field("heat", lambda: {"heat"})
    assert found is not None
    assert (found.name, found.kind) == ("heat", "attribute")
    assert find_field("cold", lambda: {"heat"}) is None
