"""A listening session: play the clips of a queue and act on keys.

A clip counts as heard if it played to its end, if it was rated or rejected, or if half of it had played when a
key moved on. Keys that rate, reject or skip a clip work only after its first moment, so that a key meant for
the previous clip, or pressed twice, does not apply to it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from thresher.catalog.catalog import Catalog
from thresher.curation.cutting.undo import undo
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.player import ClipAudio, Playing, clip_audio
from thresher.curation.listening.queue import ListenRow, Queue, skip
from thresher.errors import NotFoundError, ThresherError
from thresher.formatting import counted
from thresher.interfaces.cli.clip_columns import path_text
from thresher.interfaces.cli.keyboard import Keyboard
from thresher.interfaces.cli.output import checkpoint_text, clock, length_text, say

HEARD_SHARE = 0.5
"""The share of a clip that must have played for it to count as heard when a key moves on."""

GRACE = 0.5
"""Seconds at the start of a clip during which keys that rate, reject or skip are ignored."""

POLL = 0.05
"""Seconds between two checks of the keyboard and the player."""

KEYS = "1–5 rate · x reject · n next · r replay · b back · u undo · ? help · q quit"
HELP = """\
  1 2 3 4 5          rate the clip and go to the next
  x                  reject the clip and go to the next
  space, Enter, n    go to the next clip; this one counts as heard if half of it has played
  r                  replay the clip from its start
  b                  go back to the previous clip
  u                  undo the last decision of this session, and go back to its clip
  ?                  show this help
  q                  quit; `thresher listen` continues from here"""
_NEXT = (" ", "\n", "\r", "n")


@dataclass
class SessionOutcome:
    """What happened in a session: the decisions made and not undone, each with the position of its clip."""

    made: list[tuple[int, int]] = field(default_factory=list)
    missing: int = 0
    has_quit: bool = False

    @property
    def heard(self) -> int:
        """The number of clips heard."""
        return len({position for _, position in self.made})


class Session:
    """Plays the clips that are left of a queue; without `keys`, all of them to their end."""

    def __init__(
        self, catalog: Catalog, queue: Queue, player: tuple[str, ...], keys: Keyboard | None, pause: float
    ) -> None:
        self._catalog, self._queue, self._player = catalog, queue, player
        self._keys, self._pause = keys, pause
        self._rows = queue.clips
        self._done = {row.position for row in self._rows if row.done}
        self._outcome = SessionOutcome()

    def run(self) -> SessionOutcome:
        """Play until the queue ends or q is pressed. Raises ThresherError if the player fails."""
        position: int | None = self._next_position(0)
        while position is not None and not self._outcome.has_quit:
            here, row = position, self._rows[position - 1]
            try:
                with clip_audio(self._catalog, row.id) as audio:
                    position = self._play(row, audio)
            except NotFoundError as error:
                say(f"clip {row.id} skipped: {error}")
                self._outcome.missing += 1
                position = self._next_position(here)
        return self._outcome

    def _next_position(self, position: int) -> int | None:
        """The position of the next clip that is not done."""
        return next((row.position for row in self._rows[position:] if row.position not in self._done), None)

    def _play(self, row: ListenRow, audio: ClipAudio) -> int | None:
        """Play one clip until it ends or a key moves on; return the position to go to."""
        say(announcement(row, self._rows, self._done))
        share = 0.0
        while True:
            with Playing(audio, self._player) as playing:
                key = self._wait_for_key(playing)
                share = max(share, playing.share)
            if key == "r":
                say("  replay")
                continue
            return self._act_on(row, key, share)

    def _wait_for_key(self, playing: Playing) -> str | None:
        """Wait for a key that stops the clip; None if the clip and the pause after it ended without one."""
        keys = self._keys
        if keys is None:
            while not playing.has_ended(within=1.0):
                pass
            return None
        keys.forget()
        keys_shown, ended_at = False, None
        while ended_at is None or time.monotonic() - ended_at < self._pause:
            if not keys_shown and playing.elapsed >= GRACE:
                say(f"  {KEYS}")
                keys_shown = True
            key = keys.read(POLL)
            if key == "":
                return "q"
            if key == "?":
                say(HELP)
            elif key is not None and (key in "rbuq" or (keys_shown and self._is_delayed(key))):
                return key
            if ended_at is None and playing.has_ended():
                ended_at = time.monotonic()
        return None

    @staticmethod
    def _is_delayed(key: str) -> bool:
        return key in "12345x" or key in _NEXT

    def _act_on(self, row: ListenRow, key: str | None, share: float) -> int | None:
        """Act on a key; return the position to go to."""
        position = row.position
        if key is None:
            self._mark_heard(row)
        elif key in "12345":
            self._mark_heard(row, rating=int(key))
            say(f"  {'★' * int(key)}")
        elif key == "x":
            self._mark_heard(row, reject=True)
            say("  rejected")
        elif key == "u":
            return self._undo(position)
        elif share >= HEARD_SHARE:
            self._mark_heard(row)
        elif key in _NEXT:
            skip(self._catalog, self._queue, row.id)
            self._done.add(position)
        if key == "q":
            self._outcome.has_quit = True
            return None
        if key == "b":
            return self._previous_position(position)
        return self._next_position(position)

    def _previous_position(self, position: int) -> int:
        if position == 1:
            say("  this is the first clip")
        return max(1, position - 1)

    def _undo(self, position: int) -> int:
        if not self._outcome.made:
            say("  this session has made no decision yet; `thresher undo` reverts earlier ones")
            return position
        number, back = self._outcome.made[-1]
        try:
            undo(self._catalog, number)
        except ThresherError as error:
            say(f"  {error}")
            return position
        self._outcome.made.pop()
        if all(other != back for _, other in self._outcome.made):
            self._done.discard(back)
        say(f"  decision {number} undone")
        return back

    def _mark_heard(self, row: ListenRow, *, rating: int | None = None, reject: bool = False) -> None:
        made = mark_heard(
            self._catalog, [row.id], rating=rating, reject=reject, not_before=self._queue.started_at
        )
        if made is not None:
            self._outcome.made.append((made.id, row.position))
        self._done.add(row.position)


def announcement(row: ListenRow, rows: tuple[ListenRow, ...], done: set[int]) -> str:
    """Return the line shown when a clip starts to play."""
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
    distance = "" if row.distance is None else f" (distance {row.distance:.2f})"
    parts = [
        f"{row.position} of {counted(len(rows), 'clip')}",
        f"{length_text(left)} left",
        checkpoint_text(row) or "no checkpoint",
        f"clip {row.id}",
        clock(row.seconds),
        *measures,
        f"{row.why}{distance}",
        path_text(row.path, row.part),
    ]
    return " · ".join(part for part in parts if part)
