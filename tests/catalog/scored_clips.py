"""Clips with made fingerprints, added by plain inserts."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from sqlalchemy import insert, select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, recording


def words(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 2**32, size=int(generator.integers(1, 30)), dtype=np.uint32)


def add_clips(catalog: Catalog, seeds: Sequence[int]) -> list[int]:
    """Add clips with the fingerprints of these seeds, and return their ids."""
    ids = []
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        for seed in seeds:
            blob = words(seed).astype("<u4").tobytes()
            count = connection.execute(select(recording.c.id)).all()
            key = connection.execute(
                insert(recording).values(
                    sha256=f"{len(count)}-{seed}",
                    batch_id=1,
                    role="generated",
                    status="ok",
                    sample_rate=16_000,
                )
            ).inserted_primary_key
            assert key is not None
            made = connection.execute(
                insert(clip).values(
                    recording_id=key[0],
                    kind="whole",
                    ordinal=0,
                    start_frame=0,
                    end_frame=16_000,
                    trim="{}",
                    fingerprint=blob,
                    fingerprint_crc32=zlib.crc32(blob),
                )
            ).inserted_primary_key
            assert made is not None
            ids.append(int(made[0]))
    return ids
