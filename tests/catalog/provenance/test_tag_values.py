"""Attributes in tags, their order of precedence, and the sidecar above them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.catalog.tagged_files import GRAPH, WORKFLOW, comfy_flac, flac
from thresher.catalog.provenance.file_tags import FileTag
from thresher.catalog.provenance.tag_values import command_in, read_stated, values_in


def values(*tags: tuple[str, str]) -> dict[str, str]:
    return {value.name: value.text for value in values_in([FileTag(*tag) for tag in tags])}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("seed", "42", {"seed": "42"}),
        ("TEMP", "0.9", {"temperature": "0.9"}),
        ("prompt", "slow rain", {"prompt": "slow rain"}),
        ("title", "seed=42", {}),
        ("lyrics", "seed: 42", {}),
        ("comment", "Steps: 20, Sampler: Euler a, CFG scale: 7.5", {"steps": "20", "cfg_scale": "7.5"}),
        ("comment", "seed=-1; temp=0.9", {"seed": "-1", "temperature": "0.9"}),
        ("comment", "reseed=4, seed=4x", {}),
        ("software", "gen.py --seed 7 --out x --top-k 250", {"seed": "7", "top_k": "250"}),
        ("comment", '{"seed": 9007199254740993}', {"seed": "9007199254740993"}),
        ("comment", '{"conditioning": {"text": "a"}, "b": {"c": 1}}', {"text": "a", "b_c": "1"}),
        ("comment", '{"params": {"seed": 3}, "seeds": [4]}', {"seed": "3", "seeds": "4"}),
        ("global_step", "5000", {"step": "5000"}),
        ("run_name", "night", {"run": "night"}),
        ("iteration", "Third", {"iteration": "Third"}),
        ("num_inference_steps", "50", {"num_inference_steps": "50"}),
        ("comment", "made with suno; created=2024-01-15T12:00:00Z; id=0f8fad5b", {}),
        ("comment", '{"seed": 1', {}),
        ("comment", '{"rating": 5}', {"tag_rating": "5"}),
        ("workflow", json.dumps(WORKFLOW), {}),
        ("epoch", "final", {}),
        ("epoch", "12", {"epoch": "12"}),
        ("model", " ", {}),
    ],
)  # fmt: skip
def test_what_a_tag_says(name: str, text: str, found: dict[str, str]) -> None:
    assert values((name, text)) == found


def test_a_graph_of_comfyui() -> None:
    found = values(("prompt", json.dumps(GRAPH)))
    assert (found["seed"], found["prompt"], found["cfg"]) == ("840755638734093", "slow rain", "4.98")


def test_the_more_explicit_place_counts() -> None:
    tags = [("comment", "seed: 1"), ("comment", '{"seed": 2}'), ("seed", "3"), ("software", "g --seed 4")]
    for count, expected in ((4, "3"), (2, "2"), (1, "1")):
        assert values(*tags[:count])["seed"] == expected
    assert values(tags[0], tags[3])["seed"] == "4"


def test_hostile_tags_take_no_time() -> None:
    deep = '{"a":' * 50_000 + "1" + "}" * 50_000
    long = "--seed 1 '" + "x" * 30_000
    assert values(("prompt", deep)) == {}
    assert values(*[(f"t{number}", long) for number in range(1_000)])["seed"] == "1"
    assert values(("comment", "seed " * 100_000 + "= 4")) == {"seed": "4"}


def test_the_command_in_a_tag() -> None:
    assert command_in([FileTag("title", "a"), FileTag("comment", "g --seed 4")]) == ("g", "--seed", "4")
    assert command_in([FileTag("title", "a")]) == ()


def test_the_sidecar_takes_precedence(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(flac({"seed": "1", "prompt": "rain"}))
    (tmp_path / "a.json").write_text('{"seed": 2}')
    assert read_stated(os.fsencode(tmp_path / "a.flac")) == ({"seed": "2", "prompt": "rain"}, None)


def test_a_file_of_comfyui(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(comfy_flac())
    found, warning = read_stated(os.fsencode(tmp_path / "a.flac"))
    assert warning is None
    assert found["seed"] == "840755638734093"
    assert "nodes" not in found
