"""Chromaprint fingerprints of PCM audio, computed by whichever backend is installed.

PCM is int16, shape (frames,), mono, in blocks of any length. A fingerprint is uint32, shape (words,). There is
one word every 0.1238 s, and each covers 2.72 s of sound, so a shorter signal has no words.

Every backend gets the same PCM. Chromaprint works at 11,025 Hz. Lower rates are resampled to that rate here,
because Chromaprint's own resampler has a buffer of fixed size and loses the end of a signal that becomes
longer.
"""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from thresher.errors import BackendMissingError, ConfigError, ThresherError
from thresher.formatting import unknown
from thresher.signal.features.resample import resampled

# Chromaprint's working rate, its analysis frame and hop, and the hops that one word covers.
CHROMAPRINT_RATE = 11_025
ANALYSIS_FRAME = 4096
ANALYSIS_HOP = 1365
HOPS_IN_A_WORD = 19

WORD_SECONDS = ANALYSIS_HOP / CHROMAPRINT_RATE
FIRST_WORD_SECONDS = (ANALYSIS_FRAME + HOPS_IN_A_WORD * ANALYSIS_HOP) / CHROMAPRINT_RATE

# Samples passed to a backend at a time.
BLOCK_SAMPLES = 1 << 20

NO_WORDS: NDArray[np.uint32] = np.empty(0, np.uint32)
NO_WORDS.flags.writeable = False

# On Windows this keeps a console window from opening at every call.
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)

INSTALL = {
    "linux": ("Linux", "pip install 'imageio-ffmpeg>=0.8'` or `apt install libchromaprint1"),
    "darwin": ("macOS", "brew install chromaprint"),
    "win32": ("Windows", "winget install Gyan.FFmpeg"),
}


def to_pcm(y: NDArray[np.float32], peak: float) -> NDArray[np.int16]:
    """Convert samples to int16: rint(32768 · y / max(1, peak)), clipped.

    `y` is float32, shape (frames,), finite. `peak` is the greatest |y| of the whole clip, so that all its
    blocks are scaled equally. Samples read from a 16-bit file are returned unchanged.
    """
    # Divide first: 32768 · y could overflow. Scaling by a power of two does not round.
    full_scale = np.float32(32768.0)
    scaled = y * full_scale if peak <= 1.0 else y / np.float32(peak) * full_scale
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768.0, 32767.0, out=scaled)
    return scaled.astype(np.int16)


def word_count(frames: int, sr: int) -> int:
    """Return the number of words of a signal of `frames` frames at `sr` Hz, for every backend."""
    resampled = chromaprint_frames(frames, sr)
    return max(0, (resampled - ANALYSIS_FRAME) // ANALYSIS_HOP + 1 - HOPS_IN_A_WORD)


def chromaprint_frames(frames: int, sr: int) -> int:
    """Return the number of frames at 11,025 Hz that `frames` frames at `sr` Hz become.

    From higher rates, Chromaprint's resampler makes only the frames for which all `taps` of its filter are
    inside the signal, after mirroring its beginning. These are 9 or 10 fewer than the ratio of the rates gives.
    """
    if sr < CHROMAPRINT_RATE:
        return (2 * frames * CHROMAPRINT_RATE + sr) // (2 * sr)
    if sr == CHROMAPRINT_RATE:
        return frames
    # 16 taps, stretched by the ratio of the rates and a cut-off of 0.8. In integers: ⌈20 · sr / 11025⌉.
    taps = -(-20 * sr // CHROMAPRINT_RATE)
    starts = frames - taps + 1 + (taps - 1) // 2
    return max(0, -(-starts * CHROMAPRINT_RATE // sr))


class Backend(Protocol):
    """A way to run Chromaprint. The catalog stores `name` and `version` with each fingerprint."""

    name: str
    version: str

    def fingerprint(self, blocks: Iterable[NDArray[np.int16]], sr: int) -> NDArray[np.uint32]:
        """Return the words of a mono signal at `sr` Hz; an empty array if it is too short.

        Raises ThresherError if the backend fails, ValueError for a sample rate below 1.
        """
        ...


class LibChromaprint:
    """The library libchromaprint, loaded by pyacoustid's module `chromaprint`."""

    name = "libchromaprint"

    def __init__(self) -> None:
        try:
            import chromaprint
        except (ImportError, OSError) as error:
            raise BackendMissingError(f"libchromaprint: {error}") from error
        self._chromaprint = chromaprint
        self.version = str(chromaprint._libchromaprint.chromaprint_get_version().decode())

    def fingerprint(self, blocks: Iterable[NDArray[np.int16]], sr: int) -> NDArray[np.uint32]:
        """See `Backend.fingerprint`."""
        blocks, rate = at_working_rate(blocks, sr)
        fingerprinter = self._chromaprint.Fingerprinter()
        try:
            fingerprinter.start(rate, 1)
            for block in blocks:
                fingerprinter.feed(block.tobytes())
            words, _ = self._chromaprint.decode_fingerprint(fingerprinter.finish())
        except self._chromaprint.FingerprintError as error:
            raise ThresherError(
                f"libchromaprint {self.version} failed to compute a fingerprint at {rate} Hz"
            ) from error
        return np.array(words, np.uint32)


class FFmpeg:
    """The program `ffmpeg`: from the package `imageio-ffmpeg`, or else the installed one."""

    name = "ffmpeg"

    def __init__(self) -> None:
        problems = []
        for program in ffmpeg_programs():
            # It prints its version on stderr and the options of the muxer on stdout.
            answer = ask([program, "-h", "muxer=chromaprint"])
            if b"fp_format" in answer.output:
                self._program = program
                self.version = version_in(answer.errors)
                return
            problem = (
                "was built without Chromaprint" if answer.code == 0 else f"does not run: {answer.reason}"
            )
            problems.append(f"{program} {problem}")
        raise BackendMissingError(f"ffmpeg: {'; '.join(problems) or 'not installed'}")

    def fingerprint(self, blocks: Iterable[NDArray[np.int16]], sr: int) -> NDArray[np.uint32]:
        """See `Backend.fingerprint`."""
        blocks, rate = at_working_rate(blocks, sr)
        # There is nothing to probe and nothing to convert. These options halve the time of a short clip, apart from
        # the start of the program. -nostdin keeps ffmpeg from reading keys.
        quietly = ["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"]
        pcm = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-probesize", "32", "-analyzeduration", "0"]
        words = ["-c:a", "copy", "-f", "chromaprint", "-fp_format", "raw", "pipe:1"]
        answer = pipe([self._program, *quietly, *pcm, "-i", "pipe:0", *words], blocks)
        if not word_count(answer.samples, rate):
            return NO_WORDS
        if answer.code:
            raise ThresherError(f"{self._program} failed to compute a fingerprint: {answer.reason}")
        return np.frombuffer(answer.output, np.uint32)


class FPCalc:
    """Chromaprint's own program, `fpcalc`."""

    name = "fpcalc"

    def __init__(self) -> None:
        program = shutil.which("fpcalc")
        if program is None:
            raise BackendMissingError("fpcalc: not installed")
        answer = ask([program, "-version"])
        if b"version" not in answer.output:
            raise BackendMissingError(f"fpcalc: {program} does not run: {answer.reason}")
        self._program = program
        self.version = version_in(answer.output)

    def fingerprint(self, blocks: Iterable[NDArray[np.int16]], sr: int) -> NDArray[np.uint32]:
        """See `Backend.fingerprint`."""
        blocks, rate = at_working_rate(blocks, sr)
        # Raw PCM is mono by default. Newer versions refuse the option -channels.
        pcm = ["-format", "s16le", "-rate", str(rate), "-"]
        answer = pipe([self._program, "-raw", "-json", "-length", "0", *pcm], blocks)
        if not word_count(answer.samples, rate):
            return NO_WORDS
        # It exits with 3 at the end of piped input, although it prints the words.
        if answer.code not in (0, 3) or not answer.output:
            raise ThresherError(f"{self._program} failed to compute a fingerprint: {answer.reason}")
        return np.array(json.loads(answer.output)["fingerprint"], np.uint32)


# The backends, in the order in which they are tried.
BACKENDS: dict[str, Callable[[], Backend]] = {
    "libchromaprint": LibChromaprint,
    "ffmpeg": FFmpeg,
    "fpcalc": FPCalc,
}


@cache
def find_backend(preferred: str = "auto") -> Backend:
    """Return the backend named `preferred`, or for "auto" the first that works; searched once per process.

    Raises ConfigError for an unknown name, BackendMissingError if the backend (or, for "auto", any) is not
    installed.
    """
    if preferred != "auto" and preferred not in BACKENDS:
        raise ConfigError(unknown("fingerprint backend", preferred, ["auto", *BACKENDS]))
    reasons = []
    for name in BACKENDS if preferred == "auto" else [preferred]:
        try:
            return BACKENDS[name]()
        except BackendMissingError as error:
            reasons.append(str(error))
    instead = "" if preferred == "auto" else ', or set the backend to "auto"'
    raise BackendMissingError(
        f"no Chromaprint backend for fingerprints works ({'; '.join(reasons)}): {install_commands()}{instead}"
    )


def install_commands() -> str:
    """Return how to install a backend: the command for this system, then those for the others."""
    here = sys.platform if sys.platform in INSTALL else "linux"
    others = [system for system in INSTALL if system != here]
    return (
        f"install it with `{INSTALL[here][1]}` "
        f"({', '.join('on {}: `{}`'.format(*INSTALL[system]) for system in others)})"
    )


def at_working_rate(blocks: Iterable[NDArray[np.int16]], sr: int) -> tuple[Iterator[NDArray[np.int16]], int]:
    """Cut `blocks` into portions for a backend, resampled if their rate is too low; return them and their rate."""
    if sr < 1:
        raise ValueError(f"the sample rate must be at least 1 Hz, not {sr!r}")
    if sr < CHROMAPRINT_RATE:
        # float32, because soxr adds dither to int16.
        floats = (block.astype(np.float32) / np.float32(32768.0) for block in blocks)
        return (to_pcm(y, 1.0) for y in resampled(floats, sr, CHROMAPRINT_RATE)), CHROMAPRINT_RATE
    portions = (
        block[start : start + BLOCK_SAMPLES]
        for block in blocks
        for start in range(0, len(block), BLOCK_SAMPLES)
    )
    return portions, sr


@dataclass(frozen=True)
class Answer:
    """The result of a program: its exit code, stdout and stderr, and the number of samples that it was sent."""

    code: int
    output: bytes
    errors: bytes
    samples: int = 0

    @property
    def reason(self) -> str:
        """Why it failed: the last line of its stderr, or else its exit code."""
        lines = self.errors.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else f"exit code {self.code}"


def ask(command: Sequence[str]) -> Answer:
    """Run a program that only prints information; if it cannot run, the system's error becomes its stderr."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, creationflags=NO_WINDOW
        )
    except OSError as error:
        return Answer(-1, b"", str(error).encode())
    return Answer(done.returncode, done.stdout, done.stderr)


def pipe(command: Sequence[str], blocks: Iterable[NDArray[np.int16]]) -> Answer:
    """Run a program with `blocks` as little-endian bytes on its stdin.

    Its stdout and stderr are read at the same time, so that neither side blocks the other. If iterating over
    the blocks raises, the program is killed and the error is raised again. Raises ThresherError if the program
    cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=NO_WINDOW,
        )
    except OSError as error:
        raise ThresherError(f"cannot start {command[0]}: {error}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process, ThreadPoolExecutor(2) as readers:
        output, errors = readers.submit(process.stdout.read), readers.submit(process.stderr.read)
        try:
            samples = send(process.stdin, blocks)
        except BaseException:
            process.kill()
            # The rest of the buffer has no reader. If `process` closed the pipe, that error would hide this one.
            attempt(process.stdin.close)
            raise
        return Answer(process.wait(), output.result(), errors.result(), samples)


def send(stdin: IO[bytes], blocks: Iterable[NDArray[np.int16]]) -> int:
    """Write `blocks`, close the pipe and return the number of samples. A closed reader is not an error."""
    samples, is_open = 0, True
    for block in blocks:
        samples += len(block)
        if is_open:
            is_open = attempt(stdin.write, block.astype("<i2", copy=False).tobytes())
    attempt(stdin.close)
    return samples


def attempt(call: Callable[..., object], *arguments: object) -> bool:
    """Call a function that uses a pipe; return whether the pipe was open.

    Windows reports a closed pipe as an invalid argument.
    """
    try:
        call(*arguments)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            raise
        return False
    return True


def ffmpeg_programs() -> list[str]:
    """Return the ffmpeg programs found, that of the package `imageio-ffmpeg` first."""
    programs = []
    try:
        import imageio_ffmpeg

        programs.append(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except (ImportError, RuntimeError):
        programs.clear()
    own = shutil.which("ffmpeg")
    return [*programs, own] if own and own not in programs else programs


def version_in(text: bytes) -> str:
    """Return the word after "version" in the output of a program."""
    words = text.decode(errors="replace").split()
    return words[words.index("version") + 1] if "version" in words[:-1] else "unknown"
