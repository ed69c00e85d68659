"""Integers beyond 2⁵³ in attributes are compared and sorted exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import MakeCatalog, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.exact_numbers import integer_key, integer_of
from thresher.curation.clips.decisions import modify
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.clips.query_fields import fields
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions

SEEDS = [
    "9007199254740992",  # 2⁵³
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",  # 2⁶³ − 1
    "9223372036854775808",
    "18446744073709551615",  # 2⁶⁴ − 1
    "18446744073709551614",
    "99999999999999999999999999999999999999",
    "100000000000000000000000000000000000000",
    "7",
    "0.5",
    "1e300",
    "shark",
]


@pytest.fixture(scope="module")
def seeded(
    tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip, new_catalog: MakeCatalog
) -> Catalog:
    """A clip for each seed, with ids from 1 in the order of SEEDS."""
    folder: Path = tmp_path_factory.mktemp("seeds")
    catalog = new_catalog(folder)
    for number in range(len(SEEDS)):
        write_clip(folder / f"{number:02}.wav", number, 0.3)
    ingest(catalog, [folder], IngestOptions(executor="serial", score=False))
    # the text first: afterwards `modify` takes it for a mistake
    for number, seed in sorted(enumerate(SEEDS, 1), key=lambda each: each[1] != "shark"):
        modify(catalog, str(number), {"seed": seed})
    return catalog


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        *((f"seed:{seed}", [number]) for number, seed in enumerate(SEEDS[:10], 1)),
        ("seed:9007199254740994", []),
        ("seed:9007199254740993..", [2, 4, 5, 6, 7, 8, 9, 12]),
        ("seed:9007199254740993..9007199254740994", [2]),
        ("seed:..9007199254740992", [1, 3, 10, 11]),
        ("seed:..-9007199254740993", [3]),
        ("seed:..-9007199254740994", []),
        ("seed:9223372036854775808..18446744073709551614", [5, 7]),
        ("seed:1.5e19..", [6, 7, 8, 9, 12]),
        ("seed:99999999999999999999999999999999999999..", [8, 9, 12]),
        ("seed:1e999..", []),
        ("seed:..1e300", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ("seed:1e300..", [12]),
        ("seed:..-1e305", []),
        ("seed:-1e305..-1", [3]),
        ("seed:-1e999..1", [3, 11]),
        ("seed:0.5..7", [10, 11]),
        ("seed:=18446744073709551615", [6]),
        ("seed::^184", [6, 7]),
        ("^seed:9007199254740993.. seed:..", [1, 3, 10, 11, 13]),
    ],
)
def test_queries(seeded: Catalog, query: str, ids: list[int]) -> None:
    assert [row.id for row in list_clips(seeded, query)] == ids


def test_sorting(seeded: Catalog) -> None:
    found = [SEEDS[row.id - 1] for row in list_clips(seeded, "seed+")]
    numbers = sorted((seed for seed in SEEDS[:10]), key=int)
    assert [seed for seed in found if seed in numbers] == numbers


def test_the_text_is_kept(seeded: Catalog) -> None:
    for number, seed in enumerate(SEEDS, 1):
        assert show_clip(seeded, str(number)).locations[0].attributes == {"seed": seed}


def test_the_listing_of_fields_shows_both_ends_with_all_digits(seeded: Catalog) -> None:
    modify(seeded, "13", {"other": "9007199254740993"})
    modify(seeded, "12", {"other": "-12345678.5"})
    (other,) = [row for row in fields(seeded) if row.name == "other"]
    assert other.examples == ("-12345678.5", "9007199254740993")


@given(st.integers(), st.integers())
def test_keys_sort_as_their_integers(one: int, other: int) -> None:
    first, second = integer_key(str(one)), integer_key(str(other))
    assert first is not None
    assert second is not None
    assert (first < second, first == second) == (one < other, one == other)
    assert integer_of(first) == one


@pytest.mark.parametrize("text", ["", "1.0", "1e5", "x", "1" * 400])
def test_other_texts_have_no_key(text: str) -> None:
    assert integer_key(text) is None
