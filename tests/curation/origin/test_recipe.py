"""Recipes of clips: by name, sidecar, tags; templates by pattern, run and query; missing files and values."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import delete

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import attribute
from thresher.curation.clips.decisions import modify
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.origin.filling import CommandLine, Neighbours
from thresher.curation.origin.recipe import recipe
from thresher.errors import ConfigError, NotFoundError


def test_a_clip_of_audiocraft(made_clips: Catalog) -> None:
    (found,) = recipe(made_clips, ["3"])
    assert (found.pattern, found.template, found.sidecar) == ("audiocraft", "craft", "noinput_0f8f.json")
    assert found.recorded == "--seed 7"
    assert found.line == CommandLine("python g.py --ckpt xps/9357d0f2/040.th --seed 7 --temp 0.95")
    assert found.missing == ()


def test_a_clip_of_samplernn_lacks_the_temperature(made_clips: Catalog) -> None:
    (found,) = recipe(made_clips, ["2"], neighbours=Neighbours({"temperature": ["0.9"]}))
    assert found.template == "rnn"
    assert found.line == CommandLine(None, ("temperature",))
    assert [line.command for line in found.neighbours] == ["python two_tier.py --i 220001 --temp 0.9"]
    assert found.missing == ()
    assert recipe(made_clips, ["2"])[0].missing == ("temperature",)


def test_a_clip_with_tags_inside(made_clips: Catalog) -> None:
    (found,) = recipe(made_clips, ["1"])
    assert found.template == "comfy"
    assert found.line == CommandLine("comfy run --seed 840755638734093 --prompt 'slow rain'")
    assert {value.name: value.source for value in found.values}["seed"] == "tag"
    assert [tag.name for tag in found.tags] == ["prompt", "workflow"]


def test_tags_are_attributes_since_the_ingest(made_clips: Catalog) -> None:
    assert [row.id for row in list_clips(made_clips, ["seed:840755638734093"])] == [1]
    assert [row.id for row in list_clips(made_clips, ["seed:7"])] == [3]


def test_several_clips_in_the_order_of_the_query(made_clips: Catalog) -> None:
    assert [found.clip for found in recipe(made_clips, ["id-"])] == [3, 2, 1]


def test_a_corrected_value_counts(made_clips: Catalog) -> None:
    modify(made_clips, ["1"], {"seed": "5"})
    (found,) = recipe(made_clips, ["1"])
    assert {value.name: (value.text, value.source) for value in found.values}["seed"] == ("5", "corrected")
    assert found.line is not None
    assert found.line.command == "comfy run --seed 5 --prompt 'slow rain'"
    assert found.notes == ()


def test_without_the_file_the_stored_values_remain(made_clips: Catalog) -> None:
    (made_clips.root / "comfy/ComfyUI_00001_.flac").unlink()
    (found,) = recipe(made_clips, ["1"])
    assert found.notes == ("the file is gone, so its tags are unknown",)
    assert found.tags == ()
    assert {value.name: value.source for value in found.values}["seed"] == "catalog"
    assert found.line is not None
    assert found.line.command is not None


def test_reread_adds_the_tags_of_files_that_an_earlier_version_ingested(
    made_clips: Catalog, serial: IngestOptions
) -> None:
    with writing(made_clips) as connection:
        connection.execute(delete(attribute).where(attribute.c.key == "seed"))
    ingest(made_clips, [made_clips.root], serial)
    assert not any("seed" in row.attributes for row in list_clips(made_clips))
    ingest(made_clips, [made_clips.root], replace(serial, reread=True))
    assert [row.id for row in list_clips(made_clips, ["seed:1.."])] == [1, 3]


def test_a_template_can_be_named(made_clips: Catalog) -> None:
    (found,) = recipe(made_clips, ["1"], template="comfy")
    assert found.template == "comfy"
    assert recipe(made_clips, ["1"], template="rnn")[0].template is None
    with pytest.raises(NotFoundError, match='named "comfi"; it has "craft", "rnn" or "comfy"'):
        recipe(made_clips, ["1"], template="comfi")


def test_no_clip_is_an_error(made_clips: Catalog) -> None:
    with pytest.raises(NotFoundError, match="no clip matches epoch:99"):
        recipe(made_clips, ["epoch:99"])


def test_an_unknown_placeholder_is_an_error_of_the_settings(made_clips: Catalog) -> None:
    file = made_clips.root / "catalog.toml"
    file.write_text(file.read_text().replace("{temperature}", "{temprature}"))
    with (
        Catalog.open(file) as again,
        pytest.raises(ConfigError, match=r"unknown placeholder \{temprature\}; did you mean \{temperature\}"),
    ):
        recipe(again, ["2"])
