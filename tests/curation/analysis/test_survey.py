"""A survey finds the parts that an analysis finds, their statuses, and the envelope."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE
from thresher.catalog.settings.sections import Settings
from thresher.curation.analysis import decoded
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.survey import COLUMNS, Surveyed, SurveyTask, survey
from thresher.curation.analysis.task import Analysis, Unopened, Unsettled, task_for
from thresher.signal.features.split_settings import SplitSettings

SPLITS = [SplitSettings(silence=0.4), SplitSettings(every=1.5), SplitSettings(count=3)]


@pytest.fixture
def long_task(tmp_path: Path, sound: Any) -> SurveyTask:
    gap = np.zeros((2 * RATE, 1), np.float32)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.concatenate([sound(1, 3.0), gap, sound(2, 1.0), gap, sound(3, 3.2)]), RATE)
    stat, settings = path.stat(), Settings()
    whole = task_for(os.fsencode(path), stat.st_size, stat.st_mtime_ns, settings)
    return SurveyTask(whole.path, whole.size, whole.mtime_ns, whole.trim, whole.max_length, SPLITS[0])


def analysed(task: SurveyTask) -> Analysis:
    whole = task_for(task.path, task.size, task.mtime_ns, Settings(), split=task.split)
    found = analyse(replace(whole, spans_only=True))
    assert isinstance(found, Analysis)
    return found


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.key)
def test_a_survey_finds_what_an_analysis_finds(long_task: SurveyTask, split: SplitSettings) -> None:
    task = replace(long_task, split=split)
    found = survey(task)
    assert isinstance(found, Surveyed)
    parts = analysed(task).parts
    assert found.parts == tuple(part.span for part in parts)
    assert found.statuses == tuple(part.status for part in parts)
    assert (len(found.envelope), max(found.envelope)) == (COLUMNS, 0.0)


def test_without_a_split_only_the_envelope_is_found(long_task: SurveyTask) -> None:
    found = survey(replace(long_task, split=None))
    assert isinstance(found, Surveyed)
    assert (found.parts, len(found.envelope)) == ((), COLUMNS)


def test_files_that_are_gone_changed_or_not_audio_are_reported(long_task: SurveyTask, tmp_path: Path) -> None:
    assert isinstance(survey(replace(long_task, size=1)), Unsettled)
    assert survey(replace(long_task, path=b"/nowhere.wav")) == Unopened(
        "No such file or directory", vanished=True
    )
    (tmp_path / "text.wav").write_text("no audio")
    assert isinstance(survey(replace(long_task, path=os.fsencode(tmp_path / "text.wav"))), Unopened)


@pytest.mark.parametrize("memory", [4 * RATE, 100])
def test_parts_of_a_file_that_does_not_fit_in_memory_are_the_same(
    long_task: SurveyTask, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is kept in memory, or if it is too long, decoded for each pass."""
    expected = analysed(long_task).parts
    monkeypatch.setattr(decoded, "MEMORY_FRAMES", memory)
    found = analysed(long_task).parts
    assert [(part.span, part.status, part.loudness, part.measures) for part in found] == [
        (part.span, part.status, part.loudness, part.measures) for part in expected
    ]
    for part, known in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part.fingerprint, known.fingerprint)
        np.testing.assert_array_equal(part.descriptor, known.descriptor)
