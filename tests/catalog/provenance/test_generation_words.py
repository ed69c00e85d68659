"""Which names of tags and flags are parameters of a generation."""

from __future__ import annotations

import pytest

from thresher.catalog.provenance.generation_words import is_generation_name


@pytest.mark.parametrize(
    "name",
    ["seed", "noise_seed", "CFG scale", "topK", "top-p", "Temperature", "lora_weight", "prompt", "epoch"],
)
def test_parameters(name: str) -> None:
    assert is_generation_name(name)


@pytest.mark.parametrize(
    "name", ["title", "replaygain_track_gain", "top", "encoder", "itunsmpb", "artist", ""]
)
def test_other_names(name: str) -> None:
    assert not is_generation_name(name)
