"""Decoded audio for the passes of one analysis: as blocks of all channels, and as one channel.

Audio is float32, full scale ±1; blocks have shape (frames, channels), mono blocks (frames,). A file that fits in
`MEMORY_FRAMES` is decoded once and kept. A longer one is decoded again for each pass, so that memory stays bounded
for any length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.reader import AudioReader
from thresher.errors import AudioError
from thresher.signal.features import descriptors
from thresher.signal.features.trim import Levels, Span, longest, to_mono
from thresher.signal.features.trim_settings import TrimSettings

MEMORY_FRAMES = 16_000_000
"""Samples, of all channels together, that are kept decoded: 64 MB, three minutes of 44.1 kHz stereo."""

MONO_FRAMES = 8_000_000
"""Mono samples that are kept besides: 32 MB, two minutes of 64 kHz."""

MEASURED_SAMPLES = 16_000_000
"""Samples, of all channels together, in which clipping is searched: two minutes of 64 kHz stereo."""


class DecodedBlocks:
    """The decoded blocks of a recording: at most its first `max_length` seconds, and at most as much as a
    `LevelMeter` measures in bounded memory (hours, except at high rates with many channels).

    The first pass, over all frames, finds what is known only then: `is_capped` says that the recording is longer
    than the cap, `failure` is the decoder's error if it stopped early, and `is_whole` says that the decoder gave
    all frames that the file declares and reported no error. What was decoded before an error remains usable.
    `frames` counts the decoded frames, with those of `beyond`.
    """

    def __init__(self, reader: AudioReader, max_length: float, trim: TrimSettings) -> None:
        self.reader = reader
        form = reader.format
        self.failure: AudioError | None = None
        self.is_capped = False
        self.is_whole = False
        self.end = min(round(max_length * form.sample_rate), longest(form.channels, trim))
        self.frames = 0
        self._kept: list[NDArray[np.float32]] | None = None
        self._held: tuple[Span, list[NDArray[np.float32]]] = (Span(0, 0), [])

    def first_pass(self) -> Iterator[NDArray[np.float32]]:
        """Yield all frames in blocks, and keep them if they fit in memory."""
        kept: list[NDArray[np.float32]] | None = []
        frames, most = 0, MEMORY_FRAMES // self.reader.format.channels
        try:
            for block in self.reader.blocks(0, self.end):
                frames += len(block)
                if kept is not None and frames <= most:
                    kept.append(block)
                else:
                    kept = None
                yield block
            if frames == self.end:
                self.is_capped = any(len(block) for block in self.reader.blocks(frames, frames + 1))
        except AudioError as error:
            self.failure = error
        self._kept, self.end, self.frames = kept, frames, frames
        declared = self.reader.declared_frames()
        has_all = declared is not None and frames >= declared
        self.is_whole = has_all and self.failure is None and not self.reader.complaint()

    def beyond(self) -> Iterator[NDArray[np.float32]]:
        """Yield the frames beyond the cap in blocks, after the first pass."""
        try:
            for block in self.reader.blocks(self.end):
                self.frames += len(block)
                yield block
        except AudioError as error:
            self.failure = error

    def hold(self, span: Span) -> None:
        """Keep a span decoded until the next one is held, if it fits in memory, so that all passes over it read the
        file once. Spans that are held in the order of their starts read it once altogether."""
        self._held = (Span(0, 0), [])
        if self._kept is None and span.frames * self.reader.format.channels <= MEMORY_FRAMES:
            self._held = span, list(self.reader.blocks(span.start, min(span.end, self.end)))

    def blocks(self, start: int, end: int) -> Iterator[NDArray[np.float32]]:
        """Yield the frames from `start` to `end` in blocks, after the first pass."""
        held, blocks = self._held
        if self._kept is not None:
            yield from _within(self._kept, start, end)
        elif held.start <= start <= end <= held.end:
            yield from _within(blocks, start - held.start, end - held.start)
        else:
            yield from self.reader.blocks(start, min(end, self.end))


class MonoBlocks:
    """The span of a recording as one channel.

    `spans` are the excerpts that its descriptor and measures are computed from, in frames of the recording. If the
    only excerpt is the whole span, its mono blocks are kept while they are read.
    """

    def __init__(self, source: DecodedBlocks, levels: Levels) -> None:
        self._source = source
        self._levels = levels
        self._kept: list[NDArray[np.float32]] = []
        first, sr = levels.span.start, source.reader.format.sample_rate
        excerpts = descriptors.analysed_spans(levels.span.frames, sr)
        self.spans = [Span(first + start, first + end) for start, end in excerpts]

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the whole span, block by block."""
        self._kept = []
        is_kept = len(self.spans) == 1 and self._levels.span.frames <= MONO_FRAMES
        for y in self._within(self._levels.span):
            if is_kept:
                self._kept.append(y)
            yield y

    def excerpts(self) -> Iterator[NDArray[np.float32]]:
        """Yield the excerpts, one after the other, in blocks."""
        if sum(map(len, self._kept)) == self._levels.span.frames:
            yield from self._kept
        else:
            for span in self.spans:
                yield from self._within(span)

    def samples(self) -> list[NDArray[np.float32]]:
        """Return the excerpts in blocks of all channels.

        Of long excerpts at a high rate or with many channels, these are only the beginnings.
        """
        most = MEASURED_SAMPLES // self._source.reader.format.channels // len(self.spans)
        ends = ((span.start, min(span.end, span.start + most)) for span in self.spans)
        return [block for start, end in ends for block in self._source.blocks(start, end)]

    def _within(self, span: Span) -> Iterator[NDArray[np.float32]]:
        for block in self._source.blocks(span.start, span.end):
            yield to_mono(block, self._levels.mono_channel)


def _within(blocks: Sequence[NDArray[np.float32]], start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    first = 0
    for block in blocks:
        last = first + len(block)
        if first < stop and last > start:
            yield block[max(0, start - first) : min(len(block), stop - first)]
        first = last
