"""What a query looks up beside the database: folders in the file system, and texts by regular expressions.

Both may take long. `Lookups` remembers what it found, so that a query which was parsed before a write transaction
can be parsed again inside of it without doing either; texts that are new there are searched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from thresher.catalog.files.paths import Roots
from thresher.catalog.queries.folders import Folders
from thresher.catalog.text.time_limit import Searches


@dataclass(frozen=True)
class Lookups:
    """The folders that were looked up, and the texts that were searched."""

    folders: Folders
    searches: Searches = field(default_factory=Searches)

    @classmethod
    def below(cls, roots: Roots) -> Self:
        """Return the lookups of a query for a catalog whose stored paths start at these roots."""
        return cls(Folders(roots))
