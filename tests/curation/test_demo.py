"""The demo's training run: the same files every time, read as what they are, and getting better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from thresher.catalog.catalog import Catalog
from thresher.curation.demo import CHECKPOINTS, QUERY, RUN, SONG, write_part
from thresher.curation.ingest import IngestOptions, ingest
from thresher.curation.overview import checkpoints
from thresher.curation.render import render
from thresher.curation.songs import save_song


def test_the_same_files_every_time(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        for part in (1, 2):
            write_part(tmp_path / name, part)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.wav")})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 5 * 8 + 3
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.wav")}
    write_part(tmp_path / "a", 1)
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.wav")}


def test_it_is_ingested_as_what_it_is(catalog: Catalog, tmp_path: Path, serial: IngestOptions) -> None:
    write_part(tmp_path / "run", 1)
    first = ingest(catalog, [tmp_path / "run"], serial)
    write_part(tmp_path / "run", 2)
    second = ingest(catalog, [tmp_path / "run"], serial)
    assert (first.added, dict(first.findings)) == (25, {"silent": 1, "too_short": 1})
    assert [failure.status for failure in first.failures] == ["unreadable"]
    assert (second.added, second.copies, second.unchanged) == (17, 1, 25)
    assert [failure.status for failure in second.failures] == ["truncated"]
    assert first.scoring is not None
    assert second.scoring is not None
    m, n = second.scoring.clips, first.scoring.live
    assert second.scoring.pairs == m * n + m * (m - 1) // 2
    found = [(row.run, row.epoch, row.step) for row in checkpoints(catalog)]
    assert found == [(RUN.removeprefix("exp"), each.epoch, each.step) for each in CHECKPOINTS]
    save_song(catalog, SONG, [QUERY])
    report = render(catalog, SONG, tmp_path / "song.wav")
    assert report.clips == 17


def test_it_gets_better(tmp_path: Path) -> None:
    """The spectrum turns from flat to tonal, and the level from a whisper to music."""
    for part in (1, 2):
        samples = write_part(tmp_path, part)
    flatness, levels = [], []
    for checkpoint in CHECKPOINTS:
        files = sorted(samples.glob(f"sample_e{checkpoint.epoch}_i*_[0124].wav"))
        clips = [soundfile.read(path)[0] for path in files]
        spectra = [np.abs(np.fft.rfft(clip[: 2**15])) ** 2 + 1e-12 for clip in clips]
        flatness.append(np.mean([np.exp(np.log(power).mean()) / power.mean() for power in spectra]))
        levels.append(np.mean([20 * np.log10(np.sqrt(np.mean(clip**2))) for clip in clips]))
    assert flatness[0] > 3 * flatness[1] > 0
    assert min(flatness[:1]) > max(flatness[2:])
    assert levels[0] < -25 < levels[2] < levels[4]
    assert -20 < levels[4] < -10
