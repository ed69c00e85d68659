"""Scoring while the catalog changes: other scorers, re-analyses, kills, compactions, damage."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select, text, update

from tests.support import MakeCatalog, for_processes, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, claim, clip, recording, score_row
from thresher.catalog.database.schema import nearest as nearest_table
from thresher.catalog.scores import claims, nearest, score_reads, scores
from thresher.curation.clips import decisions as judging
from thresher.curation.comparison import block_scores
from thresher.curation.comparison import score as scoring
from thresher.curation.comparison.score import score
from thresher.curation.workers import Workers
from thresher.errors import CatalogError
from thresher.signal.metrics.registry import find_metric

LONGEST = 12  # words; short ones tie often


def fingerprint(seed: int) -> bytes:
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, LONGEST))
    return generator.integers(0, 2**32, size=size, dtype=np.uint32).astype("<u4").tobytes()


def fill(catalog: Catalog, seeds: Sequence[int | None], *, role: str = "generated") -> list[int]:
    """Clips with the fingerprints of these seeds (None: without one), in one statement a table; their ids."""
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        first = int(connection.scalar(select(func.coalesce(func.max(clip.c.id), 0))) or 0) + 1
        ids = list(range(first, first + len(seeds)))
        common = {"batch_id": 1, "role": role, "sample_rate": 16_000}
        connection.execute(
            insert(recording),
            [
                {**common, "id": key, "sha256": str(key), "status": "silent" if seed is None else "ok"}
                for key, seed in zip(ids, seeds, strict=True)
            ],
        )
        blobs = [None if seed is None else fingerprint(seed) for seed in seeds]
        span = {"kind": "whole", "ordinal": 0, "start_frame": 0, "end_frame": 16_000, "trim": "{}"}
        connection.execute(
            insert(clip),
            [
                {
                    **span,
                    "id": key,
                    "recording_id": key,
                    "fingerprint": blob,
                    "fingerprint_crc32": None if blob is None else zlib.crc32(blob),
                }
                for key, blob in zip(ids, blobs, strict=True)
            ],
        )
    return ids


def change_fingerprint(catalog: Catalog, clip_id: int, seed: int) -> None:
    blob = fingerprint(seed)
    with writing(catalog) as connection:
        values = {"fingerprint": blob, "fingerprint_crc32": zlib.crc32(blob)}
        connection.execute(update(clip).where(clip.c.id == clip_id).values(values))
        scores.retire(connection, [clip_id])


def oracle(catalog: Catalog) -> tuple[list[int], NDArray[np.float32]]:
    """All clips that should be scored and their scores, each from one Python integer a clip."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(clip.c.id, clip.c.fingerprint)
            .join(recording)
            .where(recording.c.role == "generated", clip.c.fingerprint.is_not(None))
            .order_by(clip.c.id)
        ).all()
    matrix = np.full((len(rows), len(rows)), np.nan, np.float32)
    for i, one in enumerate(rows):
        for j, two in enumerate(rows[:i]):
            bits = 8 * min(len(one.fingerprint), len(two.fingerprint))
            a, b = (int.from_bytes(row.fingerprint, "little") for row in (one, two))
            different = ((a ^ b) & ((1 << bits) - 1)).bit_count()
            matrix[i, j] = matrix[j, i] = np.float32((bits - different) / bits)
    return [int(row.id) for row in rows], matrix


def stored_nearest(catalog: Catalog) -> dict[int, tuple[int, float]]:
    with catalog.reading() as connection:
        return {row.clip_id: (row.other_id, row.score) for row in connection.execute(select(nearest_table))}


def check(catalog: Catalog) -> None:
    """Stored matrix and `nearest` are the oracle's, of all that has a live row now."""
    ids, expected = oracle(catalog)
    with catalog.reading() as connection:
        metric = scores.metric_id(connection, "prefix", 1)
        live = sorted(scores.read_matrix(connection, metric).clip_ids.tolist())
        assert scores.coverage(connection, metric).complete
        stored = score_reads.between(connection, metric, live)
    kept = [ids.index(clip_id) for clip_id in live]
    expected = expected[np.ix_(kept, kept)]
    np.testing.assert_array_equal(stored, expected)
    best = {}
    for row, clip_id in enumerate(live):
        if len(live) > 1:
            highest = np.nanmax(expected[row])
            best[clip_id] = (live[int(np.flatnonzero(expected[row] == highest)[0])], float(highest))
    assert stored_nearest(catalog) == best


def live_count(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        return scores.read_state(connection, 1).live


# -- which clips get a row ---------------------------------------------------------------------------------


def test_references_and_clips_without_fingerprint_have_no_row(catalog: Catalog) -> None:
    heard = fill(catalog, [1, 2, 3])
    fill(catalog, [None, None])
    fill(catalog, [4, 5], role="reference")
    report = score(catalog)
    assert (report.clips, report.pairs, report.live) == (3, 3, 3)
    with catalog.reading() as connection:
        assert list(connection.scalars(select(score_row.c.clip_id))) == heard
    assert set(stored_nearest(catalog)) == set(heard)


def test_nothing_to_score_costs_nothing(catalog: Catalog) -> None:
    assert score(catalog).pairs == 0
    fill(catalog, [1])
    assert (score(catalog).pairs, score(catalog).clips) == (0, 0)
    assert stored_nearest(catalog) == {}


# -- what may happen between reading and appending ---------------------------------------------------------


def meanwhile(catalog: Catalog, what: Any) -> scoring._Snapshot:
    """A scorer that has read the catalog; `what` happens while it computes."""
    snapshot = scoring._Snapshot(catalog, find_metric("prefix"), Workers("serial"))
    metric = snapshot._scorer._metric

    def compute(rows: Any, columns: Any, *, threads: int = 1) -> Any:
        what()
        return metric.scores(rows, columns, threads=threads)

    snapshot._scorer._metric = replace(metric, scores=compute)
    return snapshot


def forget(catalog: Catalog, clip_id: int) -> None:
    with writing(catalog) as connection:
        scores.retire(connection, [clip_id])
        connection.execute(update(score_row).where(score_row.c.clip_id == clip_id).values(clip_id=None))
        connection.execute(delete(recording).where(recording.c.id == clip_id))


@pytest.mark.parametrize("touched", [1, 4])
@pytest.mark.parametrize("how", ["analysed again", "forgotten", "made reference"])
def test_a_clip_that_changes_during_scoring_is_scored_again(catalog: Catalog, how: str, touched: int) -> None:
    fill(catalog, [1, 2, 3])
    score(catalog)
    fill(catalog, [4, 5])
    happen = {
        "analysed again": lambda: change_fingerprint(catalog, touched, 99),
        "forgotten": lambda: forget(catalog, touched),
        "made reference": lambda: judging.modify(catalog, [str(touched)], {"role": "reference"}),
    }[how]
    snapshot = meanwhile(catalog, happen)
    # a row that was retired meanwhile does not matter to the new ones
    assert snapshot.append_block() == (2 if touched == 1 else 0)
    score(catalog)
    check(catalog)
    assert live_count(catalog) == (5 if how == "analysed again" else 4)


def test_a_clip_forgotten_between_two_blocks_gets_no_row(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 2)
    fill(catalog, range(6))
    score_all = scoring._Snapshot.append_block
    done: list[int] = []

    def append_block(snapshot: scoring._Snapshot) -> int:
        if len(done) == 1:
            forget(catalog, 4)
        done.append(score_all(snapshot))
        return done[-1]

    monkeypatch.setattr(scoring._Snapshot, "append_block", append_block)
    report = score(catalog)
    assert (report.clips, report.live, done) == (5, 5, [2, 0, 2, 1])
    assert report.pairs == 10
    check(catalog)


def test_a_snapshot_from_before_a_compaction_cannot_append(catalog: Catalog) -> None:
    ids = fill(catalog, range(9))
    score(catalog)
    for clip_id in ids[:5]:
        change_fingerprint(catalog, clip_id, 50 + clip_id)
    late = scoring._Snapshot(catalog, find_metric("prefix"), Workers("serial"))
    with writing(catalog) as connection:
        scores.compact(connection, 1)
        # The numbers of rows and of live rows are the same; only the generation differs.
        connection.execute(insert(score_row), [_retired(position) for position in range(4, 9)])
        assert replace(scores.read_state(connection, 1), generation=0) == late.matrix.state
    assert late.append_block() == 0
    score(catalog)
    check(catalog)


def _retired(position: int) -> dict[str, Any]:
    blob = np.full(position, np.nan, "<f4").tobytes()
    return {
        "metric_id": 1,
        "position": position,
        "clip_id": None,
        "scores": blob,
        "crc32": zlib.crc32(blob),
        "retired": True,
    }


def test_several_threads_score_each_clip_once(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 7)
    monkeypatch.setattr(block_scores, "PART_CLIPS", 20)
    fill(catalog, range(60))
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(score(catalog))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.clips for report in reports) == 60
    check(catalog)


# -- scorers that share the work ---------------------------------------------------------------------------


def scorer(catalog: Catalog) -> scoring._Snapshot:
    with writing(catalog) as connection:
        scores.register_metric(connection, "prefix", 1)
    return scoring._Snapshot(catalog, find_metric("prefix"), Workers("serial"))


def claimed(snapshot: scoring._Snapshot) -> claims.Claim:
    held = snapshot._claim()
    assert held is not None
    return held


def nearest_are_right(catalog: Catalog) -> bool:
    with catalog.reading() as connection:
        return scores.nearest_are_right(connection, 1)


def test_rows_can_be_stored_in_any_order(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 3)
    fill(catalog, [1, 2, 1, 2, 3, 1, 2, 3, 3, 1])
    one, other = scorer(catalog), scorer(catalog)
    first, second = claimed(one), claimed(other)
    assert (list(first.clips), list(second.clips)) == ([1, 2, 3], [4, 5, 6])
    assert other._score(second) == 3
    with catalog.reading() as connection:
        proof = scores.coverage(connection, 1)
    assert (proof.rows, proof.live, proof.claimed, proof.complete) == (3, 3, 3, True)
    assert nearest_are_right(catalog)
    third = claimed(other)
    assert one._score(first) == 3
    assert nearest_are_right(catalog)
    pairs = one.pairs + other.pairs
    fourth = claimed(one)
    assert one._score(fourth) == 1
    pairs += one.pairs
    assert other._score(third) == 3
    assert pairs + other.pairs == 45
    check(catalog)
    with catalog.reading() as connection:
        assert claims.read(connection, 1) == []


@pytest.mark.parametrize("when", ["before the others compare", "before it is stored"])
def test_a_claimed_clip_that_changes_gets_a_row_without_scores_and_then_another(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 2)
    fill(catalog, [1, 2, 3, 4, 5])
    one, other = scorer(catalog), scorer(catalog)
    first, second = claimed(one), claimed(other)
    if when == "before the others compare":
        change_fingerprint(catalog, 2, 99)
    assert other._score(second) == 2
    if when == "before it is stored":
        change_fingerprint(catalog, 2, 99)
    else:
        change_fingerprint(catalog, 2, 2)  # as it was: the other scorer has not compared it nevertheless
    assert one._score(first) == 2
    assert live_count(catalog) == 3
    assert nearest_are_right(catalog)
    assert score(catalog).live == 5
    check(catalog)


def test_a_claim_that_was_taken_over_stores_nothing(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 4)
    fill(catalog, range(6))
    slow = scorer(catalog)
    held = claimed(slow)
    with writing(catalog) as connection:
        connection.execute(update(claim).values(expires_at=0.0))
    assert score(catalog).clips == 6
    assert slow._score(held) == 0
    check(catalog)


def test_a_scorer_waits_for_others_only_if_nothing_is_left_to_claim(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 2)
    fill(catalog, range(8))
    one, other = scorer(catalog), scorer(catalog)
    held = claimed(one)
    forget(catalog, 4)
    assert other.append_block() == 0  # one clip of its block is gone, and others are open
    assert not other.waits()
    again = scorer(catalog)
    assert [again.append_block() for _ in range(3)] == [2, 2, 1]
    assert (again.append_block(), again.waits()) == (0, True)
    assert one._score(held) == 2
    assert not again.waits()
    score(catalog)
    check(catalog)


def test_a_renewal_that_fails_costs_nothing_else(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = threading.Event()

    def fails(*_arguments: Any) -> None:
        tried.set()
        raise ValueError("a lost connection, as its driver reports it")

    monkeypatch.setattr(claims, "renew", fails)
    monkeypatch.setattr(claims, "LEASE", 0.003)
    fill(catalog, range(3))
    snapshot = scorer(catalog)
    held = claimed(snapshot)
    with scoring._renewed(catalog, held):
        assert tried.wait(5.0)
    assert snapshot._score(held) == 3


def test_nothing_is_compacted_while_a_scorer_works(catalog: Catalog) -> None:
    ids = fill(catalog, range(10))
    score(catalog)
    fill(catalog, [77])
    held = claimed(scorer(catalog))
    with writing(catalog) as connection:
        scores.retire(connection, ids[:7])
        connection.execute(update(clip).where(clip.c.id.in_(ids[:7])).values(fingerprint=None))
    assert not scoring._clean(catalog, find_metric("prefix"))
    with writing(catalog) as connection:
        claims.give_up(connection, 1, held)
    assert score(catalog).compacted
    check(catalog)


SCORER = """
import sys, time
from thresher import Catalog
from thresher.curation.comparison import score as scoring
scoring.BLOCK_ROWS = 20
compare, stored = scoring._Snapshot._compare, []
def counting(snapshot, held):
    found = compare(snapshot, held)
    if len(stored) == int(sys.argv[2]):  # compared, and never stored
        print(sum(stored), flush=True)
        time.sleep(600)
    stored.append(found[0].pairs)
    return found
scoring._Snapshot._compare = counting
with Catalog.open(sys.argv[1]) as catalog:
    report = scoring.score(catalog)
print(report.pairs, flush=True)
"""


@pytest.mark.long
def test_processes_share_the_work_and_compute_no_pair_twice(catalog: Catalog) -> None:
    """One of three is killed while it holds a claim; another takes it over, and compares that block again."""
    fill(catalog, [number % 300 for number in range(1_000)])
    command = [sys.executable, "-c", SCORER, str(for_processes(catalog))]
    running = [
        subprocess.Popen([*command, blocks], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for blocks in ("3", "-1", "-1")
    ]
    assert running[0].stdout is not None
    stored = int(running[0].stdout.readline())
    running[0].kill()
    said = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [-signal.SIGKILL, 0, 0], said
    assert stored + sum(int(out) for out, _ in said[1:]) == 1_000 * 999 // 2
    check(catalog)
    with catalog.reading() as connection:
        proof = scores.coverage(connection, 1)
        assert claims.read(connection, 1) == []
    assert (proof.rows, proof.live, proof.complete, proof.claimed) == (1_000, 1_000, True, 0)


# -- kills -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "place"), [(nearest.Nearest, "extended"), (nearest, "write"), (scores, "_row_values")]
)
def test_an_error_inside_the_transaction_leaves_no_half_block(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, owner: Any, place: str
) -> None:
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 5)
    fill(catalog, range(20))
    calls = 0
    real = getattr(owner, place)

    def failing(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == (12 if place == "_row_values" else 3):
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(owner, place, failing)
        with pytest.raises(KeyboardInterrupt):
            score(catalog)
    assert live_count(catalog) == 10
    check(catalog)
    assert score(catalog).clips == 10
    check(catalog)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_time_leaves_a_complete_matrix(catalog: Catalog, seed: int) -> None:
    fill(catalog, [number % 40 for number in range(120)])
    code = (
        "import sys\n"
        "from thresher import Catalog, score\n"
        "from thresher.curation.comparison import score as scoring\n"
        "scoring.BLOCK_ROWS = 2\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    print('open', flush=True)\n"
        "    score(catalog)\n"
    )
    command = [sys.executable, "-c", code, str(for_processes(catalog))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(random.Random(seed).uniform(0.02, 0.4))
        running.send_signal(signal.SIGKILL)
    with catalog.reading() as connection:
        done = scores.coverage(connection, scores.metric_id(connection, "prefix", 1))
    assert done.complete
    check(catalog)
    assert score(catalog).clips == 120 - done.rows
    check(catalog)


# -- retirement and compaction -----------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=2, max_size=30),
    st.lists(st.lists(st.integers(0, 29), min_size=1, max_size=12, unique=True), max_size=4),
    st.randoms(use_true_random=False),
)
def test_nearest_equals_the_matrix_after_any_retirements(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    seeds: list[int],
    rounds: list[list[int]],
    chance: random.Random,
) -> None:
    with new_catalog(tmp_path_factory.mktemp("catalog")) as catalog:
        ids = fill(catalog, seeds)
        score(catalog)
        for retired in rounds:
            with writing(catalog) as connection:
                scores.retire(connection, [ids[place] for place in retired if place < len(ids)])
            check(catalog)
            if chance.random() < 0.5:
                score(catalog)
                check(catalog)


@pytest.mark.parametrize("retired", [[1], [3], [1, 2], [4, 5], [1, 3, 5]])
def test_of_equals_the_smallest_id_is_nearest(catalog: Catalog, retired: list[int]) -> None:
    fill(catalog, [1, 1, 1, 1, 1, 2])
    score(catalog)
    change_fingerprint(catalog, 2, 1)  # the same again, at a later position than its id's
    score(catalog)
    with writing(catalog) as connection:
        scores.retire(connection, retired)
    check(catalog)


def test_more_clips_than_fit_in_one_statement_can_be_retired(catalog: Catalog) -> None:
    ids = fill(catalog, [number % 50 for number in range(600)])
    score(catalog)
    with writing(catalog) as connection:
        scores.retire(connection, ids[20:570])
    kept = [*ids[:20], *ids[570:]]
    assert set(stored_nearest(catalog)) == set(kept)
    check(catalog)


def test_compaction_of_many_rows_keeps_every_value(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(catalog, range(330))
    score(catalog)
    kept = ids[1::3] + ids[300:]
    with catalog.reading() as connection:
        before = score_reads.between(connection, 1, kept)
    gone = sorted(set(ids) - set(kept))
    with writing(catalog) as connection:
        scores.retire(connection, gone)
        connection.execute(update(clip).where(clip.c.id.in_(gone)).values(fingerprint=None))
    nothing = replace(find_metric("prefix"), scores=None)  # type: ignore[arg-type]  # not callable, so that a call fails
    monkeypatch.setattr(scoring, "find_metric", lambda _name: nothing)
    report = score(catalog)
    assert (report.compacted, report.pairs, report.live) == (True, 0, len(set(kept)))
    with catalog.reading() as connection:
        np.testing.assert_array_equal(score_reads.between(connection, 1, kept), before)
        proof = scores.coverage(connection, 1)
        assert (proof.rows, proof.complete) == (len(set(kept)), True)
    check(catalog)
    assert not score(catalog).compacted


@pytest.mark.parametrize(("retired", "compacts"), [(4, False), (5, False), (6, True), (10, True)])
def test_only_more_than_half_is_compacted(catalog: Catalog, retired: int, compacts: bool) -> None:
    ids = fill(catalog, range(10))
    score(catalog)
    with writing(catalog) as connection:
        scores.retire(connection, ids[:retired])
        connection.execute(update(clip).where(clip.c.id.in_(ids[:retired])).values(fingerprint=None))
    assert score(catalog).compacted is compacts
    check(catalog)


# -- reading -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 24), unique=True))
def test_scores_between_any_clips_in_any_order_can_be_read(catalog: Catalog, places: list[int]) -> None:
    if not live_count(catalog):
        fill(catalog, range(25))
        score(catalog)
        change_fingerprint(catalog, 7, 70)
        score(catalog)
    ids, expected = oracle(catalog)
    with catalog.reading() as connection:
        found = score_reads.between(connection, 1, [*(ids[place] for place in places), 999])
    np.testing.assert_array_equal(found[:-1, :-1], expected[np.ix_(places, places)])
    assert np.isnan(found[-1]).all()
    assert np.isnan(found[:, -1]).all()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE score_row SET scores = CAST(substr(scores, 1, 11) AS BLOB) WHERE position = 3",
        "UPDATE score_row SET scores = CAST(substr(scores, 1, 8) AS BLOB) WHERE position = 3",
        "UPDATE score_row SET scores = zeroblob(13) WHERE position = 3",
        "UPDATE score_row SET scores = zeroblob(16) WHERE position = 3",
        "UPDATE score_row SET scores = zeroblob(0) WHERE position = 5",
        "DELETE FROM score_row WHERE position = 0",
        "DELETE FROM score_row WHERE position = 3",
        "UPDATE score_row SET position = 9 WHERE position = 5",
        "UPDATE score_row SET position = -1 WHERE position = 0",
    ],
)
def test_coverage_sees_every_gap(catalog: Catalog, damage: str) -> None:
    fill(catalog, range(6))
    score(catalog)
    with writing(catalog) as connection:
        proof = scores.coverage(connection, 1)
        assert (proof.rows, proof.live, proof.values, proof.complete) == (6, 6, 15, True)
        assert {type(value) for value in (proof.rows, proof.live, proof.values)} == {int}
        connection.execute(text(damage))
        assert not scores.coverage(connection, 1).complete


@pytest.mark.parametrize("place", [0, 3, 7])
def test_an_open_clip_is_found_at_any_position(catalog: Catalog, place: int) -> None:
    ids = fill(catalog, range(8))
    score(catalog)
    with catalog.reading() as connection:
        assert not scores.has_unscored(connection, 1, "fingerprint")
    with writing(catalog) as connection:
        scores.retire(connection, [ids[place]])
    with catalog.reading() as connection:
        assert scores.has_unscored(connection, 1, "fingerprint")
        assert scores.survey(connection, 1, "fingerprint").unscored_ids == [ids[place]]
        assert scores.survey(connection, 1, "fingerprint").matrix.clip_ids.size == 7


def test_scoring_stops_at_a_damaged_fingerprint(catalog: Catalog) -> None:
    fill(catalog, range(4))
    score(catalog)
    with writing(catalog) as connection:
        connection.execute(text("UPDATE clip SET fingerprint = zeroblob(length(fingerprint)) WHERE id = 2"))
    fill(catalog, [9])
    with pytest.raises(CatalogError, match=r"clip 2 is damaged .*`thresher verify --repair`"):
        score(catalog)
