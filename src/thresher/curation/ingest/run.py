"""What the steps of one ingest share: the catalog, the options, the scanned files and the batch."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace

from sqlalchemy import Connection, update

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import insert_row
from thresher.catalog.database.schema import batch
from thresher.catalog.recordings.run_roots import RunRoots, latest_batch, read_run_roots
from thresher.catalog.settings.sections import trim_key, trim_keys
from thresher.curation.analysis.task import split_of_new
from thresher.curation.ingest.classify import Classified
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.report import BATCH_COUNTS
from thresher.curation.ingest.scan import Scan
from thresher.curation.ingest.stability import Stability
from thresher.curation.workers import Workers
from thresher.signal.features.split_settings import SplitSettings

WITHOUT_SCORES = '"score": false'
"""What the options of an ingest contain, as they are stored, if it did not score its clips."""


class Batch:
    """The batch of an ingest. Its row is added with the first change; without changes there is none.

    `id` is None before.
    """

    def __init__(self, catalog: Catalog, scan: Scan, options: IngestOptions) -> None:
        self.id: int | None = None
        self._files = scan.found
        self.paths = json.dumps([catalog.stored_absolute(path).path_text for path in scan.given])
        self._options = options

    def begin(self, connection: Connection) -> int:
        """Return the id of the batch, whose row is added if there is none yet."""
        if self.id is None:
            values = {
                "started_at": time.time(),
                "paths": self.paths,
                "options": json.dumps(_recorded_options(self._options)),
            }
            self.id = insert_row(connection, batch, values)
        return self.id

    def record(self, connection: Connection, counts: Mapping[str, int], **more: float) -> None:
        """Write the counts so far, if there is a row: an interrupted batch keeps them."""
        if self.id is not None:
            values = {"files": self._files, **{name: counts[name] for name in BATCH_COUNTS}, **more}
            connection.execute(update(batch).where(batch.c.id == self.id).values(values))


def _recorded_options(options: IngestOptions) -> dict[str, object]:
    given = {
        "run": options.run,
        "epoch": options.epoch,
        "step": options.step,
        "set": dict(options.attributes),
        "role": options.role,
        "reread": options.reread or None,
        "exclude": list(options.exclude),
        "split": options.split,
        "score": None if options.score else False,
    }
    return {name: value for name, value in given.items() if value not in (None, {}, [])}


class CurrentRoots:
    """The folders that name runs (see `run_roots`), until this ingest stores something.

    Another ingest may store something before this one does. Its folders then name runs, as if it had ended before
    this one started.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.roots = self._read()

    def are_current(self, connection: Connection, of_ingest: Batch) -> bool:
        """Return whether no other ingest came before this one since the roots were read.

        `connection` is that of the write transaction in which the ingest stores what the roots say.
        """
        return of_ingest.id is not None or latest_batch(connection) == self.roots.latest

    def read_again(self) -> None:
        """Read the roots as they are now."""
        self.roots = self._read()

    def _read(self) -> RunRoots:
        with self._catalog.reading() as connection:
            return read_run_roots(connection, self._catalog.roots)


@dataclass(frozen=True)
class IngestRun:
    """One run of an ingest; `workers` analyse its files.

    `stated_runs` are those of `run_roots.read_stated_runs`, for a re-reading of names.
    """

    catalog: Catalog
    options: IngestOptions
    scan: Scan
    known: Classified
    batch: Batch
    stability: Stability
    roots: CurrentRoots
    stated_runs: Mapping[str, int]
    workers: Workers

    def trial(self) -> IngestRun:
        """Return this run with a batch of its own, for a transaction that may be rolled back and run again."""
        return replace(self, batch=copy(self.batch))

    @property
    def split(self) -> SplitSettings | None:
        """How new recordings are split; None if they are not."""
        return split_of_new(self.catalog.settings, wanted=self.options.split)

    @property
    def trim(self) -> str:
        """Today's trim settings, as clips keep them."""
        return trim_key(self.catalog.settings.trim)

    @property
    def trims(self) -> frozenset[str]:
        """Today's trim settings under all versions of trimming."""
        return trim_keys(self.catalog.settings.trim)
