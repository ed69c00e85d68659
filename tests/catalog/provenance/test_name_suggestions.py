"""A suggested pattern reads the path that it was made for, and other paths of the same shape."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.provenance.name_suggestions import suggest, suggest_for_all
from thresher.catalog.provenance.provenance import compile_pattern, infer

SUGGESTIONS = [
    (
        "night_ep12_it30000_z7.wav",
        r"(?P<run>[^/]+?)_ep(?P<epoch>\d+)_it(?P<step>\d+)_z(?P<z>\d+)",
        {"run": "night", "epoch": "12", "step": "30000", "z": "7"},
    ),
    ("run7/e12_s4000_seed7.wav", r"e(?P<epoch>\d+)_s(?P<step>\d+)_seed(?P<seed>\d+)", None),
    ("run7/ep12it3000/gen_3.wav", r"ep(?P<epoch>\d+)it(?P<step>\d+)/gen_(?P<index>\d+)", None),
    ("e12/keep/it3k/out_3.wav", r"e(?P<epoch>\d+)/[^/]+/it(?P<step>\d+[kKM]?)/out_(?P<index>\d+)", None),
    ("sample-ep3-temp0.9.wav", r"sample-ep(?P<epoch>\d+)-temp(?P<temperature>[\d.]+)", None),
    ("lora-v2_e5_t0.8_16k.wav", r"(?P<run>[^/]+?)_e(?P<epoch>\d+)_t(?P<temperature>[\d.]+)_[^/]*?", None),
    ("night 120k 3.wav", r"(?P<run>[^/]+?) (?P<step>\d+[kKM]?) (?P<index>\d+)", None),
    ("2024-01-02_EP3.wav", r"\d+-\d+-\d+_EP(?P<epoch>\d+)", {"epoch": "3"}),
    ("Übung (a)_ep3.wav", r"(?P<run>[^/]+?)_ep(?P<epoch>\d+)", {"run": "Übung (a)", "epoch": "3"}),
    ("ep003.5.wav", r"ep(?P<epoch>\d+)\.(?P<index>\d+)", {"epoch": "3", "index": "5"}),
    (
        "ep3.5_t0.8.wav",
        r"ep(?P<epoch>\d+)\.\d+_t(?P<temperature>[\d.]+)",
        {"epoch": "3", "temperature": "0.8"},
    ),
    ("ep1.5k_3.wav", r"ep(?P<epoch>[\d.]+[kKM]?)_(?P<index>\d+)", {"epoch": "1500", "index": "3"}),
    ("rating5_ep3.wav", r"rating\d+_ep(?P<epoch>\d+)", {"epoch": "3"}),
]


@pytest.mark.parametrize(("path", "pattern", "reads"), SUGGESTIONS, ids=[path for path, *_ in SUGGESTIONS])
def test_suggestions(path: str, pattern: str, reads: dict[str, str] | None) -> None:
    found = suggest(f"/data/all/{path}".encode(), b"/data/all")
    assert found is not None
    assert found.pattern == pattern
    assert reads is None or found.reads == reads
    (entry,) = tomllib.loads(found.toml())["provenance"]
    other = path.replace("3", "4").replace("12", "13")
    inference = infer(f"/x/{other}".encode(), patterns=[compile_pattern(entry["name"], entry["pattern"])])
    assert inference.pattern == entry["name"]


@pytest.mark.parametrize(
    "path",
    [
        *("kick.wav", "gen_003.wav", "a/b/2024/12.wav", "ep1.2345k.wav", "noise_16k.wav", ".wav"),
        *("model_20240115.wav", "step_1700000000.wav"),
    ],
)
def test_without_a_word_before_a_number_nothing_is_suggested(path: str) -> None:
    assert suggest(f"/data/all/{path}".encode(), b"/data/all") is None


def test_names_with_quotes_become_valid_toml() -> None:
    found = suggest(b"/all/it's \"ep3.wav", b"/all")
    assert found is not None
    assert tomllib.loads(found.toml())["provenance"][0]["pattern"] == found.pattern


@given(st.text("aeEpst0123.9k_-=/ ü'\"([\\", max_size=30))
@settings(max_examples=80, deadline=None)
def test_every_suggestion_reads_its_own_path(name: str) -> None:
    path = f"/all/{name.strip('/')}_ep3.wav".encode()
    found = suggest(path, b"/all")
    if found is not None:
        inference = infer(path, patterns=[compile_pattern("mine", found.pattern)])
        assert inference.pattern == "mine"
        assert not inference.problems


def test_names_of_one_kind_share_the_suggestion_that_reads_most_of_them() -> None:
    names = ("wolf_ep3_z1", "ash_ep4_z2_loud", "moth_ep5_z3a", "dark_e6_z4", "plain", "bone_ep7_z5-x")
    files = [(f"/data/runs/{name}.wav".encode(), b"/data/runs") for name in names]
    found = suggest_for_all(files)
    first = found[0]
    assert first is not None
    assert first.pattern == r"(?P<run>[^/]+?)_ep(?P<epoch>\d+)_z(?P<z>\d+)[^/]*?"
    assert first.name == "*_ep#_z#*"
    assert [each and each.pattern == first.pattern for each in found] == [True, True, True, False, None, True]
    assert [each and each.reads.get("epoch") for each in found] == ["3", "4", "5", "6", None, "7"]
    assert [each.name for each in suggest_for_all(files[:1]) if each] == ["wolf_ep#_z#"]


def test_a_pattern_that_reads_other_values_is_not_shared() -> None:
    names = ("a_ep3_z1", "a_ep3_z1_seed5")
    found = suggest_for_all([(f"/data/{name}.wav".encode(), b"/data") for name in names])
    assert [each and each.reads.get("seed") for each in found] == [None, "5"]
