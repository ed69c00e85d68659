"""The cache of previews: entries are kept, bounded, and never needed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from thresher.catalog.settings.own_files import CACHE_FOLDER as FOLDER
from thresher.curation.previews import cache as module
from thresher.curation.previews.cache import PreviewCache


def never() -> bytes:
    raise AssertionError("the entry is in the cache")


def test_an_entry_is_made_once_and_again_after_the_folder_was_deleted(tmp_path: Path) -> None:
    cache = PreviewCache(tmp_path)
    assert cache.get("abc", lambda: b"1") == b"1"
    assert cache.get("abc", never) == b"1"
    shutil.rmtree(tmp_path / FOLDER)
    assert cache.get("abc", lambda: b"2") == b"2"


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECK_EVERY", 1)
    cache = PreviewCache(tmp_path, largest=100)
    for number in range(10):
        cache.get(f"{number}x", lambda: b"0123456789")
        os.utime(tmp_path / FOLDER / f"{number}x" / f"{number}x", ns=(number, number))
    cache.get("0x", never)  # used now
    cache.get("new", lambda: b"0123456789")
    assert cache.get("0x", never) == b"0123456789"
    left = [name for _, _, names in os.walk(tmp_path / FOLDER) for name in names]
    assert len(left) <= 8
    assert "1x" not in left


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    assert PreviewCache(tmp_path).get("abc", lambda: b"1") == b"1"
