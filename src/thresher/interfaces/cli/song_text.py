"""Songs as text: their settings, their transitions, and the edits that are not applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thresher.formatting import counted
from thresher.interfaces.cli.output import length_text, say

if TYPE_CHECKING:
    from thresher.curation.songs.settings import SongSettings
    from thresher.curation.songs.tracklist import Transition

MOST_EDITS = 5
"""Edits that are not applied are listed up to this number."""


def settings_text(settings: SongSettings) -> str:
    """The settings of a song on one line."""
    parts = [settings.query or "all clips", f"order {settings.ordering} by {settings.metric}"]
    if settings.length is not None:
        parts.append(f"at most {length_text(settings.length)}")
    if settings.clips is not None:
        parts.append(f"at most {counted(settings.clips, 'clip')}")
    if settings.no_copies:
        parts.append("no copies")
    if settings.per_checkpoint is not None:
        parts.append(f"at most {counted(settings.per_checkpoint, 'clip')} per checkpoint")
    if settings.sample_rate is not None:
        parts.append(f"{settings.sample_rate} Hz")
    if settings.channels is not None:
        parts.append("mono" if settings.channels == 1 else "stereo")
    if settings.subtype is not None:
        parts.append(settings.subtype)
    if settings.lufs is not None:
        parts.append(f"{settings.lufs:g} LUFS")
    if settings.fade != type(settings).fade:
        parts.append(f"fades of {settings.fade:g} s")
    if settings.crossfade:
        parts.append(f"crossfades of {settings.crossfade:g} s")
    if settings.gap:
        parts.append(f"gaps of {settings.gap:g} s")
    if settings.dither:
        parts.append("dithered")
    if settings.quality is not None:
        parts.append(f"quality {settings.quality:g}")
    parts += [text for text in (settings.artist, settings.album) if text is not None]
    if settings.cover is not None:
        parts.append("with a cover")
    return ", ".join(parts)


def transition_text(transition: Transition) -> str:
    """A transition: its score, its time in the song, and the ids of its two clips."""
    clips = f"{transition.before} → {transition.after}"
    return f"{transition.score:.3f} at {length_text(transition.at)} ({clips})"


def say_edits_not_applied(sentences: Sequence[str]) -> None:
    """Print the first edits that are not applied, on stderr, and the number of further ones."""
    for sentence in sentences[:MOST_EDITS]:
        say(f"edit not applied: {sentence}")
    if len(sentences) > MOST_EDITS:
        say(f"… and {counted(len(sentences) - MOST_EDITS, 'more edit')} not applied; --json lists all")
