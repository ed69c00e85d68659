"""The waveform and the spectrum of a clip as small files for a page, from the cache or from the clip's samples."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.decoder_names import FFMPEG
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.audio.seek_marks import SeekMark, marked, packed
from thresher.curation.previews.cache import PreviewCache
from thresher.curation.previews.source import ClipSource, open_audio
from thresher.curation.previews.wav import marks_name
from thresher.signal.features.peaks import outline
from thresher.signal.features.spectrum_picture import (
    COLUMNS,
    ROWS,
    WINDOW,
    palette,
    spectrum_picture,
    window_starts,
)
from thresher.signal.features.trim import to_mono

VERSION = 2
"""Increase it with every change of a picture."""

PEAKS = 1024
"""The columns of a waveform: 2 kB."""

SPECTRUM_COLUMNS, SPECTRUM_ROWS = 1024, 160
"""The size of the large picture of a spectrum."""

RANGES: Mapping[str, float | None] = {"full": None, "8k": 8_000.0, "2k": 2_000.0}
"""The ranges of frequency that a large picture can show: their highest frequency in Hz; None shows all."""

_READ_THROUGH = 60
"""Seconds up to which a clip is read from start to end; of a longer one, only the windows that are drawn."""

_MOST_READ = 6_000_000
"""Frames up to which that is done at any rate: 24 MB."""


def peaks(cache: PreviewCache, source: ClipSource) -> bytes:
    """Return the waveform of a clip: pairs of int8, the lowest and highest sample of up to PEAKS equal spans."""
    return cache.get(f"{source.key}-p{VERSION}", lambda: _peaks(cache, source))


def thumbnail(cache: PreviewCache, source: ClipSource) -> bytes:
    """Return the picture of a clip's spectrum as a PNG file."""
    return cache.get(f"{source.key}-t{VERSION}.png", lambda: _picture(source, COLUMNS, ROWS, None))


def spectrum(cache: PreviewCache, source: ClipSource, range_name: str) -> bytes:
    """Return a large picture of a clip's spectrum as a PNG file; `range_name` is one of RANGES."""
    highest = RANGES[range_name]
    name = f"{source.key}-s{VERSION}-{range_name}.png"
    return cache.get(name, lambda: _picture(source, SPECTRUM_COLUMNS, SPECTRUM_ROWS, highest))


def _peaks(cache: PreviewCache, source: ClipSource) -> bytes:
    """Return the waveform; from the same pass, keep the marks for seeking where only decoding is exact."""
    with open_audio(source) as reader:
        blocks = reader.blocks(source.start, source.end)
        if reader.decoder.name != FFMPEG:
            return outline(blocks, source.frames, PEAKS).tobytes()
        marks: list[SeekMark] = []
        followed = marked(blocks, source.start, source.sample_rate, marks)
        found = outline(followed, source.frames, PEAKS).tobytes()
    cache.put(marks_name(source), packed(marks))
    return found


def _picture(source: ClipSource, columns: int, rows: int, highest: float | None) -> bytes:
    starts = window_starts(source.frames, columns)
    windows = np.zeros((columns, WINDOW), np.float32)  # short ones are filled up with zeros
    with open_audio(source) as reader:
        for window, samples in zip(windows, _windows(reader, source, starts), strict=True):
            window[: len(samples)] = samples
    return png(spectrum_picture(windows, source.sample_rate, rows, highest))


def _windows(
    reader: AudioReader, source: ClipSource, starts: NDArray[np.int64]
) -> Iterator[NDArray[np.float32]]:
    """Yield the mono samples of each window; it has fewer than WINDOW at the end of the clip."""

    def mono(start: int, end: int) -> NDArray[np.float32]:
        blocks = [to_mono(block, source.mono_channel) for block in reader.blocks(start, end)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)

    if source.frames <= min(_READ_THROUGH * source.sample_rate, _MOST_READ):
        y = mono(source.start, source.end)
        yield from (y[start : start + WINDOW] for start in starts.tolist())
    else:
        first = source.start
        yield from (mono(first + start, first + start + WINDOW) for start in starts.tolist())


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a raster of palette indices, shape (rows, columns), as a PNG file."""
    rows, columns = picture.shape
    lines = np.zeros((rows, columns + 1), np.uint8)  # each line begins with its filter: none
    lines[:, 1:] = picture
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette()),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
