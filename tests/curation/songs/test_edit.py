"""Edits of a song by hand: they hold whatever its query finds and however it is ordered, and are told where not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import recording
from thresher.curation.clips.decisions import reject, undo
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import difference
from thresher.curation.renderings.render import render
from thresher.curation.songs.clip_list import read_sequence
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import (
    copy_song,
    delete_song,
    rename_song,
    save_song,
    song_history,
    songs,
)
from thresher.curation.songs.tracklist import Tracklist, compare, tracklist
from thresher.errors import NotFoundError, ThresherError, UsageError

ORDERS = ["chain", "chain:4..", "pairs", "epoch+", "epoch-", "shuffle:3", "id-"]


@pytest.fixture
def catalog(catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path) -> Catalog:
    """Eight clips of epochs 0 to 7, of which the song "Bone" has those from epoch 2 on: ids 3 to 8."""
    for epoch in range(8):
        write_clip(tmp_path / "clips" / f"run_epoch_{epoch}_0.wav", epoch, 3 + 0.2 * epoch)
    ingest(catalog, [tmp_path / "clips"], serial)
    save_song(catalog, "Bone", ["epoch:2.."], {"ordering": "epoch+"})
    return catalog


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
def test_table(catalog: Catalog, edit: dict[str, Any], expected: list[int]) -> None:
    assert edited(catalog, **edit) == expected
    assert ids(tracklist(catalog, "Bone")) == expected


def test_clips_are_named_by_path_and_query_too(catalog: Catalog, tmp_path: Path) -> None:
    assert edited(catalog, first=str(tmp_path / "clips/run_epoch_6_0.wav"))[0] == 7
    assert edited(catalog, last="epoch:5")[-1] == 6


@pytest.mark.parametrize("order", ORDERS)
def test_edits_hold_in_every_order_and_when_more_is_found(
    catalog: Catalog, order: str, write_clip: Any, serial: IngestOptions, tmp_path: Path
) -> None:
    edited(catalog, pins=(("5", 3),), last="3", drop=("4",), add=("1",), together=(("8", "6"),))
    for _ in range(2):
        save_song(catalog, "Bone", None, {"ordering": order.replace("chain:4..", "chain:7..")})
        found = ids(tracklist(catalog, "Bone"))
        assert (found[2], found[-1]) == (5, 3)
        assert 1 in found
        assert 4 not in found
        assert found.index(6) == found.index(8) + 1
        assert tracklist(catalog, "Bone").edits_not_applied == ()
        write_clip(tmp_path / "clips" / "run_epoch_9_0.wav", 9)
        ingest(catalog, [tmp_path / "clips"], serial)
    assert 9 in found


def test_a_song_of_a_song_has_its_edits(catalog: Catalog) -> None:
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
def test_what_can_not_be_had_today_is_refused_and_changes_nothing(
    catalog: Catalog, edit: dict[str, Any], message: str
) -> None:
    before = song_history(catalog, "Bone")
    with pytest.raises(UsageError, match=message):
        edited(catalog, **edit)
    assert song_history(catalog, "Bone") == before
    assert ids(tracklist(catalog, "Bone")) == [3, 4, 5, 6, 7, 8]


def test_what_no_song_may_hold_is_not_added(catalog: Catalog) -> None:
    reject(catalog, ["1"])
    with pytest.raises(UsageError, match="clip 1 can't be in a song"):
        edited(catalog, add=("1",))
    with pytest.raises(NotFoundError, match="no clip has the id 99"):
        edited(catalog, add=("99",))


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("rejected", "clip 5 is rejected"),
        ("forgotten", "clip 5 was forgotten"),
        ("query", "the query does not match clip 5"),
        ("silent", "clip 5 is silent"),
    ],
)
def test_a_pin_whose_clip_is_gone_is_told(catalog: Catalog, how: str, why: str, tmp_path: Path) -> None:
    edited(catalog, pins=(("5", 3),))
    if how == "rejected":
        reject(catalog, ["5"])
    elif how == "query":
        save_song(catalog, "Bone", ["epoch:2..", "^epoch:4"])
    elif how == "silent":
        with catalog.writing() as connection:
            connection.execute(update(recording).where(recording.c.id == 5).values(status="silent"))
    else:
        (tmp_path / "clips/run_epoch_4_0.wav").unlink()
        ingest(catalog, [tmp_path / "clips"], IngestOptions(executor="serial"))
        forget(catalog, str(tmp_path / "clips/run_epoch_4_0.wav"))
    plan = tracklist(catalog, "Bone")
    assert 5 not in ids(plan)
    assert plan.edits_not_applied == (why,)


def test_a_pin_of_a_forgotten_clip_is_released(catalog: Catalog, tmp_path: Path) -> None:
    edited(catalog, pins=(("5", 3),))
    (tmp_path / "clips/run_epoch_4_0.wav").unlink()
    ingest(catalog, [tmp_path / "clips"], IngestOptions(executor="serial"))
    forget(catalog, str(tmp_path / "clips/run_epoch_4_0.wav"))
    edited(catalog, release=("5",))
    assert tracklist(catalog, "Bone").edits_not_applied == ()


def test_a_pin_beyond_the_song_is_told(catalog: Catalog) -> None:
    edited(catalog, pins=(("5", 6),))
    save_song(catalog, "Bone", ["epoch:2..5"])
    plan = tracklist(catalog, "Bone")
    assert sorted(ids(plan)) == [3, 4, 5, 6]
    assert plan.edits_not_applied == ("clip 5 can't be at position 6: the song has 4 clips",)


def test_the_last_clip_is_the_last_within_the_limits(catalog: Catalog) -> None:
    edited(catalog, last="4", pins=(("8", 2), ("7", 5)))
    save_song(catalog, "Bone", None, {"clips": 3})
    plan = tracklist(catalog, "Bone")
    assert ids(plan) == [3, 8, 4]
    assert plan.left_out == 3
    assert plan.edits_not_applied == ("clip 7 lies beyond the song's limits",)
    save_song(catalog, "Bone", None, {"clips": None, "length": plan.seconds + 0.01})
    assert ids(tracklist(catalog, "Bone")) == [3, 8, 4]
    save_song(catalog, "Bone", None, {"length": plan.seconds - 0.01})
    assert ids(tracklist(catalog, "Bone")) == [3, 4]


def test_the_end_of_a_chain_is_the_end_within_the_limits(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "chain:6..3", "clips": 4})
    found = ids(tracklist(catalog, "Bone"))
    assert (len(found), found[0], found[-1]) == (4, 6, 3)


def test_release_takes_back_what_was_edited_of_a_clip(catalog: Catalog) -> None:
    edited(catalog, pins=(("5", 1),), drop=("8",), together=(("3", "7"),))
    assert edited(catalog, release=("5", "8", "7")) == [3, 4, 5, 6, 7, 8]
    assert tracklist(catalog, "Bone").song.settings.edits.plain() == {}


def test_a_dry_run_tells_and_changes_nothing(catalog: Catalog) -> None:
    before = song_history(catalog, "Bone")
    plan = edit_song(catalog, "Bone", SongEdit(first="8"), dry_run=True)
    assert ids(plan)[0] == 8
    assert ids(tracklist(catalog, "Bone"))[0] == 3
    assert song_history(catalog, "Bone") == before


def test_every_change_is_in_its_history_and_undone_by_undo(catalog: Catalog) -> None:
    save_song(catalog, "Skull", ["epoch:1"])
    edited(catalog, first="8")
    save_song(catalog, "Bone", None, {"crossfade": 0.5, "dither": True})
    rename_song(catalog, "Bone", "Marrow")
    said = [each.summary for each in song_history(catalog, "Marrow")]
    assert said == [
        'rename song "Bone" to "Marrow"',
        'edit song "Bone": crossfade 0.5, dither on',
        'edit song "Bone": pin 8 at 1',
        'make song "Bone"',
    ]
    for _ in range(2):
        undo(catalog)
    assert ids(tracklist(catalog, "Bone")) == [8, 3, 4, 5, 6, 7]
    assert tracklist(catalog, "Bone").song.settings.crossfade == 0
    undo(catalog)
    assert ids(tracklist(catalog, "Bone")) == [3, 4, 5, 6, 7, 8]


def test_a_copy_is_a_song_of_its_own(catalog: Catalog, tmp_path: Path) -> None:
    edited(catalog, first="8", drop=("5",))
    save_song(catalog, "Bone", None, {"gap": 0.5, "lufs": -20.0})
    render(catalog, "Bone", tmp_path / "bone.wav")
    copied = copy_song(catalog, "Bone", "Femur")
    assert copied.settings == tracklist(catalog, "Bone").song.settings
    edit_song(catalog, "Femur", SongEdit(release=("8",)))
    assert (ids(tracklist(catalog, "Bone"))[0], ids(tracklist(catalog, "Femur"))[0]) == (8, 3)
    assert {row.name: row.renderings for row in songs(catalog)} == {"Bone": 1, "Femur": 0}
    with pytest.raises(UsageError, match='a song named "Femur" exists already'):
        copy_song(catalog, "Bone", "Femur")
    undo(catalog)
    undo(catalog)
    assert [row.name for row in songs(catalog)] == ["Bone"]


def test_a_deleted_song_keeps_its_renderings(catalog: Catalog, tmp_path: Path) -> None:
    made = render(catalog, "Bone", tmp_path / "bone.wav")
    delete_song(catalog, "Bone")
    undo(catalog)
    again = render(catalog, "Bone", tmp_path / "again.wav", rendering=1)
    assert (again.same_bytes, again.sha256) == (True, made.sha256)


def test_the_difference_tells_what_was_done_by_hand(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone", tmp_path / "bone.wav")
    edited(catalog, add=("1",), drop=("5",), first="8")
    found = difference(catalog, "Bone")
    assert (found.new, found.gone, found.moved) == ((1,), (5,), (8,))
    assert found.reasons == {1: "added by hand", 5: "dropped by hand", 8: "positions were edited by hand"}


# -- by hand from one end to the other ---------------------------------------------------------------------


def test_a_sequence_from_a_file(catalog: Catalog, tmp_path: Path) -> None:
    listed = tmp_path / "clips" / "list.m3u8"
    lines = [
        "#EXTM3U",
        "#EXTINF:3.2,one",
        "run_epoch_5_0.wav",
        "",
        "3",
        str(tmp_path / "clips/run_epoch_7_0.wav"),
        (tmp_path / "clips/run_epoch_2_0.wav").as_uri().replace("_2_", "_6_"),
    ]
    listed.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert read_sequence(catalog, listed) == (6, 3, 8, 7)
    save_song(catalog, "Bone", None, {"ordering": "manual", "manual": (6, 3, 8, 7)})
    assert ids(tracklist(catalog, "Bone")) == [6, 3, 8, 7, 4, 5]


def test_names_that_are_no_text_are_read_from_a_list(
    catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path
) -> None:
    odd = os.fsencode(tmp_path / "clips") + b"/gen_\xff_1.wav"
    write_clip(tmp_path / "clips" / "gen.wav", 50)
    os.rename(tmp_path / "clips" / "gen.wav", odd)
    ingest(catalog, [tmp_path / "clips"], serial)
    listed = tmp_path / "list"
    listed.write_bytes(odd + b"\n")
    assert read_sequence(catalog, listed) == (9,)
    listed.write_bytes(b"file://" + odd.replace(b"\xff", b"%FF") + b"\n")
    assert read_sequence(catalog, listed) == (9,)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("3\n4\n3\n", UsageError, r"list, line 3: clip 3 is already on line 1"),
        ("3\n99\n", NotFoundError, r"list, line 2: no clip has the id 99"),
        ("nothing.wav\n", NotFoundError, r'list, line 1: no clip matches "nothing.wav"'),
        ("# only words\n\n", UsageError, "lists no clips"),
    ],
)
def test_a_bad_list_names_its_line(
    catalog: Catalog, tmp_path: Path, content: str, kind: type[ThresherError], message: str
) -> None:
    (tmp_path / "list").write_text(content)
    with pytest.raises(kind, match=message):
        read_sequence(catalog, tmp_path / "list")
    with pytest.raises(ThresherError, match="can't be read"):
        read_sequence(catalog, tmp_path / "nowhere")


def test_the_order_manual_wants_its_file(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="give --from FILE"):
        save_song(catalog, "Bone", None, {"ordering": "manual"})


def test_what_a_list_names_and_the_song_lacks_is_told(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "manual", "manual": (8, 1, 3)})
    plan = tracklist(catalog, "Bone")
    assert ids(plan) == [8, 3, 4, 5, 6, 7]
    assert plan.edits_not_applied == ("the query does not match clip 1",)


def test_a_pin_in_the_way_of_the_last_clip_is_told(catalog: Catalog) -> None:
    edited(catalog, together=(("5", "6"),), last="6")
    edited(catalog, pins=(("5", 2),))
    plan = tracklist(catalog, "Bone")
    assert ids(plan) == [3, 4, 7, 8, 5, 6]
    assert plan.edits_not_applied == ("clip 5 can't be at position 2: another edit prevents it",)


def test_a_last_clip_that_alone_is_too_long_is_told(catalog: Catalog) -> None:
    edited(catalog, last="8")
    save_song(catalog, "Bone", None, {"length": 4.2})
    plan = tracklist(catalog, "Bone")
    assert ids(plan) == [3]
    assert plan.edits_not_applied == ("clip 8 lies beyond the song's limits",)


def test_a_last_clip_that_is_gone_is_told(catalog: Catalog) -> None:
    edited(catalog, last="8")
    reject(catalog, ["8"])
    assert tracklist(catalog, "Bone").edits_not_applied == ("clip 8 is rejected",)


def test_of_a_clip_that_was_dropped_by_hand_nothing_is_missed(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "manual", "manual": (8, 5, 3)})
    assert edited(catalog, drop=("5",)) == [8, 3, 4, 6, 7]
    assert tracklist(catalog, "Bone").edits_not_applied == ()


def test_an_end_of_a_chain_that_is_gone_is_told(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "chain:5..6"})
    reject(catalog, ["5", ",", "6"])
    assert tracklist(catalog, "Bone").edits_not_applied == (
        "clip 5 is rejected",
        "clip 6 is rejected",
    )


def test_a_clip_beyond_the_limits_can_be_last(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"clips": 2})
    assert edited(catalog, last="8") == [3, 8]
    assert edited(catalog, first="7") == [7, 8]
    assert edited(catalog, swap=("7", "8")) == [8, 7]


def test_a_swap_is_of_the_places_that_clips_have(catalog: Catalog) -> None:
    """One is pinned where it can't be: 4 is at 2 because it stays behind 3."""
    edited(catalog, pins=(("3", 1),), together=(("3", "4"),))
    edited(catalog, pins=(("8", 2),))
    assert ids(tracklist(catalog, "Bone"))[:3] == [3, 4, 5]
    before = ids(tracklist(catalog, "Bone"))
    after = edited(catalog, swap=("4", "8"))
    assert (after.index(8), after.index(4)) == (before.index(4), before.index(8))


@pytest.mark.parametrize("edit", [{"first": "7", "last": "7"}, {"pins": (("7", 2),), "last": "7"}])
def test_one_command_gives_a_clip_one_place(catalog: Catalog, edit: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="clip 7 can't be at two positions"):
        edited(catalog, **edit)


def test_the_history_tells_only_what_changed(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"dither": True})
    save_song(catalog, "Bone", None, {"dither": True, "gap": 0.5})
    assert song_history(catalog, "Bone")[0].summary == 'edit song "Bone": gap 0.5'


def test_without_any_file_nothing_is_rendered_without_missing(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips").rename(tmp_path.parent / f"{tmp_path.name}-away")
    with pytest.raises(NotFoundError, match="needs 6 clips whose files are missing"):
        render(catalog, "Bone", tmp_path / "bone.wav", without_missing=True)


def test_a_chain_begins_with_its_own_clip_where_that_pinned_by_hand_is_gone(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "chain:5.."})
    edited(catalog, first="8")
    assert ids(tracklist(catalog, "Bone"))[0] == 8
    reject(catalog, ["8"])
    assert ids(tracklist(catalog, "Bone"))[0] == 5


def test_who_is_followed_is_not_the_end_of_a_chain(catalog: Catalog) -> None:
    save_song(catalog, "Bone", None, {"ordering": "chain:..3"})
    with pytest.raises(UsageError, match="clip 3 can't be last: clips 3 and 4 stay together"):
        edited(catalog, together=(("3", "4"),))


def test_the_order_manual_is_not_compared_without_its_list(catalog: Catalog) -> None:
    assert len(compare(catalog, "Bone", ["id+", "chain"])) == 2
    with pytest.raises(UsageError, match="give --from FILE"):
        compare(catalog, "Bone", ["manual"])
