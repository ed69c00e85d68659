"""Take the files of a prune out of the trash again, on systems with a freedesktop.org trash (Linux)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import location
from thresher.catalog.decisions.journal import get_decision
from thresher.catalog.files import paths
from thresher.catalog.files.files import sha256_file
from thresher.curation.clips.prune import PruneFailure
from thresher.curation.clips.trash_folders import Trashed, remove_orphans, trashed_files
from thresher.errors import AudioError, ThresherError, UsageError


@dataclass(frozen=True)
class RestoreReport:
    """The files that were taken out of the trash, as absolute paths, and those that were not."""

    restored: tuple[bytes, ...]
    failures: tuple[PruneFailure, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The restored paths as text."""
        return tuple(map(paths.display_text, self.restored))


def restore_pruned(catalog: Catalog, entry: int) -> RestoreReport:
    """Move the files of a prune from the trash to their former paths. `entry` is its number in the history.

    Nothing is replaced. A file that is at its path again counts as restored, so that a restore that was interrupted
    is completed. The catalog knows the files again after an ingest of their paths. Raises NotFoundError if
    the history has no such entry, UsageError if it is not a prune, and ThresherError on a system whose trash has
    no documented form.
    """
    with catalog.reading() as connection:
        pruned = get_decision(connection, entry)
    if pruned.verb != "prune":
        raise UsageError(
            f"entry {entry} of the history is not a prune ({pruned.summary}); `thresher history` lists them"
        )
    if sys.platform != "linux":
        raise ThresherError(
            "files can't be taken out of this system's trash; put them back with the Finder or Explorer, then "
            "`thresher ingest` their folder"
        )
    wanted, present, absent = _wanted(catalog, [change.id for change in pruned.changes])
    trashed = trashed_files(list(wanted))
    restored, failures = [], []
    for path, sha256 in wanted.items():
        try:
            _put_back(path, sha256, trashed.get(path, ()))
            restored.append(path)
        except (OSError, ThresherError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            failures.append(PruneFailure(paths.display_text(path), reason))
    remove_orphans(restored)
    elsewhere = {change.before: absent[change.id] for change in pruned.changes if change.id in absent}
    failures += [PruneFailure(path, why) for path, why in sorted(elsewhere.items())]
    known = {change.before for change in pruned.changes if change.id not in absent}
    forgotten = sorted(known - set(map(paths.display_text, wanted)) - present)
    failures += [
        PruneFailure(path, "the catalog has forgotten it, or found it elsewhere") for path in forgotten
    ]
    return RestoreReport(tuple(restored), tuple(failures))


def _wanted(
    catalog: Catalog, location_ids: Sequence[int]
) -> tuple[dict[bytes, str], set[str], dict[int, str]]:
    """The absolute paths of these locations, if they are missing, with the SHA-256 of their contents.

    Also return the paths of the others, as text: their files are known again. The last are the locations below
    roots that this machine lacks, with the reasons.
    """
    found: dict[bytes, str] = {}
    present = set()
    absent: dict[int, str] = {}
    columns = [location.c[name] for name in ("id", "root", "path", "sha256", "missing_since")]
    with catalog.reading() as connection:
        rows = [
            row
            for chunk in chunks(sorted(set(location_ids)))
            for row in connection.execute(
                select(*columns).where(location.c.id.in_(chunk)).order_by(location.c.id)
            )
        ]
    roots = catalog.roots.as_now()
    for row in rows:
        here = roots.absolute(row.root, row.path)
        if here is None:
            absent[row.id] = roots.why_absent(row.root)
            continue
        path = paths.absolute(here)
        if row.missing_since is None:
            present.add(paths.display_text(path))
        else:
            found[path] = row.sha256
    return found, present, absent


def _put_back(path: bytes, sha256: str, trashed: Sequence[Trashed]) -> None:
    """Move the file with this content back. Raises ThresherError if there is none or the path is taken."""
    if os.path.lexists(path):
        if not _holds(path, sha256):
            raise ThresherError("another file is there")
        return
    found = next((each for each in trashed if _holds(each.file, sha256)), None)
    if found is None:
        raise ThresherError("it is not in the trash")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.rename(found.file, path)
    os.unlink(found.info)


def _holds(file: bytes, sha256: str) -> bool:
    if os.path.islink(file) and not os.path.exists(file):  # its target may come back later
        return True
    try:
        return sha256_file(file) == sha256
    except (OSError, AudioError):
        return False
