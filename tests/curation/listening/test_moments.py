"""The clips most similar to a moment of a clip: where it occurs, then what sounds like it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import EVERY_METRIC, RATE, Command, MakeCatalog, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.cutting.marks import mark
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening import moments
from thresher.curation.listening.moments import near_moment
from thresher.errors import NotFoundError, UsageError
from thresher.signal.features import descriptors

PASTED_AT = 7.03  # not a multiple of the distance of fingerprint words


@pytest.fixture(scope="module")
def shelf(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    sound: MakeSound,
    serial: IngestOptions,
) -> Iterator[Catalog]:
    """Clip 1 with silence in the middle, clip 2 with 6 s of clip 1 pasted into it, a noise and two other sounds."""
    home = tmp_path_factory.mktemp("moments")
    new_catalog(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    one, two = sound(1, 16.0), sound(2, 16.0)
    start = round(PASTED_AT * RATE)
    two[start : start + 6 * RATE] = 0.5 * one[2 * RATE : 8 * RATE]
    one[12 * RATE : 14 * RATE] = 0
    one[9 * RATE : 11 * RATE] = 0.2 * np.random.default_rng(9).normal(size=(2 * RATE, 1))
    noise = 0.2 * np.random.default_rng(3).normal(size=8 * RATE)
    for name, y in (("1", one), ("2", two), ("3", noise), ("4", sound(4, 9.0)), ("5", sound(5, 9.0))):
        soundfile.write(home / f"{name}.wav", y, RATE)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home], serial)
        yield catalog


def test_a_moment_that_was_pasted_into_another_clip_finds_it_and_the_time(shelf: Catalog) -> None:
    first, *others = near_moment(shelf, "1", 2.0, length=6.0)
    assert (first.clip.id, first.metric) == (2, "aligned")
    assert first.score > 0.85
    assert first.at == pytest.approx(PASTED_AT, abs=0.15)
    assert {each.metric for each in others} == {"likeness"}
    assert sorted(each.clip.id for each in others) == [3, 4, 5]
    back, *_ = near_moment(shelf, "2", PASTED_AT + 0.5, metric="aligned")
    assert back.clip.id == 1
    assert back.at == pytest.approx(2.5, abs=0.15)


def test_a_moment_sounds_like_other_clips_than_its_whole_clip(shelf: Catalog) -> None:
    noisy = near_moment(shelf, "1", 9.0, length=2.0)
    assert (noisy[0].clip.id, noisy[0].metric, noisy[0].at) == (3, "likeness", None)
    tonal = near_moment(shelf, "1", 0.0, length=2.0, metric="likeness")
    assert tonal[-1].clip.id == 3
    assert [each.score for each in tonal] == sorted((each.score for each in tonal), reverse=True)
    assert near_moment(shelf, "1", 9.0, length=2.0, metric="aligned") == []


def test_the_moment_of_a_mark_is_counted_from_its_start_and_leaves_out_its_recording(shelf: Catalog) -> None:
    made = mark(shelf, "1", 1.5, 15.0).marks[0].clip
    first, *others = near_moment(shelf, str(made), 1.0)
    assert first.clip.id == 2
    assert first.at == pytest.approx(PASTED_AT + 0.5, abs=0.15)
    assert 1 not in {each.clip.id for each in others}
    noisy = near_moment(shelf, str(made), 7.5, length=2.0)
    assert noisy[0].clip.id == 3


@pytest.mark.parametrize(
    ("at", "length", "words"),
    [
        (16.0, 5.0, "no moment at 16"),
        (-1.0, 5.0, "no moment"),
        (12.2, 1.5, "is silent"),
        (0.0, 0.01, "out of range"),
    ],
)
def test_a_moment_that_cannot_be_compared_is_refused(
    shelf: Catalog, at: float, length: float, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        near_moment(shelf, "1", at, length=length)


def test_a_wrong_metric_an_unknown_clip_and_a_limit_of_none_are_refused(shelf: Catalog) -> None:
    with pytest.raises(UsageError, match='not compared by "prefix"'):
        near_moment(shelf, "1", 0.0, metric="prefix")
    with pytest.raises(UsageError, match="limit"):
        near_moment(shelf, "1", 0.0, limit=0)
    with pytest.raises(NotFoundError, match="99"):
        near_moment(shelf, "99", 0.0)
    assert len(near_moment(shelf, "1", 2.0, length=6.0, limit=2)) == 2


def test_the_command_lists_the_moments_and_json_has_their_times(shelf: Catalog, command: Command) -> None:
    options = ("--catalog", str(shelf.file), "near", "1", "--at", "2", "--length", "6")
    shown = command(*options)
    assert shown.returncode == 0
    assert "aligned" in shown.stdout
    assert '"at": 7.' in command(*options, "--json").stdout
    alone = command("--catalog", str(shelf.file), "near", "1", "--length", "6")
    assert (alone.returncode, "write --at" in alone.stderr) == (2, True)


def test_no_transaction_is_open_while_a_moment_is_read_and_described(
    shelf: Catalog,
    open_transactions: list[Any],
    computed_in_transactions: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_ones: dict[str, int] = {}

    def watched(name: str, run: Any) -> Any:
        def noted(*given: Any) -> Any:
            open_ones[name] = len(open_transactions)
            return run(*given)

        return noted

    monkeypatch.setattr(moments, "open_audio", watched("decoded", moments.open_audio))
    monkeypatch.setattr(descriptors, "descriptor", watched("described", descriptors.descriptor))
    assert near_moment(shelf, "1", 9.0, length=2.0)
    assert open_ones == {"decoded": 0, "described": 0}
    assert {"occurrences", "likeness_scores"}.isdisjoint(computed_in_transactions)
