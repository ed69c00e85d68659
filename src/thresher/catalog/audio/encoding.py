"""Write audio files, so that the same samples always give the same bytes.

Audio is float32 at full scale ±1, or int16, shape (frames, channels). libsndfile encodes it, through soundfile. One
command uses soundfile's private layer: it omits the PEAK chunk of float WAV files, which contains a time stamp.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from thresher.catalog.audio.containers import add_flac_block, flac_picture, id3_tag, set_ogg_serial
from thresher.catalog.audio.held_signals import held_signals
from thresher.catalog.audio.sndfile_decoder import SAMPLE_BYTES, decoder_words
from thresher.errors import AudioError

_library: Any = soundfile._snd
_ffi: Any = soundfile._ffi

_SET_ADD_PEAK_CHUNK = 0x1050


@dataclass(frozen=True)
class OutputFormat:
    """A container that can be written, and its possible subtypes. The first subtype is the default.

    `sample_rates` are those that the encoder takes; empty for any.
    """

    container: str
    subtypes: tuple[str, ...]
    sample_rates: tuple[int, ...] = ()

    def rate_for(self, sample_rate: int) -> int:
        """The lowest possible sample rate that is not below `sample_rate`, or the highest one."""
        higher = [rate for rate in self.sample_rates if rate >= sample_rate]
        return (
            min(higher, default=max(self.sample_rates, default=sample_rate))
            if self.sample_rates
            else sample_rate
        )

    def default_subtype(self, sources: Iterable[str]) -> str:
        """The first subtype, or PCM_24 instead of PCM_16 if the subtype of a source has more than 16 bits."""
        fine = any(source in _MORE_THAN_16_BITS for source in sources)
        return "PCM_24" if fine and "PCM_24" in self.subtypes else self.subtypes[0]


_MORE_THAN_16_BITS = {"PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAC_20", "ALAC_24", "ALAC_32"}
_WAV = OutputFormat("WAV", ("PCM_16", "PCM_24", "FLOAT"))

OUTPUT_FORMATS: Mapping[str, OutputFormat] = {
    ".wav": _WAV,
    ".wave": _WAV,
    ".flac": OutputFormat("FLAC", ("PCM_16", "PCM_24")),
    ".ogg": OutputFormat("OGG", ("VORBIS",)),
    ".opus": OutputFormat("OGG", ("OPUS",), (8_000, 12_000, 16_000, 24_000, 48_000)),
    ".mp3": OutputFormat("MP3", ("MPEG_LAYER_III",)),
}

COVER_CONTAINERS = frozenset({"FLAC", "MP3"})
"""The containers into which a cover image is written."""

LOSSY_SUBTYPES = frozenset({"VORBIS", "OPUS", "MPEG_LAYER_III"})
DEFAULT_QUALITY = 8.0
"""The quality of lossy formats at which coding errors are not heard."""

_OPUS_BITS = (6_000, 256_000)  # per second and channel, at libsndfile's compression levels 1 and 0
_OPUS_BITS_OF_A_STEP = 12_000
_TAGS = ("title", "comment", "artist", "album")

_WAV_HEADER_ROOM = 1 << 20
_OGG_BLOCK_FRAMES = 16384
_MAXIMAL_TAG = (
    12_000  # bytes; with more than about 32 KB of tags, libsndfile writes a WAV that no program can read
)
_OGG_LIMITS = (
    192_000,
    8,
)  # Hz and channels; far above these, libsndfile crashes instead of reporting an error


def suffix_of(container: str, subtype: str | None = None) -> str:
    """The suffix of files of that container, and of that subtype if it is given."""
    return next(
        suffix
        for suffix, form in OUTPUT_FORMATS.items()
        if form.container == container and (subtype is None or subtype in form.subtypes)
    )


def is_written(container: str, subtype: str) -> bool:
    """Return whether thresher writes files of that container and subtype."""
    return any(
        container == known.container and subtype in known.subtypes for known in OUTPUT_FORMATS.values()
    )


def wav_container(frames: int, channels: int, subtype: str) -> str:
    """Return "WAV", or "RF64" if the frames would exceed the 4 GB that a WAV header can express."""
    audio = frames * channels * SAMPLE_BYTES[subtype]
    return "RF64" if audio + _WAV_HEADER_ROOM >= 1 << 32 else "WAV"


class AudioWriter:
    """An audio file that is open for writing; a context manager. An existing file is overwritten.

    `container` and `subtype` are those of OUTPUT_FORMATS. `frames` is the number of frames that will be written;
    it decides between WAV and RF64. `tags` can contain "title", "comment", "artist" and "album", of at most
    12,000 bytes each. `cover` is a PNG or JPEG image, which the containers in COVER_CONTAINERS hold. `quality` of
    lossy formats is 0 to 10; None is the encoder's own default. The same samples, tags, quality and libraries
    give the same bytes.

    Raises AudioError for errors of the encoder and OSError for errors of the disk.
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
        quality: float | None = None,
        cover: bytes | None = None,
    ) -> None:
        _check_output(sample_rate, channels, container, subtype)
        tags = {name: text for name, value in (tags or {}).items() if (text := _tag_text(value))}
        if unknown := sorted(set(tags).difference(_TAGS)):
            raise ValueError(f"the tag {unknown[0]!r} is not one of {', '.join(_TAGS)}")
        self.container = wav_container(frames, channels, subtype) if container == "WAV" else container
        self.subtype = subtype
        self.channels = channels
        self._piece_frames = min(sample_rate, _OGG_BLOCK_FRAMES) if container == "OGG" else 1 << 22
        # libsndfile corrupts tags of an MP3 that are not ASCII
        prefix = id3_tag(tags, cover) if container == "MP3" and (tags or cover) else b""
        self._picture = flac_picture(cover) if container == "FLAC" and cover else b""
        self._serial = zlib.crc32("\0".join(tags.values()).encode())
        self._sink = _Sink(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666), prefix)
        self._file: soundfile.SoundFile | None = None
        try:
            with held_signals():
                self._file = soundfile.SoundFile(
                    self._sink,
                    "w",
                    sample_rate,
                    channels,
                    subtype,
                    format=self.container,
                    **_encoder_options(subtype, quality),
                )
                _library.sf_command(self._file._file, _SET_ADD_PEAK_CHUNK, _ffi.NULL, 0)
                for name, text in tags.items() if container != "MP3" else ():
                    setattr(self._file, name, text)
            self._sink.check()
        except soundfile.LibsndfileError as error:
            self._sink.close()
            self._sink.check()
            held = f"{channels} channels at {sample_rate} Hz"
            raise AudioError(f"{container} {subtype} cannot hold {held}: {decoder_words(error)}") from error
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
            if kind is None:  # otherwise the first error is the one to report
                raise

    def write(self, block: NDArray[Any]) -> None:
        """Append frames, shape (frames, channels): float32 at full scale ±1, int16, or results of
        `encoder_samples`."""
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise ValueError(f"a block of shape {block.shape} does not have {self.channels} channels")
        ready = np.int32 if self.subtype == "PCM_24" else np.int16
        if block.dtype not in (np.float32, np.int16, ready):
            raise ValueError(f"a block is float32 or int16, not {block.dtype}")
        for start in range(0, len(block), self._piece_frames):
            self._write_piece(encoder_samples(block[start : start + self._piece_frames], self.subtype))

    def finish(self) -> None:
        """Finish encoding. The file can then be read, but may not be on the disk yet. Can be called repeatedly."""
        if self._file is None:
            return
        try:
            with held_signals():
                self._file.close()
        except soundfile.LibsndfileError as error:
            self._sink.check()
            raise AudioError(decoder_words(error)) from error
        finally:
            self._file = None
        self._sink.check()
        if self.container == "OGG":
            self._sink.set_ogg_serial(self._serial)
        if self._picture:
            self._sink.add_flac_block(self._picture)
            self._picture = b""

    def close(self) -> None:
        """Finish the file and flush it to the disk. Can be called repeatedly."""
        try:
            self.finish()
            self._sink.sync()
        finally:
            self._sink.close()

    def _write_piece(self, samples: NDArray[Any]) -> None:
        if self._file is None:
            raise ValueError("the audio file is closed")
        name = {"int16": "short", "int32": "int", "float32": "float"}[samples.dtype.name]
        pointer = _ffi.cast(f"{name} *", samples.ctypes.data)
        with held_signals():
            count = getattr(_library, f"sf_writef_{name}")(self._file._file, pointer, len(samples))
        self._sink.check()
        if code := _library.sf_error(self._file._file):
            raise AudioError(decoder_words(soundfile.LibsndfileError(code)))
        if count != len(samples):
            raise AudioError(f"the encoder took {count} of {len(samples)} frames")


def _encoder_options(subtype: str, quality: float | None) -> dict[str, Any]:
    """libsndfile's options for a quality: a compression level (0 is the best), and a variable bit rate for MP3."""
    if quality is None or subtype not in LOSSY_SUBTYPES:
        return {}
    if subtype == "OPUS":
        lowest, highest = _OPUS_BITS
        bits = max(lowest, quality * _OPUS_BITS_OF_A_STEP)
        return {"compression_level": 1 - (bits - lowest) / (highest - lowest)}
    level = min(0.99, (10 - quality) / 10)  # MP3 refuses 1
    if subtype == "MPEG_LAYER_III":
        return {"compression_level": level, "bitrate_mode": "VARIABLE"}
    return {"compression_level": level}


def _check_output(sample_rate: int, channels: int, container: str, subtype: str) -> None:
    if not is_written(container, subtype):
        raise AudioError(f"{container} {subtype} is not a format that can be written")
    rates = OUTPUT_FORMATS[suffix_of(container, subtype)].sample_rates
    if rates and sample_rate not in rates:
        listed = ", ".join(map(str, rates))
        raise AudioError(f"{container} {subtype} cannot hold {sample_rate} Hz (expected {listed})")
    rate_limit, channel_limit = _OGG_LIMITS
    if container == "OGG" and (sample_rate > rate_limit or channels > channel_limit):
        raise AudioError(
            f"{container} {subtype} cannot hold {channels} channels at {sample_rate} Hz: "
            f"its limits are {channel_limit} channels and {rate_limit} Hz"
        )


def encoder_samples(block: NDArray[Any], subtype: str) -> NDArray[Any]:
    """Convert a block to the integers or floats that the encoder takes, C-contiguous. Converted blocks stay as
    they are.

    A float x becomes the integer `rint(x · 2^(bits-1))`, clipped. Therefore the samples of 16-bit files are
    preserved. Samples of 24 bits are the upper bits of an int32.
    """
    if subtype == "PCM_16":
        return np.ascontiguousarray(block if block.dtype == np.int16 else _quantised(block, 16), np.int16)
    if subtype == "PCM_24":
        if block.dtype == np.int32:
            return np.ascontiguousarray(block)
        if block.dtype == np.int16:
            return np.ascontiguousarray(block.astype(np.int32) << 16)
        return np.ascontiguousarray(_quantised(block, 24).astype(np.int32) << 8)
    if block.dtype == np.int16:
        return np.ascontiguousarray(block) * np.float32(1 / 32768)
    return np.ascontiguousarray(block)


def _quantised(block: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    scale = np.float32(1 << (bits - 1))
    # 2**23 - 1 can be expressed as a float32, so clipping is exact for both widths
    quantised: NDArray[np.float32] = block * scale
    np.rint(quantised, out=quantised)
    return np.clip(quantised, -scale, scale - 1, out=quantised)


def _tag_text(value: str) -> str:
    """The part of a text that a tag can contain: UTF-8 without NUL, as long as a WAV header allows."""
    return value.replace("\0", "").encode("utf-8", "replace")[:_MAXIMAL_TAG].decode("utf-8", "ignore")


class _Sink:
    """The file that libsndfile writes to, after a `prefix`. It keeps the first error.

    libsndfile reports a full disk late or not at all, and loses exceptions of its callbacks. Therefore the first
    exception is kept, and `check` raises it.
    """

    def __init__(self, fd: int, prefix: bytes) -> None:
        self._fd = fd
        self._start = len(prefix)
        self._position = -len(prefix)
        self._failure: OSError | None = None
        self.write(prefix)

    def write(self, data: bytes) -> int:
        written = 0
        try:
            while self._failure is None and written < len(data):
                count = os.pwrite(self._fd, memoryview(data)[written:], self._start + self._position)
                written += count
                self._position += count
        except OSError as failure:
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

    def set_ogg_serial(self, serial: int) -> None:
        set_ogg_serial(self._fd, os.fstat(self._fd).st_size, serial)

    def add_flac_block(self, block: bytes) -> None:
        add_flac_block(self._fd, os.fstat(self._fd).st_size, block)

    def sync(self) -> None:
        if self._fd >= 0:
            os.fsync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
