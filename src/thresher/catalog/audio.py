"""Read audio files. Only this module and `encoding`, which writes them, decode or encode audio.

libsndfile decodes, through the soundfile package. Audio is float32, shape (frames, channels), full scale ±1. Spans
are half open, in frames from 0. Paths are bytes, or text in the encoding of the file system.

This module calls soundfile's private functions, because `SoundFile.read` seeks after each read, and seeks in MP3
and Ogg Vorbis are not exact.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from thresher.catalog.containers import MpegFrames, data_extent, mpeg_frames, ogg_fault
from thresher.catalog.files import open_regular
from thresher.errors import AudioError

_library: Any = soundfile._snd
_ffi: Any = soundfile._ffi

_UNKNOWN_FRAMES = 1 << 60  # libsndfile reports 2**63 - 1 if the header has no length
_MAXIMAL_BLOCK_SAMPLES = 1 << 24
SAMPLE_BYTES = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ULAW": 1,
    "ALAW": 1,
}


@dataclass(frozen=True)
class AudioFormat:
    """The format of an audio file according to its header.

    `frames` is exact if the file is not truncated. `container` and `subtype` are libsndfile's names: "WAV",
    "FLAC"; "PCM_16", "FLOAT", "VORBIS".
    """

    sample_rate: int
    channels: int
    frames: int
    container: str
    subtype: str


def library_version() -> str:
    """Return the version of libsndfile. Another version may write other bytes for the same audio."""
    return str(soundfile.__libsndfile_version__)


def read_comment(path: bytes | str) -> str:
    """Return the comment in an audio file's tags, "" if it has none or can't be read."""
    try:
        with soundfile.SoundFile(path) as file:
            return str(file.comment or "")
    except (soundfile.LibsndfileError, OSError):
        return ""


class AudioReader:
    """An audio file, open for reading; a context manager.

    Raises AudioError with the decoder's message if the file cannot be decoded, AudioError if the path is not a
    regular file, and OSError (FileNotFoundError, PermissionError …) if the file cannot be opened.
    """

    format: AudioFormat

    def __init__(self, path: bytes | str) -> None:
        self._fd = open_regular(path)
        self._file: soundfile.SoundFile | None = None
        self._mpeg: MpegFrames | None = None
        self._source: int | _Lengthened = self._fd
        try:
            self._size = os.fstat(self._fd).st_size
            self._open()
            self.format = self._read_format()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def blocks(
        self, start: int = 0, end: int | None = None, block_frames: int = 262144
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the frames `[start, end)` in order, in blocks of at most `block_frames` frames.

        If `end` is None or beyond the last frame, the file is read to its end. The frames equal those of a decode
        from the beginning, whatever `start` is. Only one iteration can run at a time, because all use the same
        position in the file. Raises AudioError if the decoder fails.
        """
        for block in self._blocks(start, end, block_frames):
            # A 16-bit file is read as int16, which is several times as fast and gives the same floats.
            yield _as_float(block)

    def pcm16_blocks(
        self, start: int = 0, end: int | None = None, block_frames: int = 262144
    ) -> Iterator[NDArray[np.int16]]:
        """Yield the int16 samples of a PCM_16 file, as `blocks` does. Raises ValueError for another subtype."""
        if self.format.subtype != "PCM_16":
            raise ValueError(f"{self.format.subtype} is not PCM_16")
        return self._blocks(start, end, block_frames)

    def _blocks(self, start: int, end: int | None, block_frames: int) -> Iterator[NDArray[Any]]:
        if start < 0 or block_frames < 1:
            raise ValueError(f"start {start} and block_frames {block_frames} must be at least 0 and 1")
        block_frames = max(1, min(block_frames, _MAXIMAL_BLOCK_SAMPLES // self.format.channels))
        self._move_to(start, block_frames)
        while end is None or self._position < end:
            # The header may claim too few frames, so read until the decoder returns none.
            wanted = min(block_frames, max(self.format.frames - self._position, 4096))
            block = self._read(wanted if end is None else min(wanted, end - self._position))
            if len(block) == 0:
                return
            yield block

    def shortfall(self, frames_read: int) -> str | None:
        """Return why this file is truncated, if reading to its end gave `frames_read` frames; None if it is not.

        Bytes after the audio and a header without a length do not count as truncation. An MP3 without a Xing header
        that was cut between two frames cannot be recognised.
        """
        reached = f"ends at {frames_read / self.format.sample_rate:.2f} s"
        if self.format.container == "OGG":
            fault = ogg_fault(self._fd, self._size)
            return f"{reached}, {fault}" if fault else None
        if self.format.container == "MP3":
            promised, cut = self._mpeg_shortfall(frames_read)
        else:
            promised, cut = self._claimed_frames(frames_read), False
        if promised is not None and promised > frames_read:
            return f"{reached} of {promised / self.format.sample_rate:.2f} s"
        return f"{reached}, in the middle of an MPEG frame" if cut else None

    def _claimed_frames(self, frames_read: int) -> int:
        """Return the number of frames that the header claims, without libsndfile's correction."""
        extent = data_extent(self._fd, self._size)
        if extent is None or extent.claimed == extent.present:
            return self.format.frames
        if (width := SAMPLE_BYTES.get(self.format.subtype)) is not None:
            return max(self.format.frames, extent.claimed // (width * self.format.channels))
        return max(frames_read + 1, frames_read * extent.claimed // max(1, extent.present))

    def _mpeg_shortfall(self, frames_read: int) -> tuple[int | None, bool]:
        """Return the promised frames if some are missing, else None, and whether the last MPEG frame is cut."""
        mpeg = self._mpeg
        if mpeg is None:
            return None, False
        if mpeg.promised is None:
            return None, mpeg.cut
        # Some encoders count the frame that holds the header, others do not.
        missing = mpeg.whole < mpeg.promised
        if not mpeg.followed:
            # The decoder may have removed the delay of encoder and decoder, about three frames.
            missing = frames_read < (mpeg.promised - 4) * mpeg.samples
        return mpeg.promised * mpeg.samples if missing else None, mpeg.cut

    def _open(self) -> None:
        """Open the decoder, or open it again, at the first frame."""
        if self._file is not None:
            self._file.close()
        os.lseek(self._fd, 0, os.SEEK_SET)
        try:
            self._file = soundfile.SoundFile(self._source, closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(decoder_words(error)) from error
        self._position = 0

    def _read_format(self) -> AudioFormat:
        file = self._decoder()
        if file.samplerate < 1 or file.channels < 1:
            raise AudioError(f"{file.channels} channels at {file.samplerate} Hz")
        self.format = AudioFormat(file.samplerate, file.channels, file.frames, file.format, file.subtype)
        known: int | None = file.frames if file.frames < _UNKNOWN_FRAMES else None
        if file.format == "MP3":
            self._mpeg = mpeg_frames(self._fd, self._size)
            if self._mpeg is None and file.subtype == "MPEG_LAYER_I":
                # The byte order mark of UTF-16 text looks like a frame of this layer.
                raise AudioError("Format not recognised")
            if self._mpeg is None or self._mpeg.promised is None:
                known = self._mpeg.whole * self._mpeg.samples if self._mpeg and self._mpeg.followed else None
                self._source = _Lengthened(self._fd, self._size)
                self._open()
        return replace(self.format, frames=self._counted() if known is None else known)

    def _counted(self) -> int:
        """Count the frames of a file whose header has no length, such as a FLAC that was written into a pipe."""
        while len(self._read(65536)):
            pass
        frames = self._position
        self._open()
        return frames

    def _decoder(self) -> soundfile.SoundFile:
        if self._file is None:
            raise ValueError("the audio file is closed")
        return self._file

    def _move_to(self, start: int, block_frames: int) -> None:
        """Move to frame `start`: by a seek if that is exact, else by decoding up to it."""
        file = self._decoder()
        if self._position == start:
            return
        if start <= self.format.frames and self._seeks_exactly():
            self._position = int(_library.sf_seek(file._file, start, os.SEEK_SET))
            if self._position == start:
                return
        if start < self._position or self._position < 0:
            self._open()
        while self._position < start and len(self._read(min(block_frames, start - self._position))):
            pass

    def _seeks_exactly(self) -> bool:
        return self.format.subtype in SAMPLE_BYTES and self.format.container != "OGG"

    def _read(self, frames: int) -> NDArray[Any]:
        """Return up to `frames` next frames, and none after the end: int16 for a PCM_16 file, else float32."""
        file = self._decoder()
        integer = self.format.subtype == "PCM_16"
        buffer = np.empty((frames, self.format.channels), np.int16 if integer else np.float32)
        name = "short" if integer else "float"
        function = _library.sf_readf_short if integer else _library.sf_readf_float
        count = int(function(file._file, _ffi.cast(f"{name} *", buffer.ctypes.data), frames))
        code = _library.sf_error(file._file)
        if code and not (isinstance(self._source, _Lengthened) and self._source.exhausted):
            raise AudioError(decoder_words(soundfile.LibsndfileError(code)))
        self._position += count
        return buffer[:count]


def _as_float(block: NDArray[Any]) -> NDArray[np.float32]:
    floats: NDArray[np.float32] = block
    if block.dtype == np.int16:
        floats = np.multiply(block, np.float32(1 / 32768), dtype=np.float32)
    return floats


class _Lengthened:
    """An MP3 as a file object that reports a larger size than the file has.

    Without a Xing header, libsndfile estimates the length from the bit rate of the first frame and the size of
    the file. It stops at that length even if more audio follows. With a larger size it reads to the end. If the
    file ends inside a frame, libsndfile then reports an error; `exhausted` distinguishes that error from others.
    """

    _FACTOR = 64  # more than the ratio of the highest bit rate to the lowest

    def __init__(self, fd: int, size: int) -> None:
        self._fd = fd
        self._size = size
        self._position = 0
        self.exhausted = False

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._fd, [buffer], self._position)
        self.exhausted = count < len(buffer)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            # A position before the end, such as that of an ID3v1 tag, is relative to the real end.
            offset = offset + self._size if offset < 0 else self._size * self._FACTOR
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position


def decoder_words(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's message, without its prefix and final period."""
    return str(error.error_string).removeprefix("Error : ").rstrip(". ")
