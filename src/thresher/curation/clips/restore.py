"""Take the files of a prune out of the trash again, on systems with a freedesktop.org trash (Linux).

A trash is a folder with `files/NAME` and `info/NAME.trashinfo`, which holds the former path. There is one in the
user's data folder and one at the top of each other file system.

Specification: https://specifications.freedesktop.org/trash-spec/latest/
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sqlalchemy import select

from thresher.catalog import paths
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.decisions import get_decision
from thresher.catalog.files import sha256_file
from thresher.catalog.schema import location
from thresher.curation.clips.prune import PruneFailure
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


@dataclass(frozen=True)
class _Trashed:
    """A file in a trash, and the file that describes it."""

    file: bytes
    info: bytes


def restore_pruned(catalog: Catalog, entry: int) -> RestoreReport:
    """Move the files of a prune from the trash to their former paths. `entry` is its number in the history.

    Nothing is replaced. The catalog knows the files again after an ingest of their paths. Raises NotFoundError if
    the history has no such entry, UsageError if it is not a prune, and ThresherError on a system whose trash has
    no documented form.
    """
    with catalog.reading() as connection:
        pruned = get_decision(connection, entry)
    if pruned.verb != "prune":
        raise UsageError(f"entry {entry} of the history is not a prune ({pruned.summary})")
    if sys.platform != "linux":
        raise ThresherError(
            "files can't be taken out of this system's trash; put them back with the Finder or Explorer, then "
            "`thresher ingest` their folder"
        )
    wanted = _wanted(catalog, [change.id for change in pruned.changes])
    trashed = _trashed_files(list(wanted))
    restored, failures = [], []
    for path, sha256 in wanted.items():
        try:
            _put_back(path, sha256, trashed.get(path, ()))
            restored.append(path)
        except (OSError, ThresherError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            failures.append(PruneFailure(paths.display_text(path), reason))
    known = {change.before for change in pruned.changes}
    forgotten = sorted(known - set(map(paths.display_text, wanted)))
    failures += [
        PruneFailure(path, "the catalog has forgotten it, or found it elsewhere") for path in forgotten
    ]
    return RestoreReport(tuple(restored), tuple(failures))


def _wanted(catalog: Catalog, location_ids: Sequence[int]) -> dict[bytes, str]:
    """The absolute paths of these locations, if they are still missing, with the SHA-256 of their contents."""
    found: dict[bytes, str] = {}
    with catalog.reading() as connection:
        for chunk in chunks(sorted(set(location_ids))):
            statement = (
                select(location.c.path, location.c.sha256)
                .where(location.c.id.in_(chunk), location.c.missing_since.is_not(None))
                .order_by(location.c.id)
            )
            for row in connection.execute(statement):
                found[paths.absolute(catalog.absolute(row.path))] = row.sha256
    return found


def _put_back(path: bytes, sha256: str, trashed: Sequence[_Trashed]) -> None:
    """Move the file with this content back. Raises ThresherError if there is none or the path is taken."""
    if os.path.lexists(path):
        raise ThresherError("another file is there")
    found = next((each for each in trashed if _holds(each.file, sha256)), None)
    if found is None:
        raise ThresherError("it is not in the trash")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.rename(found.file, path)
    os.unlink(found.info)


def _holds(file: bytes, sha256: str) -> bool:
    if os.path.islink(file):  # its target may come back later
        return True
    try:
        return sha256_file(file) == sha256
    except (OSError, AudioError):
        return False


def _trashed_files(wanted: Sequence[bytes]) -> Mapping[bytes, list[_Trashed]]:
    """What the trashes hold of these paths, the latest first."""
    found: defaultdict[bytes, list[tuple[str, _Trashed]]] = defaultdict(list)
    names = set(wanted)
    for trash, top in _trashes(wanted):
        for info in _listed(os.path.join(trash, b"info")):
            former, deleted_at = _read_info(info, top)
            if former in names:
                name = os.path.basename(info).removesuffix(b".trashinfo")
                found[former].append((deleted_at, _Trashed(os.path.join(trash, b"files", name), info)))
    for files in found.values():
        files.sort(key=lambda pair: pair[0], reverse=True)
    return {path: [each for _, each in files] for path, files in found.items()}


def _trashes(wanted: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The folders of the trashes in which files of these paths can be, and the folder their paths start at."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    yield os.path.join(os.fsencode(data), b"Trash"), b"/"
    user = str(os.getuid()).encode()
    for top in sorted({_top_folder(path) for path in wanted}):
        yield os.path.join(top, b".Trash", user), top
        yield os.path.join(top, b".Trash-" + user), top


def _top_folder(path: bytes) -> bytes:
    """The folder at which the file system of a path is mounted."""
    folder = os.path.dirname(path)
    while folder != b"/" and not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return folder


def _listed(folder: bytes) -> list[bytes]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(b".trashinfo")]
    except OSError:  # there is no such trash
        return []


def _read_info(info: bytes, top: bytes) -> tuple[bytes, str]:
    """The former path and the time of deletion in a .trashinfo file."""
    try:
        with open(info, encoding="utf-8", errors="surrogateescape") as file:
            keys = dict(line.rstrip("\n").partition("=")[::2] for line in file if "=" in line)
    except OSError:
        return b"", ""
    former = os.path.join(top, unquote_to_bytes(os.fsencode(keys.get("Path", ""))))
    return paths.absolute(former), keys.get("DeletionDate", "")
