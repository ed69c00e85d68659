"""Synthesise a small training run for `thresher demo`: five checkpoints of a network that learns death metal.

Every clip is synthesised from a seed. The files have the names that SampleRNN gives them, and sound like the
clips of such a training: first hiss, then drones, then loops of half a bar, then riffs. Some clips are silent,
near-duplicates or broken files.

Signals are mono, full scale ±1, at 16 kHz; guitars are synthesised at 48 kHz, so that distortion does not
alias. A tab is a text with one character for each sixteenth note: a base-36 digit plays the note that many
semitones above the low string, `.` plays the muted low string, `-` lets the note ring, `_` stops it. In a drum
pattern, `x` is a hit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.encoding import AudioWriter
from thresher.catalog.output_guard import OutputGuard
from thresher.errors import CatalogError

Signal = NDArray[np.float64]
T = TypeVar("T")
Curve = tuple[tuple[float, float], ...]

RATE = 16_000
OVERSAMPLING = 3
RUN = "skeletal-domain"
FOLDER = f"three_tier-exp{RUN}-n_frames64-frame_size16-which_setdeathmetal-lr0.001/samples"
SONG = "DOMAINAL SKELETON"
QUERY = "epoch:20.."
CLIPS_PER_CHECKPOINT = 8
PEAK_OF_THE_LOUD = 1.25

MARKER = "DEMO.txt"
"""The file that marks a folder as written by the demo."""

_MARK = "`thresher demo` made this folder and writes to it again when it is repeated; `rm -r` it when done.\n"

LOW_D = 73.42  # Hz
RIFFS = (
    "0..1-..0..3-..1-",
    "0...6-5-0...3-1-",
    "c.b.8.7.6.5.3.1.",
    "0-..0-..1-..6-7-",
    "0.0.0.1.0.0.7.6.",
    "3---1---0-------",
)
BREAKDOWN = "0__0____0_00__1-"
LEADS = ("vvvvttttrrrrqqqq", "oooorrrrvvvvwwww", "vvwwvvttrrttqqoo", "orvrorvrptwtptwt")
FORMS = ("AABA", "AABL", "ABAL", "AALC", "ALBC", "AACC")
"""The bars of a song: its riffs A and B, riff A under a lead (L), and the breakdown C."""


@dataclass(frozen=True)
class Beat:
    """A bar of drums."""

    kick: str
    snare: str
    hat: str


BLAST = Beat("x.x.x.x.x.x.x.x.", ".x.x.x.x.x.x.x.x", "x.x.x.x.x.x.x.x.")
THRASH = Beat("x.x...x.x.x...x.", "....x.......x...", "x.x.x.x.x.x.x.x.")
DOUBLE_BASS = Beat("xxxxxxxxxxxxxxxx", "....x.......x...", "x...x...x...x...")
HALF_TIME = Beat("x..x....x.xx....", "........x.......", "x...x...x...x...")
BEATS = (BLAST, THRASH, DOUBLE_BASS, HALF_TIME)

# Frequency responses of loudspeakers: frequency (Hz) and gain (dB).
GUITAR_CABINET: Curve = (
    *((40, -30), (90, -4), (130, 0), (400, -2), (800, 0)),
    *((2500, 9), (4200, 3), (5500, -16), (8000, -45)),
)
BASS_CABINET: Curve = ((20, -30), (40, 0), (160, 0), (700, -12), (3000, -30), (8000, -60))

_HARMONICS = np.arange(1, 25)[:, np.newaxis]
_SAW: Signal = np.sum(np.sin(2 * np.pi * _HARMONICS * np.arange(4096) / 4096) / _HARMONICS, axis=0) / 1.8


@dataclass(frozen=True)
class Bar:
    """One bar (sixteen sixteenths) of the band."""

    riff: str
    beat: Beat
    lead: str = "_" * 16


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint of the run: the numbers in its file names, and the function that makes its clips."""

    epoch: int
    step: int
    hours: float
    train_loss: float
    valid_loss: float
    part: int
    clip: Callable[[np.random.Generator], Signal]


def claim(folder: Path) -> None:
    """Mark an empty or missing folder as the demo's; accept a folder that the demo made before.

    Raises CatalogError if the folder contains anything else, so that the demo never changes other files.
    """
    if folder.exists() and not folder.is_dir():
        raise CatalogError(f"{folder} is a file; name a new folder: thresher demo DIR")
    marker = folder / MARKER
    if marker.is_file():
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise CatalogError(f"{folder} contains other files; name a new folder: thresher demo DIR")
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(_MARK, encoding="utf-8")


def write_part(folder: Path, part: int, guard: OutputGuard | None = None) -> Path:
    """Write the files of part 1 (epochs 1, 5 and 10) or part 2 (20 and 40) below `folder`; return their folder.

    Files that exist with the same content are not rewritten. Other files are not changed, nor are files that the
    `guard` protects: clips of the demo's catalog that a person has edited.
    """
    chosen = [checkpoint for checkpoint in CHECKPOINTS if checkpoint.part == part]
    if not chosen:
        raise ValueError(f"the demo has parts 1 and 2, not {part}")
    samples = folder / FOLDER
    samples.mkdir(parents=True, exist_ok=True)
    for checkpoint in chosen:
        _write_checkpoint(samples, checkpoint, guard or OutputGuard(None))
    return samples


def clip_name(checkpoint: Checkpoint, index: int) -> str:
    """Return the name that SampleRNN gives to a clip of a checkpoint."""
    return (
        f"sample_e{checkpoint.epoch}_i{checkpoint.step}_t{checkpoint.hours:.2f}"
        f"_tr{checkpoint.train_loss:.4f}_v{checkpoint.valid_loss:.4f}_{index}.wav"
    )


# -- the files ---------------------------------------------------------------------------------------------


def _write_checkpoint(samples: Path, checkpoint: Checkpoint, guard: OutputGuard) -> None:
    names = [samples / clip_name(checkpoint, index) for index in range(CLIPS_PER_CHECKPOINT + 2)]
    seeds = [[checkpoint.epoch, index] for index in range(CLIPS_PER_CHECKPOINT)]
    clips = [checkpoint.clip(np.random.default_rng(seed)) for seed in seeds]
    loud: set[int] = set()
    match checkpoint.epoch:
        case 1:  # a network that has learnt nothing may write nothing
            clips[3] = np.zeros(4 * RATE)
        case 5:  # too short for a fingerprint
            clips[6] = _shortened(clips[6], 1.4)
        case 10:
            _write_bytes(names[8], b"Traceback (most recent call last):\n", guard)
        case 20:  # the same clip again, a little quieter; and one too short that is worth a place in a song
            clips[5] = 0.85 * clips[2]
            clips[7] = _shortened(clips[7], 2.2)
        case (
            40
        ):  # the same clip again, in 8 bits; and one above full scale, as generators that write float do
            clips[6] = np.rint(clips[2] * 128) / 128
            clips[1] *= PEAK_OF_THE_LOUD / np.abs(clips[1]).max()
            loud = {1}
    for index, clip in enumerate(clips):
        _write(names[index], clip, "FLOAT" if index in loud else "PCM_16", guard)
    if checkpoint.epoch == 40:  # a copy under another name, and one that a full disk cut short
        content = names[4].read_bytes()
        _write_bytes(names[8], content, guard)
        _write_bytes(names[9], content[: len(content) // 3], guard)


def _write(path: Path, clip: Signal, subtype: str, guard: OutputGuard) -> None:
    partial = _partial(path)
    with AudioWriter(os.fsencode(partial), RATE, 1, "WAV", subtype, frames=len(clip)) as writer:
        writer.write(clip[:, np.newaxis].astype(np.float32))
    _settle(partial, path, guard)


def _write_bytes(path: Path, content: bytes, guard: OutputGuard) -> None:
    partial = _partial(path)
    partial.write_bytes(content)
    _settle(partial, path, guard)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _settle(partial: Path, path: Path, guard: OutputGuard) -> None:
    """Write a file unless it exists with the same content, because a rewritten file would be hashed again."""
    is_same = path.is_file() and path.read_bytes() == partial.read_bytes()
    if is_same or guard.refusal(path) is not None:
        partial.unlink()
    else:
        partial.replace(path)


# -- what each checkpoint plays ----------------------------------------------------------------------------


def _hiss(generator: np.random.Generator) -> Signal:
    """Epoch 1: quiet noise that fades in and out."""
    noise = _noise(generator, round(generator.uniform(4, 6) * RATE), tilt=generator.uniform(0.0, 0.4))
    swell = np.sin(np.linspace(0, np.pi, len(noise))) ** generator.uniform(1, 5)
    return _levelled(noise * swell, generator.uniform(-42, -28))


def _drone(generator: np.random.Generator) -> Signal:
    """Epoch 5: drones with the spectrum of a guitar."""
    frames = round(generator.uniform(4.5, 6.5) * RATE)
    time = np.arange(frames * OVERSAMPLING) / (RATE * OVERSAMPLING)
    drift = 1 + 0.008 * np.sin(2 * np.pi * generator.uniform(0.1, 0.6) * time + generator.uniform(0, 6))
    pitch = LOW_D * 2 ** (generator.integers(0, 13) / 12) * drift
    tone = _filtered(np.tanh(3 * (_saw(pitch) + 0.6 * _saw(1.4983 * pitch))), GUITAR_CABINET)
    swell = 0.7 + 0.3 * np.sin(2 * np.pi * generator.uniform(0.3, 1.5) * np.arange(frames) / RATE)
    noise = _noise(generator, frames, tilt=0.3)
    return _levelled(_unit(tone) * swell + 0.8 * noise, generator.uniform(-24, -20))


def _trapped(generator: np.random.Generator) -> Signal:
    """Epoch 10: a loop of half a bar, under hiss."""
    riff, beat = _any(generator, RIFFS[:5]), _any(generator, BEATS[1:])
    bar = _band(generator, [Bar(riff, beat)], tempo=_tempo(generator), key=_key(generator), drive=4)
    half = bar[: len(bar) // 2]
    loop = np.tile(half, int(np.ceil(generator.uniform(4.2, 5.6) * RATE / len(half))))
    return _levelled(_unit(loop) + 0.3 * _noise(generator, len(loop), tilt=0.1), generator.uniform(-20, -17))


def _riffing(generator: np.random.Generator) -> Signal:
    """Epoch 20: riffs that change every half bar."""
    halves = [_any(generator, RIFFS)[8 * (place % 2) :][:8] for place in range(6)]
    beats = [_any(generator, BEATS) for _ in range(3)]
    bars = [
        Bar(first + second, beat)
        for first, second, beat in zip(halves[::2], halves[1::2], beats, strict=True)
    ]
    played = _band(generator, bars, tempo=_tempo(generator), key=_key(generator), drive=5)
    played = _unit(_in_a_room(generator, played))
    played += 0.08 * _noise(generator, len(played), tilt=0.1)
    return _with_silence(generator, _levelled(played, generator.uniform(-17, -15)))


def _song(generator: np.random.Generator) -> Signal:
    """Epoch 40: two riffs, a lead, and drums that keep the bar."""
    first, second = (RIFFS[index] for index in generator.permutation(len(RIFFS))[:2])
    steady, other = (BEATS[index] for index in generator.permutation(3)[:2])
    parts = {
        "A": Bar(first, steady),
        "B": Bar(second, other),
        "C": Bar(BREAKDOWN, HALF_TIME),
        "L": Bar(first, other, _any(generator, LEADS)),
    }
    bars = [parts[name] for name in _any(generator, FORMS)]
    played = _band(generator, bars, tempo=_tempo(generator), key=_key(generator), drive=7)
    played = _in_a_room(generator, played)
    return _with_silence(generator, _levelled(played, generator.uniform(-16, -14)))


def _any(generator: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(generator.integers(len(choices)))]


def _tempo(generator: np.random.Generator) -> float:
    return float(generator.integers(148, 186))


def _key(generator: np.random.Generator) -> float:
    return LOW_D * 2 ** (int(generator.integers(0, 6)) / 12)


# -- the band ----------------------------------------------------------------------------------------------


def _band(
    generator: np.random.Generator, bars: Sequence[Bar], *, tempo: float, key: float, drive: float
) -> Signal:
    """Mix two rhythm guitars, bass, drums and an optional lead; `tempo` is in beats per minute, `key` in Hz."""
    step = round(RATE * 15 / tempo)
    riff, lead = "".join(bar.riff for bar in bars), "".join(bar.lead for bar in bars)
    power_chord = (1.0, 1.4983, 2.0)
    left, right = (_plucked(riff, step, detune * key, power_chord, drive) for detune in (0.998, 1.002))
    bass = _filtered(_plucked(riff, step, key / 2, (1.0,), 1.5), BASS_CABINET)
    mix = _unit(_filtered(left + right, GUITAR_CABINET)) * 0.26 + _unit(bass) * 0.11
    if lead.strip("_"):
        mix = mix + 0.3 * _filtered(_plucked(lead, step, key, (1.0, 1.003), 2.5), GUITAR_CABINET)
    return mix + _drums(generator, bars, step)


def _plucked(tab: str, step: int, key: float, chord: tuple[float, ...], drive: float) -> Signal:
    """Synthesise a distorted string instrument at 48 kHz.

    `step` is the length of a sixteenth in frames of 16 kHz; `chord` holds frequency ratios.
    """
    length = step * OVERSAMPLING
    onset, struck = _last_change(tab, "-"), _last_change(tab, "-_")
    semitones = np.array([int(tab[place], 36) if tab[place].isalnum() else 0 for place in struck])
    pitch = key * 2 ** (semitones / 12)
    decay = np.array([{".": 0.05, "_": 0.006}.get(tab[place], 0.9) for place in onset])
    time = (np.arange(len(tab) * length) - np.repeat(onset, length) * length) / (RATE * OVERSAMPLING)
    envelope = np.exp(-time / np.repeat(decay, length)) * (1 - np.exp(-time / 0.0015))
    string = np.sum([_saw(np.repeat(ratio * pitch, length)) for ratio in chord], axis=0)
    sound: Signal = np.tanh(drive * envelope * string) * np.sqrt(envelope)
    return sound


def _last_change(tab: str, lasting: str) -> NDArray[np.int64]:
    """Return for each sixteenth the index of the last one, up to itself, whose mark is not in `lasting`."""
    places = (0 if mark in lasting else place for place, mark in enumerate(tab))
    return np.fromiter(accumulate(places, max), np.int64)


def _drums(generator: np.random.Generator, bars: Sequence[Bar], step: int) -> Signal:
    """Synthesise kick, snare, hat, and a crash where the beat changes."""
    time = np.arange(RATE // 4) / RATE
    ringing = np.arange(RATE) / RATE
    kick = np.sin(2 * np.pi * 50 * time - 14 * np.exp(-time * 45)) * np.exp(-time * 22)
    body = np.sin(2 * np.pi * 185 * time) + 0.5 * np.sin(2 * np.pi * 330 * time)
    snare = (0.25 * generator.normal(size=time.size) + 0.6 * body * np.exp(-time * 20)) * np.exp(-time * 18)
    hat = np.diff(generator.normal(size=time.size + 1)) * np.exp(-time * 70)
    crash = np.diff(generator.normal(size=ringing.size + 1)) * np.exp(-ringing * 4)
    crashes = (
        "x" if place == 0 or bar.beat != bars[place - 1].beat else "_" for place, bar in enumerate(bars)
    )
    lines = (
        (0.7 * kick, "".join(bar.beat.kick for bar in bars)),
        (0.8 * snare, "".join(bar.beat.snare for bar in bars)),
        (0.06 * hat, "".join(bar.beat.hat for bar in bars)),
        (0.08 * crash, "".join(f"{mark:_<16}" for mark in crashes)),
    )
    frames = 16 * len(bars) * step
    out = np.zeros(frames + RATE)
    for sound, line in lines:
        for place, mark in enumerate(line):
            if mark == "x":
                out[place * step :][: sound.size] += generator.uniform(0.8, 1.0) * sound
    return out[:frames]


def _saw(pitch: Signal) -> Signal:
    """Return a saw wave with 24 harmonics at 48 kHz; `pitch` holds one value in Hz for each frame."""
    phase = np.cumsum(pitch) / (RATE * OVERSAMPLING)
    saw: Signal = _SAW[(phase * 4096).astype(np.int64) & 4095]
    return saw


def _filtered(signal: Signal, curve: Curve) -> Signal:
    """Filter a signal at 48 kHz by a frequency response and return it at 16 kHz."""
    frames = len(signal) // OVERSAMPLING
    padded = _quick_length(frames)
    spectrum = np.fft.rfft(signal, padded * OVERSAMPLING)[: padded // 2 + 1]
    hertz, decibels = np.array(curve).T
    spectrum *= 10 ** (np.interp(np.fft.rfftfreq(padded, 1 / RATE), hertz, decibels) / 20)
    return np.fft.irfft(spectrum, padded)[:frames] / OVERSAMPLING


def _in_a_room(generator: np.random.Generator, signal: Signal) -> Signal:
    """Add the reverberation of a room that decays within a third of a second."""
    time = np.arange(RATE // 3) / RATE
    room = generator.normal(size=time.size) * np.exp(-time * 18)
    room *= 0.25 / np.sqrt(np.sum(room**2))
    room[0] += 1
    frames = len(signal) + len(room)
    padded = _quick_length(frames)
    spectrum = np.fft.rfft(signal, padded) * np.fft.rfft(room, padded)
    return np.fft.irfft(spectrum, padded)[:frames]


def _noise(generator: np.random.Generator, frames: int, *, tilt: float) -> Signal:
    """Return noise with an RMS of 1 whose amplitude falls with frequency to the power of `tilt`."""
    spectrum = np.fft.rfft(generator.normal(size=_quick_length(frames)))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** tilt
    return _unit(np.fft.irfft(spectrum)[:frames])


def _quick_length(frames: int) -> int:
    """Return an even length of at least `frames` with a fast Fourier transform: 2, 3 or 5 times a power of 2."""
    power = 1 << max(0, frames.bit_length() - 3)
    return next(2 * power * factor for factor in (1, 2, 3, 4, 5, 8) if 2 * power * factor >= frames)


def _unit(signal: Signal) -> Signal:
    """Return the signal without its mean, scaled to an RMS of 1."""
    centred = signal - signal.mean()
    unit: Signal = centred / np.sqrt(np.mean(centred**2))
    return unit


def _levelled(signal: Signal, level: float) -> Signal:
    """Scale the signal to an RMS of `level` dBFS and compress peaks softly to stay below full scale."""
    levelled: Signal = 0.95 * np.tanh(_unit(signal) * 10 ** (level / 20) / 0.95)
    return levelled


def _shortened(clip: Signal, seconds: float) -> Signal:
    part = clip[: round(seconds * RATE)]
    centred: Signal = part - part.mean()
    return centred


def _with_silence(generator: np.random.Generator, signal: Signal) -> Signal:
    """Add almost silent audio before and after the signal, as generated clips have it."""
    before, after = (round(generator.uniform(0.1, 0.6) * RATE) for _ in range(2))
    return np.pad(signal, (before, after)) + 5e-5 * generator.normal(size=before + len(signal) + after)


CHECKPOINTS = (
    Checkpoint(1, 2_500, 0.42, 2.9876, 3.0123, 1, _hiss),
    Checkpoint(5, 12_500, 2.10, 1.8321, 1.9017, 1, _drone),
    Checkpoint(10, 25_000, 4.21, 1.4402, 1.5230, 1, _trapped),
    Checkpoint(20, 50_000, 8.44, 1.1873, 1.2946, 2, _riffing),
    Checkpoint(40, 100_000, 16.90, 0.9954, 1.1021, 2, _song),
)
