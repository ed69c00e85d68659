"""How long whole commands take: this checkout and an earlier version, run in turn.

Clips of 20 s at 16 kHz, as bench_script.py cuts them, with everything on. Each command is a process of its own,
in a new copy of one catalog that the earlier version made: `init`, `ingest` of all clips, of some more and of
nothing new, `song save`, `song render`, `list`. Nothing new is measured twice: after another ingest, and after
another command that wrote. In turn, A B A B …; medians, and the median of the ratios of neighbouring runs. The
clips are older than two seconds when they are ingested, as those of a finished checkpoint are; a younger file is
read again by the next ingest.

Processor seconds are those of the command and of the processes it waited for; worker processes are not among them.
They vary less than times do on a machine that has other work.

Run `python benchmarks/bench_commands.py --before REV [--clips N] [--more N] [--runs N] [--corpus DIR]`.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench_script import CORPUS, cut_clips
from thresher.catalog.files.stamps import SETTLED_NS

HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Version:
    """A version of the program: its name, and the folder whose `src` holds it."""

    name: str
    folder: Path

    def run(self, *arguments: str | Path) -> tuple[float, float]:
        """Run a command to its end: seconds, and processor seconds."""
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPATH"] = str(self.folder / "src")
        command = [sys.executable, "-m", "thresher", *map(str, arguments)]
        worked, begun = os.times(), time.perf_counter()
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        seconds, now = time.perf_counter() - begun, os.times()
        work = now.children_user + now.children_system - worked.children_user - worked.children_system
        return seconds, work


@dataclass(frozen=True)
class Case:
    """A command: its name, what is done before it, and its arguments in a catalog's folder."""

    name: str
    prepare: Callable[[Version, Path], object]
    arguments: Callable[[Path], list[str | Path]]


def checked_out(revision: str, folder: Path) -> Path:
    """The sources of a revision in `folder`."""
    archive = folder.with_suffix(".tar")
    subprocess.run(["git", "-C", HERE, "archive", "-o", archive, revision], check=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def cases(clips: Path, late: Path, known: Path) -> list[Case]:
    """All commands; `known` is a catalog of `clips`, whose song S is saved."""

    def nothing(_version: Version, _home: Path) -> None:
        return None

    def copied(version: Version, home: Path) -> None:
        shutil.copytree(known, home)
        version.run("--catalog", home / "catalog.toml", "stats")  # an upgrade is not part of the time

    def ingested(version: Version, home: Path) -> None:
        copied(version, home)
        version.run("--catalog", home / "catalog.toml", "ingest", clips)

    def emptied(version: Version, home: Path) -> None:
        shutil.copytree(known, home)
        (home / "catalog.db").unlink()
        version.run("init", home)

    def within(*arguments: str | Path) -> Callable[[Path], list[str | Path]]:
        return lambda home: ["--catalog", home / "catalog.toml", *arguments]

    return [
        Case("init", nothing, lambda home: ["init", home]),
        Case("ingest of all", emptied, within("ingest", clips)),
        Case("ingest, nothing new", ingested, within("ingest", clips)),
        Case("… after a song save", copied, within("ingest", clips)),
        Case("ingest of more", copied, within("ingest", late)),
        Case("song save", copied, within("song", "save", "T", "role:generated", "--order", "pairs")),
        Case(
            "song render",
            copied,
            lambda home: [*within("song", "render", "S", "-o")(home), home / "song.wav"],
        ),
        Case("list", copied, within("list")),
        Case("list as jsonl", copied, within("list", "--format", "jsonl")),
    ]


def compare(case: Case, before: Version, after: Version, runs: int, homes: Path) -> None:
    """Run a command by both versions in turn, and print a line."""
    measured = []
    for number in range(runs + 1):  # the first one only warms caches
        pair = []
        for version in (before, after):
            home = homes / f"{number}-{version.name}"
            case.prepare(version, home)
            pair.append(version.run(*case.arguments(home)))
            shutil.rmtree(home)
        measured.append(pair)
    pairs = measured[1:]
    (seconds, work), (new_seconds, new_work) = (
        [statistics.median(column) for column in zip(*side, strict=True)] for side in zip(*pairs, strict=True)
    )
    ratios = [old[0] / new[0] for old, new in pairs]
    print(
        f"{case.name:<24}{seconds:8.3f}{new_seconds:8.3f} s{statistics.median(ratios):7.2f}"
        f"  ({min(ratios):.2f} to {max(ratios):.2f}){work:10.2f}{new_work:7.2f} s"
        f"{statistics.median(old[1] / new[1] for old, new in pairs):7.2f}",
        flush=True,
    )


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", default="HEAD", metavar="REV", help="the earlier version, a git revision")
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--more", type=int, default=20, help="clips that come later")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", help="only the commands with this in their name")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        before = Version("before", checked_out(options.before, here / "before"))
        after = Version("after", HERE)
        for version in (before, after):
            compileall.compile_dir(str(version.folder / "src"), quiet=1)
        clips, late, known, homes = here / "clips", here / "late", here / "known", here / "homes"
        print(cut_clips(clips, options.clips + options.more, options.corpus))
        files = sorted(clips.iterdir())
        late.mkdir()
        homes.mkdir()
        for path in files[:: max(1, len(files) // max(1, options.more))][: options.more]:
            path.rename(late / path.name)
        time.sleep(SETTLED_NS / 1e9)
        before.run("init", known)
        before.run("--catalog", known / "catalog.toml", "ingest", clips)
        before.run("--catalog", known / "catalog.toml", "song", "save", "S", "role:generated")
        print(f"{options.before} and this checkout, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{'':24}{'before':>8}{'after':>8}    ratio{'':17}{'processor before, after, ratio':>30}")
        for case in cases(clips, late, known):
            if options.only is None or options.only in case.name:
                compare(case, before, after, options.runs, homes)


if __name__ == "__main__":
    main()
