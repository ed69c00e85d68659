"""What the tests of rooms share: the address and the key of a room, and the undo of what a test decided."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import history
from thresher.curation.cutting.undo import undo

KEY = bytes(range(32))
ADDRESS = "http://localhost:8377"


@contextmanager
def undoing(catalog: Catalog) -> Iterator[None]:
    """Undo what was decided while the block ran."""
    before = {entry.id for entry in history(catalog)}
    try:
        yield
    finally:  # the tests that follow a failed one still find the catalog as it was
        for entry in history(catalog):
            if entry.id not in before and entry.undoes is None and entry.undone_by is None:
                undo(catalog, entry.id)
