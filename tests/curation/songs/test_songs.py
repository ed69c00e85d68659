"""Saved songs: save, copy, rename, delete, list, and undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import func, select, update

from tests.curation.songs.song_clips import clips_of, edited, ids
from tests.support import RATE, WriteClip, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import song
from thresher.catalog.decisions import journal
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.decisions import undo
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import render
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.listing import songs
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.size import save_song_and_measure
from thresher.curation.songs.songs import (
    copy_song,
    delete_song,
    get_song,
    matching_clips,
    rename_song,
    save_song,
    song_history,
)
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError, QueryError, UsageError


@pytest.fixture
def catalog(seven_clips: Catalog) -> Catalog:
    """Seven clips of epochs 10 to 13 and 20 to 22, with the ids 1 to 7."""
    return seven_clips


SERIAL = IngestOptions(executor="serial")


def test_new_clips_join_a_song_and_rejected_clips_leave_it(
    write_clip: WriteClip, catalog: Catalog, clip_folder: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    assert sorted(clips_of(catalog, "S")) == [1, 2, 3, 4]
    write_clip(clip_folder / "run_epoch_11_1.wav", 77)
    ingest(catalog, [clip_folder], SERIAL)
    assert sorted(clips_of(catalog, "S")) == [1, 2, 3, 4, 8]
    judging.reject(catalog, ["2"])
    assert sorted(clips_of(catalog, "S")) == [1, 3, 4, 8]


def test_a_song_contains_no_reference_and_no_unusable_clip(catalog: Catalog, clip_folder: Path) -> None:
    soundfile.write(clip_folder / "run_epoch_15_0.wav", np.zeros(5 * RATE), RATE)
    (clip_folder / "run_epoch_16_0.wav").write_bytes(b"nothing")
    ingest(catalog, [clip_folder], SERIAL)
    judging.modify(catalog, ["2"], {"role": "reference"})
    save_song(catalog, "S", ["epoch:10.."])
    assert sorted(clips_of(catalog, "S")) == [1, 3, 4, 5, 6, 7]


def test_saving_again_changes_only_the_given_settings(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch-", "length": 60.0})
    edited = save_song(catalog, "S", None, {"clips": 2})
    assert (edited.settings.query, str(edited.settings.ordering)) == ("epoch:10..", "epoch-")
    assert (edited.settings.length, edited.settings.clips) == (60.0, 2)
    judging.undo(catalog)
    assert [row.settings.clips for row in songs(catalog)] == [None]
    judging.undo(catalog)
    assert songs(catalog) == []


def test_undo_restores_a_deleted_song_under_its_new_name(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."])
    rename_song(catalog, "S", "T")
    save_song(catalog, "S", ["epoch:11.."])
    with pytest.raises(UsageError, match="exists already"):
        rename_song(catalog, "S", "T")
    delete_song(catalog, "T")
    with pytest.raises(NotFoundError, match="song list"):
        tracklist(catalog, "T")
    judging.undo(catalog)
    assert [row.name for row in songs(catalog)] == ["S", "T"]


@pytest.mark.parametrize(
    ("terms", "changes", "error"),
    [
        (["epoch:x"], {}, QueryError),
        (["epoch:1"], {"ordering": "best"}, UsageError),
        (["epoch:1"], {"metric": "ears"}, UsageError),
        (["epoch:1"], {"length": 0.0}, UsageError),
        (["epoch:1"], {"clips": 0}, UsageError),
        (["epoch:1"], {"sample_rate": 10}, UsageError),
        (["epoch:1"], {"channels": 3}, UsageError),
        (None, {"clips": 3}, NotFoundError),
    ],
)
def test_an_invalid_query_or_setting_saves_no_song(
    catalog: Catalog, terms: list[str] | None, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        save_song(catalog, "S", terms, changes)
    with catalog.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(song)) == 0
        assert journal.history(connection) == []


@pytest.mark.parametrize(
    ("terms", "changes"),
    [
        (["song:A"], {}),
        (["song:B"], {}),
        (None, {"ordering": "ecore-"}),
        (None, {"ordering": "score@foo-"}),
        (["epoch:10..."], {}),
    ],
)
def test_a_query_or_ordering_that_names_something_unknown_changes_nothing(
    catalog: Catalog, terms: list[str] | None, changes: dict[str, object]
) -> None:
    save_song(catalog, "A", ["epoch:10.."])
    save_song(catalog, "B", ["song:A"])
    before = songs(catalog), judging.history(catalog)
    with pytest.raises(QueryError):
        save_song(catalog, "A", terms, changes)
    with pytest.raises((QueryError, NotFoundError)):
        save_song(catalog, "C", terms or ["epoch:10.."], changes or {"ordering": "nonsense+"})
    assert (songs(catalog), judging.history(catalog)) == before


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_name_that_is_empty_unprintable_or_too_long_is_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(UsageError):
        save_song(catalog, name, ["epoch:1"])


def test_a_song_that_another_song_selects_from_can_not_be_renamed_or_deleted(catalog: Catalog) -> None:
    save_song(catalog, "A", ["epoch:10.."])
    save_song(catalog, "B", ["song:A"])
    with pytest.raises(UsageError, match='song "B" selects from "A"'):
        delete_song(catalog, "A")
    with pytest.raises(UsageError, match='song "B" selects from "A"'):
        rename_song(catalog, "A", "Z")
    rename_song(catalog, "B", "Y")
    delete_song(catalog, "Y")
    delete_song(catalog, "A")
    assert songs(catalog) == []


def test_a_song_with_a_forgotten_field_is_listed_with_its_problem(
    write_clip: WriteClip, catalog: Catalog, tmp_path: Path
) -> None:
    write_clip(tmp_path / "other.wav", 99)
    ingest(catalog, [tmp_path / "other.wav"], IngestOptions(executor="serial", attributes={"mood": "calm"}))
    save_song(catalog, "A", ["epoch:10.."])
    save_song(catalog, "B", ["mood:calm"])
    forget(catalog, str(tmp_path / "other.wav"))
    first, second = songs(catalog)
    assert (first.clips, first.problem) == (7, None)
    assert second.problem is not None
    assert 'unknown field "mood"' in second.problem


def test_folders_are_looked_up_before_the_transaction(
    bone: Catalog, lookups: Callable[[Catalog], list[bool]]
) -> None:
    (bone.root / "link").symlink_to(bone.root / "clips")
    looked = lookups(bone)
    save_song(bone, "Linked", ["path:link", "epoch:4.."], {"ordering": "epoch+"})
    save_song_and_measure(bone, "Linked", None, {"fade": 0.1})
    copied = copy_song(bone, "Linked", "Copy", SongOptions(per_checkpoint=1))
    rename_song(bone, "Linked", "New")
    delete_song(bone, "New")
    undo(bone)
    assert looked
    assert not any(looked)
    with bone.reading() as connection:
        assert matching_clips(bone, connection, copied) == [5, 6, 7, 8]


def test_a_copy_has_the_same_settings_and_is_edited_independently(bone: Catalog, tmp_path: Path) -> None:
    edited(bone, first="8", drop=("5",))
    save_song(bone, "Bone", None, {"gap": 0.5, "lufs": -20.0})
    render(bone, "Bone", tmp_path / "bone.wav")
    copied = copy_song(bone, "Bone", "Femur")
    assert copied.settings == tracklist(bone, "Bone").song.settings
    edit_song(bone, "Femur", SongEdit(release=("8",)))
    assert (ids(tracklist(bone, "Bone"))[0], ids(tracklist(bone, "Femur"))[0]) == (8, 3)
    assert {row.name: row.renderings for row in songs(bone)} == {"Bone": 1, "Femur": 0}
    with pytest.raises(UsageError, match='a song named "Femur" exists already'):
        copy_song(bone, "Bone", "Femur")
    undo(bone)
    undo(bone)
    assert [row.name for row in songs(bone)] == ["Bone"]


def test_a_deleted_song_keeps_its_renderings(bone: Catalog, tmp_path: Path) -> None:
    made = render(bone, "Bone", tmp_path / "bone.wav")
    delete_song(bone, "Bone")
    undo(bone)
    again = render(bone, "Bone", tmp_path / "again.wav", rendering=1)
    assert (again.same_bytes, again.sha256) == (True, made.sha256)


def test_the_history_lists_each_change_and_undo_reverts_it(bone: Catalog) -> None:
    save_song(bone, "Skull", ["epoch:1"])
    edited(bone, first="8")
    save_song(bone, "Bone", None, {"crossfade": 0.5, "dither": True})
    rename_song(bone, "Bone", "Marrow")
    said = [each.summary for each in song_history(bone, "Marrow")]
    assert said == [
        'rename song "Bone" to "Marrow"',
        'edit song "Bone": crossfade 0.5, dither on',
        'edit song "Bone": pin 8 at 1',
        'make song "Bone"',
    ]
    for _ in range(2):
        undo(bone)
    assert ids(tracklist(bone, "Bone")) == [8, 3, 4, 5, 6, 7]
    assert tracklist(bone, "Bone").song.settings.crossfade == 0
    undo(bone)
    assert ids(tracklist(bone, "Bone")) == [3, 4, 5, 6, 7, 8]


def test_the_history_names_only_settings_that_changed(bone: Catalog) -> None:
    save_song(bone, "Bone", None, {"dither": True})
    save_song(bone, "Bone", None, {"dither": True, "gap": 0.5})
    assert song_history(bone, "Bone")[0].summary == 'edit song "Bone": gap 0.5'


def test_undoing_a_change_of_the_query_from_before_an_upgrade_forgets_the_former_query(bone: Catalog) -> None:
    """The upgrade stores the former text of the query that is replaced, which is not that of the one before it."""
    for query in ("epoch:10..", "epoch:11.."):
        save_song(bone, "Bone", [query])
    with writing(bone) as connection:
        connection.execute(update(song).values(former_query="epoch:11.. old"))

    def former() -> str | None:
        found = get_song(bone, "Bone")
        assert found is not None
        return found.former_query

    done = judging.undo(bone)
    assert former() is None
    judging.undo(bone, done.id)
    assert former() == "epoch:11.. old"
