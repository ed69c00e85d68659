"""A small catalog for queries: every field has clips that it finds and clips that it does not find."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import Connection

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema
from thresher.catalog.queries.query import Context, context_of
from thresher.catalog.recordings import measures

ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9]
PASTED = "sample_e10_i220001_20_17:19:52_0.wav"

Sample = tuple[Catalog, Connection, Context]


def local(*parts: int) -> float:
    return datetime(*parts).timestamp()  # type: ignore[arg-type]  # local time is what is tested


NOW = (2026, 11, 22, 15, 30)

CHECKPOINTS: list[dict[str, Any]] = [
    {"id": 1, "run": "skeletal", "epoch": 10, "step": 220001, "verdict": "keep"},
    {"id": 2, "run": "skeletal", "epoch": 80, "step": 900000, "verdict": "drop"},
    {"id": 3, "run": "Periphery_1", "epoch": 120, "step": None, "verdict": None},
    {"id": 4, "run": None, "epoch": 7, "step": None, "verdict": None},
]
RECORDINGS: list[tuple[Any, ...]] = [
    # id, status, reason, batch, checkpoint, role, container, subtype, rate, channels
    (1, "ok", None, 1, 1, "generated", "WAV", "PCM_16", 16000, 1),
    (2, "ok", None, 1, 2, "generated", "OGG", "VORBIS", 44100, 2),
    (3, "silent", "no frame exceeds -72 dBFS", 2, 1, "generated", "WAV", "PCM_16", 16000, 1),
    (4, "ok", None, 2, 3, "generated", "WAV", "FLOAT", 16000, 1),
    (5, "unreadable", "decoder crashed", 2, None, "generated", None, None, None, None),
    (6, "too_short", None, 3, 4, "generated", "FLAC", "PCM_24", 16000, 1),
    (7, "ok", None, 3, None, "reference", "WAV", "PCM_16", 48000, 2),
    (8, "truncated", "header says 20 s", 3, None, "generated", "WAV", "PCM_16", 16000, 1),
]
LOCATIONS = [
    # recording, path, missing
    (1, f"out/skeletal/{PASTED}", False),
    (2, "gone/b.ogg", True),
    (2, "out/skeletal/b.ogg", False),
    (3, "silence/e1.wav", False),
    (3, "silence/e2.wav", False),
    (3, "silence/e3.wav", True),
    (4, "Out/c_1.wav", False),
    (5, "bad/x.wav", False),
    (6, "gone/y.flac", True),
    (7, "/data/train/z.wav", False),
    (8, "out2/parts\\x0a.wav", False),
    (None, "bad/locked.wav", False),
]
CLIPS = [
    # id, recording, kind, ordinal, start, end, loudness, peak, rating, rejected, note
    (1, 1, "whole", 0, 0, 160000, -14.0, 0.9, 5, False, "Great riff"),
    (2, 2, "whole", 0, 0, 44100 * 90, -20.5, 1.5, 3, False, None),
    (3, 3, "whole", 0, 0, 0, None, 0.0, None, False, None),
    (4, 4, "whole", 0, 8000, 488000, -9.0, 1.0, 1, True, "100% noise_floor"),
    (5, 5, "whole", 0, 0, 0, None, None, None, False, None),
    (6, 6, "whole", 0, 0, 32000, -30.0, 0.2, None, False, None),
    (7, 7, "whole", 0, 0, 4800000, -16.0, 0.8, None, False, "it's it"),
    (8, 8, "part", 0, 0, 48000, -14.0, 0.5, None, False, "Été"),
    (9, 8, "part", 1, 64000, 144000, -15.0, 0.6, 4, False, None),
]
TAGS = [(1, "riff"), (2, "riff"), (2, "slow"), (4, "Riffraff"), (9, "two words")]
ATTRIBUTES = [
    # location, key, text, number
    (1, "temperature", "0.95", 0.95),
    (3, "temperature", "1.1", 1.1),
    (7, "temperature", "hot", None),
    (3, "prompt", "80s Synth", None),
    (11, "prompt", "80", 80.0),
    (10, "prompt", "180", 180.0),
    (12, "prompt", "of no recording", None),
    (1, "rate", "shadowed", None),
]
MEASURE_NAMES = "silence loudness_range clipping noise dc_offset loop loop_period onset_rate tempo"
MEASURED = {
    1: (0.0, 3.5, 0.0, 0.1, 0.001, 0.9, 2.0, 4.5, 120.0),
    2: (0.4, None, 0.25, 0.7, 0.2, 0.3, None, 0.0, None),
    8: (0.2, 12.0, 0.01, None, 0.0, None, None, None, None),
}
# of 4, which is rejected, and of clips that are not
SUSPICIONS = [
    (6, 4, "aligned", 0.9),
    (8, 4, "likeness", 0.99),
    (8, 1, "likeness", 0.99),
    (8, 2, "likeness", 0.99),
    (2, 1, "aligned", 1.0),
    (9, 4, "aligned", 1.0),
]
SCORES = [(1, 0.7), (2, 0.5), (9, 0.9)]
SONGS = [
    ("good", "rating:3.. score-"),
    ("TWO WORDS", "tag:'two words' , tag:riff"),
    ("every one", "rejected:yes , rejected:no , status:silent"),
    ("nested", "song:good ^2"),
    ("loop", "song:'loop b'"),
    ("loop b", "song:loop"),
    ("broken", "rating:best"),
]


def as_float32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def fill(connection: Connection) -> None:
    def add(table: Any, names: str, rows: Sequence[Sequence[Any]]) -> None:
        connection.execute(table.insert(), [dict(zip(names.split(), row, strict=True)) for row in rows])

    starts = [local(2026, 11, 1, 12), local(2026, 11, 15, 23, 30), local(2026, 11, 22, 13, 15)]
    add(schema.batch, "id started_at paths options", [(n, at, "[]", "{}") for n, at in enumerate(starts, 1)])
    connection.execute(schema.checkpoint.insert(), CHECKPOINTS)
    names = "id status reason batch_id checkpoint_id role container subtype sample_rate channels sha256"
    add(schema.recording, names, [(*row, f"{row[0]:x}ab{row[0]:061x}") for row in RECORDINGS])
    add(
        schema.location,
        "recording_id path_text missing_since batch_id path size mtime_ns reason",
        [
            (of, path, 1.0 if gone else None, 1, path.encode(), 1, 1, None if of else "permission denied")
            for of, path, gone in LOCATIONS
        ],
    )
    names = "id recording_id kind ordinal start_frame end_frame loudness peak rating rejected note trim"
    add(schema.clip, names, [(*row, "{}") for row in CLIPS])
    add(schema.clip_tag, "clip_id tag", TAGS)
    add(schema.attribute, "location_id key text number", ATTRIBUTES)
    add(schema.metric, "id name version", [(1, "prefix", 1), (2, "prefix", 2)])
    add(schema.nearest, "metric_id clip_id other_id score", [(1, 4, 1, as_float32(0.99))])
    add(schema.nearest, "metric_id clip_id other_id score", [(2, of, 3, as_float32(s)) for of, s in SCORES])
    named = {of: dict(zip(MEASURE_NAMES.split(), values, strict=True)) for of, values in MEASURED.items()}
    measures.store(connection, named.items())
    connection.execute(schema.clip.update().where(schema.clip.c.id == 6).values(heard_at=1.0))
    connection.execute(schema.clip.update().where(schema.clip.c.id == 9).values(trusted=True))
    add(schema.suspicion, "clip_id other_id metric score", SUSPICIONS)
    add(schema.cluster, "number medoid_id", [(1, 2), (7, 8)])
    clusters = [(1, 1, 0.5), (2, 1, 1.0), (8, 7, 1.0), (6, None, 0.0)]
    add(schema.cluster_clip, "clip_id number probability", clusters)
    names = "name query deleted ordering metric fade created_at"
    queries = [("best", "rating:3.. id+"), ("in circles", "query:'in circles'")]
    add(schema.saved_query, "name query created_at", [(*query, 1.0) for query in queries])
    songs = [*((*song, False) for song in SONGS), ("good", "riff slow", True), ("former", "riff", True)]
    add(schema.song, names, [(*song, "pairs", "prefix", 0.005, 1.0) for song in songs])


@contextmanager
def query_sample(root: Path) -> Iterator[Sample]:
    """Make the catalog in a folder, and read it at `NOW`, in Berlin."""
    with mock.patch.dict(os.environ, {"TZ": "Europe/Berlin"}):
        time.tzset()
        catalog = Catalog.create(root)
        with writing(catalog) as connection:
            fill(connection)
        with catalog.reading() as connection:
            yield (
                catalog,
                connection,
                replace(context_of(catalog, connection), now=local(*NOW), metric="prefix"),
            )
        catalog.close()
    time.tzset()
