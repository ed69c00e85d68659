"""What a split or a join did, or would do: the parts of each recording, and what became of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.catalog.decisions.fields import judged_clips
from thresher.catalog.decisions.journal import Decision
from thresher.catalog.recordings.clip_rows import clip_rows
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.cutting.finding import FoundParts
from thresher.curation.cutting.parts_plan import PartsPlan
from thresher.curation.cutting.targets import Target
from thresher.curation.songs.membership import songs_with


@dataclass(frozen=True)
class Part:
    """A part after a split: its `number` in its recording, and its bounds in seconds.

    `clip` is None for a part that a dry run would add. `is_new`: it was not a part before, or was removed.
    """

    clip: int | None
    number: int
    start: float
    end: float
    status: str
    is_new: bool


@dataclass(frozen=True)
class LostClip:
    """A clip that a split hides: a part that goes, or the whole of a recording; its bounds are in seconds.

    `judged`: it is rated, rejected, tagged or annotated. `songs` are those that select it or have rendered it.
    `heir` is the part that took its place, with its judgements and its places in songs. A dry run knows no id yet;
    `has_heir` says that there is one.
    """

    clip: int
    start: float
    end: float
    rating: int | None
    judged: bool
    songs: tuple[str, ...]
    has_heir: bool = False
    heir: int | None = None

    @property
    def words(self) -> str:
        """The clip in words, such as `clip 4 (5.00 to 8.00 s; rated 4, in song "best")`."""
        facts = [f"rated {self.rating}"] if self.rating is not None else []
        facts += ["judged"] if self.judged and self.rating is None else []
        facts += [f'in song "{name}"' for name in self.songs]
        return f"clip {self.clip} ({'; '.join([f'{self.start:.2f} to {self.end:.2f} s', ', '.join(facts)])})"


@dataclass(frozen=True)
class SplitRecording:
    """A recording of which a split changes something; its length is in seconds.

    `split` is how it is split now (see `split_settings.py`), None if it was joined. `whole` is its whole clip, if
    its parts now stand for it, and `gone` are the parts that go. `envelope` is that of a dry run, in decibels below
    the loudest frame.
    """

    recording: int
    path: str
    seconds: float
    split: str | None
    parts: tuple[Part, ...]
    whole: LostClip | None
    gone: tuple[LostClip, ...]
    envelope: tuple[float, ...] = ()


@dataclass(frozen=True)
class NotSplit:
    """A recording that was left as it is, and why."""

    recording: int
    path: str
    reason: str


@dataclass(frozen=True)
class SplitReport:
    """What a split or a join did, as one decision; None if it changed nothing, or in a dry run.

    `unchanged` are recordings with nothing to do, `failures` those that could not be read. `suspects` are new parts
    that resemble rejected clips.
    """

    decision: Decision | None
    recordings: tuple[SplitRecording, ...]
    unchanged: tuple[NotSplit, ...] = ()
    failures: tuple[NotSplit, ...] = ()
    scores: tuple[ScoreReport, ...] = ()
    suspects: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all recordings."""
        return tuple(part for each in self.recordings for part in each.parts)

    @property
    def gone(self) -> tuple[LostClip, ...]:
        """The parts of all recordings that go."""
        return tuple(lost for each in self.recordings for lost in each.gone)


def reported(
    catalog: Catalog,
    connection: Connection,
    targets: Sequence[Target],
    plans: Mapping[int, PartsPlan],
    found: FoundParts,
    key: str | None,
    ids: Mapping[int, Sequence[int]],
) -> SplitReport:
    """Return the report of a split before its decision is made; `ids` are those of its parts, if stored."""
    hidden = [target.whole for target in targets if target.split is None and plans[target.id].parts]
    losing = [*hidden, *(clip_id for plan in plans.values() for clip_id in plan.going)]
    lost = LostClips(catalog, connection, losing)
    return SplitReport(
        None,
        tuple(
            SplitRecording(
                target.id,
                target.path,
                target.frames / target.sample_rate,
                key if plans[target.id].parts else None,
                _parts(target, plans[target.id], found, ids.get(target.id)),
                lost.clip(target.whole) if target.whole in hidden else None,
                tuple(
                    lost.part(clip_id, plans[target.id], ids.get(target.id))
                    for clip_id in plans[target.id].going
                ),
                tuple(found.envelopes.get(target.id, ())),
            )
            for target in targets
        ),
    )


def _parts(target: Target, plan: PartsPlan, found: FoundParts, ids: Sequence[int] | None) -> tuple[Part, ...]:
    contents = found.contents.get(target.id)
    statuses = (
        found.statuses.get(target.id, ()) if contents is None else [each.status or "ok" for each in contents]
    )
    return tuple(
        Part(
            part.clip if ids is None else ids[index],
            index + 1,
            part.span.start / target.sample_rate,
            part.span.end / target.sample_rate,
            status,
            not part.stays,
        )
        for index, (part, status) in enumerate(zip(plan.parts, statuses, strict=True))
    )


class LostClips:
    """Describes clips that a split or a new analysis hides, before it does."""

    def __init__(self, catalog: Catalog, connection: Connection, clip_ids: Sequence[int]) -> None:
        self._rows = clip_rows(connection, clip_ids)
        self._judged = judged_clips(connection, clip_ids)
        self._songs = songs_with(catalog, connection, clip_ids) if clip_ids else {}

    def clip(self, clip_id: int, *, has_heir: bool = False, heir: int | None = None) -> LostClip:
        """Return what is known about a clip."""
        row = self._rows[clip_id]
        rate = row[recording.c.sample_rate] or 1
        return LostClip(
            clip_id,
            row[clip.c.start_frame] / rate,
            row[clip.c.end_frame] / rate,
            row[clip.c.rating],
            clip_id in self._judged,
            tuple(name for name, members in self._songs.items() if clip_id in members),
            has_heir,
            heir,
        )

    def part(self, clip_id: int, plan: PartsPlan, ids: Sequence[int] | None) -> LostClip:
        """Return what is known about a removed part, with its heir."""
        place = next((n for n, part in enumerate(plan.parts) if part.former == clip_id), None)
        heir = None if place is None else plan.parts[place].clip if ids is None else ids[place]
        return self.clip(clip_id, has_heir=place is not None, heir=heir)
