"""Try one fault: run a command, disturb it at one event, and judge what it leaves.

What is promised: no process is left, the catalog opens and is sound, no file that existed or that the command makes
has other content than before or after, and the same command then completes and leaves what an undisturbed run
leaves, without temporary files. A command whose write failed ends with one sentence that names the cause.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tests.faults import commands, folders, interposer
from tests.faults.commands import Ended, Place
from tests.faults.interposer import MODES, Mode
from tests.faults.scenarios import Scenario
from thresher.errors import ThresherError

if TYPE_CHECKING:
    from thresher import VerifyReport

CAUSE = re.compile(r"no space left|disk.*full|i/o error|input/output error", re.IGNORECASE)
"""Words that name the cause of a failed write."""

CODES = (0, 1, 3, 5)
"""The exit codes of commands whose writes fail: 0 if the failed write did not matter."""

_PARTIAL = re.compile(
    r"file .*(\.part|-journal|-wal|-shm|\.trashinfo)$|file (tmp|catalog\.cache)/|file catalog\.room$"
)
"""Files that may be incomplete while a command runs, and the lock of a server."""


@dataclass(frozen=True)
class Baseline:
    """What an undisturbed run does: the contents of the folder before and after it, its exit code, its events."""

    before: folders.Content
    after: folders.Content
    code: int
    events: dict[str, int]


@dataclass(frozen=True)
class Outcome:
    """What a fault led to: what it hit, empty if the command ended before, and the promises that were broken."""

    what: str
    problems: tuple[str, ...]


class Bench:
    """Tries faults of some modes on one scenario in one place. `cold` starts new processes instead of forking."""

    def __init__(
        self, place: Place, scenario: Scenario, modes: Collection[str] = tuple(MODES), *, cold: bool = False
    ) -> None:
        self.place = place
        self.scenario = scenario
        self._cold = cold
        self._template = place.root / "templates" / scenario.prepare_name
        self._make_template()
        self.baseline = self._measured([MODES[name] for name in modes])
        folders.copy(self._template, self.place.folder)
        self._gone = self._verified().files.gone if scenario.is_sound else ()

    def _make_template(self) -> None:
        """Prepare the folder that each attempt starts from, at the path at which commands find it."""
        if self._template.exists():
            return
        shutil.rmtree(self.place.folder, ignore_errors=True)
        self.place.folder.mkdir(parents=True)
        commands.call(self.place, self.scenario.prepare)
        self._template.parent.mkdir(exist_ok=True)
        self.place.folder.rename(self._template)

    def _measured(self, modes: Collection[Mode]) -> Baseline:
        """Run the command undisturbed, once for each kind of events. Raises RuntimeError if the runs differ."""
        events: dict[str, int] = {}
        found = []
        for mode in modes:
            if mode.kinds not in events:
                folders.copy(self._template, self.place.folder)
                before = self._content()
                ended, left = self._run(mode, 0)
                events[mode.kinds] = interposer.counted(self.place.state).events
                found.append((ended.code, left, self._content()))
        code, left, after = found[0]
        for other in found:
            if left or other[:2] != (code, left) or folders.differences(after, other[2]):
                raise RuntimeError(
                    f"{self.scenario.name}: undisturbed runs differ or leave processes: "
                    f"{other[:2]}, {ended.stderr}, {folders.differences(after, other[2])}"
                )
        if code is None:
            raise RuntimeError(f"{self.scenario.name}: the command does not end")
        return Baseline(before, after, code, {mode.name: events[mode.kinds] for mode in modes})

    def attempt(self, mode: Mode, at: int) -> Outcome:
        """Disturb the command at one event."""
        folders.copy(self._template, self.place.folder)
        ended, left = self._run(mode, at)
        what = interposer.counted(self.place.state).what
        problems = [f"left running: {process}" for process in left]
        problems += self._judged_output(mode, ended, what)
        problems += self._judged_files()
        if self.scenario.is_sound:
            problems += [f"before it ran again: {each}" for each in self._damage(self._gone)]
        ended, left = self._run(MODES["kill"], 0)
        problems += [f"left running by the second run: {process}" for process in left]
        if ended.code not in (self.baseline.code, *self.scenario.again):
            problems.append(f"the second run ended with {ended.code}: {_words(ended)}")
        problems += [
            f"after the second run: {line}"
            for line in folders.differences(self.baseline.after, self._content())
        ]
        problems += self._damage()
        return Outcome(what, tuple(problems))

    def _run(self, mode: Mode, at: int) -> tuple[Ended, list[str]]:
        variables = mode.variables(self.place.folder, self.place.state, at)
        running = commands.start(self.place, self.scenario.arguments, variables, cold=self._cold)
        answers = self.scenario.drive(running) if self.scenario.drive else ""
        ended = running.ended()
        return Ended(ended.code, ended.stdout + answers, ended.stderr), running.left()

    def _content(self) -> folders.Content:
        return folders.content(self.place.folder, self.scenario.leave_out)

    def _judged_output(self, mode: Mode, ended: Ended, what: str) -> list[str]:
        """Judge how a disturbed command ended."""
        if ended.code is None:
            return [f"the command did not end within {commands.LONGEST:.0f} seconds"]
        if mode.is_kill:
            return [] if ended.code == -9 or not what else [f"a killed command ended with {ended.code}"]
        words = ended.stdout + ended.stderr
        problems = [f'it printed "{word}": {_words(ended)}' for word in _unwanted(words)]
        if ended.code not in (self.baseline.code, *CODES):
            problems.append(f"it ended with {ended.code}: {_words(ended)}")
        elif ended.code != self.baseline.code:
            # SQLite keeps the reason of a failed open to itself, and a file that opens the next time shows none
            is_hidden = mode.name == "error" and what.startswith("open")
            if not CAUSE.search(words) and not is_hidden:
                problems.append(f"no word about the cause, exit code {ended.code}: {_words(ended)}")
            if ended.code != 5 and len(re.findall("^error: ", words, re.MULTILINE)) != 1:
                problems.append(f"not one sentence: {_words(ended)}")
        return problems

    def _judged_files(self) -> list[str]:
        """Every file is as it was before the command, or as the command leaves it."""
        before, after = self.baseline.before, self.baseline.after
        found = folders.files(self.place.folder)
        return [
            f"{name} is neither the old file nor the new one"
            for name, digest in found.items()
            if not _PARTIAL.match(name) and digest not in (before.get(name), after.get(name))
        ] + [
            f"{name} is gone"
            for name in before
            if name in after and name.startswith("file ") and name not in found
        ]

    def _damage(self, known_gone: Collection[str] = ()) -> list[str]:
        """Open the catalog and verify it. The files in `known_gone` were gone before the command ran."""
        try:
            report = self._verified()
        except ThresherError as error:
            return [f"the catalog can't be used: {error}"]
        files = report.files
        is_known = set(files.gone) <= set(known_gone) and not files.unreadable
        if report.is_sound and (files.is_sound or is_known):
            return []
        found = {field.name: getattr(report, field.name) for field in fields(report)}
        shown = {name: value for name, value in found.items() if value and name != "files"}
        return [f"verify finds {shown}, gone files {files.gone}"[:1000]]

    def _verified(self) -> VerifyReport:
        from thresher import Catalog, verify

        with Catalog.open(self.place.folder / "catalog.toml") as catalog:
            return verify(catalog)


def _unwanted(words: str) -> list[str]:
    return [word for word in ("Traceback", "unexpected", "Exception ignored") if word in words]


def _words(ended: Ended) -> str:
    return " / ".join((ended.stderr + ended.stdout).strip().splitlines()[-8:])[:1500]


def spread(events: int, most: int, offset: int = 0) -> list[int]:
    """Return up to `most` of the numbers from 1 to `events`, evenly spread; `offset` shifts them."""
    if events <= most:
        return list(range(1, events + 1))
    if most == 1:
        return [1 + offset % events]
    step = (events - 1) / (most - 1)
    shift = offset % max(1, int(step))
    return sorted({min(events, 1 + round(index * step) + shift) for index in range(most)})
