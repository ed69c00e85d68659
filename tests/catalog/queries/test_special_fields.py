"""Query fields that read other tables: tags, batches, digests, scores, neighbours, attributes."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from tests.catalog.scored_clips import add_clips
from tests.support import MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import attribute, batch, clip_tag, location, metric, nearest
from thresher.curation.clips.listing import list_clips
from thresher.errors import QueryError


@pytest.fixture(scope="module")
def four(new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Clips 1 to 4 of two batches, with tags, scores and attributes."""
    catalog = new_catalog(tmp_path_factory.mktemp("four"))
    add_clips(catalog, range(4))
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(id=2, started_at=1.0, paths="[]", options="{}"))
        tags = [(1, "riff"), (2, "Riff"), (2, "slow")]
        connection.execute(insert(clip_tag), [{"clip_id": of, "tag": tag} for of, tag in tags])
        connection.execute(insert(metric).values(id=1, name="likeness", version=1))
        scores = [(1, 2, 0.9), (2, 1, 0.9), (3, 1, 0.5)]
        names = ("clip_id", "other_id", "score")
        connection.execute(
            insert(nearest), [{"metric_id": 1, **dict(zip(names, row, strict=True))} for row in scores]
        )
        for of, text, number in ((1, "0.9", 0.9), (2, "1.5", 1.5), (3, "hot", None)):
            values = {"batch_id": 1, "size": 1, "mtime_ns": 1, "path": b"%d" % of, "path_text": str(of)}
            connection.execute(insert(location).values(id=of, recording_id=of, **values))
            connection.execute(insert(attribute).values(location_id=of, key="heat", text=text, number=number))
    return catalog


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tag:riff", [1]),
        ("tag::(?i)^riff$", [1, 2]),
        ("tag:", [1, 2]),
        ("^tag:", [3, 4]),
        ("batch:1", [1, 2, 3, 4]),
        ("batch:last", []),
        ("sha256:0-0", [1]),
        ("score@likeness:0.9..", [1, 2]),
        ("score@likeness:0.5..0.89", [3]),
        ("heat:1..", [2]),
        ("heat:hot", [3]),
        ("heat:..", [1, 2, 3]),
        ("^heat:0.9", [2, 3, 4]),
        ("heat-", [2, 1, 3, 4]),
    ],
)
def test_a_field_finds_and_sorts_clips(four: Catalog, query: str, found: list[int]) -> None:
    assert [row.id for row in list_clips(four, query)] == found


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("near:x", '"x" is not'),
        ("near:99", "clip 99 does not exist"),
        ("batch:first", '"first"'),
        ("score@likeness:high", '"high"'),
    ],
)
def test_an_invalid_value_is_refused_with_the_value(four: Catalog, query: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        list_clips(four, query)
