"""Locations: moved, copied, restored and unreadable files."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import func, insert, select, update

from tests.catalog.shelf import Shelf, pairs, places, present
from tests.support import RATE, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import vacated_locations
from thresher.catalog.database.schema import checkpoint, location, recording
from thresher.catalog.files.paths import Place
from thresher.catalog.files.stamps import Stamp, stamp_of
from thresher.catalog.provenance.provenance import Provenance
from thresher.catalog.recordings import locations
from thresher.catalog.recordings.locations import Arrival, Sighting
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_a_moved_file_takes_the_checkpoint_that_its_new_name_states(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], replace(serial, attributes={"mood": "grim"}))
    (clips / "r_epoch_1_0.wav").rename(clips / "epoch_7.wav")
    assert ingest(catalog, [clips], serial).moved == 1
    (place,) = show_clip(catalog, "1").locations
    assert (place.run, place.epoch, place.step) == ("r", 7, None)
    assert place.attributes == {"index": "0", "mood": "grim"}


def test_a_copy_keeps_its_recording_present_after_the_original_is_removed(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    shutil.copy2(clips / "r_epoch_1_0.wav", clips / "z.wav")
    ingest(catalog, [clips], serial)
    (clips / "r_epoch_1_0.wav").unlink()
    assert ingest(catalog, [clips], serial).missing == 1
    found = show_clip(catalog, "1")
    assert (found.clip.path, found.clip.missing, found.clip.epoch) == ("c/z.wav", False, 1)


def test_copies_in_a_moved_folder_are_matched_by_file_name(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    for name, epoch in (("b.wav", 2), ("a.wav", 1)):
        path = write_clip(tmp_path / "c" / name, 1, 0.4)
        ingest(catalog, [path], replace(serial, epoch=epoch))
    (tmp_path / "c").rename(tmp_path / "d")
    assert ingest(catalog, [tmp_path / "d"], serial).moved == 2
    epochs = {place.path: place.epoch for place in show_clip(catalog, "1").locations}
    assert epochs == {"d/b.wav": 2, "d/a.wav": 1}


def test_a_restored_file_is_matched_to_the_missing_location_with_its_path(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    folder = tmp_path / "c"
    path = write_clip(folder / "z.wav", 1, 0.4)
    ingest(catalog, [folder], replace(serial, epoch=26))
    shutil.copy(path, folder / "a.wav")
    ingest(catalog, [folder / "a.wav"], replace(serial, epoch=1))
    kept = path.read_bytes()
    for each in (path, folder / "a.wav"):
        each.unlink()
    assert ingest(catalog, [folder], serial).missing == 2
    (folder / "a.wav").write_bytes(kept)
    assert ingest(catalog, [folder], serial).returned == 1
    found = [(place.path, place.epoch) for place in show_clip(catalog, "1").locations]
    assert found == [("c/z.wav", 26), ("c/a.wav", 1)]


def test_silence_under_another_name_is_a_copy_and_not_a_move(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    folder = tmp_path / "c"
    folder.mkdir()

    def silence(epoch: int) -> Path:
        path = folder / f"r_epoch_{epoch}_0.wav"
        soundfile.write(path, np.zeros(RATE, np.int16), RATE)
        return path

    for epoch in (1, 2):
        silence(epoch)
    ingest(catalog, [folder], serial)
    (folder / "r_epoch_1_0.wav").unlink()
    silence(3)
    report = ingest(catalog, [folder], serial)
    assert (report.copies, report.moved, report.missing) == (1, 0, 1)
    assert [(row.epoch, row.files, row.missing) for row in checkpoints(catalog)] == [
        (1, 1, 1),
        (2, 1, 0),
        (3, 1, 0),
    ]
    silence(3).rename(folder / "epoch_3_0.wav")  # another name, though the old one ends like it
    assert ingest(catalog, [folder], serial).copies == 1
    (folder / "epoch_3_0.wav").rename(folder / "r_epoch_3_0.wav")
    assert ingest(catalog, [folder], serial).returned == 1
    forget(catalog, str(folder / "epoch_3_0.wav"))
    folder.rename(tmp_path / "d")
    assert ingest(catalog, [tmp_path / "d"], serial).moved == 2
    assert sum(row.files for row in checkpoints(catalog)) == 3


def test_a_file_given_alone_and_in_its_folder_has_one_location(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    assert ingest(catalog, [clips / "r_epoch_2_0.wav"], serial).added == 1
    assert ingest(catalog, [clips], serial).added == 2
    report = ingest(catalog, [clips, clips / "r_epoch_2_0.wav", clips.parent], serial)
    assert (report.unchanged, report.batch) == (3, None)
    assert present(catalog)["c/r_epoch_2_0.wav"] == 1


def test_a_file_that_cannot_be_opened_counts_under_its_checkpoint_and_is_reported_once(
    catalog: Catalog, clips: Path, serial: IngestOptions, refusing: Any
) -> None:
    refusing(b"epoch_2")
    first = ingest(catalog, [clips], serial)
    assert ([failure.reason for failure in first.failures], first.added) == (["Permission denied"], 2)
    again = ingest(catalog, [clips], serial)
    assert (again.failures, again.batch) == ((), None)
    assert [(row.epoch, row.files, dict(row.statuses)) for row in checkpoints(catalog)] == [
        (1, 1, {"too_short": 1.0}),
        (2, 1, {"unreadable": 1.0}),
        (3, 1, {"too_short": 1.0}),
    ]


def test_a_file_that_could_not_be_opened_is_added_once_it_can_be(
    catalog: Catalog, clips: Path, serial: IngestOptions, refusing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(b"epoch_2")
    ingest(catalog, [clips], replace(serial, epoch=7))
    monkeypatch.undo()
    assert ingest(catalog, [clips], serial).added == 1
    assert present(catalog)["c/r_epoch_2_0.wav"] == 3
    assert show_clip(catalog, "c/r_epoch_2_0.wav").clip.epoch == 7
    with catalog.reading() as connection:
        assert connection.scalars(select(location.c.reason)).all() == [None] * 3


def test_a_known_file_can_move_to_a_path_that_could_not_be_opened(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions, refusing: Any, monkeypatch: Any
) -> None:
    ingest(catalog, [clips], serial)
    judging.modify(catalog, ["1"], {"mood": "grim"})
    write_clip(clips / "locked.wav", 9, 0.4)
    refusing(b"locked")
    ingest(catalog, [clips], serial)
    monkeypatch.undo()
    (clips / "r_epoch_1_0.wav").rename(clips / "locked.wav")
    assert ingest(catalog, [clips], serial).moved == 1
    assert present(catalog)["c/locked.wav"] == 1
    assert pairs(catalog) == 3
    shutil.copy(clips / "locked.wav", clips / "locked2.wav")
    refusing(b"locked2")
    ingest(catalog, [clips], serial)
    monkeypatch.undo()
    assert ingest(catalog, [clips], serial).copies == 1
    assert [place.attributes.get("mood") for place in show_clip(catalog, "1").locations] == ["grim", "grim"]


def test_a_changed_file_that_cannot_be_opened_keeps_its_recording(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions, refusing: Any, monkeypatch: Any
) -> None:
    ingest(catalog, [clips], serial)
    write_clip(clips / "r_epoch_2_0.wav", 55, 0.4)
    refusing(b"epoch_2")
    report = ingest(catalog, [clips], serial)
    assert ([failure.reason for failure in report.failures], report.missing) == (["Permission denied"], 0)
    assert present(catalog)["c/r_epoch_2_0.wav"] == 2
    monkeypatch.undo()
    assert ingest(catalog, [clips], serial).added == 1
    assert present(catalog)["c/r_epoch_2_0.wav"] == 4


def test_arrive_tells_copies_moves_and_unchanged_files_apart(catalog: Catalog) -> None:
    shelf = Shelf(catalog)
    path = catalog.root / "0.wav"
    path.write_bytes(b"")
    stamp = stamp_of(path.stat())
    sighting = Sighting(catalog.stored(path), stamp, Provenance(), Provenance(), None, "f")

    def arrive(which: int, seen: Sighting) -> Arrival:
        sha256 = f"{which:064x}"
        vacated = vacated_locations(catalog, {seen.stored.place: sha256})
        with writing(catalog) as connection:
            return locations.arrive(
                connection,
                shelf.known[which],
                replace(seen, sha256=sha256, looked_at=4e9),
                vacated=vacated,
                new_batch=lambda: shelf.batch,
                now=1.0,
            ).arrival

    assert arrive(0, sighting) is Arrival.COPY
    assert arrive(0, sighting) is Arrival.UNCHANGED
    elsewhere = replace(sighting, stored=catalog.stored(catalog.root / "1.wav"))
    assert arrive(0, elsewhere) is Arrival.COPY
    assert arrive(1, elsewhere) is Arrival.COPY
    path.unlink()
    assert arrive(0, replace(sighting, stored=catalog.stored(catalog.root / "2.wav"))) is Arrival.MOVED
    assert places(catalog) == {"2.wav": (1, False), "1.wav (left)": (1, True), "1.wav": (2, False)}
    with catalog.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(checkpoint)) == 1


@pytest.mark.parametrize("status", ["ok", "silent"])
@pytest.mark.parametrize(
    ("left", "seen", "expected"),
    [
        (["c/a.wav", "c/b.wav"], "c/b.wav", "c/b.wav"),
        (["c/b.wav/x.wav", "c/B.wav", "d/b.wav", "c/b.wav"], "e/b.wav", "d/b.wav"),
        (["c/xb.wav", "b.wav", "c/b.wav"], "e/b.wav", "b.wav"),
        (["c/xb.wav", "c/b%wav"], "b%wav", "c/b%wav"),
        (["c/\xe9.wav", "c/\udcff.wav"], "\udcff.wav", "c/\udcff.wav"),
    ],
)
def test_of_several_lost_files_that_of_the_path_has_moved_else_of_the_name_else_the_earliest(
    catalog: Catalog, status: str, left: list[str], seen: str, expected: str
) -> None:
    shelf = Shelf(catalog)
    lost = [catalog.stored(catalog.root / each) for each in left]
    stored = catalog.stored(catalog.root / seen)
    sighting = Sighting(stored, Stamp(1, 1, 1, 1), Provenance(), Provenance(), None, sha256="0" * 64)
    state = {"size": 1, "mtime_ns": 1, "missing_since": 1.0}
    with writing(catalog) as connection:
        connection.execute(update(recording).values(status=status))
        for each in lost:
            row = {"recording_id": shelf.known[0], "batch_id": shelf.batch, **each._asdict(), **state}
            connection.execute(insert(location).values(row))
        done = locations.arrive(
            connection, shelf.known[0], sighting, vacated=(), new_batch=lambda: shelf.batch, now=1.0
        )
        at = connection.scalars(select(location.c.path).where(location.c.missing_since.is_not(None)))
        gone = {each.path for each in lost} - set(at)
    arrival = Arrival.RETURNED if expected == seen else Arrival.MOVED
    assert (done.arrival, gone) == (arrival, {os.fsencode(expected)})


@pytest.mark.usefixtures("settled")
def test_an_arrival_reads_few_of_the_many_files_of_one_content(
    catalog: Catalog, clips: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(catalog, [clips], serial)
    copied = sorted(clips.iterdir())[0]
    for number in range(50):
        shutil.copy(copied, clips / f"copy_{number}.wav")
    ingest(catalog, [clips], serial)
    shutil.copy(copied, clips / "another.wav")
    read = []

    def place_of(row: Any) -> Place:
        read.append(row)
        return Place(row.root, row.path)

    monkeypatch.setattr(locations, "place_of", place_of)
    assert ingest(catalog, [clips], serial).copies == 1
    assert len(read) < 10
