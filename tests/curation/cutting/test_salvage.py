"""A song is made of the sounds in mostly silent recordings, in one decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE, dump
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.cutting.salvage import salvage_song
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.songs import get_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError, UsageError


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions) -> Catalog:
    """Clips 1 and 2 are mostly silent and hold three sounds, one of 0.3 s; clip 3 is one sound of 2 s."""
    pause = np.zeros((4 * RATE, 1), np.float32)
    for name, pieces in {
        "a": [sound(1, 1.5), pause, sound(2, 0.3)],
        "b": [sound(3, 1.2), pause, np.full((1, 1), 0.9, np.float32)],
        "c": [sound(4, 2.0)],
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", np.concatenate(pieces), RATE)
    ingest(catalog, [tmp_path], serial)
    return catalog


def test_what_sounds_long_enough_becomes_a_song(shelf: Catalog) -> None:
    done = salvage_song(shelf, "found", "", SongOptions(order="length-"), executor="serial")
    assert (done.recordings, done.too_short, done.size.clips) == (2, 1, 2)
    tracks = tracklist(shelf, "found").tracks
    assert [round(track.seconds, 1) for track in tracks] == [1.5, 1.2]
    assert [Path(each.path).name for each in done.split.recordings] == ["a.wav", "b.wav"]
    assert done.song.settings.query == "kind:part length:1.. (of:1 , of:2)"


def test_one_undo_takes_the_song_and_the_split_back(shelf: Catalog) -> None:
    listed = list_clips(shelf, "")
    made = salvage_song(shelf, "found", "", executor="serial").split.decision
    assert made is not None
    assert made.summary == 'make song "found" of the sounds in 2 recordings'
    undo(shelf)
    assert list_clips(shelf, "") == listed
    assert get_song(shelf, "found") is None


def test_recordings_that_were_split_already_take_part(shelf: Catalog) -> None:
    salvage_song(shelf, "found", "", executor="serial")
    again = salvage_song(shelf, "all", "", least=0.1, executor="serial")
    assert (again.split.recordings, again.size.clips, again.recordings) == ((), 3, 2)


def test_the_same_query_finds_the_recordings_that_it_split_before(shelf: Catalog) -> None:
    salvage_song(shelf, "found", "silence:0.5..", executor="serial")
    again = salvage_song(shelf, "found", "silence:0.5..", least=0.1, executor="serial")
    assert (again.split.recordings, again.size.clips, again.recordings) == ((), 3, 2)


@pytest.mark.parametrize(
    ("query", "least", "error", "message"),
    [
        ("path:c.wav", 1.0, NotFoundError, "no recording of path:c.wav is mostly silent"),
        (
            "path:a.wav",
            9.0,
            NotFoundError,
            "no sound in the mostly silent recordings of path:a.wav lasts 9 s",
        ),
        ("rating:5", 1.0, NotFoundError, "no clip matches rating:5"),
        ("", -1.0, UsageError, "--least -1 is below 0 seconds"),
    ],
)
def test_without_anything_to_keep_nothing_is_changed(
    shelf: Catalog, query: str, least: float, error: type[Exception], message: str
) -> None:
    before = dump(shelf)
    with pytest.raises(error, match=message):
        salvage_song(shelf, "found", query, least=least, executor="serial")
    assert dump(shelf) == before
