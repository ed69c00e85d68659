"""The demo: the same files every time, what they are meant to be, and the whole way from ingest to song."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import checkpoint, location, recording, rendering
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.provenance.provenance import infer
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.report import IngestReport
from thresher.curation.renderings.render import RenderReport, render
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import Tracklist, tracklist
from thresher.demo import synth as demo
from thresher.errors import CatalogError

SERIAL = IngestOptions(executor="serial")
BY_EPOCH = {each.epoch: each for each in demo.CHECKPOINTS}
EPOCHS = sorted(BY_EPOCH)


def name(epoch: int, index: int) -> str:
    return demo.clip_name(BY_EPOCH[epoch], index)


BROKEN = {name(10, 8): "unreadable", name(40, 9): "truncated"}
FINDINGS = {name(1, 3): "silent", name(5, 6): "too_short", name(20, 7): "too_short"}
COPY = name(40, 8)
LOUD = name(40, 1)
STUMP = name(40, 9)


@dataclass(frozen=True)
class Walk:
    """The demo walked through twice, in the CLI's order."""

    home: Path
    catalog: Catalog
    reports: tuple[IngestReport, ...]
    song: Tracklist
    renders: tuple[RenderReport, ...]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    home = tmp_path_factory.mktemp("demo")
    demo.claim(home)
    reports, renders = [], []
    with Catalog.create(home) as catalog:
        for _ in range(2):
            for part in (1, 2):
                demo.write_part(home / "run", part)
                reports.append(ingest(catalog, [home / "run"], SERIAL))
            save_song(catalog, demo.SONG, [demo.QUERY])
            renders.append(render(catalog, demo.SONG, home / f"{demo.SONG}.wav"))
        yield Walk(home, catalog, tuple(reports), tracklist(catalog, demo.SONG), tuple(renders))


@pytest.fixture(scope="module")
def samples(walk: Walk) -> Path:
    return walk.home / "run" / demo.FOLDER


def clips_of(samples: Path, epoch: int) -> dict[str, np.ndarray]:
    """The whole clips of a checkpoint that hold a sound."""
    found = {}
    for path in sorted(samples.glob(f"sample_e{epoch}_*.wav")):
        if path.name not in BROKEN and FINDINGS.get(path.name) != "silent":
            found[path.name] = soundfile.read(path)[0]
    return found


def digests_in(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def flatness(y: np.ndarray) -> float:
    """Geometric over arithmetic mean of the power spectrum: median of the frames within 25 dB of the loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(y, 1024)[::512] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames)) ** 2 + 1e-20
    power = power[power.sum(axis=1) > power.sum(axis=1).max() * 10**-2.5]
    return float(np.median(np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)))


def level(y: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(y**2))))


# -- the files ---------------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_same_files_every_time(samples: Path, tmp_path: Path) -> None:
    parts = [demo.write_part(tmp_path / str(part), part) for part in (1, 2)]
    assert [len(list(folder.iterdir())) for folder in parts] == [25, 18]
    epochs = [{path.name.split("_")[1] for path in folder.iterdir()} for folder in parts]
    assert epochs == [{"e1", "e5", "e10"}, {"e20", "e40"}]
    digests = digests_in(samples)
    assert digests == digests_in(parts[0]) | digests_in(parts[1])
    assert len(set(digests.values())) == 42  # one copy, and no clip like another


def test_writing_again_touches_nothing_but_what_differs(samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / demo.FOLDER
    shutil.copytree(samples, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    mine = folder / "mine.wav"
    mine.write_bytes(b"my own")
    damaged, removed = folder / name(20, 0), folder / name(40, 8)
    whole = damaged.read_bytes()
    damaged.write_bytes(b"")
    removed.unlink()
    demo.write_part(tmp_path, 2)
    assert damaged.read_bytes() == whole
    assert mine.read_bytes() == b"my own"
    same = before.keys() - {damaged, removed}
    assert {path: path.stat().st_mtime_ns for path in same} == {path: before[path] for path in same}
    assert set(folder.iterdir()) == {*before, mine}


@pytest.mark.long
def test_a_file_that_the_guard_protects_is_not_restored(tmp_path: Path) -> None:
    samples = demo.write_part(tmp_path, 2)
    edited = next(samples.glob("*_e20_*_1.wav"))
    edited.write_bytes(b"edited by hand")
    demo.write_part(tmp_path, 2, OutputGuard(None, [os.fsencode(edited)]))
    assert edited.read_bytes() == b"edited by hand"
    assert not list(samples.glob(".*.part"))


def test_there_are_two_parts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not 3"):
        demo.write_part(tmp_path, 3)
    assert not list(tmp_path.iterdir())


def test_names_say_what_they_are_meant_to(samples: Path) -> None:
    losses = {}
    for path in samples.iterdir():
        found = infer(bytes(path))
        assert found.pattern == "SampleRNN training"
        known = found.provenance
        assert known.run == demo.RUN
        assert known.epoch is not None
        meant = BY_EPOCH[known.epoch]
        assert known.step == meant.step
        losses[known.epoch] = float(known.attributes["valid_loss"])
        assert losses[known.epoch] == meant.valid_loss
        assert float(known.attributes["train_loss"]) == meant.train_loss
        assert float(known.attributes["hours"]) == meant.hours
    assert [losses[epoch] for epoch in EPOCHS] == sorted(losses.values(), reverse=True)


# -- how they sound ----------------------------------------------------------------------------------------


def test_it_gets_better(samples: Path) -> None:
    noisiness = [
        np.median([flatness(y) for y in clips_of(samples, epoch).values()]).item() for epoch in EPOCHS
    ]
    assert noisiness == sorted(noisiness, reverse=True), noisiness
    assert noisiness[0] > 5 * noisiness[-1]


@pytest.mark.parametrize("epoch", [20, 40])
def test_good_checkpoints_are_at_the_level_of_music(samples: Path, epoch: int) -> None:
    for file, y in clips_of(samples, epoch).items():
        assert -20 < level(y) < -10, file


def test_nothing_clips_but_what_is_meant_to_and_nothing_has_an_offset(samples: Path) -> None:
    for epoch in EPOCHS:
        for file, y in clips_of(samples, epoch).items():
            assert abs(y.mean()) < 5e-4, file
            peak = float(np.abs(y).max())
            assert peak == pytest.approx(demo.PEAK_OF_THE_LOUD) if file == LOUD else peak < 0.96, file
    assert soundfile.info(samples / LOUD).subtype == "FLOAT"


def test_clips_are_as_long_as_meant(samples: Path) -> None:
    for epoch in EPOCHS:
        for file, y in clips_of(samples, epoch).items():
            seconds = len(y) / demo.RATE
            assert 1 < seconds < 2.7 if file in FINDINGS else 4 <= seconds <= 8.3, file


def test_the_trapped_network_repeats_itself(samples: Path) -> None:
    def self_likeness(y: np.ndarray) -> float:
        """The highest autocorrelation at lags of 0.5 to 0.95 s."""
        padded = 1 << (2 * len(y)).bit_length()
        correlation = np.fft.irfft(np.abs(np.fft.rfft(y, padded)) ** 2)[: len(y)]
        correlation /= correlation[0] * (1 - np.arange(len(y)) / len(y))
        return float(correlation[demo.RATE // 2 : int(0.95 * demo.RATE)].max())

    trapped = [self_likeness(y) for y in clips_of(samples, 10).values()]
    learnt = [self_likeness(y) for y in clips_of(samples, 40).values()]
    assert min(trapped) > 0.8
    assert max(learnt) < 0.8


def test_near_copies_are_near(samples: Path) -> None:
    quieter, original = (soundfile.read(samples / name(20, index))[0] for index in (5, 2))
    np.testing.assert_allclose(quieter, 0.85 * original, atol=1 / 32768)
    coarse, original = (soundfile.read(samples / name(40, index))[0] for index in (6, 2))
    np.testing.assert_allclose(coarse, original, atol=1 / 256 + 1 / 32768)
    assert not np.array_equal(coarse, original)


@pytest.mark.parametrize(
    "tab",
    [*demo.RIFFS, demo.BREAKDOWN, *demo.LEADS, *(line for b in demo.BEATS for line in vars(b).values())],
)
def test_a_bar_is_sixteen_sixteenths(tab: str) -> None:
    assert len(tab) == 16


# -- from ingest to song -----------------------------------------------------------------------------------


def test_each_file_gets_the_status_it_is_made_for(walk: Walk) -> None:
    with walk.catalog.reading() as connection:
        rows = connection.execute(
            select(location.c.path_text, recording.c.status, checkpoint.c.run, checkpoint.c.epoch)
            .join(recording, recording.c.id == location.c.recording_id)
            .join(checkpoint, checkpoint.c.id == location.c.checkpoint_id)
        ).all()
    assert len(rows) == 43
    for row in rows:
        file = row.path_text.rsplit("/", 1)[1]
        assert row.status == (BROKEN | FINDINGS).get(file, "ok"), file
        assert row.run == demo.RUN
        assert file.startswith(f"sample_e{row.epoch}_")


def test_two_batches_and_then_nothing_new(walk: Walk) -> None:
    first, second, *again = walk.reports
    assert (first.files, first.added, first.copies) == (25, 25, 0)
    assert (second.files, second.added, second.copies, second.unchanged) == (43, 17, 1, 25)
    assert (first.findings, second.findings) == ({"silent": 1, "too_short": 1}, {"too_short": 1})
    assert [failure.status for failure in first.failures] == ["unreadable"]
    assert [failure.status for failure in second.failures] == ["truncated"]
    for report in again:
        assert (report.files, report.unchanged, report.added, report.copies) == (43, 43, 0, 0)
        assert not report.failures
        assert report.batch is None
    for report in walk.reports:
        assert (report.moved, report.missing, report.renderings, report.warnings) == (0, 0, 0, ())


def test_the_second_batch_costs_only_itself(walk: Walk) -> None:
    costs = [report.scoring for report in walk.reports if report.scoring is not None]
    assert len(costs) == 4
    # Clips with a fingerprint: 24 but the silent and the short one; 16 but the short one.
    n, m = 22, 15
    assert (costs[0].clips, costs[0].pairs) == (n, n * (n - 1) // 2)
    assert (costs[1].clips, costs[1].pairs) == (m, m * n + m * (m - 1) // 2)
    assert [cost.pairs for cost in costs[2:]] == [0, 0]


def test_checkpoints_tell_which_to_listen_to(walk: Walk) -> None:
    rows = checkpoints(walk.catalog)
    files = dict(zip(EPOCHS, (8, 8, 9, 8, 10), strict=True))
    assert [(row.run, row.epoch, row.step, row.files) for row in rows] == [
        (demo.RUN, each.epoch, each.step, files[each.epoch]) for each in demo.CHECKPOINTS
    ]
    assert rows[-1].recordings == 9
    assert rows[0].statuses["silent"] == pytest.approx(1 / 8)
    assert rows[4].minutes_kept < rows[4].minutes_generated - 2 / 60  # trimming shows


def test_the_song_holds_what_is_usable_from_epoch_20_on(walk: Walk, samples: Path) -> None:
    files = [track.path.rsplit("/", 1)[1] for track in walk.song.tracks]
    good = {path.name for path in samples.iterdir() if path.name.startswith(("sample_e20_", "sample_e40_"))}
    assert sorted(files) == sorted(good - {COPY, STUMP})
    beside = {frozenset(files[place : place + 2]) for place in range(len(files))}
    assert beside >= {frozenset({name(20, 2), name(20, 5)}), frozenset({name(40, 2), name(40, 6)})}
    (loud,) = [track for track in walk.song.tracks if track.path.endswith(LOUD)]
    assert loud.gain == pytest.approx(1 / demo.PEAK_OF_THE_LOUD)


def test_the_song_renders_to_the_same_bytes_again(walk: Walk) -> None:
    first, second = walk.renders
    assert (first.number, first.is_new) == (1, True)
    assert (second.number, second.is_new, second.same_bytes) == (1, False, True)
    assert first.sha256 == second.sha256
    with walk.catalog.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(rendering)) == 1
    y, rate = soundfile.read(walk.home / f"{demo.SONG}.wav")
    assert (rate, len(y)) == (demo.RATE, walk.song.frames)
    assert -20 < level(y) < -10
    assert np.abs(y).max() <= 1


# -- where it may be written -------------------------------------------------------------------------------


def test_a_demo_takes_a_new_an_empty_and_its_own_folder(tmp_path: Path) -> None:
    new, empty = tmp_path / "a" / "new", tmp_path / "empty"
    empty.mkdir()
    for folder in (new, empty):
        demo.claim(folder)
        (folder / "catalog.toml").write_text("", encoding="utf-8")
        demo.claim(folder)
        assert {path.name for path in folder.iterdir()} == {demo.MARKER, "catalog.toml"}


@pytest.mark.parametrize("file", ["catalog.toml", "notes.txt", ".hidden"])
def test_a_demo_stays_out_of_other_folders(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("mine", encoding="utf-8")
    with pytest.raises(CatalogError, match="contains other files"):
        demo.claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [file]
    with pytest.raises(CatalogError, match="is a file"):
        demo.claim(tmp_path / file)
