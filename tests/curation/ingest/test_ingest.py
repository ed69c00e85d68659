"""Whole ingests: repeated, split, parallel, interrupted and killed ones give the same catalog."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import select, text

from tests.support import COMMAND, RATE, counts, dump, for_processes, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import (
    location,
)
from thresher.catalog.scores import scores
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.report import IngestReport


@pytest.mark.parametrize("seconds", [-2_051_222_400, -1, 0, 9_223_372_037, 14_831_769_600])
def test_files_of_any_time_are_ingested_once(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions, seconds: int
) -> None:
    path = write_clip(tmp_path / "runs" / "odd.wav", 1, 0.3)
    write_clip(tmp_path / "runs" / "good.wav", 2, 0.3)
    os.utime(path, ns=(0, seconds * 1_000_000_000 + 7))
    if path.stat().st_mtime_ns != seconds * 1_000_000_000 + 7:
        pytest.skip("this file system has no such times")
    assert ingest(catalog, [tmp_path / "runs"], serial).added == 2
    with catalog.reading() as connection:
        stored = set(connection.scalars(select(location.c.mtime_ns)))
    assert path.stat().st_mtime_ns in stored
    assert counts(ingest(catalog, [tmp_path / "runs"], serial))["unchanged"] == 2


def test_a_second_ingest_of_the_same_files_changes_nothing(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    assert counts(ingest(catalog, [six_clips], serial)) == {"added": 6}
    before = dump(catalog, times=False)
    again = ingest(catalog, [six_clips], serial)
    assert counts(again) == {"unchanged": 6}
    assert (again.batch, again.scoring.pairs if again.scoring else None) == (None, 0)
    assert dump(catalog, times=False) == before


def test_three_batches_give_the_same_catalog_as_one(
    tmp_path: Path, six_clips: Path, serial: IngestOptions
) -> None:
    with Catalog.create(tmp_path / "one") as one, Catalog.create(tmp_path / "two") as two:
        ingest(one, [six_clips], serial)
        for epoch in (10, 20, 30):
            ingest(two, sorted(six_clips.glob(f"*_{epoch}_*")), serial)
        assert [row.added for row in batches(two)] == [2, 2, 2]
        ignore = ("batch", "recording", "location", "checkpoint", "safeguard")
        assert dump(one, without=ignore) == dump(two, without=ignore)


@pytest.mark.parametrize("executor", ["threads:2", "processes:2"])
@pytest.mark.long
def test_every_executor_gives_the_same_catalog(
    tmp_path: Path, six_clips: Path, serial: IngestOptions, executor: str
) -> None:
    with Catalog.create(tmp_path / "a") as here, Catalog.create(tmp_path / "b") as there:
        ingest(here, [six_clips], serial)
        ingest(there, [six_clips], replace(serial, executor=executor))
        assert dump(here, times=False) == dump(there, times=False)


def test_ids_follow_the_byte_order_of_paths(catalog: Catalog, six_clips: Path) -> None:
    ingest(catalog, [six_clips], IngestOptions(executor="threads:2"))
    with catalog.reading() as connection:
        paths = list(connection.scalars(select(location.c.path).order_by(location.c.recording_id)))
    assert paths == sorted(paths)


def test_a_batch_scores_only_pairs_with_a_new_clip(
    catalog: Catalog, six_clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    for index in range(3):
        write_clip(six_clips / f"death_epoch_40_{index}.wav", 400 + index)
    scoring = ingest(catalog, [six_clips], serial).scoring
    assert scoring is not None
    assert (scoring.clips, scoring.pairs, scoring.live) == (3, 3 * 6 + 3, 9)


def test_every_file_is_counted_once(catalog: Catalog, six_clips: Path, serial: IngestOptions) -> None:
    (six_clips / "broken.wav").write_text("no audio")
    (six_clips / "dangling.wav").symlink_to("nothing")
    shutil.copy(six_clips / "death_epoch_10_0.wav", six_clips / "copy.wav")
    for dry_run in (True, False, True, False):
        report = ingest(catalog, [six_clips], replace(serial, dry_run=dry_run))
        unread = sum(failure.path.endswith("dangling.wav") for failure in report.failures)
        assert sum(counts(report).values()) + unread == report.files == 9
    assert counts(report) == {"unchanged": 9}


def test_a_damaged_fingerprint_stops_scoring_and_is_reported(
    catalog: Catalog, six_clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    with writing(catalog) as connection:
        connection.execute(text("UPDATE clip SET fingerprint = zeroblob(length(fingerprint)) WHERE id = 2"))
    write_clip(six_clips / "new.wav", 99)
    report = ingest(catalog, [six_clips], serial)
    assert report.added == 1
    assert report.scoring is None
    assert report.scoring_failure is not None
    assert "clip 2" in report.scoring_failure
    assert "verify --repair" in report.scoring_failure


def test_reference_audio_is_not_scored(catalog: Catalog, six_clips: Path, serial: IngestOptions) -> None:
    report = ingest(catalog, [six_clips], replace(serial, role="reference"))
    assert report.scoring is not None
    assert report.scoring.clips == 0
    assert {row.role for row in list_clips(catalog)} == {"reference"}


def with_trim(catalog: Catalog, setting: str) -> Catalog:
    catalog.file.write_text(f'[trim]\n{setting}\n[metrics]\nuse = ["prefix"]\n')
    return Catalog.open(catalog.file)


def test_new_trim_settings_analyse_files_again_and_keep_ratings_and_tags(
    catalog: Catalog, tmp_path: Path, sound: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    quiet = 0.02 * sound(1, 1.0)
    soundfile.write(folder / "a_epoch_1_0.wav", np.concatenate([quiet, sound(2, 4.0)]), RATE)
    soundfile.write(folder / "a_epoch_2_0.wav", sound(3, 4.0), RATE)
    ingest(catalog, [folder], serial)
    judging.rate(catalog, ["1"], 4)
    judging.tag(catalog, ["1"], add=["riff"])
    start = show_clip(catalog, "1").clip.start
    with with_trim(catalog, "top_db = 20.0") as other:
        report = ingest(other, [folder], serial)
        assert counts(report) == {"reanalysed": 2}
        assert report.scoring is not None
        assert (report.scoring.clips, report.scoring.live) == (1, 2)
        found = show_clip(other, "1").clip
        assert found.start is not None
        assert start is not None
        assert found.start > start + 0.9
        assert (found.rating, found.tags) == (4, ("riff",))
        with other.reading() as connection:
            assert scores.coverage(connection, 1).complete
        assert counts(ingest(other, [folder], serial)) == {"unchanged": 2}


def test_a_dry_run_reports_what_the_real_run_does(
    catalog: Catalog, six_clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    (six_clips / "death_epoch_10_0.wav").rename(six_clips / "moved.wav")
    (six_clips / "death_epoch_10_1.wav").unlink()
    shutil.copy(six_clips / "death_epoch_20_0.wav", six_clips / "copy.wav")
    write_clip(six_clips / "new.wav", 71)
    shutil.copy(six_clips / "new.wav", six_clips / "new2.wav")
    write_clip(six_clips / "death_epoch_30_0.wav", 72)
    before = dump(catalog, times=False)
    dry = ingest(catalog, [six_clips], replace(serial, dry_run=True))
    assert dump(catalog, times=False) == before
    assert dry.batch is None
    real = ingest(catalog, [six_clips], serial)
    assert counts(dry) == counts(real)
    assert counts(real) == {"added": 2, "copies": 2, "moved": 1, "missing": 1, "unchanged": 3}


@pytest.mark.usefixtures("settled")
def test_the_slower_of_two_concurrent_analyses_changes_nothing(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)

    def overtaken(stage: str, done: int, _total: int) -> None:
        if stage == "analysing" and done == 6:
            with Catalog.open(catalog.file) as faster:
                assert ingest(faster, [six_clips], serial).reanalysed == 6

    with with_trim(catalog, "top_db = 30.0") as slower:
        before = dump(slower)
        report = ingest(slower, [six_clips], serial, overtaken)
        assert counts(report) == {"unchanged": 6}
        assert [row.reanalysed for row in batches(slower)] == [0, 6]
        changed = ("batch", "clip", "location", "safeguard")  # the locations have the time of the last look
        assert dump(slower, without=changed) == {
            name: rows for name, rows in before.items() if name not in changed
        }


def test_an_interrupted_ingest_keeps_what_was_committed_and_the_next_one_continues(
    catalog: Catalog, six_clips: Path, serial: IngestOptions, tmp_path: Path
) -> None:
    catalog.file.write_text("[ingest]\ngroup = 1\n")

    def stop(stage: str, done: int, _total: int) -> None:
        if stage == "analysing" and done == 4:
            raise KeyboardInterrupt

    with Catalog.open(catalog.file) as small:
        with pytest.raises(KeyboardInterrupt):
            ingest(small, [six_clips], serial, stop)
        assert 1 <= len(list_clips(small)) < 6
        assert batches(small)[0].finished_at is None
        ingest(small, [six_clips], serial)
        with Catalog.create(tmp_path / "whole") as whole:
            ingest(whole, [six_clips], serial)
            ignore = ("batch", "location", "recording", "safeguard")
            assert dump(small, without=ignore) == dump(whole, without=ignore)


def test_unusable_files_that_an_interrupted_ingest_found_are_reported_by_the_next_one(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    catalog.file.write_text("[ingest]\ngroup = 1\n")
    (six_clips / "0.wav").write_bytes(b"no sound")
    (six_clips / "z.wav").write_bytes(b"no sound, either")

    def stop(stage: str, done: int, _total: int) -> None:
        if stage == "analysing" and done == 4:
            raise KeyboardInterrupt

    def failed(report: IngestReport) -> list[str]:
        return [os.path.basename(failure.path) for failure in report.failures]

    with Catalog.open(catalog.file) as small:
        with pytest.raises(KeyboardInterrupt):
            ingest(small, [six_clips], serial, stop)
        assert sorted(failed(ingest(small, [six_clips], serial))) == ["0.wav", "z.wav"]
        assert failed(ingest(small, [six_clips], serial)) == []
        assert [row.failed for row in batches(small)] == [0, 2]


def test_a_batch_counts_the_files_that_the_ingest_reports(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    """A file that can't be opened is one of them."""
    (six_clips / "dead.wav").symlink_to("nowhere.wav")
    report = ingest(catalog, [six_clips], serial)
    (row,) = batches(catalog)
    assert (row.files, row.added, row.failed) == (report.files, report.added, 1) == (7, 6, 1)


def test_unusable_files_are_reported_again_if_scoring_was_interrupted(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    (six_clips / "0.wav").write_bytes(b"no sound")

    def stop(stage: str, _done: int, _total: int) -> None:
        if stage.startswith("scoring"):
            raise KeyboardInterrupt

    def failures(options: IngestOptions = serial) -> int:
        return len(ingest(catalog, [six_clips], options).failures)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            ingest(catalog, [six_clips], serial, stop)
    assert [failures(), failures()] == [1, 0]
    (six_clips / "1.wav").write_bytes(b"no sound, either")
    assert [failures(replace(serial, score=False)), failures()] == [1, 0]


@pytest.mark.long
def test_after_a_kill_the_next_ingest_completes(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "clips"
    for index in range(24):
        write_clip(folder / f"a_epoch_{index}_0.wav", index, 3.0)
    catalog.file.write_text("[ingest]\ngroup = 2\n")
    code = (
        "import os, signal, sys\n"
        "from thresher import Catalog, IngestOptions, ingest\n"
        "def kill(stage, done, total):\n"
        "    if stage == 'analysing' and done == 9:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    ingest(catalog, [sys.argv[2]], IngestOptions(executor='serial'), kill)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(for_processes(catalog)), str(folder)], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Catalog.open(catalog.file) as after:
        assert 2 <= len(list_clips(after)) <= 9
        ingest(after, [folder], serial)
        assert len(list_clips(after)) == 24
        with after.reading() as connection:
            assert catalog.is_shared or connection.scalar(text("PRAGMA integrity_check")) == "ok"
            assert scores.coverage(connection, 1).rows == 24


@pytest.mark.long
def test_two_concurrent_ingests_add_each_file_once(catalog: Catalog, tmp_path: Path, write_clip: Any) -> None:
    folder = tmp_path / "clips"
    for index in range(16):
        write_clip(folder / f"a_epoch_{index}_0.wav", index, 3.0)
    shutil.copy(folder / "a_epoch_3_0.wav", folder / "b_epoch_3_0.wav")
    command = [*COMMAND, "--catalog", str(for_processes(catalog)), "ingest", str(folder), "--jobs", "1"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    with catalog.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM recording")) == 16
        assert connection.scalar(text("SELECT count(*) FROM location WHERE missing_since IS NULL")) == 17
        proof = scores.coverage(connection, 1)
    assert (proof.live, proof.complete) == (16, True)


def test_new_recordings_are_split_if_the_options_say_so(
    catalog: Catalog, tmp_path: Path, sound: Any, write_clip: Any
) -> None:
    write_clip(tmp_path / "in/one.wav", 5)
    y = np.concatenate([sound(1, 3.0), np.zeros((RATE, 1), np.float32), sound(2, 3.0)])
    soundfile.write(tmp_path / "in/long.wav", y, RATE)
    report = ingest(catalog, [tmp_path / "in"], IngestOptions(executor="serial", split=True))
    assert (report.added, report.split, report.parts, report.scores[0].clips) == (2, 1, 2, 4)
    assert [(row.id, row.kind) for row in list_clips(catalog, "")] == [(2, "part"), (3, "part"), (4, "whole")]
    (row,) = batches(catalog)
    assert (row.added, row.parts, row.options) == (2, 2, {"split": True})
    again = ingest(catalog, [tmp_path / "in"], IngestOptions(executor="serial", split=False))
    assert (again.parts, again.unchanged) == (0, 2)
    assert len(list_clips(catalog, "")) == 3
