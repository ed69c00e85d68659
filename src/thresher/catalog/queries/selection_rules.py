"""The rules by which songs and listening queues leave out clips that the query does not ask for.

Rule 1 leaves out rejected, unusable and empty clips, and reference audio. Rule 2 leaves out three more kinds:

- stumps: truncated recordings that lack more than STUMP_SHARE of the length that header or container declare,
- clips of checkpoints with the verdict "drop" or "gone",
- overwritten clips: no file holds their audio now, and another recording is at a path where they were.

A query that names a field asks for its clips: `status` for stumps, `verdict` for dropped checkpoints, `missing` for
overwritten clips. Rule 2 leaves out no clip that the query names by id or that was added to a song by hand.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import exists, func

from thresher.catalog.database.schema import checkpoint, clip, location, recording
from thresher.catalog.queries.field_kinds import Condition
from thresher.catalog.recordings.clip_source import STATUS, has_location

SELECTION_RULE = 2
"""The rule of new songs and listening queues. A song keeps its rule until the next `song save`."""

STUMP_SHARE = 0.25

IS_STUMP: Condition = (STATUS == "truncated") & (func.coalesce(recording.c.lost_share, 0.0) > STUMP_SHARE)
"""Whether a clip is the rest of a file of which much is lost, and no part of it: true or false, never NULL."""

IS_OF_DROPPED_CHECKPOINT: Condition = func.coalesce(checkpoint.c.verdict, "").in_(("drop", "gone"))
"""Whether a clip's checkpoint has the verdict "drop" or "gone": true or false, never NULL."""

_FORMER, _NOW = location.alias("former"), location.alias("now_there")

IS_OVERWRITTEN: Condition = ~has_location(location.c.missing_since.is_(None)) & (
    exists()
    .where(
        _FORMER.c.recording_id == clip.c.recording_id,
        _NOW.c.root == _FORMER.c.root,
        _NOW.c.path == _FORMER.c.path,
        _NOW.c.missing_since.is_(None),
    )
    .correlate(clip)
)
"""Whether other files replaced those of a clip: true or false, never NULL."""

_LEFT_OUT: tuple[tuple[str, Condition], ...] = (
    ("status", IS_STUMP),
    ("verdict", IS_OF_DROPPED_CHECKPOINT),
    ("missing", IS_OVERWRITTEN),
)


def left_out(rule: int, named: Collection[str]) -> list[Condition]:
    """Return the conditions of clips that a rule leaves out in addition to rule 1, unless their field is named."""
    return (
        [] if rule < SELECTION_RULE else [condition for field, condition in _LEFT_OUT if field not in named]
    )
