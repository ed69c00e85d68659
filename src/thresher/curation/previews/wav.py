"""The sound of a clip as a 16-bit WAV file of known size, of which any range of bytes can be made by itself.

A browser asks for ranges, so a long clip is decoded only where it is played. One or two channels; a rate that
browsers do not play is converted, and then the clip is decoded from its start for each range.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.decoder_names import FFMPEG
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.audio.seek_marks import last_before, unpacked
from thresher.curation.previews.cache import PreviewCache
from thresher.curation.previews.source import ClipSource, open_audio
from thresher.curation.songs.cut_fade import cut_fade
from thresher.errors import AudioError
from thresher.signal.mixing.mix import downmix, fade_edges
from thresher.signal.mixing.resampling import Resampler, resampled_frames

PLAYED_RATES = range(8_000, 96_001)
"""Sample rates that browsers play, in Hz."""

FALLBACK_RATE = 48_000
VERSION = 1
"""Increase it with every change of the bytes."""

MARKS_VERSION = 1

Piece = bytes

_NEAR_SECONDS = 20  # up to here, decoding from the beginning takes no longer than a seek

BLOCK_FRAMES = 65_536
"""Frames that are decoded at once: 1.5 s, so that a server holds little of each stream."""

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
LARGEST = 0xFFFFFFFF - HEADER.size
"""The most bytes of samples that a WAV file can state: more than 6 hours of 48 kHz stereo."""


def marks_name(source: ClipSource) -> str:
    """Return the name under which the cache keeps the marks for seeking in a clip, see `seek_marks.py`."""
    return f"{source.key}-i{MARKS_VERSION}"


class WavPreview:
    """A clip as the bytes of a WAV file; `size` is their number.

    `cache` may hold marks, by which ffmpeg seeks in files that only it reads.
    """

    def __init__(self, source: ClipSource, cache: PreviewCache | None = None) -> None:
        self._source = source
        self._cache = cache
        self._channels = min(2, source.channels)
        self._rate = source.sample_rate if source.sample_rate in PLAYED_RATES else FALLBACK_RATE
        frames = resampled_frames(source.frames, source.sample_rate, self._rate)
        self._frames = min(frames, LARGEST // self._frame_bytes)
        self._fade = cut_fade(source.kind, source.fade, self._frames, self._rate)
        self.size = HEADER.size + self._frames * self._frame_bytes

    @property
    def _frame_bytes(self) -> int:
        return 2 * self._channels

    def header(self) -> bytes:
        """Return the header of the file."""
        samples = self.size - HEADER.size
        per_second = self._rate * self._frame_bytes
        form = (b"fmt ", 16, 1, self._channels, self._rate, per_second, self._frame_bytes, 16)
        return HEADER.pack(b"RIFF", self.size - 8, b"WAVE", *form, b"data", samples)

    @property
    def key(self) -> str:
        """A name for the content: equal for equal bytes."""
        return f"{self._source.key}-w{VERSION}-{self._fade.frames}"

    def bytes(self, first: int, last: int) -> Generator[bytes, None, None]:
        """Yield the bytes `first` … `last`, both included, in pieces of at most a few hundred kilobytes.

        Pieces are empty while what comes before `first` is decoded and dropped. Raises AudioError if the file can't
        be decoded; before the first byte, if nothing can.
        """
        begin, end = max(0, first - HEADER.size), last + 1 - HEADER.size
        head = self.header()[first : last + 1] if first < HEADER.size else b""
        if end <= begin:
            yield head
            return
        with closing(self._samples(begin, end)) as samples:
            for piece in samples:
                if piece:
                    yield head + piece
                    head = b""
                else:
                    yield piece

    def _samples(self, begin: int, end: int) -> Generator[Piece, None, None]:
        """Yield the bytes `[begin, end)` of the samples."""
        start_frame, end_frame = begin // self._frame_bytes, -(-end // self._frame_bytes)
        left, skipped = end - begin, begin - start_frame * self._frame_bytes
        position = start_frame
        with closing(self._frames_between(start_frame, end_frame)) as blocks:
            for block in blocks:
                if len(block) == 0:
                    yield b""
                    continue
                faded = fade_edges(block, position, self._frames, self._fade, self._fade)
                position += len(block)
                piece = to_pcm16(faded)[skipped : skipped + left]
                skipped = 0
                left -= len(piece)
                yield piece
        if left:  # the file has become shorter: an answer must have the length that it promised
            raise AudioError("the file ends before the clip does")

    def _frames_between(self, start: int, end: int) -> Generator[NDArray[np.float32], None, None]:
        """Yield the frames of the preview from `start` to `end`, at its rate and with its channels.

        Blocks are empty while frames before `start` are decoded.
        """
        source = self._source
        with open_audio(source) as reader:
            if self._rate != source.sample_rate:
                blocks, position = self._resampled(reader), 0
            else:
                start, end = source.start + start, source.start + end
                # ffmpeg decodes from the beginning or from a mark; here, the server can stop it meanwhile
                position = self._mark_before(reader, start) if reader.decoder.name == FFMPEG else start
                decoded = reader.blocks(position, end, BLOCK_FRAMES)
                blocks = (downmix(block, self._channels) for block in decoded)
            for block in blocks:
                yield block[max(0, start - position) : max(0, end - position)]
                position += len(block)
                if position >= end:
                    return

    def _mark_before(self, reader: AudioReader, start: int) -> int:
        """Move a reader to the last mark before a frame, if it can be reached; return where the reader is."""
        if start < _NEAR_SECONDS * self._source.sample_rate:
            return 0
        content = None if self._cache is None else self._cache.find(marks_name(self._source))
        mark = None if content is None else last_before(unpacked(content), start)
        return mark.frame if mark is not None and reader.seek(mark) else 0

    def _resampled(self, reader: AudioReader) -> Iterator[NDArray[np.float32]]:
        source = self._source
        decoded = reader.blocks(source.start, source.end, BLOCK_FRAMES)
        resampler = Resampler(source.sample_rate, self._rate, self._channels)
        return resampler.stream(downmix(block, self._channels) for block in decoded)


def to_pcm16(y: NDArray[np.float32]) -> bytes:
    """Return float samples, shape (frames, channels), as little-endian 16-bit bytes; what exceeds ±1 is clipped."""
    samples: NDArray[np.int16] = np.clip(np.rint(y * 32768.0), -32768, 32767).astype("<i2")
    return samples.tobytes()
