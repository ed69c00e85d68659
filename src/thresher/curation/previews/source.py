"""The file and the span from which the previews of a clip are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import (
    FileState,
    KnownFile,
    check_file,
    elsewhere,
    intact_file,
    known_files_in,
)
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.recordings.clip_source import SOURCE
from thresher.errors import AudioError, NotFoundError


@dataclass(frozen=True)
class ClipSource:
    """A clip's span, in frames of its recording, and the file that holds the recording now.

    `loudness` is in LUFS, `peak` linear; they are None if they are not known. `kind` is one of schema.CLIP_KINDS;
    the sound of a part or a mark is faded at both ends for `fade` seconds. `recording_frames` is the length of the
    recording.
    """

    clip: int
    path: bytes
    sha256: str
    decoder: str | None
    start: int
    end: int
    sample_rate: int
    channels: int
    mono_channel: int | None
    loudness: float | None
    peak: float | None
    kind: str = "whole"
    fade: float = 0.0
    recording_frames: int = 0

    @property
    def frames(self) -> int:
        """The length of the span."""
        return self.end - self.start

    @property
    def key(self) -> str:
        """A name for what is made from these samples: equal for equal samples."""
        return f"{self.sha256}-{self.start}-{self.end}"


def clip_source(catalog: Catalog, clip_id: int) -> ClipSource:
    """Return where the samples of a clip are.

    Raises NotFoundError if there is no such clip or no file holds its recording now, AudioError if the clip has no
    samples or its file can't be read.
    """
    columns = (clip.c.kind, clip.c.start_frame, clip.c.end_frame, clip.c.loudness, clip.c.peak, recording)
    with catalog.reading() as connection:
        statement = select(*columns).select_from(SOURCE).where(clip.c.id == clip_id, ~clip.c.removed)
        row = connection.execute(statement).one_or_none()
        files = [] if row is None else known_files_in(catalog, connection, [row.sha256])[row.sha256]
    if row is None:
        raise NotFoundError(f"no clip has the id {clip_id}")
    if row.sample_rate is None or row.end_frame <= row.start_frame:
        raise AudioError(f"clip {clip_id} has no sound: {row.reason or row.status}")
    file = _present_file(catalog, clip_id, row.sha256, files)
    return ClipSource(
        clip_id,
        file.path,
        row.sha256,
        row.decoder,
        row.start_frame,
        row.end_frame,
        row.sample_rate,
        row.channels,
        row.mono_channel,
        row.loudness,
        row.peak,
        row.kind,
        catalog.settings.song.fade,
        max(row.frames or 0, row.end_frame),
    )


def open_audio(source: ClipSource) -> AudioReader:
    """Open the file of a clip. Raises AudioError if it can't be opened or decoded."""
    try:
        return AudioReader(source.path, source.decoder)
    except OSError as error:
        raise AudioError(
            f"the file of clip {source.clip} can't be read: {error.strerror or error}"
        ) from error


def _present_file(catalog: Catalog, clip_id: int, sha256: str, files: Sequence[KnownFile]) -> KnownFile:
    file = intact_file(catalog, files)
    if file is not None:
        return file
    absent = elsewhere(catalog, sha256)
    if absent is not None:
        raise NotFoundError(f"clip {clip_id} is {absent}")
    if not files:
        raise NotFoundError(f"no file of clip {clip_id} is known; `thresher ingest` its folder")
    name, state = files[0].path_text, check_file(files[0], catalog.hashes).state
    if state is FileState.UNREADABLE:
        raise AudioError(f"the file of clip {clip_id} can't be read: {name}")
    was = "holds other audio now" if state is FileState.CHANGED else "is missing"
    raise NotFoundError(
        f"the file of clip {clip_id} {was}: {name}; `thresher ingest` the folder where it is now"
    )
