"""One file of an export: its source and format, and writing it completely or not at all.

Positions are frames at the recording's own sample rate.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from thresher.catalog.atomic_files import partial_file
from thresher.catalog.audio.encoding import OUTPUT_FORMATS, AudioWriter, suffix_of
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.content_files import Elsewhere, FileState, KnownFile, check_file
from thresher.catalog.files.files import Hashes, sha256_file
from thresher.catalog.files.paths import display_text
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.recordings.cut_clips import CutPlace
from thresher.curation.exports.file_names import NameRequest
from thresher.errors import AudioError, NotFoundError, UsageError
from thresher.signal.mixing.mix import Fade, fade_edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

Form = Literal["copy", "trimmed", "link"]
State = Literal["written", "there already", "refused", "missing", "failed"]

NO_FADE = Fade(0)

_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class ExportedFile:
    """One file of an export, of a clip.

    `path` is None if the file is missing or failed. `bytes` is its size, 0 for a link. `reason` says why it is
    refused, missing or failed. `part` says which part or mark a trimmed file holds, such as `part 3 of 50`.
    """

    clip: int
    source: str
    path: str | None
    state: State
    bytes: int = 0
    reason: str | None = None
    part: str | None = None


@dataclass(frozen=True)
class Item:
    """A file to write. `locations` are the known files of the recording. `source` is one of them that has its
    contents, or None; then `elsewhere` says whether a root that this machine lacks has it.

    The span, the format, the comment, the decoder of the recording and the `fade` at both ends are used for trimmed
    files, and so is the part or mark `cut`, which the name says.
    """

    clip: int
    sha256: str
    locations: tuple[KnownFile, ...]
    start: int
    end: int
    container: str
    subtype: str
    comment: str
    form: Form
    decoder: str | None = None
    source: KnownFile | None = None
    target: bytes = b""
    fade: Fade = NO_FADE
    cut: CutPlace | None = None
    elsewhere: Elsewhere | None = None

    @property
    def name_request(self) -> NameRequest:
        """The name of its source. A trimmed file may have another format, and then gets its suffix."""
        own = os.path.basename(self.locations[0].path) if self.locations else b"clip"
        form = OUTPUT_FORMATS.get(os.fsdecode(os.path.splitext(own)[1]).lower())
        has_own = self.form != "trimmed" or (form is not None and form.container == self.container)
        suffix = None if has_own else suffix_of(self.container).encode()
        return NameRequest(own, self.clip, suffix, None if self.cut is None else self.cut.label)

    @property
    def why_missing(self) -> str:
        """Why there is no source, as a part of a sentence about the file."""
        return "the file is gone or has changed" if self.elsewhere is None else f"it is {self.elsewhere}"

    def report(self, state: State, size: int = 0, reason: str | None = None) -> ExportedFile:
        """The entry of this file in the report."""
        shown = self.source or (self.locations[0] if self.locations else None)
        path = display_text(self.target) if state in ("written", "there already", "refused") else None
        known = shown or self.elsewhere
        source = known.path_text if known else ""
        part = None if self.cut is None else self.cut.text
        return ExportedFile(self.clip, source, path, state, size, reason, part)


def not_here(items: Iterable[Item]) -> NotFoundError | None:
    """Return the error for clips without a source, if one of them is below a root that this machine lacks."""
    for item in items:
        if item.elsewhere is not None:
            return NotFoundError(f"no file of these clips is here: clip {item.clip} is {item.elsewhere}")
    return None


def put(item: Item, guard: OutputGuard, note: Callable[[str], object], *, overwrite: bool) -> int:
    """Write one file, completely or not at all. Returns its size.

    `note` is called with the SHA-256 of a trimmed file before the file gets its name.
    """
    assert item.source is not None

    def recheck() -> None:
        if not overwrite:
            raise UsageError("another program has created this file meanwhile")

    with partial_file(Path(os.fsdecode(item.target)), guard, recheck) as partial:
        file = os.fsencode(partial)
        if item.form == "link":
            os.symlink(item.source.path, file)
            return 0
        if item.form == "copy":
            return _copy(item, file)
        size = encode(item, file)
        note(sha256_file(file))
    return size


def _copy(item: Item, file: bytes) -> int:
    """Copy the source, and check the digest of the copied bytes."""
    assert item.source is not None
    digest, size = hashlib.sha256(), 0
    with open(item.source.path, "rb", buffering=0) as source, open(file, "wb") as copy:
        while block := source.read(_COPY_BYTES):
            digest.update(block)
            size += copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    if digest.hexdigest() != item.source.sha256:
        raise NotFoundError("the file has changed; `thresher ingest` its folder")
    return size


def encode(item: Item, file: bytes) -> int:
    """Write only the span of the clip, with its fades. Returns the size of the file."""
    assert item.source is not None
    position, frames = 0, item.end - item.start
    with AudioReader(item.source.path, item.decoder) as reader:
        form = reader.format
        unchanged = form.subtype == item.subtype == "PCM_16"
        tags = {"title": display_text(os.path.basename(item.target)), "comment": item.comment}
        with AudioWriter(
            file,
            form.sample_rate,
            form.channels,
            item.container,
            item.subtype,
            tags,
            frames=frames,
        ) as writer:
            for block in _blocks(item, reader, unchanged=unchanged):
                writer.write(fade_edges(block, position, frames, item.fade, item.fade))
                position += len(block)
    if position != frames:
        ends = item.start + position
        raise AudioError(f"the file ends at frame {ends} of {item.end}; `thresher ingest` its folder")
    if check_file(item.source, Hashes()).state is FileState.CHANGED:
        raise NotFoundError("the file has changed; `thresher ingest` its folder")
    return os.stat(file).st_size


def _blocks(item: Item, reader: AudioReader, *, unchanged: bool) -> Iterator[NDArray[Any]]:
    """Yield the span as floats; if it is `unchanged`, as the file's own 16-bit samples between the fades."""
    start, end, fade = item.start, item.end, item.fade.frames
    if not unchanged:
        yield from reader.blocks(start, end)
        return
    yield from reader.blocks(start, start + fade)
    yield from reader.pcm16_blocks(start + fade, end - fade)
    yield from reader.blocks(end - fade, end)
