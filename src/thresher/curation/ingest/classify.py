"""Classify scanned files: which are unchanged and which have to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from thresher.catalog.catalog import Catalog
from thresher.catalog.config import trim_keys
from thresher.catalog.outputs import exported_contents, rendered_contents
from thresher.catalog.schema import clip, location, recording
from thresher.curation.ingest.scan import FoundFile


@dataclass(frozen=True)
class Classified:
    """Scanned files, and the known contents against which the files `to_read` are compared.

    `unchanged` maps location ids to files whose size, time of change and trim settings are as the catalog knows
    them. `trims` maps the SHA-256 of each recording to the trim settings of its whole clip. `rendered` and
    `exported` hold the SHA-256 of the songs, and of the stems and clips, that this catalog wrote.
    """

    to_read: Sequence[FoundFile]
    unchanged: Mapping[int, FoundFile]
    trims: dict[str, str]
    rendered: frozenset[str]
    exported: frozenset[str]

    def is_output(self, sha256: str) -> bool:
        """Whether thresher wrote a file with this content: it is no clip."""
        return sha256 in self.rendered or sha256 in self.exported


def classify(catalog: Catalog, files: Sequence[FoundFile]) -> Classified:
    """Compare scanned files with the catalog by path, size and time of change; no file is opened."""
    is_whole = clip.c.kind == "whole"
    with catalog.reading() as connection:
        known = {
            row.path: row
            for row in connection.execute(
                select(
                    location.c.id,
                    location.c.path,
                    location.c.size,
                    location.c.mtime_ns,
                    location.c.recording_id,
                    clip.c.trim,
                )
                .outerjoin_from(location, clip, (clip.c.recording_id == location.c.recording_id) & is_whole)
                .where(location.c.missing_since.is_(None))
            )
        }
        rendered, exported = rendered_contents(connection), exported_contents(connection)
        wanted_trims = trim_keys(catalog.settings.trim)
        to_read: list[FoundFile] = []
        unchanged: dict[int, FoundFile] = {}
        for found in files:
            row = known.get(catalog.stored_absolute(found.path).path)
            same = (found.size, found.mtime_ns)
            is_same = row is not None and row.recording_id and (row.size, row.mtime_ns) == same
            if row is not None and is_same and row.trim in wanted_trims:
                unchanged[int(row.id)] = found
            else:
                to_read.append(found)
        trims = {}
        if to_read:
            of_contents = select(recording.c.sha256, clip.c.trim).join(
                clip, clip.c.recording_id == recording.c.id
            )
            trims = {row.sha256: row.trim for row in connection.execute(of_contents.where(is_whole))}
    return Classified(to_read, unchanged, trims, rendered, exported)
