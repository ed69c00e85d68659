"""Tasks and results of an analysis: plain data that travels between processes, and its stored form."""

from __future__ import annotations

import pickle
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.curation.analysis.analysed_files import analysed, task_of
from tests.support import RATE
from thresher.catalog.settings.sections import TrimSection, trim_key
from thresher.curation.analysis.task import Analysis, content_of, trim_of_key
from thresher.signal.features.trim_settings import TrimSettings


def test_tasks_and_results_travel_between_processes(tmp_path: Path, write_clip: Any) -> None:
    path = write_clip(tmp_path / "a.wav", 9)
    task = task_of(path)
    assert pickle.loads(pickle.dumps(task)) == task
    found = analysed(path)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(found.whole.fingerprint, again.whole.fingerprint)
    np.testing.assert_array_equal(again.whole.profile, found.whole.profile)
    wholes = [replace(each.whole, fingerprint=None, profile=None) for each in (again, found)]
    assert wholes[0] == wholes[1]
    assert replace(again, whole=wholes[0]) == replace(found, whole=wholes[1])


def test_content_holds_little_endian_words_beside_their_checksum(tmp_path: Path, write_clip: Any) -> None:
    found = analysed(write_clip(tmp_path / "a.wav", 9))
    assert found.whole.fingerprint is not None
    content = content_of(found, "KEY")
    columns = content.whole.columns()
    np.testing.assert_array_equal(np.frombuffer(columns["fingerprint"], "<u4"), found.whole.fingerprint)
    assert columns["fingerprint_crc32"] == zlib.crc32(columns["fingerprint"])
    assert (columns["trim"], columns["start_frame"], columns["end_frame"]) == ("KEY", 0, 4 * RATE)
    assert content.columns()["sample_rate"] == RATE
    nothing = content_of(Analysis("unreadable", "why"), "KEY")
    assert (nothing.sample_rate, nothing.whole.fingerprint, nothing.reason) == (None, None, "why")
    assert nothing.whole.columns()["fingerprint_crc32"] is None


def test_a_trim_key_gives_the_settings_that_made_it_with_their_version() -> None:
    old = '{"floor_db":-72.0,"frame_length":256,"hop_length":64,"top_db":50.0}'
    assert trim_of_key(old) == TrimSettings(version=1)
    assert trim_of_key(trim_key(TrimSection(top_db=30.0))) == TrimSettings(top_db=30.0)
