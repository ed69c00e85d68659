"""Read files for an ingest: hash each one, read its sidecar, and analyse new content in the workers.

Nothing here writes to the catalog, and everything here runs before the transaction that stores it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from thresher.catalog.files import sha256_file
from thresher.catalog.locations import Sighting
from thresher.catalog.name_patterns import PATTERNS
from thresher.catalog.paths import display_text
from thresher.catalog.provenance import infer
from thresher.catalog.sidecars import read_sidecar
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.preload import WORKER_MODULES
from thresher.curation.analysis.task import (
    Analysis,
    AnalysisTask,
    Unopened,
    Unsettled,
    task_for,
)
from thresher.curation.ingest.run import IngestRun
from thresher.curation.ingest.scan import FoundFile
from thresher.curation.workers import Progress, WorkerDied, Workers
from thresher.errors import AudioError


@dataclass(frozen=True)
class ReadFile:
    """A file after it was read.

    `result` is None if the content was not analysed: it is known, it has an identical twin in this ingest, or this
    is a dry run. `needs_analysis` says that the catalog holds no analysis with today's trim settings. `warning` is
    about the sidecar.
    """

    found: FoundFile
    sighting: Sighting
    sha256: str | None = None
    needs_analysis: bool = False
    result: Analysis | Unsettled | Unopened | WorkerDied | None = None
    warning: str | None = None


@dataclass(frozen=True)
class _Hashed:
    """The SHA-256 of a file, or why it has none, and what its sidecar says."""

    digest: str | Unsettled | Unopened
    sidecar: tuple[dict[str, str], str | None]


def read_files(run: IngestRun, files: Sequence[FoundFile], progress: Progress) -> Iterator[ReadFile]:
    """Hash each file and analyse those whose content needs it; yield them in the order of `files`.

    Contents that are analysed here are added to the known trim settings, so that an identical file is not analysed
    again. A dry run analyses nothing.
    """
    settings, known, trims = run.catalog.settings, run.known, run.trims
    executor = run.options.executor or settings.ingest.executor
    with Workers("threads:2") as hashers, Workers(executor, preload=WORKER_MODULES) as workers:

        def tasks() -> Iterator[tuple[ReadFile, AnalysisTask | None]]:
            for found, hashed in hashers.map(_hash, ((found, found) for found in files)):
                assert isinstance(hashed, _Hashed)
                sidecar, warning = hashed.sidecar
                sighting = _sighting(run, found, sidecar)
                digest = hashed.digest
                if not isinstance(digest, str):
                    yield ReadFile(found, sighting, result=digest, warning=warning), None
                    continue
                is_known = known.trims.get(digest) in trims or digest in known.rendered
                known.trims[digest] = run.trim
                task = None
                if not is_known and not run.options.dry_run:
                    task = task_for(found.path, found.size, found.mtime_ns, settings)
                yield ReadFile(found, sighting, digest, not is_known, warning=warning), task

        for done, (file, result) in enumerate(workers.map(analyse, tasks()), start=1):
            progress("analysing", done, len(files))
            yield file if result is None else replace(file, result=result)


def read_names(run: IngestRun, found: FoundFile) -> ReadFile:
    """Read a file's name and sidecar, but not the file itself."""
    sidecar, warning = read_sidecar(found.path)
    return ReadFile(found, _sighting(run, found, sidecar), warning=warning)


def look_again(found: FoundFile) -> FoundFile:
    """Return the file with its present size and time of change."""
    try:
        now = os.stat(found.path)
    except OSError:  # reading the file reports the reason
        return found
    return replace(found, size=now.st_size, mtime_ns=now.st_mtime_ns)


def _sighting(run: IngestRun, found: FoundFile, sidecar: dict[str, str]) -> Sighting:
    catalog, options = run.catalog, run.options
    inference = infer(
        found.path,
        patterns=(*catalog.settings.provenance, *PATTERNS),
        sidecar=sidecar,
        overrides=options.stated(),
    )
    return Sighting(
        catalog.stored_absolute(found.path),
        found.size,
        found.mtime_ns,
        inference.provenance,
        inference.provenance if options.reread else options.stated(),
        options.role,
        display_text(os.path.basename(found.root)) or None,
    )


def _hash(found: FoundFile) -> _Hashed:
    digest = _digest(found)
    is_skipped = isinstance(digest, Unsettled) or (isinstance(digest, Unopened) and digest.vanished)
    return _Hashed(digest, ({}, None) if is_skipped else read_sidecar(found.path))


def _digest(found: FoundFile) -> str | Unsettled | Unopened:
    """Return the SHA-256 of a file, unless the file changed since it was found."""
    try:
        digest = sha256_file(found.path)
        now = os.stat(found.path)
    except FileNotFoundError:
        return Unopened("is no longer there", vanished=True)
    except OSError as error:
        return Unopened(error.strerror or str(error))
    except AudioError as error:  # a FIFO, socket or device replaced the file after the scan
        return Unopened(str(error))
    if (now.st_size, now.st_mtime_ns) != (found.size, found.mtime_ns):
        return Unsettled()
    return digest
