"""The options of `save_song`: which settings they change, and which contradict each other."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.curation.songs.options import UNCHANGED, SongOptions
from thresher.curation.songs.settings import SongSettings
from thresher.curation.songs.songs import save_song
from thresher.errors import UsageError
from thresher.interfaces.cli.registry import MODULES
from thresher.signal.ordering.orderings import parse_ordering


def test_options_that_are_not_given_change_nothing() -> None:
    assert SongOptions().changes(None) == {}
    assert all(getattr(SongOptions(), each.name) is UNCHANGED for each in fields(SongOptions))


def test_options_are_named_like_the_flags() -> None:
    from typer.main import get_command

    from thresher.interfaces.cli.app import app
    from thresher.interfaces.cli.main import load_commands

    load_commands([MODULES["song"]])
    root: Any = get_command(app)  # its type declares no `commands`, which every group has
    save = root.commands["song"].commands["save"]
    flags = {option for parameter in save.params for option in parameter.opts if option.startswith("--")}
    names = {
        "--from" if each.name == "sequence" else f"--{each.name.replace('_', '-')}"
        for each in fields(SongOptions)
    }
    # a salvage is a verb of its own, with the options of the song
    assert flags - names == {"--dry-run", "--json", "--help", "--salvage", "--least"} & flags
    assert names <= flags


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (SongOptions(rate=48_000, length=None), {"sample_rate": 48_000, "length": None}),
        (SongOptions(order="epoch+"), {"ordering": parse_ordering("epoch+")}),
        (SongOptions(sequence=[3, 1]), {"ordering": parse_ordering("manual"), "manual": (3, 1)}),
        (SongOptions(quality=3.0, artist="a", album=None), {"quality": 3.0, "artist": "a", "album": None}),
    ],
)
def test_options_change_settings(options: SongOptions, changes: dict[str, Any]) -> None:
    found = options.changes(None)
    assert found == changes
    assert set(found) <= {each.name for each in fields(SongSettings)}


def test_an_end_of_a_chain_that_is_not_given_stays() -> None:
    first = SongOptions(start=3).changes(None)["ordering"]
    both = SongOptions(end=7).changes(first)["ordering"]
    assert (both.start, both.end) == (3, 7)
    replaced = SongOptions(order="chain", end=7).changes(first)["ordering"]
    assert (replaced.start, replaced.end) == (None, 7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SongOptions(order="pairs", start=1), "--start and --end need --order chain, not --order pairs"),
        (SongOptions(order="chain", sequence=[1]), "--from needs --order manual, not --order chain"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: SongOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options.changes(None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SongOptions(quality=11.0), "--quality 11 is out of range"),
        (SongOptions(artist="a\nb"), "--artist .* is not a tag"),
    ],
)
def test_values_out_of_range_are_refused(catalog: Catalog, options: SongOptions, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        save_song(catalog, "Bone", ["epoch:1.."], options)


def test_a_song_keeps_its_file_rule_until_it_is_saved(catalog: Catalog) -> None:
    song = save_song(catalog, "Bone", ["epoch:1.."])
    assert song.settings.file_rule == 2
    with writing(catalog) as connection:
        connection.exec_driver_sql("UPDATE song SET file_rule = 1")  # as the upgrade leaves it
    assert save_song(catalog, "Bone", None, SongOptions(gap=1.0)).settings.file_rule == 2
