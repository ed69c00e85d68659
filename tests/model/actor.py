"""An actor: a process that runs verbs on a catalog that it keeps open, so that what it remembers may be outdated.

An `Actor` runs verbs in this process. `python -m tests.model.actor` reads verbs as lines of JSON, and `Remote`
sends them there. Arguments and answers are plain data.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from thresher import (
    Catalog,
    IngestOptions,
    SongEdit,
    SongOptions,
    ThresherError,
    edit_song,
    forget,
    ingest,
    join,
    list_clips,
    mark,
    note,
    plan_prune,
    prune,
    rate,
    reanalyse,
    reject,
    render,
    restore_pruned,
    save_song,
    split,
    tag,
    tracklist,
    undo,
    unmark,
    unreject,
    verify,
)

ROOT = Path(__file__).resolve().parents[2]


class Actor:
    """Runs verbs on a catalog in this process."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        """The open catalog."""
        assert self._catalog is not None
        return self._catalog

    def do(self, verb: str, **arguments: Any) -> Any:
        """Return the answer of a verb, or {"error": the name of the error's type, "text": its sentence}."""
        try:
            return VERBS[verb](self, **arguments)
        except ThresherError as error:
            return {"error": type(error).__name__, "text": str(error)}

    def start(self, verb: str, **arguments: Any) -> Callable[[], Any]:
        """Run a verb later, when the returned function is called."""
        return lambda: self.do(verb, **arguments)

    def close(self) -> None:
        """Close the catalog."""
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    def open(self, file: str) -> None:
        """Open a catalog."""
        self.close()
        self._catalog = Catalog.open(file)


class Remote:
    """Runs verbs on a catalog in a process of its own, which lives until `end`."""

    def __init__(self, home: Path) -> None:
        (home / "data").mkdir(parents=True)
        variables = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONPATH": _search_path()}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.model.actor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **variables},
            text=True,
        )

    def do(self, verb: str, **arguments: Any) -> Any:
        """Return the answer of a verb, as `Actor.do` does."""
        return self.start(verb, **arguments)()

    def start(self, verb: str, **arguments: Any) -> Callable[[], Any]:
        """Start a verb; the returned function waits for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([verb, arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer

    def close(self) -> None:
        """Close the catalog."""
        self.do("close")

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the other process ended with exit code {self._process.wait(10)}"
        return json.loads(line)


def _search_path() -> str:
    return os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])


# -- the verbs ---------------------------------------------------------------------------------------------


def _ingest(actor: Actor, folder: str, *, yes: bool) -> dict[str, Any]:
    report = ingest(actor.catalog, [folder], IngestOptions(executor="serial", mark_missing=yes))
    return {"failures": [each.reason for each in report.failures], "scoring": report.scoring_failure}


def _render(actor: Actor, name: str, output: str, number: int | None = None) -> dict[str, Any]:
    done = render(actor.catalog, name, output, rendering=number)
    return {"number": done.number, "sha256": done.sha256, "path": output}


def _prune(actor: Actor) -> dict[str, Any]:
    done = prune(actor.catalog, plan_prune(actor.catalog))
    return {"paths": list(done.paths), "failures": [vars(each) for each in done.failures]}


def _verify(actor: Actor) -> bool:
    return verify(actor.catalog).is_sound


def _changed(made: Any) -> bool:
    return made.decision is not None


def _edit(actor: Actor, name: str, **edits: Any) -> None:
    edit_song(actor.catalog, name, SongEdit(**{key: _edit_value(value) for key, value in edits.items()}))


def _edit_value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


VERBS: dict[str, Callable[..., Any]] = {
    "open": Actor.open,
    "close": Actor.close,
    "ingest": _ingest,
    "rate": lambda actor, clip, rating: _changed(rate(actor.catalog, [clip], rating)),
    "reject": lambda actor, clip: _changed(reject(actor.catalog, [clip])),
    "unreject": lambda actor, clip: _changed(unreject(actor.catalog, [clip])),
    "tag": lambda actor, clip, **tags: _changed(tag(actor.catalog, [clip], **tags)),
    "note": lambda actor, clip, text: _changed(note(actor.catalog, [clip], text)),
    "mark": lambda actor, clip, start, end: (
        mark(actor.catalog, clip, start, end, origin="recording").marks[0].clip
    ),
    "unmark": lambda actor, clip: _changed(unmark(actor.catalog, [clip])),
    "split": lambda actor, clip: _changed(split(actor.catalog, [clip], executor="serial")),
    "join": lambda actor, clip: _changed(join(actor.catalog, [clip])),
    "undo": lambda actor, number: undo(actor.catalog, number).id,
    "save": lambda actor, name, terms, order: (
        save_song(actor.catalog, name, terms, SongOptions(order=order)).id
    ),
    "edit": _edit,
    "sequence": lambda actor, name: [track.clip for track in tracklist(actor.catalog, name).tracks],
    "render": _render,
    "forget": lambda actor, path: vars(forget(actor.catalog, path)),
    "prune": _prune,
    "restore": lambda actor, entry: list(restore_pruned(actor.catalog, entry).paths),
    "reanalyse": lambda actor: reanalyse(actor.catalog, executor="serial").analysed,
    "list": lambda actor: [row.id for row in list_clips(actor.catalog)],
    "verify": _verify,
}


def main() -> None:
    """Run verbs from the standard input, one a line, until it ends."""
    actor = Actor()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # nothing else reaches the other process
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        answers.write(json.dumps(actor.do(verb, **arguments)) + "\n")
    actor.close()


if __name__ == "__main__":
    main()
