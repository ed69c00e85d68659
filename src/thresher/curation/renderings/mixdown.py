"""Mix a tracklist down: decode, cut, resample, fade and join its clips, and limit the sum.

A few clips are prepared ahead of the writer, so memory depends on the longest clip, not on the song. Blocks are
as in `signal/mixing/mix.py`; the last step converts them to the samples that the encoder takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thresher.catalog.audio.encoding import encoder_samples
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.files.paths import display_text
from thresher.curation.songs.tracklist import TRUE_PEAK_CEILING, Track, Tracklist
from thresher.curation.workers import WorkerDied, Workers, cores
from thresher.errors import AudioError
from thresher.progress import Progress
from thresher.signal.features.loudness import LoudnessMeter
from thresher.signal.mixing.dither import Dither
from thresher.signal.mixing.limiter import Limiter
from thresher.signal.mixing.mix import Block, Fade, downmix, fade_edges, join
from thresher.signal.mixing.resampling import Resampler

AHEAD_FRAMES = 4_000_000
"""The number of samples up to which a clip is prepared ahead of the writer: 16 MB. Longer clips are streamed."""

MOST_THREADS = 4
"""Threads that prepare clips, each up to two at a time, on however many cores: memory does not grow with them."""

AUDIBLE = 10 ** (-0.1 / 20)
"""The gain of -0.1 dB. A limiter that only applied gains closer to 1 is not reported."""


@dataclass(frozen=True)
class Limiting:
    """What the limiter turned down so that the sum of the clips stays under the ceiling.

    `clips` holds the largest reduction of each clip that was turned down, in dB, below 0. In total, `seconds`
    of the song were turned down. The largest reduction is `most` dB, `at` seconds into the song.
    """

    seconds: float
    most: float
    at: float
    clips: Mapping[int, float]


@dataclass
class Mix:
    """The audio of a song. `blocks` can be iterated once.

    Afterwards, `limiting` says what was limited, if anything, and `loudness` is that of the whole song in LUFS,
    if its clips are brought to a loudness.
    """

    plan: Tracklist
    files: Mapping[str, bytes]
    subtype: str
    progress: Progress
    limiting: Limiting | None = field(default=None, init=False)
    loudness: float | None = field(default=None, init=False)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The blocks of the song in order, shape (frames, channels) each, as samples for its encoder."""
        plan = self.plan
        spans = [(track.output_start, track.output_start + track.output_frames) for track in plan.tracks]
        limiter = _limiter(plan)
        is_dithered = plan.song.settings.dither and self.subtype == "PCM_16"
        is_plain = limiter is None and not is_dithered
        prepared = self.clips(self.subtype if is_plain else "")
        joined: Iterator[NDArray[Any]] = join(spans, prepared, plan.channels)
        if limiter is not None:
            joined = _limited(joined, limiter, plan.channels)
        if is_dithered:
            joined = map(Dither(plan.channels).process, joined)
        meter = None
        if plan.song.settings.lufs is not None:
            meter = LoudnessMeter(plan.sample_rate, plan.channels)
        for block in joined:
            if meter is not None:
                meter.update(block)
            yield encoder_samples(block, self.subtype)
        self.loudness = None if meter is None else meter.integrated()
        if limiter is not None:
            self.limiting = _limiting(plan, limiter)

    def clips(self, subtype: str) -> Iterator[Iterable[NDArray[Any]]]:
        """The blocks of each clip, as samples for an encoder of that subtype, or as floats if it is empty."""
        plan = self.plan

        def tasks() -> Iterator[tuple[tuple[_Clip, bool], _Clip | None]]:
            for track, fades in zip(plan.tracks, plan.fades, strict=True):
                clip = _Clip(
                    track, self.files[track.recording_sha256], fades, plan.sample_rate, plan.channels, subtype
                )
                size = max(
                    (track.end_frame - track.start_frame) * track.channels,
                    track.output_frames * plan.channels,
                )
                is_long = size > AHEAD_FRAMES
                # to copy samples takes less time than to get them from another thread
                yield (clip, is_long), None if is_long or clip.needs_no_change else clip

        # more threads and more clips for each would only hold more clips in memory
        with Workers(f"threads:{min(cores(), MOST_THREADS)}", ahead=2) as workers:
            for done, ((clip, is_long), prepared) in enumerate(workers.map(_prepared, tasks()), start=1):
                assert not isinstance(prepared, WorkerDied)
                yield clip.blocks() if is_long else prepared or _prepared(clip)
                self.progress("rendering", done, len(plan.tracks))


def _limiter(plan: Tracklist) -> Limiter | None:
    if not plan.is_limited:
        return None
    if plan.song.settings.lufs is None:
        return Limiter(plan.sample_rate, plan.channels, 1.0, true_peak=False)
    return Limiter(plan.sample_rate, plan.channels, 10 ** (TRUE_PEAK_CEILING / 20), true_peak=True)


def _limited(blocks: Iterator[Block], limiter: Limiter, channels: int) -> Iterator[Block]:
    for block in blocks:
        yield limiter.process(block)
    yield limiter.process(np.zeros((0, channels), np.float32), last=True)


def _limiting(plan: Tracklist, limiter: Limiter) -> Limiting | None:
    """What a limiter did to the clips of a song; None if it was inaudible."""
    lowest, at = limiter.lowest_gain(0, plan.frames)
    if lowest > AUDIBLE:
        return None
    spans = ((track, track.output_start, track.output_start + track.output_frames) for track in plan.tracks)
    gains = {track.clip: limiter.lowest_gain(start, end)[0] for track, start, end in spans}
    return Limiting(
        limiter.reduced_frames(AUDIBLE) / plan.sample_rate,
        _decibels(lowest),
        at / plan.sample_rate,
        {clip: _decibels(gain) for clip, gain in gains.items() if gain <= AUDIBLE},
    )


def _decibels(gain: float) -> float:
    return float(20 * np.log10(gain))


@dataclass(frozen=True)
class _Clip:
    """A track, the file that holds its contents now, and the format that the song needs."""

    track: Track
    file: bytes
    fades: tuple[Fade, Fade]
    sample_rate: int
    channels: int
    subtype: str

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The clip with the gain, channels, sample rate and fades of the song; exactly `output_frames` frames."""
        track = self.track
        total, position = track.output_frames, 0
        try:
            with AudioReader(self.file, track.decoder) as reader:
                for block in self._copied(reader) if self.needs_no_change else self._resampled(reader):
                    faded = fade_edges(block, position, total, *self.fades)
                    yield encoder_samples(faded, self.subtype) if self.subtype else faded
                    position += len(block)
        except AudioError as error:
            raise AudioError(f"clip {track.clip} ({display_text(self.file)}): {error}") from error
        if position != total:
            raise AudioError(
                f"clip {track.clip} has {position} of {total} frames; `thresher ingest` {track.path} again"
            )

    @property
    def needs_no_change(self) -> bool:
        """Whether the song contains the clip's own 16-bit samples, except in its fades."""
        track = self.track
        form = (track.subtype, track.sample_rate, track.channels, track.gain)
        return form == ("PCM_16", self.sample_rate, self.channels, 1) and self.subtype == "PCM_16"

    def _copied(self, reader: AudioReader) -> Iterator[NDArray[Any]]:
        """The span, as floats in the fades and as the file's own samples in between."""
        start, end = self.track.start_frame, self.track.end_frame
        rising, falling = (fade.frames for fade in self.fades)
        # a file that was converted since holds the same samples in another subtype
        own_blocks = reader.pcm16_blocks if reader.format.subtype == "PCM_16" else reader.blocks
        yield from reader.blocks(start, start + rising)
        yield from own_blocks(start + rising, end - falling)
        yield from reader.blocks(end - falling, end)

    def _resampled(self, reader: AudioReader) -> Iterator[Block]:
        track, mixed = self.track, self._mixed(reader)
        if track.sample_rate == self.sample_rate:
            return mixed
        return Resampler(track.sample_rate, self.sample_rate, self.channels).stream(mixed)

    def _mixed(self, reader: AudioReader) -> Iterator[Block]:
        track = self.track
        for block in reader.blocks(track.start_frame, track.end_frame):
            mixed = downmix(block, self.channels, track.mono_channel)
            yield mixed if track.gain == 1 else mixed * np.float32(track.gain)


def _prepared(clip: _Clip) -> list[NDArray[Any]]:
    blocks = list(clip.blocks())
    # samples for the encoder are written in one piece; floats are still mixed and limited, block by block
    return [np.concatenate(blocks)] if clip.subtype and blocks else blocks
