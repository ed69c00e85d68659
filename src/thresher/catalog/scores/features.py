"""The features of clips that are compared: stored fingerprints, descriptors and profiles, with their checksums."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, func, select

from thresher.catalog.database.database import chunks, plain_rows
from thresher.catalog.database.schema import clip, recording
from thresher.errors import CatalogError
from thresher.signal.features.descriptors import VERSION as DESCRIPTOR_VERSION
from thresher.signal.features.profile import PROFILE_VERSION
from thresher.signal.metrics.agreement import Profiled
from thresher.signal.metrics.metric import Kind


@dataclass(frozen=True)
class FeatureColumns:
    """The columns of one kind of feature: its bytes, their checksum, their type, and the condition of use."""

    blob: ColumnElement[Any]
    crc32: ColumnElement[Any]
    dtype: np.dtype[Any]
    is_there: ColumnElement[bool]


FEATURE_COLUMNS: Mapping[Kind, FeatureColumns] = {
    "fingerprint": FeatureColumns(
        clip.c.fingerprint, clip.c.fingerprint_crc32, np.dtype("<u4"), clip.c.fingerprint.is_not(None)
    ),
    "descriptor": FeatureColumns(
        clip.c.descriptor,
        clip.c.descriptor_crc32,
        np.dtype("<f4"),
        func.coalesce(clip.c.descriptor_version, 0) == DESCRIPTOR_VERSION,
    ),
}


def is_scored(kind: Kind) -> ColumnElement[bool]:
    """Return the condition that a clip, joined to its recording, is scored by metrics that compare this `kind`."""
    return and_(FEATURE_COLUMNS[kind].is_there, recording.c.role == "generated", ~clip.c.removed)


def checksums(connection: Connection, clip_ids: Iterable[int], kind: Kind) -> dict[int, int]:
    """Return the CRC-32 of each clip's feature, in the given order; clips that are not scored are left out."""
    wanted = [int(clip_id) for clip_id in clip_ids]
    found: dict[int, int] = {}
    for chunk in chunks(wanted):
        statement = (
            select(clip.c.id, FEATURE_COLUMNS[kind].crc32)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(is_scored(kind), clip.c.id.in_(chunk))
        )
        found.update((row.id, row[1]) for row in connection.execute(statement))
    return {clip_id: found[clip_id] for clip_id in wanted if clip_id in found}


def read(connection: Connection, clip_ids: Iterable[int], kind: Kind) -> Iterator[NDArray[Any]]:
    """Yield the fingerprint (uint32, shape (words,)) or descriptor (float32) of each clip, in the given order.

    Raises CatalogError for damaged bytes.
    """
    columns = FEATURE_COLUMNS[kind]
    for chunk in chunks([int(clip_id) for clip_id in clip_ids]):
        statement = select(clip.c.id, columns.blob, columns.crc32).where(clip.c.id.in_(chunk))
        found = {row[0]: row for row in plain_rows(connection, statement)}
        yield from unpacked(kind, map(found.__getitem__, chunk))


def read_unchanged(
    connection: Connection, clips: Mapping[int, int], kind: Kind
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the features of those of these clips that are scored and whose checksum is the given one, by their ids.

    They come in the given order. Raises CatalogError for damaged bytes.
    """
    columns = FEATURE_COLUMNS[kind]
    for chunk in chunks(list(clips)):
        statement = (
            select(clip.c.id, columns.blob, columns.crc32)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(is_scored(kind), clip.c.id.in_(chunk))
        )
        found = {row[0]: row for row in plain_rows(connection, statement)}
        same = [each for each in chunk if each in found and found[each][2] == clips[each]]
        yield from zip(same, unpacked(kind, map(found.__getitem__, same)), strict=True)


def read_profiled(connection: Connection, clip_ids: Iterable[int]) -> dict[int, Profiled]:
    """Return the clips that have a profile of today's version, with it, by id.

    Raises CatalogError for damaged bytes.
    """
    found: dict[int, Profiled] = {}
    columns = (clip.c.id, clip.c.profile, clip.c.profile_crc32, clip.c.end_frame - clip.c.start_frame)
    for chunk in chunks([int(clip_id) for clip_id in clip_ids]):
        statement = (
            select(*columns, recording.c.sample_rate)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(clip.c.id.in_(chunk), clip.c.profile_version == PROFILE_VERSION)
        )
        for clip_id, blob, crc32, frames, sr in plain_rows(connection, statement):
            _check("profile", clip_id, blob, crc32)
            found[clip_id] = Profiled(np.frombuffer(blob, np.uint8), frames, sr)
    return found


def _check(name: str, clip_id: int, blob: bytes, crc32: int) -> None:
    if zlib.crc32(blob) != crc32:
        raise CatalogError(
            f"the {name} of clip {clip_id} is damaged in the catalog; "
            "`thresher verify --repair` computes it again from its file"
        )


def unpacked(kind: Kind, rows: Iterable[tuple[int, bytes, int]]) -> Iterator[NDArray[Any]]:
    """Yield rows of (clip id, bytes, checksum) as arrays. Raises CatalogError if a checksum does not match."""
    dtype, native = FEATURE_COLUMNS[kind].dtype, FEATURE_COLUMNS[kind].dtype.newbyteorder("=")
    for clip_id, blob, crc32 in rows:
        _check(kind, clip_id, blob, crc32)
        array = np.frombuffer(blob, dtype)
        yield array if dtype == native else array.astype(native)
