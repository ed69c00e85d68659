"""Texts that differ only in their form of Unicode are equal: in names, tags, queries, playlists and songs."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from sqlalchemy import insert

from tests.support import MakeCatalog, WriteClip, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import checkpoint
from thresher.catalog.provenance.provenance import Provenance, compile_pattern, infer
from thresher.catalog.recordings.attribution import checkpoint_id
from thresher.catalog.text.normal_form import forms_of, nfc
from thresher.curation.checkpoints.verdicts import judge_checkpoint
from thresher.curation.clips.decisions import modify, tag
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import clip_paths, list_clips
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.clip_list import read_sequence
from thresher.curation.songs.songs import get_song, rename_song, save_song


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.fixture(scope="module")
def shelf(
    tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip, new_catalog: MakeCatalog
) -> Catalog:
    """Four clips: a decomposed name, a composed one in a decomposed folder, one with ß, one of plain letters."""
    folder = tmp_path_factory.mktemp("shelf")
    catalog = new_catalog(folder)
    names = (nfd("a/Übung café.wav"), nfd("Læse-Ü/") + nfc("Ärger.wav"), "a/Straße.wav", "a/ubung cafe.wav")
    for seed, name in enumerate(names):
        path = write_clip(folder / name, seed, 0.3)
        ingest(catalog, [path], IngestOptions(executor="serial", score=False))
    tag(catalog, "1", add=[nfd("café"), "Żółw"])
    return catalog


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Übung", [1]),
        ("übung", [1]),
        (nfd("ÜBUNG"), [1]),
        ("café", [1]),
        ("CAFÉ", [1]),
        ("cafe", [4]),
        ("ubung", [4]),
        ("path::bung caf", [1, 4]),
        (["path::Übung"], [1]),
        ([nfd("path::[ÜÖ]bung")], [1]),
        ("strasse", [3]),
        ("STRASSE", [3]),
        ("straße", [3]),
        ("ärger", [2]),
        (["path:=a/Übung café.wav"], [1]),
        ("path:Læse-Ü", [2]),
        (nfd("path:Læse-Ü/"), [2]),
        ("run:Læse-Ü", [2]),
        ("run:=Læse-Ü", [2]),
        ("tag:café", [1]),
        (nfd("tag:café"), [1]),
        ("tag:żółw", []),
        ("tag::żółw", []),
        (nfd("tag::Żółw"), [1]),
        ("tag:cafe", []),
    ],
)
def test_queries(shelf: Catalog, query: str | list[str], ids: list[int]) -> None:
    assert [row.id for row in list_clips(shelf, query)] == ids


def test_the_bytes_of_a_path_are_kept(shelf: Catalog) -> None:
    paths = clip_paths(shelf, ["1"])
    assert paths == [os.fsencode(shelf.root / nfd("a/Übung café.wav"))]
    assert show_clip(shelf, "1").locations[0].path == nfd("a/Übung café.wav")


@pytest.mark.parametrize("form", [nfc, nfd])
def test_a_path_on_the_command_line_or_in_a_playlist_is_found_in_both_forms(
    shelf: Catalog, tmp_path: Path, form: object
) -> None:
    assert callable(form)
    lines = [form(f"{shelf.root}/{name}") for name in ("a/Übung café.wav", "Læse-Ü/Ärger.wav")]
    for number, line in enumerate(lines, 1):
        assert show_clip(shelf, line).clip.id == number
    (tmp_path / "list.m3u8").write_text("\n".join(lines))
    assert read_sequence(shelf, tmp_path / "list.m3u8") == (1, 2)


def test_a_checkpoint_is_found_in_both_forms_of_its_run(shelf: Catalog) -> None:
    for form in (nfc, nfd):
        assert judge_checkpoint(shelf, form("LÆSE-Ü"), "none")[0] == nfc("Læse-Ü")


def test_a_checkpoint_of_an_earlier_version_is_used_again(catalog: Catalog) -> None:
    with writing(catalog) as connection:
        former = connection.execute(
            insert(checkpoint).values(run=nfd("Übung"), epoch=3, step=None)
        ).inserted_primary_key
        assert former is not None
        assert checkpoint_id(connection, nfc("Übung"), 3, None) == former[0]
        assert checkpoint_id(connection, nfc("Übung"), 4, None) != former[0]


def test_files_are_forgotten_in_both_forms_of_a_path(shelf: Catalog) -> None:
    for form in (nfc, nfd):
        assert forget(shelf, form(f"{shelf.root}/a/Übung café.wav"), dry_run=True).locations == 1
        assert forget(shelf, form(f"{shelf.root}/Læse-Ü"), dry_run=True).locations == 1


def test_a_tag_is_stored_once(shelf: Catalog) -> None:
    tag(shelf, "4", add=["café"])
    tag(shelf, "4", add=[nfd("café")])
    assert list_clips(shelf, "4")[0].tags == ("café",)
    tag(shelf, "4", remove=[nfd("café")])
    assert list_clips(shelf, "4")[0].tags == ()


def test_a_song_is_found_in_both_forms_of_its_name(shelf: Catalog) -> None:
    save_song(shelf, nfd("Lied für Möwe"), "id:1..")
    found = get_song(shelf, "Lied für Möwe")
    assert found is not None
    assert found.name == nfc("Lied für Möwe")
    assert get_song(shelf, nfd("Lied für Möwe")) == found
    assert [row.id for row in list_clips(shelf, ["song:Lied für Möwe"])] == [1, 2, 3, 4]
    assert rename_song(shelf, "Lied für Möwe", nfd("Lied für Möwe")).name == found.name
    assert rename_song(shelf, nfd("Lied für Möwe"), "Größe").name == "Größe"


def test_names_and_patterns_are_read_in_one_form() -> None:
    pattern = compile_pattern("mine", nfd(r"(?P<run>Übung)_ep(?P<epoch>\d+)"))
    for form in (nfc, nfd):
        path = form("/data/Übung_ep3.wav").encode()
        assert infer(path, patterns=[pattern]).provenance == Provenance(nfc("Übung"), 3)
    assert infer(nfd("/x/Übung_epoch_3.wav").encode()).provenance.run == nfc("Übung")


def test_the_name_of_a_field_is_found_in_both_forms(shelf: Catalog) -> None:
    modify(shelf, "3", {"höhe": "7"})
    for form in (nfc, nfd):
        assert [row.id for row in list_clips(shelf, [form("höhe:7")])] == [3]


def test_forms_of_a_text() -> None:
    assert forms_of("plain") == ("plain",)
    assert forms_of(nfc("é")) == (nfc("é"), nfd("é"))
    assert set(forms_of(nfd("é"))) == {nfc("é"), nfd("é")}
