"""Values of clips in listings: attributes, and the fields that a query or a caller names."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import attribute
from thresher.curation.clips.listing import list_clips, list_values
from thresher.errors import UsageError


def test_rows_hold_attributes_as_numbers_where_they_are_numbers(small_catalog: Catalog) -> None:
    with writing(small_catalog) as connection:
        seed = {"location_id": 1, "key": "seed", "text": str(2**63 - 1), "number": float(2**63)}
        connection.execute(insert(attribute).values(seed))
    (row,) = list_clips(small_catalog, "1")
    assert row.attributes["seed"] == 2**63 - 1
    assert row.attributes["temperature"] == 0.9
    assert row.attributes["prompt"] == "drums"
    assert list_clips(small_catalog, "4")[0].attributes == {}


def test_the_attributes_are_those_of_the_file_that_is_shown(small_catalog: Catalog) -> None:
    with writing(small_catalog) as connection:
        for place, text in ((1, "a"), (2, "b")):
            connection.execute(insert(attribute).values(location_id=place, key="mood", text=text))
        connection.exec_driver_sql("UPDATE location SET missing_since = 1.0 WHERE id = 1")
    (row,) = list_clips(small_catalog, "1")
    shown = list_values(small_catalog, "1", ["path", "mood"]).values[0]
    assert row.attributes["mood"] == shown["mood"] == "b"


def test_named_fields_come_in_their_order_before_those_of_the_query(small_catalog: Catalog) -> None:
    found = list_values(
        small_catalog,
        "rating:4.. Temperature:.. score@prefix-",
        ["verdict", "RATING", "tag", "copies", "rated"],
    )
    assert list(found.fields) == [
        "verdict",
        "rating",
        "tag",
        "copies",
        "rated",
        "temperature",
        "score@prefix",
    ]
    assert found.used == ("temperature", "score@prefix")
    assert [row.id for row in found.rows] == [1]
    (values,) = found.values
    assert values["rating"] == 4
    assert values["tag"] == ("Riff", "a b", "slow")
    assert values["rated"] is True
    assert values["temperature"] == 0.9
    assert values["score@prefix"] == found.rows[0].score


def test_texts_keep_their_case(small_catalog: Catalog) -> None:
    with writing(small_catalog) as connection:
        connection.exec_driver_sql("UPDATE checkpoint SET run = 'Night' WHERE run = 'b'")
    assert list_values(small_catalog, "1", ["run"]).values[0]["run"] == "Night"


def test_fields_without_a_value_are_errors_only_if_they_are_asked_for(small_catalog: Catalog) -> None:
    assert list_values(small_catalog, "song:s").used == ()
    with pytest.raises(UsageError, match='"song" selects clips'):
        list_values(small_catalog, "", ["song"])
    with pytest.raises(UsageError, match=r"columns: .*did you mean rating"):
        list_values(small_catalog, "", ["ratng"])
    with pytest.raises(UsageError, match="-1"):
        list_values(small_catalog, "", limit=-1)
