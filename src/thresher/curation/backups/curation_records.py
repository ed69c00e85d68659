"""The records of an exported curation, checked: every value that an import uses has the type that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from thresher.catalog.provenance.provenance import check_attribute_key
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.curation.backups.curation_file import read_records
from thresher.curation.clips.decisions import tag_name
from thresher.curation.clips.saved_queries import check_name
from thresher.curation.cutting.marks import mark_name
from thresher.errors import UsageError
from thresher.signal.features.split_settings import SplitSettings

LATEST = 253_402_300_799
"""The last second of the year 9999 (UTC), after which no calendar of Python goes on."""


@dataclass(frozen=True)
class _Bounds:
    """A number that a database column holds; grouped metadata as annotated_types defines it."""

    ge: int = -LARGEST_INTEGER
    le: int = LARGEST_INTEGER
    __is_annotated_types_grouped_metadata__ = True

    def __iter__(self) -> Any:
        from pydantic import Field

        yield from Field(strict=True, ge=self.ge, le=self.le).metadata


Whole = Annotated[int, _Bounds()]
Frames = Annotated[int, _Bounds(ge=0)]
Time = Annotated[float, _Bounds(ge=0, le=LATEST)]


@dataclass(frozen=True)
class Ref:
    """A clip by its content; `start` and `end` are frames of parts and marks."""

    recording: str
    kind: Literal["whole", "part", "marked"]
    start: Frames | None = None
    end: Frames | None = None


Pieces = str | tuple[str | Ref, ...]


@dataclass(frozen=True)
class CheckpointName:
    """Run, epoch and step of a checkpoint."""

    run: str | None = None
    epoch: Whole | None = None
    step: Whole | None = None


@dataclass(frozen=True)
class CheckpointRecord(CheckpointName):
    """What was decided about a checkpoint."""

    verdict: Literal["keep", "drop", "gone"] | None = None
    note: str | None = None


@dataclass(frozen=True)
class ClipRecord:
    """What was decided about a clip of a recording."""

    kind: Literal["whole", "part", "marked"]
    start: Frames | None = None
    end: Frames | None = None
    name: str | None = None
    removed: bool = False
    rating: Annotated[int, _Bounds(ge=1, le=5)] | None = None
    rejected: bool = False
    note: str | None = None
    heard_at: Time | None = None
    trusted: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordingRecord:
    """What was decided about a recording and its clips. `path` is for people."""

    sha256: str
    audio_key: str | None = None
    path: str | None = None
    role: Literal["generated", "reference"] = "generated"
    split: Mapping[str, float] | None = None
    checkpoint: CheckpointName | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    clips: tuple[ClipRecord, ...] = ()

    @property
    def split_settings(self) -> SplitSettings:
        """How the recording is split. Raises TypeError, ValueError or OverflowError for what is not a split."""
        given = dict(self.split or {})
        count = given.pop("count", None)
        return SplitSettings(**given, count=None if count is None else int(count))


@dataclass(frozen=True)
class QueryRecord:
    """A saved query."""

    name: str
    query: Pieces


@dataclass(frozen=True)
class CoverRecord:
    """An image, in Base64."""

    sha256: str
    content: str


@dataclass(frozen=True)
class SongRecord:
    """A song: its settings, and its clips in their order at the time of the export."""

    name: str
    created_at: Time
    settings: Mapping[str, Any]
    tag_query: str | None = None
    clips: tuple[Ref | None, ...] | None = None


@dataclass(frozen=True)
class RenderingRecord:
    """A rendering of a song; `columns` are the values of its row, and `clips` those of its clips."""

    song: str
    plan_sha256: str
    number: Annotated[int, _Bounds(ge=1)]
    columns: Mapping[str, Any]
    clips: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class OutputRecord:
    """An audio file that thresher wrote."""

    sha256: str
    kind: Literal["rendering", "stem", "clip"]
    song: str | None = None


@dataclass(frozen=True)
class DecisionRecord:
    """An entry of the journal: who made it, and whether it was undone. Files of older versions don't say who."""

    by: str | None = None
    undone: bool = False


@dataclass
class Curation:
    """All records of a file."""

    checkpoint: list[CheckpointRecord] = field(default_factory=list)
    recording: list[RecordingRecord] = field(default_factory=list)
    query: list[QueryRecord] = field(default_factory=list)
    cover: list[CoverRecord] = field(default_factory=list)
    song: list[SongRecord] = field(default_factory=list)
    rendering: list[RenderingRecord] = field(default_factory=list)
    output: list[OutputRecord] = field(default_factory=list)
    decision: list[DecisionRecord] = field(default_factory=list)

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The people whose decisions are in force, as `history` names them, in alphabetical order."""
        return tuple(sorted({each.by for each in self.decision if each.by and not each.undone}))


_TYPES: dict[str, type] = {
    "checkpoint": CheckpointRecord,
    "recording": RecordingRecord,
    "query": QueryRecord,
    "cover": CoverRecord,
    "song": SongRecord,
    "rendering": RenderingRecord,
    "output": OutputRecord,
    "decision": DecisionRecord,
}


def read_curation(file: Path) -> Curation:
    """Read a file that `export_catalog` wrote. Raises UsageError, which names the line, for anything else.

    Records of other types are passed over.
    """
    from pydantic import TypeAdapter, ValidationError

    adapters: dict[str, Any] = {name: TypeAdapter(kind) for name, kind in _TYPES.items()}
    found = Curation()
    for number, record in read_records(file):
        name = str(record.pop("type", None))
        if name not in adapters:
            continue
        if name == "rendering":
            known = {key: record.get(key) for key in ("song", "plan_sha256", "number", "clips")}
            values: dict[str, Any] = {**known, "columns": record}
        else:
            values = record
        try:
            checked = adapters[name].validate_python(values)
            _check_words(checked)
            getattr(found, name).append(checked)
        except ValidationError as error:
            mistake = error.errors()[0]
            where = ".".join(map(str, mistake["loc"]))
            raise UsageError(
                f"{file}, line {number}: {where} of this {name} is not valid ({mistake['msg']}); "
                "nothing was imported"
            ) from error
        except (UsageError, TypeError, ValueError, OverflowError) as error:
            raise UsageError(
                f"{file}, line {number}: this {name} is not valid ({error}); nothing was imported"
            ) from error
    return found


def _check_words(record: object) -> None:
    """Raise an error for tags, names, attributes and splits that no command would store."""
    if isinstance(record, QueryRecord | SongRecord):
        check_name(record.name, "name")
    if isinstance(record, RecordingRecord):
        if record.split is not None:
            _ = record.split_settings
        for key in record.attributes:
            check_attribute_key(key)
        for each in record.clips:
            for name in each.tags:
                tag_name(name)
            if each.name is not None:
                mark_name(each.name)
