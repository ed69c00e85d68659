"""Survey a file before it is decoded: which decoder reads all of it, and what its headers promise.

Decoders trust headers: libsndfile stops at the length that a header states, even if more audio follows. The survey
compares headers with the rest of the file. It decodes nothing, and reads by `os.pread` only: the headers of most
files, all pages of an Ogg file, whose checksums it verifies. Offsets and sizes are in bytes, lengths in frames.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction

from thresher.catalog.audio.chunked import Chunked, chunked_audio
from thresher.catalog.audio.containers import audio_start
from thresher.catalog.audio.flac import FlacLength, declared_length, flac_length
from thresher.catalog.audio.mpeg import MpegFrames, mpeg_frames
from thresher.catalog.audio.ogg import ogg_streams
from thresher.catalog.audio.pieces import Piece, overlaid
from thresher.catalog.audio.signatures import foreign_demuxer, joined_bytes, missing_bytes

_MPEG_IN_WAV = (0x50, 0x55)  # format tags of MPEG layers I and II, and of layer III
_MOST_ZEROS = 1 << 16
_CHUNKED = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"riff", b"caff", b".snd", b"dns.")


@dataclass(frozen=True)
class Survey:
    """What the bytes of a file say about its audio.

    The container begins at `start`. `demuxer` is ffmpeg's name of it, None if it is not known. `needs_ffmpeg` says
    that libsndfile cannot read the file, `prefers_ffmpeg` that ffmpeg reads more of it; `rest` then says what
    libsndfile leaves out, as the end of a sentence. `pieces` are what libsndfile has to read instead of the file,
    if its header is wrong. `frames` is the length, and `promised` the length that the header states, where they are
    known; `seconds` is the length that an Ogg file states, `holes` says which of its pages are missing. `fault`
    says why the file is truncated, as the continuation of "ends at 1.00 s". `mpeg` are the frames of an MP3,
    `chunked` is the audio of a WAV, AIFF or similar file, `flac` are the lengths of a FLAC file.
    """

    demuxer: str | None = None
    needs_ffmpeg: bool = False
    prefers_ffmpeg: bool = False
    rest: str | None = None
    pieces: tuple[Piece, ...] | None = None
    frames: int | None = None
    promised: int | None = None
    seconds: Fraction | None = None
    holes: str | None = None
    fault: str | None = None
    mpeg: MpegFrames | None = None
    chunked: Chunked | None = None
    flac: FlacLength | None = None
    start: int = 0


def survey(fd: int, size: int) -> Survey:
    """Survey an open file of `size` bytes."""
    if size == 0:
        return Survey()
    start = _after_zeros(fd, audio_start(fd))
    head = os.pread(fd, 12, start)
    found = None
    if head[:4] == b"fLaC":
        found = _flac(fd, start, size)
    elif head[:4] == b"OggS":
        found = _ogg(fd, start, size)
    elif head[:4] in _CHUNKED and head[8:12] != b"AVI ":
        found = _chunks(fd, start, size)
    if found is not None:
        # Not every decoder expects other bytes before the container.
        pieces = found.pieces or (((start, size - start),) if start else None)
        return replace(found, start=start, pieces=pieces)
    demuxer = foreign_demuxer(fd, start)
    if demuxer is not None:
        missing = missing_bytes(fd, start, size, demuxer)
        fault = f", and {missing:,} bytes of the file are missing" if missing else None
        if joined := joined_bytes(fd, start, size, demuxer):
            fault = f", but {joined:,} bytes of another stream follow, which are not read"
        return Survey(demuxer, needs_ffmpeg=True, fault=fault)
    return _mpeg(fd, start, size)


def _after_zeros(fd: int, start: int) -> int:
    """Return the offset of the container after zero bytes; `start` if there is none."""
    if os.pread(fd, 4, start) != bytes(4):
        return start
    head = os.pread(fd, _MOST_ZEROS + 4, start)
    offset = len(head) - len(head.lstrip(b"\0"))
    return start + offset if head[offset : offset + 4] in (b"fLaC", b"OggS", *_CHUNKED) else start


def _flac(fd: int, start: int, size: int) -> Survey:
    length = flac_length(fd, start, size)
    if length is None:
        return Survey("flac")
    fault = None
    if length.differs_at is not None:
        fault = f", but {size - length.differs_at:,} bytes of another FLAC stream follow, in another format"
    if length.joined:
        return Survey("flac", prefers_ffmpeg=True, rest="another FLAC stream follows", fault=fault)
    if fault is not None:
        pieces = ((start, (length.differs_at or size) - start),)
        return Survey("flac", pieces=pieces, fault=fault, flac=length)
    present, promised = length.present, length.declared or None
    if present is None or promised is None or present <= promised:
        return Survey("flac", frames=present if promised is None else None, promised=promised, flac=length)
    corrected = overlaid(size, [(length.total_at, declared_length(fd, length))], start)
    return Survey("flac", pieces=tuple(corrected), frames=present)


def _ogg(fd: int, start: int, size: int) -> Survey:
    found = ogg_streams(fd, start, size)
    fault = f", {found.fault}" if found.fault else None
    if found.differs_at is not None:
        fault = f", but {size - found.differs_at:,} bytes of another Ogg stream follow, in another format"
    common = Survey("ogg", seconds=found.seconds, holes=found.holes, fault=fault)
    if found.is_chained:
        return replace(common, prefers_ffmpeg=True, rest="another Ogg stream follows")
    is_plain = len(found.codecs) == 1 and found.codecs[0] in ("vorbis", "opus")
    return replace(common, needs_ffmpeg=bool(found.codecs) and not is_plain)


def _chunks(fd: int, start: int, size: int) -> Survey:
    found = chunked_audio(fd, start, size)
    if found is None:
        return Survey()
    form = os.pread(fd, 22, start + 12)
    is_mpeg = form[:4] == b"fmt " and int.from_bytes(form[8:10], "little") in _MPEG_IN_WAV
    fault = None
    if found.foreign_rest:
        fault = f", but {found.foreign_rest:,} bytes of another file follow, in another format"
    return Survey(prefers_ffmpeg=is_mpeg, pieces=found.pieces, fault=fault, chunked=found)


def _mpeg(fd: int, start: int, size: int) -> Survey:
    found = mpeg_frames(fd, size)
    if found is None:
        return Survey()
    is_plain = found.followed and not found.has_more and found.begin == start
    if is_plain:
        return Survey("mp3", mpeg=found)
    # Without the bytes around the frames, libsndfile recognises them.
    pieces = ((found.begin, found.end - found.begin),)
    rest = "more MPEG audio follows" if found.has_more else None
    return Survey("mp3", prefers_ffmpeg=True, pieces=pieces, rest=rest, mpeg=found)
