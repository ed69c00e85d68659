"""Machines that share a catalog and have the audio at different places, under the same names of roots."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support import PREFIX_ONLY, Machines, WriteClip, counts, is_being_written, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location
from thresher.catalog.files.paths import Roots
from thresher.catalog.output_guard import OutputGuard
from thresher.curation.backups.export_catalog import export_catalog
from thresher.curation.backups.import_catalog import import_catalog
from thresher.curation.clips.decisions import rate, reject
from thresher.curation.clips.listing import clip_paths, list_clips
from thresher.curation.clips.prune import plan_prune
from thresher.curation.clips.prune_entries import announce, announced_locations, conclude, unfinished_prunes
from thresher.curation.clips.restore import restore_pruned
from thresher.curation.cutting.marks import mark
from thresher.curation.cutting.split import split
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify_files import check_files
from thresher.curation.listening.player import rendered_files
from thresher.curation.previews.source import clip_source
from thresher.curation.renderings.render import render
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError, UsageError
from thresher.progress import no_progress
from thresher.signal.features.split_settings import SplitSettings

MISSING = IngestOptions(executor="serial", score=False, mark_missing=True)


def places(catalog: Catalog) -> list[tuple[str, bytes, str, bool]]:
    """Return root, path, text and absence of all locations."""
    with catalog.reading() as connection:
        columns = (location.c.root, location.c.path, location.c.path_text, location.c.missing_since)
        rows = connection.execute(select(*columns).order_by(location.c.root, location.c.path))
        return [(root, path, text, missing is not None) for root, path, text, missing in rows]


THREE = [
    ("corpus", b"a.wav", "corpus:a.wav", False),
    ("corpus", b"b.wav", "corpus:b.wav", False),
    ("corpus", b"runs/c.wav", "corpus:runs/c.wav", False),
]


def test_two_machines_with_equal_roots_see_the_same_locations(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    one = machines.open("one", corpus=audio)
    assert counts(ingest(one, [audio], serial)) == {"added": 3}
    assert places(one) == THREE
    copy = audio.parent / "elsewhere/audio"
    shutil.copytree(audio, copy)
    other = machines.open("other", corpus=copy)
    again = ingest(other, [copy], serial)
    assert (again.added, again.copies, again.moved, again.missing, again.files) == (0, 0, 0, 0, 3)
    assert places(other) == THREE
    assert [row.path for row in list_clips(other, f"path:{copy}/runs")] == ["corpus:runs/c.wav"]
    assert clip_paths(other, "path:corpus:runs") == [bytes(copy / "runs/c.wav")]
    assert clip_paths(one, "path:corpus:runs") == [bytes(audio / "runs/c.wav")]
    assert clip_source(other, 1).path == bytes(copy / "a.wav")


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_the_first_ingested_folder_names_runs_wherever_the_catalog_is(
    machines: Machines, tmp_path: Path, serial: IngestOptions, write_clip: WriteClip, *, inside: bool
) -> None:
    """The catalog's folder may be inside of that of the root."""
    audio = tmp_path if inside else tmp_path / "audio"
    one = machines.open("one", corpus=audio)
    write_clip(audio / "batches/night/take/a.wav", 1)
    ingest(one, [audio / "batches"], serial)
    write_clip(audio / "batches/night/take/b.wav", 2)
    ingest(one, [audio / "batches/night/take"], serial)
    assert [row.run for row in list_clips(one, "id+")] == ["night", "night"]
    assert [row.id for row in list_clips(one, "path:corpus:batches")] == [1, 2]


def test_a_change_on_one_machine_is_seen_by_the_other(
    machines: Machines, audio: Path, serial: IngestOptions, write_clip: WriteClip
) -> None:
    """The folder is the same, mounted at different places; a link stands for the mount."""
    mounted = audio.parent / "mounted"
    mounted.symlink_to(audio)
    one, other = machines.open("one", corpus=audio), machines.open("other", corpus=mounted)
    ingest(one, [audio], serial)
    (audio / "a.wav").rename(audio / "runs/a.wav")
    (audio / "b.wav").unlink()
    write_clip(audio / "d.wav", 9)
    report = ingest(other, [mounted], MISSING)
    assert (report.added, report.moved, report.missing, report.copies) == (1, 1, 1, 0)
    assert [text for _, _, text, missing in places(one) if not missing] == [
        "corpus:d.wav",
        "corpus:runs/a.wav",
        "corpus:runs/c.wav",
    ]


@pytest.mark.parametrize("is_set", [False, True], ids=["not set", "unplugged"])
def test_clips_below_an_absent_root_are_known_and_say_where_they_are(
    machines: Machines, audio: Path, serial: IngestOptions, write_clip: WriteClip, is_set: bool
) -> None:
    ingest(machines.open("one", corpus=audio), [audio], serial)
    gone = audio.parent / "unplugged"
    other = machines.open("other", corpus=gone) if is_set else machines.open("other")
    assert [row.path for row in list_clips(other, "missing:no")] == [text for _, _, text, _ in THREE]
    assert rate(other, ["path:corpus:runs"], 4).decision is not None
    assert clip_paths(other) == []
    why = f"{gone}, the folder of the root corpus, is not there"
    if not is_set:
        why = "the root corpus is not set on this machine ([roots] in catalog.toml)"
    with pytest.raises(NotFoundError) as raised:
        clip_source(other, 1)
    assert str(raised.value) == f"clip 1 is at corpus:a.wav; {why}"
    # its own files are ingested, and nothing that it can't see is marked missing, moved or pruned
    copied = audio.parent / "here"
    write_clip(copied / "a.wav", 1)
    write_clip(copied / "new.wav", 9)
    report = ingest(other, [copied], MISSING)
    assert (report.added, report.copies, report.moved, report.missing) == (1, 1, 0, 0)
    assert [each for each in places(other) if each[0]] == THREE
    assert clip_source(other, 1).path == bytes(copied / "a.wav")
    found = check_files(other, rehash=True, progress=no_progress)
    assert (found.files, found.elsewhere, found.gone, found.is_sound) == (2, 3, (), True)
    with pytest.raises(NotFoundError, match="no file of"):
        forget(other, str(audio))


def test_a_file_whose_only_known_copy_is_elsewhere_is_not_replaced(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    ingest(machines.open("one", corpus=audio), [audio], serial)
    other = machines.open("other")
    shutil.copy(audio / "a.wav", audio.parent / "song.wav")
    with pytest.raises(UsageError, match="is clip 1 of the catalog"):
        OutputGuard(other).check(audio.parent / "song.wav")


def test_a_root_that_is_added_later_keeps_locations_and_decisions(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    before = machines.open("one")
    assert counts(ingest(before, [audio], serial)) == {"added": 3}
    rate(before, ["1"], 5)
    assert [root for root, *_ in places(before)] == ["", "", ""]
    after = machines.open("one", corpus=audio)
    report = ingest(after, [audio], serial)
    assert (report.unchanged, report.batch, counts(report)) == (3, None, {"unchanged": 3})
    assert places(after) == THREE
    assert [(row.id, row.rating) for row in list_clips(after)] == [(1, 5), (2, None), (3, None)]
    deeper = machines.open("one", corpus=audio, runs=audio / "runs")
    assert ingest(deeper, [audio], serial).unchanged == 3
    assert [text for _, _, text, _ in places(deeper)] == ["corpus:a.wav", "corpus:b.wav", "runs:c.wav"]


def test_a_root_that_is_added_later_joins_locations_that_another_machine_stored(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    plain = machines.open("one")
    ingest(plain, [audio], serial)
    mounted = audio.parent / "copy"
    shutil.copytree(audio, mounted)
    assert ingest(machines.open("other", corpus=mounted), [mounted], serial).copies == 3
    assert len(places(plain)) == 6
    report = ingest(machines.open("one", corpus=audio), [audio], serial)
    assert (report.added, report.copies, report.moved, report.missing) == (0, 0, 0, 0)
    assert places(plain) == THREE


def test_a_rendering_below_a_root_is_found_on_both_machines(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    one = machines.open("one", corpus=audio)
    ingest(one, [audio], serial)
    save_song(one, "both", ["id:1..3"], {"ordering": "id+"})
    (audio / "songs").mkdir()
    made = render(one, "both", audio / "songs/both.wav")
    copy = audio.parent / "elsewhere"
    shutil.copytree(audio, copy)
    other = machines.open("other", corpus=copy)
    assert rendered_files(other, "both") == [copy / "songs/both.wav"]
    report = verify_song(other, "both")
    assert (report.path, report.file, report.missing) == ("corpus:songs/both.wav", "unchanged", ())
    again = render(other, "both", copy.parent / "again.wav")
    assert (again.sha256, again.number) == (made.sha256, made.number)
    nowhere = machines.open("nowhere")
    report = verify_song(nowhere, "both")
    assert (report.file, report.missing) == ("missing", tuple(text for _, _, text, _ in THREE))
    assert check_files(nowhere, rehash=True, progress=no_progress).renderings == 0


def test_a_file_of_the_same_name_below_another_root_does_not_overwrite_a_clip(
    machines: Machines, write_clip: WriteClip, tmp_path: Path, serial: IngestOptions
) -> None:
    first, second = tmp_path / "night", tmp_path / "day"
    lost = write_clip(first / "a.wav", 1)
    write_clip(first / "b.wav", 2)
    write_clip(second / "a.wav", 3)
    catalog = machines.open("one", night=first, day=second)
    ingest(catalog, [first, second], serial)
    save_song(catalog, "S", "length:0..")
    lost.unlink()
    ingest(catalog, [first, second], serial)
    missing = {track.path: track.missing for track in tracklist(catalog, "S").tracks}
    assert missing == {"night:a.wav": True, "night:b.wav": False, "day:a.wav": False}


def test_prune_takes_only_files_of_this_machine(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    one = machines.open("one", corpus=audio)
    ingest(one, [audio], serial)
    reject(one, ["1"])
    assert plan_prune(one, "id:1").report.files == 1
    assert plan_prune(machines.open("other"), "id:1").report.files == 0


@pytest.fixture
def exported(audio: Path, serial: IngestOptions) -> Path:
    """The curation of a catalog with the root "corpus": a rating, a mark, a split, and a song that was rendered."""
    (audio / "songs").mkdir()
    with own_catalog(audio.parent / "one", corpus=audio) as one:
        ingest(one, [audio], serial)
        rate(one, ["path:corpus:runs"], 4)
        mark(one, "1", 0.5, 1.5, name="drop")
        split(one, ["2"], SplitSettings(count=2), executor="serial")
        save_song(one, "both", ["id:1", ",", "id:3"], {"ordering": "id+"})
        render(one, "both", audio / "songs/both.wav")
        export_catalog(one, audio.parent / "curation.jsonl")
    return audio.parent / "curation.jsonl"


def own_catalog(folder: Path, **roots: Path) -> Catalog:
    """Make a catalog with a database of its own and these roots."""
    folder.mkdir()
    named = "".join(f'{root} = "{path}"\n' for root, path in roots.items())
    (folder / "catalog.toml").write_text(f"{PREFIX_ONLY}[roots]\n{named}")
    return Catalog.create(folder)


@pytest.mark.parametrize("root", ["corpus", "material", None])
def test_curation_moves_between_catalogs_with_different_roots(
    audio: Path, exported: Path, serial: IngestOptions, root: str | None
) -> None:
    there = audio.parent / "elsewhere/audio"
    shutil.copytree(audio, there)
    shutil.rmtree(audio)
    with own_catalog(audio.parent / "two", **({root: there} if root else {})) as two:
        ingest(two, [there / "runs"], serial)  # so that ids differ
        ingest(two, [there], serial)
        report = import_catalog(two, exported, executor="serial")
        assert (report.recordings, report.missing, report.missing_clips, report.waiting) == (3, (), 0, 0)
        assert report.conflicts == ()
        stored = f"{root}:runs/c.wav" if root else str(there / "runs/c.wav")
        assert [(row.path, row.rating) for row in list_clips(two, "rating:4")] == [(stored, 4)]
        assert [row.kind for row in list_clips(two, "kind:part , kind:marked")] == ["part", "part", "marked"]
        song = verify_song(two, "both")
        # a rendering keeps the name of its root, and is found where the same name is set
        has_root = root == "corpus"
        assert (song.path, song.missing) == ("corpus:songs/both.wav", ())
        assert song.file == ("unchanged" if has_root else "missing")
        assert rendered_files(two, "both") == ([there / "songs/both.wav"] if has_root else [])
        again = render(two, "both", audio.parent / "again.wav")
        assert (again.number, (audio.parent / "again.wav").read_bytes()) == (
            1,
            (there / "songs/both.wav").read_bytes(),
        )


def test_an_import_without_the_root_says_what_it_can_not_cut(
    audio: Path, exported: Path, serial: IngestOptions
) -> None:
    with own_catalog(audio.parent / "two", corpus=audio) as two:
        ingest(two, [audio], serial)
        audio.rename(audio.parent / "unplugged")
        report = import_catalog(two, exported, executor="serial")
        why = f"{audio}, the folder of the root corpus, is not there"
        assert report.notes == (
            f"corpus:b.wav: it is at corpus:b.wav; {why}",
            f"1 mark of corpus:a.wav: clip 1 can't be marked: it is at corpus:a.wav; {why}",
        )
        assert [row.rating for row in list_clips(two, "path:corpus:runs")] == [4]
        assert (report.missing, report.missing_clips) == ((), 1)
        (audio.parent / "unplugged").rename(audio)
        later = import_catalog(two, exported, executor="serial")
        assert (later.missing_clips, later.notes) == (0, ())


def test_the_folders_of_roots_are_not_looked_at_inside_of_transactions(
    catalog: Catalog, audio: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk of the network that does not answer must not keep others from the catalog."""
    catalog.roots = Roots.of(catalog.root, {"corpus": str(audio)})
    ingest(catalog, [audio], serial)
    is_folder, looked = os.path.isdir, []

    def isdir(path: bytes) -> bool:
        looked.append(is_being_written(catalog))
        return is_folder(path)

    monkeypatch.setattr(os.path, "isdir", isdir)
    (audio / "a.wav").unlink()
    assert counts(ingest(catalog, [audio], serial)) == {"unchanged": 2, "missing": 1}
    assert forget(catalog, str(audio / "b.wav")).locations == 1
    assert looked
    assert not any(looked)


def test_a_prune_leaves_what_another_machine_has_announced(
    machines: Machines, audio: Path, serial: IngestOptions, write_clip: WriteClip
) -> None:
    one, other = machines.open("one", corpus=audio), machines.open("other")
    ingest(one, [audio], serial)
    write_clip(audio.parent / "here/d.wav", 9)
    ingest(other, [audio.parent / "here"], serial)
    reject(one, ["1"])
    with writing(one) as connection:  # as a prune that was killed before it moved the file
        announce(connection, plan_prune(one).files)
    reject(other, ["4"])
    plan = plan_prune(other)
    assert [file.location_ids for file in plan.files] == [(4,)]
    with other.reading() as connection:
        entries = unfinished_prunes(connection)
    conclude(other, entries, ())
    with one.reading() as connection:
        (entry,) = unfinished_prunes(connection)
    assert announced_locations(entry) == {1}
    assert [file.location_ids for file in plan_prune(one, "1").files] == [(1,)]


def test_a_machine_without_the_root_says_why_it_takes_nothing_out_of_the_trash(
    machines: Machines, audio: Path, serial: IngestOptions
) -> None:
    one = machines.open("one", corpus=audio)
    ingest(one, [audio], serial)
    reject(one, ["1"])
    plan = plan_prune(one)
    with writing(one) as connection:
        entries = announce(connection, plan.files)
    (audio / "a.wav").unlink()
    conclude(one, entries, plan.files)
    report = restore_pruned(machines.open("other"), entries[0].id)
    assert report.restored == ()
    assert [(each.path, each.reason) for each in report.failures] == [
        (str(audio / "a.wav"), "the root corpus is not set on this machine ([roots] in catalog.toml)")
    ]


def test_a_dry_run_after_a_root_was_added_finds_the_same_files_unchanged(
    machines: Machines, audio: Path, serial: IngestOptions, write_clip: WriteClip
) -> None:
    ingest(machines.open("one"), [audio], serial)
    after = machines.open("one", corpus=audio)
    (audio / "a.wav").rename(audio / "moved.wav")
    (audio / "b.wav").unlink()
    write_clip(audio / "d.wav", 9)
    expected = {"added": 1, "moved": 1, "missing": 1, "unchanged": 1}
    before = places(after)
    assert counts(ingest(after, [audio], replace(serial, dry_run=True))) == expected
    assert places(after) == before
    assert counts(ingest(after, [audio], serial)) == expected
