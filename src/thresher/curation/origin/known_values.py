"""What the catalog stores of how clips were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from thresher.catalog.database.database import chunks
from thresher.catalog.database.schema import attribute, clip, location, recording


@dataclass(frozen=True)
class KnownValues:
    """What the catalog stores of a clip's recording and of the file that is shown for it."""

    sha256: str
    root: str
    path: bytes | None
    path_text: str | None
    is_missing: bool
    attributes: Mapping[str, str]
    corrected: frozenset[str]


def read_known(connection: Connection, clip_ids: Sequence[int]) -> dict[int, KnownValues]:
    """Return what is stored of clips, by their ids. The file is the earliest one present, else the earliest one."""
    found: dict[int, KnownValues] = {}
    for chunk in chunks(clip_ids):
        places: dict[int, list[Any]] = {}
        for row in connection.execute(
            select(
                clip.c.id,
                recording.c.sha256,
                recording.c.checkpoint_pinned,
                location.c.id.label("location_id"),
                location.c.root,
                location.c.path,
                location.c.path_text,
                location.c.missing_since,
            )
            .join(recording, recording.c.id == clip.c.recording_id)
            .outerjoin(location, location.c.recording_id == recording.c.id)
            .where(clip.c.id.in_(chunk))
            .order_by(clip.c.id, location.c.missing_since.is_not(None), location.c.id)
        ):
            places.setdefault(row.id, []).append(row)
        stated = _read_stated(connection, [row.location_id for rows in places.values() for row in rows])
        for clip_id, rows in places.items():
            texts: dict[str, str] = {}
            corrected = {"run", "epoch", "step"} if rows[0].checkpoint_pinned else set()
            for key, text, is_pinned in (each for row in rows for each in stated.get(row.location_id, ())):
                texts.setdefault(key, text)
                corrected |= {key} if is_pinned else set()
            shown = rows[0]
            found[clip_id] = KnownValues(
                shown.sha256,
                shown.root or "",
                shown.path,
                shown.path_text,
                shown.path is None or shown.missing_since is not None,
                texts,
                frozenset(corrected),
            )
    return found


def _read_stated(
    connection: Connection, location_ids: Sequence[int | None]
) -> dict[int, list[tuple[str, str, bool]]]:
    """Return key, text and whether it was corrected of the attributes of locations, by their ids."""
    found: dict[int, list[tuple[str, str, bool]]] = {}
    for chunk in chunks([each for each in location_ids if each is not None]):
        for row in connection.execute(
            select(attribute).where(attribute.c.location_id.in_(chunk)).order_by(attribute.c.key)
        ):
            found.setdefault(row.location_id, []).append((row.key, row.text, row.pinned))
    return found
