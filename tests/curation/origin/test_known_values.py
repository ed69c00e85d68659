"""What the catalog stores of clips: the file that is shown, values of all files, and which were corrected."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import modify
from thresher.curation.origin.known_values import read_known


def test_the_earliest_file_that_is_present_is_shown(small_catalog: Catalog) -> None:
    with small_catalog.reading() as connection:
        known = read_known(connection, [1, 3, 5, 7])
    assert (known[1].path, known[1].is_missing) == (b"copy/a.wav", False)
    assert known[1].attributes["temperature"] == "0.9"  # of the file that is gone
    assert known[1].attributes["prompt"] == "drums"
    assert (known[5].path, known[5].is_missing) == (b"gone/early.wav", True)
    assert known[3].corrected == {"run", "epoch", "step"}
    assert known[3].attributes == {"temperature": "10"}
    assert (known[7].attributes, known[7].corrected) == ({}, frozenset())


def test_a_corrected_attribute(small_catalog: Catalog) -> None:
    modify(small_catalog, ["1"], {"temperature": "1.1"})
    with small_catalog.reading() as connection:
        known = read_known(connection, [1])[1]
    assert known.attributes["temperature"] == "1.1"
    assert known.corrected == {"temperature"}
