"""The clips nearest to a clip or to a file outside the catalog, by every metric; and the same in queries."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE, MakeCatalog, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.analysis.file_results import file_results
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.clips.saved_queries import save_query
from thresher.curation.comparison import neighbours
from thresher.curation.comparison.neighbours import near
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import NotFoundError, QueryError, UsageError
from thresher.formatting import any_of
from thresher.signal.metrics.registry import METRICS


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, sound: Any, serial: IngestOptions
) -> Path:
    """The folder that `full` is copied from."""
    home = tmp_path_factory.mktemp("full")
    y = sound(1, 8.0)
    sounds = {
        "1_whole": y,
        "2_later": y[40_000:],
        "3_quiet": 0.3 * y,
        **{f"{number}_other": sound(number, 8.0) for number in (4, 5, 6)},
        "7_short": sound(7, 1.0),
        "8_silent": np.zeros(64_000, np.float32),
    }
    (home / "clips").mkdir()
    for name, samples in sounds.items():
        soundfile.write(home / "clips" / f"{name}.wav", samples, RATE)
    with new_catalog(home) as catalog:
        (home / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
        ingest(catalog, [home / "clips"], serial)
    return home


@pytest.fixture
def full(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A sound, the same 2.5 s later, a quieter one, three others, one too short for a fingerprint, and silence."""
    copy_folder(template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        yield catalog


@pytest.mark.parametrize("metric", ["prefix", "aligned", "likeness"])
def test_neighbours_are_sorted_by_score_without_the_clip_itself(full: Catalog, metric: str) -> None:
    found = near(full, "1", metric)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert {each.clip.id for each in found} == {2, 3, 4, 5, 6} | ({7} if metric == "likeness" else set())
    quiet = next(each for each in found if each.clip.id == 3)
    assert quiet.score == scores[0] == pytest.approx(1, abs=0.01)  # the synthetic tones are all similar
    best = {nearest.metric: nearest for nearest in show_clip(full, "1").nearest}[metric]
    assert (best.clip, best.score) == (found[0].clip.id, found[0].score)
    assert [each.clip.id for each in near(full, "1", metric, limit=2)] == [each.clip.id for each in found[:2]]


def test_an_offset_is_the_time_at_which_the_other_clip_begins(full: Catalog) -> None:
    later = next(each for each in near(full, "1", "aligned") if each.clip.id == 2)
    assert later.score > 0.9
    assert later.offset == pytest.approx(2.5, abs=0.13)
    back = next(each for each in near(full, "2", "aligned") if each.clip.id == 1)
    assert back.offset == pytest.approx(-2.5, abs=0.13)
    assert all(each.offset is None for each in near(full, "1", "likeness"))
    shown = {each.metric: each for each in show_clip(full, "2").nearest}
    assert shown["aligned"].offset == pytest.approx(-2.5, abs=0.13)
    assert shown["prefix"].offset is None


@pytest.mark.parametrize("metric", ["prefix", "aligned", "likeness"])
def test_a_file_outside_the_catalog_can_be_compared(
    full: Catalog, tmp_path: Path, sound: Any, metric: str
) -> None:
    soundfile.write(tmp_path / "new.flac", np.repeat(sound(4, 8.0), 2, axis=1), RATE)
    before = list_clips(full, "status::.")
    found = near(full, str(tmp_path / "new.flac"), metric)
    same = next(each for each in found if each.clip.id == 4)
    assert same.score == found[0].score > 0.97
    assert list_clips(full, "status::.") == before


def test_errors_say_why_a_clip_cannot_be_compared(full: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="clip 7 has no fingerprint for aligned to compare"):
        near(full, "7", "aligned")
    assert len(near(full, "7", "likeness")) == 6
    with pytest.raises(NotFoundError, match="clip 8 has no descriptor"):
        near(full, "8", "likeness")
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(NotFoundError, match="Format not recognised"):
        near(full, str(tmp_path / "text.wav"))
    with pytest.raises(UsageError, match=re.escape(f"(expected {any_of(METRICS)})")):
        near(full, "1", "ears")
    with pytest.raises(UsageError, match="limit"):
        near(full, "1", limit=0)


def test_rejected_neighbours_are_shown_as_rejected(full: Catalog) -> None:
    judging.reject(full, ["3"])
    first = near(full, "1", "aligned")[0]
    assert (first.clip.id, first.clip.rejected) == (3, True)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("near@aligned:1:0.9..", [3, 2]),
        ("near@prefix:1:0.99..", [3]),
        ("near:1:..0", []),
        ("near:1", [3, 2, 6, 4, 5, 7]),
        ("near:1 id+", [2, 3, 4, 5, 6, 7]),
        ("near@likeness:7", [4, 6, 5, 3, 1, 2]),
        ("^near@aligned:1:0.9.. path:clips", [1, 4, 5, 6, 7]),
        ("near@aligned:1:0.9.. , 5", [3, 2, 5]),
    ],
)
def test_near_is_a_field_of_queries(full: Catalog, query: str, ids: list[int]) -> None:
    assert [row.id for row in list_clips(full, query)] == ids


def test_a_saved_query_with_near_is_sorted_by_the_scores_unless_it_names_a_sort(full: Catalog) -> None:
    save_query(full, "close", "near@aligned:1")
    save_query(full, "late", "near@aligned:1 id-")
    for query, ids in {
        "query:close": [row.id for row in list_clips(full, "near@aligned:1")],
        "query:close id+": [2, 3, 4, 5, 6],
        "query:late": [6, 5, 4, 3, 2],
        "near@prefix:1 query:late": [6, 5, 4, 3, 2],
    }.items():
        assert [row.id for row in list_clips(full, query)] == ids, query


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("near:x", "is not the id of a clip such as 12"),
        ("near:1:x", "is not"),
        ("near:99", "clip 99 does not exist"),
        ("near@aligned:7", "clip 7 has no fingerprint"),
        ("near+", '"near" cannot be sorted by'),
    ],
)
def test_an_invalid_value_of_near_is_refused(full: Catalog, query: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        list_clips(full, query)


@pytest.mark.parametrize("metric", ["prefix", "aligned", "likeness"])
def test_clips_of_the_same_recording_and_hidden_wholes_are_not_near(cut_clips: Catalog, metric: str) -> None:
    scored = {2, 3, 4, 5, 6, 7, *((8, 9) if metric == "likeness" else ())}
    for term, own in {"2": {2}, "3": {3, 8, 9}, "5": {5, 6, 7}, "1": {5, 6, 7}}.items():
        assert {each.clip.id for each in near(cut_clips, term, metric)} == scored - own
        assert {row.id for row in list_clips(cut_clips, f"near@{metric}:{term}")} == scored - own
    outside = shutil.copy(cut_clips.root / "out/run_epoch_1_1.wav", cut_clips.root / "outside.wav")
    assert {each.clip.id for each in near(cut_clips, str(outside), metric)} == scored


def test_no_transaction_is_open_while_a_file_is_analysed(
    full: Catalog, tmp_path: Path, open_transactions: list[Any], monkeypatch: pytest.MonkeyPatch, sound: Any
) -> None:
    soundfile.write(tmp_path / "new.wav", sound(1, 8.0), RATE)
    open_ones = []

    def watched(*given: Any) -> Any:
        open_ones.append(len(open_transactions))
        return file_results(*given)

    monkeypatch.setattr(neighbours, "file_results", watched)
    assert near(full, str(tmp_path / "new.wav"), "aligned")
    assert open_ones == [0]


@pytest.mark.parametrize("metric", ["prefix", "aligned", "likeness"])
def test_no_transaction_is_open_while_clips_are_compared(
    full: Catalog, computed_in_transactions: list[str], metric: str
) -> None:
    assert near(full, "1", metric)
    assert {"prefix_scores", "aligned_scores", "likeness_scores", "align"}.isdisjoint(
        computed_in_transactions
    )
