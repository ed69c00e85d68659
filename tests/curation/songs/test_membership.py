"""Which songs clips are in: those that select them today, and those that rendered them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema
from thresher.curation.clips.decisions import reject
from thresher.curation.renderings.render import render
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.membership import all_members, selected, songs_with
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.songs import delete_song, get_song, save_song


def test_clips_are_in_songs_that_select_or_have_rendered_them(bone: Catalog, tmp_path: Path) -> None:
    save_song(bone, "S", "id:1..3", SongOptions(clips=1))
    save_song(bone, "T", "id:3..4")
    edit_song(bone, "T", SongEdit(drop=("3",), add=("5",)))
    save_song(bone, "Gone", "id:1")
    delete_song(bone, "Gone")
    render(bone, "T", tmp_path / "t.wav")
    save_song(bone, "T", "id:6")
    reject(bone, "id:2")
    with bone.reading() as connection:
        found = all_members(bone, connection)
        # limits do not count; 4 and 5 are in the rendering, 5 in the song, too
        assert (found["S"], found["T"]) == ({1, 3}, {4, 5, 6})
        assert "Gone" not in found
        of_some = songs_with(bone, connection, [3, 4, 99])
        assert (of_some["S"], of_some["T"]) == ({3}, {4})


def test_a_song_whose_query_cannot_be_read_selects_nothing(bone: Catalog) -> None:
    save_song(bone, "S", "id:1")
    save_song(bone, "T", "song:S")
    song = get_song(bone, "T")
    assert song is not None
    with bone.reading() as connection:
        assert selected(bone, connection, song) == {1}
    with writing(bone) as connection:
        connection.execute(update(schema.song).where(schema.song.c.name == "S").values(deleted=True))
        assert selected(bone, connection, song) == set()
