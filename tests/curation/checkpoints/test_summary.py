"""What checkpoints are like: collapse, copies and novelty against brute force, shares and counts."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tests.curation.checkpoints.checkpoint_rows import SERIAL, row_of
from tests.curation.cutting.cuts import mark_recording
from tests.support import RATE, MakeSound, WriteClip, writing
from thresher import Catalog, ingest, list_clips, modify, rate, reject, stats
from thresher.catalog.database.schema import clip
from thresher.catalog.scores import score_reads, scores
from thresher.curation.checkpoints.comparison import compare_checkpoints
from thresher.curation.checkpoints.summary import checkpoints
from thresher.signal.features.trim import Span
from thresher.signal.metrics.registry import find_metric


def likeness(catalog: Catalog, one: str, other: str) -> float:
    """The stored score of two clips by parts of their paths."""
    ids = [list_clips(catalog, [name])[0].id for name in (one, other)]
    metric = find_metric("likeness")
    with catalog.reading() as connection:
        found = score_reads.between(
            connection, scores.metric_id(connection, metric.name, metric.version), ids
        )
    return float(found[0, 1])


def test_collapse_is_the_mean_likeness_of_all_pairs(trained: Catalog) -> None:
    names = ["epoch_2_3", "epoch_2_4", "epoch_2_5"]
    pairs = [likeness(trained, one, other) for one in names for other in names if one < other]
    assert row_of(trained, "night", 2).collapse == pytest.approx(np.mean(pairs), abs=1e-6)
    assert row_of(trained, "night", 4).collapse is None


def test_novelty_is_the_mean_distance_from_the_nearest_earlier(trained: Catalog) -> None:
    def distance(name: str, earlier: list[str]) -> float:
        return 1.0 - max(likeness(trained, name, other) for other in earlier)

    first, second = ["night_epoch_1_1", "night_epoch_1_2"], [f"night_epoch_2_{seed}" for seed in (3, 4, 5)]
    day = ["day_epoch_1_7", "day_epoch_1_8"]
    assert row_of(trained, "night", 1).novelty is None
    assert row_of(trained, "night", 2).novelty == pytest.approx(
        np.mean([distance(name, first) for name in second]), abs=1e-6
    )
    # came last, but what its own run wrote afterwards is not earlier; the other run's was there
    assert row_of(trained, "night", 3).novelty == pytest.approx(
        distance("night_epoch_3_9", [*first, *second, *day]), abs=1e-6
    )
    # of its own run epoch 3 is earlier, though its file came later; of the other nothing is
    assert row_of(trained, "night", 4).novelty == pytest.approx(
        distance("night_epoch_4_6", [*first, *second, "night_epoch_3_9"]), abs=1e-6
    )
    ours = [*first, *second, "night_epoch_4_6"]
    assert row_of(trained, "day", 1).novelty == pytest.approx(
        np.mean([distance(name, ours) for name in day]), abs=1e-6
    )


def test_reference_audio_counts_for_no_checkpoint(trained: Catalog) -> None:
    """Its score rows stand until the next scoring."""
    before = row_of(trained, "day", 1).novelty
    modify(trained, "run:night", {"role": "reference"})
    assert before is not None
    assert row_of(trained, "day", 1).novelty is None


def test_a_byte_identical_clip_of_an_earlier_checkpoint_has_no_novelty(
    catalog: Catalog, write_clip: WriteClip
) -> None:
    write_clip(catalog.root / "night_epoch_1_0.wav", 1)
    write_clip(catalog.root / "night_epoch_2_0.wav", 1)
    ingest(catalog, [catalog.root], SERIAL)
    assert row_of(catalog, "night", 2).novelty == 0.0


def test_copies_are_counted_within_a_checkpoint(
    catalog: Catalog, sound: MakeSound, computed_in_transactions: list[str]
) -> None:
    """Three of five say the same, at other gains and from another frame on; another epoch has it once."""
    same = sound(1, 8.0)
    parts = {0: same, 1: 0.5 * same[1_000:], 2: 0.8 * same[2_345:], 3: sound(2, 8.0), 4: sound(3, 8.0)}
    for index, y in parts.items():
        soundfile.write(catalog.root / f"night_epoch_1_{index}.wav", y, RATE)
    soundfile.write(catalog.root / "night_epoch_2_0.wav", 0.7 * same[500:], RATE)
    soundfile.write(catalog.root / "night_epoch_2_1.wav", sound(4, 8.0), RATE)
    ingest(catalog, [catalog.root], SERIAL)
    computed_in_transactions.clear()
    assert row_of(catalog, "night", 1).copies == pytest.approx(3 / 5)
    assert row_of(catalog, "night", 2).copies == 0.0
    assert computed_in_transactions == []


def test_silence_is_a_share_of_the_generated_time(catalog: Catalog, sound: MakeSound) -> None:
    """A silent file, a trimmed end and a pause: of 12 s sound 4 s and 1 s + 1 s."""
    pause = np.concatenate([sound(1, 1.0), np.zeros((2 * RATE, 1), "f4"), sound(2, 1.0)])
    whole = np.concatenate([sound(3, 4.0), np.zeros((2 * RATE, 1), "f4")])
    soundfile.write(catalog.root / "night_epoch_1_0.wav", pause, RATE)
    soundfile.write(catalog.root / "night_epoch_1_1.wav", whole, RATE)
    soundfile.write(catalog.root / "night_epoch_1_2.wav", np.zeros(2 * RATE), RATE)
    ingest(catalog, [catalog.root], SERIAL)
    row = row_of(catalog, "night", 1)
    assert row.silence == pytest.approx(1 - 6 / 12, abs=0.01)
    assert row.minutes_kept * 60 == pytest.approx(8, abs=0.02)


def test_without_likeness_and_aligned_there_are_no_comparisons(
    catalog: Catalog, write_clip: WriteClip
) -> None:
    catalog.file.write_text('[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(catalog.file) as plain:
        for seed in (1, 2):
            write_clip(catalog.root / f"night_epoch_{seed}_0.wav", seed)
        ingest(plain, [catalog.root], SERIAL)
        for row in checkpoints(plain):
            assert (row.collapse, row.copies, row.novelty) == (None, None, None)
            assert row.noise is not None


def test_a_clip_is_heard_if_it_was_rated_or_played(trained: Catalog) -> None:
    rate(trained, "epoch_2_3", 4)
    row = row_of(trained, "night", 2)
    assert (row.heard, row.ratings, row.mean_rating) == (1, 1, 4.0)


@pytest.mark.parametrize(
    ("terms", "found"),
    [
        ("run:b", [("b", 10), ("b", 20)]),
        ("epoch:20..", [("a", 30), ("b", 20)]),
        ("rating:4", [("b", 10), ("b", 20)]),
        ("role:reference", []),
        ("status:silent", [("a", 30), ("b", 10), ("b", 20)]),
        ("^run:a ^run:b", [(None, None)]),
    ],
)
def test_a_query_selects_the_checkpoints_of_its_clips(
    small_catalog: Catalog, terms: str, found: list[tuple[str | None, int | None]]
) -> None:
    every = checkpoints(small_catalog)
    rows = checkpoints(small_catalog, terms=terms)
    assert [(row.run, row.epoch) for row in rows] == found
    assert all(row in every for row in rows)


def test_checkpoints_counts_a_recording_for_each_of_its_checkpoints(small_catalog: Catalog) -> None:
    rows = checkpoints(small_catalog)
    assert [(row.run, row.epoch, row.step) for row in rows] == [
        ("a", 30, 7),
        ("b", 10, 5),
        ("b", 20, None),
        (None, None, None),
    ]
    by_epoch = {row.epoch: row for row in rows}
    counts = {epoch: (row.files, row.recordings, row.missing) for epoch, row in by_epoch.items()}
    # recording 2 counts in each of its three; recording 3 under its correction, 30, and not under 20
    assert counts == {30: (2, 2, 1), 10: (4, 3, 1), 20: (4, 3, 0), None: (2, 1, 2)}
    assert by_epoch[10].statuses == {"ok": 0.75, "silent": 0.25}
    assert by_epoch[20].statuses == {"ok": 0.25, "silent": 0.25, "unreadable": 0.5}
    minutes = {epoch: (row.minutes_generated * 60, row.minutes_kept * 60) for epoch, row in by_epoch.items()}
    # 5 s of the kept 20 s of epoch 10 are only in a mark
    expected = {30: (20, 10), 10: (40, 20), 20: (20, 5), None: (20, 2)}
    assert minutes == {epoch: pytest.approx(pair) for epoch, pair in expected.items()}
    judged = {epoch: (row.ratings, row.mean_rating, row.rejected) for epoch, row in by_epoch.items()}
    # clip 1 is at two places of epoch 10, and rated once
    assert judged == {30: (1, 1.0, 1), 10: (3, 4.0, 0), 20: (1, 4.0, 0), None: (0, None, 0)}


def test_every_second_counts_once_in_a_catalog_with_parts_and_marks(cut_clips: Catalog) -> None:
    one, two = checkpoints(cut_clips)
    # the parts of 5 s and the clip of 4 s, which contains its marks; the pauses of 1 s are silent
    assert (one.files, one.recordings, one.clips) == (2, 2, 4)
    assert (60 * one.minutes_generated, 60 * one.minutes_kept) == pytest.approx((21, 19))
    assert one.silence == pytest.approx(2 / 21, abs=0.002)
    assert two.clips == 2
    assert 60 * two.minutes_kept == pytest.approx(9)
    assert (one.statuses, two.statuses) == ({"ok": 1.0}, {"ok": 1.0})
    assert one.copies == 0  # the parts with the same sound are of one recording
    assert two.novelty == pytest.approx(
        ((1 - likeness_of(cut_clips, 2, 5)) + 1 - max_likeness(cut_clips, 4)) / 2
    )
    pairs = [(3, 5), (3, 6), (3, 7)]
    assert one.collapse == pytest.approx(np.mean([likeness_of(cut_clips, *pair) for pair in pairs]))


def test_a_mark_beyond_the_other_clips_adds_to_the_kept_minutes(cut_clips: Catalog) -> None:
    mark_recording(cut_clips, 1, Span(9 * RATE // 2, 13 * RATE // 2))  # over a pause between two parts
    mark_recording(cut_clips, 1, Span(4 * RATE, 6 * RATE))
    (one, _) = checkpoints(cut_clips)
    assert 60 * one.minutes_kept == pytest.approx(20)
    assert one.clips == 4
    assert 60 * stats(cut_clips).minutes_kept == pytest.approx(29)


def test_judgements_of_shown_clips_count(cut_clips: Catalog) -> None:
    for clip_id, rating in {1: 1, 5: 4, 8: 5, 10: 1}.items():
        with writing(cut_clips) as connection:
            connection.execute(clip.update().where(clip.c.id == clip_id).values(rating=rating))
    reject(cut_clips, "6")
    (one, two) = checkpoints(cut_clips)
    assert (one.ratings, one.mean_rating, one.rejected, one.heard) == (2, 4.5, 1, 2)
    assert (two.ratings, two.rejected, two.heard) == (0, 0, 0)
    assert (stats(cut_clips).rated, stats(cut_clips).rejected) == (2, 1)


def test_comparison_of_checkpoints_counts_no_clip_twice(cut_clips: Catalog) -> None:
    found = {each.figure: each for each in compare_checkpoints(cut_clips, "run 1", "run 2").differences}
    assert (found["seconds"].clips_first, found["seconds"].clips_second) == (4, 2)
    assert found["collapse"].first == pytest.approx(checkpoints(cut_clips)[0].collapse)
    assert found["silence"].clips_first == 2


def likeness_of(catalog: Catalog, one: int, other: int) -> float:
    metric = find_metric("likeness")
    with catalog.reading() as connection:
        by = scores.metric_id(connection, metric.name, metric.version)
        return float(score_reads.between(connection, by, [one, other])[0, 1])


def max_likeness(catalog: Catalog, clip_id: int) -> float:
    """The likeness to the most similar clip of epoch 1, without hidden wholes and marks."""
    return max(likeness_of(catalog, clip_id, other) for other in (3, 5, 6, 7))
