"""Catalogs with a song to render, and a song made of given sounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.support import PREFIX_ONLY, RATE, MakeCatalog, WriteClip, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import RenderReport, render
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist


@pytest.fixture(scope="session")
def rendered_template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, serial: IngestOptions
) -> Path:
    """Five clips, one of them in stereo at another rate and one short, and a song of them."""
    home = tmp_path_factory.mktemp("rendered")
    clips = home / "clips"
    clips.mkdir()
    for index, (seconds, rate, channels) in enumerate(
        [(4, RATE, 1), (3.5, RATE, 1), (4.2, 22_050, 2), (3.7, RATE, 1), (2.9, RATE, 1)]
    ):
        noise = np.random.default_rng(index).normal(scale=0.1, size=(round(seconds * rate), channels))
        soundfile.write(clips / f"run_epoch_{index}_0.wav", noise, rate, "PCM_16")
    with new_catalog(home) as made:
        ingest(made, [clips], serial)
        save_song(made, "Bone", [], {"ordering": "epoch+"})
        render(made, "Bone", home / "bone.wav")
    return home


@pytest.fixture
def rendered(rendered_template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """Five clips of epochs 0 to 4, and the song "Bone" of all of them, rendered once to bone.wav."""
    copy_folder(rendered_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


@pytest.fixture(scope="session")
def three_clips_template(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    write_clip: WriteClip,
    serial: IngestOptions,
) -> Path:
    """The folder that `three_clips` is copied from."""
    home = tmp_path_factory.mktemp("three")
    write_clip(home / "clips/run_epoch_0_0.wav", 0)
    write_clip(home / "clips/run_epoch_1_0.wav", 1, rate=22_050, channels=2)
    write_clip(home / "clips/run_epoch_2_0.wav", 2, 3.3, subtype="FLOAT")
    new_catalog(home).close()
    (home / "catalog.toml").write_text(PREFIX_ONLY)
    with Catalog.open(home / "catalog.toml") as made:
        ingest(made, [home / "clips"], serial)
        save_song(made, "Bone", [], {"ordering": "epoch+"})
    return home


@pytest.fixture
def three_clips(three_clips_template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """Three clips, one in stereo at another rate and one of floats, and the song "Bone" of all of them."""
    copy_folder(three_clips_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


@pytest.fixture
def made(
    catalog: Catalog, serial: IngestOptions, tmp_path: Path
) -> Callable[..., tuple[NDArray[np.float64], RenderReport]]:
    """Ingest sounds, save a song of them with settings, and render it: its samples, and the report."""
    (tmp_path / "clips").mkdir()

    def make(
        sounds: list[NDArray[np.float64]],
        settings: dict[str, Any],
        *,
        rates: list[int] | None = None,
        subtype: str = "FLOAT",
    ) -> tuple[NDArray[np.float64], RenderReport]:
        for number, (y, rate) in enumerate(zip(sounds, rates or [RATE] * len(sounds), strict=True)):
            soundfile.write(tmp_path / "clips" / f"run_epoch_{number}_0.wav", y, rate, subtype)
        ingest(catalog, [tmp_path / "clips"], serial)
        save_song(catalog, "Bone", [], {"ordering": "epoch+", "subtype": "FLOAT", **settings})
        report = render(catalog, "Bone", tmp_path / "bone.wav")
        y, _ = soundfile.read(tmp_path / "bone.wav", always_2d=True)
        assert len(y) == report.frames == tracklist(catalog, "Bone").frames
        assert verify_song(catalog, "Bone").is_sound
        return y, report

    return make
