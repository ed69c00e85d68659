"""Measure clips in your own way, and query by the result: here `bass`, the share of the energy below 150 Hz.

    python examples/own_measure.py RUNS
    thresher list bass:0.5.. bass-

Each number is written to the JSON sidecar of its file, because every value of a sidecar is a query field. thresher
itself is not changed. Whole files are measured, whenever you run the program. A measure that every ingest computes,
for parts and marks too, is a module of thresher: docs/extending.md shows how to add one.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import soundfile

import thresher


def bass(file: Path) -> float | None:
    """Return the share of the energy below 150 Hz, or None for silence."""
    y, sr = soundfile.read(file, always_2d=True)
    power = np.abs(np.fft.rfft(y.mean(axis=1))) ** 2
    low = np.fft.rfftfreq(len(y), 1 / sr) < 150
    return float(power[low].sum() / power.sum()) if power.any() else None


def add_to_sidecar(file: Path, name: str, value: float) -> None:
    """Write a value to clip.wav.json, or to clip.json if that exists; keep the other values there."""
    sidecar = file.with_suffix(".json")
    if not sidecar.exists():
        sidecar = file.with_name(f"{file.name}.json")
    values = json.loads(sidecar.read_text()) if sidecar.exists() else {}
    sidecar.write_text(json.dumps({**values, name: round(value, 4)}, indent=2) + "\n")


def main(runs: str) -> None:
    """Measure the clips of a folder that the catalog knows, and read their sidecars into the catalog."""
    with thresher.Catalog.open() as catalog:
        paths = thresher.clip_paths(catalog, ["kind:whole", f"path:{runs}"])
        for path in map(Path, map(os.fsdecode, paths)):
            value = bass(path)
            if value is not None:
                add_to_sidecar(path, "bass", value)
        report = thresher.ingest(catalog, [runs], thresher.IngestOptions(reread=True))
        print(f"{len(paths)} files measured, {report.corrected} of them have new values")
        most = thresher.list_values(catalog, "bass-", ["bass"], limit=5)
        for row, values in zip(most.rows, most.values, strict=True):
            print(f"{values['bass']:6.3f}  {row.path}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/own_measure.py RUNS")
    try:
        main(sys.argv[1])
    except thresher.ThresherError as error:
        sys.exit(f"error: {error}")
