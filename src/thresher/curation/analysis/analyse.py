"""What a worker does with one new file: decode once, measure, fingerprint.

A pure function of a path and settings to plain data, so that it can run in another process whose crash costs
one file. A file that fits in `MEMORY_FRAMES` is decoded once and kept; a longer one is decoded again for each
pass, so that memory stays bounded whatever the length.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio import AudioFormat, AudioReader
from thresher.catalog.config import Settings
from thresher.catalog.values import format_duration
from thresher.errors import AudioError
from thresher.signal.features import descriptors, measures
from thresher.signal.features.fingerprint import find_backend, to_pcm
from thresher.signal.features.loudness import LoudnessMeter
from thresher.signal.features.measured_clip import MeasuredClip
from thresher.signal.features.spectra import DescribedSpectra, at_working_rate, described_spectra, spectra
from thresher.signal.features.trim import LevelMeter, Levels, Span, TrimSettings, to_mono
from thresher.signal.metrics.registry import find_metric

if TYPE_CHECKING:
    from thresher.catalog.recordings import Content

MEMORY_FRAMES = 16_000_000
"""Samples of all channels together that are kept decoded: 64 MB, four minutes of 44.1 kHz stereo and more."""

HIGHEST_RATE = 1_000_000
"""Hz; Chromaprint reads beyond its buffer somewhere above, and never ends far above. No audio is there."""

DECODER_CRASHED = "decoder crashed"


NOTHING = Span(0, 0)


@dataclass(frozen=True)
class AnalysisTask:
    """One file to analyse; `size` and `mtime_ns` are those it was hashed at.

    `describe`: make a descriptor too; `measure`: make measures too.
    """

    path: bytes
    size: int
    mtime_ns: int
    trim: TrimSettings
    backend: str
    max_length: float
    describe: bool = False
    measure: bool = True


@dataclass(frozen=True)
class Analysis:
    """All that the catalog keeps of one recording and its whole clip.

    `status` is one of schema.STATUSES with its `reason` in words. `span` is in frames; `fingerprint` holds
    uint32 words, shape (words,), or None; `loudness` is in LUFS, `peak` linear; `descriptor` is float32.
    `measures` are those of the span, None where it is empty or they were not asked for.
    """

    status: str
    reason: str | None = None
    format: AudioFormat | None = None
    mono_channel: int | None = None
    span: Span = NOTHING
    fingerprint: NDArray[np.uint32] | None = None
    backend: str | None = None
    backend_version: str | None = None
    loudness: float | None = None
    peak: float | None = None
    descriptor: NDArray[np.float32] | None = None
    measures: Mapping[str, float | None] | None = None


@dataclass(frozen=True)
class Unsettled:
    """The file changed between hashing and the end of its analysis: somebody is still writing it."""


@dataclass(frozen=True)
class Unopened:
    """The file could not be opened; `reason` in words, `vanished` where it is no longer there."""

    reason: str
    vanished: bool = False


def worker_modules(settings: Settings) -> tuple[str, ...]:
    """What every analysis needs; those that a machine lacks are passed over."""
    needs_spectra = settings.ingest.measure or makes_descriptors(settings)
    return (__name__, "chromaprint", *(("scipy.fft",) if needs_spectra else ()))


def makes_descriptors(settings: Settings) -> bool:
    """Whether a metric in use compares descriptors."""
    return any(find_metric(name).keeps == "descriptor" for name in settings.metrics.use)


def trim_settings(settings: Settings) -> TrimSettings:
    """The `[trim]` section of catalog.toml as the signal's settings."""
    trim = settings.trim
    return TrimSettings(trim.top_db, trim.frame_length, trim.hop_length, trim.floor_db)


def content_of(analysis: Analysis, trim: str) -> Content:
    """An analysis as the columns of the catalog; `trim` is the key of the settings it was made with."""
    from thresher.catalog.recordings import Content, WholeClip  # loads SQLAlchemy, which no worker needs

    form, words = analysis.format, analysis.fingerprint
    return Content(
        status=analysis.status,
        reason=analysis.reason,
        container=form.container if form else None,
        subtype=form.subtype if form else None,
        sample_rate=form.sample_rate if form else None,
        channels=form.channels if form else None,
        frames=form.frames if form else None,
        mono_channel=analysis.mono_channel,
        whole=WholeClip(
            start_frame=analysis.span.start,
            end_frame=analysis.span.end,
            trim=trim,
            fingerprint=None if words is None else words.astype("<u4").tobytes(),
            fingerprint_backend=analysis.backend,
            fingerprint_version=analysis.backend_version,
            loudness=analysis.loudness,
            peak=analysis.peak,
            descriptor=None if analysis.descriptor is None else analysis.descriptor.astype("<f4").tobytes(),
            descriptor_version=None if analysis.descriptor is None else descriptors.VERSION,
            measures=analysis.measures,
        ),
    )


def task_for(path: bytes, size: int, mtime_ns: int, settings: Settings) -> AnalysisTask:
    """The analysis of a file under a catalog's settings."""
    return AnalysisTask(
        path,
        size,
        mtime_ns,
        trim_settings(settings),
        settings.fingerprint.backend,
        settings.audio.max_length,
        makes_descriptors(settings),
        settings.ingest.measure,
    )


def analyse(task: AnalysisTask) -> Analysis | Unsettled | Unopened:
    """Analyse one file; never raises for what a file may hold."""
    try:
        analysis = _analyse_audio(task)
        now = os.stat(task.path)
    except FileNotFoundError:
        return Unopened("is no longer there", vanished=True)
    except OSError as error:
        return Unopened(error.strerror or str(error))
    if (now.st_size, now.st_mtime_ns) != (task.size, task.mtime_ns):
        return Unsettled()
    return analysis


def _analyse_audio(task: AnalysisTask) -> Analysis:
    try:
        # values that are no numbers become a status, not a warning on somebody's terminal
        with AudioReader(task.path) as reader, np.errstate(invalid="ignore", over="ignore"):
            return _analyse_open(reader, task)
    except AudioError as error:
        return Analysis("unreadable", str(error))
    except np.linalg.LinAlgError:
        return Analysis("unreadable", "holds samples too large to be analysed")


def _analyse_open(reader: AudioReader, task: AnalysisTask) -> Analysis:
    form = reader.format
    if form.sample_rate > HIGHEST_RATE:
        claim = f"claims {form.sample_rate:,} Hz; up to {HIGHEST_RATE:,} Hz can be analysed"
        return Analysis("unreadable", claim, form)
    source = _Source(reader, round(task.max_length * form.sample_rate))
    meter = LevelMeter(form.channels, task.trim)
    for block in source.blocks(0, None):
        meter.update(block)
    levels = meter.result()
    shortfall = None if source.capped else reader.shortfall(levels.frames)
    if levels.frames == 0:
        return Analysis("empty", shortfall or "header without audio", form)
    if not levels.finite:
        return Analysis("non_finite", "holds samples that are NaN or infinite", form)
    reason = shortfall
    if source.capped:
        reason = f"analysed up to {format_duration(task.max_length)} of {format_duration(source.length)}"
    if levels.silent:
        status = "truncated" if shortfall else "silent"
        reason = reason or f"no frame exceeds {task.trim.floor_db:g} dBFS"
        return Analysis(status, reason, form, levels.mono_channel)
    return _measured(source, levels, task, reason, truncated=shortfall is not None)


def _measured(
    source: _Source, levels: Levels, task: AnalysisTask, reason: str | None, *, truncated: bool
) -> Analysis:
    form, span = source.reader.format, levels.span
    loudness = LoudnessMeter(form.sample_rate, form.channels)
    peak = 0.0
    for block in source.blocks(span.start, span.end):
        loudness.update(block)
        peak = max(peak, float(np.abs(block).max()))
    backend = find_backend(task.backend)
    mono = _Mono(source, levels)
    words = backend.fingerprint((to_pcm(y, peak) for y in mono.blocks()), form.sample_rate)
    status = "ok" if len(words) else "too_short"
    if truncated:
        status = "truncated"
    elif status == "too_short":
        reason = f"{span.frames / form.sample_rate:.2f} s after trimming: too short for a fingerprint"
    descriptor, measured = None, None
    if task.describe or task.measure:
        descriptor, measured = _described(source, levels, mono, loudness.range(), task)
    return Analysis(
        status,
        reason,
        form,
        levels.mono_channel,
        span,
        words if len(words) else None,
        backend.name if len(words) else None,
        backend.version if len(words) else None,
        loudness.integrated(),
        peak,
        descriptor,
        measured,
    )


def _described(
    source: _Source, levels: Levels, mono: _Mono, loudness_range: float | None, task: AnalysisTask
) -> tuple[NDArray[np.float32] | None, dict[str, float | None] | None]:
    """What the spectra of the span's excerpts tell: its descriptor and its measures, where they are wanted."""
    sr = source.reader.format.sample_rate
    y = at_working_rate(mono.excerpts(), sr)
    found = described_spectra(y) if task.describe else spectra(y)
    mel_levels = descriptors.mel_levels(found)
    descriptor = measured = None
    if isinstance(found, DescribedSpectra):
        descriptor = descriptors.descriptor_of(found, mel_levels)
    if task.measure:
        blocks = [block for excerpt in mono.spans for block in source.blocks(excerpt.start, excerpt.end)]
        clip = MeasuredClip(blocks, sr, found, mel_levels, len(mono.spans), levels, loudness_range)
        measured = measures.measure(clip)
    return descriptor, measured


class _Mono:
    """One channel made of the blocks of a span, and kept where its descriptor looks at all of it."""

    def __init__(self, source: _Source, levels: Levels) -> None:
        self._source = source
        self._levels = levels
        self._kept: list[NDArray[np.float32]] = []
        first, sr = levels.span.start, source.reader.format.sample_rate
        excerpts = descriptors.analysed_spans(levels.span.frames, sr)
        self.spans = [Span(first + start, first + end) for start, end in excerpts]

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The whole span, block by block."""
        self._kept = []
        for y in self._within(self._levels.span):
            if len(self.spans) == 1:
                self._kept.append(y)
            yield y

    def excerpts(self) -> NDArray[np.float32]:
        """What its descriptor looks at, one excerpt behind the other."""
        if sum(map(len, self._kept)) == self._levels.span.frames:
            return np.concatenate(self._kept)
        return np.concatenate([y for span in self.spans for y in self._within(span)])

    def _within(self, span: Span) -> Iterator[NDArray[np.float32]]:
        for block in self._source.blocks(span.start, span.end):
            yield to_mono(block, self._levels.mono_channel)


class _Source:
    """The decoded blocks of a recording, up to `cap` frames, kept in memory where they fit."""

    def __init__(self, reader: AudioReader, cap: int) -> None:
        self.reader = reader
        frames = reader.format.frames
        self.capped = frames > cap
        self.length = frames / reader.format.sample_rate
        self._end = min(frames, cap)
        self._keeps = self._end * reader.format.channels <= MEMORY_FRAMES
        self._kept: list[NDArray[np.float32]] | None = None

    def blocks(self, start: int, end: int | None) -> Iterator[NDArray[np.float32]]:
        """Blocks of frames `start` to `end`, each of shape (frames, channels)."""
        stop = self._end if end is None else end
        if self._kept is not None:
            yield from _within(self._kept, start, stop)
            return
        kept: list[NDArray[np.float32]] = []
        for block in self.reader.blocks(start, stop):
            if self._keeps:
                kept.append(block)
            yield block
        if self._keeps:
            self._kept = kept


def _within(blocks: list[NDArray[np.float32]], start: int, stop: int) -> Iterator[NDArray[np.float32]]:
    first = 0
    for block in blocks:
        last = first + len(block)
        if first < stop and last > start:
            yield block[max(0, start - first) : min(len(block), stop - first)]
        first = last
