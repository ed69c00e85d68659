"""The plan of a rendering: which clips sound when, and everything else that reaches the file.

A plan is a tracklist together with the container and subtype of its file. Its identity is a digest. Equal plans
have equal digests and, with the same versions of the libraries, make the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from thresher.catalog.audio.decoder_names import LIBSNDFILE
from thresher.catalog.audio.encoding import COVER_CONTAINERS, DEFAULT_QUALITY, LOSSY_SUBTYPES
from thresher.curation.songs.tracklist import TRUE_PEAK_CEILING, Track, Tracklist
from thresher.signal.mixing.resampling import resampled_frames

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "clip": "clip_id",
        "recording_sha256": "recording_sha256",
        "path": "path_text",
        "start_frame": "start_frame",
        "end_frame": "end_frame",
        "sample_rate": "sample_rate",
        "mono_channel": "mono_channel",
        "gain": "gain",
        "output_start": "output_start",
        "output_frames": "output_frames",
        "crossfade": "crossfade_frames",
        "transition": "transition",
        "decoder": "decoder",
        "decoder_version": "decoder_version",
        "root": "root",
    }
)
"""The fields of a track that a rendering keeps, and their columns in the table `rendering_clip`."""


def track_columns(track: Track) -> dict[str, Any]:
    """The fields of a track that a rendering keeps, as columns of `rendering_clip`."""
    return {column: getattr(track, name) for name, column in COLUMNS.items()}


def track_of_columns(row: Mapping[str, Any], **others: Any) -> Track:
    """The track that `track_columns` described; `others` are the fields that a rendering does not keep."""
    return Track(**{**{name: row[column] for name, column in COLUMNS.items()}, **others})


def tags(plan: Tracklist) -> dict[str, str]:
    """The tags in a song's file: its title, artist and album. Rule 1 wrote the query as a comment."""
    settings = plan.song.settings
    if settings.file_rule == 1:
        return {"title": plan.song.name, "comment": plan.song.tag_query}
    given = {"title": plan.song.name, "artist": settings.artist, "album": settings.album}
    return {name: text for name, text in given.items() if text is not None}


def quality_of(plan: Tracklist, subtype: str) -> float | None:
    """The quality of a lossy file; None for other files, and for rule 1, which used the encoder's default."""
    settings = plan.song.settings
    if settings.file_rule == 1 or subtype not in LOSSY_SUBTYPES:
        return None
    return DEFAULT_QUALITY if settings.quality is None else settings.quality


def plan_sha256(plan: Tracklist, container: str, subtype: str) -> str:
    """The identity of a plan: a digest of everything that reaches the file. Paths and dates have no part in it."""
    tracks = [
        [track.recording_sha256, track.start_frame, track.end_frame, track.gain, track.mono_channel]
        for track in plan.tracks
    ]
    form = [plan.sample_rate, plan.channels, plan.fade_frames, container, subtype]
    parts = [form, tags(plan), tracks, *filter(None, [_additions(plan, container, subtype)])]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _additions(plan: Tracklist, container: str, subtype: str) -> dict[str, Any]:
    """What else reaches the file. Empty for clips end to end without a limiter, as the first programs made them.

    The keys are part of the digests of all existing renderings, so they never change.
    """
    additions: dict[str, Any] = {}
    ends = [0, *(track.output_start + track.output_frames for track in plan.tracks[:-1])]
    if ends != [track.output_start for track in plan.tracks]:
        additions["places"] = [[track.output_start, track.crossfade] for track in plan.tracks]
    if plan.song.settings.lufs is not None:
        additions["ceiling"] = TRUE_PEAK_CEILING
    elif plan.is_limited:
        additions["ceiling"] = 0.0
    if plan.song.settings.dither and subtype == "PCM_16":
        additions["dither"] = True
    # Another decoder gives other samples of a lossy format. Its version has no part in the plan, like that of other
    # libraries.
    others = [[place, each.decoder] for place, each in enumerate(plan.tracks) if each.decoder != LIBSNDFILE]
    if others:
        additions["decoders"] = others
    if (quality := quality_of(plan, subtype)) is not None:
        additions["quality"] = quality
    if plan.song.settings.cover is not None and container in COVER_CONTAINERS:
        additions["cover"] = plan.song.settings.cover
    return additions


def is_whole(plan: Tracklist, container: str, subtype: str, expected_sha256: str) -> bool:
    """Whether a plan has the expected digest, so that nothing in it was changed or lost."""
    return plan_sha256(plan, container, subtype) == expected_sha256


def faults(
    plan: Tracklist, container: str, subtype: str, *, frames: int, expected_sha256: str
) -> Iterator[str]:
    """The inconsistencies of a stored plan, as sentences. `frames` and the digest are those stored with it."""
    if not plan.tracks:
        yield "it lists no clips"
    gap = round(plan.song.settings.gap * plan.sample_rate)
    end = 0
    for number, track in enumerate(plan.tracks):
        if track.output_start != end - track.crossfade + (gap if number else 0):
            yield f"clip {track.clip} does not start where the clip before ends"
            break
        end = track.output_start + track.output_frames
    if plan.frames != frames:
        yield f"its clips are {plan.frames} frames long, but its file is {frames} frames long"
    wrong = [track.clip for track in plan.tracks if not _fits(track, plan)]
    if wrong:
        yield f"the lengths of clips {', '.join(map(str, wrong))} do not match their spans"
    if not is_whole(plan, container, subtype, expected_sha256):
        yield "its digest does not match its clips, gains and settings"


def _fits(track: Track, plan: Tracklist) -> bool:
    frames = track.end_frame - track.start_frame
    return frames > 0 and track.output_frames == resampled_frames(frames, track.sample_rate, plan.sample_rate)
