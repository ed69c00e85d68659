"""The checkpoint and the attributes of a recording: which file name, sidecar, flag or correction they come from."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from tests.catalog.shelf import Shelf
from tests.support import MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import attribute
from thresher.catalog.recordings import attribution
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions

EPOCHS = st.one_of(st.none(), st.integers(0, 3))


STEPS = st.one_of(
    st.tuples(st.just("arrive"), st.integers(0, 2), st.integers(0, 3), EPOCHS),
    st.tuples(st.just("leave"), st.integers(0, 3)),
    st.tuples(st.just("correct"), st.integers(0, 3), st.integers(4, 5)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12))
@pytest.mark.long
def test_a_recording_has_the_checkpoint_of_its_earliest_location_that_names_one(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, steps: list[tuple[Any, ...]]
) -> None:
    with new_catalog(tmp_path_factory.mktemp("shelf")) as catalog:
        shelf = Shelf(catalog)
        for verb, *arguments in steps:
            getattr(shelf, verb)(*arguments)
            shelf.assert_rule()


def test_equal_checkpoints_share_a_row_even_without_run_epoch_or_step(catalog: Catalog) -> None:
    named = [
        ("a", 1, 2),
        ("a", 1, None),
        ("a", None, None),
        (None, 1, None),
        (None, None, 2),
        (None, 0, None),
    ]
    with writing(catalog) as connection:
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
def test_text_becomes_a_number_only_if_it_is_a_finite_one(text: str, number: float | None) -> None:
    assert attribution.as_number(text) == number


def test_a_pinned_attribute_is_replaced_only_by_a_pinned_one(catalog: Catalog) -> None:
    shelf = Shelf(catalog)
    shelf.arrive(0, 0, 1)
    with writing(catalog) as connection:
        for text, pinned in (("1", False), ("2", True), ("3", False)):
            attribution.set_attributes(connection, 1, {"temperature": text}, pinned=pinned)
        found = connection.execute(select(attribute.c.text, attribute.c.number, attribute.c.pinned)).one()
        assert tuple(found) == ("2", 2.0, True)
        attribution.set_attributes(connection, 1, {"temperature": "4"}, pinned=True)
        assert connection.scalar(select(attribute.c.text)) == "4"


@pytest.mark.parametrize("again", ["touch", "trim", "return"])
def test_values_from_flags_are_kept_when_a_file_is_ingested_again(
    catalog: Catalog, clips: Path, serial: IngestOptions, again: str
) -> None:
    """The flags replaced what the file name says, and the same name does not replace it back."""
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


def test_a_later_sidecar_adds_only_values_that_were_unknown(
    catalog: Catalog, clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [clips], serial)
    (clips / "r_epoch_1_0.wav.json").write_text('{"temperature": 0.9, "step": 5, "index": 4, "epoch": 8}')
    os.utime(clips / "r_epoch_1_0.wav", (5, 5))
    ingest(catalog, [clips], serial)
    (place,) = show_clip(catalog, "1").locations
    assert (place.epoch, place.step) == (1, 5)
    assert place.attributes == {"index": "0", "temperature": "0.9"}


@pytest.mark.usefixtures("settled")
def test_flags_that_change_nothing_write_nothing_and_add_no_batch(
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


def test_what_is_stored_about_locations_is_that_of_each(
    catalog: Catalog, tmp_path: Path, write_clip: Any
) -> None:
    for number, epoch in enumerate((3, 4), start=1):
        write_clip(tmp_path / f"clips/night_epoch_{epoch}_0.wav", number)
    options = IngestOptions(executor="serial", attributes={"mood": "dark"})
    ingest(catalog, [tmp_path / "clips/night_epoch_3_0.wav"], options)
    ingest(catalog, [tmp_path / "clips/night_epoch_4_0.wav"], IngestOptions(executor="serial"))
    with catalog.reading() as connection:
        found = attribution.read_provenance(connection, [1, 2, 99])
    assert {number: (each.run, each.epoch, dict(each.attributes)) for number, each in found.items()} == {
        1: ("night", 3, {"index": "0", "mood": "dark"}),
        2: ("night", 4, {"index": "0"}),
    }
