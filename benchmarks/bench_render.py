"""Compare `thresher song render` with a plain loop that copies the same samples with soundfile.

The clips are 20 s long, 16 kHz, mono, 16 bits, as bench_script.py cuts them; they are put end to end in one WAV
file. The peer reads each clip as float32 and writes it to the output: it applies no fades, records no history
and flushes nothing to the disk. thresher runs as a whole command: it plans the song, fades, writes, flushes,
hashes and records it. Both run in new processes, in turn, A B A B …; the figures are medians, and the median of
the ratios of adjacent runs. Then both are measured from within, without their imports, and hashing the output
is measured alone. At the end, the same song is rendered with other sound settings.

Run `python benchmarks/bench_render.py [--clips N] [--runs N] [--corpus DIR]`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_script import CORPUS, cut_clips

WANTED_TIME, WANTED_MEMORY = 1.5, 1.2
SOUNDS = {
    "crossfade 1": {"crossfade": 1.0},
    "-16 LUFS": {"lufs": -16.0},
    "44,100 Hz": {"sample_rate": 44_100},
}


def copy(clips: Path, output: Path) -> None:
    """Copy the clips in a plain loop: the peer."""
    import soundfile

    begun, before = time.perf_counter(), memory("VmRSS")
    with soundfile.SoundFile(output, "w", 16_000, 1, "PCM_16") as song:
        for path in sorted(clips.iterdir()):
            y, _ = soundfile.read(path, dtype="float32")
            song.write(y)
    report(begun, before)


def prepare(home: Path, clips: int, corpus: Path) -> None:
    """Make a catalog of the clips, which are not trimmed, and a song of all of them."""
    from thresher import Catalog, ingest, save_song

    print(cut_clips(home / "clips", clips, corpus))
    Catalog.create(home).close()
    (home / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n[trim]\ntop_db = 200.0\n')
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "clips"])
        save_song(catalog, "S", [], {"ordering": "id+"})


def render(home: Path, output: Path, sound: dict[str, float]) -> None:
    """Render the song and report from within; `sound` holds settings other than the defaults."""
    from thresher import Catalog, save_song
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.tracklist import tracklist

    with Catalog.open(home / "catalog.toml") as catalog:
        if sound:
            save_song(catalog, "S", None, {"crossfade": 0.0, "lufs": None, "sample_rate": None, **sound})
    begun = time.perf_counter()
    with Catalog.open(home / "catalog.toml") as catalog:
        tracklist(catalog, "S")
        before = memory("VmRSS")
        render(catalog, "S", output, overwrite=True)
    report(begun, before)


def memory(what: str) -> float:
    """Return this process's memory in MB: VmRSS is the current, VmHWM the peak memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def report(begun: float, before: float) -> None:
    """Print the seconds since `begun` and the peak memory in MB beyond `before`."""
    print(time.perf_counter() - begun, memory("VmHWM") - before)


def run(*command: str | Path) -> tuple[float, float, str]:
    """Run a command in a new process; return its seconds, its peak memory in MB and its output."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *map(str, command)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    seconds = time.perf_counter() - begun
    return seconds, used.ru_maxrss / 1024, output


def numbers(output: str) -> tuple[float, float]:
    """Return the numbers that `report` printed."""
    seconds, memory = map(float, output.split())
    return seconds, memory


def compared(what: str, ours: list[tuple[float, float]], peers: list[tuple[float, float]]) -> None:
    """Print the medians of (seconds, MB) and the medians of their ratios."""
    times, memories = (
        statistics.median(mine[column] / theirs[column] for mine, theirs in zip(ours, peers, strict=True))
        for column in (0, 1)
    )
    said = [
        f"{statistics.median(column):.2f}" for side in (ours, peers) for column in zip(*side, strict=True)
    ]
    print(
        f"{what}: thresher {said[0]} s, {said[1]} MB; soundfile {said[2]} s, {said[3]} MB; "
        f"{times:.2f} times the time (target: at most {WANTED_TIME}), "
        f"{memories:.2f} times the memory (target: at most {WANTED_MEMORY})"
    )


def main() -> None:
    """Print all comparisons."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--side", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side is not None:
        side, source, output = options.side
        if side == "prepare":
            prepare(Path(source), options.clips, Path(output))
        elif side == "copy":
            copy(Path(source), Path(output))
        else:
            render(Path(source), Path(output), {} if side == "render" else list(SOUNDS.values())[int(side)])
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        # A new process starts with the memory of its parent, so this process loads as little as possible.
        prepared = run(__file__, "--side", "prepare", home, options.corpus, "--clips", str(options.clips))
        print(f"{prepared[2].strip()}; {os.cpu_count()} cores")
        ours, song, peer = home / "catalog.toml", home / "song.wav", home / "copy.wav"
        whole, within = [], []
        for _ in range(options.runs):
            command = run("-m", "thresher", "--catalog", ours, "song", "render", "S", "-o", song)
            inside = run(__file__, "--side", "render", home, song)
            copied = run(__file__, "--side", "copy", home / "clips", peer)
            whole.append((command[:2], copied[:2]))
            within.append((numbers(inside[2]), numbers(copied[2])))
        compared("the whole command", *map(list, zip(*whole, strict=True)))
        compared("from within", *map(list, zip(*within, strict=True)))
        begun = time.perf_counter()
        with open(song, "rb") as file:
            hashlib.file_digest(file, "sha256")
        print(
            f"hashing the output alone: {time.perf_counter() - begun:.2f} s of {song.stat().st_size >> 20} MB"
        )
        for number, what in enumerate(SOUNDS):
            seconds, memory = numbers(run(__file__, "--side", str(number), home, song)[2])
            print(f"  {what}: {seconds:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
