"""Forgetting: locations are removed, ratings and notes are kept, files are never touched."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, insert, select

from tests.support import PREFIX_ONLY, MakeCatalog, copy_folder, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_state
from thresher.catalog.database.schema import batch, clip, location, nearest, recording, score_row
from thresher.catalog.scores import score_reads, scores
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison.score import score
from thresher.curation.ingest.forget import ForgetReport, forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, UsageError


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, write_clip: Any, serial: IngestOptions
) -> Path:
    """The folder that `clips` copies."""
    home = tmp_path_factory.mktemp("two")
    for index in range(3):
        write_clip(home / "a" / f"r_epoch_1_{index}.wav", index, 3.0)
    for index in range(2):
        write_clip(home / "b" / f"r_epoch_2_{index}.wav", 10 + index, 3.0)
    new_catalog(home).close()
    (home / "catalog.toml").write_text(PREFIX_ONLY)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "a"], serial)
        ingest(catalog, [home / "b"], serial)
    return home


@pytest.fixture
def clips(catalog: Catalog, template: Path) -> Path:
    """Two batches: clips 1 to 3 in `a`, 4 and 5 in `b`."""
    copy_folder(template, catalog.root)
    return catalog.root


def counts(report: ForgetReport) -> tuple[int, int, int]:
    return report.locations, report.recordings, report.kept


def assert_nearest_is_of_the_matrix(catalog: Catalog) -> None:
    with catalog.reading() as connection:
        of_metric = int(connection.scalar(select(score_row.c.metric_id).limit(1)) or 0)
        matrix = scores.read_matrix(connection, of_metric)
        between = score_reads.between(connection, of_metric, matrix.clip_ids.tolist())
        rows = connection.execute(
            select(nearest.c.clip_id, nearest.c.score).where(nearest.c.metric_id == of_metric)
        ).all()
        stored = {row.clip_id: row.score for row in rows}
        assert scores.coverage(connection, of_metric).complete
    expected = {
        int(clip_id): float(np.nanmax(row))
        for clip_id, row in zip(matrix.clip_ids, between, strict=True)
        if not np.isnan(row).all()
    }
    assert stored == expected


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("a", [4, 5]),
        ("a/", [4, 5]),
        ("b/r_epoch_2_0.wav", [1, 2, 3, 5]),
        ("batch:1", [4, 5]),
        (".", []),
    ],
)
def test_only_the_named_folder_file_or_batch_is_forgotten(
    catalog: Catalog, clips: Path, target: str, left: list[int]
) -> None:
    before = {path: path.read_bytes() for path in clips.rglob("*.wav")}
    named = target if target.startswith("batch") else str(clips / target)
    untouched = dump(catalog)
    dry = forget(catalog, named, dry_run=True)
    assert dump(catalog) == untouched
    report = forget(catalog, named)
    assert counts(report) == counts(dry) == (5 - len(left), 5 - len(left), 0)
    assert (dry.dry_run, report.dry_run) == (True, False)
    assert [row.id for row in list_clips(catalog)] == left
    assert {path: path.read_bytes() for path in clips.rglob("*.wav")} == before
    with catalog.reading() as connection:
        assert catalog.is_shared or not list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
    assert_nearest_is_of_the_matrix(catalog)


def test_a_folder_whose_name_only_starts_the_same_is_kept(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(clips / "a-more" / "x.wav", 20, 0.4)
    ingest(catalog, [clips / "a-more"], serial)
    forget(catalog, str(clips / "a"))
    assert [row.id for row in list_clips(catalog)] == [4, 5, 6]


def test_ids_are_never_used_twice(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    forget(catalog, str(clips))
    assert list_clips(catalog) == []
    assert ingest(catalog, [clips], serial).added == 5
    assert [row.id for row in list_clips(catalog)] == [6, 7, 8, 9, 10]
    assert score(catalog).live == 5


JUDGEMENTS = {
    "rated": lambda catalog: judging.rate(catalog, ["1"], 3),
    "tagged": lambda catalog: judging.tag(catalog, ["1"], add=["riff"]),
    "noted": lambda catalog: judging.note(catalog, ["1"], "wait"),
    "rejected": lambda catalog: judging.reject(catalog, ["1"]),
    "corrected": lambda catalog: judging.modify(catalog, ["1"], {"epoch": "9"}),
    "attribute corrected": lambda catalog: judging.modify(catalog, ["1"], {"mood": "grim"}),
}


@pytest.mark.parametrize("said", JUDGEMENTS)
def test_rated_and_noted_clips_are_kept_as_missing(
    catalog: Catalog, clips: Path, serial: IngestOptions, said: str
) -> None:
    JUDGEMENTS[said](catalog)
    before = show_clip(catalog, "1")
    assert counts(forget(catalog, str(clips / "a"))) == (3, 2, 1)
    after = show_clip(catalog, "1")
    assert after.clip == before.clip._replace(missing=True)
    assert [place.attributes for place in after.locations] == [place.attributes for place in before.locations]
    backups, untouched = backup_state(catalog).whole, dump(catalog)
    assert counts(forget(catalog, str(clips / "a"))) == (0, 0, 0)
    assert backup_state(catalog).whole == backups
    assert dump(catalog) == untouched
    report = ingest(catalog, [clips / "a"], serial)
    assert (report.added, report.moved, report.returned) == (2, 0, 1)
    assert show_clip(catalog, "1").clip == before.clip
    assert show_clip(catalog, "1").locations == before.locations


def test_a_clip_of_a_rendering_is_kept(catalog: Catalog, clips: Path) -> None:
    save_song(catalog, "S", ["id:1..2"])
    render(catalog, "S", clips / "s.wav")
    assert counts(forget(catalog, str(clips / "a"))) == (3, 1, 2)


def test_a_clip_whose_rating_was_undone_is_forgotten(catalog: Catalog, clips: Path) -> None:
    judging.rate(catalog, ["1"], 3)
    judging.undo(catalog)
    assert counts(forget(catalog, str(clips / "a"))) == (3, 3, 0)


def test_a_copy_elsewhere_keeps_its_recording(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    shutil.copy(clips / "a" / "r_epoch_1_0.wav", clips / "b" / "r_epoch_7_0.wav")
    ingest(catalog, [clips / "b"], serial)
    judging.rate(catalog, ["1"], 5)
    assert counts(forget(catalog, str(clips / "a"))) == (3, 2, 0)
    found = show_clip(catalog, "1")
    assert (found.clip.missing, found.clip.rating, found.clip.epoch) == (False, 5, 7)
    assert [place.path for place in found.locations] == ["b/r_epoch_7_0.wav"]


def test_missing_files_and_unread_ones_can_be_forgotten(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    (clips / "a" / "r_epoch_1_0.wav").unlink()
    (clips / "a" / "lost.wav").symlink_to(clips / "nowhere.wav")
    assert len(ingest(catalog, [clips / "a"], serial).failures) == 1
    assert counts(forget(catalog, str(clips / "a" / "lost.wav"))) == (1, 0, 0)
    assert counts(forget(catalog, str(clips / "a"))) == (3, 3, 0)
    assert [(row.epoch, row.files) for row in checkpoints(catalog)] == [(2, 2)]


def test_thousands_of_locations_are_forgotten_at_once(catalog: Catalog, tmp_path: Path) -> None:
    """There are more than the parameters of one statement, and the matrix is not read for each of them."""
    seen, span = {"size": 1, "mtime_ns": 1}, {"start_frame": 0, "end_frame": 1, "trim": "{}"}
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        numbers = range(1, 1_204)
        rows = [
            {"id": each, "sha256": str(each), "batch_id": 1, "role": "generated", "status": "ok"}
            for each in numbers
        ]
        connection.execute(insert(recording), rows)
        rows = [
            {"recording_id": each, "batch_id": 1, "path": b"f/%d" % each, "path_text": f"f/{each}", **seen}
            for each in numbers
        ]
        connection.execute(insert(location), rows)
        rows = [{"recording_id": each, "kind": "whole", "ordinal": 0, **span} for each in numbers]
        connection.execute(insert(clip), rows)
    assert counts(forget(catalog, str(tmp_path / "f"))) == (1_203, 1_203, 0)
    with catalog.reading() as connection:
        for table in (recording, location, clip):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


@pytest.mark.usefixtures("clips")
@pytest.mark.parametrize(
    "target",
    ["nowhere", "batch:3", "batch:99999999999999999999999", pytest.param("batch:" + "9" * 5_000, id="huge")],
)
def test_an_unknown_path_or_batch_is_an_error(catalog: Catalog, target: str) -> None:
    with pytest.raises(NotFoundError, match="thresher batches"):
        forget(catalog, target)


@pytest.mark.parametrize("target", ["", "batch:", "batch:last", "batch:-1", "batch:١"])
def test_an_invalid_target_is_refused(
    catalog: Catalog, clips: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(clips)
    with pytest.raises(UsageError):
        forget(catalog, target)
    assert len(list_clips(catalog)) == 5


def test_a_forgotten_folder_can_be_ingested_as_reference(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    forget(catalog, str(clips / "a"))
    ingest(catalog, [clips / "a"], replace(serial, role="reference"))
    assert [row.role for row in list_clips(catalog)] == ["generated"] * 2 + ["reference"] * 3


def test_forgetting_a_batch_keeps_only_annotated_recordings(
    catalog: Catalog, six_clips: Path, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    wrong = tmp_path / "wrong"
    for index in range(3):
        write_clip(wrong / f"w_epoch_{index}_0.wav", 900 + index)
    batch_id = ingest(catalog, [wrong], serial).batch
    judging.note(catalog, ["7"], "wait")
    before = dump(catalog)
    dry = forget(catalog, f"batch:{batch_id}", dry_run=True)
    assert dump(catalog) == before
    report = forget(catalog, f"batch:{batch_id}")
    assert (report.locations, report.recordings, report.kept) == (3, 2, 1)
    assert (dry.locations, dry.recordings, dry.kept) == (3, 2, 1)
    assert sorted(path.name for path in wrong.iterdir()) == [f"w_epoch_{index}_0.wav" for index in range(3)]
    assert [row.id for row in list_clips(catalog)] == [1, 2, 3, 4, 5, 6, 7]
    assert show_clip(catalog, "7").clip.missing
    with catalog.reading() as connection:
        proof = scores.coverage(connection, 1)
    assert (proof.rows, proof.live, proof.complete) == (9, 7, True)
    again = ingest(catalog, [wrong], serial)
    assert (again.added, again.returned) == (2, 1)
    assert [row.id for row in list_clips(catalog)] == [1, 2, 3, 4, 5, 6, 7, 10, 11]


def test_forgetting_an_unknown_path_names_the_command_that_lists_batches(
    catalog: Catalog, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="thresher batches"):
        forget(catalog, str(tmp_path / "nowhere"))


def test_undo_after_a_forget_explains_and_undoes_nothing_older(catalog: Catalog, clips: Path) -> None:
    judging.rate(catalog, "4", 5)
    judging.rate(catalog, "1", 4)
    forget(catalog, str(clips / "a"), dry_run=True)
    assert len(judging.history(catalog)) == 2
    forget(catalog, str(clips / "a"))
    with pytest.raises(UsageError, match=r"`thresher ingest` on the folder .*`thresher undo 2` reverts"):
        judging.undo(catalog)
    assert show_clip(catalog, "4").clip.rating == 5


def test_an_undo_that_changes_nothing_records_nothing(catalog: Catalog, clips: Path) -> None:
    judging.rate(catalog, "4", 5)
    judging.rate(catalog, "1", 4)
    judging.rate(catalog, "1", None)
    forget(catalog, str(clips / "a"))
    with pytest.raises(UsageError, match=r"was forgotten.*`thresher undo 2` reverts"):
        judging.undo(catalog, 3)
    assert [made.verb for made in judging.history(catalog)] == ["forget", "rate", "rate", "rate"]


def test_a_recording_is_forgotten_with_its_parts_and_kept_with_a_mark(cut_clips: Catalog) -> None:
    out = cut_clips.root / "out"
    judging.rate(cut_clips, "5", 4)
    assert forget(cut_clips, str(out / "run_epoch_1_0.wav")).kept == 1
    judging.rate(cut_clips, "5", None)
    assert forget(cut_clips, str(out / "run_epoch_1_0.wav")) == ForgetReport(1, 1, 0, False)
    assert [row.id for row in list_clips(cut_clips, "kind:part or kind:whole")] == [2, 3, 4]
    assert forget(cut_clips, str(out / "run_epoch_1_1.wav")) == ForgetReport(1, 0, 1, False)
    assert [row.id for row in list_clips(cut_clips, "kind:marked")] == [8, 9]
    assert forget(cut_clips, str(out / "run_epoch_2_1.wav")) == ForgetReport(
        1, 1, 0, False
    )  # its mark is gone


def test_one_part_alone_can_not_be_forgotten(cut_clips: Catalog) -> None:
    with pytest.raises(
        UsageError, match="5 is a clip, and only files can be forgotten, with all their clips"
    ):
        forget(cut_clips, "5")
