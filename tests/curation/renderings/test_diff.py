"""The difference of a song from a rendering: which clips, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import update

from tests.support import RATE, WriteClip, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.decisions import history
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import difference, since_rendering
from thresher.curation.renderings.render import render
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import (
    save_song,
)
from thresher.curation.songs.tracklist import tracklist


@pytest.fixture
def catalog(rendered: Catalog) -> Catalog:
    """Five clips and the song "Bone", rendered once."""
    return rendered


SERIAL = IngestOptions(executor="serial")


def test_an_unchanged_song_has_no_difference(catalog: Catalog) -> None:
    found = difference(catalog, "Bone")
    assert found.is_none
    assert (found.number, found.other, found.reasons) == (1, None, {})
    assert found.seconds[0] == found.seconds[1]


def test_each_new_or_gone_clip_has_its_reason(catalog: Catalog, tmp_path: Path) -> None:
    """Of clips 1 to 5, 1 is rejected, 2 gets another epoch, and 3 another span; 6 is ingested."""
    save_song(catalog, "Bone", ["epoch:..8"], {"artist": "Dadabots"})
    render(catalog, "Bone", tmp_path / "bone.wav")
    noise = np.random.default_rng(9).normal(scale=0.1, size=4 * RATE)
    soundfile.write(tmp_path / "clips" / "run_epoch_8_0.wav", noise, RATE)
    ingest(catalog, [tmp_path / "clips"], SERIAL)
    judging.reject(catalog, ["1"])
    judging.modify(catalog, ["2"], {"epoch": "90"})
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id == 3).values(start_frame=clip.c.start_frame + 441))
    found = difference(catalog, "Bone", 2)
    assert (found.new, found.gone, found.moved, found.retrimmed) == ((6,), (1, 2), (), (3,))
    assert found.reasons == {
        6: "ingested since",
        1: "rejected",
        2: "no longer matches the query",
        3: "re-analysed, with another span",
    }
    assert found.seconds == pytest.approx((18.3, 18.3 + 4 - 4 - 3.5 - 0.02), abs=0.01)
    assert difference(catalog, "Bone", 1, 2).settings == ("the artist was none and is Dadabots",)


def test_a_changed_query_and_limits_are_reasons(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone", ["epoch:2.."], {"clips": 2})
    render(catalog, "Bone", tmp_path / "two.wav")
    now = difference(catalog, "Bone", 1)
    assert now.reasons == {
        1: "the query changed",
        2: "the query changed",
        5: "beyond the song's limits",
    }
    assert difference(catalog, "Bone", 1, 2).gone == now.gone
    back = difference(catalog, "Bone", 2, 1)
    assert back.new == now.gone
    assert set(back.reasons.values()) == {
        "the query changed",
        "rated or changed since, now within the limits, or its file was missing then",
    }


def test_another_ordering_moves_clips(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "epoch-"})
    found = difference(catalog, "Bone")
    assert len(found.moved) == 4  # one of them may be said to have stayed
    assert set(found.reasons.values()) == {"the ordering changed"}


def test_a_missing_file_is_a_reason(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips" / "run_epoch_1_0.wav").unlink()
    ingest(catalog, [tmp_path / "clips"], SERIAL)
    render(catalog, "Bone", tmp_path / "rest.wav", without_missing=True)
    assert difference(catalog, "Bone", 1, 2).reasons == {2: "its file is missing or changed"}
    assert "its file was missing then" in difference(catalog, "Bone", 2).reasons[2]


def test_edits_by_hand_are_reasons(bone: Catalog, tmp_path: Path) -> None:
    render(bone, "Bone", tmp_path / "bone.wav")
    edit_song(bone, "Bone", SongEdit(add=("1",), drop=("5",), first="8"))
    found = difference(bone, "Bone")
    assert (found.new, found.gone, found.moved) == ((1,), (5,), (8,))
    assert found.reasons == {1: "added by hand", 5: "dropped by hand", 8: "positions were edited by hand"}


def test_the_song_today_is_compared_with_its_last_rendering(
    write_clip: WriteClip, seven_clips: Catalog, clip_folder: Path, tmp_path: Path
) -> None:
    save_song(seven_clips, "S", ["epoch:10..14"], {"ordering": "epoch+"})
    assert since_rendering(seven_clips, tracklist(seven_clips, "S")) is None
    render(seven_clips, "S", tmp_path / "s.wav")
    same = since_rendering(seven_clips, tracklist(seven_clips, "S"))
    assert same is not None
    assert same.is_none
    judging.reject(seven_clips, ["2"])
    judging.modify(seven_clips, ["1"], {"epoch": "14"})
    write_clip(clip_folder / "run_epoch_12_1.wav", 78)
    ingest(seven_clips, [clip_folder], SERIAL)
    changed = since_rendering(seven_clips, tracklist(seven_clips, "S"))
    assert changed is not None
    assert (changed.new, changed.gone, changed.moved) == ((8,), (2,), (1,))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sample_rate": 8_000}, "the sample rate was 16000 Hz and is 8000 Hz"),
        ({"channels": 2}, "the song was mono and is stereo"),
        ({"fade": 0.5}, "the fade changed"),
    ],
)
def test_each_setting_that_changes_the_file_is_a_difference(
    seven_clips: Catalog, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    save_song(seven_clips, "S", ["epoch:10..13"])
    render(seven_clips, "S", tmp_path / "s.wav")
    save_song(seven_clips, "S", None, changes)
    changed = since_rendering(seven_clips, tracklist(seven_clips, "S"))
    assert changed is not None
    assert changed.settings == (sentence,)
    assert not changed.is_none
    assert render(seven_clips, "S", tmp_path / "s.wav").number == 2


def test_a_split_is_the_reason_why_its_clips_are_gone(cut_clips: Catalog, tmp_path: Path) -> None:
    undo(cut_clips, 1)
    save_song(cut_clips, "Whole", "length:16.. or mark:drop")
    render(cut_clips, "Whole", tmp_path / "whole.wav")
    undo(cut_clips, next(each.id for each in history(cut_clips) if each.undoes == 1))
    undo(cut_clips, 2)
    found = difference(cut_clips, "Whole")
    assert found.reasons == {1: "split into parts", 8: "taken away by a split or `thresher unmark`"}
    assert (found.tracks[1].part, found.tracks[8].part) == (None, 'former mark "drop" from 1.0 s to 3.0 s')
