"""Decode audio with libsndfile, through the soundfile package.

Blocks have shape (frames, channels): int16 for a PCM_16 file, else float32 at full scale ±1. This module calls
soundfile's private functions, because `SoundFile.read` seeks after each read, and seeks in MP3 and Ogg Vorbis are
not exact.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from thresher.catalog.audio.decoder_names import LIBSNDFILE
from thresher.catalog.audio.held_signals import held_signals
from thresher.catalog.audio.mpeg import MpegFrames
from thresher.catalog.audio.pieces import Piece, Pieces
from thresher.errors import AudioError

_library: Any = soundfile._snd
_ffi: Any = soundfile._ffi

_UNKNOWN_FRAMES = 1 << 60  # libsndfile reports 2**63 - 1 if the header has no length
_C_TYPES = {"int16": "short", "int32": "int", "float32": "float", "float64": "double"}
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


def library_version() -> str:
    """Return the version of libsndfile. Another version may write other bytes for the same audio."""
    return str(soundfile.__libsndfile_version__)


def decoder_words(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's message, without its prefix and final period."""
    words = str(error.error_string).removeprefix("Error : ").rstrip(". ")
    # libsndfile says that some open files do not exist, when it recognises nothing in them.
    return "Format not recognised" if words.startswith("File does not exist") else words


def read_comment(path: bytes | str) -> str:
    """Return the comment in an audio file's tags, "" if it has none or can't be read."""
    try:
        with soundfile.SoundFile(path) as file:
            return str(file.comment or "")
    except (soundfile.LibsndfileError, OSError):
        return ""


class SndfileDecoder:
    """libsndfile, reading an open file from its first frame.

    `pieces` are read instead of the file, if they are given. `frames` is the length in the header, None if it has
    none. `mpeg` are the frames of an MP3, if the file is one. Raises AudioError with libsndfile's message if the
    file cannot be opened.
    """

    name = LIBSNDFILE

    def __init__(
        self, fd: int, size: int, pieces: Sequence[Piece] | None = None, mpeg: MpegFrames | None = None
    ) -> None:
        self._fd = fd
        self._size = size
        self._mpeg = mpeg
        self._source: int | _Lengthened | Pieces = fd if pieces is None else Pieces(fd, pieces)
        self._file: soundfile.SoundFile | None = None
        self._error: AudioError | None = None
        self.version = library_version()
        self.restart()
        try:
            self._read_format()
        except BaseException:
            self.close()
            raise

    def restart(self) -> None:
        """Open the file again, at the first frame."""
        self.close()
        self._error = None
        os.lseek(self._fd, 0, os.SEEK_SET)
        if not isinstance(self._source, int):
            self._source.seek(0)
        try:
            with self._whole_calls():
                self._file = soundfile.SoundFile(self._source, closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(decoder_words(error)) from error

    def seek(self, start: int) -> int | None:
        """Move to frame `start` if that is exact and within the header's length.

        Returns the new position, None if it did not move. A failed seek leads to the first frame.
        """
        if self.subtype not in SAMPLE_BYTES or self.container == "OGG":
            return None
        if self.frames is None or start > self.frames:
            return None
        self._error = None
        with self._whole_calls():
            reached = int(_library.sf_seek(self._open_file()._file, start, os.SEEK_SET))
        if reached == start:
            return start
        self.restart()
        return 0

    def read(self, frames: int, kind: str | None = None) -> NDArray[Any]:
        """Return up to `frames` next frames, and none after the end; of another `kind` than usual if it is given.

        Raises AudioError if the decoder fails; what it decoded before is returned first.
        """
        if self._error is not None:
            raise self._error
        file = self._open_file()
        kind = kind or ("int16" if self.subtype == "PCM_16" else "float32")
        buffer = np.empty((frames, self.channels), kind)
        name = _C_TYPES[kind]
        function = getattr(_library, f"sf_readf_{name}")
        with self._whole_calls():
            count = int(function(file._file, _ffi.cast(f"{name} *", buffer.ctypes.data), frames))
        code = _library.sf_error(file._file)
        if code and not (isinstance(self._source, _Lengthened) and self._source.exhausted):
            self._error = AudioError(decoder_words(soundfile.LibsndfileError(code)))
            if count == 0:
                raise self._error
        return buffer[:count]

    def complaint(self) -> str:
        """Return "": libsndfile's errors are raised by `read`."""
        return ""

    def failure(self) -> str | None:
        """Return None: libsndfile's errors are raised by `read`."""
        return None

    def close(self) -> None:
        """Close libsndfile's handle, but not the file. A second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _whole_calls(self) -> AbstractContextManager[None]:
        """Hold signals back while libsndfile reads through Python functions."""
        return nullcontext() if isinstance(self._source, int) else held_signals()

    def _open_file(self) -> soundfile.SoundFile:
        if self._file is None:
            raise ValueError("the audio file is closed")
        return self._file

    def _read_format(self) -> None:
        file = self._open_file()
        if file.samplerate < 1 or file.channels < 1:
            raise AudioError(f"{file.channels} channels at {file.samplerate} Hz")
        self.sample_rate, self.channels = int(file.samplerate), int(file.channels)
        self.container, self.subtype = str(file.format), str(file.subtype)
        self.frames: int | None = file.frames if file.frames < _UNKNOWN_FRAMES else None
        if self.container == "MP3":
            mpeg = self._mpeg
            if mpeg is None and self.subtype == "MPEG_LAYER_I":
                # The byte order mark of UTF-16 text looks like a frame of this layer.
                raise AudioError("Format not recognised")
            if mpeg is None or mpeg.promised is None:
                self.frames = mpeg.whole * mpeg.samples if mpeg and mpeg.followed else None
                if isinstance(self._source, int):
                    self._source = _Lengthened(self._fd, 0, self._size)
                elif mpeg is not None:
                    self._source = _Lengthened(self._fd, mpeg.begin, mpeg.end - mpeg.begin)
                self.restart()


class _Lengthened:
    """An MP3, or its part of `size` bytes at `start`, as a file object that reports a larger size.

    Without a Xing header, libsndfile estimates the length from the bit rate of the first frame and the size of
    the file. It stops at that length even if more audio follows. With a larger size it reads to the end. If the
    file ends inside a frame, libsndfile then reports an error; `exhausted` distinguishes that error from others.
    """

    _FACTOR = 64  # more than the ratio of the highest bit rate to the lowest

    def __init__(self, fd: int, start: int, size: int) -> None:
        self._fd = fd
        self._start = start
        self._size = size
        self._position = 0
        self.exhausted = False

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._position)]
        count = os.preadv(self._fd, [view], self._start + self._position) if view else 0
        self.exhausted = count < len(buffer)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            # A position before the end, such as that of an ID3v1 tag, is relative to the real end.
            offset = offset + self._size if offset < 0 else self._size * self._FACTOR
        if offset >= 0:  # libsndfile also seeks before the begin of damaged files; a system refuses that
            self._position = offset
        return self._position

    def tell(self) -> int:
        return self._position
