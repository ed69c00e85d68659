"""Curate a training run: ingest it, look at its checkpoints, reject by rule, and render a song of the rest.

    python examples/curate_run.py RUNS

The catalog is made in the current folder. Run the program again when the training has written more: only new clips
cost time, your ratings are kept, and the song takes up the new clips that pass the rules.
"""

from __future__ import annotations

import sys
from pathlib import Path

import thresher

REJECT = ("noise:0.95..", "silence:0.5..")
"""What nobody needs to hear: clips that are all hiss, and clips that are half silent. Rated clips stay."""

SONG = "FIRST CUT"


def main(runs: str) -> None:
    """Ingest the folder `runs` and write FIRST CUT.flac, with a manifest beside it."""
    file = Path("catalog.toml")
    with thresher.Catalog.open(file) if file.exists() else thresher.Catalog.create(file.parent) as catalog:
        report = thresher.ingest(catalog, [runs])
        print(f"{report.added} new clips, {report.unchanged} unchanged, {len(report.failures)} not usable")
        show_checkpoints(catalog)
        reject_by_rule(catalog)
        options = thresher.SongOptions(order="chain", length=180, crossfade=1, no_copies=True)
        thresher.save_song(catalog, SONG, "^rating:..2", options)
        song = thresher.render(catalog, SONG, f"{SONG}.flac", manifest=True, overwrite=True)
        print(f"{song.path}: {song.clips} clips, {song.frames / song.sample_rate:.0f} s")


def show_checkpoints(catalog: thresher.Catalog) -> None:
    """Print one line for each checkpoint; a figure is None where there is nothing to compare."""
    print(f"{'checkpoint':20}  clips  silence  noise  collapse  novelty")
    for row in thresher.checkpoints(catalog):
        name = f"{row.run} e{row.epoch}" if row.epoch is not None else "unknown"
        figures = (row.silence, row.noise, row.collapse, row.novelty)
        silence, noise, collapse, novelty = ("" if each is None else f"{each:.2f}" for each in figures)
        print(f"{name:20}  {row.clips:5}  {silence:>7}  {noise:>5}  {collapse:>8}  {novelty:>7}")


def reject_by_rule(catalog: thresher.Catalog) -> None:
    """Reject what the rules match. Each rule is one decision, which `thresher undo` reverts."""
    for rule in REJECT:
        query = f"{rule} rated:no"
        if thresher.count_clips(catalog, query):  # a decision about no clip is an error
            rejected = thresher.reject(catalog, query)
            print(f"{rejected.found} rejected by {rule}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/curate_run.py RUNS")
    try:
        main(sys.argv[1])
    except thresher.ThresherError as error:
        sys.exit(f"error: {error}")
