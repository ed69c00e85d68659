"""Compiled functions run without their cache where the cache fails."""

from __future__ import annotations

import pickle

import pytest

from thresher.signal.compiling import with_cache


@pytest.mark.parametrize("error", [None, RuntimeError, OSError, EOFError, pickle.UnpicklingError])
def test_the_cache_is_used_unless_it_fails(error: type[Exception] | None) -> None:
    tried = []

    def compiled(cached: bool) -> str:
        tried.append(cached)
        if cached and error is not None:
            raise error
        return "result"

    assert with_cache(compiled) == "result"
    assert tried == ([True] if error is None else [True, False])


def test_other_errors_are_raised() -> None:
    def compiled(_cached: bool) -> None:
        raise TypeError

    with pytest.raises(TypeError):
        with_cache(compiled)
