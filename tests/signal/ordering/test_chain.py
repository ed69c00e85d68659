"""`chain`: compared with all orders of few clips; properties for many clips."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.signal.ordering import chain as module
from thresher.signal.ordering import chain_kernels
from thresher.signal.ordering.chain import chain

NAN = float("nan")
Scores = NDArray[np.float32]


def symmetric(values: NDArray[np.float64] | NDArray[np.bool_]) -> Scores:
    upper = np.triu(values, 1)
    return (upper + upper.T + np.diag(np.diag(values))).astype(np.float32)


def alike(count: int, seed: int) -> Scores:
    points = np.random.default_rng(seed).standard_normal((count, 8))
    return symmetric(np.exp(-np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))))


def total(scores: Scores, order: NDArray[np.int64]) -> float:
    return float(np.nan_to_num(scores[order[:-1], order[1:]].astype(np.float64)).sum())


@st.composite
def scored_clips(draw: st.DrawFn, most: int = 24) -> tuple[Scores, NDArray[np.int64]]:
    """Scores that are few distinct values (many ties) or all distinct, with some pairs and rows without scores."""
    count = draw(st.integers(0, most))
    levels = draw(st.sampled_from([1, 2, 6, 10**6]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = symmetric(generator.integers(0, levels, (count, count)) / levels)
    if draw(st.booleans()):
        scores[symmetric(generator.random((count, count)) < draw(st.sampled_from([0.1, 0.8]))) > 0] = NAN
    bare = generator.random(count) < draw(st.sampled_from([0.0, 0.3]))
    scores[bare, :] = NAN
    scores[:, bare] = NAN
    np.fill_diagonal(scores, draw(st.sampled_from([NAN, 1.0, -np.inf, np.inf])))
    return scores, (generator.choice(1_000, count, replace=False) - 20).astype(np.int64)


@given(scored_clips(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_chain_contains_every_clip_and_keeps_its_ends(
    clips: tuple[Scores, NDArray[np.int64]], data: st.DataObject
) -> None:
    scores, ids = clips
    pins = data.draw(st.lists(st.integers(0, len(ids) - 1), unique=True, max_size=2)) if len(ids) else []
    start = pins[0] if pins and bool(data.draw(st.booleans())) else None
    end = pins[-1] if pins and pins[-1] != start else None
    untouched = scores.copy()
    order = chain(scores, ids, start, end)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(len(ids)))
    assert np.array_equal(scores, untouched, equal_nan=True)
    scored = np.array(
        [bool((~np.isnan(np.delete(scores[clip], clip))).any()) for clip in range(len(ids))], bool
    )
    path = [clip for clip in order.tolist() if scored[clip] or clip in (start, end)]
    rest = sorted(set(order.tolist()) - set(path), key=lambda clip: int(ids[clip]))
    assert order.tolist() == path + rest
    assert start is None or path[0] == start
    assert end is None or path[-1] == end
    if path and start is None and end is None:
        assert ids[path[0]] <= ids[path[-1]]


@given(clips=scored_clips(), seed=st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
@pytest.mark.long
def test_a_chain_does_not_depend_on_how_the_clips_are_listed(
    clips: tuple[Scores, NDArray[np.int64]], seed: int
) -> None:
    scores, ids = clips
    listing = np.random.default_rng(seed).permutation(len(ids))
    order = chain(scores[np.ix_(listing, listing)], ids[listing])
    assert ids[listing][order].tolist() == ids[chain(scores, ids)].tolist()


def best_of_all(scores: Scores, start: int | None, end: int | None) -> float:
    return max(
        total(scores, np.array(path))
        for path in itertools.permutations(range(len(scores)))
        if start in (None, path[0]) and end in (None, path[-1])
    )


@pytest.mark.parametrize(("start", "end"), [(None, None), (3, None), (None, 0), (2, 5), (5, 2)])
def test_a_chain_of_few_clips_is_the_best_of_all_orders(start: int | None, end: int | None) -> None:
    for seed in range(10):
        scores = symmetric(np.random.default_rng(seed).random((6, 6)))
        order = chain(scores, np.arange(6), start, end)
        assert total(scores, order) == pytest.approx(best_of_all(scores, start, end), abs=1e-6)


@pytest.mark.parametrize(("start", "end"), [(None, None), (3, None), (None, 0), (2, 5), (5, 2)])
@pytest.mark.long
def test_the_search_finds_the_best_chain_of_few_clips(
    monkeypatch: pytest.MonkeyPatch, start: int | None, end: int | None
) -> None:
    monkeypatch.setattr(module, "TRIED", 3)
    shares = []
    for seed in range(40):
        scores = symmetric(np.random.default_rng(seed).random((7, 7)))
        shares.append(
            total(scores, chain(scores, np.arange(7), start, end)) / best_of_all(scores, start, end)
        )
    assert min(shares) > 0.96
    assert sum(share > 1 - 1e-6 for share in shares) >= 36


def test_the_search_restores_the_order_of_points_on_a_line() -> None:
    where = np.random.default_rng(1).permutation(120)
    scores = (1 / (1 + np.abs(np.subtract.outer(where, where)))).astype(np.float32)
    found = where[chain(scores, np.arange(120))].tolist()
    assert found in (list(range(120)), list(range(120))[::-1])


@pytest.mark.parametrize("count", [8, 9, 40, 90])
@pytest.mark.long
def test_compiled_and_plain_make_the_same_moves(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for scores in (alike(count, 5), symmetric(np.random.default_rng(2).integers(0, 4, (count, count)) / 3)):
        plain = chain(scores, np.arange(count), 3)
        monkeypatch.setattr(module, "FEW", 0)
        assert chain(scores, np.arange(count), 3).tolist() == plain.tolist()
        monkeypatch.undo()


@pytest.mark.long
def test_another_process_finds_the_same_chain() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np; from test_chain import alike, chain\n"
        "print(chain(alike(60, 4), np.arange(60)).tolist(), chain(alike(300, 4), np.arange(300)).tolist())"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    found = subprocess.check_output(command, text=True)
    first, second = (chain(alike(count, 4), np.arange(count)).tolist() for count in (60, 300))
    assert found.strip() == f"{first} {second}"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("damaged", ["*.nbi", "*.nbc", "*settle*"])
def test_a_damaged_cache_does_not_stop_the_search(tmp_path: Path, damaged: str) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np; from test_chain import alike, chain\n"
        "print(chain(alike(260, 4), np.arange(260)).tolist())"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    whole = subprocess.check_output(command, text=True, env=environment)
    if damaged == "*settle*":  # what `improve` calls, while it is compiled itself
        for file in tmp_path.rglob("*improve*"):
            file.unlink()
    files = list(tmp_path.rglob(damaged))
    assert files
    for file in files:
        if file.is_file():
            file.write_bytes(file.read_bytes()[:40])
    assert subprocess.check_output(command, text=True, env=environment) == whole


def test_the_sum_is_never_below_that_of_the_greedy_start(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = alike(100, 9)
    found = total(scores, chain(scores, np.arange(100)))
    monkeypatch.setattr(chain_kernels, "improve", lambda *_: None)
    assert found > total(scores, chain(scores, np.arange(100)))


@pytest.mark.parametrize(
    ("rows", "ids", "expected"),
    [
        ([], [], []),
        ([[1]], [5], [5]),
        ([[NAN]], [5], [5]),
        ([[1, 0.2], [0.2, 1]], [9, 4], [4, 9]),
        ([[1, NAN], [NAN, 1]], [9, 4], [4, 9]),
        ([[1, 0.2, 0.3], [0.2, 1, 0.9], [0.3, 0.9, 1]], [1, 2, 3], [1, 3, 2]),
        # A clip without a score comes last, whatever its id.
        ([[1, NAN, NAN], [NAN, 1, 0.1], [NAN, 0.1, 1]], [1, 3, 2], [2, 3, 1]),
        # A missing transition is not better than any score.
        ([[1, NAN, 0.1], [NAN, 1, 0.1], [0.1, 0.1, 1]], [1, 2, 3], [1, 3, 2]),
        ([[1, NAN, -0.1], [NAN, 1, -0.2], [-0.1, -0.2, 1]], [1, 2, 3], [1, 3, 2]),
    ],
)
def test_known_chains(rows: list[list[float]], ids: list[int], expected: list[int]) -> None:
    scores = np.array(rows, np.float32).reshape(len(ids), len(ids))
    assert np.array(ids)[chain(scores, np.array(ids, np.int64))].tolist() == expected


@pytest.mark.parametrize("score", [0.0, 0.5, -1.0, NAN])
def test_clips_with_equal_scores_have_a_chain(score: float) -> None:
    order = chain(np.full((30, 30), score, np.float32), np.arange(30))
    assert sorted(order.tolist()) == list(range(30))


@pytest.mark.parametrize(
    ("scores", "ids", "pins", "shown"),
    [
        (np.zeros((2, 3)), [1, 2], {}, r"\(2, 3\)"),
        (np.zeros((2, 2)), [7, 7], {}, "7"),
        (np.zeros((2, 2)), [1, 2], {"start": 2}, "2"),
        (np.zeros((2, 2)), [1, 2], {"end": -1}, "-1"),
        (np.zeros((2, 2)), [1, 8], {"start": 1, "end": 1}, "8"),
        (np.array([[1, 0.5], [0.4, 1]]), [1, 2], {}, "symmetric"),
        (np.array([[1, 0.5], [NAN, 1]]), [1, 2], {}, "symmetric"),
        (np.array([[1, np.inf], [np.inf, 1]]), [1, 2], {}, "inf"),
    ],
)
def test_chain_refuses_invalid_scores_ids_and_ends(
    scores: Scores, ids: list[int], pins: dict[str, int], shown: str
) -> None:
    with pytest.raises(ValueError, match=shown):
        chain(scores.astype(np.float32), np.array(ids), **pins)
