"""Find `catalog.toml` and read it into validated settings.

Settings are frozen dataclasses. The type of each key is annotated with the values that a file may give it,
which pydantic checks. pydantic is imported only for values that plain comparisons do not settle, because it
would slow every listing down. Times and lengths are seconds, levels are decibels relative to full scale, frame
and hop lengths are samples.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from thresher.catalog.files.paths import ROOT_NAME, root_folder
from thresher.catalog.text.values import parse_duration
from thresher.errors import CatalogError, ConfigError
from thresher.formatting import any_of, unknown
from thresher.signal.features.split_settings import SPLIT_SECONDS
from thresher.signal.features.trim_settings import TRIM_VERSION
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.catalog.provenance.name_patterns import Pattern
    from thresher.catalog.provenance.recipe_templates import RecipeTemplate

FILE_NAME = "catalog.toml"
ENVIRONMENT_VARIABLE = "THRESHER_CATALOG"

Backend = Literal["auto", "libchromaprint", "ffmpeg", "fpcalc"]
if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS)]

USED_AT_FIRST = ("prefix", "aligned", "likeness")
"""Metrics in use where catalog.toml does not say. A new metric is not added by itself, because scoring every clip
of an existing catalog under it may take hours."""

_Keys = TypeVar("_Keys")
_UNKNOWN_KEY = "unexpected_keyword_argument"  # pydantic's word


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class _Takes:
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


class _Section:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


def hide_password(address: str) -> str:
    """Return the address of a database with `***` in the place of a password."""
    if address.startswith("sqlite:"):
        return address
    hidden = re.sub(r"(://[^/:]*):.*@", r"\1:***@", address)
    return re.sub(r"([?&]password=)[^&]*", r"\1***", hidden)


@dataclass(frozen=True)
class CatalogSection(_Section):
    """The database: a file, whose path is relative to the folder of `catalog.toml`, or a database of a PostgreSQL
    server; and how long to wait for a lock, in seconds."""

    database: Annotated[
        str,
        _Takes(
            "the address of a database such as sqlite:///catalog.db or postgresql+psycopg://user@host/name",
            pattern=r"^(?:sqlite:///[^\x00]+|postgresql\+psycopg://(?:[^\x00/]*@)?"
            r"(?:\[[^\x00/@\]]*\]|[^\x00/@:]*)(?::[0-9]{1,5})?/[^\x00/?]+(?:\?[^\x00]*)?)$",
        ),
    ] = "sqlite:///catalog.db"
    busy_timeout: Annotated[float, _Takes("a number of seconds", ge=0, le=86400)] = 10.0

    def __post_init__(self) -> None:
        if hide_password(self.database) != self.database:
            raise ValueError(
                f'database: "{hide_password(self.database)}" holds a password; write it to ~/.pgpass or set '
                "PGPASSWORD, and leave it out here"
            )


@dataclass(frozen=True)
class TrimSection(_Section):
    """The definition of silence: the parameters of `librosa.effects.trim`, and `floor_db`, below which all is
    silent; whether new recordings are split at silences, and the longest silence inside a part, in seconds."""

    top_db: Annotated[float, _Takes("a number of decibels", ge=0, le=1000)] = 50.0
    frame_length: Annotated[int, _Takes("a number of samples", ge=2, le=1 << 20)] = 256
    hop_length: Annotated[int, _Takes("a number of samples", ge=1, le=1 << 19)] = 64
    floor_db: Annotated[float, _Takes("a number of decibels", ge=-1000, le=0)] = -72.0
    split: Annotated[bool, _Takes("true or false")] = False
    split_seconds: Annotated[float, _Takes("a number of seconds", ge=0.01, le=86400)] = SPLIT_SECONDS

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
class FingerprintSection(_Section):
    """The program that computes fingerprints."""

    backend: Backend = "auto"


@dataclass(frozen=True)
class AudioSection(_Section):
    """The longest part of a file that is analysed, in seconds."""

    max_length: Annotated[
        float, _Takes('a length such as "2:00:00", "5:00" or 90 (seconds)', gt=0, le=1e9, read=_seconds)
    ] = 7200.0


@dataclass(frozen=True)
class MetricsSection(_Section):
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
class DupesSection(_Section):
    """The definition of the same sound: the score by `aligned`, the fewest words, and the share of both clips
    covered."""

    score: Annotated[float, _Takes("a number", ge=0, le=1)] = 0.85
    words: Annotated[int, _Takes("a number of words", ge=1, le=1 << 20)] = 12
    cover: Annotated[float, _Takes("a number", ge=0, le=1)] = 0.9


@dataclass(frozen=True)
class SuspectSection(_Section):
    """The likeness to several rejected clips at which a new clip is marked suspect."""

    likeness: Annotated[float, _Takes("a number", ge=0, le=1)] = 0.9


@dataclass(frozen=True)
class IngestSection(_Section):
    """Where files are analysed, files per transaction, seconds before a changing file is read again, and whether
    clips are measured."""

    executor: Annotated[
        str,
        _Takes(
            "serial, threads[:N], processes[:N], dask[:N] or dask:tcp://HOST:PORT",
            pattern="^(?:serial|(?:threads|processes|dask)(?::[1-9][0-9]{0,3})?"
            r"|dask:(?:tcp|tls)://[^\s/]+:[0-9]{1,5})$",
        ),
    ] = "processes"
    group: Annotated[int, _Takes("a number of files", ge=1, le=100_000)] = 64
    settle: Annotated[float, _Takes("a number of seconds", ge=0, le=3600)] = 2.0
    measure: Annotated[bool, _Takes("true or false")] = True


@dataclass(frozen=True)
class SongSection(_Section):
    """Defaults of new songs; `fade` is in seconds. The default metric replaces `metric` if that is not in use."""

    order: Annotated[
        str,
        _Takes(
            "an ordering: pairs, chain, shuffle:SEED, FIELD+ or FIELD-",
            pattern="^(?:pairs|chain|shuffle:-?[0-9]{1,18}|[a-z_]+(?:@[a-z_]+)?[+-])$",
        ),
    ] = "chain"
    metric: MetricName = "likeness"
    fade: Annotated[float, _Takes("a number of seconds", ge=0, le=60)] = 0.005


@dataclass(frozen=True)
class ListenSection(_Section):
    """The audio player: "auto", the name of a supported player, or a command to which the file is added."""

    player: Annotated[str, _Takes('"auto", a player such as "mpv", or a command', pattern=r"\S")] = "auto"


@dataclass(frozen=True)
class BackupSection(_Section):
    """The folder of backups, relative to the folder of `catalog.toml`, and which are kept: the latest `keep`, and
    the last one of each of the last `weeks` weeks."""

    folder: Annotated[str, _Takes('a folder such as "/mnt/disk/thresher"', pattern=r"\S")] = "."
    keep: Annotated[int, _Takes("a number of backups", ge=1, le=10_000)] = 5
    weeks: Annotated[int, _Takes("a number of weeks", ge=0, le=10_000)] = 8


@dataclass(frozen=True)
class _PatternEntry(_Section):
    name: Annotated[str, _Takes("text", pattern=".")]
    pattern: Annotated[str, _Takes("text", pattern=".")]


@dataclass(frozen=True)
class _RecipeEntry(_Section):
    name: Annotated[str, _Takes("text", pattern=".")]
    command: Annotated[str, _Takes("text", pattern=r"\S")]
    pattern: Annotated[str | None, _Takes("text", pattern=".")] = None
    run: Annotated[str | None, _Takes("text", pattern=".")] = None
    query: Annotated[str | None, _Takes("text", pattern=r"\S")] = None
    checkpoint: Annotated[str | None, _Takes("text", pattern=".")] = None


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
    name: type(section) for name, section in vars(Settings()).items() if isinstance(section, _Section)
}

STARTER = """\
# Settings of a thresher catalog. This file marks the catalog's folder. Settings that are not here have defaults.
# catalog.example.toml, in the project's folder and documentation, lists every key with its default.

[catalog]
# database = "sqlite:///catalog.db"    # relative to this file

[trim]
# top_db = 50.0                        # trim ends this many decibels below the clip's own peak

# The names of your files, if thresher does not know them. Groups: run, epoch, step; others become attributes.
# [[provenance]]
# name = "my network"
# pattern = '(?P<run>[^/]+)_ep(?P<epoch>\\d+)_it(?P<step>\\d+)'
"""
"""The content of a new catalog's `catalog.toml`."""


def starter(address: str | None) -> str:
    """Return the content of a new catalog.toml whose database is at `address`, by default the file catalog.db."""
    if address is None:
        return STARTER
    import json

    line = '# database = "sqlite:///catalog.db"    # relative to this file'
    return STARTER.replace(line, f"database = {json.dumps(address)}")


def settings_of_database(address: str | None, source: str = "--database,") -> Settings:
    """Return the default settings for a database.

    Raises ConfigError, which begins with the `source` of the address, if it is not that of a database.
    """
    if address is None:
        return Settings()
    return Settings(catalog=_validated(CatalogSection, {"database": address}, source))


def find_catalog(explicit: Path | None, environ: Mapping[str, str], start: Path) -> Path:
    """Return the catalog's file: `explicit`, else $THRESHER_CATALOG, else the nearest `catalog.toml` above `start`.

    A folder means the catalog.toml in it. Raises CatalogError if there is none, or if the file that `explicit`
    or the variable names does not exist.
    """
    named = environ.get(ENVIRONMENT_VARIABLE)
    for source, given in (
        ("--catalog", explicit),
        (f"${ENVIRONMENT_VARIABLE}", Path(named) if named else None),
    ):
        if given is not None:
            if os.path.isfile(given / FILE_NAME):
                return given / FILE_NAME
            if not os.path.isfile(given):
                raise CatalogError(
                    f'{source}: there is no file "{given}"; `thresher init` creates a new catalog'
                )
            return given
    start = Path(os.path.abspath(start))
    for folder in (start, *start.parents):
        # Unlike Path.is_file, this returns False for a folder without permission.
        if os.path.isfile(folder / FILE_NAME):
            return folder / FILE_NAME
    raise CatalogError(
        f'there is no {FILE_NAME} in "{start}" or above; `thresher init` creates one, --catalog FILE uses another'
    )


def load_settings(path: Path) -> Settings:
    """Read the settings in the file at `path`; settings that are not in it have their defaults.

    Raises ConfigError with the file, the section, the key, the value and the expected value.
    """
    document = _document(path)
    provenance = document.pop("provenance", [])
    recipes = document.pop("recipe", [])
    roots = document.pop("roots", {})
    for name in document:
        if name not in SECTIONS:
            raise ConfigError(f"{path.name}: {_no_section(name)}")
    return Settings(
        **{name: _section(path.name, name, document[name]) for name in document},
        roots=_roots(path, roots),
        provenance=_patterns(path.name, provenance),
        recipe=_recipes(path.name, recipes),
    )


def _document(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise CatalogError(f'there is no file "{path}"; `thresher init` creates a new catalog') from error
    except OSError as error:
        raise ConfigError(f'"{path}" could not be read: {error.strerror or error}') from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise ConfigError(f"{path.name} is not UTF-8 text (at line {line}, column {column})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from error


def _section(file: str, name: str, content: object) -> Any:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{file}, {name}: {_shown(content)} is not a section; write [{name}] and its keys below it"
        )
    return _validated(SECTIONS[name], content, f"{file}, [{name}]") if content else SECTIONS[name]()


def _roots(file: Path, content: object) -> dict[str, str]:
    if not isinstance(content, dict):
        raise ConfigError(
            f"{file.name}, roots: {_shown(content)} is not a section; write [roots] and names below it"
        )
    names: dict[str, str] = {}
    for name, folder in content.items():
        where = f"{file.name}, [roots] {name}:"
        if ROOT_NAME.fullmatch(name) is None:
            raise ConfigError(f"{where} the name of a root has letters, digits, - and _ only")
        if not isinstance(folder, str) or not folder or "\0" in folder:
            raise ConfigError(f'{where} {_shown(folder)} is not a folder such as "/mnt/audio"')
        other = names.setdefault(root_folder(file.parent, folder), name)
        if other != name:
            raise ConfigError(f"{where} {_shown(folder)} is the folder of the root {other} already")
    return dict(content)


def _patterns(file: str, content: object) -> tuple[Pattern, ...]:
    entries = _entries(file, "provenance", content, "name and pattern")
    return tuple(_pattern(_entry_at(file, "provenance", number, entry), entry) for number, entry in entries)


def _recipes(file: str, content: object) -> tuple[RecipeTemplate, ...]:
    found: dict[str, RecipeTemplate] = {}
    for number, entry in _entries(file, "recipe", content, "name and command"):
        where = _entry_at(file, "recipe", number, entry)
        template = _recipe(where, entry)
        if found.setdefault(template.name, template) is not template:
            raise ConfigError(f"{where}: another template has this name already; give each a name of its own")
    return tuple(found.values())


def _entries(file: str, name: str, content: object, keys: str) -> list[tuple[int, Mapping[str, object]]]:
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise ConfigError(f"{file}, {name}: write [[{name}]], with {keys} below it")
    return list(enumerate(content, 1))


def _entry_at(file: str, section: str, number: int, content: Mapping[str, object]) -> str:
    name = content.get("name")
    return f"{file}, [[{section}]] {_shown(name) if isinstance(name, str) and name else f'number {number}'}"


def _recipe(where: str, content: Mapping[str, object]) -> RecipeTemplate:
    from thresher.catalog.provenance.recipe_templates import RecipeTemplate, Template, parse_template

    entry = _validated(_RecipeEntry, content, f"{where},")

    def parsed(key: str, text: str) -> Template:
        try:
            return parse_template(text, is_command=key == "command")
        except ValueError as error:
            raise ConfigError(f"{where}, {key}: {error}") from error

    return RecipeTemplate(
        entry.name,
        parsed("command", entry.command),
        entry.pattern,
        entry.run,
        entry.query,
        None if entry.checkpoint is None else parsed("checkpoint", entry.checkpoint),
    )


def _pattern(where: str, content: Mapping[str, object]) -> Pattern:
    from thresher.catalog.provenance.provenance import compile_pattern

    entry = _validated(_PatternEntry, content, f"{where},")
    try:
        return compile_pattern(entry.name, entry.pattern)
    except ValueError as error:
        raise ConfigError(f"{where}, pattern: {_shown(entry.pattern)}: {error}") from error


def _validated(section: type[_Keys], content: Mapping[str, object], where: str) -> _Keys:
    """Return the section with this content. Raises ConfigError for the first invalid key."""
    plain = _accepted(section, content)
    if plain is not None:
        return plain
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(section).validate_python(content)
    except ValidationError as error:
        # An unknown key is reported first, because a misspelt key may be the reason why another is missing.
        mistake = min(error.errors(), key=lambda mistake: mistake["type"] != _UNKNOWN_KEY)
        raise ConfigError(_complaint(section, content, where, mistake)) from error


def _accepted(section: type[_Keys], content: Mapping[str, Any]) -> _Keys | None:
    """Return the section with this content if plain comparisons show that pydantic accepts it, else None."""
    kinds = get_type_hints(section, include_extras=True)
    found = {}
    for key, value in content.items():
        kind: Any = kinds.get(key)
        if hasattr(kind, "__metadata__"):
            found[key] = kind.__metadata__[0].accepted(value, kind.__origin__)
        elif get_origin(kind) is tuple:
            found[key] = tuple(value) if type(value) is list and _are_words(value, kind) else None
        else:
            found[key] = value if _are_words([value], kind) else None
        if found[key] is None:
            return None
    try:
        return section(**found)
    except (TypeError, ValueError):  # a key is missing, or the section's own check fails
        return None


def _are_words(values: Sequence[object], kind: Any) -> bool:
    """Return whether a key of this kind takes all these words."""
    return all(type(value) is str and value in _words(kind) for value in values)


def _complaint(
    section: type[Any], content: Mapping[str, object], where: str, mistake: Mapping[str, Any]
) -> str:
    if not mistake["loc"]:  # a section's own check, which names the key itself
        return f"{where} {mistake['ctx']['error']}"
    key = mistake["loc"][0]
    if mistake["type"] == "missing":
        return f"{where.rstrip(',')}: {key} is missing"
    if mistake["type"] == _UNKNOWN_KEY:
        return f"{where} {key}: {_no_key(key, tuple(one.name for one in fields(section)))}"
    value: Any = content[key]
    kind = get_type_hints(section, include_extras=True)[key]
    if get_origin(kind) is tuple:  # a list of words
        words = get_args(get_args(kind)[0])
        if mistake["type"] == "literal_error":
            return f"{where} {key}: {_shown(value[mistake['loc'][1]])} is not {any_of(words)}"
        expected = f"a list of {any_of(words)}, such as {_shown(list(words[:1]))}"
    elif mistake["type"] == "literal_error":
        words = tuple(word for word in _words(kind) if word is not None)
        nearest = _nearest(value, words)
        expected = any_of(words) + (f'; did you mean "{nearest}"?' if nearest else "")
    else:
        expected = kind.__metadata__[0].instead_of(value, kind.__origin__)
    return f"{where} {key}: {_shown(value)} is not {expected}"


def _words(kind: Any) -> Iterator[Any]:
    """Yield the words that a key takes, whether or not it may be absent."""
    for each in get_args(kind):
        yield from _words(each) if get_args(each) else (None if each is type(None) else each,)


def _no_section(name: str) -> str:
    homes = [section for section, keys in SECTIONS.items() if name in {key.name for key in fields(keys)}]
    if homes:
        return f'"{name}" belongs below [{homes[0]}]'
    known = (*SECTIONS, "roots", "provenance", "recipe")
    nearest = _nearest(name, known)
    return (
        f'unknown section "{name}"; did you mean "{nearest}"?' if nearest else unknown("section", name, known)
    )


def _no_key(key: str, known: tuple[str, ...]) -> str:
    nearest = _nearest(key, known)
    if nearest:
        return f'no such key; did you mean "{nearest}"?'
    homes = [name for name, section in SECTIONS.items() if key in {one.name for one in fields(section)}]
    return (
        f"no such key; it belongs below [{homes[0]}]" if homes else f"no such key (expected {any_of(known)})"
    )


def _nearest(word: object, known: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(str(word), known, n=1)), None)


def _shown(value: object) -> str:
    import json

    shown = hide_password(value) if isinstance(value, str) else value
    text = json.dumps(shown, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"
