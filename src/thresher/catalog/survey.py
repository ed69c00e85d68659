"""Survey a file before it is decoded: which decoder reads all of it, and what its headers promise.

Decoders trust headers: libsndfile stops at the length that a header states, even if more audio follows. The survey
compares headers with the rest of the file. It reads headers only, by `os.pread`. Offsets and sizes are in bytes,
lengths in frames.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from thresher.catalog.containers import MpegFrames, audio_start
from thresher.catalog.flac import declared_length, flac_length
from thresher.catalog.pieces import Piece, overlaid
from thresher.catalog.signatures import foreign_demuxer


@dataclass(frozen=True)
class Survey:
    """What the bytes of a file say about its audio.

    `demuxer` is ffmpeg's name of the container, None if it is not known. `needs_ffmpeg` says that libsndfile cannot
    read the file; `rest` says what libsndfile would leave out, as the end of a sentence, None if it reads all.
    `pieces` are what libsndfile has to read instead of the file, if its header is wrong. `frames` is the length,
    and `promised` the length that the header states, where they are known. `mpeg` are the frames of an MP3.
    """

    demuxer: str | None = None
    needs_ffmpeg: bool = False
    rest: str | None = None
    pieces: tuple[Piece, ...] | None = None
    frames: int | None = None
    promised: int | None = None
    mpeg: MpegFrames | None = None


def survey(fd: int, size: int) -> Survey:
    """Survey an open file of `size` bytes."""
    start = audio_start(fd)
    head = os.pread(fd, 4, start)
    if head == b"fLaC":
        return _flac(fd, start, size)
    demuxer = foreign_demuxer(fd, start)
    if demuxer is not None:
        return Survey(demuxer, needs_ffmpeg=True)
    return Survey()


def _flac(fd: int, start: int, size: int) -> Survey:
    length = flac_length(fd, start, size)
    if length is None:
        return Survey("flac")
    if length.joined:
        return Survey("flac", rest="another FLAC stream follows")
    present, promised = length.present, length.declared or None
    if present is None or promised is None or present <= promised:
        return Survey("flac", frames=present if promised is None else None, promised=promised)
    corrected = overlaid(size, [(length.total_at, declared_length(fd, length))])
    return Survey("flac", pieces=tuple(corrected), frames=present)
