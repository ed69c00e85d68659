"""Catalogs: a small one made by plain inserts, and two with ingested clips to make songs of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.support import (
    PREFIX_ONLY,
    RATE,
    MakeCatalog,
    MakeSound,
    WriteClip,
    copy_folder,
    is_being_written,
    writing,
)
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, schema
from thresher.catalog.settings.sections import MetricsSection, Settings, trim_key
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.songs import save_song

TODAY = trim_key(Settings().trim)
FRAMES = 160_000  # of 16 kHz: 10 s
NEAR = 0.6999999880790710  # 0.7 as float32

RECORDINGS = [
    # id, status, role, checkpoint, pinned
    (1, "ok", "generated", 1, False),
    (2, "silent", "generated", 1, False),  # at three locations of three checkpoints
    (3, "ok", "generated", 3, True),  # corrected from checkpoint 2
    (4, "ok", "reference", None, False),
    (5, "too_short", "generated", None, False),
    (6, "unreadable", "generated", 2, False),
    (7, "ok", "generated", 1, False),  # split into two parts, one of them also marked
]
LOCATIONS = [
    # recording, checkpoint, path, missing since
    (1, 1, "out/a b.wav", 100.0),
    (1, 1, "copy/a.wav", None),
    (1, 2, "copy/z.wav", None),
    (2, 1, "e10/s.wav", None),
    (2, 2, "e20/s.wav", None),
    (2, 3, "e30/s.wav", 200.0),
    (3, 2, "out/c.wav", None),
    (4, None, "/data/r.wav", None),
    (5, None, "gone/early.wav", 300.0),
    (5, None, "gone/late.wav", 400.0),
    (6, 2, "out/broken.wav", None),
    (7, 1, "out/parts.wav", None),
    (None, 2, "out/locked.wav", None),
]
CLIPS = [
    # id, recording, kind, ordinal, start, end, rating, rejected, note, trim, fingerprint
    (1, 1, "whole", 0, 16_000, 96_000, 4, False, "first", TODAY, bytes(40)),
    (2, 2, "whole", 0, 0, 0, None, False, None, TODAY, None),
    (3, 3, "whole", 0, 0, 160_000, 1, True, None, "{}", bytes(40)),
    (4, 4, "whole", 0, 0, 160_000, None, False, None, TODAY, bytes(40)),
    (5, 5, "whole", 0, 0, 16_000, None, False, None, TODAY, None),
    (6, 6, "whole", 0, 0, 0, None, False, None, TODAY, None),
    (7, 7, "part", 0, 0, 48_000, 3, False, None, TODAY, bytes(40)),
    (8, 7, "part", 1, 80_000, 112_000, None, False, None, TODAY, None),
    (9, 7, "marked", 0, 0, 160_000, 5, False, None, "", None),
]


def fill(catalog: Catalog) -> None:
    def add(table: Any, names: str, rows: Sequence[Sequence[Any]]) -> None:
        connection.execute(table.insert(), [dict(zip(names.split(), row, strict=True)) for row in rows])

    with writing(catalog) as connection:
        add(
            schema.batch,
            "id started_at finished_at paths options files added failed",
            [
                (1, 10.0, 20.0, '["out"]', '{"role":"generated"}', 9, 7, 1),
                (2, 30.0, None, "[]", "{}", 0, 0, 0),
            ],
        )
        names = "id run epoch step"
        add(schema.checkpoint, names, [(1, "b", 10, 5), (2, "b", 20, None), (3, "a", 30, 7), (4, "z", 1, 1)])
        names = "id status role checkpoint_id checkpoint_pinned sha256 batch_id sample_rate channels frames"
        rate = {"unreadable": (None, None, None)}
        rows = [(*row, f"{row[0]:064}", 1, *rate.get(row[1], (16_000, 1, FRAMES))) for row in RECORDINGS]
        add(schema.recording, names, rows)
        names = "recording_id checkpoint_id path_text missing_since path sha256 batch_id size mtime_ns reason"
        reason: dict[int | None, str] = {None: "permission denied"}
        rows = [
            (*row, row[2].encode(), f"{row[0] or 0:064}", 1, 1, 1, reason.get(row[0])) for row in LOCATIONS
        ]
        add(schema.location, names, rows)
        names = "id recording_id kind ordinal start_frame end_frame rating rejected note trim fingerprint"
        add(schema.clip, names, CLIPS)
        add(schema.clip_tag, "clip_id tag", [(1, "slow"), (1, "a b"), (1, "Riff"), (7, "riff")])
        names = "location_id key text number"
        rows = [(1, "temperature", "0.9", 0.9), (7, "temperature", "10", 10.0), (2, "prompt", "drums", None)]
        add(schema.attribute, names, [*rows, (1, "rate", "hidden", None), (1, "epoch", "hidden", None)])
        add(schema.metric, "id name version", [(1, "prefix", 1), (2, "other", 3)])
        add(
            schema.nearest,
            "metric_id clip_id other_id score",
            [(1, 1, 7, NEAR), (1, 7, 1, NEAR), (2, 1, 3, 0.5)],
        )
        add(
            schema.score_row,
            "metric_id position clip_id scores crc32 retired",
            [(1, 0, 1, b"", 0, True), (1, 1, 1, b"", 0, False), (1, 2, 7, b"", 0, False)],
        )
        names = "name query ordering metric fade created_at deleted"
        add(
            schema.song,
            names,
            [("s", "rating:4..", "pairs", "prefix", 0.0, 1.0, old) for old in (False, True)],
        )


@pytest.fixture(scope="session")
def small_template(tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog) -> Path:
    """The folder that `small_catalog` is copied from."""
    home = tmp_path_factory.mktemp("small")
    with new_catalog(home) as made:
        fill(made)
    return home


@pytest.fixture
def small_catalog(tmp_path: Path, small_template: Path) -> Iterator[Catalog]:
    """A catalog of seven recordings of every status, nine clips, two batches and a song; its metric is `prefix`."""
    copy_folder(small_template, tmp_path)
    settings = Settings(metrics=MetricsSection(default="prefix"))
    target = database.target_of(settings.catalog.database, tmp_path)
    catalog = Catalog(tmp_path / "catalog.toml", settings, database.connect(target, 1.0))
    yield catalog
    catalog.close()


@pytest.fixture(scope="session")
def seven_clips_template(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    write_clip: WriteClip,
    sound: MakeSound,
    serial: IngestOptions,
) -> Path:
    """Four plain clips, one in stereo at 22.05 kHz, one of floats above full scale, and one of 1 s."""
    home = tmp_path_factory.mktemp("seven")
    clips = home / "clips"
    for index in range(4):
        write_clip(clips / f"run_epoch_{index + 10}_0.wav", index, 4.0 + index / 3)
    write_clip(clips / "run_epoch_20_0.wav", 20, 3.5, rate=22_050, channels=2, subtype="PCM_24")
    soundfile.write(clips / "run_epoch_21_0.wav", 4 * sound(21, 3.5), RATE, "FLOAT")
    write_clip(clips / "run_epoch_22_0.wav", 22, 1.0)
    with new_catalog(home) as made:
        ingest(made, [clips], serial)
    return home


@pytest.fixture
def clip_folder(tmp_path: Path, seven_clips_template: Path) -> Path:
    """The folder of the clips in `seven_clips`."""
    copy_folder(seven_clips_template, tmp_path)
    return tmp_path / "clips"


@pytest.fixture
def seven_clips(clip_folder: Path) -> Iterator[Catalog]:
    """A catalog of seven clips of epochs 10 to 13 and 20 to 22, with the ids 1 to 7, and all metrics."""
    with Catalog.open(clip_folder.parent / "catalog.toml") as made:
        yield made


@pytest.fixture(scope="session")
def bone_template(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    write_clip: WriteClip,
    serial: IngestOptions,
) -> Path:
    """The folder that `bone` is copied from."""
    home = tmp_path_factory.mktemp("bone")
    for epoch in range(8):
        write_clip(home / "clips" / f"run_epoch_{epoch}_0.wav", epoch, 3 + 0.2 * epoch)
    new_catalog(home).close()
    (home / "catalog.toml").write_text(PREFIX_ONLY)
    with Catalog.open(home / "catalog.toml") as made:
        ingest(made, [home / "clips"], serial)
        save_song(made, "Bone", ["epoch:2.."], {"ordering": "epoch+"})
    return home


@pytest.fixture
def bone(tmp_path: Path, bone_template: Path) -> Iterator[Catalog]:
    """Eight clips of epochs 0 to 7, of which the song "Bone" contains those from epoch 2 on: 3 to 8."""
    copy_folder(bone_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Callable[[Catalog], list[bool]]:
    """Note, for each path that is looked up from now on, whether a catalog is being written then."""

    def watch(catalog: Catalog) -> list[bool]:
        looked: list[bool] = []
        realpath = os.path.realpath

        def look(path: Any, **options: Any) -> Any:
            looked.append(is_being_written(catalog))
            return realpath(path, **options)

        monkeypatch.setattr(os.path, "realpath", look)
        return looked

    return watch


@pytest.fixture
def six_clips(tmp_path: Path, write_clip: WriteClip) -> Path:
    """Six clips of three checkpoints."""
    folder = tmp_path / "clips"
    for epoch in (10, 20, 30):
        for index in range(2):
            write_clip(folder / f"death_epoch_{epoch}_{index}.wav", epoch + index)
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The executor of a Dask cluster with two workers in this process, which any test may use."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
    ) as running:
        yield f"dask:{running.scheduler_address}"
