"""Songs and queues leave out stumps, dropped checkpoints, overwritten clips; and on demand copies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import select, update

from tests.support import MakeCatalog, MakeSound, WriteClip, copy_folder, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording, song
from thresher.curation.checkpoints.verdicts import judge_checkpoint
from thresher.curation.clips.decisions import rate, undo
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison import duplicates
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.queue import plan_listening
from thresher.curation.renderings.diff import since_rendering
from thresher.curation.renderings.history import renderings
from thresher.curation.renderings.render import render
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.former_rules import FormerSelection, former_selections
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.size import save_song_and_measure, song_size
from thresher.curation.songs.songs import copy_song, get_song, save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import UsageError

STUMP, BARELY_CUT, DROPPED, OVERWRITTEN = 2, 3, 4, 5


@pytest.fixture(scope="module")
def template(
    new_catalog: MakeCatalog, tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip
) -> Path:
    """Clip 1 is sound; half of 2 is missing and a little of 3; 4 is of a dropped checkpoint; 6 replaced 5."""
    folder = tmp_path_factory.mktemp("limits")
    new_catalog(folder).close()
    (folder / "catalog.toml").write_text('[metrics]\nuse = ["aligned"]\ndefault = "aligned"\n')
    clips = folder / "clips"
    for number in range(1, 6):
        path = write_clip(clips / f"r_epoch_{number}_0.wav", number)
        share = {STUMP: 0.5, BARELY_CUT: 0.9}.get(number)
        if share is not None:
            content = path.read_bytes()
            path.write_bytes(content[: round(share * len(content))])
    with Catalog.open(folder / "catalog.toml") as made:
        ingest(made, [clips], IngestOptions(executor="serial"))
        judge_checkpoint(made, "r e4", verdict="drop")
        write_clip(clips / "r_epoch_5_0.wav", 6, 4.5)
        ingest(made, [clips], IngestOptions(executor="serial"))
    return folder


@pytest.fixture
def catalog(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    copy_folder(template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


def clips_of(catalog: Catalog, name: str = "S") -> list[int]:
    return sorted(track.clip for track in tracklist(catalog, name).tracks)


def test_new_songs_and_queues_leave_out_what_the_query_does_not_ask_for(catalog: Catalog) -> None:
    save_song(catalog, "S", "")
    assert clips_of(catalog) == [1, BARELY_CUT, 6]
    assert sorted(row.id for row in plan_listening(catalog).clips) == [1, BARELY_CUT, 6]
    assert [row.id for row in list_clips(catalog)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status:truncated", [STUMP, BARELY_CUT]),
        ("status:ok , status:truncated", [1, STUMP, BARELY_CUT, 6]),
        ("verdict:drop", [DROPPED]),
        ("verdict:drop , verdict:none", [1, BARELY_CUT, DROPPED, 6]),
        ("missing:yes", [OVERWRITTEN]),
        ("1 2 4 5", [1, STUMP, DROPPED, OVERWRITTEN]),
    ],
)
def test_a_query_asks_for_clips_by_their_field_or_id(catalog: Catalog, query: str, found: list[int]) -> None:
    save_song(catalog, "S", query)
    assert clips_of(catalog) == found
    save_song(catalog, "T", "song:S")
    assert clips_of(catalog, "T") == [each for each in found if each in (1, BARELY_CUT, 6)]


def test_a_clip_added_by_hand_stays(catalog: Catalog) -> None:
    save_song(catalog, "S", "")
    edit_song(catalog, "S", SongEdit(add=(str(STUMP), str(DROPPED))))
    assert clips_of(catalog) == [1, STUMP, BARELY_CUT, DROPPED, 6]


def test_a_song_keeps_its_rule_until_it_is_saved(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", "")
    with writing(catalog) as connection:
        connection.execute(update(song).values(selection_rule=1))
    assert clips_of(catalog) == [1, 2, 3, 4, 5, 6]
    assert former_selections(catalog) == (FormerSelection("S", (STUMP, DROPPED, OVERWRITTEN)),)
    copy_song(catalog, "S", "T")
    assert len(clips_of(catalog, "T")) == 6
    edit_song(catalog, "S", SongEdit(drop=(str(OVERWRITTEN),)))
    render(catalog, "S", tmp_path / "s.wav")
    (made,) = renderings(catalog, "S")
    assert made.known_settings.selection_rule == 1
    save_song(catalog, "S")
    assert clips_of(catalog) == [1, BARELY_CUT, 6]
    changed = since_rendering(catalog, tracklist(catalog, "S"))
    assert changed is not None
    assert changed.reasons[STUMP] == changed.reasons[DROPPED] == "left out by the selection rule"
    assert [each.song for each in former_selections(catalog)] == ["T"]


def test_copies_are_left_out_and_the_best_rated_stays(
    catalog: Catalog, tmp_path: Path, sound: MakeSound, serial: IngestOptions
) -> None:
    for gain, name in ((1.0, "a"), (0.5, "b"), (0.25, "c")):
        soundfile.write(tmp_path / f"clips/{name}_epoch_9.wav", gain * sound(30, 6.0), 16_000)
    ingest(catalog, [tmp_path / "clips"], serial)
    save_song(catalog, "S", "epoch:1 , epoch:9", SongOptions(no_copies=True))
    assert clips_of(catalog) == [1, 7]
    rate(catalog, ["8"], 4)
    assert clips_of(catalog) == [1, 8]
    edit_song(catalog, "S", SongEdit(add=("9",)))
    assert clips_of(catalog) == [1, 9]
    edit_song(catalog, "S", SongEdit(no_copies=False))
    assert clips_of(catalog) == [1, 7, 8, 9]
    assert copy_song(catalog, "S", "T", SongOptions(no_copies=True)).settings.no_copies
    assert clips_of(catalog, "T") == [1, 9]


@pytest.fixture
def with_copies(catalog: Catalog, sound: MakeSound, serial: IngestOptions) -> Catalog:
    """Clips 7 and 8 have the same sound."""
    for gain, name in ((1.0, "a"), (0.5, "b")):
        soundfile.write(catalog.root / f"clips/{name}_epoch_9.wav", gain * sound(30, 6.0), 16_000)
    ingest(catalog, [catalog.root / "clips"], serial)
    return catalog


def test_no_transaction_is_open_while_copies_are_compared(
    with_copies: Catalog, computed_in_transactions: list[str]
) -> None:
    saved, size = save_song_and_measure(with_copies, "S", "", SongOptions(no_copies=True))
    assert size.clips == 4
    assert clips_of(with_copies) == [1, 3, 6, 7]
    assert song_size(with_copies, saved).clips == 4
    assert computed_in_transactions == []


def test_a_song_without_copies_is_saved_between_given_ends_without_comparing_sounds_in_a_transaction(
    with_copies: Catalog, computed_in_transactions: list[str]
) -> None:
    save_song(with_copies, "S", "", SongOptions(no_copies=True, start=7, end=1))
    save_song(with_copies, "S", options=SongOptions(start=6))
    copy_song(with_copies, "S", "T", SongOptions(end=3))
    save_song(with_copies, "U", "")
    copy_song(with_copies, "U", "V", SongOptions(no_copies=True, start=7))
    with pytest.raises(UsageError, match="clip 8 is not in song"):
        save_song(with_copies, "W", "", SongOptions(no_copies=True, start=8))
    assert get_song(with_copies, "W") is None
    assert computed_in_transactions == []


def test_positions_in_a_song_without_copies_are_edited_without_comparing_sounds_in_a_transaction(
    with_copies: Catalog, computed_in_transactions: list[str]
) -> None:
    save_song(with_copies, "S", "", SongOptions(no_copies=True, order="id+"))
    plan = edit_song(with_copies, "S", SongEdit(pins=(("7", 1),), together=(("1", "3"),), last="6"))
    assert [track.clip for track in plan.tracks] == [7, 1, 3, 6]
    swapped = edit_song(with_copies, "S", SongEdit(swap=("7", "6"), release=("1",)), dry_run=True)
    assert swapped.tracks[0].clip == 6
    with pytest.raises(UsageError, match="clip 8 is not in song"):
        edit_song(with_copies, "S", SongEdit(first="8"))
    save_song(with_copies, "T", "", SongOptions(order="id+"))
    edit_song(with_copies, "T", SongEdit(no_copies=True, first="7"))
    assert computed_in_transactions == []


def test_a_clip_that_changes_while_its_song_is_saved_is_compared_again(
    with_copies: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bool] = []
    lies_in, write = duplicates.lies_in, Catalog.write

    def watched(*given: Any) -> bool:
        compared.append(lies_in(*given))
        return compared[-1]

    def after_a_change(catalog: Catalog, function: Any, **keywords: Any) -> Any:
        monkeypatch.setattr(Catalog, "write", write)
        with writing(catalog) as connection:
            columns = [column for column in clip.c if column.name.startswith("fingerprint")]
            other = connection.execute(select(*columns).where(clip.c.id == 1)).one()
            connection.execute(update(clip).where(clip.c.id == 8).values(other._asdict()))
        return write(catalog, function, **keywords)

    monkeypatch.setattr(duplicates, "lies_in", watched)
    monkeypatch.setattr(Catalog, "write", after_a_change)
    saved = save_song(with_copies, "S", "", SongOptions(no_copies=True, start=8))
    assert compared == [True, False]
    assert saved.settings.ordering.start == 8


def test_few_clips_per_checkpoint_are_the_best_rated_then_the_earliest(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip, serial: IngestOptions
) -> None:
    for index in range(1, 4):
        write_clip(tmp_path / f"clips/r_epoch_1_{index}.wav", 10 + index)
        write_clip(tmp_path / f"loose{index}.wav", 20 + index)
    ingest(catalog, [tmp_path / "clips"], serial)
    save_song(catalog, "S", "epoch:1", SongOptions(per_checkpoint=2))
    assert clips_of(catalog) == [1, 7]
    rate(catalog, ["9"], 3)
    assert clips_of(catalog) == [1, 9]
    edit_song(catalog, "S", SongEdit(pins=(("9", 1),), per_checkpoint=1))
    assert clips_of(catalog) == [9]
    assert edit_song(catalog, "S", SongEdit(per_checkpoint=None)).song.settings.per_checkpoint is None
    assert len(clips_of(catalog)) == 4
    with pytest.raises(UsageError, match="--per-checkpoint 0 is out of range"):
        save_song(catalog, "S", None, SongOptions(per_checkpoint=0))


def test_copies_need_the_scores_of_aligned(catalog: Catalog) -> None:
    catalog.file.write_text('[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(catalog.file) as other:
        with pytest.raises(UsageError, match='add "aligned" to'):
            save_song(other, "S", "", SongOptions(no_copies=True))
        assert get_song(other, "S") is None


def test_undo_brings_back_rule_and_limits(catalog: Catalog) -> None:
    save_song(catalog, "S", "")
    with writing(catalog) as connection:
        connection.execute(update(song).values(selection_rule=1))
    save_song(catalog, "S", None, SongOptions(no_copies=True, per_checkpoint=1))
    undo(catalog)
    found = get_song(catalog, "S")
    assert found is not None
    assert (found.settings.selection_rule, found.settings.no_copies, found.settings.per_checkpoint) == (
        1,
        False,
        None,
    )


def test_how_much_of_a_file_is_lost_is_known(catalog: Catalog) -> None:
    from sqlalchemy import select

    with catalog.reading() as connection:
        shares = list(connection.scalars(select(recording.c.lost_share).order_by(recording.c.id)))
    assert shares[0] is shares[3] is None
    assert shares[1] == pytest.approx(0.5, abs=0.01)
    assert shares[2] == pytest.approx(0.1, abs=0.01)
