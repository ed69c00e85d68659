"""Verdicts on checkpoints, and how a checkpoint is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.curation.checkpoints.checkpoint_rows import SERIAL, row_of
from tests.support import WriteClip
from thresher import Catalog, history, ingest, list_clips, modify, undo
from thresher.curation.checkpoints.verdicts import judge_checkpoint
from thresher.errors import NotFoundError, UsageError


def test_a_verdict_is_a_decision_and_a_query_field(trained: Catalog) -> None:
    called, decision = judge_checkpoint(trained, "night e2", "keep", "  best riffs ")
    assert called == "night e2"
    assert decision is not None
    assert decision.summary == 'checkpoint night e2: keep note "best riffs"'
    row = row_of(trained, "night", 2)
    assert (row.verdict, row.note) == ("keep", "best riffs")
    assert {clip.epoch for clip in list_clips(trained, "verdict:keep")} == {2}
    assert len(list_clips(trained, "verdict:none")) == len(list_clips(trained)) - 3
    assert judge_checkpoint(trained, "night e2", "keep")[1] is None
    judge_checkpoint(trained, "night e2", "none", "")
    assert row_of(trained, "night", 2).verdict is None
    undo(trained)
    assert row_of(trained, "night", 2).note == "best riffs"
    assert [each.verb for each in history(trained)][:2] == ["undo", "checkpoint"]


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("night e3", "night e3"),
        ("e3", "night e3"),
        ("3", "night e3"),
        ("NIGHT epoch:3", "night e3"),
        ("run:day", "day e1"),
        ("nig 4", "night e4"),
    ],
)
def test_an_unambiguous_part_of_a_name_finds_the_checkpoint(trained: Catalog, name: str, called: str) -> None:
    assert judge_checkpoint(trained, name, "drop")[0] == called


def test_the_name_of_a_run_may_contain_a_number(catalog: Catalog, write_clip: WriteClip) -> None:
    write_clip(catalog.root / "a.wav", 1)
    ingest(catalog, [catalog.root], replace(SERIAL, run="take 5", epoch=1))
    write_clip(catalog.root / "b.wav", 2)
    ingest(catalog, [catalog.root / "b.wav"], replace(SERIAL, run="take 5", epoch=5))
    assert judge_checkpoint(catalog, "take 5 e1", "keep")[0] == "take 5 e1"


def test_a_checkpoint_is_found_as_the_table_prints_it(catalog: Catalog, write_clip: WriteClip) -> None:
    for seed, (run, epoch, step) in enumerate(
        [("run7", None, 1200), ("run7", None, 12), ("run7", 3, 1200), ("run 7", 12, None), ("77", 7, None)]
    ):
        path = write_clip(catalog.root / f"{seed}.wav", seed, 0.5)
        ingest(catalog, [path], replace(SERIAL, run=run, epoch=epoch, step=step, score=False))
    for printed, called in (
        ("run7 1200", "run7 i1200"),
        ("run7   12", "run7 i12"),
        ("run7 3 1200", "run7 e3 i1200"),
        ("RUN7 3 1200", "run7 e3 i1200"),
        ("run 7 12", "run 7 e12"),
        ("77 7", "77 e7"),
    ):
        assert judge_checkpoint(catalog, printed, "keep")[0] == called


def test_a_checkpoint_without_files_is_not_in_the_way(catalog: Catalog, write_clip: WriteClip) -> None:
    write_clip(catalog.root / "a_epoch_3.wav", 1, 0.5)
    ingest(catalog, [catalog.root], replace(SERIAL, run="odd", score=False))
    modify(catalog, "1", {"run": "night"})
    assert judge_checkpoint(catalog, "e3", "keep")[0] == "night e3"
    assert judge_checkpoint(catalog, "odd e3", "keep")[0] == "odd e3"


@pytest.mark.parametrize(
    ("name", "verdict", "error", "words"),
    [
        ("e9", "keep", NotFoundError, 'no checkpoint named "e9"'),
        ("", "keep", NotFoundError, "thresher checkpoints"),
        ("night " + "9" * 5000, "keep", NotFoundError, "no checkpoint named"),
        ("e" + "9" * 5000, "keep", NotFoundError, "no checkpoint named"),
        ("e1", "keep", UsageError, 'matches 2 checkpoints; give one of "night e1", "day e1"'),
        ("night e1", "best", UsageError, 'unknown verdict "best"'),
        ("night e1", None, UsageError, 'nothing to change for checkpoint "night e1"'),
    ],
)
def test_unknown_names_and_verdicts_are_refused(
    trained: Catalog, name: str, verdict: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        judge_checkpoint(trained, name, verdict)
    assert history(trained) == []
