"""The analysis of one file as plain data: the task for a worker, its possible results, and their stored form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.audio_format import AudioFormat
from thresher.catalog.settings.sections import Settings
from thresher.signal.features import descriptors
from thresher.signal.features.profile import PROFILE_VERSION
from thresher.signal.features.split_settings import SplitSettings
from thresher.signal.features.trim import Span
from thresher.signal.features.trim_settings import TrimSettings
from thresher.signal.metrics.registry import find_metric

if TYPE_CHECKING:
    from thresher.catalog.recordings.clip_content import ClipContent
    from thresher.catalog.recordings.recordings import Content

DECODER_CRASHED = "decoder crashed"

NOTHING = Span(0, 0)


@dataclass(frozen=True)
class FileTask:
    """One file to read; `size` and `mtime_ns` are those of the file when it was hashed."""

    path: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class AnalysisTask(FileTask):
    """One file to analyse.

    `describe` asks for a descriptor, `measure` for measures, `profile` for a profile. `decoder` is the name of the
    decoder to use; by default the file decides. `spans` are clips of the recording to analyse besides the whole, in
    frames at `spans_rate`, by default the file's own rate; they are analysed from the same decoded blocks. `split`
    asks for the parts that it finds, too. `spans_only` leaves the whole out.
    """

    trim: TrimSettings
    backend: str
    max_length: float
    describe: bool = False
    measure: bool = True
    profile: bool = True
    decoder: str | None = None
    spans: tuple[Span, ...] = ()
    spans_rate: int | None = None
    split: SplitSettings | None = None
    spans_only: bool = False


@dataclass(frozen=True)
class ClipAnalysis:
    """Everything that the catalog keeps of the samples of one clip.

    `span` is in frames of the recording. `fingerprint` holds uint32 words, shape (words,), or is None. `loudness`
    is in LUFS, `peak` linear, `descriptor` float32, `profile` uint8. `measures` are those of the span; they are
    None if the span is empty or if they were not asked for. `status`, one of schema.STATUSES, and its `reason` are
    those of the samples alone; they say nothing about the rest of the file.
    """

    span: Span = NOTHING
    status: str = "ok"
    reason: str | None = None
    fingerprint: NDArray[np.uint32] | None = None
    backend: str | None = None
    backend_version: str | None = None
    loudness: float | None = None
    peak: float | None = None
    descriptor: NDArray[np.float32] | None = None
    measures: Mapping[str, float | None] | None = None
    profile: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Analysis:
    """Everything that the catalog keeps of one recording and its clips.

    `status` is one of schema.STATUSES, with its `reason` in words. `whole` is the clip that trimming leaves,
    `clips` are those of the task's spans, in their order, and `parts` those that its split finds, none if there is
    nothing to split. There are none of both if the recording has no sound that can be used. `decoder` is the name
    of the decoder that read the file, None if no decoder could. `lost_share` is the share of the declared length
    that is missing, 0 to 1, or None. `audio_key` is equal for equal audio.
    """

    status: str
    reason: str | None = None
    format: AudioFormat | None = None
    mono_channel: int | None = None
    whole: ClipAnalysis = ClipAnalysis()
    clips: tuple[ClipAnalysis, ...] = ()
    parts: tuple[ClipAnalysis, ...] = ()
    decoder: str | None = None
    decoder_version: str | None = None
    lost_share: float | None = None
    audio_key: str | None = None


@dataclass(frozen=True)
class KeyTask(FileTask):
    """A file whose audio key alone is wanted; `decoder` is the one that its recording was decoded with."""

    decoder: str | None = None
    is_truncated: bool = False


@dataclass(frozen=True)
class Keyed:
    """The audio key of a file, None if it has none."""

    audio_key: str | None


@dataclass(frozen=True)
class Unsettled:
    """The file changed between its hashing and the end of its analysis: another program is still writing it."""


@dataclass(frozen=True)
class Unopened:
    """The file could not be opened; `vanished` if it no longer exists."""

    reason: str
    vanished: bool = False


def task_for(
    path: bytes, size: int, mtime_ns: int, settings: Settings, *, split: SplitSettings | None = None
) -> AnalysisTask:
    """Return the task of analysing a file under a catalog's settings, and of its parts if it is to be split."""
    return AnalysisTask(
        path,
        size,
        mtime_ns,
        trim_settings(settings),
        settings.fingerprint.backend,
        settings.audio.max_length,
        makes_descriptors(settings),
        settings.ingest.measure,
        # Matches of fingerprints by `aligned` need it; else it is kept where the spectra are computed anyhow.
        "aligned" in settings.metrics.use or makes_descriptors(settings) or settings.ingest.measure,
        split=split,
    )


def split_of_new(settings: Settings, *, wanted: bool | None = None) -> SplitSettings | None:
    """Return how new recordings are split, None if they are not: `wanted` says so, else `[trim] split`."""
    trim = settings.trim
    return SplitSettings(silence=trim.split_seconds) if (trim.split if wanted is None else wanted) else None


def trim_settings(settings: Settings) -> TrimSettings:
    """Return the `[trim]` section of catalog.toml in the form that signal functions take."""
    trim = settings.trim
    return TrimSettings(trim.top_db, trim.frame_length, trim.hop_length, trim.floor_db)


def trim_of_key(key: str) -> TrimSettings:
    """Return the trim settings that a clip keeps (see `sections.trim_key`), with their version."""
    return TrimSettings(**{"version": 1, **json.loads(key)})


def makes_descriptors(settings: Settings) -> bool:
    """Return whether a metric in use compares descriptors."""
    return any(find_metric(name).keeps == "descriptor" for name in settings.metrics.use)


def content_of(analysis: Analysis, trim: str, split: SplitSettings | None = None) -> Content:
    """Return an analysis as the columns of the catalog, with the parts that `split` found.

    `trim` is the key of the trim settings it was made with.
    """
    from thresher.catalog.recordings.recordings import Content  # imports SQLAlchemy, which workers don't need

    form = analysis.format
    return Content(
        status=analysis.status,
        reason=analysis.reason,
        container=form.container if form else None,
        subtype=form.subtype if form else None,
        sample_rate=form.sample_rate if form else None,
        channels=form.channels if form else None,
        frames=form.frames if form else None,
        mono_channel=analysis.mono_channel,
        decoder=analysis.decoder,
        decoder_version=analysis.decoder_version,
        lost_share=analysis.lost_share if analysis.status == "truncated" else None,
        audio_key=analysis.audio_key,
        whole=clip_content_of(analysis.whole, trim),
        split=split.key if split is not None and analysis.parts else None,
        parts=tuple(cut_content_of(part, trim) for part in analysis.parts),
    )


def clip_content_of(analysis: ClipAnalysis, trim: str) -> ClipContent:
    """Return the analysis of a clip as columns of the catalog; `trim` is the key of its trim settings."""
    from thresher.catalog.recordings.clip_content import (
        ClipContent,  # imports SQLAlchemy, which workers don't need
    )

    words = analysis.fingerprint
    return ClipContent(
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
        profile=None if analysis.profile is None else analysis.profile.tobytes(),
        profile_version=None if analysis.profile is None else PROFILE_VERSION,
        measures=analysis.measures,
    )


def cut_content_of(analysis: ClipAnalysis, trim: str) -> ClipContent:
    """Return the analysis of a part or a mark, which has a status of its own, as columns of the catalog."""
    return replace(clip_content_of(analysis, trim), status=analysis.status, reason=analysis.reason)
