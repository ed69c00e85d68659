"""Audio files in and out; the only module that opens them.

Decoding and encoding is libsndfile's, through soundfile. Audio is float32, shape (frames, channels),
full scale ±1; positions are frames, half open, from 0. Paths are bytes, or text that is encoded as
the file system does.

Two things are taken from soundfile's private layer, because its public one gets in the way: reads
without the seek that `SoundFile.read` does after each of them (a seek in MP3 and Ogg Vorbis is not
exact), and the command that leaves the PEAK chunk, which holds a time stamp, out of float WAV.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from thresher.catalog.containers import MpegFrames, data_extent, id3_tag, mpeg_frames, ogg_fault
from thresher.errors import AudioError

SUFFIXES: frozenset[str] = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"}
    | {".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"}
)

_library: Any = soundfile._snd
_ffi: Any = soundfile._ffi

_SET_ADD_PEAK_CHUNK = 0x1050
_UNKNOWN_FRAMES = 1 << 60  # libsndfile says 2**63 - 1 where the header does not know
_MAXIMAL_BLOCK_SAMPLES = 1 << 24
_SAMPLE_BYTES = {
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
    """What a file says it holds.

    `frames` is exact for a file that is whole. `container` and `subtype` are libsndfile's names: "WAV",
    "FLAC"; "PCM_16", "FLOAT", "VORBIS".
    """

    sample_rate: int
    channels: int
    frames: int
    container: str
    subtype: str


def library_version() -> str:
    """The version of libsndfile, which decides what bytes a rendering has."""
    return str(soundfile.__libsndfile_version__)


# Reading


def _open_regular(path: bytes | str) -> int:
    """A descriptor of a regular file; nothing else is opened, and no FIFO is waited for."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (a Path holds no bytes)
        raise AudioError("not a regular file")
    # Another file may have taken the name since.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise AudioError("not a regular file")
    return fd


def sha256_file(path: bytes | str) -> str:
    """The SHA-256 of a file's bytes, as 64 hexadecimal digits.

    Raises AudioError for what is not a regular file, and OSError as the system does.
    """
    with os.fdopen(_open_regular(path), "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class AudioReader:
    """An audio file, open for reading; a context manager.

    Raises AudioError, with the decoder's words, for what cannot be decoded and for what is not a
    regular file; OSError (FileNotFoundError, PermissionError …) passes through.
    """

    format: AudioFormat

    def __init__(self, path: bytes | str) -> None:
        self._fd = _open_regular(path)
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
        """Let go of the file; harmless when repeated."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def blocks(
        self, start: int = 0, end: int | None = None, block_frames: int = 262144
    ) -> Iterator[NDArray[np.float32]]:
        """The frames `[start, end)` in order, in blocks of at most `block_frames` frames.

        `end` beyond the last frame, or None, means all there are. The frames are those of a decode
        from the beginning, whatever `start` is. One iteration at a time: a second one moves the first.
        Raises AudioError where the decoder gives up.
        """
        if start < 0 or block_frames < 1:
            raise ValueError(f"start {start} and block_frames {block_frames} must be at least 0 and 1")
        block_frames = max(1, min(block_frames, _MAXIMAL_BLOCK_SAMPLES // self.format.channels))
        self._move_to(start, block_frames)
        while end is None or self._position < end:
            # The header may claim too little, so the end is where the decoder says it is.
            wanted = min(block_frames, max(self.format.frames - self._position, 4096))
            block = self._read(wanted if end is None else min(wanted, end - self._position))
            if len(block) == 0:
                return
            yield block

    def shortfall(self, frames_read: int) -> str | None:
        """Why this file is truncated, in words, when reading to its end gave `frames_read` frames.

        None where it is whole. Bytes behind the audio are no fault, nor is a header that leaves the
        length open. An MP3 without a Xing header that was cut between two frames cannot be told.
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
        """The frames that the header claims, libsndfile's correction of it undone."""
        extent = data_extent(self._fd, self._size)
        if extent is None or extent.claimed == extent.present:
            return self.format.frames
        if (width := _SAMPLE_BYTES.get(self.format.subtype)) is not None:
            return max(self.format.frames, extent.claimed // (width * self.format.channels))
        return max(frames_read + 1, frames_read * extent.claimed // max(1, extent.present))

    def _mpeg_shortfall(self, frames_read: int) -> tuple[int | None, bool]:
        """(the frames promised, where fewer are there; whether the last MPEG frame is cut)."""
        mpeg = self._mpeg
        if mpeg is None:
            return None, False
        if mpeg.promised is None:
            return None, mpeg.cut
        if mpeg.followed:
            # Some encoders count the frame with the header itself, others do not.
            missing = mpeg.whole < mpeg.promised
        else:
            # The encoder's and the decoder's delay, about three frames, may have been taken off.
            missing = frames_read < (mpeg.promised - 4) * mpeg.samples
        return mpeg.promised * mpeg.samples if missing else None, mpeg.cut

    def _open(self) -> None:
        """(Re)open the decoder at the first frame."""
        if self._file is not None:
            self._file.close()
        os.lseek(self._fd, 0, os.SEEK_SET)
        try:
            self._file = soundfile.SoundFile(self._source, closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(_words(error)) from error
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
        """The frames of a file that does not know, such as a FLAC that was written into a pipe."""
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
        """Stand at frame `start`: by a seek where that is exact, else by decoding up to it."""
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
        return self.format.subtype in _SAMPLE_BYTES and self.format.container != "OGG"

    def _read(self, frames: int) -> NDArray[np.float32]:
        """The next frames, fewer at the end, none after it."""
        file = self._decoder()
        # Through int16 a 16-bit file is read several times as fast, and to the same floats.
        integer = self.format.subtype == "PCM_16"
        buffer = np.empty((frames, self.format.channels), np.int16 if integer else np.float32)
        name = "short" if integer else "float"
        function = _library.sf_readf_short if integer else _library.sf_readf_float
        count = int(function(file._file, _ffi.cast(f"{name} *", buffer.ctypes.data), frames))
        code = _library.sf_error(file._file)
        if code and not (isinstance(self._source, _Lengthened) and self._source.exhausted):
            raise AudioError(_words(soundfile.LibsndfileError(code)))
        self._position += count
        if integer:
            return np.multiply(buffer[:count], np.float32(1 / 32768), dtype=np.float32)
        return buffer[:count]


class _Lengthened:
    """An MP3 as a file object that says it is longer than it is.

    Without a Xing header libsndfile estimates the length from the first frame's bit rate and the file's
    size, and stops there even where more follows. Over-estimated, it reads to the end; where that is
    inside a frame it then reports an error, which `exhausted` tells from others.
    """

    _FACTOR = 64  # beyond the highest bit rate over the lowest

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
            # What stands before the end, as an ID3v1 tag does, is looked for where it is.
            offset = offset + self._size if offset < 0 else self._size * self._FACTOR
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position


def _words(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(". ")


# Writing


@dataclass(frozen=True)
class OutputFormat:
    """A container that can be rendered to, and what it may hold; the first subtype is the default."""

    container: str
    subtypes: tuple[str, ...]

    def default_subtype(self, sources: Iterable[str]) -> str:
        """The first subtype; PCM_24 instead of PCM_16 where a source's subtype holds more than 16 bits."""
        fine = any(source in _MORE_THAN_16_BITS for source in sources)
        return "PCM_24" if fine and "PCM_24" in self.subtypes else self.subtypes[0]


_MORE_THAN_16_BITS = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"}
_WAV = OutputFormat("WAV", ("PCM_16", "PCM_24", "FLOAT"))

OUTPUT_FORMATS: Mapping[str, OutputFormat] = {
    ".wav": _WAV,
    ".wave": _WAV,
    ".flac": OutputFormat("FLAC", ("PCM_16", "PCM_24")),
    ".ogg": OutputFormat("OGG", ("VORBIS",)),
    ".mp3": OutputFormat("MP3", ("MPEG_LAYER_III",)),
}

_WAV_HEADER_ROOM = 1 << 20
_OGG_BLOCK_FRAMES = 16384
_MAXIMAL_TAG = 12_000  # bytes; beyond about 32 KB of them libsndfile writes a WAV that nobody can read
_OGG_LIMITS = (192_000, 8)  # Hz and channels; far beyond, libsndfile crashes instead of refusing


def wav_container(frames: int, channels: int, subtype: str) -> str:
    """ "WAV", or "RF64" where so many frames would pass the 4 GB that a WAV header can count."""
    audio = frames * channels * _SAMPLE_BYTES[subtype]
    return "RF64" if audio + _WAV_HEADER_ROOM >= 1 << 32 else "WAV"


class AudioWriter:
    """An audio file, open for writing; a context manager. An existing file is overwritten.

    `container` and `subtype` are those of OUTPUT_FORMATS; `frames` is how many will be written, which
    decides between WAV and RF64. `tags` may hold "title" and "comment", of 12,000 bytes each at most.
    The same samples, tags and libraries give the same bytes, but for OGG, whose serial number is random.

    Raises AudioError for what the encoder refuses and OSError where the disk does.
    """

    def __init__(
        self,
        path: bytes | str,
        sample_rate: int,
        channels: int,
        container: str,
        subtype: str,
        tags: Mapping[str, str] | None = None,
        *,
        frames: int = 0,
    ) -> None:
        _check_output(sample_rate, channels, container, subtype)
        tags = {name: text for name, value in (tags or {}).items() if (text := _tag_text(value))}
        if unknown := sorted(set(tags) - {"title", "comment"}):
            raise ValueError(f"the tag {unknown[0]!r} is neither title nor comment")
        self.container = wav_container(frames, channels, subtype) if container == "WAV" else container
        self.subtype = subtype
        self.channels = channels
        self._piece_frames = min(sample_rate, _OGG_BLOCK_FRAMES) if container == "OGG" else 1 << 22
        # libsndfile garbles what is not ASCII in the tags of an MP3.
        prefix = id3_tag(tags) if container == "MP3" and tags else b""
        self._sink = _Sink(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666), prefix)
        self._file: soundfile.SoundFile | None = None
        try:
            self._file = soundfile.SoundFile(
                self._sink, "w", sample_rate, channels, subtype, format=self.container
            )
            _library.sf_command(self._file._file, _SET_ADD_PEAK_CHUNK, _ffi.NULL, 0)
            for name, text in tags.items() if container != "MP3" else ():
                setattr(self._file, name, text)
            self._sink.check()
        except soundfile.LibsndfileError as error:
            self._sink.close()
            self._sink.check()
            held = f"{channels} channels at {sample_rate} Hz"
            raise AudioError(f"{container} {subtype} cannot hold {held}: {_words(error)}") from error
        except BaseException:
            if self._file is not None:
                self._file.close()
            self._sink.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except (OSError, AudioError):
            if kind is None:  # else the first failure is the one to hear about
                raise

    def write(self, block: NDArray[np.float32] | NDArray[np.int16]) -> None:
        """Append frames: float32 at full scale ±1, or int16; shape (frames, channels).

        A float becomes an integer sample by one rule: `rint(x · 2^(bits-1))`, clipped. A 16-bit file's
        own samples so survive unchanged.
        """
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise ValueError(f"a block of shape {block.shape} does not have {self.channels} channels")
        if block.dtype not in (np.float32, np.int16):
            raise ValueError(f"a block is float32 or int16, not {block.dtype}")
        for start in range(0, len(block), self._piece_frames):
            self._write_piece(_samples(block[start : start + self._piece_frames], self.subtype))

    def close(self) -> None:
        """Finish the file and have the system put it on the disk; harmless when repeated."""
        if self._file is None:
            return
        try:
            self._file.close()
            self._sink.check()
            self._sink.sync()
        except soundfile.LibsndfileError as error:
            self._sink.check()
            raise AudioError(_words(error)) from error
        finally:
            self._file = None
            self._sink.close()

    def _write_piece(self, samples: NDArray[Any]) -> None:
        if self._file is None:
            raise ValueError("the audio file is closed")
        name = {"int16": "short", "int32": "int", "float32": "float"}[samples.dtype.name]
        pointer = _ffi.cast(f"{name} *", samples.ctypes.data)
        count = getattr(_library, f"sf_writef_{name}")(self._file._file, pointer, len(samples))
        self._sink.check()
        if code := _library.sf_error(self._file._file):
            raise AudioError(_words(soundfile.LibsndfileError(code)))
        if count != len(samples):
            raise AudioError(f"the encoder took {count} of {len(samples)} frames")


def _check_output(sample_rate: int, channels: int, container: str, subtype: str) -> None:
    if not any(
        container == known.container and subtype in known.subtypes for known in OUTPUT_FORMATS.values()
    ):
        raise AudioError(f"{container} {subtype} is not a format that can be written")
    rate_limit, channel_limit = _OGG_LIMITS
    if container == "OGG" and (sample_rate > rate_limit or channels > channel_limit):
        raise AudioError(
            f"OGG VORBIS cannot hold {channels} channels at {sample_rate} Hz: "
            f"its limits are {channel_limit} channels and {rate_limit} Hz"
        )


def _samples(block: NDArray[Any], subtype: str) -> NDArray[Any]:
    """The block as the integers or floats that go to libsndfile, C-contiguous."""
    if subtype == "PCM_16":
        return np.ascontiguousarray(block if block.dtype == np.int16 else _quantised(block, 16), np.int16)
    if subtype == "PCM_24":
        if block.dtype == np.int16:
            return np.ascontiguousarray(block.astype(np.int32) << 16)
        return np.ascontiguousarray(_quantised(block, 24).astype(np.int32) << 8)
    if block.dtype == np.int16:
        return np.ascontiguousarray(block) * np.float32(1 / 32768)
    return np.ascontiguousarray(block)


def _quantised(block: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    scale = np.float32(1 << (bits - 1))
    # 2**23 - 1 is still a float32, so the clip is exact in both widths.
    quantised: NDArray[np.float32] = np.clip(np.rint(block * scale), -scale, scale - 1)
    return quantised


def _tag_text(value: str) -> str:
    """What a tag can hold: UTF-8 without NUL, and no more than a WAV header has room for."""
    return value.replace("\0", "").encode("utf-8", "replace")[:_MAXIMAL_TAG].decode("utf-8", "ignore")


class _Sink:
    """The file that libsndfile writes to: begins behind `prefix`, and remembers what went wrong.

    libsndfile reports a full disk late or not at all, and an exception in one of its callbacks is
    lost; so the first one is kept here, for `check` to raise.
    """

    def __init__(self, fd: int, prefix: bytes) -> None:
        self._fd = fd
        self._start = len(prefix)
        self._position = -len(prefix)
        self._failure: BaseException | None = None
        self.write(prefix)

    def write(self, data: bytes) -> int:
        written = 0
        try:
            while self._failure is None and written < len(data):
                count = os.pwrite(self._fd, memoryview(data)[written:], self._start + self._position)
                written += count
                self._position += count
        except BaseException as failure:
            self._failure = failure
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        if whence == os.SEEK_END:
            offset += os.fstat(self._fd).st_size - self._start
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def sync(self) -> None:
        os.fsync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
