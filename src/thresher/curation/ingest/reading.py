"""Read files for an ingest: hash each one, read its sidecar, and analyse new content in the workers.

Nothing here writes to the catalog, and everything here runs before the transaction that stores it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from thresher.catalog.files.files import Hashes
from thresher.catalog.files.paths import display_text
from thresher.catalog.files.stamps import stamp_of
from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.provenance import Inference, infer, run_of_folder
from thresher.catalog.provenance.tag_values import read_stated
from thresher.catalog.recordings.locations import Rereading, Sighting
from thresher.catalog.text.normal_form import nfc
from thresher.curation.analysis.file_results import Unseen, file_results
from thresher.curation.analysis.task import (
    Analysis,
    FileTask,
    Keyed,
    KeyTask,
    Unopened,
    Unsettled,
    task_for,
)
from thresher.curation.analysis.worker import analyse_file
from thresher.curation.ingest.run import IngestRun
from thresher.curation.ingest.scan import FoundFile
from thresher.curation.workers import WorkerDied, Workers
from thresher.errors import AudioError
from thresher.progress import Progress

if TYPE_CHECKING:
    from thresher.curation.cutting.recut import Cuts

_Result = Analysis | Keyed | Unsettled | Unopened | Unseen | WorkerDied | None


@dataclass(frozen=True)
class ReadFile:
    """A file after it was read.

    `result` is None if the content was not analysed: it is known, it has an identical twin in this ingest, or this
    is a dry run. `needs_analysis` says that the catalog holds no analysis with today's trim settings. `warnings`
    are about the name and the sidecar. `cuts` are the parts and marks of known content that was analysed again.
    """

    found: FoundFile
    sighting: Sighting
    sha256: str | None = None
    needs_analysis: bool = False
    result: _Result = None
    warnings: tuple[str, ...] = ()
    cuts: Cuts | None = None

    @property
    def audio_key(self) -> str | None:
        """The key of the file's audio, None if it was not computed or there is none."""
        return self.result.audio_key if isinstance(self.result, Analysis | Keyed) else None


@dataclass(frozen=True)
class _Hashed:
    """The SHA-256 of a file, or why it has none, when its reading began, and what its sidecar says."""

    digest: str | Unsettled | Unopened
    looked_at: float | None
    sidecar: tuple[dict[str, str], str | None]


def read_files(run: IngestRun, files: Sequence[FoundFile], progress: Progress) -> Iterator[ReadFile]:
    """Hash each file and analyse those whose content needs it; yield them in the order of `files`.

    What the folders say about runs is not read yet (`with_folder_run`). Contents that are analysed here are added
    to the known trim settings, so that an identical file is not analysed again. A dry run analyses nothing; it
    finds only the audio keys of new contents.
    """
    settings, known, trims = run.catalog.settings, run.known, run.trims
    with Workers("threads:2") as hashers, run.workers as workers:

        def tasks() -> Iterator[tuple[ReadFile, FileTask | None]]:
            hash_file = partial(_hash, hashes=run.catalog.hashes)
            for found, hashed in hashers.map(hash_file, ((found, found) for found in files)):
                assert isinstance(hashed, _Hashed)
                sighting, warnings = _sighting(run, found, hashed.sidecar)
                digest = hashed.digest
                if not isinstance(digest, str):
                    yield ReadFile(found, sighting, result=digest, warnings=warnings), None
                    continue
                sighting = replace(sighting, sha256=digest, looked_at=hashed.looked_at)
                is_known = known.trims.get(digest) in trims or known.is_output(digest)
                is_new = digest not in known.trims
                known.trims[digest] = run.trim
                task: FileTask | None = None
                cuts: Cuts | None = None
                stamp = found.stamp
                if not is_known and not run.options.dry_run:
                    split = run.split if is_new else None
                    task = task_for(found.path, stamp.size, stamp.mtime_ns, settings, split=split)
                    cuts = None if is_new else _cuts(run, digest)
                    task = task if cuts is None else cuts.task(task)
                elif not is_known and is_new:
                    task = KeyTask(found.path, stamp.size, stamp.mtime_ns)
                elif (lacking := known.keyless.pop(digest, None)) is not None and not run.options.dry_run:
                    how = (lacking.decoder, lacking.is_truncated)
                    task = KeyTask(found.path, stamp.size, stamp.mtime_ns, *how)
                yield ReadFile(found, sighting, digest, not is_known, warnings=warnings, cuts=cuts), task

        results = file_results(workers, analyse_file, tasks(), run.catalog.roots)
        for done, (file, result) in enumerate(results, start=1):
            progress("analysing", done, len(files))
            yield file if result is None else replace(file, result=result)


def _cuts(run: IngestRun, digest: str) -> Cuts | None:
    """Return the parts and marks of known content; None if it has none."""
    from thresher.catalog.recordings.recordings import find_recordings
    from thresher.curation.cutting.recut import cuts_of

    with run.catalog.reading() as connection:
        found = find_recordings(connection, [digest])
        return cuts_of(connection, found.values()).get(found[digest]) if found else None


def read_names(run: IngestRun, found: FoundFile) -> ReadFile:
    """Read a file's name, its folders and its sidecar, but not the file itself."""
    sighting, warnings = _sighting(run, found, read_stated(found.path))
    return with_folder_run(run, ReadFile(found, sighting, warnings=warnings))


def look_again(found: FoundFile) -> FoundFile:
    """Return the file with its present stamp."""
    try:
        now = os.stat(found.path)
    except OSError:  # reading the file reports the reason
        return found
    return replace(found, stamp=stamp_of(now))


def _sighting(
    run: IngestRun, found: FoundFile, sidecar: tuple[dict[str, str], str | None]
) -> tuple[Sighting, tuple[str, ...]]:
    """Return what the names of a file and its sidecar say, and the warnings about them."""
    catalog, options = run.catalog, run.options
    values, warning = sidecar
    patterns = (*catalog.settings.provenance, *PATTERNS)
    inference = infer(found.path, patterns=patterns, sidecar=values, overrides=options.stated())
    sighting = Sighting(
        catalog.stored_absolute(found.path),
        found.stamp,
        inference.provenance,
        inference.provenance if options.reread else options.stated(),
        options.role,
    )
    return sighting, warnings_of(found.path, inference, warning)


def with_folder_run(run: IngestRun, file: ReadFile) -> ReadFile:
    """Add what the folders of a file say about its run, by the current roots."""
    path = file.found.path
    root = run.roots.roots.root_of(path, file.found.root)
    sighting = replace(
        file.sighting,
        folder_run=run_of_folder(path, root, patterns=(*run.catalog.settings.provenance, *PATTERNS)),
        rereading=Rereading(_folders_between(root, path), run.stated_runs) if run.options.reread else None,
    )
    return replace(file, sighting=sighting)


def _folders_between(root: bytes, path: bytes) -> frozenset[str]:
    """Return the names of the folders below `root` that contain the file at `path`."""
    inside = os.path.dirname(path).removeprefix(root)
    return frozenset(nfc(display_text(inside)).split("/")) - {""}


def warnings_of(path: bytes, inference: Inference, about_sidecar: str | None) -> tuple[str, ...]:
    """Return the warnings about the name and the sidecar of a file, each with the file's name."""
    shown = display_text(path)
    problems = (*([about_sidecar] if about_sidecar else []), *inference.problems)
    return tuple(f"{shown}: {problem}" for problem in problems)


def _hash(found: FoundFile, hashes: Hashes) -> _Hashed:
    digest, looked_at = _digest(found, hashes)
    is_skipped = isinstance(digest, Unsettled) or (isinstance(digest, Unopened) and digest.vanished)
    return _Hashed(digest, looked_at, ({}, None) if is_skipped else read_stated(found.path))


def _digest(found: FoundFile, hashes: Hashes) -> tuple[str | Unsettled | Unopened, float | None]:
    """Return the SHA-256 of a file and when its reading began, unless the file changed since it was found.

    Only size and time of change count here: some file systems change the rest by themselves. If it differs at the
    next ingest, the file is hashed again.
    """
    try:
        digest, look = hashes.of(found.path, found.stamp)
        now = os.stat(found.path)
    except FileNotFoundError:
        return Unopened("is no longer there", vanished=True), None
    except OSError as error:
        return Unopened(error.strerror or str(error)), None
    except AudioError as error:  # a FIFO, socket or device replaced the file after the scan
        return Unopened(str(error)), None
    if (now.st_size, now.st_mtime_ns) != found.stamp[:2]:
        return Unsettled(), None
    return digest, look.looked_at
