"""Edits of a song by hand: clips that are added, dropped, pinned, swapped and kept together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import reject
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.listing import songs
from thresher.curation.songs.songs import save_song, song_history
from thresher.curation.songs.tracklist import Tracklist, tracklist
from thresher.errors import NotFoundError, UsageError


@pytest.fixture
def catalog(bone: Catalog) -> Catalog:
    """Eight clips, of which the song "Bone" contains 3 to 8."""
    return bone


def ids(plan: Tracklist) -> list[int]:
    return [track.clip for track in plan.tracks]


def edited(catalog: Catalog, **edit: Any) -> list[int]:
    return ids(edit_song(catalog, "Bone", SongEdit(**edit)))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"pins": (("3", 3),)}, [4, 5, 3, 6, 7, 8]),
        ({"first": "7"}, [7, 3, 4, 5, 6, 8]),
        ({"last": "3"}, [4, 5, 6, 7, 8, 3]),
        ({"swap": ("3", "8")}, [8, 4, 5, 6, 7, 3]),
        ({"drop": ("5", "6")}, [3, 4, 7, 8]),
        ({"add": ("1",)}, [1, 3, 4, 5, 6, 7, 8]),
        ({"together": (("8", "4"),)}, [3, 5, 6, 7, 8, 4]),
        ({"add": ("1",), "last": "1", "drop": ("8",), "pins": (("7", 1),)}, [7, 3, 4, 5, 6, 1]),
        ({"last": "4", "together": (("8", "4"),)}, [3, 5, 6, 7, 8, 4]),
    ],
)
def test_each_edit_changes_the_sequence(catalog: Catalog, edit: dict[str, Any], expected: list[int]) -> None:
    assert edited(catalog, **edit) == expected
    assert ids(tracklist(catalog, "Bone")) == expected


def test_a_clip_can_be_given_by_path_or_query(catalog: Catalog, tmp_path: Path) -> None:
    assert edited(catalog, first=str(tmp_path / "clips/run_epoch_6_0.wav"))[0] == 7
    assert edited(catalog, last="epoch:5")[-1] == 6


def test_a_query_for_a_song_includes_its_edits(catalog: Catalog) -> None:
    edited(catalog, add=("1",), drop=("5",))
    assert [row.id for row in list_clips(catalog, "song:Bone")] == [1, 3, 4, 6, 7, 8]
    save_song(catalog, "Marrow", ["song:Bone"], {"ordering": "id+"})
    assert ids(tracklist(catalog, "Marrow")) == [1, 3, 4, 6, 7, 8]
    assert next(row.clips for row in songs(catalog) if row.name == "Bone") == 6


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({}, "no edit was given"),
        ({"pins": (("1", 2),)}, "clip 1 is not in song"),
        ({"pins": (("3", 7),)}, "has only 6 clips, no position 7"),
        ({"pins": (("3", 2), ("4", 2))}, "clip 3 is pinned to position 2"),
        ({"swap": ("3", "3")}, "can't be swapped with itself"),
        ({"together": (("3", "3"),)}, "can't stay right after itself"),
        ({"together": (("3", "4"),), "last": "3"}, "clip 3 can't be last: clips 3 and 4 stay together"),
        ({"together": (("3", "4"),), "first": "4"}, "clip 4 can't be first: clips 3 and 4 stay together"),
        ({"drop": ("3",), "first": "3"}, "clip 3 is not in song"),
    ],
)
def test_an_impossible_edit_is_refused_and_changes_nothing(
    catalog: Catalog, edit: dict[str, Any], message: str
) -> None:
    before = song_history(catalog, "Bone")
    with pytest.raises(UsageError, match=message):
        edited(catalog, **edit)
    assert song_history(catalog, "Bone") == before
    assert ids(tracklist(catalog, "Bone")) == [3, 4, 5, 6, 7, 8]


def test_a_rejected_or_unknown_clip_can_not_be_added(catalog: Catalog) -> None:
    reject(catalog, ["1"])
    with pytest.raises(UsageError, match="clip 1 can't be in a song"):
        edited(catalog, add=("1",))
    with pytest.raises(NotFoundError, match="no clip has the id 99"):
        edited(catalog, add=("99",))


def test_a_forgotten_clip_can_be_released(catalog: Catalog, tmp_path: Path) -> None:
    edited(catalog, pins=(("5", 3),))
    (tmp_path / "clips/run_epoch_4_0.wav").unlink()
    ingest(catalog, [tmp_path / "clips"], IngestOptions(executor="serial"))
    forget(catalog, str(tmp_path / "clips/run_epoch_4_0.wav"))
    edited(catalog, release=("5",))
    assert tracklist(catalog, "Bone").edits_not_applied == ()


def test_a_number_that_no_clip_can_have_is_an_error(catalog: Catalog) -> None:
    for number in (f"{2**63}", "9" * 5_000):
        with pytest.raises(NotFoundError):
            edited(catalog, release=(number,))


def test_release_removes_every_edit_of_a_clip(catalog: Catalog) -> None:
    edited(catalog, pins=(("5", 1),), drop=("8",), together=(("3", "7"),))
    assert edited(catalog, release=("5", "8", "7")) == [3, 4, 5, 6, 7, 8]
    assert tracklist(catalog, "Bone").song.settings.edits.plain() == {}


def test_a_dry_run_lays_out_the_result_and_saves_nothing(catalog: Catalog) -> None:
    before = song_history(catalog, "Bone")
    plan = edit_song(catalog, "Bone", SongEdit(first="8"), dry_run=True)
    assert ids(plan)[0] == 8
    assert ids(tracklist(catalog, "Bone"))[0] == 3
    assert song_history(catalog, "Bone") == before


def test_a_clip_beyond_the_limits_can_be_first_or_last(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"clips": 2})
    assert edited(catalog, last="8") == [3, 8]
    assert edited(catalog, first="7") == [7, 8]
    assert edited(catalog, swap=("7", "8")) == [8, 7]


def test_a_swap_exchanges_the_positions_that_clips_have_now(catalog: Catalog) -> None:
    """Clip 8 is pinned to 2 in vain, because 4 stays right after 3, which is first."""
    edited(catalog, pins=(("3", 1),), together=(("3", "4"),))
    edited(catalog, pins=(("8", 2),))
    assert ids(tracklist(catalog, "Bone"))[:3] == [3, 4, 5]
    before = ids(tracklist(catalog, "Bone"))
    after = edited(catalog, swap=("4", "8"))
    assert (after.index(8), after.index(4)) == (before.index(4), before.index(8))


@pytest.mark.parametrize("edit", [{"first": "7", "last": "7"}, {"pins": (("7", 2),), "last": "7"}])
def test_one_edit_can_not_pin_a_clip_to_two_positions(catalog: Catalog, edit: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="clip 7 can't be at two positions"):
        edited(catalog, **edit)


def test_a_clip_with_a_follower_can_not_end_a_chain(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "chain:..3"})
    with pytest.raises(UsageError, match="clip 3 can't be last: clips 3 and 4 stay together"):
        edited(catalog, together=(("3", "4"),))


def test_paths_and_folders_are_looked_up_before_the_transaction(
    catalog: Catalog, lookups: Callable[[Catalog], list[bool]]
) -> None:
    (catalog.root / "link").symlink_to(catalog.root / "clips")
    save_song(catalog, "Bone", ["path:link", "epoch:2.."])
    looked = lookups(catalog)
    clips = [f"{catalog.root}/link/run_epoch_{epoch}_0.wav" for epoch in range(8)]
    swapped = edited(catalog, add=(clips[0],), drop=("path:link epoch:3",), swap=(clips[2], clips[7]))
    assert swapped == [1, 8, 5, 6, 7, 3]
    assert looked
    assert not any(looked)
