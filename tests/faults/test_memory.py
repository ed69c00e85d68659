"""No file, however long, fast or wide, makes a worker use more than 300 MB; a render and a preview neither."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.catalog.audio_files import encoded
from tests.faults.memory import in_a_worker, write_sparse
from thresher.catalog.catalog import Catalog
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, AnalysisTask
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.previews import pictures
from thresher.curation.previews.cache import PreviewCache
from thresher.curation.previews.source import clip_source
from thresher.curation.previews.wav import WavPreview
from thresher.curation.renderings.render import render
from thresher.curation.songs.options import SongOptions
from thresher.curation.songs.songs import save_song
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import Span
from thresher.signal.features.trim_settings import TrimSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux"),
]

MOST = 300.0
"""Megabytes that a worker may use."""

FILES: dict[str, dict[str, Any]] = {
    "1 Hz, two hours": {"rate": 1, "channels": 1, "seconds": 7_200, "sound": 7_200},
    "10 Hz, two hours": {"rate": 10, "channels": 2, "seconds": 7_200, "sound": 7_200},
    "8 kHz, an hour": {"rate": 8_000, "channels": 1, "seconds": 3_600},
    "44.1 kHz, 64-bit floats, 40 minutes": {"rate": 44_100, "channels": 2, "seconds": 2_400, "kind": "<f8"},
    "96 kHz, floats, 80 seconds": {"rate": 96_000, "channels": 2, "seconds": 80, "kind": "<f4", "sound": 80},
    "192 kHz, 8 channels, 6 minutes": {"rate": 192_000, "channels": 8, "seconds": 360},
    "1 MHz, two minutes": {"rate": 1_000_000, "channels": 1, "seconds": 121},
    "44.1 kHz, 65 channels, a minute": {"rate": 44_100, "channels": 65, "seconds": 60},
    "8 kHz, 1,000 channels, 5 seconds": {"rate": 8_000, "channels": 1_000, "seconds": 5},
}


def task_of(path: Path, **more: Any) -> AnalysisTask:
    state = path.stat()
    return AnalysisTask(
        os.fsencode(path),
        state.st_size,
        state.st_mtime_ns,
        TrimSettings(),
        "auto",
        7_200.0,
        describe=True,
        **more,
    )


def check(path: Path, **more: Any) -> Analysis:
    found, memory = in_a_worker(analyse, task_of(path, **more))
    print(f"{path.name}: {memory:.0f} MB, {found.status}, {found.reason}")
    assert isinstance(found, Analysis)
    assert memory <= MOST
    return found


@pytest.mark.parametrize("name", FILES)
def test_any_rate_length_and_number_of_channels_is_analysed(tmp_path: Path, name: str) -> None:
    found = check(write_sparse(tmp_path / f"{name}.wav", **FILES[name]))
    assert (found.status, found.reason) == ("ok", None)


def test_an_hour_is_split_and_marked(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "a.wav", rate=22_050, channels=2, seconds=3_600, sound=3.0, every=20.0)
    found = check(
        path, split=SplitSettings(silence=0.5), spans=(Span(0, 3_000 * 22_050), Span(22_050, 90 * 22_050))
    )
    assert len(found.parts) == 180
    assert [clip.status for clip in found.clips] == ["ok", "ok"]


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3", ".m4a"])
def test_compressed_audio_of_ten_minutes_is_analysed(tmp_path: Path, sound: Any, suffix: str) -> None:
    y = np.tile(sound(1, 10.0, rate=44_100, channels=2), (60, 1))
    if suffix == ".m4a":
        path = encoded(tmp_path / "a.m4a", y, sr=44_100)
    else:
        path = tmp_path / f"a{suffix}"
        with soundfile.SoundFile(path, "w", 44_100, 2) as file:
            for start in range(0, len(y), 65_536):
                file.write(y[start : start + 65_536])
    del y
    assert check(path).status == "ok"


def test_huge_pictures_and_tags_are_not_read(tmp_path: Path, sound: Any) -> None:
    soundfile.write(tmp_path / "a.flac", sound(1, 5.0), 16_000)
    audio = (tmp_path / "a.flac").read_bytes()
    picture = bytes([6]) + (0xFFFFF0).to_bytes(3, "big")  # a block of 16 MB, not the last one
    with (tmp_path / "b.flac").open("wb") as file:
        file.write(audio[:42])
        for _ in range(40):
            file.write(picture)
            file.seek(0xFFFFF0, os.SEEK_CUR)
        file.write(audio[42:])
    assert check(tmp_path / "b.flac").status in ("ok", "unreadable")
    soundfile.write(tmp_path / "a.mp3", sound(1, 5.0), 16_000)
    size = (200 << 20).to_bytes(4, "big")
    number = int.from_bytes(size, "big")
    synchsafe = bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))
    with (tmp_path / "b.mp3").open("wb") as file:
        file.write(b"ID3\x04\0\0" + synchsafe)
        file.seek(10 + number)
        file.write((tmp_path / "a.mp3").read_bytes())
    assert check(tmp_path / "b.mp3").status == "ok"


def rendered(task: tuple[str, str]) -> int:
    """Render a song of the catalog in a folder; return the number of its clips."""
    home, target = task
    with Catalog.open(Path(home, "catalog.toml")) as catalog:
        return render(catalog, "Long", Path(home, target)).clips


def previewed(home: str) -> int:
    """Make all previews of clip 1; return the number of bytes of its sound."""
    with Catalog.open(Path(home, "catalog.toml")) as catalog:
        source, cache = clip_source(catalog, 1), PreviewCache(Path(home))
        pictures.peaks(cache, source)
        pictures.thumbnail(cache, source)
        pictures.spectrum(cache, source, "full")
        preview = WavPreview(source)
        return sum(len(piece) for piece in preview.bytes(0, preview.size - 1))


@pytest.mark.parametrize(
    "files",
    [
        {"rate": 44_100, "channels": 2, "seconds": 300, "count": 12},
        {"rate": 100, "channels": 1, "seconds": 1_200, "count": 1, "sound": 1_200},
        {"rate": 192_000, "channels": 8, "seconds": 100, "count": 1},
    ],
    ids=["an hour", "100 Hz", "192 kHz"],
)
def test_a_render_and_previews_need_no_more_either(tmp_path: Path, files: dict[str, Any]) -> None:
    count = files.pop("count")
    (tmp_path / "clips").mkdir()
    for number in range(count):
        shape = {"sound": 1 + number, **files}
        write_sparse(tmp_path / "clips" / f"{number}.wav", **shape)
    with Catalog.create(tmp_path) as catalog:
        ingest(catalog, [tmp_path / "clips"], IngestOptions(executor="serial", score=False))
        save_song(catalog, "Long", ["path:clips"], SongOptions(order="id+", rate=48_000))
    clips, memory = in_a_worker(rendered, (str(tmp_path), "long.wav"))
    print(f"render: {memory:.0f} MB")
    assert clips == count
    assert memory <= MOST
    size, memory = in_a_worker(previewed, str(tmp_path))
    print(f"previews: {memory:.0f} MB")
    assert size > 0
    assert memory <= MOST
