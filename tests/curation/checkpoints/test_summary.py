"""What checkpoints are like: collapse, copies and novelty against brute force, verdicts, comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeCatalog, MakeSound, WriteClip, copy_folder
from thresher import Catalog, IngestOptions, history, ingest, list_clips, modify, rate, undo
from thresher.catalog import score_reads, scores
from thresher.curation.checkpoints.comparison import CLIP_FIGURES, compare_checkpoints
from thresher.curation.checkpoints.summary import CheckpointRow, checkpoints
from thresher.curation.checkpoints.verdicts import judge_checkpoint
from thresher.errors import NotFoundError, UsageError
from thresher.signal.metrics.registry import find_metric

SERIAL = IngestOptions(executor="serial")


@pytest.fixture
def catalog(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps all scores."""
    with new_catalog(tmp_path) as made:
        yield made


def row_of(catalog: Catalog, run: str | None, epoch: int | None) -> CheckpointRow:
    (row,) = [row for row in checkpoints(catalog) if (row.run, row.epoch) == (run, epoch)]
    return row


def likeness(catalog: Catalog, one: str, other: str) -> float:
    """The stored score of two clips by parts of their paths."""
    ids = [list_clips(catalog, [name])[0].id for name in (one, other)]
    metric = find_metric("likeness")
    with catalog.reading() as connection:
        found = score_reads.between(
            connection, scores.metric_id(connection, metric.name, metric.version), ids
        )
    return float(found[0, 1])


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, write_clip: WriteClip
) -> Path:
    """The folder that `trained` is copied from."""
    catalog = new_catalog(tmp_path_factory.mktemp("trained"))
    root = catalog.root
    for epoch, seeds in {1: (1, 2), 2: (3, 4, 5), 4: (6,)}.items():
        for seed in seeds:
            write_clip(root / f"out/night_epoch_{epoch}_{seed}.wav", seed)
    ingest(catalog, [root / "out"], SERIAL)
    write_clip(root / "out/day_epoch_1_7.wav", 7)
    write_clip(root / "out/day_epoch_1_8.wav", 8)
    ingest(catalog, [root / "out"], SERIAL)
    # nearly what epoch 4 wrote, though it comes later
    y, _ = soundfile.read(root / "out/night_epoch_4_6.wav")
    soundfile.write(root / "out/night_epoch_3_9.wav", 0.5 * y[2_000:], RATE)
    ingest(catalog, [root / "out"], SERIAL)
    catalog.close()
    return root


@pytest.fixture
def trained(catalog: Catalog, template: Path) -> Catalog:
    """Two runs: three epochs of the first in one batch, then a second run, then an earlier epoch of the first."""
    copy_folder(template, catalog.root)
    return catalog


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


def test_copies_are_counted_within_a_checkpoint(catalog: Catalog, sound: MakeSound) -> None:
    """Three of five say the same, at other gains and from another frame on; another epoch has it once."""
    same = sound(1, 8.0)
    parts = {0: same, 1: 0.5 * same[1_000:], 2: 0.8 * same[2_345:], 3: sound(2, 8.0), 4: sound(3, 8.0)}
    for index, y in parts.items():
        soundfile.write(catalog.root / f"night_epoch_1_{index}.wav", y, RATE)
    soundfile.write(catalog.root / "night_epoch_2_0.wav", 0.7 * same[500:], RATE)
    soundfile.write(catalog.root / "night_epoch_2_1.wav", sound(4, 8.0), RATE)
    ingest(catalog, [catalog.root], SERIAL)
    assert row_of(catalog, "night", 1).copies == pytest.approx(3 / 5)
    assert row_of(catalog, "night", 2).copies == 0.0


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


# -- verdicts ----------------------------------------------------------------------------------------------


def test_a_verdict_is_a_decision_and_a_query_field(trained: Catalog) -> None:
    called, decision = judge_checkpoint(trained, "night e2", "keep", "  best riffs ")
    assert called == "night e2"
    assert decision is not None
    assert decision.summary == 'checkpoint night e2: keep note "best riffs"'
    row = row_of(trained, "night", 2)
    assert (row.verdict, row.note) == ("keep", "best riffs")
    assert {clip.epoch for clip in list_clips(trained, "verdict:keep")} == {2}
    assert len(list_clips(trained, "verdict:none")) == len(list_clips(trained)) - 3
    assert judge_checkpoint(trained, "night e2", "keep")[1] is None
    judge_checkpoint(trained, "night e2", "none", "")
    assert row_of(trained, "night", 2).verdict is None
    undo(trained)
    assert row_of(trained, "night", 2).note == "best riffs"
    assert [each.verb for each in history(trained)][:2] == ["undo", "checkpoint"]


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("night e3", "night e3"),
        ("e3", "night e3"),
        ("3", "night e3"),
        ("NIGHT epoch:3", "night e3"),
        ("run:day", "day e1"),
        ("nig 4", "night e4"),
    ],
)
def test_an_unambiguous_part_of_a_name_finds_the_checkpoint(trained: Catalog, name: str, called: str) -> None:
    assert judge_checkpoint(trained, name, "drop")[0] == called


def test_the_name_of_a_run_may_contain_a_number(catalog: Catalog, write_clip: WriteClip) -> None:
    write_clip(catalog.root / "a.wav", 1)
    ingest(catalog, [catalog.root], replace(SERIAL, run="take 5", epoch=1))
    write_clip(catalog.root / "b.wav", 2)
    ingest(catalog, [catalog.root / "b.wav"], replace(SERIAL, run="take 5", epoch=5))
    assert judge_checkpoint(catalog, "take 5 e1", "keep")[0] == "take 5 e1"


def test_a_checkpoint_is_found_as_the_table_prints_it(catalog: Catalog, write_clip: WriteClip) -> None:
    for seed, (run, epoch, step) in enumerate(
        [("run7", None, 1200), ("run7", None, 12), ("run7", 3, 1200), ("run 7", 12, None), ("77", 7, None)]
    ):
        path = write_clip(catalog.root / f"{seed}.wav", seed, 0.5)
        ingest(catalog, [path], replace(SERIAL, run=run, epoch=epoch, step=step, score=False))
    for printed, called in (
        ("run7 1200", "run7 i1200"),
        ("run7   12", "run7 i12"),
        ("run7 3 1200", "run7 e3 i1200"),
        ("RUN7 3 1200", "run7 e3 i1200"),
        ("run 7 12", "run 7 e12"),
        ("77 7", "77 e7"),
    ):
        assert judge_checkpoint(catalog, printed, "keep")[0] == called


def test_a_checkpoint_without_files_is_not_in_the_way(catalog: Catalog, write_clip: WriteClip) -> None:
    write_clip(catalog.root / "a_epoch_3.wav", 1, 0.5)
    ingest(catalog, [catalog.root], replace(SERIAL, run="odd", score=False))
    modify(catalog, "1", {"run": "night"})
    assert judge_checkpoint(catalog, "e3", "keep")[0] == "night e3"
    assert judge_checkpoint(catalog, "odd e3", "keep")[0] == "odd e3"


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


@pytest.mark.parametrize(
    ("name", "verdict", "error", "words"),
    [
        ("e9", "keep", NotFoundError, 'no checkpoint named "e9"'),
        ("", "keep", NotFoundError, "thresher checkpoints"),
        ("e1", "keep", UsageError, 'matches 2 checkpoints; give one of "night e1", "day e1"'),
        ("night e1", "best", UsageError, 'unknown verdict "best"'),
        ("night e1", None, UsageError, 'nothing to change for checkpoint "night e1"'),
    ],
)
def test_unknown_names_and_verdicts_are_refused(
    trained: Catalog, name: str, verdict: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        judge_checkpoint(trained, name, verdict)
    assert history(trained) == []


# -- comparisons -------------------------------------------------------------------------------------------


@pytest.fixture
def changed(catalog: Catalog, sound: MakeSound) -> Catalog:
    """Two epochs of eight clips: the second is 12 dB quieter and has a pause, and is otherwise of the same kind."""
    for index in range(8):
        soundfile.write(catalog.root / f"night_epoch_1_{index}.wav", sound(index, 6.0), RATE)
        quiet = 0.25 * sound(100 + index, 6.0)
        quiet[2 * RATE : 2 * RATE + (2_000 + 500 * index) * 4] = 0.0
        soundfile.write(catalog.root / f"night_epoch_2_{index}.wav", quiet, RATE)
    ingest(catalog, [catalog.root], SERIAL)
    return catalog


def test_a_comparison_tells_change_from_chance(changed: Catalog) -> None:
    found = compare_checkpoints(changed, "e1", "e2")
    assert (found.first, found.second) == ("night e1", "night e2")
    by_name = {each.figure: each for each in found.differences}
    assert set(by_name) == {"silence", "novelty", "collapse", *CLIP_FIGURES}
    loudness = by_name["loudness"]
    assert loudness.difference == pytest.approx(-12.0, abs=1.0)
    assert loudness.is_chance is False
    assert loudness.low is not None
    assert loudness.high is not None
    assert loudness.difference is not None
    assert loudness.low <= loudness.difference <= loudness.high < 0
    assert by_name["silence"].is_chance is False
    assert by_name["clipping"].is_chance is True
    assert by_name["seconds"].is_chance is True
    assert by_name["rating"].first is None
    assert by_name["rating"].is_chance is None
    row = row_of(changed, "night", 2)
    assert by_name["collapse"].second == pytest.approx(row.collapse, abs=1e-6)
    assert by_name["silence"].second == pytest.approx(row.silence, abs=1e-6)
    assert by_name["novelty"].second == pytest.approx(row.novelty, abs=1e-6)
    assert by_name["novelty"].first is None


def test_a_checkpoint_is_not_compared_with_itself(changed: Catalog) -> None:
    with pytest.raises(UsageError, match="cannot compare night e1 with itself"):
        compare_checkpoints(changed, "e1", "night e1")


def test_single_clips_have_no_interval(trained: Catalog) -> None:
    found = compare_checkpoints(trained, "night e3", "night e4")
    assert {each.is_chance for each in found.differences} == {None}
    assert all(each.first is not None for each in found.differences if each.figure == "loudness")


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
    expected = {30: (20, 10), 10: (40, 15), 20: (20, 5), None: (20, 2)}
    assert minutes == {epoch: pytest.approx(pair) for epoch, pair in expected.items()}
    judged = {epoch: (row.ratings, row.mean_rating, row.rejected) for epoch, row in by_epoch.items()}
    # clip 1 is at two places of epoch 10, and rated once
    assert judged == {30: (1, 1.0, 1), 10: (3, 4.0, 0), 20: (1, 4.0, 0), None: (0, None, 0)}
