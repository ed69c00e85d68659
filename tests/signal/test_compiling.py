"""Compiled functions run without their cache where the cache fails, and never from a damaged one."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from thresher.signal.compiling import checked_cache, with_cache


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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module that can be imported, as numba does when it loads a function from a cache."""
    (tmp_path / "doubling.py").write_text("def doubled(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("doubling", None)


def _compiled() -> Any:
    """Compile the function of the module, as a new process does; its cache is beside it."""
    import numba

    sys.modules.pop("doubling", None)
    made = numba.njit(cache=True)(importlib.import_module("doubling").doubled)
    with checked_cache(made):
        made.compile((numba.int64,))
    assert made(21) == 42
    return made


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES: list[Callable[[bytes], bytes]] = [_flipped, lambda content: content[:-9]]


def test_a_damaged_file_of_the_cache_is_compiled_again(folder: Path) -> None:
    assert sum(_compiled().stats.cache_misses.values()) == 1
    assert sum(_compiled().stats.cache_hits.values()) == 1
    index, data = sorted((folder / "__pycache__").glob("*.nb[ic]"), key=lambda path: path.suffix != ".nbi")
    for number, damage in enumerate(DAMAGES):
        damaged = (data, index)[number % 2]
        damaged.write_bytes(damage(damaged.read_bytes()))
        assert sum(_compiled().stats.cache_misses.values()) == 1
        assert sum(_compiled().stats.cache_hits.values()) == 1


def test_a_cache_without_digests_is_not_trusted(folder: Path) -> None:
    _compiled()
    for path in (folder / "__pycache__").glob("*.sha256"):
        path.unlink()
    assert sum(_compiled().stats.cache_misses.values()) == 1
