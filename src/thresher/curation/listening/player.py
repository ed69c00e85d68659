"""Play clips and songs through the system's own player, if there is one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from thresher.catalog.audio import AudioReader
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import find_content
from thresher.catalog.encoding import AudioWriter
from thresher.curation.clips.selection import find_clip
from thresher.curation.listening.heard import mark_heard
from thresher.curation.songs.tracklist import track_of_clip
from thresher.errors import NotFoundError, ThresherError
from thresher.signal.mixing.mix import downmix

PLAYERS: tuple[tuple[str, ...], ...] = (
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("afplay",),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("play", "-q"),
    ("mpv", "--no-video", "--really-quiet"),
)
"""Commands that play a WAV file to its end, in the order in which they are looked for."""

STOP_SECONDS = 1.0
"""How long a player may take to end when asked to."""


@dataclass(frozen=True)
class Played:
    """What was played: a file, by which program, and for a clip the decision that remembers it."""

    file: str
    player: str
    decision: int | None = None


@dataclass(frozen=True)
class ClipAudio:
    """A clip's span in a file for a player; `shown` is where the clip itself lies."""

    file: str
    shown: str
    seconds: float


def has_player() -> bool:
    """Whether this system can play at all."""
    return any(shutil.which(player[0]) for player in PLAYERS)


def find_player() -> tuple[str, ...]:
    """The first player of this system; ThresherError names what to install where there is none."""
    for player in PLAYERS:
        if shutil.which(player[0]):
            return player
    raise ThresherError(
        "no player was found; install one of "
        + ", ".join(player[0] for player in PLAYERS)
        + (" (sudo apt install pipewire-bin)" if sys.platform == "linux" else "")
    )


def play_clip(catalog: Catalog, term: str) -> Played:
    """Play the trimmed span of the clip that an id, a path or a query names, and mark the clip as heard.

    Marking is a decision that `undo` reverts. Raises NotFoundError if no clip matches, UsageError if several do.
    """
    with catalog.reading() as connection:
        clip_id = find_clip(catalog, connection, term)
    player = find_player()
    with clip_audio(catalog, clip_id) as audio:
        played = play_file(audio.file, player, shown=audio.shown)
    made = mark_heard(catalog, [clip_id], verb="play")
    return Played(played.file, played.player, None if made is None else made.id)


@contextmanager
def clip_audio(catalog: Catalog, clip_id: int) -> Iterator[ClipAudio]:
    """The trimmed span of a clip as a WAV file of its own, which is gone behind the block.

    NotFoundError where the clip's file is nowhere, or holds nothing to hear.
    """
    track = track_of_clip(catalog, clip_id)
    source = _content(catalog, track.recording_sha256)
    handle, name = tempfile.mkstemp(prefix="thresher-", suffix=".wav")
    os.close(handle)
    try:
        channels = min(2, track.channels)
        frames = track.end_frame - track.start_frame
        with (
            AudioReader(source) as reader,
            AudioWriter(name, track.sample_rate, channels, "WAV", "PCM_16", frames=frames) as writer,
        ):
            for block in reader.blocks(track.start_frame, track.end_frame):
                writer.write((downmix(block, channels, track.mono_channel) * track.gain).astype("f4"))
        yield ClipAudio(name, track.path, track.seconds)
    finally:
        os.unlink(name)


class Playing:
    """A file that plays while the program goes on; leaving the block stops it, and all that the player started."""

    def __init__(self, audio: ClipAudio, player: Sequence[str]) -> None:
        self._audio, self._player = audio, player
        self._begun = time.monotonic()
        # a session of its own: Ctrl-C is for this program, and a player that is a script ends with its children
        self._process = subprocess.Popen(
            [*player, audio.file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begun

    @property
    def share(self) -> float:
        """How much of the file was played, 0 to 1: all where the player ended, else by the clock."""
        if self._process.poll() == 0 or not self._audio.seconds:
            return 1.0
        return min(1.0, self.elapsed / self._audio.seconds)

    def has_ended(self, within: float = 0.0) -> bool:
        """Whether it played to its end, waiting so many seconds for it; ThresherError where the player failed."""
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        if code != 0:
            raise ThresherError(f"{self._player[0]} could not play {self._audio.shown} (exit code {code})")
        return True

    def stop(self) -> None:
        """End the player, if it still plays."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, kind)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)


def play_song(catalog: Catalog, name: str) -> Played:
    """Play the last rendering of a song that is still where it was written."""
    player = find_player()
    for path in rendered_files(catalog, name):
        if path.exists():
            return play_file(str(path), player, shown=str(path))
    raise NotFoundError(f'song "{name}" has no rendering on disk; `thresher song render "{name}"` makes one')


def rendered_files(catalog: Catalog, name: str) -> list[Path]:
    """Where the renderings of a song were written, the latest first."""
    from sqlalchemy import select

    from thresher.catalog.schema import rendering
    from thresher.curation.songs.songs import find_song

    with catalog.reading() as connection:
        song = find_song(connection, name)
        paths = connection.scalars(
            select(rendering.c.path_text)
            .where(rendering.c.song_id == song.id)
            .order_by(rendering.c.number.desc())
        )
        return [catalog.root / path for path in paths]


def play_file(file: str, player: Sequence[str], *, shown: str) -> Played:
    """Run the player on a file and wait for its end."""
    done = subprocess.run([*player, file], stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise ThresherError(f"{player[0]} could not play {shown} (exit code {done.returncode})")
    return Played(shown, player[0])


def _content(catalog: Catalog, sha256: str) -> bytes:
    file = find_content(catalog, sha256)
    if file is None:
        raise NotFoundError("the clip's file is missing; put it back and `thresher ingest` its folder")
    return file.path
