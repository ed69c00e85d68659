"""Render songs: which files are read, written and refused, and what is stored."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile
from sqlalchemy import delete, select, update

from tests.support import RATE, WriteClip, for_processes, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import cover, output, rendering, rendering_clip
from thresher.catalog.files.files import sha256_file
from thresher.curation.clips import decisions as judging
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.verify import verify
from thresher.curation.renderings.diff import since_rendering
from thresher.curation.renderings.history import renderings
from thresher.curation.renderings.render import render
from thresher.curation.renderings.reproduce import reproduce
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.songs import (
    save_song,
)
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import CatalogError, NotFoundError, UsageError


@pytest.fixture
def catalog(seven_clips: Catalog) -> Catalog:
    """Seven clips of epochs 10 to 13 and 20 to 22, with the ids 1 to 7."""
    return seven_clips


SERIAL = IngestOptions(executor="serial")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".opus"])
@pytest.mark.long
def test_rendering_twice_gives_the_same_bytes_and_number(
    catalog: Catalog, tmp_path: Path, suffix: str
) -> None:
    save_song(catalog, "DOMAINAL SKELETON", ["epoch:10..13"])
    first = render(catalog, "DOMAINAL SKELETON", tmp_path / f"a{suffix}")
    before = (tmp_path / f"a{suffix}").read_bytes()
    time.sleep(1.1)  # a time stamp in the file would show
    second = render(catalog, "DOMAINAL SKELETON", tmp_path / f"a{suffix}")
    assert (first.number, first.is_new, first.same_bytes) == (1, True, None)
    assert (second.number, second.is_new, second.same_bytes) == (1, False, True)
    assert (tmp_path / f"a{suffix}").read_bytes() == before
    heard, _ = soundfile.read(tmp_path / f"a{suffix}")
    assert len(heard) >= first.frames
    with soundfile.SoundFile(tmp_path / f"a{suffix}") as made:
        assert made.title == "DOMAINAL SKELETON"
        assert made.comment == ""  # the query is in the manifest, not in public tags


def test_a_changed_song_becomes_a_new_rendering_and_an_equal_one_does_not(
    catalog: Catalog, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    assert render(catalog, "S", tmp_path / "s.wav").number == 1
    judging.reject(catalog, ["3"])
    assert render(catalog, "S", tmp_path / "s.wav").number == 2
    judging.undo(catalog)
    again = render(catalog, "S", tmp_path / "s.wav")
    assert (again.number, again.same_bytes) == (1, True)
    with catalog.reading() as connection:
        frozen = connection.execute(
            select(rendering_clip).join(rendering).where(rendering.c.number == 1).order_by("position")
        ).all()
    plan = tracklist(catalog, "S")
    assert [(row.clip_id, row.start_frame, row.end_frame, row.output_start) for row in frozen] == [
        (track.clip, track.start_frame, track.end_frame, track.output_start) for track in plan.tracks
    ]
    assert [row.recording_sha256 for row in frozen] == [
        sha256_file(str(catalog.root / track.path)) for track in plan.tracks
    ]


def test_moved_files_give_the_same_bytes(catalog: Catalog, clip_folder: Path, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."])
    before = render(catalog, "S", tmp_path / "s.wav")
    clip_folder.rename(tmp_path / "elsewhere")
    report = ingest(catalog, [tmp_path / "elsewhere"], SERIAL)
    assert (report.moved, report.added, report.reanalysed) == (7, 0, 0)
    after = render(catalog, "S", tmp_path / "s.wav")
    assert (after.number, after.sha256, after.same_bytes) == (before.number, before.sha256, True)


def test_missing_files_are_listed_and_left_out_only_on_request(
    catalog: Catalog, clip_folder: Path, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    (clip_folder / "run_epoch_11_0.wav").unlink()
    with pytest.raises(NotFoundError, match=r"run_epoch_11_0\.wav") as caught:
        render(catalog, "S", tmp_path / "s.wav")
    assert "--without-missing" in str(caught.value)
    assert not (tmp_path / "s.wav").exists()
    with pytest.raises(NotFoundError, match=r"run_epoch_11_0\.wav"):
        render(catalog, "S", tmp_path / "s.wav", dry_run=True)
    dry = render(catalog, "S", tmp_path / "s.wav", dry_run=True, without_missing=True)
    done = render(catalog, "S", tmp_path / "s.wav", without_missing=True)
    assert done.missing == dry.missing == ("clips/run_epoch_11_0.wav",)
    assert done.clips == dry.clips == 3
    assert len(soundfile.read(tmp_path / "s.wav")[0]) == done.frames


def test_without_missing_clips_the_other_clips_move_together(
    catalog: Catalog, clip_folder: Path, tmp_path: Path
) -> None:
    """Transitions join the remaining clips, and missing clips do not affect rate and channels."""
    save_song(catalog, "S", ["epoch:10..20"], {"ordering": "epoch+"})
    for name in ("run_epoch_10_0.wav", "run_epoch_12_0.wav", "run_epoch_20_0.wav"):
        (clip_folder / name).unlink()
    done = render(catalog, "S", tmp_path / "s.wav", without_missing=True)
    assert (done.clips, done.sample_rate, done.channels) == (2, RATE, 1)
    save_song(catalog, "T", ["2", ",", "4"], {"ordering": "epoch+"})
    with catalog.reading() as connection:
        transitions = connection.scalars(
            select(rendering_clip.c.transition).order_by(rendering_clip.c.position)
        ).all()
    assert tuple(transitions) == tuple(track.transition for track in tracklist(catalog, "T").tracks)
    assert transitions[0] is None
    assert transitions[1] is not None


def test_without_missing_refuses_a_song_of_which_every_file_is_missing(bone: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips").rename(tmp_path.parent / f"{tmp_path.name}-away")
    with pytest.raises(NotFoundError, match="needs 6 clips whose files are missing"):
        render(bone, "Bone", tmp_path / "bone.wav", without_missing=True)


def test_a_file_with_other_content_counts_as_missing(
    write_clip: WriteClip, catalog: Catalog, clip_folder: Path, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    write_clip(clip_folder / "run_epoch_11_0.wav", 500, 4.4)
    with pytest.raises(NotFoundError, match=r"run_epoch_11_0\.wav"):
        render(catalog, "S", tmp_path / "s.wav")


def test_a_copy_replaces_a_missing_file(catalog: Catalog, clip_folder: Path, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    before = render(catalog, "S", tmp_path / "s.wav")
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "any.wav").write_bytes((clip_folder / "run_epoch_11_0.wav").read_bytes())
    ingest(catalog, [copies], SERIAL)
    (clip_folder / "run_epoch_11_0.wav").unlink()
    assert render(catalog, "S", tmp_path / "s.wav").sha256 == before.sha256


def test_another_file_or_a_clip_is_not_overwritten(
    catalog: Catalog, clip_folder: Path, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--overwrite"):
        render(catalog, "S", precious)
    with pytest.raises(UsageError, match="is clip 2 of the catalog, which is never replaced"):
        render(catalog, "S", clip_folder / "run_epoch_11_0.wav", overwrite=True)
    assert precious.read_bytes() == b"mine"
    render(catalog, "S", precious, overwrite=True)
    assert soundfile.info(precious).samplerate == RATE


@pytest.mark.parametrize(
    ("target", "error"), [("s.aiff", UsageError), ("s", UsageError), ("no/s.wav", NotFoundError)]
)
def test_an_unknown_suffix_or_folder_is_refused(
    catalog: Catalog, tmp_path: Path, target: str, error: type[Exception]
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    with pytest.raises(error):
        render(catalog, "S", tmp_path / target)


def test_in_a_shared_catalog_the_path_of_a_rendering_may_be_another_file_here(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Catalog, "is_shared", True)
    save_song(catalog, "S", ["epoch:10"])
    target = tmp_path / "s.wav"
    render(catalog, "S", target)
    rendered = target.read_bytes()
    target.write_bytes(b"what another machine has at this path")
    with pytest.raises(UsageError, match="is not a rendering of"):
        render(catalog, "S", target)
    assert target.read_bytes() == b"what another machine has at this path"
    target.write_bytes(rendered)
    save_song(catalog, "S", ["epoch:11"])
    assert render(catalog, "S", target).number == 2


def test_an_output_that_is_a_folder_is_refused(three_clips: Catalog, tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    for overwrite in (False, True):
        with pytest.raises(UsageError, match=r"folder\.wav is a folder"):
            render(three_clips, "Bone", tmp_path / "folder.wav", overwrite=overwrite)


def test_a_song_without_clips_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:999"])
    with pytest.raises(NotFoundError, match="no clips"):
        render(catalog, "S", tmp_path / "s.wav")


def test_a_dry_run_writes_nothing_and_reports_the_same(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."])
    dry = render(catalog, "S", tmp_path / "s.wav", dry_run=True)
    assert not (tmp_path / "s.wav").exists()
    assert (dry.number, dry.is_new) == (None, True)
    real = render(catalog, "S", tmp_path / "s.wav")
    assert (dry.frames, dry.clips, dry.sample_rate, dry.channels, dry.subtype) == (
        real.frames,
        real.clips,
        real.sample_rate,
        real.channels,
        real.subtype,
    )
    assert render(catalog, "S", tmp_path / "s.wav", dry_run=True).number == 1


def test_a_full_disk_leaves_the_old_file(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    render(catalog, "S", tmp_path / "s.wav")
    before = (tmp_path / "s.wav").read_bytes()

    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(CatalogError, match="No space left"):
        render(catalog, "S", tmp_path / "s.wav")
    assert (tmp_path / "s.wav").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_killed_render_leaves_the_old_file_and_the_next_one_removes_its_temporary_file(
    catalog: Catalog, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    render(catalog, "S", tmp_path / "s.wav")
    before = (tmp_path / "s.wav").read_bytes()
    code = (
        "import os, signal, sys\n"
        "from thresher import Catalog\n"
        "from thresher.catalog.audio.encoding import AudioWriter\n"
        "from thresher.curation.renderings.render import render\n"
        "write = AudioWriter.write\n"
        "def once(self, block):\n"
        "    write(self, block)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "AudioWriter.write = once\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    render(catalog, 'S', sys.argv[2])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(for_processes(catalog)), str(tmp_path / "s.wav")],
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "s.wav").read_bytes() == before
    assert len(list(tmp_path.glob("s.wav.*.part"))) == 1
    own = tmp_path / f"s.wav.{os.getppid()}.part"  # of a program that runs
    own.touch()
    assert render(catalog, "S", tmp_path / "s.wav").same_bytes is True
    assert list(tmp_path.glob("*.part")) == [own]


@pytest.mark.long
def test_two_renders_to_one_file_at_once_leave_a_whole_file(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    sha256 = render(catalog, "S", tmp_path / "other.wav").sha256
    code = (
        "import sys, time\n"
        "from thresher import Catalog\n"
        "from thresher.catalog.audio.encoding import AudioWriter\n"
        "from thresher.curation.renderings.render import render\n"
        "write = AudioWriter.write\n"
        "def slowly(self, block):\n"
        "    time.sleep(0.1)\n"
        "    write(self, block)\n"
        "AudioWriter.write = slowly\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    render(catalog, 'S', sys.argv[2], overwrite=True)\n"
    )
    command = [sys.executable, "-c", code, str(for_processes(catalog)), str(tmp_path / "s.wav")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(each.communicate()[1], each.returncode) for each in both] == [(b"", 0), (b"", 0)]
    assert sha256_file(str(tmp_path / "s.wav")) == sha256
    assert not list(tmp_path.glob("*.part"))


def test_the_longest_possible_file_name_is_written(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    target = tmp_path / f"{'ä' * 125}.wav"
    assert render(catalog, "S", target).path == str(target)
    assert target.is_file()


def test_a_rendering_can_be_written_to_several_files(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    for name in ("a.ogg", "b.ogg", "b.ogg", "a.ogg"):
        assert render(catalog, "S", tmp_path / name).number == 1
    save_song(catalog, "T", ["epoch:10..12"])
    with pytest.raises(UsageError, match='not a rendering of "T"'):
        render(catalog, "T", tmp_path / "b.ogg")


class StoppedError(Exception):
    """Stops a render between two of its steps."""


@pytest.mark.parametrize("step", ["_store", "note_output"])
def test_a_render_that_was_stopped_between_writing_and_storing_is_completed_by_the_same_command(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    target = tmp_path / "clips/s.wav"

    def stop(*_arguments: object, **_options: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(f"thresher.curation.renderings.render.{step}", stop)
        render(catalog, "S", target)
    assert target.exists() is (step == "_store")
    assert ingest(catalog, [tmp_path / "clips"], SERIAL).added == 0
    report = render(catalog, "S", target)
    assert (report.number, report.is_new) == (1, True)
    assert sorted(os.listdir(tmp_path / "clips")).count("s.wav") == 1


def test_an_unstored_file_of_this_plan_is_recognised_by_its_content(catalog: Catalog, tmp_path: Path) -> None:
    """As an older program left it, which noted no outputs; a file of the same format by another hand is kept."""
    save_song(catalog, "S", ["epoch:10..13"])
    render(catalog, "S", tmp_path / "s.wav")
    with writing(catalog) as connection:
        for table in (output, rendering_clip, rendering):
            connection.execute(delete(table))
    assert render(catalog, "S", tmp_path / "s.wav", dry_run=True).number is None
    assert render(catalog, "S", tmp_path / "s.wav").number == 1
    y, rate = soundfile.read(tmp_path / "s.wav", dtype="int16")
    soundfile.write(tmp_path / "mine.wav", -y, rate)
    with pytest.raises(UsageError, match="is not a rendering"):
        render(catalog, "S", tmp_path / "mine.wav")
    assert (soundfile.read(tmp_path / "mine.wav", dtype="int16")[0] == -y).all()


def test_a_render_that_was_stopped_is_replaced_after_the_song_changed(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])

    def stop(*_arguments: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr("thresher.curation.renderings.render._store", stop)
        render(catalog, "S", tmp_path / "s.wav")
    save_song(catalog, "S", ["epoch:20..22"])
    assert render(catalog, "S", tmp_path / "s.wav").clips == 3


def test_a_render_that_finds_the_file_of_another_song_when_it_is_done_keeps_it(
    catalog: Catalog, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    save_song(catalog, "T", ["epoch:20..22"])

    def meanwhile(*_progress: object) -> None:
        if not (tmp_path / "x.wav").exists():
            render(catalog, "T", tmp_path / "x.wav")

    with pytest.raises(UsageError, match='is not a rendering of "S"'):
        render(catalog, "S", tmp_path / "x.wav", progress=meanwhile)
    assert render(catalog, "T", tmp_path / "x.wav").same_bytes


def test_lossy_files_have_the_quality_of_the_song_or_of_the_command(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["1"], SongOptions(artist="Dadabots", album="Coditany"))
    for suffix in (".mp3", ".ogg", ".opus"):
        sizes = [
            os.path.getsize(render(catalog, "S", tmp_path / f"{quality}{suffix}", quality=quality).path)
            for quality in (2, 10)
        ]
        default = tmp_path / f"default{suffix}"
        report = render(catalog, "S", default)
        assert sizes[0] < os.path.getsize(default) < sizes[1]
        kept = render(catalog, "S", tmp_path / f"again{suffix}", rendering=report.number)
        assert kept.same_bytes
        with pytest.raises(UsageError, match="leave out --quality"):
            render(catalog, "S", tmp_path / f"again{suffix}", rendering=report.number, quality=3)
        with soundfile.SoundFile(default) as made:
            assert (made.title, made.artist, made.album) == ("S", "Dadabots", "Coditany")
    difference = since_rendering(catalog, tracklist(catalog, "S"))
    assert difference is not None
    assert difference.is_none


def test_an_opus_file_has_the_next_rate_that_opus_knows(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip
) -> None:
    write_clip(tmp_path / "more/r_epoch_50_0.wav", 50, rate=22_050)
    ingest(catalog, [tmp_path / "more"], SERIAL)
    save_song(catalog, "S", ["epoch:50"])
    report = render(catalog, "S", tmp_path / "s.opus")
    assert (report.container, report.subtype, report.sample_rate) == ("OGG", "OPUS", 24_000)
    with soundfile.SoundFile(tmp_path / "s.opus") as made:
        assert (made.samplerate, made.frames) == (24_000, report.frames)
    again = render(catalog, "S", rendering=report.number, output=tmp_path / "t.opus")
    assert again.same_bytes
    with pytest.raises(UsageError, match=r"rendering 1 is OGG OPUS; give -o FILE\.opus"):
        render(catalog, "S", rendering=report.number, output=tmp_path / "t.ogg")
    difference = since_rendering(catalog, tracklist(catalog, "S"))
    assert difference is not None
    assert difference.is_none


def test_a_song_of_an_older_catalog_keeps_its_tags_and_encoder(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    with writing(catalog) as connection:
        connection.exec_driver_sql("UPDATE song SET file_rule = 1")
    first = render(catalog, "S", tmp_path / "s.ogg")
    with soundfile.SoundFile(tmp_path / "s.ogg") as made:
        assert made.comment == "epoch:10..13"
    save_song(catalog, "S", None, SongOptions(gap=0.0))
    assert render(catalog, "S", tmp_path / "t.ogg", rendering=first.number).same_bytes
    changed = since_rendering(catalog, tracklist(catalog, "S"))
    assert changed is not None
    assert changed.settings == ("the file's tags no longer contain the query",)


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_cover_is_written_into_mp3_and_flac_and_reproduced(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "cover.png").write_bytes(PNG)
    save_song(catalog, "S", ["1"], SongOptions(cover=tmp_path / "cover.png"))
    (tmp_path / "cover.png").unlink()  # the catalog has it
    plain = save_song(catalog, "Plain", ["1"])
    assert plain.settings.cover is None
    for suffix in (".mp3", ".flac"):
        file = tmp_path / f"s{suffix}"
        report = render(catalog, "S", file, manifest=True)
        assert file.read_bytes().count(PNG) == 1
        done = subprocess.run([ffmpeg(), "-i", str(file)], capture_output=True, text=True, check=False)
        assert re.search(r"Video: png.*attached pic", done.stderr)
        y, _ = soundfile.read(file)
        render(catalog, "Plain", tmp_path / f"plain{suffix}")
        assert (y == soundfile.read(tmp_path / f"plain{suffix}")[0]).all()
        again = tmp_path / f"again{suffix}"
        made = reproduce(tmp_path / f"s{suffix}.manifest.json", tmp_path / "clips", again)
        assert (made.same_bytes, again.read_bytes()) == (True, file.read_bytes())
        assert render(catalog, "S", again, rendering=report.number).same_bytes
    save_song(catalog, "S", None, SongOptions(cover=None))
    changed = since_rendering(catalog, tracklist(catalog, "S"))
    assert changed is not None
    assert changed.settings == ("the cover changed",)


@pytest.mark.parametrize(
    ("name", "left_out"), [("s.wav", True), ("s.ogg", True), ("s.opus", True), ("s.flac", False)]
)
def test_a_render_says_that_a_format_holds_no_cover(
    catalog: Catalog, tmp_path: Path, name: str, left_out: bool
) -> None:
    (tmp_path / "cover.png").write_bytes(PNG)
    save_song(catalog, "S", ["1"], SongOptions(cover=tmp_path / "cover.png"))
    assert render(catalog, "S", tmp_path / name, dry_run=True).cover_left_out == left_out
    save_song(catalog, "S", None, SongOptions(cover=None))
    assert not render(catalog, "S", tmp_path / name, dry_run=True).cover_left_out


def test_a_damaged_cover_is_found_and_never_written(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "cover.png").write_bytes(PNG)
    save_song(catalog, "S", ["1"], SongOptions(cover=tmp_path / "cover.png"))
    with writing(catalog) as connection:
        connection.execute(update(cover).values(content=b"\0"))
    with pytest.raises(CatalogError, match="song save NAME --cover FILE"):
        render(catalog, "S", tmp_path / "s.mp3")
    assert "cover image" in verify(catalog).database[0]
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(UsageError, match="not a PNG or JPEG"):
        save_song(catalog, "S", None, SongOptions(cover=tmp_path / "text.png"))


def ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def test_a_file_that_changes_while_it_is_rendered_makes_no_rendering(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    *_, last = tracklist(catalog, "S").tracks
    changed = catalog.root / last.path

    def meanwhile(*_progress: object) -> None:
        write_clip(changed, 99, 8.0)

    with pytest.raises(NotFoundError, match=r"1 file changed while the song was made \(.*\.wav\)"):
        render(catalog, "S", tmp_path / "s.wav", manifest=True, progress=meanwhile)
    assert not list(tmp_path.glob("s.wav*"))
    assert renderings(catalog, "S") == []


def test_a_file_that_goes_after_it_was_read_does_not_stop_a_render(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    first = catalog.root / tracklist(catalog, "S").tracks[0].path
    made = render(catalog, "S", tmp_path / "s.wav", progress=lambda *_progress: first.unlink(missing_ok=True))
    assert made.number == 1
