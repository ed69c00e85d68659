"""Decisions: done, journalled, undone – and nothing else changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import JOURNAL, WriteClip, copy_folder, dump
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.clips.saved_queries import save_query
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import NotFoundError, UsageError


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of four clips, the last silent."""
    folder = tmp_path_factory.mktemp("template")
    for index in range(3):
        y = np.random.default_rng(index).normal(scale=0.1, size=4_000)
        soundfile.write(folder / f"run_epoch_{index}_0.wav", y, 16_000)
    soundfile.write(folder / "run_epoch_9_0.wav", np.zeros(4_000), 16_000)
    with Catalog.create(folder) as catalog:
        ingest(catalog, [folder], replace(IngestOptions(), executor="serial"))
    return folder


@pytest.fixture
def judged(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """A copy of the template."""
    copy_folder(template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        yield catalog


def test_a_decision_is_one_command(judged: Catalog) -> None:
    done = judging.rate(judged, ["epoch:0..1"], 4)
    assert done.found == 2
    assert done.decision is not None
    assert [change.field_key for change in done.decision.changes] == [
        ("clip", 1, "rating"),
        ("clip", 2, "rating"),
    ]
    assert judging.rate(judged, ["epoch:0..1"], 4).decision is None
    assert len(judging.history(judged)) == 1


def test_a_query_selects_what_a_listing_shows_and_an_id_any_clip(judged: Catalog) -> None:
    judging.reject(judged, ["1"])
    assert judging.rate(judged, ["run:run"], 3).found == 2
    assert judging.rate(judged, ["1"], 2).found == 1
    assert judging.rate(judged, ["4"], 1).found == 1
    assert judging.unreject(judged, ["run:run"]).found == 1
    assert not show_clip(judged, "1").clip.rejected
    assert judging.modify(judged, ["run:run"], {"epoch": "7"}).found == 4


@pytest.mark.parametrize("terms", ["path:link", "of:link/run_epoch_0_0.wav", "./link/ or 1", "query:linked"])
def test_folders_are_looked_up_before_the_transaction(
    judged: Catalog, lookups: Callable[[Catalog], list[bool]], terms: str
) -> None:
    (judged.root / "link").symlink_to(judged.root)
    save_query(judged, "linked", "path:link")
    looked = lookups(judged)
    assert judging.rate(judged, terms, 3).found >= 1
    with pytest.raises(NotFoundError, match="nothing matches run:nobody"):
        judging.reject(judged, f"({terms}) run:nobody")
    assert looked
    assert not any(looked)


def test_tags_are_added_and_removed(judged: Catalog) -> None:
    judging.tag(judged, ["1"], add=["riff", "loud"])
    judging.tag(judged, ["1", ",", "2"], add=["calm"], remove=["loud"])
    assert show_clip(judged, "1").clip.tags == ("calm", "riff")
    assert show_clip(judged, "2").clip.tags == ("calm",)
    judging.undo(judged)
    assert show_clip(judged, "1").clip.tags == ("loud", "riff")
    for bad in ("", " ", "a,b", "a\nb"):
        with pytest.raises(UsageError, match="tag"):
            judging.tag(judged, ["1"], add=[bad])


def test_a_note_holds_any_text(judged: Catalog) -> None:
    text = "<script>alert('☠')</script>\nsecond line"
    judging.note(judged, ["1"], text)
    assert show_clip(judged, "1").clip.note == text
    judging.note(judged, ["1"], " ")
    assert show_clip(judged, "1").clip.note is None


def test_a_correction_changes_the_checkpoint_or_an_attribute(judged: Catalog) -> None:
    judging.modify(judged, ["1"], {"run": "night", "epoch": "40", "temperature": "0.9"})
    found = show_clip(judged, "1")
    assert (found.clip.run, found.clip.epoch, found.checkpoint_pinned) == ("night", 40, True)
    assert [row.id for row in list_clips(judged, "temperature:0.9")] == [1]
    judging.modify(judged, ["1"], {"epoch": ""})
    assert show_clip(judged, "1").clip.epoch is None
    judging.undo(judged)
    judging.undo(judged)
    found = show_clip(judged, "1")
    assert (found.clip.run, found.clip.epoch, found.checkpoint_pinned) == ("run", 0, False)
    assert list_clips(judged, "index:0 (1)") != []


def test_an_attribute_is_corrected_in_any_case_of_its_name(judged: Catalog) -> None:
    judging.modify(judged, ["1"], {"temperature": "0.9"})
    judging.modify(judged, ["1"], {"Temperature": "0.8", "Top-K2": "5"})
    attributes = show_clip(judged, "1").locations[0].attributes
    assert (attributes["temperature"], attributes["Top-K2"]) == ("0.8", "5")
    assert "Temperature" not in attributes


def test_an_epoch_may_end_with_k(judged: Catalog) -> None:
    judging.modify(judged, ["1"], {"step": "120k"})
    assert show_clip(judged, "1").clip.step == 120_000
    with pytest.raises(UsageError, match=r"^step 9{39}… is out of range"):
        judging.modify(judged, ["1"], {"step": "9" * 5000})
    with pytest.raises(UsageError, match=r'^step="x{39}…" is not a whole number'):
        judging.modify(judged, ["1"], {"step": "x" * 5000})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"id": "4"},
        {"epoch": "x"},
        {"epoch": "-1"},
        {"role": "dog"},
        {"Epoch": "1"},
        {"tag": "x"},
        {"run": " "},
    ],
)
def test_fields_that_are_measured_cannot_be_corrected(judged: Catalog, values: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        judging.modify(judged, ["1"], values)


def test_undo_reverts_a_decision_by_its_number_unless_a_later_one_changed_the_field(judged: Catalog) -> None:
    judging.rate(judged, ["1"], 2)
    judging.rate(judged, ["2"], 3)
    judging.rate(judged, ["1"], 4)
    with pytest.raises(UsageError, match=r"decision 3 \(rate 4: 1\)"):
        judging.undo(judged, 1)
    judging.undo(judged, 2)
    assert show_clip(judged, "2").clip.rating is None
    with pytest.raises(UsageError, match="undone by 4"):
        judging.undo(judged, 2)
    judging.undo(judged, 4)
    assert show_clip(judged, "2").clip.rating == 3
    judging.undo(judged)
    judging.undo(judged, 1)
    assert show_clip(judged, "1").clip.rating is None
    with pytest.raises(NotFoundError, match="thresher history"):
        judging.undo(judged, 99)


def test_undo_without_a_decision_is_an_error(judged: Catalog) -> None:
    with pytest.raises(NotFoundError, match="nothing to undo"):
        judging.undo(judged)


def test_a_dry_run_changes_nothing_and_reports_what_would_change(judged: Catalog) -> None:
    before = dump(judged, without=JOURNAL)
    done = judging.rate(judged, ["run:run"], 5, dry_run=True)
    assert done.decision is not None
    assert len(done.decision.changes) == 3
    assert dump(judged, without=JOURNAL) == before
    assert judging.history(judged) == []


def test_a_query_without_a_clip_is_an_error(judged: Catalog) -> None:
    with pytest.raises(NotFoundError, match="epoch:999"):
        judging.reject(judged, ["epoch:999"])


ONE_DECISION = st.one_of(
    st.tuples(st.just("rate"), st.integers(1, 4), st.one_of(st.none(), st.integers(1, 5))),
    st.tuples(st.just("reject"), st.integers(1, 4), st.none()),
    st.tuples(st.just("unreject"), st.integers(1, 4), st.none()),
    st.tuples(st.just("tag"), st.integers(1, 4), st.sampled_from(["riff", "noise"])),
    st.tuples(st.just("note"), st.integers(1, 4), st.sampled_from(["a", "b", ""])),
    st.tuples(st.just("modify"), st.integers(1, 4), st.sampled_from(["epoch=3", "role=reference", "mood=x"])),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ONE_DECISION, max_size=8))
def test_undoing_all_restores_everything(judged: Catalog, made: list[Any]) -> None:
    before = dump(judged, without=JOURNAL)
    standing = 0
    for verb, clip_id, value in made:
        terms = [str(clip_id)]
        if verb == "tag":
            done = judging.tag(judged, terms, add=[value])
        elif verb == "modify":
            key, _, text = value.partition("=")
            done = judging.modify(judged, terms, {key: text})
        elif verb in ("rate", "note"):
            done = getattr(judging, verb)(judged, terms, value)
        else:
            done = getattr(judging, verb)(judged, terms)
        standing += done.decision is not None
    for _ in range(standing):
        judging.undo(judged)
    assert dump(judged, without=JOURNAL) == before
    with pytest.raises(NotFoundError):
        judging.undo(judged)


def test_an_attribute_that_is_a_number_everywhere_stays_one(judged: Catalog) -> None:
    judging.modify(judged, ["1"], {"temperature": "0.9"})
    with pytest.raises(UsageError, match=r'temperature="hot" is not a number.*temperature_text=hot'):
        judging.modify(judged, ["2"], {"Temperature": "hot"})
    judging.modify(judged, ["2"], {"mood": "grim"})
    assert judging.modify(judged, ["1"], {"mood": "1"}).found == 1
    assert judging.modify(judged, ["2"], {"mood": "calm", "temperature": "1e-1"}).found == 1


def test_a_query_decides_about_shown_clips_and_an_id_about_a_hidden_whole(cut_clips: Catalog) -> None:
    assert judging.rate(cut_clips, "run:run", 3).found == 8
    assert judging.rate(cut_clips, "1", 2).found == 1
    assert [row.id for row in list_clips(cut_clips, "kind:whole rating:2")] == [1]
    with pytest.raises(NotFoundError, match="taken away"):
        judging.rate(cut_clips, "10", 2)
    judging.modify(cut_clips, "6", {"epoch": "9"})  # the checkpoint is that of the recording
    assert [row.id for row in list_clips(cut_clips, "epoch:9")] == [5, 6, 7]


def test_an_undone_correction_leaves_later_copies_the_attributes_of_their_own_names(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip, serial: IngestOptions
) -> None:
    folder = tmp_path / "clips"
    path = write_clip(folder / "night_step_100_seed7.wav", 1, 0.4)
    ingest(catalog, [folder], serial)
    judging.modify(catalog, ["1"], {"seed": "5", "mood": "grim"})
    for name in ("night_step_100_seed8.wav", "night_step_100.wav"):
        shutil.copy(path, folder / name)
    (folder / "night_step_100.wav.json").write_text('{"mood": "calm"}')
    ingest(catalog, [folder], serial)

    def attributes() -> list[dict[str, str]]:
        return [dict(place.attributes) for place in show_clip(catalog, "1").locations]

    corrected = [{"mood": "grim", "seed": "5"}] * 3
    assert attributes() == corrected
    for _ in range(2):
        judging.undo(catalog)
        assert attributes() == [{"seed": "7"}, {"mood": "calm"}, {"seed": "8"}]
        judging.undo(catalog, judging.history(catalog)[0].id)
        assert attributes() == corrected
