"""The outcomes of all faults that were tried, one a line, so that an interrupted sweep continues where it was.

A journal belongs to the content of the sources: after a change of thresher or of this package a new one begins.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults.interposer import CACHE, MODES
from tests.support import ROOT

Key = tuple[str, str, int]
"""Scenario, mode and event."""


@dataclass(frozen=True)
class Entry:
    """A fault that was tried; `what` is empty if the command ended before the event."""

    scenario: str
    mode: str
    at: int
    what: str
    problems: tuple[str, ...]

    @property
    def key(self) -> Key:
        """What was tried."""
        return self.scenario, self.mode, self.at

    @property
    def command(self) -> str:
        """The command line that tries it again."""
        return f"python -m tests.faults {self.scenario} --mode {self.mode} --at {self.at}"


class Journal:
    """Reads and writes the outcomes in a file. With `fresh`, what it held is forgotten."""

    def __init__(self, file: Path, *, fresh: bool = False) -> None:
        self._file = file
        if fresh:
            file.unlink(missing_ok=True)
        self.entries = {entry.key: entry for entry in _read(file)}

    def add(self, entry: Entry) -> None:
        """Note an outcome at once."""
        self.entries[entry.key] = entry
        self._file.parent.mkdir(exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")

    def broken(self) -> list[Entry]:
        """Return the faults after which a promise was broken."""
        return [entry for _, entry in sorted(self.entries.items()) if entry.problems]

    def table(self) -> str:
        """Return how often each command was killed, and how often a write of it failed, as a table in Markdown."""
        counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        for entry in self.entries.values():
            if entry.what:
                counts[entry.scenario][entry.mode] += 1
                counts["total"][entry.mode] += 1
        head = ["command", *MODES, "broken"]
        rows = [head, ["---", *["---:"] * (len(head) - 1)]]
        for name in [*sorted(set(counts) - {"total"}), "total"]:
            broken = [entry for entry in self.broken() if name in (entry.scenario, "total")]
            rows.append([name, *(f"{counts[name][mode]:,}" for mode in MODES), f"{len(broken):,}"])
        kills = sum(counts["total"][name] for name, mode in MODES.items() if mode.is_kill)
        failures = sum(counts["total"].values()) - kills
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join(
            [*lines, "", f"{kills:,} kills, {failures:,} failed writes, {len(self.broken()):,} broken."]
        )


def _read(file: Path) -> Iterator[Entry]:
    if not file.exists():
        return
    for line in file.read_text("utf-8").splitlines():
        try:
            values = json.loads(line)
        except ValueError:  # the sweep was killed while it wrote the line
            continue
        yield Entry(**{**values, "problems": tuple(values["problems"])})


def digest_of_sources() -> str:
    """Return what identifies the content of the sources as they are now."""
    digest = hashlib.sha256()
    for folder, pattern in (("src", "**/*.py"), ("migrations", "**/*.py"), ("tests/faults", "*.[cp]*")):
        for file in sorted((ROOT / folder).glob(pattern)):
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def journal_file(digest: str) -> Path:
    """Return the journal of sources with this digest."""
    return CACHE / f"journal-{digest}.jsonl"
