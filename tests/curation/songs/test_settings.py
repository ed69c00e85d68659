"""The settings of a song: what is valid, the defaults, and the forms that are stored."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.edits import Edits
from thresher.catalog.settings.sections import MetricsSection, Settings, SongSection
from thresher.curation.songs.settings import SongSettings, new_song_settings
from thresher.curation.songs.songs import save_song
from thresher.errors import UsageError
from thresher.signal.ordering.orderings import Ordering, parse_ordering

EVERY_SETTING = SongSettings(
    query="epoch:2..",
    ordering=parse_ordering("chain:4..2"),
    metric="prefix",
    length=1_440.0,
    clips=20,
    sample_rate=48_000,
    channels=2,
    fade=0.01,
    crossfade=0.5,
    lufs=-14.0,
    subtype="PCM_24",
    dither=True,
    edits=Edits(added=(1,), dropped=(5,), pins=((3, 1),), together=((8, 6),)),
    manual=(3, 1, 2),
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crossfade": 1.0, "gap": 1.0}, "can't both overlap by 1 s and have 1 s of silence"),
        ({"crossfade": -1.0}, "--crossfade -1 s is out of range \\(expected 0 to 60\\)"),
        ({"gap": 61.0}, "--gap 61 s is out of range \\(expected 0 to 60\\)"),
        ({"fade": -0.1}, "--fade -0.1 s is out of range \\(expected 0 to 60\\)"),
        ({"lufs": 3.0}, "--lufs 3 is out of range \\(expected -70 to 0\\)"),
        ({"subtype": "PCM_8"}, 'unknown subtype "PCM_8" \\(expected PCM_16, PCM_24, FLOAT\\)'),
    ],
)
def test_a_setting_out_of_range_is_refused(bone: Catalog, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        save_song(bone, "Bone", None, settings)


def test_the_ordering_manual_needs_a_list(bone: Catalog) -> None:
    with pytest.raises(UsageError, match="give --from FILE"):
        save_song(bone, "Bone", None, {"ordering": "manual"})


def test_plain_values_give_the_same_settings_after_json() -> None:
    assert SongSettings.from_plain(json.loads(json.dumps(EVERY_SETTING.plain()))) == EVERY_SETTING


def test_columns_give_the_same_settings() -> None:
    columns = EVERY_SETTING.columns()
    assert SongSettings.from_columns(columns) == EVERY_SETTING
    assert (columns["ordering"], columns["manual"]) == ("chain:4..2", "[3,1,2]")


def test_settings_that_older_programs_did_not_store_have_their_defaults() -> None:
    stored = {"query": "", "ordering": "pairs", "metric": "prefix"}
    assert SongSettings.from_plain(stored) == SongSettings("", Ordering("pairs"), "prefix")


def test_a_new_song_has_the_configured_settings_unless_others_are_given() -> None:
    settings = Settings(song=SongSection(order="epoch+", fade=0.25))
    made = new_song_settings(settings, {"query": "epoch:2.."})
    assert (str(made.ordering), made.fade, made.query) == ("epoch+", 0.25, "epoch:2..")
    given = new_song_settings(settings, {"query": "", "fade": 0.5, "ordering": Ordering("pairs")})
    assert given == replace(made, query="", fade=0.5, ordering=Ordering("pairs"))


def test_a_new_song_is_ordered_by_the_default_metric_if_the_configured_one_is_not_kept() -> None:
    kept = MetricsSection(use=("prefix",), default="prefix")
    made = new_song_settings(Settings(song=SongSection(metric="likeness"), metrics=kept), {"query": ""})
    assert made.metric == "prefix"
