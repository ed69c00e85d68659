"""Which folder names the run of a file: the first ingested one that contains it.

If nothing else names a run, `provenance.run_of_folder` takes it from the folders below a root. The root is the
folder that was ingested first among those that contain the file, so that a file gets the same run whichever of
them is ingested later. Of two ingests at once, the one that stores something first was first. A file that was
ingested by its own path makes its folder the root of the files beside it. Paths are absolute bytes, unless they are
called text.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from thresher.catalog.database.schema import batch
from thresher.catalog.files.files import SUFFIXES
from thresher.catalog.files.paths import Roots, folder_text
from thresher.catalog.text.normal_form import nfc


@dataclass(frozen=True)
class RunRoots:
    """The paths that were ingested before, as text, each with its rank: the first one has the lowest.

    `text_of` returns a path as the catalog shows it. `beside` holds the folders of files that were ingested by
    their own paths. `latest` is the batch of the latest of these ingests, 0 if there is none.
    """

    text_of: Callable[[bytes], str]
    folders: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=dict)
    latest: int = 0
    _known: dict[bytes, bytes | None] = field(default_factory=dict)

    def root_of(self, path: bytes, given: bytes) -> bytes:
        """Return the root of a file that this ingest found below the `given` folder."""
        folder = os.path.dirname(path)
        if folder not in self._known:
            self._known[folder] = self._first(folder)
        first = self._known[folder]
        return given if first is None else first

    def _first(self, folder: bytes) -> bytes | None:
        """Return the first ingested folder that contains the files in `folder`; None if there is none."""
        text = self.text_of(folder)
        found = [(self.beside[text], folder)] if text in self.beside else []
        above, below = folder, b""
        while above != below:
            text = self.text_of(above)
            if text in self.folders:
                found.append((self.folders[text], above))
            above, below = os.path.dirname(above), above
        return min(found)[1] if found else None


def latest_batch(connection: Connection) -> int:
    """Return the id of the latest ingest that changed something, 0 if there is none."""
    return int(connection.scalar(select(func.max(batch.c.id))) or 0)


def read_run_roots(connection: Connection, roots: Roots) -> RunRoots:
    """Return the roots of all ingests so far, without those that changed nothing.

    `roots` are those at which stored paths start now; another one may have been added since an ingest.
    """
    folders: dict[str, int] = {}
    beside: dict[str, int] = {}
    first = func.min(batch.c.id)
    rank = 0
    for given in connection.scalars(select(batch.c.paths).group_by(batch.c.paths).order_by(first)):
        for then in json.loads(given):
            text = roots.stored(os.path.normpath(roots.named(then))).path_text
            rank += 1
            if os.path.splitext(text)[1].lower() in SUFFIXES:
                beside.setdefault(folder_text(text), rank)
            else:
                folders.setdefault(text, rank)
    return RunRoots(lambda path: roots.stored(path).path_text, folders, beside, latest_batch(connection))


def read_stated_runs(connection: Connection) -> dict[str, int]:
    """Return the runs that `--run` stated, each with the last ingest that did."""
    stated: dict[str, int] = {}
    for row in connection.execute(select(batch.c.id, batch.c.options).order_by(batch.c.id)):
        run = json.loads(row.options).get("run")
        if run is not None:
            stated[nfc(run)] = row.id
    return stated
