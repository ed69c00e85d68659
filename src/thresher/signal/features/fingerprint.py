"""PCM → Chromaprint's words, through whichever backend this machine has.

PCM is int16, shape (frames,), mono, in blocks of any length; a fingerprint is uint32, shape (words,).
A word looks at 2.72 s of sound and there is one every 0.1238 s, so that a shorter signal has none.

Every backend gets the same PCM. Rates under 11,025 Hz, where Chromaprint works, are brought there first:
its own resampler fills a buffer of fixed size, and loses the end of what it has to make longer.
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

# Chromaprint's own rate, its analysis frame and hop, and the analysis frames that one word looks at.
CHROMAPRINT_RATE = 11_025
ANALYSIS_FRAME = 4096
ANALYSIS_HOP = 1365
HOPS_IN_A_WORD = 19

WORD_SECONDS = ANALYSIS_HOP / CHROMAPRINT_RATE
FIRST_WORD_SECONDS = (ANALYSIS_FRAME + HOPS_IN_A_WORD * ANALYSIS_HOP) / CHROMAPRINT_RATE

# The one word that silence, a constant and noise of one bit consist of.
SILENCE_WORD = 627_964_279

# What is handed to a backend at a time.
BLOCK_SAMPLES = 1 << 20

NO_WORDS: NDArray[np.uint32] = np.empty(0, np.uint32)
NO_WORDS.flags.writeable = False

# Keeps a console window from opening at every call on Windows.
NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)

INSTALL = {
    "linux": ("Linux", "pip install 'imageio-ffmpeg>=0.8'` or `apt install libchromaprint1"),
    "darwin": ("macOS", "brew install chromaprint"),
    "win32": ("Windows", "winget install Gyan.FFmpeg"),
}


def to_pcm(y: NDArray[np.float32], peak: float) -> NDArray[np.int16]:
    """The int16 samples that every backend is given: rint(32768 · y / max(1, peak)), clipped.

    `y` is float32, shape (frames,), finite; `peak` is the greatest |y| of the whole clip, so that its blocks
    are scaled alike. Samples read from a PCM16 file come back as they were.
    """
    # Divided first: 32768 · y could overflow. Scaling by a power of two rounds nothing.
    scaled = y / np.float32(max(1.0, peak))
    scaled *= np.float32(32768.0)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -32768.0, 32767.0, out=scaled)
    return scaled.astype(np.int16)


def word_count(frames: int, sr: int) -> int:
    """How many words `frames` frames at `sr` Hz have, whatever the backend."""
    resampled = resampled_frames(frames, sr)
    return max(0, (resampled - ANALYSIS_FRAME) // ANALYSIS_HOP + 1 - HOPS_IN_A_WORD)


def resampled_frames(frames: int, sr: int) -> int:
    """How many frames at 11,025 Hz come of `frames` frames at `sr` Hz.

    From a higher rate Chromaprint's resampler makes as many as have all `taps` of its filter inside the
    signal, whose beginning it mirrors: 9 or 10 fewer than the ratio of the rates says.
    """
    if sr < CHROMAPRINT_RATE:
        return (2 * frames * CHROMAPRINT_RATE + sr) // (2 * sr)
    if sr == CHROMAPRINT_RATE:
        return frames
    # 16 taps, stretched by the ratio of the rates to a cut-off of 0.8; in whole numbers: ⌈20 · sr / 11025⌉.
    taps = -(-20 * sr // CHROMAPRINT_RATE)
    starts = frames - taps + 1 + (taps - 1) // 2
    return max(0, -(-starts * CHROMAPRINT_RATE // sr))


class Backend(Protocol):
    """Something that runs Chromaprint; `name` and `version` are kept with what it made."""

    name: str
    version: str

    def fingerprint(self, blocks: Iterable[NDArray[np.int16]], sr: int) -> NDArray[np.uint32]:
        """The words of a mono signal at `sr` Hz; none, and no error, where it is too short.

        Raises ThresherError where the backend fails.
        """
        ...


class LibChromaprint:
    """The library itself, loaded by pyacoustid's module `chromaprint`."""

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
                f"libchromaprint {self.version} could not make a fingerprint at {rate} Hz"
            ) from error
        return np.array(words, np.uint32)


class FFmpeg:
    """The program `ffmpeg`: the one in the wheel `imageio-ffmpeg`, or else the machine's own."""

    name = "ffmpeg"

    def __init__(self) -> None:
        verdicts = []
        for program in ffmpeg_programs():
            # Prints its version on stderr and what it knows of the muxer on stdout.
            answer = ask([program, "-h", "muxer=chromaprint"])
            if b"fp_format" in answer.output:
                self._program = program
                self.version = version_in(answer.errors)
                return
            found = "was built without Chromaprint" if answer.code == 0 else f"does not run: {answer.reason}"
            verdicts.append(f"{program} {found}")
        raise BackendMissingError(f"ffmpeg: {'; '.join(verdicts) or 'not installed'}")

    def fingerprint(self, blocks: Iterable[NDArray[np.int16]], sr: int) -> NDArray[np.uint32]:
        """See `Backend.fingerprint`."""
        blocks, rate = at_working_rate(blocks, sr)
        # Nothing to probe and nothing to convert: saying so halves what a short clip costs besides the
        # start of the program. -nostdin only stops it from listening for keys.
        quietly = ["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"]
        pcm = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-probesize", "32", "-analyzeduration", "0"]
        words = ["-c:a", "copy", "-f", "chromaprint", "-fp_format", "raw", "pipe:1"]
        answer = pipe([self._program, *quietly, *pcm, "-i", "pipe:0", *words], blocks)
        if not word_count(answer.samples, rate):
            return NO_WORDS
        if answer.code:
            raise ThresherError(f"{self._program} could not make a fingerprint: {answer.reason}")
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
        # Raw PCM is mono unless said otherwise; -channels is an option that newer versions refuse.
        pcm = ["-format", "s16le", "-rate", str(rate), "-"]
        answer = pipe([self._program, "-raw", "-json", "-length", "0", *pcm], blocks)
        if not word_count(answer.samples, rate):
            return NO_WORDS
        # It exits with 3 where the input just ends, words and all.
        if answer.code not in (0, 3) or not answer.output:
            raise ThresherError(f"{self._program} could not make a fingerprint: {answer.reason}")
        return np.array(json.loads(answer.output)["fingerprint"], np.uint32)


# In the order in which they are tried.
BACKENDS: dict[str, Callable[[], Backend]] = {
    "libchromaprint": LibChromaprint,
    "ffmpeg": FFmpeg,
    "fpcalc": FPCalc,
}


@cache
def find_backend(preferred: str = "auto") -> Backend:
    """The backend called `preferred`, or with "auto" the first that is there; looked for once a process.

    Raises ConfigError where there is no such name, BackendMissingError where there is no such backend.
    """
    if preferred != "auto" and preferred not in BACKENDS:
        raise ConfigError(f'no fingerprint backend is called "{preferred}": use auto, {", ".join(BACKENDS)}')
    reasons = []
    for name in BACKENDS if preferred == "auto" else [preferred]:
        try:
            return BACKENDS[name]()
        except BackendMissingError as error:
            reasons.append(str(error))
    instead = "" if preferred == "auto" else ', or set the backend to "auto"'
    raise BackendMissingError(
        f"Chromaprint, which makes the fingerprints, cannot be used here ({'; '.join(reasons)}): "
        f"{install_commands()}{instead}"
    )


def install_commands() -> str:
    """How to get a backend: the command for this system, then those for the others."""
    here = sys.platform if sys.platform in INSTALL else "linux"
    others = [system for system in INSTALL if system != here]
    return (
        f"install it with `{INSTALL[here][1]}` "
        f"({', '.join('on {}: `{}`'.format(*INSTALL[system]) for system in others)})"
    )


def at_working_rate(blocks: Iterable[NDArray[np.int16]], sr: int) -> tuple[Iterator[NDArray[np.int16]], int]:
    """`blocks` in portions that a backend can take, at a rate of which it loses nothing; and that rate."""
    if sr < 1:
        raise ValueError(f"the sample rate must be at least 1 Hz, not {sr!r}")
    portions = (
        block[start : start + BLOCK_SAMPLES]
        for block in blocks
        for start in range(0, len(block), BLOCK_SAMPLES)
    )
    return (portions, sr) if sr >= CHROMAPRINT_RATE else (resampled(portions, sr), CHROMAPRINT_RATE)


def resampled(blocks: Iterable[NDArray[np.int16]], sr: int) -> Iterator[NDArray[np.int16]]:
    """`blocks` brought from `sr` to 11,025 Hz."""
    import soxr  # type: ignore[import-untyped, unused-ignore]

    # In float32: with int16 soxr would add a dither of its own.
    stream = soxr.ResampleStream(sr, CHROMAPRINT_RATE, 1, dtype="float32")
    for block in blocks:
        yield to_pcm(stream.resample_chunk(block.astype(np.float32) / np.float32(32768.0)), 1.0)
    yield to_pcm(stream.resample_chunk(np.empty(0, np.float32), last=True), 1.0)


@dataclass(frozen=True)
class Answer:
    """What a program said: its exit code, its stdout and stderr, and how many samples it was sent."""

    code: int
    output: bytes
    errors: bytes
    samples: int = 0

    @property
    def reason(self) -> str:
        """Why it failed, in its own last words."""
        lines = self.errors.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else f"exit code {self.code}"


def ask(command: Sequence[str]) -> Answer:
    """Run a program that only tells about itself; one that cannot be run says so as its error."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, check=False, creationflags=NO_WINDOW
        )
    except OSError as error:
        return Answer(-1, b"", str(error).encode())
    return Answer(done.returncode, done.stdout, done.stderr)


def pipe(command: Sequence[str], blocks: Iterable[NDArray[np.int16]]) -> Answer:
    """Run a program with `blocks` as little-endian bytes on its stdin.

    Both of its outputs are read meanwhile, so that neither side waits for the other for ever. Where the
    blocks raise, the program is ended and the error goes on.
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
        raise ThresherError(f"{command[0]} could not be started: {error}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process, ThreadPoolExecutor(2) as readers:
        output, errors = readers.submit(process.stdout.read), readers.submit(process.stderr.read)
        try:
            samples = send(process.stdin, blocks)
        except BaseException:
            process.kill()
            # What is still buffered has no reader; left to `process`, its error would hide this one.
            attempt(process.stdin.close)
            raise
        return Answer(process.wait(), output.result(), errors.result(), samples)


def send(stdin: IO[bytes], blocks: Iterable[NDArray[np.int16]]) -> int:
    """Write `blocks`, close, and tell how many samples there were; a reader gone early is no error here."""
    samples, listening = 0, True
    for block in blocks:
        samples += len(block)
        if listening:
            listening = attempt(stdin.write, block.astype("<i2", copy=False).tobytes())
    attempt(stdin.close)
    return samples


def attempt(call: Callable[..., object], *arguments: object) -> bool:
    """Whether `call` found its pipe open; Windows reports a closed one as an invalid argument."""
    try:
        call(*arguments)
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            raise
        return False
    return True


def ffmpeg_programs() -> list[str]:
    """Where an ffmpeg may be, the wheel's first."""
    programs = []
    try:
        import imageio_ffmpeg

        programs.append(str(imageio_ffmpeg.get_ffmpeg_exe()))
    except (ImportError, RuntimeError):
        programs.clear()
    own = shutil.which("ffmpeg")
    return [*programs, own] if own and own not in programs else programs


def version_in(text: bytes) -> str:
    """The word after "version" in what a program tells about itself."""
    words = text.decode(errors="replace").split()
    return words[words.index("version") + 1] if "version" in words[:-1] else "unknown"
