"""Compare thresher with the 1000sharks script on clips of 20 s at 16 kHz: all clips first, then twenty more.

The peer reimplements the algorithm of curation.py of 1000sharks without improving it. It decodes each file,
trims it with librosa and fingerprints it. It scores every ordered pair in pure Python, keeps the scores in a
dictionary by score and sorts it. It appends pairs of unused clips by concatenation and writes one WAV file.
When clips are added, it does everything again. Only the script's line of output for every pair is left out.
thresher ingests the clips, saves the song with the ordering `pairs` and renders it. When clips are added, it
ingests these and renders the whole song again. Both read the same files, use the same fingerprint backend and
write PCM16.

The two run in turn, each in a new process that has done the whole job on two clips before its clock starts. So
neither imports nor librosa's compilation count; the start of thresher's worker processes does. Whole commands
are measured as well: the peer's process from its start, and `thresher init`, `ingest`, `song save` and `song
render`. The peak memory is that of a command's process tree, sampled every 20 ms (Linux only): resident memory,
or proportional memory if there are several processes. thresher's is that of the whole commands, run once more for
it, because reading the memory of several processes stops each of them for a while. Times are medians of the
repetitions, and the stages are those of the median run.

The clips are cut from the corpus next to the checkout at equal, overlapping distances. Without a corpus they are
cut from synthetic riffs.

thresher keeps what the script keeps, scores by `prefix` alone; with `--everything` it also measures and describes
each clip and scores by all metrics, as it does by default.

Run `python benchmarks/bench_script.py [--clips 200 1000] [--more 20] [--backend auto] [--everything] [--quick]`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# numpy and soundfile are imported inside functions: pages that this process shares with those it measures would
# lower their proportional memory.

CORPUS = Path(__file__).resolve().parents[1] / "../shared/corpus"
RATE = 16_000
SECONDS = 20
WANTED = {200: (4, 10), 1_000: (8, 25)}
"""How many times faster thresher shall be, by number of clips: for the first run, and when clips are added."""

WANTED_COMMANDS = {False: (3, 8), True: (2, 5)}
"""The same of whole commands at 200 clips, without and with everything."""

WANTED_MEMORY = {1_000: 1 / 3}
PAIRS = ("--order", "pairs", "--metric", "prefix")
SAMPLING = 0.02
STAGES = ("analysis", "scores", "song")


# -- the clips ---------------------------------------------------------------------------------------------


def cut_clips(folder: Path, count: int, corpus: Path = CORPUS) -> str:
    """Write `count` different clips, named as SampleRNN names them; return a description of their source."""
    import numpy as np
    import soundfile
    import soxr

    folder.mkdir()
    tape = []
    for path in sorted(corpus.glob("neural/**/*.*")) + sorted(corpus.glob("music/**/*.*")):
        if path.suffix in (".wav", ".ogg", ".flac", ".mp3"):
            y, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = np.clip(y.mean(axis=1), -1, 1)
            tape.append(soxr.resample(mono, rate, RATE) if rate != RATE else mono)
    source = "the corpus"
    if not tape:
        source = "synthetic riffs (there is no corpus)"
        tape = [made_riffs(minutes=30)]
    joined = np.concatenate(tape)
    length = RATE * SECONDS
    starts = np.linspace(0, len(joined) - length, count).astype(int)
    for index, start in enumerate(starts):
        name = folder / f"sample_e{index % 50}_i220001_20_17-19-52_{index}.wav"
        soundfile.write(name, joined[start : start + length], RATE, "PCM_16")
    apart = (starts[1] - starts[0]) / RATE
    return f"{count} clips cut every {apart:.1f} s from {len(joined) / RATE / 60:.0f} minutes of {source}"


def made_riffs(minutes: int) -> Any:
    """Return bursts of noise and tone, four a second, float32 at RATE."""
    import numpy as np

    generator = np.random.default_rng(0)
    at = np.arange(RATE // 4) / RATE
    bursts = minutes * 240
    pitch = 110 * 2 ** (generator.integers(0, 36, (bursts, 1)) / 12)
    riffs = np.sin(2 * np.pi * pitch * at) + generator.normal(scale=0.3, size=(bursts, at.size))
    return (0.4 * riffs * np.exp(-at * generator.uniform(4, 20, (bursts, 1)))).astype(np.float32).ravel()


# -- the two sides -----------------------------------------------------------------------------------------


def correlation(first: list[int], second: list[int]) -> float:
    """Return the script's score of two fingerprints: the share of equal bits over the shorter one."""
    if len(first) > len(second):
        first = first[: len(second)]
    elif len(first) < len(second):
        second = second[: len(first)]
    total = 0
    for index in range(len(first)):
        total += 32 - bin(first[index] ^ second[index]).count("1")
    return total / float(len(first)) / 32


def run_script(folder: Path, output: Path, backend: str) -> dict[str, Any]:
    """Do the peer's whole job, from the files to the song."""
    import librosa
    import numpy as np
    import soundfile

    from thresher.signal.features.fingerprint import find_backend, to_pcm

    fingerprinter = find_backend(backend)
    begun = time.perf_counter()
    clips = {}
    for name in sorted(os.listdir(folder)):
        y, rate = soundfile.read(folder / name, dtype="float32")
        trimmed, _ = librosa.effects.trim(y, top_db=50, frame_length=256, hop_length=64)
        pcm = to_pcm(trimmed, float(np.abs(trimmed).max()))
        clips[name] = (trimmed, fingerprinter.fingerprint([pcm], rate).tolist())
    analysed = time.perf_counter()
    scores = {}
    for first, (_, first_words) in clips.items():
        for second, (_, second_words) in clips.items():
            if first == second or not first_words or not second_words:
                continue
            scores[correlation(first_words, second_words)] = (first, second)
    scored = time.perf_counter()
    count = len(clips)
    song = None
    for first, second in dict(sorted(scores.items(), reverse=True)).values():
        if first in clips and second in clips:
            song = clips[first][0] if song is None else np.concatenate((song, clips[first][0]))
            song = np.concatenate((song, clips[second][0]))
            del clips[first], clips[second]
    soundfile.write(output, song, RATE)
    ended = time.perf_counter()
    return {
        "seconds": ended - begun,
        "analysis": analysed - begun,
        "scores": scored - analysed,
        "song": ended - scored,
        "clips": count - len(clips),
    }


EVERYTHING = "everything"
"""In the place of a side's last word: thresher also measures, describes and scores by all metrics."""


def settings(backend: str, executor: str | None, *, everything: bool) -> str:
    """catalog.toml for the script's job: its metric alone, no measures, the backend, and the executor if given."""
    work = f'executor = "{executor}"\n' if executor else ""
    limits = ("", "") if everything else ('[metrics]\nuse = ["prefix"]\n', "measure = false\n")
    return f'[fingerprint]\nbackend = "{backend}"\n{limits[0]}[ingest]\n{limits[1]}{work}'


def run_thresher(
    folder: Path, home: Path, backend: str, executor: str | None, *, everything: bool
) -> dict[str, Any]:
    """thresher: the first time, or again when more clips have come."""
    from thresher import Catalog, ingest, render, save_song

    file = home / "catalog.toml"
    begun = time.perf_counter()
    is_new = not file.exists()
    if is_new:
        Catalog.create(home).close()
        file.write_text(settings(backend, executor, everything=everything))
    with Catalog.open(file) as catalog:
        report = ingest(catalog, [folder])
        ingested = time.perf_counter()
        if is_new:
            save_song(catalog, "S", [], {"ordering": "pairs", "metric": "prefix"})
        done = render(catalog, "S", home / "song.wav")
    ended = time.perf_counter()
    scoring = sum(each.seconds for each in report.scores)
    return {
        "seconds": ended - begun,
        "analysis": ingested - begun - scoring,
        "scores": scoring,
        "song": ended - ingested,
        "clips": done.clips,
    }


def run_side(
    side: str, folder: Path, target: Path, backend: str, executor: str | None, *, everything: bool
) -> dict[str, Any]:
    """One side, after it has done everything once on two short clips."""
    import numpy as np
    import soundfile

    with tempfile.TemporaryDirectory() as name:
        few = Path(name, "clips")
        few.mkdir()
        for seed in (0, 1):
            noise = np.random.default_rng(seed).normal(scale=0.1, size=5 * RATE)
            soundfile.write(few / f"{seed}.wav", noise, RATE)
        if side == "script":
            run_script(few, Path(name, "song.wav"), backend)
            return run_script(folder, target, backend)
        # serial: it imports what an analysis needs, but starts no worker
        run_thresher(few, Path(name, "home"), backend, "serial", everything=everything)
    return run_thresher(folder, target, backend, executor, everything=everything)


# -- running and measuring them ----------------------------------------------------------------------------


class PeakMemory:
    """Measure the peak memory (bytes) of a session's processes while the block runs; 0 without /proc."""

    def __init__(self, session: int) -> None:
        self.bytes = 0
        self._session = session
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> PeakMemory:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        pause = 0.0
        while not self._over.wait(pause):
            begun = time.perf_counter()
            self.bytes = max(self.bytes, self._now())
            # Reading the memory of a process stops it for a moment. This keeps it below a sixth of the time.
            pause = max(SAMPLING, 5 * (time.perf_counter() - begun))

    def _now(self) -> int:
        processes = [number for number in self._numbers() if self._is_ours(number)]
        measure = proportional if len(processes) > 1 else resident
        return sum(measure(number) for number in processes)

    def _numbers(self) -> list[int]:
        if not os.path.isdir("/proc"):
            return []
        # process numbers ascend, and the session's first process is its oldest
        return [int(name) for name in os.listdir("/proc") if name.isdecimal() and int(name) >= self._session]

    def _is_ours(self, process: int) -> bool:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return False
        return int(fields[3]) == self._session


def resident(process: int) -> int:
    """Return the resident memory of a process in bytes, including shared pages."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def proportional(process: int) -> int:
    """Return the proportional memory of a process in bytes (a page shared by k counts 1/k), else the resident."""
    try:
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return resident(process)
    return 0


@dataclass(frozen=True)
class Ran:
    """The result of a command: its output, its time (s) and the peak memory of its process tree (bytes)."""

    output: str
    seconds: float
    peak: int


def run(*command: str | Path, watch: bool = True) -> Ran:
    """Run a command in a new session. If it fails, the benchmark ends; an interrupt ends the command.

    Without `watch` its memory is not sampled, which would slow a tree of processes, and `peak` is 0.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    )
    try:
        with PeakMemory(process.pid) if watch else nullcontext() as memory:
            output, errors = process.communicate()
            seconds = time.perf_counter() - begun
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}\n{errors}")
    return Ran(output, seconds, memory.bytes if memory else 0)


def run_job(side: str, *arguments: str | Path) -> dict[str, Any]:
    """Return what one side measured about itself, with the time of its whole process.

    The memory of the script, a single process, is measured here too; thresher's is that of the whole commands.
    """
    ran = run(__file__, "--side", side, *arguments, watch=side == "script")
    return {**json.loads(ran.output.splitlines()[-1]), "command": ran.seconds, "peak": ran.peak}


def run_commands(
    folder: Path, home: Path, backend: str, executor: str | None, *, everything: bool, watch: bool
) -> tuple[float, int]:
    """The same job by the command line: the time of all commands, and with `watch` the greatest peak."""
    thresher = ("-m", "thresher", "--catalog", home / "catalog.toml")
    ran = []
    is_new = not home.exists()
    if is_new:
        ran.append(run("-m", "thresher", "init", home, watch=watch))
        (home / "catalog.toml").write_text(settings(backend, executor, everything=everything))
    ran.append(run(*thresher, "ingest", folder, watch=watch))
    if is_new:
        ran.append(run(*thresher, "song", "save", "S", "role:generated", *PAIRS, watch=watch))
    ran.append(run(*thresher, "song", "render", "S", "-o", home / "song.wav", watch=watch))
    return sum(each.seconds for each in ran), max(each.peak for each in ran)


class Trial:
    """Both sides at one number of clips, for all clips and after clips were added, several times."""

    def __init__(self, here: Path, options: argparse.Namespace, clips: int) -> None:
        self._here = here
        self._backend = options.backend
        self._executor = f"processes:{options.jobs}" if options.jobs else None
        self._everything = options.everything
        self._folder = here / "clips"
        cut = run(__file__, "--side", "cut", self._folder, str(clips + options.more), options.corpus)
        print(cut.output.strip(), flush=True)
        files = sorted(self._folder.iterdir(), key=lambda path: int(path.stem.rsplit("_", 1)[1]))
        # The clips added later are evenly spread, so that they are like the others.
        self._late = files[:: max(1, len(files) // max(1, options.more))][: options.more]
        self.first: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.later: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def repeat(self, number: int) -> None:
        """Run both sides once more, each in a new folder."""
        away = self._here / "away"
        away.mkdir()
        for path in self._late:
            path.rename(away / path.name)
        self.first.append(self._both(number))
        for path in self._late:
            (away / path.name).rename(path)
        away.rmdir()
        self.later.append(self._both(number))

    def _both(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        home = self._here / f"home{number}"
        peer = run_job("script", self._folder, self._here / "peer.wav", self._backend, "", "")
        last = EVERYTHING if self._everything else ""
        ours = run_job("thresher", self._folder, home, self._backend, self._executor or "", last)
        seconds, _ = self._commands(f"commands{number}", watch=False)
        peak = self._commands("watched", watch=True)[1] if number == 0 else 0
        return peer, {**ours, "command": seconds, "peak": peak}

    def _commands(self, home: str, *, watch: bool) -> tuple[float, int]:
        return run_commands(
            self._folder,
            self._here / home,
            self._backend,
            self._executor,
            everything=self._everything,
            watch=watch,
        )


def median_run(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the run of median time (the faster of the middle two), with the median command and largest peak."""
    middle = sorted(runs, key=lambda each: each["seconds"])[(len(runs) - 1) // 2]
    command = statistics.median(each["command"] for each in runs)
    return {**middle, "command": command, "peak": max(each["peak"] for each in runs)}


def show(
    title: str,
    runs: list[tuple[dict[str, Any], dict[str, Any]]],
    wanted: float | None,
    memory: float | None,
    commands: float | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Print two lines of the table and the ratios; return both sides' median runs."""
    peer, ours = (median_run(list(side)) for side in zip(*runs, strict=True))
    print(f"\n{title}")
    for name, side in (("script", peer), ("thresher", ours)):
        stages = " + ".join(f"{stage} {side[stage]:.2f}" for stage in STAGES)
        print(
            f"  {name:<9}{side['seconds']:8.2f} s = {stages}; command {side['command']:.2f} s,"
            f" peak {side['peak'] / 1e6:.0f} MB, {side['clips']} clips in the song"
        )
    ratios = [first["seconds"] / second["seconds"] for first, second in runs]
    range_ = f", {min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} runs" if len(ratios) > 1 else ""
    print(
        f"  ratio    {peer['seconds'] / ours['seconds']:8.2f}"
        f"{f' (wanted: at least {wanted:g})' if wanted else ''}{range_};"
        f" commands {peer['command'] / ours['command']:.2f}"
        f"{f' (wanted: at least {commands:g})' if commands else ''};"
        f" memory {ours['peak'] / max(1, peer['peak']):.2f} of the script's"
        f"{f' (target: at most {memory:.2f})' if memory else ''}",
        flush=True,
    )
    return peer, ours


def show_growth(found: dict[int, tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Print the exponents of time and memory between the smallest and the largest number of clips."""
    low, high = min(found), max(found)
    print(f"\ngrowth from {low} to {high} clips, as exponents of their number")
    for place, name in enumerate(("script", "thresher")):
        grown = (
            (key, math.log(found[high][place][key] / found[low][place][key]) / math.log(high / low))
            for key in ("seconds", *STAGES, "peak")
            if found[low][place][key]
        )
        print(f"  {name:<9}", ", ".join(f"{key} {exponent:.2f}" for key, exponent in grown))


def main() -> None:
    """Measure both sides at each size, and print how they grow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, nargs="+", default=[200, 1_000])
    parser.add_argument("--more", type=int, default=20, help="clips that are added later")
    parser.add_argument("--backend", default="auto", help="the fingerprint backend of both sides")
    parser.add_argument("--jobs", type=int, help="thresher's worker processes (default: one a core)")
    parser.add_argument("--repeat", type=int, help="runs of each size (default: 3, from 500 clips on 1)")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument(
        "--everything", action="store_true", help="measure, describe and score by all metrics too"
    )
    parser.add_argument("--quick", action="store_true", help="40 clips once, to see that it runs")
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side and options.side[0] == "cut":
        _, folder, count, corpus = options.side
        print(cut_clips(Path(folder), int(count), Path(corpus)))
        return
    if options.side:
        side, folder, target, backend, executor, last = options.side
        found = run_side(
            side, Path(folder), Path(target), backend, executor or None, everything=last == EVERYTHING
        )
        print(json.dumps(found))
        return
    sizes = [40] if options.quick else options.clips
    print(f"backend {options.backend}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    compared = {}
    for clips in sizes:
        repeats = options.repeat or (1 if options.quick or clips >= 500 else 3)
        with tempfile.TemporaryDirectory() as name:
            trial = Trial(Path(name), options, clips)
            for number in range(repeats):
                trial.repeat(number)
        at_first, later = (None, None) if options.everything else WANTED.get(clips, (None, None))
        commands = WANTED_COMMANDS[options.everything] if clips == 200 else (None, None)
        memory = None if options.everything else WANTED_MEMORY.get(clips)
        compared[clips] = show(f"{clips} clips", trial.first, at_first, memory, commands[0])
        title = f"{options.more} more, {clips + options.more} in all"
        show(title, trial.later, later, None, commands[1])
    if len(compared) > 1:
        show_growth(compared)


if __name__ == "__main__":
    main()
