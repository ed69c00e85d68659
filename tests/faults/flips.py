"""Flip single bytes of a catalog's file: `python -m tests.faults.flips 1000`, a part of `make faults`.

Each flip is found by `verify`, or changes no value in any table. After it, `verify` and six other commands end in
time, with a sentence and an exit code of theirs, and never with "unexpected".
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from tests.support import Finished, riff, run_command

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("list", "--format", "json"),
    ("show", "1"),
    ("score",),
    ("dupes",),
    ("song", "show", "SKELETON"),
    ("render", "SKELETON", "again.wav"),
)
LIMIT = 60
"""Seconds in which a command must end."""

HEADER = 100
"""Bytes in the header of the database."""

PAGE = 512
"""Bytes of a page, the fewest, so that few of them are unused."""


@dataclass(frozen=True)
class Flip:
    """One flipped byte: its place in the file, and the bits that change."""

    place: int
    bits: int


@dataclass(frozen=True)
class Outcome:
    """What a flip did: whether it was found, whether it changed a value, and what went wrong."""

    flip: Flip
    is_found: bool
    is_changed: bool
    problems: tuple[str, ...]


def make_catalog(folder: Path) -> Path:
    """Make a catalog with rows in every table, and return its database."""
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

    for index in range(5):
        seconds = 6.0 if index == 4 else 4.0
        soundfile.write(
            folder / f"night_epoch_{10 * (1 + index // 2)}_{index}.wav", riff(index, seconds), 16_000
        )
    with Catalog.create(folder) as catalog:
        ingest(catalog, [folder], IngestOptions(executor="serial", attributes={"temperature": "0.95"}))
        rate(catalog, ["1"], 5)
        tag(catalog, ["1", ",", "2"], add=["riff"])
        note(catalog, ["2"], "good bridge")
        modify(catalog, ["2"], {"epoch": "11"})
        reject(catalog, ["3"])
        undo(catalog)
        save_song(catalog, "SKELETON", ["epoch:10.."], {"ordering": "chain", "crossfade": 0.5})
        render(catalog, "SKELETON", folder / "song.wav")
        judge_checkpoint(catalog, "night e20", "keep", "found its riffs")
        plan_listening(catalog, minutes=0.15)
        mark_heard(catalog, [3])
        fit_clusters(catalog, smallest=2)
        split(catalog, ["5"], SplitSettings(every=3.0), executor="serial")
        mark(catalog, "1", 0.5, 1.5, name="drop")
        undo(catalog)
    assert run_command("--catalog", folder / "catalog.toml", "score").returncode == 0
    run_command("--catalog", folder / "catalog.toml", "query", "save", "loud", "rating:5")
    for backup in folder.glob("*.backup.db"):
        backup.unlink()
    with closing(sqlite3.connect(folder / "catalog.db")) as opened:
        opened.execute(f"PRAGMA page_size = {PAGE}")  # a flip in an unused place changes nothing
        opened.execute("VACUUM")
    return folder / "catalog.db"


def tables(file: Path) -> dict[str, list[Any]] | None:
    """Return the rows of all tables as SQLite reads them, or None if it can't."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as opened:
        opened.text_factory = bytes
        try:
            names = opened.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            ).fetchall()
            return {
                name.decode(): sorted(
                    opened.execute(f'SELECT * FROM "{name.decode()}" NOT INDEXED'), key=repr
                )
                for (name,) in names
            }
        except (sqlite3.Error, ValueError):
            return None


class Flipper:
    """Flips bytes of one catalog, one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = make_catalog(folder)
        self._content = self.database.read_bytes()
        self._files = {path.name for path in folder.iterdir()}
        self._before = tables(self.database)

    def flips(self, count: int, seed: int) -> list[Flip]:
        """Return flips: of each byte of the header, up to a tenth of `count`, and of random places."""
        random_numbers = random.Random(seed)
        header = random_numbers.sample(range(HEADER), min(HEADER, count // 10))
        places = [
            *header,
            *(random_numbers.randrange(len(self._content)) for _ in range(count - len(header))),
        ]
        return [Flip(place, random_numbers.randrange(1, 256)) for place in places]

    def outcome(self, flip: Flip) -> Outcome:
        """Flip a byte, run the commands, and put everything back."""
        content = bytearray(self._content)
        content[flip.place] ^= flip.bits
        self._restore(bytes(content))
        after = tables(self.database)
        problems: list[str] = []
        verdict = self._run(("verify",), problems)
        is_found, is_changed = verdict is None or verdict.returncode != 0, after != self._before
        if is_changed and not is_found:
            problems.append(f"verify finds nothing: {self._difference(after)}")
        is_unused = flip.place >= HEADER and not is_changed and not is_found
        for command in () if is_unused else COMMANDS:  # in an unused place, nothing reads the byte
            self._restore(bytes(content))
            self._run(command, problems)
        self._restore(self._content)
        return Outcome(flip, is_found, is_changed, tuple(problems))

    def _run(self, command: tuple[str, ...], problems: list[str]) -> Finished | None:
        try:
            with _at_most(LIMIT):
                done = run_command("--catalog", self.folder / "catalog.toml", *command, cwd=self.folder)
        except TimeoutError:
            problems.append(f"{' '.join(command)} does not end")
            return None
        except Exception as error:  # noqa: BLE001  the sweep goes on, and names it
            problems.append(f"{' '.join(command)} raises {type(error).__name__}: {error}")
            return None
        said = done.stderr + done.stdout
        if any(word in said for word in ("Traceback", "unexpected", "Exception ignored")):
            problems.append(f"{' '.join(command)}: {said.strip()[-300:]}")
        if done.returncode not in range(6):
            problems.append(f"{' '.join(command)} ends with {done.returncode}")
        return done

    def _difference(self, after: dict[str, list[Any]] | None) -> str:
        if after is None or self._before is None:
            return "the tables can't be read"
        names = [name for name in {*after, *self._before} if after.get(name) != self._before.get(name)]
        first = names[0]
        changed = [row for row in after.get(first, []) if row not in self._before.get(first, [])]
        return f"{first}: {str(changed)[:400]}"

    def _restore(self, content: bytes) -> None:
        for path in self.folder.iterdir():
            if path.name not in self._files:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        new = self.folder / "new.db"  # not the file that a connection may still hold
        new.write_bytes(content)
        new.replace(self.database)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        raise TimeoutError

    former = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def main() -> int:
    """Flip bytes and print what went wrong. Return 1 if something did."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.flips", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", type=int, help="flip only the byte at this place")
    parser.add_argument("--bits", type=int, default=1)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        flipper = Flipper(Path(name))
        flips = flipper.flips(options.count, options.seed)
        if options.at is not None:
            flips = [Flip(options.at, options.bits)]
        for flip in flips:
            outcome = flipper.outcome(flip)
            what = "found" if outcome.is_found else "changes no value"
            counts["broken" if outcome.problems else what] += 1
            for problem in outcome.problems:
                print(
                    f"BROKEN byte {flip.place} ^ {flip.bits} (page {flip.place // PAGE + 1}): {problem}",
                    flush=True,
                )
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["broken"] else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
