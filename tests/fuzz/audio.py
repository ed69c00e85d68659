"""Damaged audio files of all formats, through the function that workers run, with both decoders.

Whatever a file holds, its analysis ends in time, in little memory, with a status and a reason. Harmless changes
leave a file whole; a cut never does.
"""

from __future__ import annotations

import math
import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.catalog.audio_files import encoded, tones, write
from tests.fuzz.mutations import mutated
from tests.fuzz.target import Target
from thresher.catalog.audio.decoder_names import FFMPEG, LIBSNDFILE
from thresher.catalog.database.schema import FAILED_STATUSES, STATUSES
from thresher.catalog.provenance.tag_values import read_stated
from thresher.catalog.settings.sections import Settings
from thresher.curation.analysis.analyse import analyse
from thresher.curation.analysis.task import Analysis, AnalysisTask, content_of, task_for

SR = 8_000
SECONDS = (0.3, 1.0, 3.1)
"""The lengths of the files that are damaged; the last one has a fingerprint."""

KINDS = (
    ("pcm.wav", "WAV", "PCM_16", 2),
    ("u8.wav", "WAV", "PCM_U8", 1),
    ("extensible.wav", "WAVEX", "PCM_24", 6),
    ("float.wav", "WAV", "FLOAT", 1),
    ("double.wav", "WAV", "DOUBLE", 1),
    ("ulaw.wav", "WAV", "ULAW", 1),
    ("ima.wav", "WAV", "IMA_ADPCM", 1),
    ("ms.wav", "WAV", "MS_ADPCM", 2),
    ("gsm.wav", "WAV", "GSM610", 1),
    ("a.rf64", "RF64", "PCM_16", 2),
    ("a.w64", "W64", "PCM_16", 1),
    ("a.aiff", "AIFF", "PCM_16", 1),
    ("float.aifc", "AIFF", "FLOAT", 2),
    ("a.au", "AU", "FLOAT", 1),
    ("a.caf", "CAF", "PCM_16", 1),
    ("alac.caf", "CAF", "ALAC_16", 1),
    ("a.flac", "FLAC", "PCM_16", 2),
    ("deep.flac", "FLAC", "PCM_24", 1),
    ("a.ogg", "OGG", "VORBIS", 2),
    ("a.opus", "OGG", "OPUS", 1),
    ("a.mp3", "MP3", "MPEG_LAYER_III", 2),
)
"""Files that libsndfile writes: suffix, container, subtype, channels."""

OTHERS = (
    ("flac.oga", ("-c:a", "flac", "-f", "ogg")),
    ("bare.mp3", ("-write_xing", "0")),
    ("tagged.mp3", ("-metadata", "title=seed: 7", "-write_id3v1", "1")),
    ("a.mp2", ("-ar", "16000")),
    ("aac.m4a", ()),
    ("alac.m4a", ("-c:a", "alac")),
    ("fragments.mp4", ("-movflags", "frag_keyframe+empty_moov")),
    ("a.aac", ()),
    ("a.webm", ()),
    ("a.mka", ("-c:a", "flac")),
    ("a.wma", ()),
    ("a.wv", ()),
    ("a.tta", ()),
    ("a.ac3", ("-ar", "32000")),
    ("a.mov", ()),
)
"""Files that ffmpeg writes: suffix and options."""

PROMISES_ITS_LENGTH = ("pcm.wav", "float.wav", "a.rf64", "a.w64", "a.aiff", "float.aifc", "a.au", "a.ogg")
"""Files of which every cut is recognised."""


@dataclass(frozen=True)
class AudioCase:
    """A damaged file, and what its analysis must say: "whole", "cut", or anything."""

    name: str
    content: bytes
    expected: str
    decoder: str | None


class Audio(Target):
    """Damaged audio files of all formats."""

    name = "audio"
    count = 20_000

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder, shared)
        self.files = {path.name: path.read_bytes() for path in sorted(shared.iterdir())}
        self.settings = Settings()

    @classmethod
    def prepare(cls, shared: Path) -> None:
        """Write a file of each kind and length."""
        for place, seconds in enumerate(SECONDS):
            for name, container, subtype, channels in KINDS:
                sr = 16_000 if subtype == "ALAC_16" else SR
                write(
                    shared / f"{place} {name}", tones(round(seconds * sr), channels), container, subtype, sr
                )
            for name, options in OTHERS:
                encoded(shared / f"{place} {name}", tones(round(seconds * SR)), *options, sr=SR)

    def make(self, chance: random.Random) -> AudioCase:
        """Return a damaged file; one of ten is only changed harmlessly, one of ten only cut."""
        name = chance.choice(list(self.files))
        kind, data = chance.random(), self.files[name]
        if kind < 0.1:
            return AudioCase(name, _harmless(name, data, chance), "whole", None)
        if kind < 0.2 and name[2:] in PROMISES_ITS_LENGTH:
            return AudioCase(name, data[: chance.randrange(len(data) // 4, len(data) - 500)], "cut", None)
        others = [self.files[chance.choice(list(self.files))] for _ in range(2)]
        decoder = chance.choices((None, FFMPEG, LIBSNDFILE), (6, 3, 1))[0]
        return AudioCase(name, mutated(data, others, chance), "", decoder)

    def check(self, case: AudioCase) -> None:
        """Analyse the file as a worker does, and read its tags."""
        path = self.folder / f"case{case.name[2:]}"
        path.write_bytes(case.content)
        task = _task(path, self.settings, case.decoder)
        found = analyse(task)
        assert isinstance(found, Analysis), f"{found} is not an analysis"
        _check_analysis(found)
        if case.expected == "whole":
            assert found.status not in FAILED_STATUSES, f"a whole file is {found.status}: {found.reason}"
        if case.expected == "cut":
            assert found.status in FAILED_STATUSES, f"a cut file is {found.status}"
        read_stated(os.fsencode(path))

    def store(self, case: AudioCase, folder: Path) -> None:
        """Write the file as it was read."""
        (folder / f"case{case.name[2:]}").write_bytes(case.content)


def _task(path: Path, settings: Settings, decoder: str | None) -> AnalysisTask:
    now = path.stat()
    task = task_for(os.fsencode(path), now.st_size, now.st_mtime_ns, settings)
    return replace(task, decoder=decoder, describe=True)


def _check_analysis(found: Analysis) -> None:
    """Check what every analysis promises."""
    assert found.status in STATUSES, found.status
    assert found.status == "ok" or found.reason, f"{found.status} has no reason"
    whole = found.whole
    if found.format is None:
        assert found.status in ("unreadable", "empty"), f"{found.status} without a format"
    else:
        assert 0 <= whole.span.start <= whole.span.end <= (found.format.frames or 0), whole.span
    for number in (whole.loudness, whole.peak, *(whole.measures or {}).values()):
        assert number is None or math.isfinite(number), whole
    assert whole.descriptor is None or np.isfinite(whole.descriptor).all(), whole.descriptor
    assert found.lost_share is None or 0 < found.lost_share <= 1, found.lost_share
    assert (whole.fingerprint is None) == (whole.backend is None)
    assert found.status not in ("silent", "non_finite") or whole.fingerprint is None
    if found.reason is not None:
        found.reason.encode()
    content_of(found, "{}").columns()


def _harmless(name: str, data: bytes, chance: random.Random) -> bytes:
    """Return a file with a change after which all its audio is there, and every program agrees."""
    changes: list[Callable[[bytes], bytes]] = [lambda data: data]
    if data[:4] == b"RIFF":
        changes += [_with_chunk, _without_length, lambda data: data + b"TAG" + bytes(125)]
    if data[:4] == b"fLaC":
        changes += [_with_padding]
    if name.endswith((".mp3", ".mp2", ".aac")):
        changes += [lambda data: b"ID3\4\0\0\0\0\2\5" + bytes(261) + data]
    return chance.choice(changes)(data)


def _with_chunk(data: bytes) -> bytes:
    """Put a chunk of odd length before the samples."""
    at = data.index(b"fmt ")
    return data[:at] + b"note" + struct.pack("<I", 3) + b"odd\0" + data[at:]


def _without_length(data: bytes) -> bytes:
    """Write "not known" for both sizes, as programs do that write into a pipe."""
    at = data.index(b"data") + 4
    return data[:4] + b"\xff" * 4 + data[8:at] + b"\xff" * 4 + data[at + 4 :]


def _with_padding(data: bytes) -> bytes:
    """Put an empty block after STREAMINFO."""
    return data[:42] + b"\1\0\0\x10" + bytes(16) + data[42:]
