"""Note what names and sidecars that were read again changed, for each shape of path."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.name_shapes import shape_of
from thresher.catalog.provenance.provenance import Provenance
from thresher.catalog.recordings import attribution, locations
from thresher.curation.ingest.reading import ReadFile
from thresher.curation.ingest.report import Reread, Tally
from thresher.curation.ingest.scan import FoundFile


def note_reread(tally: Tally, found: FoundFile, old: Provenance, new: Provenance) -> None:
    """Count a file by the shape of its path and the values that changed."""
    before, after = old.values(), new.values()
    keys = dict.fromkeys([*before, *after])
    changes = {key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)}
    if not changes:
        return
    shape = shape_of(found.path, found.root)
    first = Reread(shape, 0, display_text(found.path), changes)
    first = tally.reread.get((shape, tuple(changes)), first)
    tally.reread[shape, tuple(changes)] = replace(first, files=first.files + 1)


def stored_provenance(connection: Connection, file: ReadFile) -> Provenance | None:
    """Return what is stored about the path of a file; None if no known file is there."""
    here = locations.present_at(connection, file.sighting.stored.place)
    return None if here is None else attribution.read_provenance(connection, [here.id])[here.id]
