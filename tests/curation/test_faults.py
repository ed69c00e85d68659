"""Damaged files, unusual input and failing systems: each gets a status and a reason, and the rest is ingested."""

from __future__ import annotations

import importlib
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import Engine, event, text

from tests.catalog.audio_files import encoded
from tests.support import RATE, writing
from thresher.catalog.audio import ffmpeg_decoder
from thresher.catalog.catalog import Catalog
from thresher.curation.analysis import decoded
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, AnalysisTask
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.report import IngestReport
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song
from thresher.errors import BackendMissingError, CatalogError, ConfigError, QueryError
from thresher.signal.features import fingerprint
from thresher.signal.features.trim_settings import TrimSettings


@pytest.fixture
def folder(tmp_path: Path, write_clip: Any) -> Path:
    """A folder with one good clip; the tests add bad files to it."""
    write_clip(tmp_path / "clips" / "good.wav", 1)
    return tmp_path / "clips"


def status_of(catalog: Catalog, name: str) -> tuple[str, str]:
    found = show_clip(catalog, f"clips/{name}")
    return found.clip.status, found.reason or ""


def good_is_there(catalog: Catalog) -> bool:
    return [row.path for row in list_clips(catalog, "status:ok")] == ["clips/good.wav"]


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".mp3"])
def test_a_truncated_file_is_reported_and_what_decodes_is_kept(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions, suffix: str
) -> None:
    path = folder / f"cut{suffix}"
    soundfile.write(path, sound(2, 12.0)[:, 0], RATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * 0.6)])
    report = ingest(catalog, [folder], serial)
    assert [failure.status for failure in report.failures] == ["truncated"]
    assert status_of(catalog, f"cut{suffix}")[0] == "truncated"
    found = show_clip(catalog, f"clips/cut{suffix}")
    assert found.fingerprint_words > 10
    assert found.clip.seconds is not None
    assert 4 < found.clip.seconds < 9
    assert good_is_there(catalog)


def flipped_flac(path: Path, y: np.ndarray) -> None:
    soundfile.write(path, y, RATE)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 4_000):
        content[place] ^= 0xFF
    path.write_bytes(content)


def header(channels: int, rate: int, data: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * max(1, channels) % 2**32, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("zero.wav", b""),
        ("text.wav", b"Dear diary, today I trained a network."),
        ("half.wav", header(1, RATE)[:20]),
        ("channels.wav", header(65_535, RATE, bytes(8_000))),
        ("nochannels.wav", header(0, RATE, bytes(8_000))),
        ("norate.wav", header(1, 0, bytes(8_000))),
    ],
)
def test_a_file_without_usable_header_is_unreadable_and_reported_once(
    catalog: Catalog, folder: Path, serial: IngestOptions, name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    report = ingest(catalog, [folder], serial)
    assert [failure.status for failure in report.failures] == ["unreadable"]
    status, reason = status_of(catalog, name)
    assert status == "unreadable"
    assert reason
    assert good_is_there(catalog)
    assert ingest(catalog, [folder], serial).failures == ()


def test_a_flac_with_flipped_bytes_keeps_what_decodes(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions
) -> None:
    flipped_flac(folder / "flipped.flac", sound(2, 4.0)[:, 0])
    ingest(catalog, [folder], serial)
    status, reason = status_of(catalog, "flipped.flac")
    assert status == "truncated"
    assert "of 4.00 s: " in str(reason)
    assert "flac" in str(reason)
    found = show_clip(catalog, "clips/flipped.flac")
    assert 3.0 * RATE < (found.frames or 0) < 4.0 * RATE


def test_ffmpeg_decodes_what_libsndfile_cannot(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions
) -> None:
    encoded(folder / "song.m4a", sound(3, 4.0))
    (folder / "cover.png").write_bytes(b"no sound")
    report = ingest(catalog, [folder], serial)
    assert (report.added, report.failures) == (2, ())
    assert (report.ignored, report.ignored_suffixes) == (1, {".png": 1})
    found = show_clip(catalog, "clips/song.m4a")
    assert (found.clip.status, found.decoder, found.container, found.subtype) == (
        "ok",
        "ffmpeg",
        "MP4",
        "AAC",
    )
    assert found.frames == pytest.approx(4 * RATE, abs=0.1 * RATE)
    save_song(catalog, "S", ["path:clips"])
    first = render(catalog, "S", folder.parent / "s.wav")
    again = render(catalog, "S", folder.parent / "again.wav", rendering=1)
    assert (first.clips, again.same_bytes, again.decoder_changes) == (2, True, ())
    with writing(catalog) as connection:
        connection.execute(text("UPDATE rendering_clip SET decoder_version = '1.0' WHERE decoder = 'ffmpeg'"))
    (note,) = render(catalog, "S", folder.parent / "once_more.wav", rendering=1, dry_run=True).decoder_changes
    assert "1 lossy clip was decoded by ffmpeg 1.0" in note


def test_without_ffmpeg_the_file_is_listed_with_the_reason(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded(folder / "song.m4a", sound(3, 4.0))
    monkeypatch.setattr(ffmpeg_decoder, "find_ffmpeg", lambda: None)
    report = ingest(catalog, [folder], serial)
    (failure,) = report.failures
    assert (failure.path, failure.status) == ("clips/song.m4a", "unreadable")
    assert "only ffmpeg can decode this; install it with" in failure.reason
    monkeypatch.undo()
    assert reanalyse(catalog, ["status:unreadable"], executor="serial").analysed == 1
    assert show_clip(catalog, "clips/song.m4a").clip.status == "ok"


def test_a_header_without_audio_is_empty(catalog: Catalog, folder: Path, serial: IngestOptions) -> None:
    (folder / "empty.wav").write_bytes(header(1, RATE))
    report = ingest(catalog, [folder], serial)
    assert [failure.status for failure in report.failures] == ["empty"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_file_with_nan_or_infinity_is_never_scored_or_rendered(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions, value: float
) -> None:
    y = sound(2, 4.0)[:, 0]
    y[20_000] = value
    soundfile.write(folder / "nan.wav", y, RATE, "FLOAT")
    report = ingest(catalog, [folder], serial)
    assert [failure.status for failure in report.failures] == ["non_finite"]
    found = show_clip(catalog, "clips/nan.wav")
    assert (found.fingerprint_words, found.nearest) == (0, ())
    save_song(catalog, "S", ["path:clips"])
    assert render(catalog, "S", folder.parent / "s.wav").clips == 1


@pytest.mark.parametrize("channels", [3, 4, 5, 6, 7, 8])
def test_three_to_eight_channels_are_analysed(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions, channels: int
) -> None:
    soundfile.write(folder / "many.wav", sound(3, 4.0, channels=channels), RATE)
    ingest(catalog, [folder], serial)
    found = show_clip(catalog, "clips/many.wav")
    assert (found.clip.status, found.clip.channels) == ("ok", channels)


def test_channels_that_cancel_are_analysed_by_the_loudest_one(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions
) -> None:
    y = sound(3, 4.0)[:, 0]
    soundfile.write(folder / "cancel.wav", np.column_stack([0.5 * y, -0.5 * y]), RATE)
    soundfile.write(folder / "mono.wav", 0.5 * y, RATE)
    ingest(catalog, [folder], serial)
    assert show_clip(catalog, "clips/cancel.wav").mono_channel in (0, 1)
    assert show_clip(catalog, "clips/cancel.wav").nearest[0].score > 0.95


@pytest.mark.parametrize("rate", [2_000, 192_000])
def test_very_low_and_high_sample_rates_are_analysed(
    catalog: Catalog, folder: Path, sound: Any, serial: IngestOptions, rate: int
) -> None:
    soundfile.write(folder / "odd.wav", sound(4, 5.0, rate=rate), rate, "FLOAT")
    ingest(catalog, [folder], serial)
    found = show_clip(catalog, "clips/odd.wav")
    assert found.clip.status == "ok"
    assert found.fingerprint_words >= 15


def test_a_long_file_is_analysed_up_to_the_length_limit_with_a_warning(
    tmp_path: Path, sound: Any, serial: IngestOptions
) -> None:
    Catalog.create(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[audio]\nmax_length = "0:05"\n')
    soundfile.write(tmp_path / "long.wav", sound(4, 9.0), RATE)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        report = ingest(catalog, [tmp_path / "long.wav"], serial)
        found = show_clip(catalog, "1")
    assert found.clip.status == "ok"
    assert found.reason == "analysed up to 0:05 of 0:09"
    assert report.warnings == ("long.wav: analysed up to 0:05 of 0:09",)
    assert found.end is not None
    assert found.end <= 5.0


def test_a_file_too_large_for_memory_gets_the_same_analysis(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.fsencode(folder / "good.wav")
    status = os.stat(path)
    task = AnalysisTask(path, status.st_size, status.st_mtime_ns, TrimSettings(), "auto", 7200.0)
    kept = analyse(task)
    monkeypatch.setattr(decoded, "MEMORY_FRAMES", 10)
    again = analyse(task)
    assert isinstance(kept, Analysis)
    assert isinstance(again, Analysis)
    np.testing.assert_array_equal(kept.whole.fingerprint, again.whole.fingerprint)
    np.testing.assert_array_equal(kept.whole.profile, again.whole.profile)
    wholes = [replace(each.whole, fingerprint=None, profile=None) for each in (kept, again)]
    assert wholes[0] == wholes[1]
    assert replace(kept, whole=wholes[0]) == replace(again, whole=wholes[1])


@pytest.mark.parametrize("kind", ["zero", "dc", "lsb"])
def test_silence_is_not_scored_and_not_in_songs(
    catalog: Catalog, folder: Path, serial: IngestOptions, kind: str
) -> None:
    generator = np.random.default_rng(0)
    y = {
        "zero": np.zeros(5 * RATE, np.int16),
        "dc": np.full(5 * RATE, 12_000, np.int16),
        "lsb": generator.integers(-1, 2, size=5 * RATE).astype(np.int16),
    }[kind]
    soundfile.write(folder / "quiet.wav", y, RATE)
    report = ingest(catalog, [folder], serial)
    assert report.findings == {"silent": 1}
    assert report.failures == ()
    assert report.scoring is not None
    assert report.scoring.clips == 1
    assert [row.path for row in list_clips(catalog, "status:silent")] == ["clips/quiet.wav"]
    save_song(catalog, "S", [])
    assert render(catalog, "S", folder.parent / "s.wav").clips == 1


def test_a_too_short_clip_can_be_rated_and_rendered(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(folder / "short.wav", 5, 2.0)
    report = ingest(catalog, [folder], serial)
    assert report.findings == {"too_short": 1}
    judging.rate(catalog, ["path:clips/short.wav"], 5)
    assert [row.rating for row in list_clips(catalog, "rating:5")] == [5]
    save_song(catalog, "S", [])
    assert render(catalog, "S", folder.parent / "s.wav").clips == 2


def test_unrelated_noises_are_not_called_copies(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    for seed in (1, 2):
        noise = np.random.default_rng(seed).normal(scale=0.1, size=12 * RATE)
        soundfile.write(folder / f"noise{seed}.wav", noise, RATE)
    ingest(catalog, [folder], serial)
    assert show_clip(catalog, "clips/noise1.wav").nearest[0].score < 0.95


NAMES = [
    b"not-utf8-\xff\xfe.wav",
    b"new\nline.wav",
    b"quo'te\".wav",
    b"20:17:59_0.wav",
    "🦈 emoji.wav".encode(),
    b"x" * 251 + b".wav",
    b"<script>alert(1)</script>"[:24].replace(b"/", b"") + b".wav",
    b"[red]markup.wav",
    b" -rf.wav",
]


@pytest.mark.parametrize("name", NAMES)
def test_unusual_file_names_are_catalogued_shown_and_rendered(
    catalog: Catalog, folder: Path, serial: IngestOptions, name: bytes
) -> None:
    target = os.path.join(os.fsencode(folder), name)
    os.rename(folder / "good.wav", target)
    assert ingest(catalog, [folder], serial).added == 1
    (row,) = list_clips(catalog)
    assert row.path is not None
    assert row.path.isprintable()
    row.path.encode("utf-8")
    save_song(catalog, "S", [])
    assert render(catalog, "S", folder.parent / "s.wav").clips == 1


def test_a_symlink_loop_is_visited_once(catalog: Catalog, folder: Path, serial: IngestOptions) -> None:
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "sub").mkdir()
    (folder / "sub" / "up").symlink_to(folder.parent, target_is_directory=True)
    report = ingest(catalog, [folder], serial)
    assert (report.added, report.copies, report.failures) == (1, 0, ())


def test_an_unreadable_folder_is_reported_and_its_files_stay_known(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(folder / "locked" / "hidden.wav", 7)
    ingest(catalog, [folder], serial)
    real = os.scandir

    def scandir(path: Any) -> Any:
        if os.fsencode(path).endswith(b"locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    def lstat(path: Any, *arguments: Any, **keywords: Any) -> Any:
        if b"hidden" in os.fsencode(path):
            raise PermissionError(13, "Permission denied")
        return real_lstat(path, *arguments, **keywords)

    real_lstat = os.lstat
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "lstat", lstat)
    report = ingest(catalog, [folder], serial)
    assert [(failure.status, failure.reason) for failure in report.failures] == [
        ("unreadable folder", "Permission denied")
    ]
    assert report.missing == 0


def test_a_file_without_read_permission_is_reported_once_and_ingested_later(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(folder / "secret.wav", 8)
    real = os.open

    def refuse(path: Any, *arguments: Any, **keywords: Any) -> int:
        if b"secret" in os.fsencode(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        report = ingest(catalog, [folder], serial)
        assert [failure.reason for failure in report.failures] == ["Permission denied"]
        assert report.added == 1
        assert ingest(catalog, [folder], serial).failures == ()
    assert ingest(catalog, [folder], serial).failures == ()
    assert status_of(catalog, "secret.wav")[0] == "ok"


def test_fifos_sockets_and_devices_are_reported_but_not_opened(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    os.mkfifo(folder / "pipe.wav")
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(folder)
    try:
        listener.bind("socket.wav")
    finally:
        os.chdir(here)
    (folder / "device.wav").symlink_to("/dev/zero")
    report = ingest(catalog, [folder], serial)
    listener.close()
    assert report.added == 1
    assert [Path(failure.path).name for failure in report.failures] == [
        "device.wav",
        "pipe.wav",
        "socket.wav",
    ]
    assert "FIFO" in report.failures[1].reason


def grow_between(monkeypatch: pytest.MonkeyPatch, path: Path, times: int) -> None:
    """Append to a file after each of its first `times` hashes."""
    from thresher.catalog.files import files as module

    real, left = module.sha256_file, [times]

    def hashed(given: bytes) -> str:
        digest = real(given)
        if os.fsdecode(given) == str(path) and left[0] > 0:
            left[0] -= 1
            with path.open("ab") as stream:
                stream.write(bytes(64))
        return digest

    monkeypatch.setattr(module, "sha256_file", hashed)


@pytest.mark.parametrize(("times", "taken"), [(1, True), (5, False)])
def test_a_file_still_being_written_is_retried_then_left_to_the_next_ingest(
    catalog: Catalog,
    folder: Path,
    write_clip: Any,
    serial: IngestOptions,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
    taken: bool,
) -> None:
    catalog.file.write_text("[ingest]\nsettle = 0.05\n")
    path = write_clip(folder / "writing.wav", 9)
    with Catalog.open(catalog.file) as quick:
        with monkeypatch.context() as patch:
            grow_between(patch, path, times)
            report = ingest(quick, [folder], serial)
        assert report.added == (2 if taken else 1)
        assert [failure.status for failure in report.failures] == ([] if taken else ["unsettled"])
        ingest(quick, [folder], serial)
        assert len(list_clips(quick)) == 2


def test_a_file_removed_during_the_ingest_is_reported_as_missing(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = write_clip(folder / "gone.wav", 10)

    def remove(stage: str, _done: int, _total: int) -> None:
        if stage == "scanning":
            return
        path.unlink(missing_ok=True)

    write_clip(folder / "a.wav", 11)
    report: IngestReport = ingest(catalog, [folder], serial, remove)
    assert report.added == 2
    assert [failure.status for failure in report.failures] == ["missing"]


POISON = """
import signal

from thresher.curation.analysis import analyse as analysis


def analyse(task):
    if b"poison" in task.path:
        signal.raise_signal(signal.SIGSEGV)
    return analysis.analyse(task)
"""


def test_a_decoder_crash_costs_only_the_file_that_causes_it(
    catalog: Catalog, folder: Path, write_clip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(6):
        write_clip(folder / f"{'poison' if index in (1, 4) else 'clip'}{index}.wav", 30 + index, 0.4)
    (tmp_path / "poisonous.py").write_text(POISON)
    monkeypatch.syspath_prepend(tmp_path)  # workers search for modules on their parent's path
    poisonous = importlib.import_module("poisonous")
    monkeypatch.setattr("thresher.curation.ingest.reading.analyse_file", poisonous.analyse)
    report = ingest(catalog, [folder], IngestOptions(executor="processes:2"))
    assert [(Path(one.path).name, one.status, one.reason) for one in report.failures] == [
        ("poison1.wav", "unreadable", "decoder crashed"),
        ("poison4.wav", "unreadable", "decoder crashed"),
    ]
    assert report.added == 7
    crashed = [(row.id, row.path) for row in list_clips(catalog, "status:unreadable")]
    assert crashed == [(6, "clips/poison1.wav"), (7, "clips/poison4.wav")]
    assert len(list_clips(catalog, "status:too_short")) == 4
    again = ingest(catalog, [folder], IngestOptions(executor="processes:2"))
    assert (again.unchanged, again.failures) == (7, ())


@pytest.fixture
def small_disk() -> Iterator[list[int]]:
    """Limit the growth of every database to the number of bytes in the list; no limit while it is empty."""
    limit: list[int] = []

    def configure(connection: Any, _record: object) -> None:
        if limit:
            size, pages = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count")
            )
            connection.execute(f"PRAGMA max_page_count={pages + limit[0] // size}")

    event.listen(Engine, "connect", configure)
    yield limit
    event.remove(Engine, "connect", configure)


@pytest.mark.sqlite_only("a file on a disk of this machine")
def test_a_full_disk_rolls_back_and_the_next_ingest_completes(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions, small_disk: list[int]
) -> None:
    ingest(catalog, [folder], serial)
    for index in range(40):
        write_clip(folder / f"new{index}.wav", 40 + index, 3.0 if index < 5 else 0.3)
    before = [(row.id, row.path) for row in list_clips(catalog)]
    with catalog.reading() as connection:
        batches = connection.execute(text("SELECT id, added FROM batch")).all()
    small_disk.append(8_192)
    with pytest.raises(CatalogError, match="no space left on the disk") as caught:
        ingest(catalog, [folder], serial)
    assert "\n" not in str(caught.value)
    small_disk.clear()
    assert [(row.id, row.path) for row in list_clips(catalog)] == before
    with catalog.reading() as connection:
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
        assert connection.execute(text("SELECT id, added FROM batch")).all() == batches
    assert ingest(catalog, [folder], serial).added == 40


@pytest.mark.sqlite_only("a lock of the whole catalog")
def test_a_locked_catalog_names_the_program_that_holds_it(
    catalog: Catalog, folder: Path, serial: IngestOptions
) -> None:
    catalog.file.write_text("[catalog]\nbusy_timeout = 0.1\n")
    code = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(catalog.root / "catalog.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with Catalog.open(catalog.file) as impatient:
        holder.stdout.readline()
        with pytest.raises(CatalogError, match=r"is locked by .*; wait until it ends, or stop it"):
            ingest(impatient, [folder], serial)
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
        assert ingest(impatient, [folder], serial).added == 1


def test_a_file_replaced_by_a_fifo_during_the_ingest_is_reported(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions
) -> None:
    path = write_clip(folder / "later.wav", 10)
    fifo = folder.parent / "fifo"
    os.mkfifo(fifo)

    def take(stage: str, _done: int, _total: int) -> None:
        if stage == "analysing" and path.is_file():
            fifo.replace(path)  # in one step: the file may be open for hashing

    write_clip(folder / "a.wav", 11)
    report = ingest(catalog, [folder], serial, take)
    assert report.added == 2
    assert [(Path(one.path).name, one.reason) for one in report.failures] == [
        ("later.wav", "not a regular file")
    ]


def test_an_unusable_file_is_reported_once(catalog: Catalog, folder: Path, serial: IngestOptions) -> None:
    os.mkfifo(folder / "pipe.wav")
    (folder / "lost.wav").symlink_to(folder / "nowhere.wav")
    (folder / "text.wav").write_text("no audio")
    assert len(ingest(catalog, [folder], serial).failures) == 3
    again = ingest(catalog, [folder], serial)
    assert (again.failures, again.batch, again.files) == ((), None, 4)


def test_verify_finds_flipped_bytes_and_repairs_them(
    catalog: Catalog, folder: Path, write_clip: Any, serial: IngestOptions
) -> None:
    from thresher.curation.ingest.verify import verify

    for index in range(3):
        write_clip(folder / f"more{index}.wav", 20 + index)
    ingest(catalog, [folder], serial)
    assert verify(catalog).is_sound
    with writing(catalog) as connection:
        connection.execute(text("UPDATE clip SET fingerprint = zeroblob(length(fingerprint)) WHERE id = 2"))
        connection.execute(text("UPDATE score_row SET scores = zeroblob(length(scores)) WHERE position = 3"))
    found = verify(catalog)
    assert (found.fingerprints, found.score_rows) == ((2,), {"prefix": (3,)})
    save_song(catalog, "S", [])
    with pytest.raises(CatalogError, match="thresher verify --repair"):
        render(catalog, "S", folder.parent / "s.wav")
    catalog.file.write_text('[ingest]\nexecutor = "serial"\n')
    with Catalog.open(catalog.file) as serial_catalog:
        assert verify(serial_catalog, repair=True).repair is not None
        assert verify(serial_catalog).is_sound
    assert render(catalog, "S", folder.parent / "s.wav").clips == 4


def test_wrong_settings_are_refused_with_the_nearest_key(catalog: Catalog) -> None:
    for content, words in (
        ("[trim]\ntop = 3\n", "top_db"),
        ('[trim]\ntop_db = "fifty"\n', "fifty"),
        ("[trimm]\ntop_db = 3\n", "trim"),
        ("[[provenance]]\nname = 'x'\npattern = '(?P<Epoch>1)'\n", "epoch"),
        ("[trim\n", "line"),
    ):
        catalog.file.write_text(content)
        with pytest.raises(ConfigError, match=words):
            Catalog.open(catalog.file)


def test_an_unknown_query_field_is_refused_with_its_position(catalog: Catalog) -> None:
    with pytest.raises(QueryError, match="did you mean epoch") as caught:
        list_clips(catalog, "run:a epock:3")
    assert caught.value.position == 6


def test_an_ingest_without_a_fingerprint_backend_changes_nothing(
    catalog: Catalog, folder: Path, serial: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_preferred: str) -> Any:
        raise BackendMissingError("nothing here")

    monkeypatch.setattr("thresher.curation.ingest.ingest.find_backend", none)
    with pytest.raises(BackendMissingError):
        ingest(catalog, [folder], serial)
    assert list_clips(catalog) == []
    assert fingerprint.BACKENDS


def test_samples_too_large_for_float32_do_not_stop_the_ingest(
    catalog: Catalog, serial: IngestOptions
) -> None:
    """The powers of these samples are infinite in single precision."""
    catalog.file.write_text("")
    with Catalog.open(catalog.file) as full:
        huge = np.random.default_rng(0).normal(size=40_000) * 1e37
        soundfile.write(catalog.root / "huge.wav", huge.astype(np.float32), 44_100, "FLOAT")
        soundfile.write(catalog.root / "good.wav", np.random.default_rng(1).normal(size=40_000) * 0.1, 44_100)
        report = ingest(full, [catalog.root], serial)
        assert report.added == 2
        assert [clip.status for clip in list_clips(full, "path:good.wav")] == ["too_short"]
        assert len(list_clips(full, "path:huge.wav status:")) == 1
