"""One sitting over a listening queue: play, take keys, remember.

A clip counts as heard once it played to its end, once a key judged it, or once half of it has sounded when a key
leads away from it. Keys that judge or pass a clip count only after it has sounded for a moment, so that what was
meant for the clip before, or typed twice, does not fall on it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import undo
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.player import ClipAudio, Playing, clip_audio
from thresher.curation.listening.queue import ListenRow, Queue, pass_over
from thresher.errors import NotFoundError, ThresherError
from thresher.formatting import counted
from thresher.interfaces.cli.output import checkpoint_text, clock, length_text, say

HEARD_SHARE = 0.5
"""How much of a clip has to sound for it to count as heard when it is left without a judgement."""

GRACE = 0.5
"""Seconds of a clip in which keys that judge or pass are ignored."""

POLL = 0.05
KEYS = "1–5 rate · x reject · n next · r replay · b back · u undo · ? help · q quit"
HELP = """\
  1 2 3 4 5          rate the clip and go on
  x                  reject it and go on
  space, Enter, n    go on without a word; it counts as heard if half of it sounded
  r                  play it again from its start
  b                  go back to the clip before
  u                  undo the last thing remembered in this sitting, and go back to that clip
  ?                  this help
  q                  quit; `thresher listen` goes on from there"""
_PASSING = (" ", "\n", "\r", "n")


class Keys(Protocol):
    """Where keys come from."""

    def read(self, timeout: float) -> str | None:
        """The key pressed within so many seconds; None where there is none, "" where no more can come."""
        ...

    def forget(self) -> None:
        """Drop what was typed ahead."""
        ...


@dataclass
class Sitting:
    """What happened: decisions made and not undone, with the place of the clip each was about; clips heard."""

    made: list[tuple[int, int]] = field(default_factory=list)
    missing: int = 0
    has_quit: bool = False

    @property
    def heard(self) -> int:
        """How many clips were heard."""
        return len({place for _, place in self.made})


class Session:
    """Plays what is left of a queue; without `keys`, through to its end."""

    def __init__(
        self, catalog: Catalog, queue: Queue, player: tuple[str, ...], keys: Keys | None, pause: float
    ) -> None:
        self._catalog, self._queue, self._player = catalog, queue, player
        self._keys, self._pause = keys, pause
        self._rows = queue.clips
        self._done = {row.position for row in self._rows if row.done}
        self._sitting = Sitting()

    def run(self) -> Sitting:
        """Play until the queue ends or q is pressed; ThresherError where the player fails."""
        place: int | None = self._following(-1)
        while place is not None and not self._sitting.has_quit:
            here, row = place, self._rows[place]
            try:
                with clip_audio(self._catalog, row.id) as audio:
                    place = self._hear(row, audio)
            except NotFoundError as error:
                say(f"clip {row.id} is passed over: {error}")
                self._sitting.missing += 1
                place = self._following(here)
        return self._sitting

    def _following(self, place: int) -> int | None:
        """The next place of which something is left to hear."""
        return next((row.position for row in self._rows[place + 1 :] if row.position not in self._done), None)

    def _hear(self, row: ListenRow, audio: ClipAudio) -> int | None:
        """Play one clip until a key leads on or it ends; the place to go to."""
        self._announce(row)
        share = 0.0
        while True:
            with Playing(audio, self._player) as playing:
                key = self._key_while(playing)
                share = max(share, playing.share)
            if key == "r":
                say("  again")
                continue
            return self._answer(row, key, share)

    def _key_while(self, playing: Playing) -> str | None:
        """The key that ends a clip's play; None where it ended by itself, the pause behind it included."""
        keys = self._keys
        if keys is None:
            while not playing.has_ended(within=1.0):
                pass
            return None
        keys.forget()
        is_told, ended_at = False, None
        while ended_at is None or time.monotonic() - ended_at < self._pause:
            if not is_told and playing.elapsed >= GRACE:
                say(f"  {KEYS}")
                is_told = True
            key = keys.read(POLL)
            if key == "":
                return "q"
            if key == "?":
                say(HELP)
            elif key is not None and (key in "rbuq" or (is_told and self._judges_or_passes(key))):
                return key
            if ended_at is None and playing.has_ended():
                ended_at = time.monotonic()
        return None

    @staticmethod
    def _judges_or_passes(key: str) -> bool:
        return key in "12345x" or key in _PASSING

    def _answer(self, row: ListenRow, key: str | None, share: float) -> int | None:
        """Do what a key says; the place to go to."""
        place = row.position
        if key is None:
            self._remember(row)
        elif key in "12345":
            self._remember(row, rating=int(key))
            say(f"  {'★' * int(key)}")
        elif key == "x":
            self._remember(row, reject=True)
            say("  rejected")
        elif key == "u":
            return self._undo(place)
        elif share >= HEARD_SHARE:
            self._remember(row)
        elif key in _PASSING:
            pass_over(self._catalog, self._queue, row.id)
            self._done.add(place)
        if key == "q":
            self._sitting.has_quit = True
            return None
        if key == "b":
            return self._before(place)
        return self._following(place)

    def _before(self, place: int) -> int:
        if place == 0:
            say("  this is the first clip")
        return max(0, place - 1)

    def _undo(self, place: int) -> int:
        if not self._sitting.made:
            say("  nothing was remembered in this sitting; `thresher undo` takes back what was before")
            return place
        number, back = self._sitting.made[-1]
        try:
            undo(self._catalog, number)
        except ThresherError as error:
            say(f"  {error}")
            return place
        self._sitting.made.pop()
        if all(other != back for _, other in self._sitting.made):
            self._done.discard(back)
        say(f"  decision {number} undone")
        return back

    def _remember(self, row: ListenRow, *, rating: int | None = None, reject: bool = False) -> None:
        made = mark_heard(
            self._catalog, [row.id], rating=rating, reject=reject, not_before=self._queue.started_at
        )
        if made is not None:
            self._sitting.made.append((made.id, row.position))
        self._done.add(row.position)

    def _announce(self, row: ListenRow) -> None:
        say(announcement(row, self._rows, self._done))


def announcement(row: ListenRow, rows: tuple[ListenRow, ...], done: set[int]) -> str:
    """What is told of a clip that begins to play."""
    left = sum(
        other.seconds
        for other in rows
        if not other.missing and (other.position == row.position or other.position not in done)
    )
    measures = [
        f"{name} {value:.2f}"
        for name, value in (("loop", row.loop), ("noise", row.noise))
        if value is not None
    ]
    apart = "" if row.gap is None else f", {row.gap:.2f} away"
    parts = [
        f"{row.position + 1} of {counted(len(rows), 'clip')}",
        f"{length_text(left)} left",
        checkpoint_text(row) or "no checkpoint",
        f"clip {row.id}",
        clock(row.seconds),
        *measures,
        f"{row.why}{apart}",
        row.path or "",
    ]
    return " · ".join(part for part in parts if part)
