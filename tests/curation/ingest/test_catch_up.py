"""Catch-up: an ingest computes the scores, descriptors and measures that known clips lack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text, update

from tests.support import MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.scores import features, score_reads, scores
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison.score import score_all
from thresher.curation.ingest.catch_up import catch_up, planned_scores
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.verify import verify
from thresher.curation.report.stats import stats
from thresher.signal.features.descriptors import DESCRIPTOR_SIZE, VERSION
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.registry import find_metric

NAMES = ("prefix", "aligned", "likeness")


@pytest.fixture
def folder(tmp_path: Path, write_clip: Any) -> Path:
    """Five clips, one too short for a fingerprint, one silent."""
    for index in range(4):
        write_clip(tmp_path / "clips" / f"a_epoch_{index}.wav", index, 3.5 + index / 4)
    write_clip(tmp_path / "clips" / "short.wav", 9, 0.8)
    (tmp_path / "clips" / "silent.wav").write_bytes(silence(tmp_path))
    return tmp_path / "clips"


def silence(tmp_path: Path) -> bytes:
    import soundfile

    soundfile.write(tmp_path / "s.wav", np.zeros(64_000, np.float32), 16_000)
    return (tmp_path / "s.wav").read_bytes()


@pytest.fixture
def full(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps all scores, as new ones do."""
    with new_catalog(tmp_path) as made:
        yield made


def with_metrics(catalog: Catalog, *names: str) -> Catalog:
    catalog.file.write_text(f"[metrics]\nuse = {list(names)}\n")
    return Catalog.open(catalog.file)


def check(catalog: Catalog, name: str) -> int:
    """Check that the stored matrix equals the scores of the stored features; return its number of clips."""
    metric: Metric[Any] = find_metric(name)
    with catalog.reading() as connection:
        metric_id = scores.metric_id(connection, name, metric.version)
        assert scores.coverage(connection, metric_id).complete
        matrix = scores.read_matrix(connection, metric_id)
        ids = matrix.clip_ids.tolist()
        kept = metric.pack(features.read(connection, ids, metric.keeps))
        found = score_reads.between(connection, metric_id, ids)
    expected = metric.scores(kept, kept)
    below = np.tri(len(ids), k=-1, dtype=bool)
    np.testing.assert_allclose(found[below], expected[below], rtol=0, atol=1e-6)
    return len(ids)


def test_a_batch_scores_only_pairs_with_a_new_clip_by_every_metric(
    full: Catalog, folder: Path, write_clip: Any, serial: IngestOptions
) -> None:
    report = ingest(full, [folder], serial)
    assert [(each.metric, each.clips, each.pairs) for each in report.scores] == [
        ("prefix", 4, 6),
        ("aligned", 4, 6),
        ("likeness", 5, 10),  # the short one has no fingerprint, and sounds like something all the same
    ]
    for index in (20, 21):
        write_clip(folder / f"b_epoch_{index}.wav", index)
    report = ingest(full, [folder], serial)
    assert [(each.metric, each.clips, each.pairs) for each in report.scores] == [
        ("prefix", 2, 2 * 4 + 1),
        ("aligned", 2, 2 * 4 + 1),
        ("likeness", 2, 2 * 5 + 1),
    ]
    assert [check(full, name) for name in NAMES] == [6, 6, 7]
    assert [each.pairs for each in score_all(full)] == [0, 0, 0]


def test_the_next_ingest_scores_known_clips_by_a_metric_that_is_added_later(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [folder], serial)
    assert {row.name for row in stats(catalog).metrics} == {"prefix"}
    with catalog.reading() as connection:
        assert not connection.scalars(select(clip.c.descriptor_version).distinct()).one()
    with with_metrics(catalog, "prefix", "likeness") as more:
        planned = planned_scores(more)
        done = catch_up(more, executor="serial").scores
        assert [(each.metric, each.clips) for each in done] == [("prefix", 0), ("likeness", 5)]
        assert [(each.clips, each.pairs, each.live) for each in planned] == [
            (each.clips, each.pairs, each.live) for each in done
        ]
        check(more, "likeness")
        before = [show_clip(more, str(row.id)) for row in list_clips(more)]
        assert [each.clips for each in catch_up(more, executor="serial").scores] == [0, 0]
        assert [show_clip(more, str(row.id)) for row in list_clips(more)] == before
    with with_metrics(catalog, "aligned", "prefix") as other:
        assert [each.clips for each in ingest(other, [folder], serial).scores] == [4, 0]
        with other.reading() as connection:  # what was described stays so, though nobody asks for it now
            assert VERSION in set(connection.scalars(select(clip.c.descriptor_version)))


def test_descriptors_of_another_version_are_computed_again(
    full: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(full, [folder], serial)
    with writing(full) as connection:
        connection.execute(update(clip).where(clip.c.id == 2).values(descriptor_version=VERSION - 1))
    report = ingest(full, [folder], serial)
    assert report.unchanged == report.files == 6
    with full.reading() as connection:
        columns = select(clip.c.descriptor, clip.c.descriptor_version)
        blobs = connection.execute(columns.order_by(clip.c.id)).all()
    assert [row.descriptor_version for row in blobs] == [VERSION] * 5 + [None]
    assert {len(row.descriptor) for row in blobs if row.descriptor} == {4 * DESCRIPTOR_SIZE}
    check(full, "likeness")


def test_a_damaged_descriptor_is_found_and_computed_again(
    full: Catalog, folder: Path, serial: IngestOptions
) -> None:
    ingest(full, [folder], serial)
    with full.reading() as connection:
        before = connection.scalar(select(clip.c.descriptor).where(clip.c.id == 3))
    with writing(full) as connection:
        connection.execute(text("UPDATE clip SET descriptor = zeroblob(length(descriptor)) WHERE id = 3"))
    found = verify(full)
    assert (found.descriptors, found.fingerprints, found.is_sound) == ((3,), (), False)
    verify(full, repair=True)
    assert verify(full).is_sound
    with full.reading() as connection:
        assert connection.scalar(select(clip.c.descriptor).where(clip.c.id == 3)) == before
    assert [check(full, name) for name in NAMES] == [4, 4, 5]


def test_aligned_recognises_a_copy_that_starts_later(
    full: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions
) -> None:
    """The metric `prefix` does not recognise it."""
    import soundfile

    y = sound(1, 8.0)
    for name, part in (("whole", y), ("later", y[20_000:]), ("other", sound(2, 8.0))):
        soundfile.write(tmp_path / f"{name}.wav", part, 16_000)
    ingest(full, [tmp_path / f"{name}.wav" for name in ("whole", "later", "other")], serial)
    nearest = {near.metric: near for near in show_clip(full, str(tmp_path / "later.wav")).nearest}
    assert nearest["aligned"].score > 0.95
    assert nearest["aligned"].path == "whole.wav"
    assert nearest["prefix"].score < 0.8


@pytest.mark.parametrize("names", [("prefix",), NAMES])
def test_the_next_ingest_measures_clips_without_measures(
    full: Catalog, folder: Path, serial: IngestOptions, names: tuple[str, ...]
) -> None:
    """A catalog of an older program has such clips. Nothing else about them changes."""
    with with_metrics(full, *names) as catalog:
        ingest(catalog, [folder], serial)
        before = list_clips(catalog, "noise:.. loop+")
        with writing(catalog) as connection:
            connection.execute(text("DELETE FROM measure WHERE clip_id <= 2"))
            connection.execute(text("UPDATE measure SET version = 0 WHERE clip_id = 3"))
            connection.execute(text("UPDATE measure SET value = 7 WHERE clip_id = 3 AND name = 'noise'"))
        assert len(before) == 5
        assert len(list_clips(catalog, "noise:..1")) == 2
        assert stats(catalog).unmeasured == 3
        report = ingest(catalog, [folder], serial)
        assert [scoring.pairs for scoring in report.scores] == [0] * len(names)
        assert list_clips(catalog, "noise:.. loop+") == before
        assert len(list_clips(catalog, "noise:..1.1")) == 5
        assert stats(catalog).unmeasured == 0


@pytest.mark.parametrize("names", [("prefix",), NAMES])
def test_measures_can_be_off_and_are_computed_once_they_are_on(
    full: Catalog, folder: Path, serial: IngestOptions, names: tuple[str, ...]
) -> None:
    text_of = f"[metrics]\nuse = {list(names)}\n[ingest]\nmeasure = {{}}\n"
    full.file.write_text(text_of.format("false"))
    with Catalog.open(full.file) as catalog:
        ingest(catalog, [folder], serial)
        assert (len(list_clips(catalog)), list_clips(catalog, "noise:..")) == (5, [])
        assert stats(catalog).unmeasured == 0
    full.file.write_text(text_of.format("true"))
    with Catalog.open(full.file) as catalog:
        assert stats(catalog).unmeasured == 5
        ingest(catalog, [folder], serial)
        measured = list_clips(catalog, "noise:.. noise+")
        assert len(measured) == 5
    full.file.write_text(text_of.format("false"))
    with Catalog.open(
        full.file
    ) as catalog:  # existing measures are kept, even by an analysis without measures
        reanalyse(catalog, executor="serial")
        assert list_clips(catalog, "noise:.. noise+") == measured


@pytest.mark.parametrize("names", [("prefix",), NAMES])
def test_catch_up_does_not_trim_known_clips_again(
    full: Catalog, folder: Path, serial: IngestOptions, write_clip: Any, names: tuple[str, ...]
) -> None:
    """Only `reanalyse`, or an ingest of their own folder, applies new trim settings to known clips."""
    with with_metrics(full, *names) as catalog:
        ingest(catalog, [folder], serial)
        before = list_clips(catalog, "rejected:no status:")
        with writing(catalog) as connection:
            connection.execute(text("DELETE FROM measure"))
    full.file.write_text(full.file.read_text() + "[trim]\ntop_db = 6\n")
    with Catalog.open(full.file) as catalog:
        write_clip(full.root / "elsewhere" / "b_epoch_1.wav", 50)
        report = ingest(catalog, [full.root / "elsewhere"], serial)
        assert [scoring.clips for scoring in report.scores] == [1] * len(names)
        known = list_clips(catalog, "rejected:no status: ^path:elsewhere")
        assert [(row.id, row.start, row.seconds, row.status) for row in known] == [
            (row.id, row.start, row.seconds, row.status) for row in before
        ]
        assert len(list_clips(catalog, "noise:..")) == 6
        assert stats(catalog).trimmed_otherwise == len(before)
