"""Where recordings were seen: moves, copies, swaps, corrections – and the checkpoint that follows from them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select

from tests.support import RATE, MakeCatalog
from thresher.catalog import attribution, locations
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import vacated_locations
from thresher.catalog.locations import Arrival, Sighting
from thresher.catalog.provenance import Provenance
from thresher.catalog.recordings import Content, WholeClip
from thresher.catalog.schema import attribute, batch, checkpoint, clip, location, recording
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import UsageError


def content(status: str = "ok") -> Content:
    whole = WholeClip(0, 10, "{}", None, None, None, None, None)
    return Content(status, None, "WAV", "PCM_16", RATE, 1, 10, None, whole)


def places(catalog: Catalog) -> dict[str, tuple[int | None, bool]]:
    """Path → (recording, missing) of each location; a path that was left may be there twice."""
    with catalog.reading() as connection:
        rows = connection.execute(select(location).order_by(location.c.id)).all()
    return {
        f"{row.path_text}{' (left)' if row.missing_since else ''}": (
            row.recording_id,
            row.missing_since is not None,
        )
        for row in rows
    }


def present(catalog: Catalog) -> dict[str, int | None]:
    return {path: seen for path, (seen, missing) in places(catalog).items() if not missing}


def pairs(catalog: Catalog) -> int:
    with catalog.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(location)) or 0)


# -- the checkpoint of a recording -------------------------------------------------------------------------


class Shelf:
    """Three contents and four paths, arriving, leaving and being corrected in any order."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        with catalog.writing() as connection:
            self.batch = int(
                connection.execute(
                    batch.insert().values(started_at=0.0, paths="[]", options="{}").returning(batch.c.id)
                ).scalar_one()
            )
            self.known = []
            for number in range(3):
                values = {"sha256": f"{number:064x}", "batch_id": self.batch, "role": "generated"}
                found = connection.scalar(
                    insert(recording).values({**values, **content().columns()}).returning(recording.c.id)
                )
                assert found is not None
                self.known.append(found)
                whole = {"recording_id": found, "kind": "whole", "ordinal": 0}
                connection.execute(insert(clip).values({**whole, **content().whole.columns()}))

    def arrive(self, which: int, path: int, epoch: int | None) -> None:
        stored = self.catalog.stored(self.catalog.root / f"{path}.wav")
        said = Provenance(None, epoch)
        sighting = Sighting(stored, 1, 1, said, Provenance(), None, "folder" if epoch == 0 else None)
        vacated = vacated_locations(self.catalog, {stored.path: f"{which:064x}"})
        with self.catalog.writing() as connection:
            locations.arrive(
                connection,
                self.known[which],
                sighting,
                vacated=vacated,
                new_batch=lambda: self.batch,
                now=1.0,
            )

    def leave(self, path: int) -> None:
        with self.catalog.writing() as connection:
            locations.mark_path_missing(connection, f"{path}.wav".encode(), 2.0)

    def correct(self, path: int, epoch: int) -> None:
        with self.catalog.writing() as connection:
            found = connection.scalars(select(location.c.id).where(location.c.path == f"{path}.wav".encode()))
            attribution.correct(connection, found.all(), Provenance(epoch=epoch), None)

    def assert_rule(self) -> None:
        """A recording's checkpoint is that of its earliest location that names one."""
        with self.catalog.reading() as connection:
            for row in connection.execute(select(recording)).all():
                named = connection.scalars(
                    select(location.c.checkpoint_id)
                    .where(location.c.recording_id == row.id, location.c.checkpoint_id.is_not(None))
                    .order_by(location.c.id)
                ).all()
                assert row.checkpoint_id == (named[0] if named else None)
            seen = connection.scalars(select(location.c.path).where(location.c.missing_since.is_(None))).all()
            assert len(seen) == len(set(seen))


EPOCHS = st.one_of(st.none(), st.integers(0, 3))
STEPS = st.one_of(
    st.tuples(st.just("arrive"), st.integers(0, 2), st.integers(0, 3), EPOCHS),
    st.tuples(st.just("leave"), st.integers(0, 3)),
    st.tuples(st.just("correct"), st.integers(0, 3), st.integers(4, 5)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
def test_the_checkpoint_is_the_earliest_locations(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, steps: list[tuple[Any, ...]]
) -> None:
    with new_catalog(tmp_path_factory.mktemp("shelf")) as catalog:
        shelf = Shelf(catalog)
        for verb, *arguments in steps:
            getattr(shelf, verb)(*arguments)
            shelf.assert_rule()


def test_a_checkpoint_is_found_again_whatever_it_lacks(catalog: Catalog) -> None:
    named = [
        ("a", 1, 2),
        ("a", 1, None),
        ("a", None, None),
        (None, 1, None),
        (None, None, 2),
        (None, 0, None),
    ]
    with catalog.writing() as connection:
        made = [attribution.checkpoint_id(connection, *names) for names in named]
        assert [attribution.checkpoint_id(connection, *names) for names in named] == made
        assert len(set(made)) == len(named)
        assert attribution.checkpoint_id(connection, None, None, None) is None
        assert attribution.checkpoint_id(connection, "", 1, None) == made[3]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        (" 2.5 ", 2.5),
        ("1e3", 1000.0),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("x", None),
        ("17_19_52", None),
    ],
)
def test_numbers_in_text(text: str, number: float | None) -> None:
    assert attribution.as_number(text) == number


def test_a_pinned_attribute_gives_way_only_to_another_pin(catalog: Catalog) -> None:
    shelf = Shelf(catalog)
    shelf.arrive(0, 0, 1)
    with catalog.writing() as connection:
        for text, pinned in (("1", False), ("2", True), ("3", False)):
            attribution.set_attributes(connection, 1, {"temperature": text}, pinned=pinned)
        found = connection.execute(select(attribute.c.text, attribute.c.number, attribute.c.pinned)).one()
        assert tuple(found) == ("2", 2.0, True)
        attribution.set_attributes(connection, 1, {"temperature": "4"}, pinned=True)
        assert connection.scalar(select(attribute.c.text)) == "4"


# -- moves, copies, swaps ----------------------------------------------------------------------------------


@pytest.fixture
def clips(tmp_path: Path, write_clip: Any) -> Path:
    """Three clips of three epochs: recordings 1, 2 and 3."""
    for epoch in (1, 2, 3):
        write_clip(tmp_path / "c" / f"r_epoch_{epoch}_0.wav", epoch, 0.4)
    return tmp_path / "c"


def test_swapped_files_are_two_moves_and_nothing_more(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    first, second, spare = clips / "r_epoch_1_0.wav", clips / "r_epoch_2_0.wav", clips / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    report = ingest(catalog, [clips], serial)
    assert (report.moved, report.added, report.copies, report.missing) == (2, 0, 0, 0)
    assert places(catalog) == {
        "c/r_epoch_1_0.wav": (2, False),
        "c/r_epoch_2_0.wav": (1, False),
        "c/r_epoch_3_0.wav": (3, False),
    }
    assert [row.epoch for row in list_clips(catalog)] == [2, 1, 3]


@pytest.mark.parametrize("shift", [1, -1])
def test_renumbered_files_are_moves(catalog: Catalog, clips: Path, serial: IngestOptions, shift: int) -> None:
    ingest(catalog, [clips], serial)
    for epoch in (3, 2, 1) if shift > 0 else (1, 2, 3):
        (clips / f"r_epoch_{epoch}_0.wav").rename(clips / f"r_epoch_{epoch + shift}_0.wav")
    report = ingest(catalog, [clips], serial)
    assert (report.moved, report.added, report.copies, report.missing) == (3, 0, 0, 0)
    assert places(catalog) == {f"c/r_epoch_{epoch + shift}_0.wav": (epoch, False) for epoch in (1, 2, 3)}


def test_the_name_of_a_move_stands_where_it_says_anything(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], replace(serial, attributes={"mood": "grim"}))
    (clips / "r_epoch_1_0.wav").rename(clips / "epoch_7.wav")
    assert ingest(catalog, [clips], serial).moved == 1
    (place,) = show_clip(catalog, "1").locations
    assert (place.run, place.epoch, place.step) == ("r", 7, None)
    assert place.attributes == {"index": "0", "mood": "grim"}


def test_a_copy_stays_where_the_original_goes(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    shutil.copy2(clips / "r_epoch_1_0.wav", clips / "z.wav")
    ingest(catalog, [clips], serial)
    (clips / "r_epoch_1_0.wav").unlink()
    assert ingest(catalog, [clips], serial).missing == 1
    found = show_clip(catalog, "1")
    assert (found.clip.path, found.clip.missing, found.clip.epoch) == ("c/z.wav", False, 1)


def test_a_touched_original_and_a_new_copy_are_what_they_are(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    shutil.copy(clips / "r_epoch_3_0.wav", clips / "a.wav")
    os.utime(clips / "r_epoch_3_0.wav", (5, 5))
    report = ingest(catalog, [clips], serial)
    assert (report.copies, report.moved, report.unchanged) == (1, 0, 3)
    assert present(catalog)["c/r_epoch_3_0.wav"] == present(catalog)["c/a.wav"] == 3


def test_a_folder_of_copies_moves_name_by_name(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    for name, epoch in (("b.wav", 2), ("a.wav", 1)):
        path = write_clip(tmp_path / "c" / name, 1, 0.4)
        ingest(catalog, [path], replace(serial, epoch=epoch))
    (tmp_path / "c").rename(tmp_path / "d")
    assert ingest(catalog, [tmp_path / "d"], serial).moved == 2
    epochs = {place.path: place.epoch for place in show_clip(catalog, "1").locations}
    assert epochs == {"d/b.wav": 2, "d/a.wav": 1}


def test_of_two_places_left_the_one_of_this_path_is_found_again(
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
    assert ingest(catalog, [folder], serial).moved == 1
    found = [(place.path, place.epoch) for place in show_clip(catalog, "1").locations]
    assert found == [("c/z.wav", 26), ("c/a.wav", 1)]


def test_silence_of_another_name_is_another_file(
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
    assert ingest(catalog, [folder], serial).moved == 1
    forget(catalog, str(folder / "epoch_3_0.wav"))
    folder.rename(tmp_path / "d")
    assert ingest(catalog, [tmp_path / "d"], serial).moved == 2
    assert sum(row.files for row in checkpoints(catalog)) == 3


def test_a_file_comes_back_to_a_place_that_another_had(
    catalog: Catalog, clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = clips / "r_epoch_1_0.wav"
    first = path.read_bytes()
    ingest(catalog, [clips], serial)
    write_clip(path, 99, 0.4)
    ingest(catalog, [clips], serial)
    path.write_bytes(first)
    report = ingest(catalog, [clips], serial)
    assert (report.added, report.moved) == (0, 1)
    assert present(catalog)["c/r_epoch_1_0.wav"] == 1
    assert [row.missing for row in list_clips(catalog)] == [False, False, False, True]
    assert pairs(catalog) == 4


def test_a_file_then_its_folder_then_both(catalog: Catalog, clips: Path, serial: IngestOptions) -> None:
    assert ingest(catalog, [clips / "r_epoch_2_0.wav"], serial).added == 1
    assert ingest(catalog, [clips], serial).added == 2
    report = ingest(catalog, [clips, clips / "r_epoch_2_0.wav", clips.parent], serial)
    assert (report.unchanged, report.batch) == (3, None)
    assert present(catalog)["c/r_epoch_2_0.wav"] == 1


# -- what was said of a file stays -------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["touch", "trim", "return"])
def test_what_a_command_stated_outlives_a_second_look(
    catalog: Catalog, clips: Path, serial: IngestOptions, again: str
) -> None:
    """The name is the one that the flags were put over: seen again, it says nothing new."""
    ingest(catalog, [clips], replace(serial, epoch=77, attributes={"index": "9"}))
    if again == "touch":
        for path in clips.iterdir():
            os.utime(path, (5, 5))
    elif again == "trim":
        catalog.file.write_text("[trim]\ntop_db = 30.0\n")
    else:
        clips.rename(clips.parent / "away")
        clips.mkdir()
        assert ingest(catalog, [clips], serial).missing == 3
        clips.rmdir()
        (clips.parent / "away").rename(clips)
    with Catalog.open(catalog.file) as other:
        ingest(other, [clips], serial)
        assert {(row.run, row.epoch) for row in list_clips(other)} == {("r", 77)}
        assert show_clip(other, "1").locations[0].attributes == {"index": "9"}
        ingest(other, [clips], replace(serial, epoch=78))
        assert {row.epoch for row in list_clips(other)} == {78}


def test_a_sidecar_that_came_later_fills_what_was_not_known(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    (clips / "r_epoch_1_0.wav.json").write_text('{"temperature": 0.9, "step": 5, "index": 4, "epoch": 8}')
    os.utime(clips / "r_epoch_1_0.wav", (5, 5))
    ingest(catalog, [clips], serial)
    (place,) = show_clip(catalog, "1").locations
    assert (place.epoch, place.step) == (1, 5)
    assert place.attributes == {"index": "0", "temperature": "0.9"}


def test_flags_that_change_nothing_are_cheap_and_make_no_batch(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    flags = replace(serial, epoch=5, attributes={"mood": "grim"}, score=False)
    ingest(catalog, [clips], flags)
    judging.modify(catalog, ["1"], {"mood": "glad"})
    said: list[str] = []
    event.listen(catalog._engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    assert ingest(catalog, [clips], flags).batch is None
    assert not [statement for statement in said if statement.startswith(("INSERT", "UPDATE"))]
    assert [row.id for row in list_clips(catalog, "mood:glad")] == [1]
    assert ingest(catalog, [clips], replace(flags, epoch=6)).batch == 2
    assert {row.epoch for row in list_clips(catalog)} == {6}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epoch": -1}, "epoch -1 is out of range"),
        ({"step": 2**63}, "step 9223372036854775808 is out of range"),
        ({"attributes": {"Temperature": "1"}}, '"Temperature"'),
        ({"attributes": {"rating": "1"}}, '"rating" is a query field'),
        ({"attributes": {"mood": "\udcff"}}, r"mood \"\\xff\" is not UTF-8"),
        ({"run": "\udcff"}, r"run \"\\xff\" is not UTF-8"),
        ({"role": "dog"}, r'unknown role "dog" \(expected generated or reference\)'),
    ],
)
def test_what_cannot_be_stated(
    catalog: Catalog, clips: Path, serial: IngestOptions, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        ingest(catalog, [clips], replace(serial, **options))
    assert batches(catalog) == []


# -- files that can't be opened ----------------------------------------------------------------------------


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A context in which files whose names hold some bytes can't be opened, by root neither."""
    real = os.open

    def refuse(part: bytes) -> None:
        def opened(path: Any, *arguments: Any, **keywords: Any) -> int:
            if part in os.path.basename(os.fsencode(path)):
                raise PermissionError(13, "Permission denied")
            return real(path, *arguments, **keywords)

        monkeypatch.setattr(os, "open", opened)

    yield refuse
    monkeypatch.undo()


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


def test_a_file_that_could_not_be_opened_can_be_later(
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


def test_a_known_file_moves_to_a_place_that_could_not_be_opened(
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


def test_a_changed_file_that_cannot_be_opened_stays_known(
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


def test_arrivals(catalog: Catalog) -> None:
    shelf = Shelf(catalog)
    path = catalog.root / "0.wav"
    path.write_bytes(b"")
    state = path.stat()
    sighting = Sighting(
        catalog.stored(path), state.st_size, state.st_mtime_ns, Provenance(), Provenance(), None, "f"
    )

    def arrive(which: int, seen: Sighting) -> Arrival:
        vacated = vacated_locations(catalog, {seen.stored.path: f"{which:064x}"})
        with catalog.writing() as connection:
            return locations.arrive(
                connection,
                shelf.known[which],
                seen,
                vacated=vacated,
                new_batch=lambda: shelf.batch,
                now=1.0,
            )

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
