"""The sequence of a song's clips: its ordering, its edits, and the edits that are not applied."""

from __future__ import annotations

import importlib
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from tests.curation.songs.song_clips import clips_of, edited, ids
from tests.support import PREFIX_ONLY, MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.decisions import history, reject
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import render
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import (
    save_song,
)
from thresher.curation.songs.tracklist import compare, tracklist
from thresher.errors import UsageError


@pytest.fixture
def catalog(seven_clips: Catalog) -> Catalog:
    """Seven clips of epochs 10 to 13 and 20 to 22, with the ids 1 to 7."""
    return seven_clips


ORDERS = ["chain", "chain:4..", "pairs", "epoch+", "epoch-", "shuffle:3", "id-"]


def transition_sum(catalog: Catalog, name: str) -> float:
    return sum(tracklist(catalog, name).transitions)


@pytest.mark.parametrize("metric", ["prefix", "aligned", "likeness"])
def test_a_chain_has_the_highest_sum_of_transitions_and_keeps_every_clip(
    catalog: Catalog, metric: str
) -> None:
    sums = {}
    for order in ("chain", "pairs", "epoch+", "shuffle:3"):
        save_song(catalog, order, ["epoch:10.."], {"ordering": order, "metric": metric})
        assert sorted(clips_of(catalog, order)) == [1, 2, 3, 4, 5, 6, 7]
        sums[order] = transition_sum(catalog, order)
    assert max(sums.values()) == sums["chain"]


@pytest.mark.parametrize("order", ["chain", "pairs"])
def test_no_transaction_is_open_while_an_order_is_computed(
    catalog: Catalog, open_transactions: list[Any], monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    module = importlib.import_module(f"thresher.signal.ordering.{order}")
    computed, compute = [], getattr(module, order)

    def watched(*given: Any) -> Any:
        computed.append(len(open_transactions))
        return compute(*given)

    monkeypatch.setattr(module, order, watched)
    save_song(catalog, "S", ["epoch:10.."], {"ordering": order, "metric": "likeness"})
    assert len(tracklist(catalog, "S").tracks) == 7
    compare(catalog, "S", [order])
    edit_song(catalog, "S", SongEdit(first="3"))
    edit_song(catalog, "S", SongEdit(drop=("1",), swap=("4", "5")))
    assert computed == [0] * 5


def test_a_chain_starts_and_ends_with_the_given_clips(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "chain:4..2", "metric": "likeness"})
    clips = clips_of(catalog, "S")
    assert (clips[0], clips[-1]) == (4, 2)
    render(catalog, "S", tmp_path / "s.wav")
    judging.reject(catalog, ["4"])
    assert clips_of(catalog, "S")[-1] == 2
    for ordering, words in (
        ("chain:4..", "clip 4 is not in song"),
        ("chain:2..2", "both the start and the end"),
    ):
        with pytest.raises(UsageError, match=words):
            save_song(catalog, "S", None, {"ordering": ordering})


def test_a_clip_that_is_given_for_both_ends_of_a_chain_is_at_one_of_them(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "chain:..2", "metric": "likeness"})
    edit_song(catalog, "S", SongEdit(first="2"))
    plan = tracklist(catalog, "S")
    assert sorted(track.clip for track in plan.tracks) == [1, 2, 3, 4, 5, 6, 7]
    assert 2 in (plan.tracks[0].clip, plan.tracks[-1].clip)


def test_a_field_ordering_sorts_and_a_shuffle_depends_on_its_seed(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    assert clips_of(catalog, "S") == [1, 2, 3, 4, 5, 6, 7]
    save_song(catalog, "S", None, {"ordering": "epoch-"})
    assert clips_of(catalog, "S") == [7, 6, 5, 4, 3, 2, 1]
    save_song(catalog, "S", None, {"ordering": "shuffle:3"})
    once = clips_of(catalog, "S")
    assert once == clips_of(catalog, "S")
    assert sorted(once) == [1, 2, 3, 4, 5, 6, 7]
    save_song(catalog, "S", None, {"ordering": "shuffle:4"})
    assert clips_of(catalog, "S") != once


def scores_of(catalog: Catalog, ids: list[int]) -> dict[tuple[int, int], float]:
    """Scores computed word by word from the stored fingerprints, without the metric's own code."""
    with catalog.reading() as connection:
        blobs = dict(row for row in connection.execute(select(clip.c.id, clip.c.fingerprint)))
    words = {
        clip_id: np.frombuffer(blobs[clip_id], "<u4").tolist()
        for clip_id in ids
        if blobs[clip_id] is not None
    }
    scores = {}
    for first, second in combinations(sorted(words), 2):
        length = min(len(words[first]), len(words[second]))
        equal = [
            (32 - (words[first][position] ^ words[second][position]).bit_count()) / 32
            for position in range(length)
        ]
        scores[first, second] = float(np.float32(sum(equal) / length))
    return scores


def pairs_by_the_rule(scores: dict[tuple[int, int], float], ids: list[int]) -> list[int]:
    """Pairs by a full sort: best pair first, each clip once; then clips left over, then clips without a score."""
    sequence: list[int] = []
    for first, second in sorted(scores, key=lambda pair: (-scores[pair], pair)):
        if first not in sequence and second not in sequence:
            sequence += [first, second]
    scored = {clip_id for pair in scores for clip_id in pair}
    sequence += sorted(scored - set(sequence))
    return sequence + sorted(set(ids) - set(sequence))


def test_pairs_equal_a_full_sort_of_all_pairs(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "pairs", "metric": "prefix"})
    ids = list(range(1, 8))
    assert clips_of(catalog, "S") == pairs_by_the_rule(scores_of(catalog, ids), ids)


@pytest.mark.long
def test_pairs_of_real_clips_equal_a_full_sort_of_all_pairs(
    new_catalog: MakeCatalog, corpus: Path, tmp_path: Path
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(PREFIX_ONLY + "[ingest]\nmeasure = false\n")
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(
            catalog,
            [corpus / "neural/jazz_samplernn", corpus / "neural/mrcqtdiff"],
            IngestOptions(executor="threads"),
        )
        save_song(catalog, "S", [], {"ordering": "pairs", "metric": "prefix"})
        order = clips_of(catalog, "S")
        ids = sorted(order)
        assert len(ids) > 80
        assert order == pairs_by_the_rule(scores_of(catalog, ids), ids)


@pytest.mark.parametrize("order", ORDERS)
def test_edits_apply_in_every_ordering_and_after_new_clips_join(
    bone: Catalog, order: str, write_clip: Any, serial: IngestOptions, tmp_path: Path
) -> None:
    edited(bone, pins=(("5", 3),), last="3", drop=("4",), add=("1",), together=(("8", "6"),))
    for _ in range(2):
        save_song(bone, "Bone", None, {"ordering": order.replace("chain:4..", "chain:7..")})
        found = ids(tracklist(bone, "Bone"))
        assert (found[2], found[-1]) == (5, 3)
        assert 1 in found
        assert 4 not in found
        assert found.index(6) == found.index(8) + 1
        assert tracklist(bone, "Bone").edits_not_applied == ()
        write_clip(tmp_path / "clips" / "run_epoch_9_0.wav", 9)
        ingest(bone, [tmp_path / "clips"], serial)
    assert 9 in found


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("rejected", "clip 5 is rejected"),
        ("forgotten", "clip 5 was forgotten"),
        ("query", "the query does not match clip 5"),
        ("silent", "clip 5 is silent"),
    ],
)
def test_the_reason_why_a_pin_is_not_applied_is_reported(
    bone: Catalog, how: str, why: str, tmp_path: Path
) -> None:
    edited(bone, pins=(("5", 3),))
    if how == "rejected":
        reject(bone, ["5"])
    elif how == "query":
        save_song(bone, "Bone", ["epoch:2..", "^epoch:4"])
    elif how == "silent":
        with writing(bone) as connection:
            connection.execute(update(recording).where(recording.c.id == 5).values(status="silent"))
    else:
        (tmp_path / "clips/run_epoch_4_0.wav").unlink()
        ingest(bone, [tmp_path / "clips"], IngestOptions(executor="serial"))
        forget(bone, str(tmp_path / "clips/run_epoch_4_0.wav"))
    plan = tracklist(bone, "Bone")
    assert 5 not in ids(plan)
    assert plan.edits_not_applied == (why,)


def test_a_pin_beyond_the_end_of_the_song_is_reported(bone: Catalog) -> None:
    edited(bone, pins=(("5", 6),))
    save_song(bone, "Bone", ["epoch:2..5"])
    plan = tracklist(bone, "Bone")
    assert sorted(ids(plan)) == [3, 4, 5, 6]
    assert plan.edits_not_applied == ("clip 5 can't be at position 6: the song has 4 clips",)


def test_a_pin_that_another_edit_prevents_is_reported(bone: Catalog) -> None:
    edited(bone, together=(("5", "6"),), last="6")
    edited(bone, pins=(("5", 2),))
    plan = tracklist(bone, "Bone")
    assert ids(plan) == [3, 4, 7, 8, 5, 6]
    assert plan.edits_not_applied == ("clip 5 can't be at position 2: another edit prevents it",)


def test_a_rejected_last_clip_is_reported(bone: Catalog) -> None:
    edited(bone, last="8")
    reject(bone, ["8"])
    assert tracklist(bone, "Bone").edits_not_applied == ("clip 8 is rejected",)


def test_rejected_ends_of_a_chain_are_reported(bone: Catalog) -> None:
    save_song(bone, "Bone", None, {"ordering": "chain:5..6"})
    reject(bone, ["5", ",", "6"])
    assert tracklist(bone, "Bone").edits_not_applied == (
        "clip 5 is rejected",
        "clip 6 is rejected",
    )


def test_a_chain_starts_with_its_own_clip_if_the_pinned_one_is_rejected(bone: Catalog) -> None:
    save_song(bone, "Bone", None, {"ordering": "chain:5.."})
    edited(bone, first="8")
    assert ids(tracklist(bone, "Bone"))[0] == 8
    reject(bone, ["8"])
    assert ids(tracklist(bone, "Bone"))[0] == 5


def test_a_listed_clip_that_the_query_does_not_match_is_reported(bone: Catalog) -> None:
    save_song(bone, "Bone", None, {"ordering": "manual", "manual": (8, 1, 3)})
    plan = tracklist(bone, "Bone")
    assert ids(plan) == [8, 3, 4, 5, 6, 7]
    assert plan.edits_not_applied == ("the query does not match clip 1",)


def test_a_listed_clip_that_was_dropped_by_hand_is_not_reported(bone: Catalog) -> None:
    save_song(bone, "Bone", None, {"ordering": "manual", "manual": (8, 5, 3)})
    assert edited(bone, drop=("5",)) == [8, 3, 4, 6, 7]
    assert tracklist(bone, "Bone").edits_not_applied == ()


def test_edits_of_split_and_removed_clips_are_not_applied(cut_clips: Catalog) -> None:
    undo(cut_clips, 1)
    save_song(cut_clips, "Whole", "length:..3 or length:16..", {"ordering": "id+"})
    edit_song(cut_clips, "Whole", SongEdit(first="1", last="8"))
    edit_song(cut_clips, "Whole", SongEdit(add=("4",)))
    assert tracklist(cut_clips, "Whole").edits_not_applied == ()
    undo(cut_clips, next(each.id for each in history(cut_clips) if each.undoes == 1))
    undo(cut_clips, 2)  # the mark 8
    plan = tracklist(cut_clips, "Whole")
    assert [track.clip for track in plan.tracks] == [4, 9]
    assert plan.edits_not_applied == (
        "the recording of clip 1 was split",
        "clip 8 was removed by a split or by `thresher unmark`",
    )


def test_tracks_say_which_part_they_are(cut_clips: Catalog) -> None:
    save_song(cut_clips, "All", "epoch:1 id+", {"ordering": "id+"})
    plan = tracklist(cut_clips, "All")
    assert [track.part for track in plan.tracks] == [
        None,
        "part 1 of 3",
        "part 2 of 3",
        "part 3 of 3",
        'mark "drop"',
        "mark 2 of 2",
    ]
