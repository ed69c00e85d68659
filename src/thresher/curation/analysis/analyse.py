"""Analyse one file in a worker: decode it, trim it, fingerprint it, measure it.

A pure function of a path and settings to plain data, so that it can run in another process, where a crash of the
decoder costs only this file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.audio_format import AudioFormat
from thresher.catalog.audio.audio_key import AudioKey, audio_key
from thresher.catalog.audio.decoder_names import FFMPEG, LIBSNDFILE
from thresher.catalog.audio.ffmpeg_decoder import find_ffmpeg
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.text.values import format_duration
from thresher.curation.analysis.decoded import DecodedBlocks, MonoBlocks
from thresher.curation.analysis.task import (
    Analysis,
    AnalysisTask,
    ClipAnalysis,
    FileTask,
    Keyed,
    KeyTask,
    Unopened,
    Unsettled,
)
from thresher.errors import AudioError, NoAudioStreamError
from thresher.signal.features import descriptors, measures
from thresher.signal.features import profile as profiles
from thresher.signal.features.fingerprint import find_backend, to_pcm
from thresher.signal.features.loudness import LoudnessMeter
from thresher.signal.features.measured_clip import MeasuredClip
from thresher.signal.features.spectra import (
    DescribedSpectra,
    blocks_at_working_rate,
    described_spectra,
    spectra,
)
from thresher.signal.features.split import parts
from thresher.signal.features.trim import LevelMeter, Levels, Span

HIGHEST_RATE = 1_000_000
"""Highest sample rate that is analysed, in Hz. Far above it, Chromaprint reads beyond its buffer or never ends."""


@dataclass(frozen=True)
class _Decoded:
    """An analysis with one decoder, the decoder's error if it stopped, and whether it decoded everything."""

    analysis: Analysis
    failure: AudioError | None
    is_whole: bool


def analyse(task: FileTask) -> Analysis | Keyed | Unsettled | Unopened:
    """Analyse one file, or only find its audio key; nothing that a file may contain raises an error."""
    try:
        analysis = _analyse_audio(task) if isinstance(task, AnalysisTask) else _key(task)
        now = os.stat(task.path)
    except FileNotFoundError:
        return Unopened("is no longer there", vanished=True)
    except OSError as error:
        return Unopened(error.strerror or str(error))
    if (now.st_size, now.st_mtime_ns) != (task.size, task.mtime_ns):
        return Unsettled()
    return analysis


def _key(task: FileTask) -> Keyed:
    assert isinstance(task, KeyTask)
    try:
        return Keyed(audio_key(task.path, task.decoder, is_truncated=task.is_truncated))
    except AudioError:
        return Keyed(None)


def _analyse_audio(task: AnalysisTask) -> Analysis:
    try:
        first = _decoded(task, task.decoder)
        found = first.analysis
        is_doubtful = first.failure is not None or found.status == "empty"
        may_ask = is_doubtful and task.decoder is None and found.decoder == LIBSNDFILE
        if may_ask and find_ffmpeg() is not None:
            found = _second_opinion(task, first)
    except NoAudioStreamError as error:
        return Analysis("empty", str(error))
    except AudioError as error:
        return Analysis("unreadable", str(error))
    except np.linalg.LinAlgError:
        return Analysis("unreadable", "holds samples too large to be analysed")
    return found


def _decoded(task: AnalysisTask, decoder: str | None) -> _Decoded:
    """Analyse a file with a decoder, or the one that the file needs."""
    # NaN and infinity become a status; numpy must not warn about them on the terminal
    with AudioReader(task.path, decoder) as reader, np.errstate(invalid="ignore", over="ignore"):
        source = DecodedBlocks(reader, task.max_length, task.trim)
        key = AudioKey(reader)
        analysis = _analyse_open(source, task, key)
        used = reader.decoder
        analysis = replace(analysis, decoder=used.name, decoder_version=used.version)
        if analysis.status not in ("unreadable", "empty"):
            analysis = replace(analysis, audio_key=_finished(key, analysis.status))
        return _Decoded(analysis, source.failure, source.is_whole and analysis.status != "truncated")


def _finished(key: AudioKey, status: str) -> str | None:
    """Return the audio key after all blocks."""
    try:
        return key.result(is_truncated=status == "truncated")
    except AudioError:
        return None


def _second_opinion(task: AnalysisTask, first: _Decoded) -> Analysis:
    """Return the analysis by ffmpeg of a file in which libsndfile stopped, if ffmpeg reads more; else the first.

    libsndfile calls some intact files malformed, such as Opus files whose pages state uneven times.
    """
    try:
        second = _decoded(task, FFMPEG)
    except AudioError:
        return first.analysis
    if _seconds(second.analysis) <= _seconds(first.analysis):
        return first.analysis
    if first.failure is None or second.is_whole:
        return second.analysis
    return _damaged(second.analysis, first.failure)


def _damaged(analysis: Analysis, failure: AudioError) -> Analysis:
    """Return the analysis of a damaged file with the error of the decoder that stopped at the damage."""
    what, *more = (analysis.reason or "libsndfile reports damage").split("; ", 1)
    reason = "; ".join([f"{what}: {failure}", *more])
    status = "truncated" if analysis.whole.span.frames else analysis.status
    return replace(analysis, status=status, reason=reason)


def _seconds(analysis: Analysis) -> float:
    """Return the decoded length; decoders may differ in the sample rate."""
    form = analysis.format
    return 0.0 if form is None else (form.frames or 0) / form.sample_rate


def _analyse_open(source: DecodedBlocks, task: AnalysisTask, key: AudioKey) -> Analysis:
    reader, form = source.reader, source.reader.format
    if form.sample_rate > HIGHEST_RATE:
        claim = f"claims {form.sample_rate:,} Hz; up to {HIGHEST_RATE:,} Hz can be analysed"
        return Analysis("unreadable", claim, form)
    meter = LevelMeter(form.channels, task.trim)
    for block in source.first_pass():
        meter.update(block)
        key.update(block)
    levels = meter.result()
    if levels.frames == 0 and source.failure is not None:
        raise source.failure
    # The key of a lossless file needs all samples; another file is read to its end if it may end too early.
    is_read_to_end = not source.is_capped or key.needs_samples or reader.may_be_short
    if source.is_capped and is_read_to_end:
        for block in source.beyond():
            key.update(block)
    shortfall = reader.shortfall(source.frames) if is_read_to_end else None
    if source.failure is not None:
        shortfall = f"{shortfall or reader.reached(source.frames)}: {source.failure}"
    if form.frames is None or is_read_to_end:
        form = replace(form, frames=source.frames)
    if levels.frames == 0:
        return Analysis("empty", shortfall or reader.complaint() or "header without audio", form)
    if not levels.finite:
        return Analysis("non_finite", "holds samples that are NaN or infinite", form)
    reason = shortfall
    if source.is_capped:
        known = source.frames if is_read_to_end else reader.format.frames
        analysed = _capped(levels.frames, known, reader.format, task)
        reason = analysed if shortfall is None else f"{shortfall}; {analysed}"
    if levels.silent:
        status = "truncated" if shortfall else "silent"
        reason = reason or _silent_reason(task)
        return Analysis(status, reason, form, levels.mono_channel)
    whole = ClipAnalysis(levels.span) if task.spans_only else _analyse_span(source, levels, task)
    status = "truncated" if shortfall is not None else whole.status
    if status == "too_short":
        reason = whole.reason
    clips, split = _analyse_clips(source, meter, task)
    lost_share = None if shortfall is None else reader.lost_share(source.frames)
    return Analysis(status, reason, form, levels.mono_channel, whole, clips, split, lost_share=lost_share)


def _analyse_clips(
    source: DecodedBlocks, meter: LevelMeter, task: AnalysisTask
) -> tuple[tuple[ClipAnalysis, ...], tuple[ClipAnalysis, ...]]:
    """Analyse the spans of a task, as far as they lie in the recording, and the parts that its split finds."""
    rate = source.reader.format.sample_rate
    spans = _spans_inside(task, rate, meter.result().frames) if task.spans else []
    count = len(spans)
    if task.split is not None:
        spans += parts(meter, rate, task.split)
    found = {}
    for index in sorted(range(len(spans)), key=lambda index: spans[index].start):
        source.hold(spans[index])
        found[index] = _analyse_span(source, meter.within(spans[index]), task)
    clips = [found[index] for index in range(len(spans))]
    return tuple(clips[:count]), tuple(clips[count:])


def _spans_inside(task: AnalysisTask, rate: int, frames: int) -> list[Span]:
    """Return the spans of a task at the rate of the file, without what is beyond its end."""
    scale = 1.0 if task.spans_rate in (None, rate) else rate / task.spans_rate
    bounds = [(round(span.start * scale), round(span.end * scale)) for span in task.spans]
    return [Span(min(start, frames), min(end, frames)) for start, end in bounds]


def _analyse_span(source: DecodedBlocks, levels: Levels, task: AnalysisTask) -> ClipAnalysis:
    """Analyse the span of `levels`."""
    form, span = source.reader.format, levels.span
    if levels.silent or not span.frames:
        why = "lies beyond the end of the recording" if not span.frames else _silent_reason(task)
        return ClipAnalysis(span, "silent" if span.frames else "empty", why)
    loudness = LoudnessMeter(form.sample_rate, form.channels)
    peak = 0.0
    for block in source.blocks(span.start, span.end):
        loudness.update(block)
        peak = max(peak, float(block.max()), -float(block.min()))
    backend = find_backend(task.backend)
    mono = MonoBlocks(source, levels)
    words = backend.fingerprint((to_pcm(y, peak) for y in mono.blocks()), form.sample_rate)
    short = f"{span.frames / form.sample_rate:.2f} s long: too short for a fingerprint"
    descriptor = measured = profile = None
    if task.describe or task.measure or task.profile:
        descriptor, measured, profile = _describe_and_measure(source, levels, mono, loudness.range(), task)
    return ClipAnalysis(
        span,
        "ok" if len(words) else "too_short",
        None if len(words) else short,
        words if len(words) else None,
        backend.name if len(words) else None,
        backend.version if len(words) else None,
        loudness.integrated(),
        peak,
        descriptor,
        measured,
        profile,
    )


def _capped(frames: int, known: int | None, form: AudioFormat, task: AnalysisTask) -> str:
    """Return how much of a recording of `known` frames was analysed, and why not more, if no setting says it."""
    seconds, sr = frames / form.sample_rate, form.sample_rate
    rest = "; it is longer" if known is None else f" of {format_duration(known / sr)}"
    channels = f"{form.channels} channel{'s' if form.channels > 1 else ''}"
    why = (
        f": {channels} at {sr:,} Hz need too much memory for more"
        if seconds < task.max_length - 1 / sr
        else ""
    )
    return f"analysed up to {format_duration(seconds)}{rest}{why}"


def _silent_reason(task: AnalysisTask) -> str:
    return f"no frame exceeds {task.trim.floor_db:g} dBFS"


def _describe_and_measure(
    source: DecodedBlocks, levels: Levels, mono: MonoBlocks, loudness_range: float | None, task: AnalysisTask
) -> tuple[NDArray[np.float32] | None, dict[str, float | None] | None, NDArray[np.uint8] | None]:
    """Compute the spectra of the span's excerpts once, and from them what the task asks for."""
    sr = source.reader.format.sample_rate
    y = blocks_at_working_rate(mono.excerpts(), sr)
    found = described_spectra(y) if task.describe else spectra(y)
    mel_levels = descriptors.mel_levels(found)
    descriptor = measured = None
    if isinstance(found, DescribedSpectra):
        descriptor = descriptors.descriptor_of(found, mel_levels)
    if task.measure:
        clip = MeasuredClip(mono.samples(), sr, found, mel_levels, len(mono.spans), levels, loudness_range)
        measured = measures.measure(clip)
    return descriptor, measured, profiles.profile(y, found) if task.profile else None
