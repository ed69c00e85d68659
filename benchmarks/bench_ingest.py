"""Compare the clips per second of `thresher ingest` with everything on with those of librosa's usual features.

The clips are 20 s long, 16 kHz, mono, as bench_script.py cuts them. thresher runs as a whole command, including
the start of the process: it reads, hashes, trims, fingerprints, describes and measures all clips, and scores
them by `prefix`, `aligned` and `likeness`. The peer reads the same files in as many processes and computes
features similar to a descriptor with librosa at its defaults: MFCC, spectral contrast, chroma and tempogram. It
stores and compares nothing. Both run in turn, A B A B …; the figures are medians, and the median of the ratios
of adjacent runs.

Then a descriptor alone is compared with the same features in one thread: milliseconds per clip, with the first
clip, which loads modules, shown separately.

Run `python benchmarks/bench_ingest.py [--clips N] [--runs N] [--corpus DIR]`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import soundfile

from bench_script import CORPUS, cut_clips, run

WANTED_CLIPS, WANTED_MILLISECONDS = 50, 10


def librosa_features(y: Any, sr: int) -> None:
    """Compute MFCC, spectral contrast, chroma and tempogram of a signal at librosa's defaults."""
    import warnings

    import librosa

    warnings.simplefilter("ignore", UserWarning)  # no pitch found in noise
    librosa.feature.mfcc(y=y, sr=sr)
    librosa.feature.spectral_contrast(y=y, sr=sr)
    librosa.feature.chroma_stft(y=y, sr=sr)
    librosa.feature.tempogram(y=y, sr=sr)


def librosa_file(path: str) -> None:
    """Compute the same features of a file."""
    librosa_features(*soundfile.read(path, dtype="float32"))


def peer_seconds(folder: Path) -> float:
    """Return the seconds of the peer for all clips of a folder, including the start of its processes."""
    begun = time.perf_counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(librosa_file, map(str, sorted(folder.iterdir())), chunksize=4):
            pass
    return time.perf_counter() - begun


def ingest_seconds(clips: Path, home: Path) -> tuple[float, str]:
    """Return the seconds and the output of `thresher ingest` in a new catalog."""
    home.mkdir()
    run("-m", "thresher", "init", str(home), watch=False)
    catalog = str(home / "catalog.toml")
    ran = run("-m", "thresher", "--catalog", catalog, "ingest", str(clips), watch=False)
    return ran.seconds, ran.output


def milliseconds(do: Callable[[Any, int], object], paths: list[Path]) -> tuple[float, float]:
    """Return the milliseconds of the first clip and the median of the others."""
    found = []
    for path in paths:
        y, sr = soundfile.read(path, dtype="float32")
        begun = time.perf_counter()
        do(y, sr)
        found.append(1e3 * (time.perf_counter() - begun))
    return found[0], statistics.median(found[1:])


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "clips"
        print(f"{cut_clips(folder, options.clips, options.corpus)}; {os.cpu_count()} cores")
        ingest_seconds(folder, Path(temporary) / "warm")  # fill numba's cache and the file cache
        pairs = []
        for number in range(options.runs):
            seconds, output = ingest_seconds(folder, Path(temporary) / f"home{number}")
            pairs.append((seconds, peer_seconds(folder)))
        print("\n".join(f"  {line}" for line in output.strip().splitlines()))
        ours, peer = (options.clips / statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(theirs / mine for mine, theirs in pairs)
        print(
            f"ingest {ours:.0f} clips/s (target {WANTED_CLIPS}), librosa's features {peer:.0f}, {ratio:.2f} times"
        )
        from thresher.signal.features.descriptors import descriptor

        paths = sorted(folder.iterdir())[:60]
        first, each = milliseconds(descriptor, paths)
        print(
            f"descriptor {each:.1f} ms a clip, the first {first:.0f} (target: at most {WANTED_MILLISECONDS})"
        )
        first, each = milliseconds(librosa_features, paths)
        print(f"librosa's features {each:.1f} ms a clip, the first {first:.0f}")


if __name__ == "__main__":
    sys.exit(main())
