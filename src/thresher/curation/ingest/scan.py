"""Scan: find the audio files at and below the paths of an ingest, in byte order of their paths.

No audio file is opened: opening a FIFO named `.wav` would block forever. Symlinks are followed, but each folder is
visited only once.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from thresher.catalog.files.files import SUFFIXES
from thresher.catalog.files.paths import absolute, display_text
from thresher.catalog.files.stamps import Stamp, stamp_of
from thresher.catalog.provenance.provenance import is_skipped
from thresher.catalog.provenance.sidecars import sidecar_names
from thresher.catalog.settings.own_files import OwnFiles
from thresher.curation.ingest.exclude import Exclude, Exclusion
from thresher.errors import NotFoundError

HIDDEN, PROMPTS, NO_SUFFIX = "hidden", "prompts and references", "without suffix"
"""Headings under which ignored files are counted that have no suffix worth naming."""

_LONGEST_SUFFIX = 12


@dataclass(frozen=True)
class FoundFile:
    """An audio file: its absolute path, the given folder that contains it, and its stamp."""

    path: bytes
    root: bytes
    stamp: Stamp


@dataclass(frozen=True)
class Problem:
    """A file or folder that could not be examined, the given folder that contains it, and the reason."""

    path: bytes
    root: bytes
    reason: str
    is_folder: bool = False


@dataclass(frozen=True)
class Scan:
    """The result of scanning `given`: files and problems in byte order.

    `ignored_suffixes` counts the other files by suffix; sidecars of audio files and the catalog's own files are
    not among them. `excluded` says
    for each pattern of the exclusions what it left out. `vanished` are given paths that do not exist.
    """

    given: tuple[bytes, ...]
    folders: tuple[bytes, ...]
    files: tuple[FoundFile, ...]
    problems: tuple[Problem, ...]
    ignored_suffixes: Mapping[str, int]
    excluded: tuple[Exclusion, ...] = ()
    vanished: tuple[bytes, ...] = ()

    @property
    def found(self) -> int:
        """The number of audio files, also of those that can't be opened."""
        return len(self.files) + sum(not problem.is_folder for problem in self.problems)

    @property
    def ignored(self) -> int:
        """The number of files that are not audio."""
        return sum(self.ignored_suffixes.values())


def scan(
    given: Iterable[str | bytes | os.PathLike[str]],
    exclude: Sequence[str] = (),
    *,
    own: OwnFiles | None = None,
    allow_vanished: bool = False,
) -> Scan:
    """Scan files and folders, recursively, without what the patterns of `exclude` fit (see `exclude.py`).

    The catalog's `own` files are not counted, and its folder of previews is not visited. A given file is audio
    whatever its suffix is, unless it is one of those files or the sidecar of an audio file, as `runs/*` names them.

    Raises NotFoundError for a path that does not exist, unless `allow_vanished`, and UsageError for an invalid
    pattern.
    """
    leave_out = Exclude(exclude)
    folders: list[bytes] = []
    seen: dict[bytes, FoundFile | Problem] = {}
    ignored: Counter[str] = Counter()
    visited: set[tuple[int, int]] = set()
    sidecars: dict[bytes, set[bytes]] = {}
    asked = tuple(map(absolute, given))
    vanished: list[bytes] = []
    for path in asked:
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            if allow_vanished and isinstance(error, FileNotFoundError | NotADirectoryError):
                vanished.append(path)
                continue
            raise NotFoundError(
                f'"{display_text(path)}" can\'t be read: {error.strerror}; give another path'
            ) from error
        if stat.S_ISDIR(mode):
            folders.append(path)
            for entry in _walk(path, visited, leave_out, own):
                if isinstance(entry, str):
                    ignored[entry] += 1
                else:
                    seen.setdefault(entry.path, entry)
        elif not leave_out.leaves_out(_inside(path, os.path.dirname(path)), is_folder=False):
            if _is_sidecar(path, sidecars) or (own is not None and own.has_file(path)):
                ignored[_kind_of(os.path.basename(path))] += 1
            else:
                seen.setdefault(path, _look(path, os.path.dirname(path)))
    entries = [seen[path] for path in sorted(seen)]
    return Scan(
        asked,
        tuple(folders),
        tuple(entry for entry in entries if isinstance(entry, FoundFile)),
        tuple(entry for entry in entries if isinstance(entry, Problem)),
        dict(ignored.most_common()),
        leave_out.report(),
        tuple(vanished),
    )


def _walk(
    given: bytes, visited: set[tuple[int, int]], leave_out: Exclude, own: OwnFiles | None
) -> Iterator[FoundFile | Problem | str]:
    """Yield the files and problems below a folder, and the suffix of each file that is not audio.

    What `leave_out` leaves out is not yielded.
    """
    waiting = [given]  # no recursion: folders may be nested deeper than Python's stack
    while waiting:
        folder = waiting.pop()
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in visited:
                continue
            visited.add((here.st_dev, here.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Problem(folder, given, error.strerror or str(error), is_folder=True)
            continue
        below = []
        sidecars = _sidecar_names(entries)
        for entry in entries:
            if entry.name.startswith(b"."):
                yield HIDDEN
            elif _is_folder(entry):
                if own is not None and own.has_folder(entry.path):
                    continue
                if not leave_out.leaves_out(_inside(entry.path, given), is_folder=True):
                    below.append(os.path.realpath(entry.path) if entry.is_symlink() else entry.path)
            elif _is_audio(entry):
                if not leave_out.leaves_out(_inside(entry.path, given), is_folder=False):
                    yield _look(entry.path, given)
            elif entry.name not in sidecars and not (own is not None and own.has_file(entry.path)):
                yield _kind_of(entry.name)
        waiting += reversed(below)


def _inside(path: bytes, root: bytes) -> str:
    """Return a path relative to `root` as text; one that a symlink led out of `root` stays absolute."""
    return path.removeprefix(os.path.join(root, b"")).decode("utf-8", "surrogateescape")


def _sidecar_names(entries: Iterable[os.DirEntry[bytes]]) -> set[bytes]:
    """Return the names that the sidecars of the audio files in a folder have."""
    audio = [entry.name for entry in entries if _suffix(entry.name) in SUFFIXES]
    return {sidecar for name in audio for sidecar in sidecar_names(name)}


def _is_sidecar(path: bytes, of_folders: dict[bytes, set[bytes]]) -> bool:
    """Return whether a file is the sidecar of an audio file beside it; `of_folders` keeps what was listed."""
    folder, name = os.path.split(path)
    if not name.endswith(b".json"):
        return False
    if folder not in of_folders:
        try:
            with os.scandir(folder) as listing:
                of_folders[folder] = _sidecar_names(listing)
        except OSError:  # a folder that can be entered but not listed
            of_folders[folder] = set()
    return name in of_folders[folder]


def _kind_of(name: bytes) -> str:
    """Return under which heading an ignored file is counted: mostly its suffix."""
    suffix = _suffix(name)
    if suffix in SUFFIXES:
        return PROMPTS
    return suffix if 1 < len(suffix) <= _LONGEST_SUFFIX else NO_SUFFIX


def _suffix(name: bytes) -> str:
    return display_text(os.path.splitext(name)[1]).lower()


def _is_audio(entry: os.DirEntry[bytes]) -> bool:
    return _suffix(entry.name) in SUFFIXES and not is_skipped(display_text(entry.path))


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symlink that can't be followed; `_look` reports the reason
        return False


def _look(path: bytes, root: bytes) -> FoundFile | Problem:
    try:
        status = os.stat(path)
    except OSError as error:
        return Problem(path, root, error.strerror or str(error))
    if not stat.S_ISREG(status.st_mode):
        return Problem(path, root, f"is {_kind(status.st_mode)}, not a file; it was not opened")
    return FoundFile(path, root, stamp_of(status))


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"
