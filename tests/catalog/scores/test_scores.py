"""Score rows: complete, exact and append-only after any sequence of changes."""

from __future__ import annotations

import signal
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tests.catalog.scored_clips import add_clips, words
from tests.support import COMMAND, MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, nearest, recording, score_row
from thresher.catalog.scores import score_reads, scores
from thresher.curation.clips import decisions as judging
from thresher.curation.comparison import block_scores
from thresher.curation.comparison import score as scoring
from thresher.curation.comparison.score import score
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.workers import Workers
from thresher.errors import UsageError
from thresher.signal.metrics.registry import find_metric


def change_fingerprint(catalog: Catalog, clip_id: int, seed: int) -> None:
    """Do what a re-analysis does to a clip whose span has changed."""
    blob = words(seed).astype("<u4").tobytes()
    with writing(catalog) as connection:
        connection.execute(
            update(clip)
            .where(clip.c.id == clip_id)
            .values(fingerprint=blob, fingerprint_crc32=zlib.crc32(blob))
        )
        scores.retire(connection, [clip_id])


def by_the_formula(first: np.ndarray, second: np.ndarray) -> np.float32:
    length = min(len(first), len(second))
    equal = [(32 - (int(a) ^ int(b)).bit_count()) / 32 for a, b in zip(first, second, strict=False)]
    return np.float32(sum(equal[:length]) / length)


def oracle(catalog: Catalog) -> tuple[list[int], np.ndarray]:
    """Return all clips that are scored, and their scores, computed pair by pair from the stored fingerprints."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(clip.c.id, clip.c.fingerprint)
            .join(recording)
            .where(recording.c.role == "generated", clip.c.fingerprint.is_not(None))
            .order_by(clip.c.id)
        ).all()
    prints = [np.frombuffer(row.fingerprint, "<u4") for row in rows]
    matrix = np.full((len(rows), len(rows)), np.nan, np.float32)
    for i, first in enumerate(prints):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = by_the_formula(first, prints[j])
    return [row.id for row in rows], matrix


def check(catalog: Catalog) -> None:
    """Check that the stored matrix equals the oracle's and is complete, and that `nearest` agrees with it."""
    ids, expected = oracle(catalog)
    with catalog.reading() as connection:
        metric = scores.metric_id(connection, "prefix", 1)
        np.testing.assert_array_equal(score_reads.between(connection, metric, ids), expected)
        proof = scores.coverage(connection, metric)
        best = {row.clip_id: (row.other_id, row.score) for row in connection.execute(select(nearest))}
    assert proof.complete
    assert proof.live == len(ids)
    assert isinstance(proof.values, int)
    wanted = {}
    for row, clip_id in enumerate(ids):
        if len(ids) > 1:
            highest = np.nanmax(expected[row])
            wanted[clip_id] = (ids[int(np.flatnonzero(expected[row] == highest)[0])], float(highest))
    assert best == wanted


def test_a_batch_computes_only_pairs_with_a_new_clip(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = 0
    metric = find_metric("prefix")

    def counting(rows: Any, columns: Any, *, threads: int = 1) -> Any:
        nonlocal computed
        computed += rows.count * columns.count
        return metric.scores(rows, columns, threads=threads)

    def counting_triangle(kept: Any) -> Any:
        nonlocal computed
        computed += kept.count * (kept.count - 1) // 2
        return metric.small_triangle(kept)

    counted = replace(metric, scores=counting, small_triangle=counting_triangle)
    monkeypatch.setattr(scoring, "find_metric", lambda _name: counted)
    monkeypatch.setattr(scoring, "BLOCK_ROWS", 70)
    monkeypatch.setattr(block_scores, "PART_CLIPS", 150)
    live = 0
    for new in (1, 150, 7, 0, 90):
        add_clips(catalog, range(1_000 * live, 1_000 * live + new))
        computed = 0
        report = score(catalog)
        assert report.pairs == computed == new * live + new * (new - 1) // 2
        live += new
        assert report.live == live
    check(catalog)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.lists(st.integers(0, 6), min_size=1, max_size=5)),
            st.tuples(st.just("change"), st.integers(0, 1_000)),
            st.tuples(st.just("score"), st.none()),
        ),
        min_size=2,
        max_size=12,
    )
)
def test_any_sequence_of_changes_gives_the_right_matrix(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, steps: list[Any]
) -> None:
    """Few seeds give many equal fingerprints and ties; many changes cause compactions."""
    with new_catalog(tmp_path_factory.mktemp("catalog")) as catalog:
        for what, value in steps:
            if what == "add":
                add_clips(catalog, value)
            elif what == "change":
                ids, _ = oracle(catalog)
                if ids:
                    change_fingerprint(catalog, ids[value % len(ids)], value)
            else:
                score(catalog, "prefix")
        score(catalog, "prefix")
        if oracle(catalog)[0]:
            check(catalog)


def test_compaction_copies_scores_and_computes_none(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add_clips(catalog, range(10))
    score(catalog)
    for clip_id in ids[:6]:
        change_fingerprint(catalog, clip_id, 100 + clip_id)
    with writing(catalog) as connection:  # the changed ones stay out, so nothing is to be computed
        connection.execute(update(clip).where(clip.c.id.in_(ids[:6])).values(fingerprint=None))
    nothing: Any = replace(find_metric("prefix"), scores=None, small_triangle=None)  # type: ignore[arg-type]  # not callable, so that a call fails
    monkeypatch.setattr(scoring, "find_metric", lambda _name: nothing)
    report = score(catalog)
    assert (report.compacted, report.pairs, report.live) == (True, 0, 4)
    with catalog.reading() as connection:
        assert scores.coverage(connection, 1).rows == 4
    check(catalog)


def test_retired_positions_hold_no_score(catalog: Catalog) -> None:
    ids = add_clips(catalog, range(6))
    score(catalog)
    change_fingerprint(catalog, ids[2], 77)
    score(catalog)
    with catalog.reading() as connection:
        rows = connection.execute(select(score_row).order_by(score_row.c.position)).all()
    assert [row.retired for row in rows] == [False, False, True, False, False, False, False]
    last = np.frombuffer(rows[-1].scores, "<f4")
    assert np.isnan(last).tolist() == [False, False, True, False, False, False]
    check(catalog)


def test_a_clip_has_at_most_one_live_row(catalog: Catalog) -> None:
    add_clips(catalog, range(3))
    score(catalog)
    with pytest.raises(IntegrityError), writing(catalog) as connection:
        connection.execute(insert(score_row).values(metric_id=1, position=3, clip_id=1, scores=b"", crc32=0))


def test_of_two_concurrent_scorers_the_slower_one_reads_the_matrix_again(catalog: Catalog) -> None:
    ids = add_clips(catalog, range(8))
    with writing(catalog) as connection:
        scores.register_metric(connection, "prefix", 1)
    loser = scoring._Snapshot(catalog, find_metric("prefix"), Workers("serial"))
    score(catalog)
    assert loser.append_block() == 0
    with catalog.reading() as connection:
        assert scores.coverage(connection, 1).rows == len(ids)
    check(catalog)


@pytest.mark.long
def test_two_scorers_at_once_leave_a_correct_matrix(catalog: Catalog) -> None:
    add_clips(catalog, range(120))
    command = [*COMMAND, "--catalog", str(catalog.file), "score", "--json"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    check(catalog)


@pytest.mark.parametrize("survives", [0, 1, 3])
@pytest.mark.long
def test_a_kill_leaves_a_correct_shorter_matrix(catalog: Catalog, survives: int) -> None:
    """The process is killed inside the transaction of a block, after `survives` committed ones."""
    add_clips(catalog, range(50))
    code = (
        "import os, signal, sys\n"
        "from thresher import Catalog, score\n"
        "from thresher.catalog.scores import scores\n"
        "from thresher.curation.comparison import score as scoring\n"
        "scoring.BLOCK_ROWS = 10\n"
        "store, left = scores.store, [int(sys.argv[2])]\n"
        "def killing(*arguments):\n"
        "    done = store(*arguments)\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return done\n"
        "scores.store = killing\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    score(catalog)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(catalog.file), str(survives)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with catalog.reading() as connection:
        proof = scores.coverage(connection, 1)
    assert (proof.rows, proof.complete) == (10 * survives, True)
    assert score(catalog).clips == 50 - 10 * survives
    check(catalog)


def test_coverage_needs_one_query_and_fails_for_a_truncated_or_missing_row(catalog: Catalog) -> None:
    add_clips(catalog, range(5))
    score(catalog)
    said: list[str] = []
    event.listen(catalog._engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    with catalog.reading() as connection:
        said.clear()
        assert scores.coverage(connection, 1).complete
    assert len(said) == 1
    for damage in (
        "UPDATE score_row SET scores = substr(scores, 1, 4) WHERE position = 3",
        "DELETE FROM score_row WHERE position = 2",
    ):
        with writing(catalog) as connection:
            connection.execute(text(damage))
        with catalog.reading() as connection:
            assert not scores.coverage(connection, 1).complete


def test_a_clip_leaves_the_matrix_while_it_is_reference(catalog: Catalog) -> None:
    add_clips(catalog, range(5))
    score(catalog)
    judging.modify(catalog, ["2"], {"role": "reference"})
    assert score(catalog).live == 4
    check(catalog)
    judging.undo(catalog)
    assert score(catalog).live == 5
    check(catalog)


def test_an_unknown_metric_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="prefix"):
        score(catalog, "ears")


@pytest.mark.parametrize(
    ("batches", "clips"),
    [
        ((("odd",), ("1000sharks", "odd")), 58),
        pytest.param((("mrcqtdiff", "odd"), ("",)), 350, marks=pytest.mark.slow),
    ],
)
def test_the_scores_of_the_corpus_equal_those_of_the_formula(
    catalog: Catalog, corpus: Path, batches: tuple[tuple[str, ...], ...], clips: int
) -> None:
    catalog.file.write_text('[metrics]\nuse = ["prefix"]\n[ingest]\nmeasure = false\n')
    with Catalog.open(catalog.file) as prefix_only:
        for folders in batches:
            ingest(
                prefix_only,
                [corpus / "neural" / folder for folder in folders],
                IngestOptions(executor="threads"),
            )
        with prefix_only.reading() as connection:
            rows = connection.execute(
                select(clip.c.id, clip.c.fingerprint)
                .where(clip.c.fingerprint.is_not(None))
                .order_by(clip.c.id)
            ).all()
            stored = score_reads.between(connection, 1, [row.id for row in rows])
            assert scores.coverage(connection, 1).complete
    assert len(rows) == clips
    # pure Python: one big integer a clip, cut to the shorter
    numbers = [(int.from_bytes(row.fingerprint, "little"), len(row.fingerprint) // 4) for row in rows]
    for i, (first, long) in enumerate(numbers):
        for j in range(i):
            second, other = numbers[j]
            bits = 32 * min(long, other)
            different = ((first ^ second) & ((1 << bits) - 1)).bit_count()
            assert stored[i, j] == np.float32((bits - different) / bits)
