"""Make the golden catalog of the current revision: `python tests/golden/make_golden.py`, once per revision.

The dump is never made again for a revision that was released; the test upgrades it and uses it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from thresher import (
    Catalog,
    IngestOptions,
    SplitSettings,
    fit_clusters,
    ingest,
    judge_checkpoint,
    mark,
    mark_heard,
    modify,
    note,
    plan_listening,
    rate,
    reject,
    render,
    save_song,
    split,
    tag,
    undo,
)
from thresher.catalog.database.schema import HEAD
from thresher.catalog.edits import Edits


def main() -> None:
    """Four clips of two epochs, one silent, judged, and a song with edits and a sound, rendered once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index in range(4):
            y = np.random.default_rng(index).normal(scale=0.1, size=4 * 8_000) * (index != 3)
            soundfile.write(folder / f"night_epoch_{10 * (1 + index // 2)}_{index}.wav", y, 8_000)
        with Catalog.create(folder) as catalog:
            ingest(catalog, [folder], IngestOptions(executor="serial", attributes={"temperature": "0.95"}))
            rate(catalog, ["1"], 5)
            tag(catalog, ["1", ",", "2"], add=["riff"])
            note(catalog, ["2"], "good bridge")
            modify(catalog, ["2"], {"epoch": "11"})
            reject(catalog, ["3"])
            undo(catalog)
            sound = {"crossfade": 0.5, "lufs": -20.0, "edits": Edits(dropped=(4,), pins=((2, 1),))}
            save_song(catalog, "DOMAINAL SKELETON", ["epoch:10.."], {"ordering": "pairs", **sound})
            render(catalog, "DOMAINAL SKELETON", folder / "song.wav")
            judge_checkpoint(catalog, "night e20", "keep", "found its riffs")
            plan_listening(catalog, minutes=0.15)
            mark_heard(catalog, [3])
            fit_clusters(catalog, smallest=2)
            split(catalog, ["2"], SplitSettings(every=2.0), executor="serial")
            mark(catalog, "1", 0.5, 1.5, name="drop")
            undo(catalog)  # the clips that are shown stay those of older revisions
            undo(catalog)
        database = sqlite3.connect(folder / "catalog.db")
        dump = "\n".join(database.iterdump())
        database.close()
    Path(__file__).with_name(f"catalog-{HEAD}.sql").write_text(dump + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
