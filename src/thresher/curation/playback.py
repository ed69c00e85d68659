"""Play clips and songs through the system's own player, if there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from thresher.catalog.audio import AudioReader
from thresher.catalog.catalog import Catalog
from thresher.catalog.encoding import AudioWriter
from thresher.curation.reanalyse import content_file
from thresher.curation.tracklist import track_of_clip
from thresher.errors import NotFoundError, ThresherError
from thresher.signal.mix import downmix

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


@dataclass(frozen=True)
class Played:
    """What was played: a file, by which program."""

    file: str
    player: str


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


def play_clip(catalog: Catalog, clip_id: int) -> Played:
    """Play the trimmed span of a clip."""
    player = find_player()
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
        return play_file(name, player, shown=track.path)
    finally:
        os.unlink(name)


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
    from thresher.curation.songs import find_song

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
    from thresher.catalog.recordings import find_recordings

    with catalog.reading() as connection:
        recording_id = find_recordings(connection, [sha256]).get(sha256)
    file = None if recording_id is None else content_file(catalog, recording_id, sha256)
    if file is None:
        raise NotFoundError("the clip's file is missing; put it back and `thresher ingest` its folder")
    return file
