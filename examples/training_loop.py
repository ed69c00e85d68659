"""Call thresher from a training loop: log what the samples of each checkpoint are like, and stop at a collapse.

    python examples/training_loop.py FOLDER

`sample` stands for your network: replace it, and train where the comment says so. The catalog, the samples and the
log are in FOLDER. An interrupted training continues after the last epoch that is in the catalog.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

import thresher

RUN, EPOCHS, SAMPLES, RATE = "night", 20, 6, 16_000
FIGURES = ("silence", "loop", "noise", "collapse", "novelty")


def sample(epoch: int, index: int) -> NDArray[np.float64]:
    """Return four seconds of a network that plays something new in each epoch, and from the fifth on the same."""
    generator = np.random.default_rng([epoch, index] if epoch < 5 else [5])
    notes = generator.choice([8, 16, 32])
    pitches = generator.uniform(60, 200) * 2 ** generator.uniform(0, 4, size=notes)
    tones = np.sin(2 * np.pi * np.cumsum(np.repeat(pitches, 4 * RATE // notes)) / RATE)
    hiss = np.random.default_rng([epoch, index]).normal(size=tones.size)
    clip: NDArray[np.float64] = 0.4 * tones + generator.choice([0.001, 0.01, 0.1]) * hiss
    return clip


def has_collapsed(rows: list[thresher.CheckpointRow]) -> bool:
    """Return whether the last two checkpoints wrote clips that are all alike, and like those of earlier ones.

    One figure is not enough: the noise of the first epochs is alike, too. One checkpoint is not enough either.
    """
    stuck = [(row.collapse or 0) > 0.98 and row.novelty is not None and row.novelty < 0.02 for row in rows]
    return len(stuck) >= 2 and all(stuck[-2:])


def main(folder: Path) -> None:
    """Train, and append one line per checkpoint to log.csv."""
    file = folder / "catalog.toml"
    with thresher.Catalog.open(file) if file.exists() else thresher.Catalog.create(folder) as catalog:
        last = max((row.epoch or 0 for row in thresher.checkpoints(catalog, terms=f"run:={RUN}")), default=0)
        for epoch in range(last + 1, EPOCHS + 1):
            ...  # train your network for one epoch here, and save its weights
            samples = folder / RUN / f"epoch_{epoch}"
            samples.mkdir(parents=True, exist_ok=True)
            for index in range(SAMPLES):
                soundfile.write(samples / f"{index}.wav", sample(epoch, index), RATE)
            thresher.ingest(catalog, [samples], thresher.IngestOptions(run=RUN, epoch=epoch))
            rows = thresher.checkpoints(catalog, terms=f"run:={RUN}")
            log(folder / "log.csv", rows[-1])
            if has_collapsed(rows):
                print(f"epoch {epoch}: the network has collapsed; continue from an earlier checkpoint")
                break


def log(file: Path, row: thresher.CheckpointRow) -> None:
    """Append the figures of a checkpoint. For TensorBoard, call `writer.add_scalar` here."""
    is_new = not file.exists()
    with file.open("a", newline="") as lines:
        writer = csv.writer(lines)
        if is_new:
            writer.writerow(["epoch", *FIGURES])
        writer.writerow([row.epoch, *(getattr(row, name) for name in FIGURES)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/training_loop.py FOLDER")
    main(Path(sys.argv[1]))
