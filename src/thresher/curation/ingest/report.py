"""What an ingest reports, and the tally that it keeps while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, Self

from thresher.catalog.files.paths import Place, display_text
from thresher.curation.comparison.score_report import ScoreReport
from thresher.curation.ingest.exclude import Exclusion
from thresher.curation.ingest.scan import FoundFile, Scan

if TYPE_CHECKING:
    from thresher.curation.cutting.reanalysed import Recutting

BATCH_COUNTS = (
    "unchanged",
    "rehashed",
    "added",
    "copies",
    "moved",
    "retagged",
    "overwritten",
    "missing",
    "reanalysed",
    "parts",
)
"""The counts of a batch, named like the columns of the table."""

COUNTS = (*(name for name in BATCH_COUNTS if name != "overwritten"), "corrected", "split", "returned")
"""The counts of a report, named like its fields."""

SHOWN_UNNAMED = 3
"""How many files that name no checkpoint a report shows."""


@dataclass(frozen=True)
class Reread:
    """Known files of one shape whose names or sidecars say something else now.

    `changes` maps run, epoch, step and attributes to the stored value and the new one, both of the `example`.
    """

    shape: str
    files: int
    example: str
    changes: Mapping[str, tuple[str | None, str | None]]


@dataclass(frozen=True)
class Failure:
    """A file or folder that could not be used, its status, and the reason."""

    path: str
    status: str
    reason: str


@dataclass(frozen=True)
class Overwritten:
    """A file that holds other audio than before: its path, and the recording whose audio it held, with its clips.

    `has_copy`: another file holds that audio. `judged`: one of the clips is rated, rejected, tagged or annotated;
    `rating` is the highest rating. `songs` are the songs that select one of the clips or have rendered it.
    """

    path: str
    recording: int
    clips: tuple[int, ...]
    has_copy: bool
    judged: bool
    rating: int | None
    songs: tuple[str, ...]


@dataclass(frozen=True)
class LinkedClips:
    """The clips of recordings with the same audio, by id, and their ratings (None: not rated).

    `conflict` says that the curator judged them differently.
    """

    clips: tuple[int, ...]
    ratings: tuple[int | None, ...]
    conflict: bool


@dataclass(frozen=True)
class IngestReport:
    """What an ingest found and changed; counts are files.

    `ignored` files are not audio; `ignored_suffixes` counts them by suffix.
    Each file is counted once, except that a `reanalysed` file may also be counted as moved or returned. A
    `returned` file was missing, and is at its path again. Of the `unchanged` files, `rehashed` were read, because
    their times or inodes did not prove them unchanged. `overwritten` lists the files that hold other audio now,
    which are counted as new, copies, moved or returned. `corrected` files were known, and flags or their names
    changed what is known about them. `findings` counts silent and too short files. `failures` are new files that
    can't be used, and folders that can't be read. `held_back` counts files that are gone but were not marked
    missing, because most of their folder is gone. `renderings` counts files that are rendered songs of this
    catalog, and `exports` its stems and exported clips; neither are added. `warnings` are sentences about names and
    sidecars, and about known files that a worker on another machine could not read for missing measures or
    descriptors. `scoring_failure` says why scoring stopped, if it did. `suspects` are new clips that resemble
    rejected clips. `without_file` are the ids of recordings whose missing measures or descriptors could not be
    computed, because no file holds them now.

    `split` counts the new recordings that were split, and `parts` the clips that they were split into.

    `unnamed` counts the new files of which neither an epoch nor a step is known, and `unnamed_examples` are the
    first of them. `given` are the paths of the command. `excluded` says what each pattern of the exclusions left
    out. `reread` says what a re-reading of names changed, or would change, for each shape of path.
    """

    batch: int | None
    files: int
    ignored: int
    ignored_suffixes: Mapping[str, int]
    unchanged: int
    added: int
    copies: int
    moved: int
    missing: int
    reanalysed: int
    corrected: int
    findings: Mapping[str, int]
    failures: tuple[Failure, ...]
    held_back: int
    renderings: int
    exports: int
    warnings: tuple[str, ...]
    seconds: float
    dry_run: bool
    scores: tuple[ScoreReport, ...] = ()
    scoring_failure: str | None = None
    suspects: tuple[int, ...] = ()
    without_file: tuple[int, ...] = ()
    unnamed: int = 0
    unnamed_examples: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    reread: tuple[Reread, ...] = ()
    rehashed: int = 0
    retagged: int = 0
    overwritten: tuple[Overwritten, ...] = ()
    linked: tuple[LinkedClips, ...] = ()
    vanished: tuple[str, ...] = ()
    split: int = 0
    parts: int = 0
    returned: int = 0

    @classmethod
    def of_unchanged(cls, scan: Scan, scores: tuple[ScoreReport, ...], seconds: float) -> Self:
        """Return the report of an ingest that found nothing new, and nothing to compute."""
        return cls(
            batch=None,
            files=len(scan.files),
            ignored=scan.ignored,
            ignored_suffixes=scan.ignored_suffixes,
            unchanged=len(scan.files),
            added=0,
            copies=0,
            moved=0,
            missing=0,
            reanalysed=0,
            corrected=0,
            findings={},
            failures=(),
            held_back=0,
            renderings=0,
            exports=0,
            warnings=(),
            seconds=seconds,
            dry_run=False,
            scores=scores,
            given=tuple(map(display_text, scan.given)),
            excluded=scan.excluded,
        )

    def followed_by(self, later: IngestReport) -> IngestReport:
        """Return one report of this ingest and a `later` one of the same files, which marked what was held back."""
        changed = [name for name in COUNTS if name not in ("unchanged", "rehashed")]
        sums = {name: getattr(self, name) + getattr(later, name) for name in changed}
        return replace(
            self,
            **sums,
            batch=later.batch if self.batch is None else self.batch,
            held_back=later.held_back,
            vanished=later.vanished,
            overwritten=self.overwritten + later.overwritten,
            scores=self.scores or later.scores,
            scoring_failure=later.scoring_failure,
            suspects=self.suspects + later.suspects,
            without_file=later.without_file,
            seconds=self.seconds + later.seconds,
        )

    @property
    def scoring(self) -> ScoreReport | None:
        """The report of the first metric in use."""
        return self.scores[0] if self.scores else None


class ToReadAgain(NamedTuple):
    """A file whose recording could not be cut as before, because the file's content was new.

    `trim` are the settings that the recording was trimmed with. Once they are known for `sha256`, so are its cuts.
    """

    found: FoundFile
    sha256: str
    trim: str


@dataclass
class Tally:
    """What a part of an ingest changed; a group's tally is added to the total only after its commit.

    `stored` holds the places of the files whose content was stored, `new_audio` the audio keys of the recordings
    that were added, `keys` those that several recordings may have now. `songs` holds the clips of each song before
    the first file was overwritten; None as long as none was. `to_read_again` are files whose recordings could not
    be cut as before, because their content was new.
    """

    counts: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unsettled: list[FoundFile] = field(default_factory=list)
    to_read_again: list[ToReadAgain] = field(default_factory=list)
    held_back: int = 0
    unnamed: list[str] = field(default_factory=list)
    stored: set[Place] = field(default_factory=set)
    reread: dict[tuple[str, tuple[str, ...]], Reread] = field(default_factory=dict)
    displaced: list[int] = field(default_factory=list)
    new_audio: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    linked: tuple[LinkedClips, ...] = ()
    overwritten: tuple[Overwritten, ...] = ()
    songs: Mapping[str, Collection[int]] | None = None
    recut: list[Recutting] = field(default_factory=list)  # of one group, whose transaction uses it

    def add(self, other: Tally) -> None:
        """Add the tally of a committed group."""
        self.counts += other.counts
        self.findings += other.findings
        self.failures += other.failures
        self.warnings += other.warnings
        self.unsettled += other.unsettled
        self.to_read_again += other.to_read_again
        self.held_back += other.held_back
        self.unnamed += other.unnamed
        self.stored |= other.stored
        for key, reread in other.reread.items():
            known = self.reread.get(key)
            self.reread[key] = reread if known is None else replace(known, files=known.files + reread.files)
        self.displaced += other.displaced
        self.keys |= other.keys | (self.new_audio & other.new_audio)
        self.new_audio |= other.new_audio

    def copied(self) -> Tally:
        """Return a tally that counts on from this one, which stays as it is."""
        found = Tally(songs=self.songs)
        found.add(self)
        return found
