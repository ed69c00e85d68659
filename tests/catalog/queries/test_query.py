"""The query language as tables over one small catalog, then its laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from tests.catalog.query_sample import ALL, MEASURE_NAMES, MEASURED, PASTED, Sample, query_sample
from thresher.catalog.database import schema
from thresher.catalog.edits import Edits
from thresher.catalog.files.paths import Roots
from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.queries.folders import Folders
from thresher.catalog.queries.limits import MOST_TERMS, MOST_WORDS
from thresher.catalog.queries.query import (
    Context,
    SavedQuery,
    context_of,
    join_terms,
    normalise,
    parse,
    parse_sort,
    select_clips,
    split_text,
    with_defaults,
)
from thresher.catalog.queries.text import Kind, tokens_of, words_of
from thresher.errors import NotFoundError, QueryError
from thresher.formatting import any_of
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.metrics.registry import METRICS


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with query_sample(tmp_path_factory.mktemp("cat_alog")) as made:
        yield made


def ids(sample: Sample, *terms: str) -> list[int]:
    _, connection, context = sample
    return list(connection.scalars(select_clips(parse(terms, context), schema.clip.c.id)))


def found(sample: Sample, text: str) -> list[int]:
    """Return the clips that query text finds."""
    _, connection, context = sample
    return list(connection.scalars(select_clips(parse(text, context), schema.clip.c.id)))


TABLE: list[tuple[str, list[int]]] = [
    # nothing, words, ids
    ("", ALL),
    ("skeletal", [1, 2, 3]),
    ("SKELETAL", [1, 2, 3]),
    ("riff", [1, 2, 4]),
    ("synth", []),
    ("locked", []),
    (PASTED, [1]),
    ("17:19:52", [1]),
    ("e3.wav", [3]),
    ("100%", [4]),
    ("noise_floor", [4]),
    ("noise.floor", []),
    ("ery_1", [4]),
    ("ÉTÉ", [8]),
    ("été", [8]),
    ("out/skeletal", [1, 2]),
    ("out/", [1, 2, 4]),
    ("x/y", []),
    ("2", [2]),
    ("0002", [2]),
    ("10", []),
    ("99999999999999999999999", []),
    # terms together
    ("riff slow", [2]),
    ("riff , 9", [1, 2, 4, 9]),
    ("riff slow , 9 , 3", [2, 3, 9]),
    ("^riff", [3, 5, 6, 7, 8, 9]),
    ("^riff ^skeletal", [5, 6, 7, 8, 9]),
    ("^^riff", [1, 2, 4]),
    ("^2", [1, 3, 4, 5, 6, 7, 8, 9]),
    ("^rating:4..", [2, 3, 4, 5, 6, 7, 8]),
    ("^epoch:10", [2, 4, 5, 6, 7, 8, 9]),
    ("^score:..", [3, 4, 5, 6, 7, 8]),
    ("^length:..5", [1, 2, 4, 5, 7]),
    ("c++", []),
    ("'foo-'", []),
    ("a,b", []),
    ("'-riff'", []),
    # operators
    ("riff or 9", [1, 2, 4, 9]),
    ("riff slow OR 9", [2, 9]),
    ("9 or riff slow", [2, 9]),
    ("riff and slow", [2]),
    ("riff AND not slow", [1, 4]),
    ("not riff", [3, 5, 6, 7, 8, 9]),
    ("NOT riff or slow", [2, 3, 5, 6, 7, 8, 9]),
    ("not not riff", [1, 2, 4]),
    ("not ^riff", [1, 2, 4]),
    ("not (riff or skeletal)", [5, 6, 7, 8, 9]),
    ("^(riff or skeletal)", [5, 6, 7, 8, 9]),
    ("(riff , skeletal) epoch:10", [1, 3]),
    ("(riff or (9 or 8)) rating:4..", [1, 9]),
    ("( riff or 9 ) rating:4..", [1, 9]),
    ("riff, 9", [1, 2, 4, 9]),
    ("(riff slow), 9, 3", [2, 3, 9]),
    ("run:skel or run:peri", [1, 2, 3, 4]),
    ('"or"', [4, 9]),
    ("'(riff)'", []),
    ('"riff,"', []),
    # ids alone are alternatives
    ("1 2 3", [1, 2, 3]),
    ("1 2 3 id-", [3, 2, 1]),
    ("(1 2 3) rating:4..", [1]),
    ("1 2 , riff", [1, 2, 4]),
    ("not (1 2)", [3, 4, 5, 6, 7, 8, 9]),
    ("NOT(1 or(2))", [3, 4, 5, 6, 7, 8, 9]),
    ("^1 ^2", [3, 4, 5, 6, 7, 8, 9]),
    ('"2"', [1, 3, 8, 9]),
    # comparisons
    ("rating>=4", [1, 9]),
    ("rating>3. rating<5. peak>.0", [9]),
    ("rating>4", [1]),
    ("rating<3", [4]),
    ("rating<=3", [2, 4]),
    ("rating!=4", [1, 2, 3, 4, 5, 6, 7, 8]),
    ("rating >= 4", [1, 9]),
    ("rating >=4", [1, 9]),
    ("rating>= 4", [1, 9]),
    ("^rating>=4", [2, 3, 4, 5, 6, 7, 8]),
    ("length>0:10", [2, 4, 7]),
    ("length<=0:10", [1, 3, 6, 8, 9]),
    ("added>2026-11-01", [3, 4, 5, 6, 7, 8, 9]),
    ("added>=2026-11-15", [3, 4, 5, 6, 7, 8, 9]),
    ("added<2026-11-15", [1, 2]),
    ("added<=2026-11-15", [1, 2, 3, 4, 5]),
    ("score>=0.7", [1, 9]),
    ("score>0.7", [9]),
    ("temperature>0.95", [2]),
    ("run!=skeletal", [4, 5, 6, 7, 8, 9]),
    # names of fields in any case, values and names in quotes
    ("Rating:4..", [1, 9]),
    ("^RATING:4..", [2, 3, 4, 5, 6, 7, 8]),
    ("Epoch-", [4, 2, 1, 3, 6, 5, 7, 8, 9]),
    ("Temperature:0.95", [1]),
    ('"temperature":0.95', [1]),
    ('note:"great riff"', [1]),
    ("^note:'great riff'", [2, 3, 4, 5, 6, 7, 8, 9]),
    ("'^note:great riff'", [2, 3, 4, 5, 6, 7, 8, 9]),
    ('"rating"', []),
    ("foo\\:bar", []),
    ('note:"*"', []),
    # numbers
    ("id:2", [2]),
    ("id:2..4", [2, 3, 4]),
    ("epoch:10", [1, 3]),
    ("epoch:=10", [1, 3]),
    ("epoch:10.0", [1, 3]),
    ("epoch:0.01k", [1, 3]),
    ("epoch:0.08k..0.12K", [2, 4]),
    ("epoch:10.5", []),
    ("epoch:80..120", [2, 4]),
    ("epoch:79.5..119.5", [2]),
    ("epoch:80..", [2, 4]),
    ("epoch:..10", [1, 3, 6]),
    ("epoch:..", [1, 2, 3, 4, 6]),
    ("epoch:-5..7", [6]),
    ("epoch:..1e30", [1, 2, 3, 4, 6]),
    ("epoch:1e999..", []),
    ("epoch:-1e999..", [1, 2, 3, 4, 6]),
    ("id:9223372036854775807", []),
    ("id:9223372036854775808..", []),
    ("step:220001", [1, 3]),
    ("step:220002..", [2]),
    ("rating:4..", [1, 9]),
    ("rating:1..3", [2, 4]),
    ("rate:44100..", [2, 7]),
    ("channels:2", [2, 7]),
    ("loudness:-14", [1, 8]),
    ("loudness:-15..-9", [1, 4, 8, 9]),
    ("peak:1..", [2, 4]),
    ("peak:..0.25", [3, 6]),
    ("batch:2", [3, 4, 5]),
    ("batch:last", [6, 7, 8, 9]),
    ("batch:..2", [1, 2, 3, 4, 5]),
    ("copies:0", [6]),
    ("copies:2..", [3]),
    ("recording:8", [8, 9]),
    ("score:0.7..", [1, 9]),
    ("score:0.7", [1]),
    ("score:..0.7", [1, 2]),
    ("score:1e999..", []),
    ("score@prefix:0.8..", [9]),
    ("score@aligned:0..", []),
    ("score@likeness:0..", []),
    ("silence:..0.2", [1, 8]),
    ("loop:..0.3 noise:..0.5", []),
    ("loop:0.3..", [1, 2]),
    ("^loop:0.3..", [3, 4, 5, 6, 7, 8, 9]),
    ("noise:..0.5", [1]),
    ("loudness_range:10..", [8]),
    ("clipping:0.005..", [2, 8]),
    ("dc_offset:0.1..", [2]),
    ("loop_period:1..3", [1]),
    ("onset_rate:..4", [2]),
    ("tempo:100..140", [1]),
    ("loop- noise:..", [1, 2]),
    ("cluster:1", [1, 2]),
    ("cluster:7", [8]),
    ("cluster:..", [1, 2, 8]),
    ("^cluster:..", [3, 4, 5, 6, 7, 9]),
    # lengths
    ("length:10", [1]),
    ("length:0:10", [1]),
    ("length:..0:10", [1, 3, 6, 8, 9]),
    ("length:0:30..1:30", [2, 4]),
    ("length:1:30", [2]),
    ("length:0:01:40..", [7]),
    ("length:0", [3]),
    ("start:0.5", [4]),
    ("start:1..", [9]),
    ("end:30.5", [4]),
    ("end:9..10", [1, 9]),
    # text
    ("run:skel", [1, 2, 3]),
    ("run:SKEL", [1, 2, 3]),
    ("run:y_1", [4]),
    ("run:l_1", []),
    ("run:=skeletal", [1, 2, 3]),
    ("run:=Skeletal", []),
    ("run:=skel", []),
    ("run::^skel.*l$", [1, 2, 3]),
    ("run::^SKEL", []),
    ("run::(?i)^SKEL", [1, 2, 3]),
    ("^run:skel", [4, 5, 6, 7, 8, 9]),
    ("run:", [1, 2, 3, 4]),
    ("reason:crash", [5]),
    ("note:", [1, 4, 7, 8]),
    ("note:RIFF", [1]),
    ("'note:great riff'", [1]),
    ('"note:it\'s it"', [7]),
    ("note:0%", [4]),
    ("note:1%r", []),
    ("note:gr_at", []),
    ("format:ogg", [2]),
    ("subtype:pcm", [1, 3, 6, 7, 8, 9]),
    ("sha256:2ab", [2]),
    ("sha256:2AB", [2]),
    ("sha256:ab", []),
    ("sha256- id:1..3", [3, 2, 1]),
    # one of several words
    ("status:silent", [3]),
    ("status:OK", [1, 2, 4, 7]),
    ("status:un", [5, 8, 9]),
    ("status:unreadable", [5]),
    ("status:=ok", [1, 2, 4, 7]),
    ("status::^t", [6, 8, 9]),
    ("status::nothing", []),
    ("role:reference", [7]),
    ("kind:part", [8, 9]),
    ("of:8", [8, 9]),
    ("of:9 kind:part", [8, 9]),
    ("of:out2", [8, 9]),
    ("of:99", []),
    ("mark:solo", []),
    ("verdict:keep", [1, 3]),
    ("verdict:drop", [2]),
    ("verdict:none", [4, 5, 6, 7, 8, 9]),
    ("^verdict:keep ^verdict:none", [2]),
    ("heard:yes", [1, 2, 4, 6, 9]),
    ("heard:no", [3, 5, 7, 8]),
    ("suspect:yes", [6]),
    ("suspect:no", [1, 2, 3, 4, 5, 7, 8, 9]),
    # flags
    ("rejected:yes", [4]),
    ("rejected:no", [1, 2, 3, 5, 6, 7, 8, 9]),
    ("rated:true", [1, 2, 4, 9]),
    ("rated:0", [3, 5, 6, 7, 8]),
    ("missing:1", [6]),
    ("missing:FALSE", [1, 2, 3, 4, 5, 7, 8, 9]),
    # tags
    ("tag:riff", [1, 2]),
    ("tag:Riff", []),
    ("tag::(?i)^riff", [1, 2, 4]),
    ("'tag:two words'", [9]),
    ("tag:", [1, 2, 4, 9]),
    ("^tag:riff tag:", [4, 9]),
    # paths
    ("path:out", [1, 2]),
    ("path:out/", [1, 2]),
    ("path:./out/../out/skeletal", [1, 2]),
    ("path:Out", [4]),
    ("path:ou", []),
    ("path:gone", [2, 6]),
    ("path:gone/b.ogg", [2]),
    ("path:silence/e3.wav", [3]),
    ("path:", [1, 2, 3, 4, 5, 6, 8, 9]),
    ("path:.", [1, 2, 3, 4, 5, 6, 8, 9]),
    ("path:/data", [7]),
    ("path:/data/train/z.wav", [7]),
    ("path:/dat", []),
    ("path:/", ALL),
    ("path:=gone/b.ogg", [2]),
    ("path:=gone", []),
    ("path::e[12].wav", [3]),
    ("path:out2", [8, 9]),
    # dates
    ("added:2026", ALL),
    ("added:2026-11", ALL),
    ("added:2026-10", []),
    ("added:2026-11-15", [3, 4, 5]),
    ("added:2026-11-1", [1, 2]),
    ("added:2026-11-01..2026-11-15", [1, 2, 3, 4, 5]),
    ("added:2026-11-02..2026-11-14", []),
    ("added:2026-11-15..", [3, 4, 5, 6, 7, 8, 9]),
    ("added:..2026-11-14", [1, 2]),
    ("added:..", ALL),
    ("added:2026-11-22T13", [6, 7, 8, 9]),
    ("added:2026-11-22T13:15", [6, 7, 8, 9]),
    ("added:2026-11-22T13:16..", []),
    ("'added:2026-11-22 12'", []),
    ("added:2026-11..2026", ALL),
    ("added:-1w..", [3, 4, 5, 6, 7, 8, 9]),
    ("added:-6d..", [6, 7, 8, 9]),
    ("added:-7d", [3, 4, 5]),
    ("added:..-1w", [1, 2, 3, 4, 5]),
    ("added:-3h..", [6, 7, 8, 9]),
    ("added:-2h..", []),
    ("added:-1m..", ALL),
    ("added:..-1y", []),
    ("added:-21d", [1, 2]),
    # what files stated about themselves
    ("temperature:0.95", [1]),
    ("temperature:1..", [2]),
    ("temperature:..", [1, 2, 4]),
    ("temperature:ho", [4]),
    ("temperature:=hot", [4]),
    ("temperature::^[01]", [1, 2]),
    ("^temperature:0.95", [2, 3, 4, 5, 6, 7, 8, 9]),
    ("prompt:80", [2, 8, 9]),
    ("prompt:synth", [2]),
    ("prompt:of", []),
    ("^prompt:of", ALL),
    ("prompt:80..200", [7, 8, 9]),
    ("query:best", [1, 2, 9]),
    ("prompt:=80", [8, 9]),
    ("^prompt:80", [1, 3, 4, 5, 6, 7]),
    ("rate:16000 id:10", []),
    # songs
    ("song:good", [1, 2, 9]),
    ("^song:good", [3, 4, 5, 6, 7, 8]),
    ("'song:TWO WORDS'", [1, 2, 9]),
    ("'song:every one'", [1, 2, 4, 6, 8, 9]),
    ("song:nested", [1, 9]),
    # sorts
    ("id-", [9, 8, 7, 6, 5, 4, 3, 2, 1]),
    ("epoch+", [6, 1, 3, 2, 4, 5, 7, 8, 9]),
    ("epoch-", [4, 2, 1, 3, 6, 5, 7, 8, 9]),
    ("epoch- id-", [4, 2, 3, 1, 6, 9, 8, 7, 5]),
    ("score- tag:riff", [1, 2]),
    ("riff rating+ , 9", [4, 2, 9, 1]),
    ("score@prefix+", [2, 1, 9, 3, 4, 5, 6, 7, 8]),
    ("length- status:ok", [7, 2, 4, 1]),
    ("run+ epoch-", [4, 2, 1, 3, 6, 5, 7, 8, 9]),
    ("temperature-", [2, 1, 4, 3, 5, 6, 7, 8, 9]),
    ("temperature+ temperature:..", [1, 2, 4]),
    ("path+", [7, 4, 5, 6, 2, 1, 8, 9, 3]),
    ("note+", [4, 1, 7, 8, 2, 3, 5, 6, 9]),
    ("note- id-", [8, 7, 1, 4, 9, 6, 5, 3, 2]),
    ("prompt+", [8, 9, 7, 2, 1, 3, 4, 5, 6]),
    ("prompt-", [7, 8, 9, 2, 1, 3, 4, 5, 6]),
    ("tag+", [1, 2, 4, 9, 3, 5, 6, 7, 8]),
    ("added- id:1..4", [3, 4, 1, 2]),
    ("missing-", [6, 1, 2, 3, 4, 5, 7, 8, 9]),
]


@pytest.mark.parametrize(("text", "expected"), TABLE, ids=[text for text, _ in TABLE])
def test_query_finds(sample: Sample, text: str, expected: list[int]) -> None:
    assert found(sample, text) == expected


ARGUMENTS: list[tuple[list[str], list[int]]] = [
    (["riff", "or", "9"], [1, 2, 4, 9]),
    (["(riff", "or", "9)", "rating:4.."], [1, 9]),
    (["(riff or 9)", "rating:4.."], [1, 9]),
    (["^(riff or 9)", "id:1..5"], [3, 5]),
    (["rating", ">=", "4"], [1, 9]),
    (["rating>=4", "not(riff or skeletal)"], [9]),
    (["two words", "9"], [9]),
    (["tag:two words", "rating:4.."], [9]),
    (['note:"great riff"', "rating:5"], [1]),
    (['"temperature":0.95', "rating:5"], [1]),
    (['"or"', "rating:5"], []),
    (["note:it's it"], [7]),
    (["1", "2", "3"], [1, 2, 3]),
]


@pytest.mark.parametrize(("arguments", "expected"), ARGUMENTS, ids=[" ".join(each) for each, _ in ARGUMENTS])
def test_arguments_find(sample: Sample, arguments: list[str], expected: list[int]) -> None:
    assert ids(sample, *arguments) == expected
    assert found(sample, join_terms(arguments)) == expected


def test_every_field_is_in_the_table() -> None:
    named = " ".join(text for text, _ in TABLE)
    # `near` needs descriptors: tests/curation/comparison/test_neighbours.py
    derived = {name for name in FIELDS if name.startswith("near") or name.startswith("score@")} | set(
        MEASURES
    )
    assert [name for name in FIELDS if f"{name}:" not in named and name not in derived] == []


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_a_field(sample: Sample, name: str) -> None:
    columns = MEASURE_NAMES.split()
    known = [
        of for of, values in MEASURED.items() if name in columns and values[columns.index(name)] is not None
    ]
    assert ids(sample, f"{name}:..") == known
    assert ids(sample, f"^{name}:..") == [of for of in ALL if of not in known]
    assert ids(sample, f"{name}+")[: len(known)] == sorted(
        known, key=lambda of: (MEASURED[of][columns.index(name)], of)
    )


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_has_a_field_of_scores(sample: Sample, metric: str) -> None:
    assert ids(sample, f"score@{metric}:..") == ([1, 2, 9] if metric == "prefix" else [])


def test_absolute_path_of_the_catalog(sample: Sample) -> None:
    root = sample[0].root
    assert ids(sample, f"path:{root}/out") == [1, 2]
    assert ids(sample, f"path:{root}") == [1, 2, 3, 4, 5, 6, 8, 9]
    assert ids(sample, f"path:{root.parent}") == [1, 2, 3, 4, 5, 6, 8, 9]
    assert ids(sample, f"{root}/out/skeletal/b.ogg") == [2]
    assert ids(sample, f"path:{root}/out", f"path:{root}/gone") == [2]


def test_a_symlink_stands_for_what_it_leads_to(sample: Sample, tmp_path: Path) -> None:
    root = sample[0].root
    for name in ("out/skeletal", "gone"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "out/skeletal/b.ogg").touch()
    (tmp_path / "link").symlink_to(root / "out")
    (tmp_path / "file.ogg").symlink_to(root / "out/skeletal/b.ogg")
    (tmp_path / "whole").symlink_to(root)
    assert ids(sample, f"path:{tmp_path}/link") == [1, 2]
    assert ids(sample, f"path:{tmp_path}/link/skeletal/b.ogg") == [2]
    assert ids(sample, f"path:{tmp_path}/file.ogg") == [2]
    assert ids(sample, f"path:{tmp_path}/whole/gone", f"^path:{tmp_path}/link") == [6]
    assert ids(sample, f"{tmp_path}/link") == [1, 2]
    assert ids(sample, f"path:{tmp_path}/nowhere") == []


def test_bytes_that_are_not_utf8_are_found_by_their_escaped_form(sample: Sample) -> None:
    assert ids(sample, "parts\n.wav") == []
    assert ids(sample, "parts\\x0a") == [8, 9]
    assert ids(sample, "caf\udce9") == []


ERRORS: list[tuple[list[str], int, str]] = [
    ([","], 0, "before the comma"),
    (["riff", ","], 5, "after the comma"),
    (["riff", ",", ",", "slow"], 7, "before the comma"),
    (["riff", ",", "epoch+"], 5, "after the comma"),
    (["riff", "epoch:ten"], 11, '"ten" is not a number or a range such as'),
    (["epoch:"], 6, "a number or a range"),
    (["epoch:1..2..3"], 6, '"1..2..3" is not a number'),
    (["epoch:nan"], 6, '"nan"'),
    (["epoch:٣"], 6, '"٣"'),
    (["epoch:80..,", "or"], 12, "before `or`"),
    (["epoch:120..80"], 6, "did you mean 80..120?"),
    (["epoch::1"], 7, "regular expression"),
    (["^^rating:x"], 9, '"x" is not a number'),
    (["length:0:75"], 7, '"0:75" is not a length or a range'),
    (["length:long.."], 7, "0:30"),
    (["added:2026-13"], 6, '"2026-13" is not a date'),
    (["added:yesterday"], 6, "-1w.."),
    (["added:9999"], 6, "is not a date"),
    (["added:-999999y.."], 6, "is not a date"),
    (["added:2026-11-15..2026-11-01"], 6, "did you mean 2026-11-01..2026-11-15?"),
    (["rejected:maybe"], 9, "neither yes nor no"),
    (["rejected:"], 9, "neither yes nor no"),
    (["status:slient"], 7, "expected ok, silent, "),
    (["run::("], 5, '"(" is not a regular expression'),
    (["note::a{99999999999999999999}"], 6, "is not a regular expression"),
    (["epok:7"], 0, "did you mean tempo or epoch?"),
    (["riff", "temprature:1"], 5, "did you mean temperature?"),
    (["qqqqqqqq:1"], 0, 'unknown field "qqqqqqqq"; `thresher fields`'),
    (["http://x"], 0, 'unknown field "http"'),
    (["score@likenes:1"], 6, f"(expected {any_of(METRICS)})"),
    (["epoch@prefix:1"], 0, 'unknown field "epoch@prefix"'),
    (["song+"], 0, '"song" cannot be sorted by'),
    (["song:loop"], 5, "loop → loop b → loop"),
    (["song:broken"], 5, 'song "broken": query, character 8: rating: "best" is not a number'),
    (["song::g"], 6, "regular expression"),
    (["query:in circles"], 6, "in circles → in circles"),
    (["^"], 1, "the term is empty"),
    (["riff", ""], 5, "the term is empty"),
    (["x" * 10_001], 0, "10,001 characters"),
    (["a\ud800"], 1, "half of a surrogate pair"),
    (["run:x", ","] * MOST_TERMS + ["run:x"], 0, "too many terms"),
]


@pytest.mark.parametrize(("terms", "position", "words"), ERRORS, ids=[" ".join(e[0])[:30] for e in ERRORS])
def test_errors_name_the_position_and_the_mistake(
    sample: Sample, terms: list[str], position: int, words: str
) -> None:
    with pytest.raises(QueryError) as caught:
        ids(sample, *terms)
    assert words in str(caught.value)
    assert caught.value.position == position
    assert f"character {position + 1}:" in str(caught.value)


MISTAKES: list[tuple[str | list[str], str]] = [
    ("rating=4", "did you mean rating:4?"),
    ("Rating=4", "did you mean rating:4?"),
    ("^rating=4", "did you mean rating:4?"),
    ("rating==4", "did you mean rating:4?"),
    ("rating=>4", "did you mean rating>=4?"),
    ("rating", "needs a value, as in rating:4.."),
    ("^rating", "needs a value"),
    ("Temperature", "needs a value"),
    ("score@prefix", "needs a value"),
    ("!riff", 'did you mean "^riff"?'),
    ("-riff", 'did you mean "^riff"?'),
    ("-rating:4", 'did you mean "^rating:4"'),
    ("1..5", "did you mean id:1..5 or rating:1..5?"),
    ("4..", "range without a field"),
    ("..7", "range without a field"),
    ("1,2,3", "did you mean 1 2 3?"),
    ("run:a,run:b", 'did you mean "run:a , run:b"?'),
    ("riff,run:b", 'did you mean "riff , run:b"?'),
    ("tag:a,b", 'did you mean "tag:a , tag:b"?'),
    ("rating:4,5", 'did you mean "rating:4 , rating:5"?'),
    ("rating:>=4", 'did you mean "rating>=4"?'),
    ("rating:4-5", "did you mean rating:4..5?"),
    ("rating:4+", "did you mean rating:4..?"),
    ("rating: 4", "without a blank"),
    ("#jazz", "did you mean tag:jazz?"),
    ("*.mp3", "did you mean .mp3?"),
    ("take_??.wav", "no wildcards"),
    ("path:runs/*", "did you mean path::runs/.*?"),
    ("run:skel*", "did you mean run:skel?"),
    ("epok-", "did you mean tempo- or epoch-"),
    ("epok+", "did you mean tempo+ or epoch+"),
    ("foo-", '"foo" is not a field'),
    ("riff && slow", "write `and`"),
    ("riff || slow", "write `or`"),
    ("riff ,slow", "blank after a comma"),
    ("or riff", "before `or`"),
    ("riff or", "after `or`"),
    ("riff or or slow", "before `or`"),
    ("not", "after `not`"),
    ("riff and", "after `and`"),
    ("not epoch+", "a sort cannot be negated"),
    ("^epoch+", "a sort cannot be negated"),
    ("(riff", "the parenthesis is not closed"),
    ("riff )", "no parenthesis is open"),
    ("riff)", "without its counterpart"),
    ("()", "the parentheses are empty"),
    ("1 2 rating:4..", "write (1 2)"),
    ("not 1 2", "write not (1 2)"),
    ("run>skel", "compares numbers"),
    ("rating>4..5", "expected one value"),
    ("rating>4x", 'rating: "4x" is not a number'),
    ("rating>", "expected one value"),
    ("temperature>hot", "is not a number"),
    ("ratng>=4", "did you mean rating or"),
    ("Temperatuer:1", "did you mean temperature?"),
    (["run:a or run:b", "riff"], 'contains a blank and "run:b"'),
    (["tag:riff epoch:10..", "slow"], 'contains a blank and "epoch:10.."'),
]


@pytest.mark.parametrize(("terms", "words"), MISTAKES, ids=[str(each) for each, _ in MISTAKES])
def test_mistakes_name_what_was_probably_meant(sample: Sample, terms: str | list[str], words: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(terms, sample[2])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text", ["rating", "1..5", "#jazz", "*.mp3", "foo-", "epok+", "!x", "a,b", "(x", "and", "1,2"]
)
def test_mistakes_in_quotes_are_searched_for(sample: Sample, text: str) -> None:
    for query in (f'"{text}"', f"'{text}'", [f'"{text}"', ",", f"'{text}'"]):
        found = parse(query, sample[2])
        assert [part.text for part in found.parts] == [text] * len(found.parts)
        assert found.named == frozenset()


def test_a_name_that_differs_in_case_only_must_be_exact(sample: Sample) -> None:
    context = replace(sample[2], attribute_keys=lambda: {"Cfg", "CFG", "CFG Scale", "Rating"})
    assert parse("Cfg:7", context).named == {"Cfg"}
    assert parse('"CFG Scale":7', context).named == {"CFG Scale"}
    assert parse('"cfg scale"- Rating:1 rating:2', context).used == ("CFG Scale", "Rating", "rating")
    with pytest.raises(QueryError, match="CFG or Cfg; write one of them exactly"):
        parse("cfg:7", context)
    with pytest.raises(QueryError, match=r"RATING.*Rating or rating"):
        parse("RATING:7", context)


@pytest.mark.parametrize("digit", ["0", "1"])
def test_thousands_of_digits_are_a_number_that_no_clip_has(sample: Sample, digit: str) -> None:
    digits = digit * 5000
    for query in (digits, f"rating:{digits}", f"batch:{digits}", f"rating:..{digits}", f"recording:{digits}"):
        with suppress(QueryError):
            found(sample, query)
    with pytest.raises(QueryError):
        found(sample, f"near:{'1' * 5000}")


def test_deeply_nested_and_huge_queries_are_bounded(sample: Sample) -> None:
    assert found(sample, "(" * 20 + "riff" + ")" * 20) == [1, 2, 4]
    with pytest.raises(QueryError, match="more than 20 parentheses"):
        found(sample, "(" * 21 + "riff" + ")" * 21)
    with pytest.raises(QueryError, match="characters"):
        found(sample, "x " * 600_000)
    with pytest.raises(QueryError, match="more than 20 parentheses"):
        found(sample, "(" * 900_000)
    with pytest.raises(QueryError, match="100,000 ids, 20,000 words or 5,000 terms"):
        found(sample, "riff " * 20_001)
    assert found(sample, "not " * 400 + "riff") == [1, 2, 4]
    assert found(sample, "^" * 9000 + "riff") == [1, 2, 4]
    left = right = wide = "riff"
    for level in range(20):
        joint = (" or ", " and ")[level % 2]
        left = f"({joint.join([left, *['id:2'] * 3])})"
        right = f"not ({joint.join([*['id:2'] * 3, right])})" if level < 10 else right
        wide = f"({joint.join([wide, *['id:2'] * 60])})"
    assert found(sample, left) == [2]
    assert found(sample, right) == ALL
    with pytest.raises(QueryError, match="too many terms inside too many parentheses"):
        found(sample, wide)


def test_a_query_says_which_clips_it_names(sample: Sample) -> None:
    context = sample[2]
    for text in ("1", "1 2", "1 , 2", "id:3", "path:out", "(1 2) rating:4..", "path:out or 3"):
        assert parse(text, context).names_clips
    for text in ("", "riff", "^1", "1 , riff", "id:1..", "not (1 2)", "path::x"):
        assert not parse(text, context).names_clips
    assert parse("riff ^slow not (note:x or 'x y')", context).negated_words == ("slow", "x y")


def test_unknown_song_names_the_nearest(sample: Sample) -> None:
    with pytest.raises(NotFoundError, match=r'no song named "nestd"; did you mean "nested"\?.*all 7'):
        ids(sample, "song:nestd")
    with pytest.raises(NotFoundError, match='"former"'):
        ids(sample, "song:former")


OPEN_QUOTES = [("note:'a b", 5, "the quote '"), ('a "b" "c', 6, 'the quote "'), ("a\\", 1, "backslash")]


@pytest.mark.parametrize(("text", "position", "words"), [*OPEN_QUOTES, ("it\\'s \"", 6, 'the quote "')])
def test_open_quote(text: str, position: int, words: str) -> None:
    with pytest.raises(QueryError, match="query, character") as caught:
        split_text(text)
    assert words in str(caught.value)
    assert caught.value.position == position


@pytest.mark.parametrize(
    ("arguments", "terms"),
    [
        ([], []),
        (["riff"], ["riff"]),
        (["note:it's"], ["note:it's"]),
        (["riff epoch:10"], ["riff", "epoch:10"]),
        (["'two words'"], ["two words"]),
        (["two words", "riff"], ["two words", "riff"]),
        ("note:'a b' riff", ["note:a b", "riff"]),
        ("'^riff'", ["^riff"]),
        ("", []),
    ],
)
def test_normalise(arguments: str | list[str], terms: list[str]) -> None:
    assert [word.text for word in words_of(normalise(arguments))] == terms


def test_text_is_quoted_only_where_needed() -> None:
    assert (
        join_terms(["^tag:riff", ",", "epoch:80..120", "note:a b"]) == "^tag:riff , epoch:80..120 note:'a b'"
    )
    assert join_terms("note:'a b' riff") == "note:'a b' riff"


@pytest.mark.parametrize(
    ("text", "song", "expected"),
    [
        ("", False, [1, 2, 6, 7, 8, 9]),
        ("rejected:yes", False, [4]),
        ("rejected+", False, [1, 2, 6, 7, 8, 9, 4]),
        ("status:silent", False, [3]),
        ("^status:ok", False, [3, 5, 6, 8, 9]),
        ("3", False, []),
        ("", True, [1, 6, 8, 9]),
        ("status:silent", True, []),
        ("role:reference", True, []),
        ("^status:ok rejected:yes , status:ok", True, [1, 4]),
    ],
)
def test_defaults(sample: Sample, text: str, song: bool, expected: list[int]) -> None:
    _, connection, context = sample
    query = with_defaults(parse(split_text(text), context), song=song)
    assert list(connection.scalars(select_clips(query, schema.clip.c.id))) == expected


def test_names_in_a_query(sample: Sample) -> None:
    query = parse(split_text("riff ^epoch:10 rating- 3 song:good temperature:1"), sample[2])
    assert query.named == {"epoch", "rating", "id", "song", "temperature"}
    assert query.text == "riff ^epoch:10 rating- 3 song:good temperature:1"


def test_a_word_with_a_plus_that_resembles_no_field_is_searched_for(sample: Sample) -> None:
    for text in ("C++", "take+", "x/epok+"):
        assert [part.text for part in parse([text], sample[2]).parts] == [text]


def test_a_sort_can_be_parsed_without_a_query(sample: Sample) -> None:
    _, connection, context = sample
    statement = select_clips(parse(["riff"], context), schema.clip.c.id).order_by(None)
    assert list(connection.scalars(statement.order_by(*parse_sort("rating-", context)))) == [1, 2, 4]
    with pytest.raises(QueryError, match=r'^ordering "ratng-" is not a sort.*did you mean rating'):
        parse_sort("ratng-", context)
    with pytest.raises(QueryError, match=r'^ordering "near-": "near" cannot be sorted by'):
        parse_sort("near-", context)


def test_built_in_name_wins_over_an_attribute(sample: Sample) -> None:
    with pytest.raises(QueryError, match="shadowed"):
        ids(sample, "rate:shadowed")


def test_thousands_of_terms(sample: Sample) -> None:
    many = [term for number in range(1, 2000) for term in (str(number), ",")]
    assert ids(sample, *many, "3") == ALL
    assert ids(sample, *[f"^{number}" for number in range(3, 2000)]) == [1, 2]


def test_of_many_sorts_by_one_field_the_first_one_counts(sample: Sample) -> None:
    fields = ["epoch", "rating", "path", "tag"]
    first = [f"{name}-" for name in fields]
    many = [f"{fields[number % 4]}{'+-'[number % 3 == 0]}" for number in range(2_000)]
    assert found(sample, " ".join([*first, *many])) == found(sample, " ".join(first))
    assert found(sample, "epoch- epoch+") == found(sample, "epoch-")
    assert found(sample, "query:best query:best id-") == found(sample, "query:best")


def test_too_many_fields_to_sort_by_are_refused(sample: Sample) -> None:
    keys = frozenset(f"key{number}" for number in range(600))
    context = replace(sample[2], attribute_keys=lambda: keys)
    many = [f"key{number}+" for number in range(150)]
    statement = select_clips(parse(many, context), schema.clip.c.id)
    assert list(sample[1].scalars(statement)) == ALL
    with pytest.raises(QueryError, match="too many fields to sort by; use fewer"):
        parse([f"key{number}+" for number in range(300)], context)


def test_thousands_of_words_and_ids_in_one_query(sample: Sample) -> None:
    words = [f"nothing{number}" for number in range(600)]
    assert found(sample, " , ".join([*words, "RIFF", "2000"])) == [1, 2, 4]
    assert found(sample, " ".join(f"^{word}" for word in [*words, "riff"])) == found(sample, "^riff")
    assert found(sample, f"not ({' or '.join(words)}) ({' '.join(map(str, range(1, 5000)))})") == ALL
    many = " , ".join([*(f"run:none{number}" for number in range(60)), "out/none", "1", *words[:30]])
    assert found(sample, many) == [1]


def test_words_that_are_all_wanted_are_limited(sample: Sample) -> None:
    assert found(sample, "riff " * MOST_WORDS) == [1, 2, 4]
    with pytest.raises(QueryError, match="more than 200 words; use fewer, or join them by `or`"):
        found(sample, "riff " * (MOST_WORDS + 1))


@pytest.mark.parametrize("word", ["a.b", "a|b", "(", "x'y", "100%", "a_b", "ö", "[", "\\d"])
def test_words_mean_the_same_in_a_long_query(sample: Sample, word: str) -> None:
    one = f'"{word}"'
    many = " , ".join([one, *(f"nothing{number}" for number in range(30))])
    assert found(sample, many) == found(sample, one)


@pytest.mark.long
def test_conditions_with_many_values_hold_them_as_text(sample: Sample) -> None:
    many = " , ".join([f'epoch:1..2{number} note:="it\'s {number}"' for number in range(400)] + ["tag:riff"])
    deep = parse(f"({many}) (3 , {many})", sample[2])
    statement = select_clips(with_defaults(deep, song=True), schema.clip.c.id)
    compiled = statement.compile(dialect=sample[1].dialect, compile_kwargs={"render_postcompile": True})
    assert len(compiled.positiontup or ()) < 6000
    assert found(sample, f"({many}) (1)") == [1]


UNUSUAL_SIGNS = [
    ("epoch≥5", "epoch>=5"),
    ("epoch≤5", "epoch<=5"),
    ("epoch≠5", "epoch!=5"),
    ("run：night", "run:night"),
    ("“riff", "write ' or \" instead"),
    ("run:„take", "write ' or \" instead"),
    ("rating:1–5", "rating:1..5"),
    ("rating:1…5", "rating:1..5"),
    ("rating:none", "rated:no"),
    ("epoch:none", "^epoch:.."),
    ("length:null", "^length:.."),
    ("ep:5", "did you mean epoch or"),
    ("it:5", "did you mean step?"),
]


@pytest.mark.parametrize(("text", "meant"), UNUSUAL_SIGNS)
def test_unusual_signs_and_abbreviations_name_what_was_meant(sample: Sample, text: str, meant: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text, sample[2])
    assert meant in str(caught.value)
    parse(f'"{text}" "it’s"' if ":" not in text else "it’s", sample[2])


IDS_IN_TEXT = [
    "riff 2",
    "run:take 2",
    "2 riff",
    "tag:slow 2 rating-",
    "^run:take 2",
    "epoch:3 2",
    "riff , run:take 2",
    "(run:take 2)",
    "path:folder/take 2",
    "not riff and 2",
]


@pytest.mark.parametrize("text", IDS_IN_TEXT)
def test_an_id_that_may_belong_to_a_value_is_refused(sample: Sample, text: str) -> None:
    with pytest.raises(QueryError, match=r"2 is the id of a clip; if it belongs to the value .*write \(2\)"):
        parse(text, sample[2])
    assert parse(text, sample[2], stored=True).named >= {"id"}
    songs = saved({"old": text})
    assert "id" not in parse("song:old", replace(sample[2], songs=lambda: songs)).named


@pytest.mark.parametrize(
    "text", ["2 rejected:yes", "missing:yes 2 epoch+", "riff (2)", "note:'a b' 2", "riff , 2", "status:ok ^2"]
)
def test_an_id_next_to_terms_that_end_before_it(sample: Sample, text: str) -> None:
    parse(text, sample[2])
    assert parse(["run:take", "2"], sample[2]).named == {"run", "id"}


def saved(queries: Mapping[str, str]) -> dict[str, SavedQuery]:
    return {name: SavedQuery(query, Edits()) for name, query in queries.items()}


def test_songs_that_grow_without_end_are_refused(sample: Sample) -> None:
    queries = saved({f"s{n}": f"song:s{n + 1} , song:s{n + 1}" for n in range(15)} | {"s15": "riff"})
    with pytest.raises(QueryError, match="too many terms"):
        parse(["song:s0"], replace(sample[2], songs=lambda: queries))
    chain = saved({f"s{n}": f"song:s{n + 1}" for n in range(50)} | {"s50": "riff"})
    with pytest.raises(QueryError, match="more than 20 songs"):
        parse(["song:s0"], replace(sample[2], songs=lambda: chain))
    assert parse(["song:s40"], replace(sample[2], songs=lambda: chain)).named == {"song"}


def test_songs_with_further_terms_may_select_from_one_another_in_a_long_chain(sample: Sample) -> None:
    chain = saved(
        {f"s{n}": f"song:s{n + 1} (length:..99 ^id:99)" for n in range(19)} | {"s19": "riff , slow"}
    )
    by_name = sample[0], sample[1], replace(sample[2], songs=lambda: chain)
    assert found(by_name, "song:s0 id:1..") == found(by_name, "song:s19") != []


def test_a_context_may_have_other_names_than_the_catalog(sample: Sample, tmp_path: Path) -> None:
    songs = saved({"a": "riff"})
    texts = sample[2].texts
    context = Context(
        lambda: {"temperature"},
        lambda: songs,
        "prefix",
        Folders(Roots(tmp_path)),
        texts,
        0.0,
        lambda _clip, _metric: (),
    )
    assert parse(["temperature:1", "song:a"], context).named == {"temperature", "song"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("riff epoch:10.. ^tag:slow path:out score-", 2), ("temperature:1", 2), ("song:good", 2), ("c++", 1)],
)
def test_names_are_looked_up_only_if_the_query_needs_them(sample: Sample, text: str, expected: int) -> None:
    catalog = sample[0]
    seen: list[str] = []
    with catalog.reading() as connection:
        event.listen(connection, "before_cursor_execute", lambda *args: seen.append(args[2]))
        query = parse(split_text(text), context_of(catalog, connection))
        connection.execute(select_clips(query, schema.clip.c.id)).all()
    selects = [statement for statement in seen if statement.startswith("SELECT")]
    # PostgreSQL ignores case in ASCII only: other texts are read before the statement that lists clips.
    assert len([each for each in selects if "octet_length" not in each or "ORDER BY" in each]) == expected


# Laws. Conditions of the table's terms stand for all others; tests/fuzz/queries.py tries any text.

TERMS = sorted(
    {
        text
        for text, _ in TABLE
        if [token.kind for token in tokens_of(text)] == [Kind.TERM] and not text.endswith(("+", "-", ">="))
    }
)
terms = st.sampled_from(TERMS)


@pytest.mark.parametrize("text", [text for text, _ in TABLE])
def test_conditions_are_never_null(sample: Sample, text: str) -> None:
    _, connection, context = sample
    condition = parse(text, context).condition
    statement = select_clips(parse([], context), condition)
    assert set(connection.scalars(statement)) <= {True, False}


@settings(max_examples=60, deadline=None)
@given(one=terms, other=terms)
@pytest.mark.long
def test_and_or_not_are_set_algebra(sample: Sample, one: str, other: str) -> None:
    first, second = set(found(sample, one)), set(found(sample, other))
    if not (one.isdigit() and other.isdigit()):
        assert set(found(sample, f"{one} {other}")) == first & second
    assert set(found(sample, f"{one} , {other}")) == set(found(sample, f"{one} or {other}")) == first | second
    assert set(found(sample, f"^{one}")) == set(found(sample, f"not {one}")) == set(ALL) - first
    if not (one.isdigit() or other.isdigit()):
        assert set(found(sample, f"{one} or {other} ^{one}")) == first | (second - first)
        assert set(found(sample, f"not ({one} or {other})")) == set(ALL) - first - second


@given(st.lists(st.text(max_size=10), max_size=5))
def test_text_round_trip(terms: list[str]) -> None:
    assert [(token.kind, token.word.text) for token in tokens_of(join_terms(terms))] == [
        (token.kind, token.word.text) for token in tokens_of(terms)
    ]


def test_statement_reads_each_clip_once(sample: Sample) -> None:
    _, connection, _ = sample
    assert ids(sample) == list(connection.scalars(select(schema.clip.c.id).order_by(schema.clip.c.id)))
    assert len(ids(sample, "silence/")) == 1
