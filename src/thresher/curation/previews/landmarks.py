"""What the player draws beside the waveform of a clip: onsets, silences, and what trimming left out of it.

Times are seconds from the start of the clip. Silent is what the measure `silence` counts as silent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.reader import AudioReader
from thresher.curation.previews.cache import PreviewCache
from thresher.curation.previews.pictures import PEAKS
from thresher.curation.previews.source import ClipSource, open_audio
from thresher.signal.features.trim import LevelMeter, Span, to_mono
from thresher.signal.features.trim_settings import TrimSettings

VERSION = 1
"""Increase it with every change of the landmarks."""

LONGEST = 600
"""Seconds of a recording up to which landmarks are found: all of it is decoded for them."""

LEAST_SILENCE = 0.1
"""Shorter silences, in seconds, are left out."""

OUTSIDE_SHARE, LEAST_OUTSIDE = 0.25, 1.0


@dataclass(frozen=True)
class Outside:
    """What trimming left out at one end: its length, and the waveform of the part next to the clip.

    `seconds` is the length of all, `shown` that of the part. `peaks` are pairs of the lowest and highest sample of
    equal spans; 127 is full scale.
    """

    seconds: float = 0.0
    shown: float = 0.0
    peaks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Landmarks:
    """The onsets and the silences of a clip, None if it is too long to look for them, and what is around it."""

    onsets: tuple[float, ...] | None
    silences: tuple[tuple[float, float], ...] | None
    before: Outside
    after: Outside


def landmarks(cache: PreviewCache, source: ClipSource, trim: TrimSettings) -> bytes:
    """Return the landmarks of a clip as JSON. Raises AudioError if its file can't be decoded."""
    settings = f"{trim.top_db:g}-{trim.frame_length}-{trim.hop_length}-{trim.floor_db:g}"
    name = f"{source.key}-m{VERSION}-{source.kind}-{settings}.json"
    return cache.get(name, lambda: json.dumps(asdict(find_landmarks(source, trim))).encode())


def find_landmarks(source: ClipSource, trim: TrimSettings) -> Landmarks:
    """Find the landmarks of a clip. Only wholes have something around them: a part or a mark is cut on purpose."""
    with open_audio(source) as reader:
        is_short = source.recording_frames <= LONGEST * source.sample_rate
        onsets, silences = _inside(reader, source, trim) if is_short else (None, None)
        if source.kind != "whole":
            return Landmarks(onsets, silences, Outside(), Outside())
        before = _outside(reader, source, source.start, is_before=True)
        after = _outside(reader, source, source.recording_frames - source.end, is_before=False)
    return Landmarks(onsets, silences, before, after)


def _inside(
    reader: AudioReader, source: ClipSource, trim: TrimSettings
) -> tuple[tuple[float, ...], tuple[tuple[float, float], ...]]:
    """Return the onsets and the silences of a clip; the whole recording says what is silent."""
    from thresher.signal.features.descriptors import mel_levels
    from thresher.signal.features.onsets import onset_times
    from thresher.signal.features.spectra import at_working_rate, spectra

    meter = LevelMeter(source.channels, trim)
    kept: list[NDArray[np.float32]] = []
    position = 0
    for block in reader.blocks():
        meter.update(block)
        first, last = max(0, source.start - position), source.end - position
        if last > 0 and first < len(block):
            kept.append(to_mono(block[first:last], source.mono_channel))
        position += len(block)
    levels = meter.result()
    end = min(source.end, levels.frames)
    if not kept or not levels.finite or levels.silent or end <= source.start:
        return (), ()
    y = np.concatenate(kept)
    times = onset_times(mel_levels(spectra(at_working_rate(y, source.sample_rate))))
    seconds = y.size / source.sample_rate
    onsets = tuple(round(float(time), 3) for time in times if 0 <= time < seconds)
    silent = meter.silent_frames(Span(source.start, end))
    hop = trim.hop_length / source.sample_rate
    return onsets, tuple(_runs(silent, hop, seconds))


def _runs(silent: NDArray[np.bool_], hop: float, seconds: float) -> Iterator[tuple[float, float]]:
    """Yield the silences of a clip from its silent frames, each of which stands for the hop around its centre."""
    changes = np.flatnonzero(np.diff(silent, prepend=False, append=False))
    for first, last in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        start, end = max(0.0, (first - 0.5) * hop), min(seconds, (last - 0.5) * hop)
        if end - start >= LEAST_SILENCE:
            yield round(start, 3), round(end, 3)


def _outside(reader: AudioReader, source: ClipSource, frames: int, *, is_before: bool) -> Outside:
    from thresher.signal.features.peaks import outline

    if frames <= 0:
        return Outside()
    rate = source.sample_rate
    shown = min(frames, max(round(LEAST_OUTSIDE * rate), round(OUTSIDE_SHARE * source.frames)))
    start = source.start - shown if is_before else source.end
    columns = max(1, round(PEAKS * shown / source.frames))
    found = outline(reader.blocks(start, start + shown), shown, min(columns, PEAKS))
    return Outside(frames / rate, shown / rate, tuple(found.ravel().tolist()))
