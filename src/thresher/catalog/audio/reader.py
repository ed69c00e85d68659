"""Read audio files: the one place that chooses a decoder, and the only way to the samples of a file.

libsndfile decodes what it can read in full; ffmpeg decodes the rest. Audio is float32, shape (frames, channels),
full scale ±1. Spans are half open, in frames from 0. Paths are bytes, or text in the encoding of the file system.
`encoding` writes audio.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.audio_format import AudioFormat
from thresher.catalog.audio.decoder_names import FFMPEG, LIBSNDFILE, LOSSLESS
from thresher.catalog.audio.ffmpeg_decoder import (
    INSTALL_HINT,
    FFmpegDecoder,
    ffmpeg_version,
    find_ffmpeg,
    packet_hash,
)
from thresher.catalog.audio.mpeg import MpegFrames
from thresher.catalog.audio.seek_marks import SeekMark, place_of
from thresher.catalog.audio.sndfile_decoder import SAMPLE_BYTES, SndfileDecoder, library_version
from thresher.catalog.audio.survey import survey
from thresher.catalog.files.files import open_regular
from thresher.errors import AudioError, NoAudioStreamError

_MAXIMAL_BLOCK_SAMPLES = 1 << 21
"""The samples of a block, of all channels together: decoders hold a block several times."""
_SOUND_ALONE = frozenset({"APE", "TAK", "TTA", "WAVPACK"})
_ROUNDED_SECONDS = 0.02  # ffmpeg prints lengths in hundredths of a second
_SETTLING_SECONDS = 2.0  # after which a decoder gives the samples of a decode from the beginning
_OFF_SECONDS = 0.5  # by which ffmpeg may seek too early
_DELAY_FRAMES = 4  # MPEG frames that a decoder may remove as the delay of encoder and decoder


@dataclass(frozen=True)
class DecoderId:
    """A decoder: "libsndfile" or "ffmpeg", and its version.

    Another version may decode other samples from lossy formats.
    """

    name: str
    version: str


class AudioReader:
    """An audio file, open for reading; a context manager.

    `decoder` is the name of the decoder that must be used, as stored with a recording; by default the file decides.
    ffmpeg reads a lossless file that libsndfile should read and cannot, because the file was converted since: the
    samples are the same. Raises AudioError with the decoder's message if the file cannot be decoded,
    NoAudioStreamError if it is intact and has no audio, AudioError if the path is not a regular file, and OSError
    (FileNotFoundError, PermissionError …) if the file cannot be opened.
    """

    format: AudioFormat
    decoder: DecoderId

    def __init__(self, path: bytes | str, decoder: str | None = None) -> None:
        self._fd = open_regular(path)
        self._decoder: SndfileDecoder | FFmpegDecoder | None = None
        self._position = 0
        try:
            self._size = os.fstat(self._fd).st_size
            self._survey = survey(self._fd, self._size)
            self._decoder = self._choose(decoder)
            self.decoder = DecoderId(self._decoder.name, self._decoder.version)
            self.format = self._read_format(self._decoder)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def blocks(
        self, start: int = 0, end: int | None = None, block_frames: int = 262144
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the frames `[start, end)` in order, in blocks of at most `block_frames` frames.

        If `end` is None or beyond the last frame, the file is read to its end. The frames equal those of a decode
        from the beginning, whatever `start` is. Only one iteration can run at a time, because all use the same
        position in the file. Raises AudioError if the decoder fails, after the frames before the failure.
        """
        for block in self._blocks(start, end, block_frames):
            # A 16-bit file is read as int16, which is several times as fast and gives the same floats.
            yield _as_float(block)

    def seek(self, mark: SeekMark) -> bool:
        """Move ffmpeg, which can't seek exactly, to a mark; return whether its samples were found there.

        If not, the next `blocks` decodes from the beginning.
        """
        decoder = self._open_decoder()
        if not isinstance(decoder, FFmpegDecoder):
            return False
        rate = decoder.sample_rate
        begin = max(0.0, mark.frame / rate - _SETTLING_SECONDS)
        place = None
        with suppress(AudioError):
            decoder.restart_near(begin)
            samples = decoder.read(mark.frame - round(begin * rate) + round(_OFF_SECONDS * rate))
            place = place_of(mark, samples) if decoder.sample_rate == rate else None
        if place is None:
            decoder.restart()
            self._position = 0
            return False
        decoder.unread(samples[place:])
        self._position = mark.frame
        return True

    def own_blocks(self, kind: str) -> Iterator[NDArray[Any]]:
        """Yield all frames as "int32" or "float64", which hold the samples of PCM_32 and DOUBLE exactly.

        Only libsndfile returns these types. The next call of `blocks` starts at the first frame.
        """
        decoder = self._open_decoder()
        if not isinstance(decoder, SndfileDecoder):
            raise AudioError(f"{decoder.name} does not decode {kind}")
        decoder.restart()
        self._position = 0
        while len(block := decoder.read(65536, kind)):
            yield block
        decoder.restart()

    def packet_hash(self) -> str | None:
        """Return the SHA-256 of the packets of the audio stream, as ffmpeg finds them; None without ffmpeg."""
        return packet_hash(self._fd, self._survey.demuxer)

    def fileno(self) -> int:
        """Return the descriptor of the open file."""
        return self._fd

    @property
    def size(self) -> int:
        """The size of the file in bytes when it was opened."""
        return self._size

    def pcm16_blocks(
        self, start: int = 0, end: int | None = None, block_frames: int = 262144
    ) -> Iterator[NDArray[np.int16]]:
        """Yield the int16 samples of a PCM_16 file, as `blocks` does. Raises ValueError for another subtype."""
        if self.format.subtype != "PCM_16":
            raise ValueError(f"{self.format.subtype} is not PCM_16")
        return map(_as_int16, self._blocks(start, end, block_frames))

    def _blocks(self, start: int, end: int | None, block_frames: int) -> Iterator[NDArray[Any]]:
        if start < 0 or block_frames < 1:
            raise ValueError(f"start {start} and block_frames {block_frames} must be at least 0 and 1")
        block_frames = max(1, min(block_frames, _MAXIMAL_BLOCK_SAMPLES // self.format.channels))
        self._move_to(start, block_frames)
        while end is None or self._position < end:
            wanted = block_frames
            if self.format.frames is not None:
                # The header may claim too few frames, so read until the decoder returns none.
                wanted = min(block_frames, max(self.format.frames - self._position, 4096))
            block = self._read(wanted if end is None else min(wanted, end - self._position))
            if len(block) == 0:
                return
            yield block

    def lost_share(self, frames_read: int) -> float | None:
        """Return which share of the declared length is missing if the file's end is reached after `frames_read`
        frames.

        From 0 to 1; None if nothing is missing or no length is declared.
        """
        promised = self._promised_frames(frames_read) or self._declared_to_ffmpeg()
        if self._survey.holes is not None:
            promised = self._declared_in_full()
        return None if not promised or promised <= frames_read else 1.0 - frames_read / promised

    def shortfall(self, frames_read: int) -> str | None:
        """Return why this file is truncated, if reading to its end gave `frames_read` frames; None if it is not.

        Bytes after the audio and a header without a length do not count as truncation. An MP3 without a Xing header
        that was cut between two frames cannot be recognised.
        """
        reached, found = self.reached(frames_read), self._survey
        if failure := self._open_decoder().failure():
            return f"{reached}: {failure}"
        if found.rest is not None and not self._reads_the_rest(frames_read):
            return f"{reached}, but {found.rest}, which only ffmpeg decodes; {INSTALL_HINT}"
        if (holes := self._lost_pages(frames_read)) is not None:
            return f"{holes}; it {reached}{found.fault}" if found.fault is not None else holes
        if found.fault is not None:
            return f"{reached}{found.fault}"
        promised = self._promised_frames(frames_read)
        if promised is not None and promised > frames_read:
            because = f": {complaint}" if (complaint := self.complaint()) else ""
            return f"{reached} of {promised / self.format.sample_rate:.2f} s{because}"
        if found.mpeg is not None and found.mpeg.cut:
            return f"{reached}, in the middle of an MPEG frame"
        if found.mpeg is not None and found.mpeg.damaged_at is not None:
            return f"{reached}, and {_damage(found.mpeg.damaged, found.mpeg.damaged_at)}"
        return None

    @property
    def may_be_short(self) -> bool:
        """Whether the file says, before it is decoded, that audio is missing, damaged, or not read by its decoder.

        If not, an error of the decoder is the only other sign.
        """
        found, mpeg, chunked = self._survey, self._survey.mpeg, self._survey.chunked
        return (
            found.fault is not None
            or found.holes is not None
            or (found.rest is not None and self.decoder.name != FFMPEG)
            or (mpeg is not None and (mpeg.cut or mpeg.damaged > 0 or (mpeg.promised or 0) > mpeg.whole))
            or (chunked is not None and (chunked.promised or 0) > chunked.present)
        )

    def declared_frames(self) -> int | None:
        """Return the length that a FLAC or Ogg file declares, in frames at the decoder's rate; None if unknown."""
        found = self._survey
        return (
            found.promised if found.seconds is None else math.floor(found.seconds * self.format.sample_rate)
        )

    def complaint(self) -> str:
        """Return the first error that the decoder reported without stopping; "" if there was none."""
        return self._open_decoder().complaint()

    def reached(self, frames_read: int) -> str:
        """Return where the audio ends, as the beginning of a sentence."""
        return f"ends at {frames_read / self.format.sample_rate:.2f} s"

    def _lost_pages(self, frames_read: int) -> str | None:
        """Return which pages of an Ogg file are lost, if audio is lost with them; else None.

        Some programs number pages with gaps: if all frames are there, nothing is lost.
        """
        holes, declared = self._survey.holes, self._declared_in_full()
        if holes is None or (declared is not None and frames_read >= declared):
            return None
        read = f"{frames_read / self.format.sample_rate:.2f} s"
        of = "" if declared is None else f" of {declared / self.format.sample_rate:.2f} s"
        return f"{read}{of} can be read: {holes}"

    def _declared_in_full(self) -> int | None:
        """Return the frames that an Ogg file declares, by libsndfile or by its pages; None if unknown."""
        declared = (self.format.frames, self.declared_frames())
        return max((frames for frames in declared if frames is not None), default=None)

    def _reads_the_rest(self, frames_read: int) -> bool:
        """Return whether the decoder went on to what follows the declared end."""
        found = self._survey
        if self.decoder.name == FFMPEG:
            return True
        return (
            found.mpeg is not None and frames_read > (found.mpeg.whole - _DELAY_FRAMES) * found.mpeg.samples
        )

    def _has_all_samples(self, frames_read: int) -> bool:
        """Return whether a FLAC that declares more frames than it has is complete, by the digest in its header."""
        flac = self._survey.flac
        is_candidate = flac is not None and flac.present == frames_read < flac.declared
        if flac is None or not is_candidate or flac.md5 is None or flac.width not in (1, 2, 3):
            return False
        digest = hashlib.md5(usedforsecurity=False)
        for block in self.blocks(0, frames_read):
            samples = np.rint(block * np.float32(1 << 8 * flac.width - 1)).astype("<i4")
            digest.update(samples.view(np.uint8).reshape(-1, 4)[:, : flac.width].tobytes())
        return digest.digest() == flac.md5

    def _promised_frames(self, frames_read: int) -> int | None:
        """Return the number of frames that the header promises, without libsndfile's correction."""
        found = self._survey
        if found.mpeg is not None:
            return _promised_by_mpeg(found.mpeg, frames_read)
        if found.promised is not None:
            return None if self._has_all_samples(frames_read) else found.promised
        chunked = found.chunked
        if chunked is None or chunked.promised is None or chunked.promised == chunked.present:
            return (
                self.format.frames if self.decoder.name == LIBSNDFILE else self._missed_by_ffmpeg(frames_read)
            )
        if (width := SAMPLE_BYTES.get(self.format.subtype)) is not None:
            return max(self.format.frames or 0, chunked.promised // (width * self.format.channels))
        return max(frames_read + 1, frames_read * chunked.promised // max(1, chunked.present))

    def _missed_by_ffmpeg(self, frames_read: int) -> int | None:
        """Return the declared frames of a file that holds sound alone, if some of them are missing; else None.

        The sound of a film may be shorter than the film.
        """
        declared = self._declared_to_ffmpeg()
        if declared is None or self.format.container not in _SOUND_ALONE:
            return None
        return declared if frames_read < declared - _ROUNDED_SECONDS * self.format.sample_rate else None

    def _declared_to_ffmpeg(self) -> int | None:
        """Return the length in the header of a container that only ffmpeg reads, to 10 ms; None if unknown."""
        decoder = self._open_decoder()
        seconds = decoder.declared_seconds if isinstance(decoder, FFmpegDecoder) else None
        return None if seconds is None else round(seconds * self.format.sample_rate)

    def _choose(self, decoder: str | None) -> SndfileDecoder | FFmpegDecoder:
        """Open the wanted decoder, or else the first one that can read the file."""
        if decoder not in (None, LIBSNDFILE, FFMPEG):
            raise AudioError(f'unknown decoder "{decoder}" (expected libsndfile or ffmpeg)')
        found = self._survey
        is_better = found.needs_ffmpeg or (found.prefers_ffmpeg and find_ffmpeg() is not None)
        if decoder == FFMPEG or (decoder is None and is_better):
            return self._ffmpeg()
        try:
            return SndfileDecoder(self._fd, self._size, found.pieces, found.mpeg)
        except AudioError as error:
            if self._size == 0:
                raise
            second = self._second_choice(error)
            if decoder is not None and not second.subtype.startswith(LOSSLESS):
                second.close()
                raise
            return second

    def _second_choice(self, error: AudioError) -> FFmpegDecoder:
        """Open ffmpeg after libsndfile's error. If it fails, too, the message names both complaints."""
        if find_ffmpeg() is None:
            raise AudioError(f"{error}; ffmpeg may decode it: {INSTALL_HINT}") from error
        try:
            return self._ffmpeg()
        except NoAudioStreamError:
            raise
        except AudioError as second:
            raise AudioError(f"{error} (ffmpeg: {second})") from second

    def _ffmpeg(self) -> FFmpegDecoder:
        demuxer, start = self._survey.demuxer, self._survey.start
        return FFmpegDecoder(self._fd, demuxer, start=start, strict=demuxer == "flac")

    def _read_format(self, decoder: SndfileDecoder | FFmpegDecoder) -> AudioFormat:
        frames = decoder.frames if decoder.frames is not None else self._survey.frames
        return AudioFormat(decoder.sample_rate, decoder.channels, frames, decoder.container, decoder.subtype)

    def _open_decoder(self) -> SndfileDecoder | FFmpegDecoder:
        if self._decoder is None:
            raise ValueError("the audio file is closed")
        return self._decoder

    def _move_to(self, start: int, block_frames: int) -> None:
        """Move to frame `start`: by a seek if that is exact, else by decoding up to it."""
        decoder = self._open_decoder()
        if self._position == start:
            return
        position = decoder.seek(start)
        if position is not None:
            self._position = position
        if start < self._position:
            decoder.restart()
            self._position = 0
        while self._position < start and len(self._read(min(block_frames, start - self._position))):
            pass

    def _read(self, frames: int) -> NDArray[Any]:
        block = self._open_decoder().read(frames)
        self._position += len(block)
        return block


def _promised_by_mpeg(mpeg: MpegFrames, frames_read: int) -> int | None:
    """Return the frames that a Xing header promises if some of them are missing, else None."""
    if mpeg.promised is None:
        return None
    # Some encoders count the frame that holds the header, others do not.
    missing = mpeg.whole < mpeg.promised
    if not mpeg.followed:
        missing = frames_read < (mpeg.promised - _DELAY_FRAMES) * mpeg.samples
    return mpeg.promised * mpeg.samples if missing else None


def _damage(places: int, first: float) -> str:
    where = f"in {places:,} places, the first at" if places > 1 else "at"
    return f"is damaged {where} {first:.2f} s"


def present_version(decoder: str) -> str | None:
    """Return the version of a decoder on this machine; None if it is not installed."""
    return library_version() if decoder == LIBSNDFILE else ffmpeg_version()


def _as_float(block: NDArray[Any]) -> NDArray[np.float32]:
    floats: NDArray[np.float32] = block
    if block.dtype == np.int16:
        floats = np.multiply(block, np.float32(1 / 32768), dtype=np.float32)
    return floats


def _as_int16(block: NDArray[Any]) -> NDArray[np.int16]:
    """Return the samples of a 16-bit file as they are in it."""
    return block if block.dtype == np.int16 else np.rint(block * np.float32(32768)).astype(np.int16)
