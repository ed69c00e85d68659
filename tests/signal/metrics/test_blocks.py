"""Blocks of scores are computed in parts: each part once, errors raised."""

from __future__ import annotations

import pytest

from thresher.signal.metrics import blocks


def test_a_failure_in_a_thread_is_raised() -> None:
    def fail(first: int, last: int) -> None:
        raise MemoryError(f"{first} to {last}")

    with pytest.raises(MemoryError):
        blocks._run_in_parts(fail, 100, 1, 2)


@pytest.mark.parametrize(
    ("groups", "work", "threads"), [(1, 0, 1), (1, 1 << 40, 4), (7, 9, 2), (1000, 1 << 36, 3)]
)
def test_chunks_cover_each_group_once(groups: int, work: int, threads: int) -> None:
    seen: list[int] = []
    blocks._run_in_parts(lambda first, last: seen.extend(range(first, last)), groups, work, threads)
    assert sorted(seen) == list(range(groups))
