"""The settings of a catalog as frozen dataclasses, one for each section of `catalog.toml`.

The type of each key is annotated with the values that a file may give it, which pydantic checks (see `validation`).
Times and lengths are seconds, levels are decibels relative to full scale, frame and hop lengths are samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from thresher.catalog.text.values import parse_duration
from thresher.signal.features.split_settings import SPLIT_SECONDS
from thresher.signal.features.trim_settings import TRIM_VERSION
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.catalog.provenance.name_patterns import Pattern
    from thresher.catalog.provenance.recipe_templates import RecipeTemplate

Backend = Literal["auto", "libchromaprint", "ffmpeg", "fpcalc"]
if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS)]

USED_AT_FIRST = ("prefix", "aligned", "likeness")
"""Metrics in use where catalog.toml does not say. A new metric is not added by itself, because scoring every clip
of an existing catalog under it may take hours."""


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Takes:
    """The values that a key takes: in words, and as constraints under the names of `pydantic.Field`.

    The last attribute makes this grouped metadata as defined by annotated_types, over which pydantic iterates.
    """

    what: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    pattern: str | None = None
    read: Callable[[object], object] | None = None

    __is_annotated_types_grouped_metadata__: ClassVar[bool] = True

    def __iter__(self) -> Iterator[object]:
        from pydantic import BeforeValidator, Field

        if self.read is not None:
            yield BeforeValidator(self.read)
        yield from Field(strict=True, ge=self.ge, gt=self.gt, le=self.le, pattern=self.pattern).metadata

    def accepted(self, value: Any, kind: type) -> Any:
        """Return a value as pydantic would, or None where that is for pydantic to decide."""
        is_number = kind is float and type(value) is int
        if self.read is not None or not (type(value) is kind or is_number):
            return None
        if kind is str:
            # Rust's expressions, which pydantic uses, differ at line ends and in classes of characters
            is_plain = value.isascii() and value.isprintable()
            return value if is_plain and re.search(self.pattern or "", value) else None
        bounds = (
            self.ge is None or value >= self.ge,
            self.gt is None or value > self.gt,
            self.le is None or value <= self.le,
        )
        return kind(value) if all(bounds) else None

    def instead_of(self, value: object, kind: type) -> str:
        """Describe the expected value, for a message that `value` is not valid for a key of this kind."""
        if self.ge is None:
            return self.what
        if type(value) not in (int, kind):
            return self.what.replace("a ", "a whole ", 1) if kind is int else self.what
        style = "," if kind is int else "g"
        return f"{self.what} from {self.ge:{style}} to {self.le:{style}}"


class Section:
    """A section of `catalog.toml`; it takes no other keys than its fields."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


def hide_password(address: str) -> str:
    """Return the address of a database with `***` in the place of a password."""
    if address.startswith("sqlite:"):
        return address
    hidden = re.sub(r"(://[^/:]*):.*@", r"\1:***@", address)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", hidden)


@dataclass(frozen=True)
class CatalogSection(Section):
    """The database: a file, whose path is relative to the folder of `catalog.toml`, or a database of a PostgreSQL
    server; and how long to wait for a lock, in seconds."""

    database: Annotated[
        str,
        Takes(
            "the address of a database such as sqlite:///catalog.db or postgresql+psycopg://user@host/name",
            pattern=r"^(?:sqlite:///[^\x00]+|postgresql\+psycopg://(?:[^\x00/]*@)?"
            r"(?:\[[^\x00/@\]]*\]|[^\x00/@:]*)(?::[0-9]{1,5})?/[^\x00/?]+(?:\?[^\x00]*)?)$",
        ),
    ] = "sqlite:///catalog.db"
    busy_timeout: Annotated[float, Takes("a number of seconds", ge=0, le=86400)] = 10.0

    def __post_init__(self) -> None:
        if hide_password(self.database) != self.database:
            raise ValueError(
                f'database: "{hide_password(self.database)}" holds a password; write it to ~/.pgpass or set '
                "PGPASSWORD, and leave it out here"
            )


@dataclass(frozen=True)
class TrimSection(Section):
    """The definition of silence: the parameters of `librosa.effects.trim`, and `floor_db`, below which all is
    silent; whether new recordings are split at silences, and the longest silence inside a part, in seconds."""

    top_db: Annotated[float, Takes("a number of decibels", ge=0, le=1000)] = 50.0
    frame_length: Annotated[int, Takes("a number of samples", ge=2, le=1 << 20)] = 256
    hop_length: Annotated[int, Takes("a number of samples", ge=1, le=1 << 19)] = 64
    floor_db: Annotated[float, Takes("a number of decibels", ge=-1000, le=0)] = -72.0
    split: Annotated[bool, Takes("true or false")] = False
    split_seconds: Annotated[float, Takes("a number of seconds", ge=0.01, le=86400)] = SPLIT_SECONDS

    def __post_init__(self) -> None:
        if self.frame_length % (2 * self.hop_length):
            raise ValueError(
                f"frame_length: {self.frame_length} is not a multiple of twice the hop_length, "
                f"which is {self.hop_length}"
            )


def trim_key(trim: TrimSection, version: int = TRIM_VERSION) -> str:
    """Return trim settings as the canonical JSON that clips keep: equal settings give equal text.

    Whether to split is not among them: each recording keeps how it was split. `version` is that of the trimming.
    The text of version 1 does not name it.
    """
    import json

    values = {name: getattr(trim, name) for name in ("top_db", "frame_length", "hop_length", "floor_db")}
    named = values if version == 1 else {**values, "version": version}
    return json.dumps(named, sort_keys=True, separators=(",", ":"))


def trim_keys(trim: TrimSection) -> frozenset[str]:
    """Return the keys of these settings under all versions: a newer version alone does not change known clips."""
    return frozenset(trim_key(trim, version) for version in range(1, TRIM_VERSION + 1))


@dataclass(frozen=True)
class FingerprintSection(Section):
    """The program that computes fingerprints."""

    backend: Backend = "auto"


@dataclass(frozen=True)
class AudioSection(Section):
    """The longest part of a file that is analysed, in seconds."""

    max_length: Annotated[
        float, Takes('a length such as "2:00:00", "5:00" or 90 (seconds)', gt=0, le=1e9, read=_seconds)
    ] = 7200.0


@dataclass(frozen=True)
class MetricsSection(Section):
    """The metrics by which clips are scored, and the one that commands use unless they name another."""

    use: tuple[MetricName, ...] = USED_AT_FIRST
    default: MetricName | None = None

    def __post_init__(self) -> None:
        twice = [name for name in self.use if self.use.count(name) > 1]
        if twice:
            raise ValueError(f'use: "{twice[0]}" is listed twice')
        if self.default is not None and self.default not in self.use:
            raise ValueError(f'default: "{self.default}" is not among those in use: {", ".join(self.use)}')

    @property
    def default_metric(self) -> str:
        """The metric that commands use: the configured one, else likeness if it is in use."""
        return self.default or ("likeness" if "likeness" in self.use else self.use[0])

    @property
    def former_default(self) -> str | None:
        """The default metric of the programs before `likeness` became it; None if it did not change here."""
        return None if self.default or self.default_metric == "prefix" else "prefix"


@dataclass(frozen=True)
class DupesSection(Section):
    """The definition of the same sound: the score by `aligned`, the fewest words, and the share of both clips
    covered."""

    score: Annotated[float, Takes("a number", ge=0, le=1)] = 0.85
    words: Annotated[int, Takes("a number of words", ge=1, le=1 << 20)] = 12
    cover: Annotated[float, Takes("a number", ge=0, le=1)] = 0.9


@dataclass(frozen=True)
class SuspectSection(Section):
    """The likeness to several rejected clips at which a new clip is marked suspect."""

    likeness: Annotated[float, Takes("a number", ge=0, le=1)] = 0.9


@dataclass(frozen=True)
class IngestSection(Section):
    """Where files are analysed, files per transaction, seconds before a changing file is read again, and whether
    clips are measured."""

    executor: Annotated[
        str,
        Takes(
            "serial, threads[:N], processes[:N], dask[:N] or dask:tcp://HOST:PORT",
            pattern="^(?:serial|(?:threads|processes|dask)(?::[1-9][0-9]{0,3})?"
            r"|dask:(?:tcp|tls)://[^\s/]+:[0-9]{1,5})$",
        ),
    ] = "processes"
    group: Annotated[int, Takes("a number of files", ge=1, le=100_000)] = 64
    settle: Annotated[float, Takes("a number of seconds", ge=0, le=3600)] = 2.0
    measure: Annotated[bool, Takes("true or false")] = True


@dataclass(frozen=True)
class SongSection(Section):
    """Defaults of new songs; `fade` is in seconds. The default metric replaces `metric` if that is not in use."""

    order: Annotated[
        str,
        Takes(
            "an ordering: pairs, chain, shuffle:SEED, FIELD+ or FIELD-",
            pattern="^(?:pairs|chain|shuffle:-?[0-9]{1,18}|[a-z_]+(?:@[a-z_]+)?[+-])$",
        ),
    ] = "chain"
    metric: MetricName = "likeness"
    fade: Annotated[float, Takes("a number of seconds", ge=0, le=60)] = 0.005


@dataclass(frozen=True)
class ListenSection(Section):
    """The audio player: "auto", the name of a supported player, or a command to which the file is added."""

    player: Annotated[str, Takes('"auto", a player such as "mpv", or a command', pattern=r"\S")] = "auto"


@dataclass(frozen=True)
class BackupSection(Section):
    """The folder of backups, relative to the folder of `catalog.toml`, and which are kept: the latest `keep`, and
    the last one of each of the last `weeks` weeks."""

    folder: Annotated[str, Takes('a folder such as "/mnt/disk/thresher"', pattern=r"\S")] = "."
    keep: Annotated[int, Takes("a number of backups", ge=1, le=10_000)] = 5
    weeks: Annotated[int, Takes("a number of weeks", ge=0, le=10_000)] = 8


@dataclass(frozen=True)
class PatternEntry(Section):
    """An entry of `[[provenance]]`: a pattern of file names as it is written in the file."""

    name: Annotated[str, Takes("text", pattern=".")]
    pattern: Annotated[str, Takes("text", pattern=".")]


@dataclass(frozen=True)
class RecipeEntry(Section):
    """An entry of `[[recipe]]`: a template of command lines as it is written in the file."""

    name: Annotated[str, Takes("text", pattern=".")]
    command: Annotated[str, Takes("text", pattern=r"\S")]
    pattern: Annotated[str | None, Takes("text", pattern=".")] = None
    run: Annotated[str | None, Takes("text", pattern=".")] = None
    query: Annotated[str | None, Takes("text", pattern=r"\S")] = None
    checkpoint: Annotated[str | None, Takes("text", pattern=".")] = None


@dataclass(frozen=True)
class Settings:
    """All settings of `catalog.toml`; `roots` maps names to folders of this machine (see `paths`), `provenance`
    holds the user's patterns and `recipe` the templates of command lines, each in the order of the file."""

    catalog: CatalogSection = field(default_factory=CatalogSection)
    trim: TrimSection = field(default_factory=TrimSection)
    fingerprint: FingerprintSection = field(default_factory=FingerprintSection)
    audio: AudioSection = field(default_factory=AudioSection)
    metrics: MetricsSection = field(default_factory=MetricsSection)
    dupes: DupesSection = field(default_factory=DupesSection)
    suspect: SuspectSection = field(default_factory=SuspectSection)
    ingest: IngestSection = field(default_factory=IngestSection)
    song: SongSection = field(default_factory=SongSection)
    listen: ListenSection = field(default_factory=ListenSection)
    backup: BackupSection = field(default_factory=BackupSection)
    roots: Mapping[str, str] = field(default_factory=dict)
    provenance: tuple[Pattern, ...] = ()
    recipe: tuple[RecipeTemplate, ...] = ()


SECTIONS: dict[str, type] = {
    name: type(section) for name, section in vars(Settings()).items() if isinstance(section, Section)
}
