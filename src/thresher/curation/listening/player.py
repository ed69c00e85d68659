"""Play clips and songs with an audio player of the system."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from thresher.catalog.audio.encoding import AudioWriter
from thresher.catalog.audio.reader import AudioReader
from thresher.catalog.catalog import Catalog
from thresher.catalog.content_files import elsewhere, find_content, keep_looks
from thresher.catalog.files.temporary_files import temporary_folder
from thresher.curation.clips.selection import find_clip
from thresher.curation.listening.heard import mark_heard
from thresher.curation.songs.cut_fade import cut_fade
from thresher.curation.songs.tracklist import track_of_clip
from thresher.errors import ConfigError, NotFoundError, ThresherError
from thresher.formatting import command_on
from thresher.signal.mixing.mix import downmix, fade_edges

PLAYERS: tuple[tuple[str, ...], ...] = (
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("afplay",),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("play", "-q"),
    ("mpv", "--no-video", "--really-quiet"),
)
"""Commands that play a WAV file to its end, in the order in which they are tried."""

STOP_SECONDS = 1.0
"""Seconds that a player may take to end after SIGTERM; then it is killed."""


@dataclass(frozen=True)
class Played:
    """The file that was played, the player, and the decision that marked the clip as heard."""

    file: str
    player: str
    decision: int | None = None


@dataclass(frozen=True)
class ClipAudio:
    """A clip's span in a temporary WAV file for a player; `shown` is the path of the clip's own file."""

    file: str
    shown: str
    seconds: float


AUTO = "auto"


def has_player(wanted: str = AUTO) -> bool:
    """Whether `find_player` finds a player, or a person has chosen one, which may be missing."""
    return wanted != AUTO or any(shutil.which(player[0]) for player in PLAYERS)


def find_player(wanted: str = AUTO) -> tuple[str, ...]:
    """Return the command of the `wanted` player: the name of one in PLAYERS, or a command; or the first installed.

    Raises ThresherError if it is not installed.
    """
    if wanted != AUTO:
        return _chosen_player(wanted)
    for player in PLAYERS:
        if shutil.which(player[0]):
            return player
    raise ThresherError(
        "no audio player found; install one of "
        + ", ".join(player[0] for player in PLAYERS)
        + (" (sudo apt install pipewire-bin)" if sys.platform == "linux" else "")
        + ", or set [listen] player in catalog.toml"
    )


def _chosen_player(wanted: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(wanted))
    except ValueError as error:
        raise ConfigError(f'catalog.toml, [listen] player: "{wanted}" is not a command: {error}') from error
    if not words or not shutil.which(words[0]):
        raise ConfigError(
            f'catalog.toml, [listen] player: "{words[0] if words else wanted}" is not installed; install it, or '
            'write "auto"'
        )
    return next((player for player in PLAYERS if words == player[:1]), words)


def play_clip(catalog: Catalog, term: str) -> Played:
    """Play the trimmed span of the clip that an id, a path or a query names, and mark the clip as heard.

    Marking is a decision that `undo` reverts. Raises NotFoundError if no clip matches, UsageError if several do.
    """
    with catalog.reading() as connection:
        clip_id = find_clip(catalog, connection, term)
    player = find_player(catalog.settings.listen.player)
    with clip_audio(catalog, clip_id) as audio:
        played = play_file(audio.file, player, shown=audio.shown)
    made = mark_heard(catalog, [clip_id], verb="play")
    return Played(played.file, played.player, None if made is None else made.id)


@contextmanager
def clip_audio(catalog: Catalog, clip_id: int) -> Iterator[ClipAudio]:
    """Write the trimmed span of a clip to a temporary WAV file, which is deleted at the end of the block.

    The ends of a part or a mark are faded, by `[song] fade`.
    Raises NotFoundError if the clip's file is missing or its span is empty.
    """
    track = track_of_clip(catalog, clip_id)
    source = _content(catalog, track.recording_sha256)
    keep_looks(catalog)
    with temporary_folder() as folder:
        name = str(folder / "clip.wav")
        channels = min(2, track.channels)
        frames = track.end_frame - track.start_frame
        with (
            AudioReader(source, track.decoder) as reader,
            AudioWriter(name, track.sample_rate, channels, "WAV", "PCM_16", frames=frames) as writer,
        ):
            fade = cut_fade(track.kind, catalog.settings.song.fade, frames, track.sample_rate)
            position = 0
            for block in reader.blocks(track.start_frame, track.end_frame):
                mixed = (downmix(block, channels, track.mono_channel) * track.gain).astype("f4")
                writer.write(fade_edges(mixed, position, frames, fade, fade))
                position += len(block)
        yield ClipAudio(name, track.path, track.seconds)


class Playing:
    """A player that runs in the background. The end of the block stops it and its child processes."""

    def __init__(self, audio: ClipAudio, player: Sequence[str]) -> None:
        self._audio, self._player = audio, player
        self._begun = time.monotonic()
        # a session of its own: Ctrl-C reaches only this program, and stop() ends a player script with its children
        process = None
        try:
            with _signals_wait():
                process = self._process = subprocess.Popen(
                    [*player, audio.file],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except BaseException:
            if process is not None:
                self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def elapsed(self) -> float:
        """Seconds since the player started."""
        return time.monotonic() - self._begun

    @property
    def share(self) -> float:
        """The share of the file that was played, 0 to 1; estimated from the time while the player runs."""
        if self._process.poll() == 0 or not self._audio.seconds:
            return 1.0
        return min(1.0, self.elapsed / self._audio.seconds)

    def has_ended(self, within: float = 0.0) -> bool:
        """Whether the player has ended, after waiting up to `within` seconds. Raises ThresherError if it failed."""
        try:
            code = self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        if code != 0:
            raise ThresherError(f"{self._player[0]} could not play {self._audio.shown} (exit code {code})")
        return True

    def stop(self) -> None:
        """End the player if it is still running."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, kind)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)


def play_song(catalog: Catalog, name: str) -> Played:
    """Play the latest rendering of a song whose file is present."""
    player = find_player(catalog.settings.listen.player)
    for path in rendered_files(catalog, name):
        if path.exists():
            return play_file(str(path), player, shown=str(path))
    raise NotFoundError(
        f'song "{name}" has no rendering on disk; `{command_on("song render", name)}` makes one'
    )


def rendered_files(catalog: Catalog, name: str) -> list[Path]:
    """Return the paths of a song's renderings, the latest first."""
    from sqlalchemy import select

    from thresher.catalog.database.schema import rendering
    from thresher.curation.songs.songs import find_song

    with catalog.reading() as connection:
        song = find_song(connection, name)
        rows = connection.execute(
            select(rendering.c.path_text, rendering.c.root)
            .where(rendering.c.song_id == song.id)
            .order_by(rendering.c.number.desc())
        ).all()
    found = (catalog.absolute_of_text(path, root) for path, root in rows)
    return [Path(os.fsdecode(path)) for path in found if path is not None]


def play_file(file: str, player: Sequence[str], *, shown: str) -> Played:
    """Play a file and wait until the player ends. Raises ThresherError if it fails."""
    process = None
    try:
        with _signals_wait():
            process = subprocess.Popen(
                [*player, file],
                stdin=subprocess.DEVNULL,
                stdout=_descriptor(sys.stdout),
                stderr=_descriptor(sys.stderr),
            )
        code = process.wait()
    except BaseException:
        if process is not None:
            process.kill()
            process.wait()
        raise
    if code != 0:
        raise ThresherError(f"{player[0]} could not play {shown} (exit code {code})")
    return Played(shown, player[0])


def _descriptor(stream: IO[str] | None) -> int | None:
    """Return what a player writes to: where Python's stream writes, which may be another descriptor than usual."""
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):
        return None


@contextmanager
def _signals_wait() -> Iterator[None]:
    """A block in which signals wait for its end: nobody would stop a player that is interrupted while it starts."""
    waiting: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            handler = signal.getsignal(getattr(signal, name, signal.SIGINT))
            if callable(handler):
                handlers[getattr(signal, name, signal.SIGINT)] = handler
    for number in handlers:
        signal.signal(number, lambda number, _frame: waiting.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for number in waiting:
        signal.raise_signal(number)


def _content(catalog: Catalog, sha256: str) -> bytes:
    file = find_content(catalog, sha256, rehash=False)
    absent = elsewhere(catalog, sha256) if file is None else None
    if absent is not None:
        raise NotFoundError(f"the clip is {absent}")
    if file is None:
        raise NotFoundError(
            "the clip's file is missing or changed; restore it, then `thresher ingest` its folder"
        )
    return file.path
