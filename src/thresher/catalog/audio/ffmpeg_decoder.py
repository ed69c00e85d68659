"""Decode audio with the program ffmpeg, as a separate process whose output is read as it comes.

ffmpeg reads what libsndfile cannot open. Blocks are float32, shape (frames, channels), full scale ±1. Memory does
not grow with the file, and the process ends with its decoder. It can read no other file and no network address.
"""

from __future__ import annotations

import os
import re
import selectors
import struct
import subprocess
import sys
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.decoder_names import FFMPEG
from thresher.catalog.audio.signatures import CONTAINERS
from thresher.errors import AudioError, NoAudioStreamError
from thresher.signal.features.fingerprint import ask, ffmpeg_programs, version_in

STALL_SECONDS = 120.0
"""ffmpeg is killed if it writes nothing for this time."""

_LIMITS = ["-nostdin", "-nostats", "-loglevel", "level+info", "-protocol_whitelist", "file,pipe"]
# A header without sizes goes before the samples: it states the rate and the channels of the first audio stream.
_OUTPUT = ["-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32le", "-bitexact", "-f", "wav", "pipe:1"]
_SAMPLE_BYTES = 4
_LONGEST_HEADER = 1 << 16
_KEPT_WORDS = 1 << 16  # bytes of stderr
_STREAM = re.compile(rb"^\[info\] +Stream #0:\d+.*?: Audio: (\w+)(.*)$", re.MULTILINE)
_INPUT = re.compile(rb"^\[info\] Input #0, (\w+)", re.MULTILINE)
_DURATION = re.compile(rb"^\[info\] +Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_VERSION = re.compile(rb"^\[info\] ffmpeg version (\S+)", re.MULTILINE)
_COMPLAINT = re.compile(rb"^(?:\[[^\]]*\] )*\[(?:error|fatal)\] (.+)$", re.MULTILINE)
_DECLARING = frozenset({b"ape", b"matroska", b"mov", b"tak", b"tta", b"wv"})
"""Demuxers of containers whose headers state the length; ffmpeg estimates that of others."""
_BITS = re.compile(r"\((\d+) bit\)")

INSTALL_HINT = "install it with `{}`".format(
    "brew install ffmpeg" if sys.platform == "darwin" else "pip install imageio-ffmpeg"
)
"""What to do on this system if there is no ffmpeg."""

SUBTYPES = {
    "mp1": "MPEG_LAYER_I",
    "mp2": "MPEG_LAYER_II",
    "mp3": "MPEG_LAYER_III",
    "pcm_u8": "PCM_U8",
    "pcm_s8": "PCM_S8",
    "pcm_mulaw": "ULAW",
    "pcm_alaw": "ALAW",
    "adpcm_ms": "MS_ADPCM",
    "adpcm_ima_wav": "IMA_ADPCM",
    "gsm_ms": "GSM610",
}
"""ffmpeg's names of codecs that libsndfile calls differently. Other names are written in capitals."""


@cache
def find_ffmpeg() -> str | None:
    """Return the program that decodes, or None if there is none; searched once per process."""
    return next(iter(ffmpeg_programs()), None)


@cache
def ffmpeg_version() -> str | None:
    """Return the version of the program that decodes; None if there is none."""
    program = find_ffmpeg()
    return None if program is None else version_in(ask([program, "-version"]).output)


def packet_hash(fd: int, demuxer: str | None = None) -> str | None:
    """Return the SHA-256 of the packets of the first audio stream of an open file; None if ffmpeg can't tell.

    Packets are what the file holds, without tags: another version of ffmpeg finds the same.
    """
    program = find_ffmpeg()
    if program is None:
        return None
    chosen = ["-f", demuxer] if demuxer else ["-format_whitelist", ",".join(sorted(CONTAINERS))]
    os.lseek(fd, 0, os.SEEK_SET)
    source = ["-i", f"file:/dev/fd/{fd}"]
    output = ["-map", "0:a:0", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "pipe:1"]
    try:
        done = subprocess.run(
            [program, *_LIMITS, *chosen, *source, *output],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            pass_fds=(fd,),
            start_new_session=True,
            check=False,
            timeout=10 * STALL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(rb"SHA256=([0-9a-fA-F]{64})", done.stdout)
    return found[1].decode().lower() if found and done.returncode == 0 else None


class FFmpegDecoder:
    """A running ffmpeg that decodes the first audio stream of an open file from its beginning.

    `demuxer` is ffmpeg's name of the container, or None to let ffmpeg find it. The container begins at byte
    `start`. `strict` leaves out damaged frames of a FLAC instead of decoding noise from them. Raises AudioError
    with ffmpeg's message if nothing can be decoded, and NoAudioStreamError if the file has no audio stream.
    """

    name = FFMPEG

    def __init__(self, fd: int, demuxer: str | None = None, *, start: int = 0, strict: bool = False) -> None:
        program = find_ffmpeg()
        if program is None:
            raise AudioError(f"only ffmpeg can decode this; {INSTALL_HINT}")
        chosen = ["-f", demuxer] if demuxer else ["-format_whitelist", ",".join(sorted(CONTAINERS))]
        chosen += ["-skip_initial_bytes", str(start)] if start else []
        careful = ["-err_detect", "crccheck+explode"] if strict else []
        # A name without a suffix: contents decide what the file is. It leads to the open file, whatever its path.
        source = ["-i", f"file:/dev/fd/{fd}"]
        self._fd = fd
        self._before, self._after = [program, *_LIMITS, *chosen, *careful], [*source, *_OUTPUT]
        self.frames: int | None = None
        self._pending = b""
        self._start()

    def restart(self) -> None:
        """Decode from the first frame again, in a new process."""
        self.close()
        self._start()

    def restart_near(self, seconds: float) -> None:
        """Decode from about a time on, in a new process: which frame comes first is not known."""
        self.close()
        self._start(["-ss", f"{seconds:.3f}"])

    def unread(self, samples: NDArray[np.float32]) -> None:
        """Give frames back, so that the next `read` returns them again."""
        self._pending = samples.astype("<f4").tobytes() + self._pending

    def _start(self, seek: Sequence[str] = ()) -> None:
        command = [*self._before, *seek, *self._after]
        os.lseek(self._fd, 0, os.SEEK_SET)  # where /dev/fd duplicates a descriptor, the position is shared
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(self._fd,),
                bufsize=0,
                start_new_session=True,  # Ctrl-C must not end it early: its output would look complete
            )
        except OSError as error:
            raise AudioError(f"cannot start {command[0]}: {error.strerror or error}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out, self._err = self._process.stdout, self._process.stderr
        self._words = bytearray()
        self._pending = b""
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._selector.register(self._err, selectors.EVENT_READ)
        try:
            self._read_header()
        except BaseException:
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the program."""
        found = _VERSION.search(self._words)
        return found[1].decode(errors="replace") if found else "unknown"

    @property
    def declared_seconds(self) -> float | None:
        """The length that the header of the container states, to 10 ms; None if it states none."""
        container, found = _INPUT.search(self._words), _DURATION.search(self._words)
        if container is None or found is None or container[1] not in _DECLARING:
            return None
        return 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return up to `frames` next frames, and none after the end."""
        content = self._read_exactly(frames * self.channels * _SAMPLE_BYTES)
        whole = len(content) // (self.channels * _SAMPLE_BYTES)
        samples = np.frombuffer(content, "<f4", whole * self.channels)
        return samples.reshape(whole, self.channels).astype(np.float32)

    def seek(self, _start: int) -> int | None:
        """Return None: only decoding from the beginning is exact."""
        return None

    def failure(self) -> str | None:
        """Return ffmpeg's message if it failed before the end of the file, else None. Asked after the last read."""
        return self.complaint() if self._ended and self._process.returncode != 0 else None

    def complaint(self) -> str:
        """Return the first error that ffmpeg printed; "" if it printed none."""
        found = _COMPLAINT.search(self._words)
        if found and found[1].startswith(b"Format not on whitelist"):
            return "a format that thresher does not read"
        return found[1].decode(errors="replace").strip().rstrip(".") if found else ""

    def close(self) -> None:
        """End the process. A second call does nothing."""
        self._selector.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._out.close()
        self._err.close()

    def _read_header(self) -> None:
        head = self._read_exactly(12)
        sample_rate = channels = 0
        while len(head) >= 12:
            chunk = self._read_exactly(8)
            if len(chunk) < 8 or chunk[:4] == b"data":
                break
            size = struct.unpack("<I", chunk[4:])[0]
            payload = self._read_exactly(min(size + size % 2, _LONGEST_HEADER))
            if chunk[:4] == b"fmt " and len(payload) >= 16:
                channels, sample_rate = struct.unpack("<HI", payload[2:8])
        if not self._ended and not (channels and sample_rate):
            raise AudioError("ffmpeg wrote a header that thresher does not understand")
        if not channels or not sample_rate:
            raise self._reason()
        # Reading one frame ahead distinguishes audio from a header alone, before anything is stored.
        self._pending = self._read_exactly(channels * _SAMPLE_BYTES)
        self.sample_rate, self.channels = sample_rate, channels
        self.container, self.subtype = self._container_and_subtype()

    def _reason(self) -> AudioError:
        if b"matches no streams" in self._words:
            return NoAudioStreamError("holds no audio stream")
        return AudioError(self.complaint() or f"ffmpeg ended with code {self._process.returncode}")

    def _container_and_subtype(self) -> tuple[str, str]:
        found, stream = _INPUT.search(self._words), _STREAM.search(self._words)
        demuxer = found[1].decode() if found else ""
        codec, details = (
            ("", "") if stream is None else (stream[1].decode(), stream[2].decode(errors="replace"))
        )
        return CONTAINERS.get(demuxer, demuxer.upper()), subtype_of(codec, details)

    def _read_exactly(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer only at the end of the output."""
        buffer = bytearray(count)
        view, filled = memoryview(buffer), min(count, len(self._pending))
        view[:filled] = self._pending[:filled]
        self._pending = self._pending[filled:]
        while filled < count and not self._ended:
            filled += self._receive(view[filled:])
        return bytes(view[:filled])

    def _receive(self, view: memoryview) -> int:
        """Wait for output, keep what came on stderr, and return the number of bytes that were put into `view`."""
        ready = {key.fileobj for key, _ in self._selector.select(STALL_SECONDS)}
        if not ready:
            self._process.kill()
            raise AudioError(f"ffmpeg has written nothing for {STALL_SECONDS:.0f} s")
        if self._err in ready:
            self._listen()
        if self._out not in ready:
            return 0
        count = os.readv(self._out.fileno(), [view])
        if count == 0:
            self._finish()
        return count

    def _listen(self) -> None:
        words = os.read(self._err.fileno(), 65536)
        if not words:
            self._selector.unregister(self._err)
        self._words += words[: _KEPT_WORDS - len(self._words)]

    def _finish(self) -> None:
        """Wait until the process has ended, and read the rest of its messages."""
        self._ended = True
        self._selector.unregister(self._out)
        while self._selector.get_map() and self._selector.select(STALL_SECONDS):
            self._listen()
        try:
            self._process.wait(STALL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def subtype_of(codec: str, details: str) -> str:
    """Return a codec in libsndfile's words; `details` is the rest of ffmpeg's description of the stream."""
    if codec in SUBTYPES:
        return SUBTYPES[codec]
    if codec in ("flac", "alac", "wavpack", "tta"):
        bits = _BITS.search(details)
        depth = bits[1] if bits else "16" if ", s16" in details else "32"
        return f"{'PCM' if codec == 'flac' else codec.upper()}_{depth}"
    if pcm := re.fullmatch(r"pcm_([sf])(\d+)\w*", codec):
        return f"PCM_{pcm[2]}" if pcm[1] == "s" else "FLOAT" if pcm[2] == "32" else "DOUBLE"
    return codec.upper()
