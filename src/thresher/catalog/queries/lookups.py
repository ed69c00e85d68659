"""What a query looks up that may take long: folders in the file system, texts by regular expressions, near clips.

`Lookups` remembers what it found, so that a query which was parsed before a write transaction can be parsed again
inside of it without looking up anything; texts that are new there are searched, and clips that are near another one
are found again if the clips that are compared have changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from thresher.catalog.files.paths import Roots
from thresher.catalog.queries.folders import Folders
from thresher.catalog.text.time_limit import Searches


@dataclass(frozen=True)
class NearClips:
    """The clips near another one with their scores, and what they were found from: equal if nothing changed."""

    found: Sequence[tuple[int, float]]
    source: object


@dataclass(frozen=True)
class Lookups:
    """The folders that were looked up, the texts that were searched, and the clips that were found near others."""

    folders: Folders
    searches: Searches = field(default_factory=Searches)
    near: dict[tuple[int, str], NearClips] = field(default_factory=dict)

    @classmethod
    def below(cls, roots: Roots) -> Self:
        """Return the lookups of a query for a catalog whose stored paths start at these roots."""
        return cls(Folders(roots))
