"""thresher beside the script it grows out of: clips of 20 s at 16 kHz, first all, then twenty more.

The peer is the script's algorithm written anew, honest and unimproved: decode each file, trim with librosa,
fingerprint, score every ordered pair in pure Python, keep the scores in a dictionary by score, sort, take pairs of
unused clips, append them by concatenation, write float32. When more clips come it does all of it again. thresher
ingests, saves the song in the order of pairs and renders it; when more clips come, it ingests those and renders the
song again. Both use the same fingerprint backend, in one run; each side runs in a process of its own that has
imported everything and warmed up librosa before the clock starts. Whole commands and the peak memory of their
process trees are printed beside.

Clips are cut from the corpus beside the checkout, at overlapping places; without it, from noise.

Run `python benchmarks/bench_script.py [--clips 200 1000] [--more 20] [--backend auto]`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

CORPUS = Path(__file__).resolve().parents[1] / "../shared/corpus"
RATE = 16_000
SECONDS = 20


# -- the clips ---------------------------------------------------------------------------------------------


def cut_clips(folder: Path, count: int) -> str:
    """Write `count` different clips; where they come from, in words."""
    import soxr

    folder.mkdir()
    tape = []
    for path in sorted(CORPUS.glob("neural/**/*.*")) + sorted(CORPUS.glob("music/**/*.*")):
        if path.suffix in (".wav", ".ogg", ".flac", ".mp3"):
            y, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = np.clip(y.mean(axis=1), -1, 1)
            tape.append(soxr.resample(mono, rate, RATE) if rate != RATE else mono)
    source = "the corpus"
    if not tape:
        source = "noise, as the corpus is not there"
        tape = [np.random.default_rng(0).normal(scale=0.1, size=RATE * 3_600).astype(np.float32)]
    joined = np.concatenate(tape)
    length = RATE * SECONDS
    for index, start in enumerate(np.linspace(0, len(joined) - length, count).astype(int)):
        name = folder / f"sample_e{index % 50}_i220001_20_17:19:52_{index}.wav"
        soundfile.write(name, joined[start : start + length], RATE, "PCM_16")
    return f"{count} clips cut from {len(joined) / RATE / 60:.0f} minutes of {source}"


# -- the two sides, each in a process of its own -----------------------------------------------------------


def correlation(first: list[int], second: list[int]) -> float:
    """The script's score of two fingerprints: the share of equal bits over the shorter's words."""
    if len(first) > len(second):
        first = first[: len(second)]
    elif len(first) < len(second):
        second = second[: len(first)]
    total = 0
    for index in range(len(first)):
        total += 32 - bin(first[index] ^ second[index]).count("1")
    return total / len(first) / 32


def run_script(folder: Path, output: Path, backend: str) -> dict[str, Any]:
    """The peer: everything from the files to the song."""
    import librosa

    from thresher.signal.fingerprint import find_backend, to_pcm

    librosa.effects.trim(np.ones(RATE, np.float32), top_db=50, frame_length=256, hop_length=64)
    fingerprinter = find_backend(backend)
    begun = time.perf_counter()
    clips, prints = {}, {}
    for name in sorted(os.listdir(folder)):
        y, rate = soundfile.read(folder / name, dtype="float32")
        trimmed, _ = librosa.effects.trim(y, top_db=50, frame_length=256, hop_length=64)
        words = fingerprinter.fingerprint(
            [to_pcm(trimmed, float(np.abs(trimmed).max(initial=0)))], rate
        ).tolist()
        if words:
            clips[name], prints[name] = trimmed, words
    analysed = time.perf_counter()
    scores: dict[float, tuple[str, str]] = {}
    for first in prints:
        for second in prints:
            if first != second:
                scores[correlation(prints[first], prints[second])] = (first, second)
    scored = time.perf_counter()
    used: set[str] = set()
    song = np.empty(0, np.float32)
    for score in sorted(scores, reverse=True):
        first, second = scores[score]
        if first not in used and second not in used:
            song = np.concatenate((song, clips[first]))
            song = np.concatenate((song, clips[second]))
            used |= {first, second}
    soundfile.write(output, song, RATE, "FLOAT")
    ended = time.perf_counter()
    return {
        "seconds": ended - begun,
        "analysis": analysed - begun,
        "scores": scored - analysed,
        "song": ended - scored,
        "clips": len(used),
    }


def run_thresher(folder: Path, home: Path, backend: str) -> dict[str, Any]:
    """thresher: the first time, or again when more clips have come."""
    from thresher import Catalog, ingest, render, save_song
    from thresher.signal.fingerprint import find_backend

    find_backend(backend)
    begun = time.perf_counter()
    if not (home / "catalog.toml").exists():
        Catalog.create(home).close()
        (home / "catalog.toml").write_text(f'[fingerprint]\nbackend = "{backend}"\n')
    with Catalog.open(home / "catalog.toml") as catalog:
        report = ingest(catalog, [folder])
        ingested = time.perf_counter()
        save_song(catalog, "S", [], {"ordering": "pairs"})
        done = render(catalog, "S", home / "song.wav")
    ended = time.perf_counter()
    assert report.scoring is not None
    scoring = report.scoring.seconds
    return {
        "seconds": ended - begun,
        "analysis": ingested - begun - scoring,
        "scores": scoring,
        "song": ended - ingested,
        "clips": done.clips,
    }


# -- running and measuring them ----------------------------------------------------------------------------


def tree_memory(root: int) -> int:
    """Proportional memory of a process and all below it, bytes (Linux; 0 elsewhere)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def measured(side: str, *arguments: str | Path) -> dict[str, Any]:
    """Run one side as a command; what it says of itself, its whole time and the peak of its process tree."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, "--side", side, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    peak, running = 0, True

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer, _ = process.communicate()
    running = False
    watcher.join()
    if process.returncode != 0:
        raise SystemExit(f"{side} failed")
    return {**json.loads(answer.splitlines()[-1]), "command": time.perf_counter() - begun, "peak": peak}


def show(title: str, peer: dict[str, Any], ours: dict[str, Any], wanted: float) -> None:
    """Two lines of the table, and the ratio."""
    print(f"\n{title}")
    for name, side in (("script", peer), ("thresher", ours)):
        print(
            f"  {name:<9} {side['seconds']:8.2f} s = analysis {side['analysis']:.2f} + scores {side['scores']:.2f}"
            f" + song {side['song']:.2f}; command {side['command']:.2f} s, peak {side['peak'] / 1e6:.0f} MB,"
            f" {side['clips']} clips in the song"
        )
    print(
        f"  ratio     {peer['seconds'] / ours['seconds']:8.2f} (wanted at least {wanted:g});"
        f" command {peer['command'] / ours['command']:.2f},"
        f" peak memory {ours['peak'] / peer['peak']:.2f} of the script's"
    )


def main() -> None:
    """Both sides at each size, and how they grow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[200, 1_000])
    parser.add_argument("--more", type=int, default=20)
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--side", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side, folder, target, backend = options.side
        run = run_script if side == "script" else run_thresher
        print(json.dumps(run(Path(folder), Path(target), backend)))
        return
    wanted = {200: (3, 8), 1_000: (8, 25)}
    first: dict[int, tuple[float, float]] = {}
    for clips in options.clips:
        with tempfile.TemporaryDirectory() as name:
            here = Path(name)
            print(cut_clips(here / "all", clips + options.more), "| backend", options.backend)
            (here / "clips").mkdir()
            files = sorted((here / "all").iterdir(), key=lambda path: int(path.stem.rsplit("_", 1)[1]))
            for path in files[:clips]:
                shutil.move(path, here / "clips")
            at_first, later = wanted.get(clips, (0, 0))
            peer = measured("script", here / "clips", here / "peer.wav", options.backend)
            ours = measured("thresher", here / "clips", here / "home", options.backend)
            show(f"{clips} clips", peer, ours, at_first)
            first[clips] = (peer["seconds"], ours["seconds"])
            for path in files[clips:]:
                shutil.move(path, here / "clips")
            peer = measured("script", here / "clips", here / "peer.wav", options.backend)
            ours = measured("thresher", here / "clips", here / "home", options.backend)
            show(f"{options.more} more", peer, ours, later)
    if len(first) > 1:
        (low, (peer_low, ours_low)), *_, (high, (peer_high, ours_high)) = sorted(first.items())
        step = math.log(high / low)
        script, own = math.log(peer_high / peer_low) / step, math.log(ours_high / ours_low) / step
        print(f"\ngrowth from {low} to {high} clips: the script as n^{script:.2f}, thresher as n^{own:.2f}")


if __name__ == "__main__":
    main()
