"""The folders that commands start from. Each function fills the current folder, in a process of its own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile

import thresher
from tests.support import ROOT, riff, writing
from thresher import Catalog, IngestOptions

RATE = 8_000
SECONDS = 3.2
"""Long enough for a fingerprint."""

LONG_AGO = 1_700_000_000
"""When the audio files were changed, in seconds since 1970: they are settled."""

SETTINGS = """
[ingest]
executor = "serial"

[listen]
player = "true"
"""

WITH_WORKERS = SETTINGS.replace("serial", "processes:1")


def folder() -> None:
    """Audio without a catalog."""
    for name in ("audio", "out", "tmp", "data"):
        Path(name).mkdir()
    for seed, name in enumerate(("10_0.wav", "10_1.wav", "20_0.flac", "20_1.wav")):
        write(Path("audio", f"night_epoch_{name}"), seed)


def write(path: Path, seed: int) -> None:
    """Write the sound of a seed."""
    soundfile.write(path, riff(seed, SECONDS * RATE / 16_000), RATE)
    os.utime(path, (LONG_AGO, LONG_AGO))


def empty() -> None:
    """A catalog without audio, beside a folder of audio."""
    folder()
    Catalog.create(Path()).close()
    Path("catalog.toml").write_text(SETTINGS)


def empty_with_workers() -> None:
    """The same, and files are analysed in processes of their own."""
    empty()
    Path("catalog.toml").write_text(WITH_WORKERS)


def shelf() -> None:
    """Four clips, scored: clip 1 is rated and tagged, clip 4 is rejected. The song "night" has three clips."""
    empty()
    with Catalog.open() as catalog:
        thresher.ingest(catalog, ["audio"])
        thresher.rate(catalog, ["1"], 5)
        thresher.tag(catalog, ["1"], add=["riff"])
        thresher.reject(catalog, ["4"])
        thresher.save_song(catalog, "night", ["epoch:10.."], {"ordering": "chain", "crossfade": 0.25})


def shelf_with_workers() -> None:
    """The same, and files are analysed in processes of their own."""
    shelf()
    Path("catalog.toml").write_text(WITH_WORKERS)


def changed_audio() -> None:
    """A shelf on whose disk one file is new, one was moved, one was overwritten, and one is gone."""
    shelf()
    write(Path("audio/night_epoch_30_0.wav"), 10)
    Path("audio/night_epoch_10_1.wav").rename("audio/night_epoch_15_1.wav")
    write(Path("audio/night_epoch_20_1.wav"), 11)
    Path("audio/night_epoch_20_0.flac").unlink()


def unscored() -> None:
    """Four clips without scores."""
    empty()
    with Catalog.open() as catalog:
        thresher.ingest(catalog, ["audio"], IngestOptions(score=False))


def retired() -> None:
    """A shelf most of whose score rows are retired, as after other settings: `score` compacts first."""
    from thresher.catalog.scores import scores

    shelf()
    with Catalog.open() as catalog, writing(catalog) as connection:
        scores.retire(connection, [1, 2, 3])


def split_and_marked() -> None:
    """A shelf whose clip 1 is split and whose clip 2 has a mark."""
    shelf()
    with Catalog.open() as catalog:
        thresher.split(catalog, ["1"], thresher.SplitSettings(every=1.5), executor="serial")
        thresher.mark(catalog, "2", 0.5, 1.5, name="drop")


def rendered() -> None:
    """A shelf whose song was rendered to out/night.wav, with its manifest, and has another order now."""
    shelf()
    with Catalog.open() as catalog:
        thresher.render(catalog, "night", Path("out/night.wav"), manifest=Path("out/night.json"))
        thresher.save_song(catalog, "night", None, {"ordering": "epoch-"})


def exported() -> None:
    """A shelf whose clips are exported, one of them damaged since, so that an export replaces it."""
    shelf()
    with Catalog.open() as catalog:
        thresher.export_clips(catalog, ["epoch:10"], Path("out"))
    Path("out/night_epoch_10_0.wav").write_bytes(b"not audio")


def pruned() -> None:
    """A shelf whose rejected file is in the trash."""
    shelf()
    with Catalog.open() as catalog:
        thresher.prune(catalog, thresher.plan_prune(catalog))


def two_batches() -> None:
    """A shelf with a second batch."""
    shelf()
    Path("audio/late").mkdir()
    for seed in (20, 21):
        write(Path("audio/late", f"night_epoch_{seed}_0.wav"), seed)
    with Catalog.open() as catalog:
        thresher.ingest(catalog, ["audio/late"])


def other_settings() -> None:
    """A shelf whose trim settings have changed since its audio was analysed."""
    shelf()
    Path("catalog.toml").write_text(SETTINGS + "\n[trim]\ntop_db = 30.0\n")


def damaged() -> None:
    """A shelf with a damaged fingerprint, descriptor and score row."""
    shelf()
    with closing(sqlite3.connect("catalog.db")) as database, database:
        database.execute("UPDATE clip SET fingerprint = zeroblob(length(fingerprint)) WHERE id = 1")
        database.execute("UPDATE clip SET descriptor = zeroblob(length(descriptor)) WHERE id = 2")
        database.execute(
            "UPDATE score_row SET scores = zeroblob(length(scores)) WHERE position = 2 AND metric_id = 1"
        )


def backed_up() -> None:
    """A shelf that has changed since a backup was made in out/old.db."""
    from thresher.interfaces.cli.main import run

    shelf()
    run(["backup", "out/old.db"])
    with Catalog.open() as catalog:
        thresher.rate(catalog, ["2"], 1)
        thresher.save_song(catalog, "day", ["epoch:20"])


def curation_to_import() -> None:
    """A shelf without decisions, and curation.jsonl with a split, a mark, judgements, songs and a rendering."""
    split_and_marked()
    with Catalog.open() as catalog:
        thresher.render(catalog, "night", Path("out/night.wav"))
        thresher.export_catalog(catalog, Path("curation.jsonl"))
    Path("catalog.db").unlink()
    Catalog.create(Path()).close()
    with Catalog.open() as catalog:
        thresher.ingest(catalog, ["audio"])


def golden(revision: str) -> None:
    """A catalog as an older version left it, with its audio."""
    for name in ("tmp", "data"):
        Path(name).mkdir()
    with closing(sqlite3.connect("catalog.db")) as database:
        database.executescript((ROOT / f"tests/golden/catalog-{revision}.sql").read_text("utf-8"))
    Path("catalog.toml").write_text(SETTINGS)
    for index in range(4):  # as make_golden.py makes them
        y = np.random.default_rng(index).normal(scale=0.1, size=4 * 8_000) * (index != 3)
        soundfile.write(f"night_epoch_{10 * (1 + index // 2)}_{index}.wav", y, 8_000)


def golden_revisions() -> list[str]:
    """Return the revisions of which there is a golden catalog and after which there are others."""
    from thresher.catalog.database.schema import HEAD

    found = sorted(path.stem.removeprefix("catalog-") for path in (ROOT / "tests/golden").glob("*.sql"))
    return [revision for revision in found if revision != HEAD]
