"""The file and the span from which the previews of a clip are made."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.clip_source import SOURCE
from thresher.catalog.content_files import find_content
from thresher.catalog.schema import clip, recording
from thresher.errors import AudioError, NotFoundError


@dataclass(frozen=True)
class ClipSource:
    """A clip's span, in frames of its recording, and the file that holds the recording now.

    `loudness` is in LUFS, `peak` linear; they are None if they are not known. `kind` is one of schema.CLIP_KINDS;
    the sound of a part or a mark is faded at both ends for `fade` seconds.
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
    samples.
    """
    columns = (clip.c.kind, clip.c.start_frame, clip.c.end_frame, clip.c.loudness, clip.c.peak, recording)
    with catalog.reading() as connection:
        statement = select(*columns).select_from(SOURCE).where(clip.c.id == clip_id, ~clip.c.removed)
        row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError(f"no clip has the id {clip_id}")
    if row.sample_rate is None or row.end_frame <= row.start_frame:
        raise AudioError(f"clip {clip_id} has no sound: {row.reason or row.status}")
    file = find_content(catalog, row.sha256)
    if file is None:
        raise NotFoundError(f"no file holds clip {clip_id} now; `thresher ingest` its folder")
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
    )
