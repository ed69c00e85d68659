"""Work on several threads: results in order, errors raised."""

from __future__ import annotations

import threading

import pytest

from thresher.signal.threads import in_threads


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_parts(threads: int) -> None:
    assert in_threads(lambda part: part * part, iter(range(50)), threads) == [n * n for n in range(50)]
    assert in_threads(str, [], threads) == []


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_of_one_part_is_raised(threads: int) -> None:
    def inverse(part: int) -> float:
        return 1 / part

    with pytest.raises(ZeroDivisionError):
        in_threads(inverse, [1, 0, 2], threads)


def test_one_thread_is_the_calling_one() -> None:
    assert set(in_threads(lambda _: threading.get_ident(), range(3), 1)) == {threading.get_ident()}
    assert threading.get_ident() not in in_threads(lambda _: threading.get_ident(), range(3), 2)
