"""A small training run to try everything on: five checkpoints of a network that learns death metal.

Nothing is recorded: every clip is synthesised from a seed. The names are those of SampleRNN's training; the
clips are what such training writes – hiss first, then drones, then loops that never leave their bar, then
riffs – with the silences, near-copies and broken files that come with it.

Signals are float32, mono, 16 kHz, full scale ±1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.encoding import AudioWriter

Signal = NDArray[np.float32]

RATE = 16_000
RUN = "expskeletal-domain"
FOLDER = f"three_tier-{RUN}-n_frames64-frame_size16-which_setdeathmetal-lr0.001/samples"
SONG = "DOMAINAL SKELETON"
QUERY = "epoch:20.."
CLIPS_PER_CHECKPOINT = 8

TEMPO = 168  # beats a minute
SIXTEENTH = 60 / TEMPO / 4  # seconds
LOW_E = 82.41  # Hz
RIFFS = (
    (0, 0, 12, 0, 0, 11, 0, 8, 0, 0, 12, 0, 7, 0, 6, 3),
    (0, 0, 0, 3, 0, 0, 5, 0, 6, 6, 5, 3, 0, 0, 1, 0),
    (12, 0, 11, 0, 8, 0, 7, 0, 6, 0, 3, 0, 1, 0, 0, 0),
    (0, 1, 0, 6, 0, 1, 0, 7, 0, 1, 0, 8, 7, 6, 3, 1),
)
"""Semitones above the low E, a sixteenth each."""


@dataclass(frozen=True)
class Checkpoint:
    """One checkpoint of the run: its names' numbers, and how its clips sound."""

    epoch: int
    step: int
    hours: float
    train_loss: float
    valid_loss: float
    part: int
    clip: Callable[[np.random.Generator], Signal]


def write_part(folder: Path, part: int) -> Path:
    """Write the files of part 1 (epochs 1, 5 and 10) or 2 (20 and 40) below `folder`; the folder of the clips.

    Files that are there already with the same content are left alone, and nothing else is touched.
    """
    samples = folder / FOLDER
    samples.mkdir(parents=True, exist_ok=True)
    for checkpoint in CHECKPOINTS:
        if checkpoint.part == part:
            _write_checkpoint(samples, checkpoint)
    return samples


def clip_name(checkpoint: Checkpoint, index: int) -> str:
    """The name that SampleRNN gives to a clip of a checkpoint."""
    return (
        f"sample_e{checkpoint.epoch}_i{checkpoint.step}_t{checkpoint.hours:.2f}"
        f"_tr{checkpoint.train_loss:.4f}_v{checkpoint.valid_loss:.4f}_{index}.wav"
    )


def _write_checkpoint(samples: Path, checkpoint: Checkpoint) -> None:
    seeds = [[checkpoint.epoch, index] for index in range(CLIPS_PER_CHECKPOINT)]
    clips = [checkpoint.clip(np.random.default_rng(seed)) for seed in seeds]
    if checkpoint.epoch == 1:  # a network that has learnt nothing may write nothing
        clips[3] = np.zeros(4 * RATE, np.float32)
    if checkpoint.epoch == 5:
        clips[6] = clips[6][: int(1.4 * RATE)]
    if checkpoint.epoch == 20:  # the same loop again, a little quieter
        clips[5] = (clips[2] * np.float32(0.8)).astype(np.float32)
    for index, clip in enumerate(clips):
        path = samples / clip_name(checkpoint, index)
        if checkpoint.epoch == 40 and index == 1:  # some generators write float, above full scale
            _write(path, clip * np.float32(1.6), "FLOAT")
        else:
            _write(path, clip, "PCM_16")
    if checkpoint.epoch == 40:  # the same clip again under another name, and one whose disk filled up
        original = (samples / clip_name(checkpoint, 4)).read_bytes()
        _write_bytes(samples / clip_name(checkpoint, CLIPS_PER_CHECKPOINT), original)
        _write_bytes(
            samples / clip_name(checkpoint, CLIPS_PER_CHECKPOINT + 1), original[: len(original) // 3]
        )
    if checkpoint.epoch == 10:
        _write_bytes(
            samples / clip_name(checkpoint, CLIPS_PER_CHECKPOINT), b"Traceback (most recent call last):"
        )


def _write(path: Path, clip: Signal, subtype: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    with AudioWriter(os.fsencode(partial), RATE, 1, "WAV", subtype, frames=len(clip)) as writer:
        writer.write(clip[:, np.newaxis])
    content = partial.read_bytes()
    partial.unlink()
    _write_bytes(path, content)


def _write_bytes(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


# -- what it sounds like -----------------------------------------------------------------------------------


def _hiss(generator: np.random.Generator) -> Signal:
    """Epoch 1: noise that comes and goes, most of it hardly there."""
    noise = _coloured(generator, 5.0, tilt=generator.uniform(0.0, 0.6))
    swell = np.sin(np.linspace(0, np.pi, len(noise))) ** generator.uniform(1, 6)
    return _levelled(noise * swell, generator.uniform(-40, -28))


def _drone(generator: np.random.Generator) -> Signal:
    """Epoch 5: the spectrum of a guitar, but no time in it."""
    pitch = LOW_E * 2 ** (generator.integers(0, 8) / 12)
    time = np.arange(int(5.5 * RATE)) / RATE
    wobble = 1 + 0.006 * np.sin(2 * np.pi * generator.uniform(0.2, 2.0) * time)
    tone = _saw(pitch * wobble) + 0.6 * _saw(1.5 * pitch * wobble)
    noise = _coloured(generator, 5.5, tilt=1.0)
    return _levelled(_distorted(tone, 3.0) + 0.8 * noise, generator.uniform(-24, -20))


def _trapped(generator: np.random.Generator) -> Signal:
    """Epoch 10: a bar that it can't leave, under hiss."""
    bar = _bar(generator, RIFFS[int(generator.integers(len(RIFFS)))][:8], drive=4.0)
    loop = np.tile(bar, 5)
    hiss = _coloured(generator, len(loop) / RATE, tilt=0.4)
    return _levelled(loop + 0.25 * hiss * np.abs(loop).max(), generator.uniform(-21, -17))


def _riffing(generator: np.random.Generator) -> Signal:
    """Epoch 20: riffs, though it forgets what it was playing."""
    bars = [_bar(generator, RIFFS[int(generator.integers(len(RIFFS)))], drive=6.0) for _ in range(3)]
    song = np.concatenate(bars)
    hiss = _coloured(generator, len(song) / RATE, tilt=0.5)
    return _with_silence(generator, _levelled(song + 0.06 * hiss * np.abs(song).max(), -17))


def _song(generator: np.random.Generator) -> Signal:
    """Epoch 40: a riff, its answer, the riff again, and drums that know where they are."""
    first, second = generator.permutation(len(RIFFS))[:2]
    shift = int(generator.integers(0, 6))
    order = (first, first, second, first)
    bars = [_bar(generator, tuple(note + shift for note in RIFFS[riff]), drive=8.0) for riff in order]
    return _with_silence(generator, _levelled(np.concatenate(bars), -15))


def _bar(generator: np.random.Generator, riff: tuple[int, ...], *, drive: float) -> Signal:
    """Guitar and drums over one riff, a sixteenth a note."""
    length = round(SIXTEENTH * RATE)
    pitch = np.repeat(LOW_E * 2 ** (np.array(riff) / 12), length)
    attack = np.exp(-np.arange(length) / (0.09 * RATE))
    picked = np.tile(0.35 + 0.65 * attack, len(riff))
    guitar = _distorted((_saw(pitch) + 0.7 * _saw(1.498 * pitch)) * picked, drive)
    return (0.6 * guitar + _drums(generator, len(riff), length)).astype(np.float32)


def _drums(generator: np.random.Generator, steps: int, length: int) -> Signal:
    """A kick on most sixteenths, a snare on two and four, a hat on the eighths."""
    out = np.zeros(steps * length + RATE)
    time = np.arange(RATE // 4) / RATE
    kick = np.sin(2 * np.pi * 55 * time + 6 * np.exp(-time * 60)) * np.exp(-time * 30)
    snare = (generator.normal(size=time.size) * 0.5 + np.sin(2 * np.pi * 190 * time)) * np.exp(-time * 22)
    hat = np.diff(generator.normal(size=time.size + 1)) * np.exp(-time * 90)
    for step in range(steps):
        start = step * length
        if step % 8 == 4:
            out[start : start + time.size] += 0.7 * snare
        elif generator.uniform() < 0.8:
            out[start : start + time.size] += 0.9 * kick
        if step % 2 == 0:
            out[start : start + time.size] += 0.15 * hat
    return out[: steps * length].astype(np.float32)


def _saw(pitch: NDArray[np.floating]) -> NDArray[np.floating]:
    """A saw wave of the given pitch (Hz, one value a frame), ten harmonics of it."""
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = np.arange(1, 11)[:, np.newaxis]
    saw: NDArray[np.floating] = (np.sin(harmonics * phase) / harmonics).sum(axis=0)
    return saw


def _distorted(signal: NDArray[np.floating], drive: float) -> Signal:
    return np.asarray(np.tanh(drive * signal), dtype=np.float32)


def _coloured(generator: np.random.Generator, seconds: float, *, tilt: float) -> Signal:
    """Noise whose amplitude falls with frequency to the power of `tilt`."""
    frames = round(seconds * RATE)
    spectrum = np.fft.rfft(generator.normal(size=frames))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** tilt
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, frames)
    return np.asarray(noise / noise.std(), dtype=np.float32)


def _levelled(signal: NDArray[np.floating], level: float) -> Signal:
    """The signal without DC, at an RMS of `level` dBFS, its peaks rounded off below full scale."""
    centred = signal - signal.mean()
    scaled = centred * (10 ** (level / 20) / np.sqrt(np.mean(centred**2)))
    return np.asarray(0.98 * np.tanh(scaled / 0.98), dtype=np.float32)


def _with_silence(generator: np.random.Generator, signal: Signal) -> Signal:
    """Silence before and after, as a network leaves it that starts and ends where it likes."""
    before, after = (np.zeros(round(generator.uniform(0.1, 0.8) * RATE), np.float32) for _ in range(2))
    return np.concatenate([before, signal, after])


CHECKPOINTS = (
    Checkpoint(1, 2_500, 0.42, 2.9876, 3.0123, 1, _hiss),
    Checkpoint(5, 12_500, 2.10, 1.8321, 1.9017, 1, _drone),
    Checkpoint(10, 25_000, 4.21, 1.4402, 1.5230, 1, _trapped),
    Checkpoint(20, 50_000, 8.44, 1.1873, 1.2946, 2, _riffing),
    Checkpoint(40, 100_000, 16.90, 0.9954, 1.1021, 2, _song),
)
