"""`catalog.toml` → validated settings, and where to find that file.

Settings are frozen dataclasses; every key knows its default and how to read what a user wrote. No library
validates them because each listing would pay for its import: pydantic costs 0.25 s before the first key.
Times and lengths are seconds, levels are decibels relative to full scale, frames and hops are in samples.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from thresher.errors import CatalogError, ConfigError

if TYPE_CHECKING:
    from thresher.catalog.provenance import Pattern

FILE_NAME = "catalog.toml"
ENVIRONMENT_VARIABLE = "THRESHER_CATALOG"

BACKENDS = ("auto", "libchromaprint", "ffmpeg", "fpcalc")
METRICS = ("prefix",)

_Value = TypeVar("_Value")
_Reader = Callable[[object], _Value]


class _UnfitError(Exception):
    """A value is not what its key takes; the message goes on after the value: "is not a number of …"."""


def _key(default: _Value, read: _Reader[_Value]) -> Any:
    return field(default=default, metadata={"read": read})


def parse_duration(text: str) -> float:
    """Seconds from "90", "12:40" or "1:02:03.5"; raises ValueError, showing what is not a length."""
    match = re.fullmatch(r"(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+(?:\.[0-9]+)?)", text.strip())
    if match is not None and len(text) <= 32:
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        # Only what comes first may be larger than a clock shows: "90:00" is an hour and a half.
        if (match[2] is None or seconds < 60) and (match[1] is None or minutes < 60):
            return hours * 3600 + minutes * 60 + seconds
    raise ValueError(f'"{text}" is not a length such as 90, 1:30 or 2:00:00')


def format_duration(seconds: float) -> str:
    """A length to the nearest second, as "0:07", "12:40" or "1:02:03"; raises ValueError where it is none."""
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{seconds} is not a length in seconds")
    minutes, second = divmod(int(seconds + 0.5), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _number(low: float, high: float, what: str) -> _Reader[float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _UnfitError(f"is not {what}")
        if not low <= value <= high:  # also where it is nan
            raise _UnfitError(f"is not {what} from {low:g} to {high:g}")
        return float(value)

    return read


def _whole_number(low: int, high: int, what: str) -> _Reader[int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise _UnfitError(f"is not a whole number of {what}")
        if not low <= value <= high:
            raise _UnfitError(f"is not a number of {what} from {low:,} to {high:,}")
        return value

    return read


def _one_of(choices: tuple[str, ...]) -> _Reader[str]:
    def read(value: object) -> str:
        if value not in choices:
            nearest = _nearest(value, choices)
            raise _UnfitError(
                f"is not {_any_of(choices)}" + (f'; did you mean "{nearest}"?' if nearest else "")
            )
        return str(value)

    return read


def _shaped(shape: str, what: str) -> _Reader[str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or re.fullmatch(shape, value) is None:
            raise _UnfitError(f"is not {what}")
        return value

    return read


def _length(value: object) -> float:
    try:
        seconds = parse_duration(value) if isinstance(value, str) else _seconds(value)
    except (ValueError, _UnfitError):
        seconds = 0.0
    if seconds <= 0:
        raise _UnfitError('is not a length such as "2:00:00", "5:00" or 90 (seconds)')
    return seconds


_seconds = _number(0, 1e9, "a number of seconds")


@dataclass(frozen=True)
class CatalogSection:
    """Where the tables are; `database` is relative to the folder of `catalog.toml`."""

    database: str = _key(
        "sqlite:///catalog.db",
        _shaped(r"sqlite:///.+", "the address of a database such as sqlite:///catalog.db"),
    )
    busy_timeout: float = _key(10.0, _number(0, 86400, "a number of seconds"))


@dataclass(frozen=True)
class TrimSection:
    """What counts as silence: the words of `librosa.effects.trim`, and `floor_db`, silent in itself."""

    top_db: float = _key(50.0, _number(0, 1000, "a number of decibels"))
    frame_length: int = _key(256, _whole_number(2, 1 << 20, "samples"))
    hop_length: int = _key(64, _whole_number(1, 1 << 19, "samples"))
    floor_db: float = _key(-72.0, _number(-1000, 0, "a number of decibels"))


@dataclass(frozen=True)
class FingerprintSection:
    """Which library makes fingerprints."""

    backend: str = _key("auto", _one_of(BACKENDS))


@dataclass(frozen=True)
class AudioSection:
    """How much of a file is analysed, in seconds."""

    max_length: float = _key(7200.0, _length)


@dataclass(frozen=True)
class MetricsSection:
    """What a score means where nothing else is asked for."""

    default: str = _key("prefix", _one_of(METRICS))


@dataclass(frozen=True)
class IngestSection:
    """Where the work runs, how many files a transaction holds, how many seconds a file has to lie still."""

    executor: str = _key(
        "processes",
        _shaped(r"serial|(?:threads|processes)(?::[1-9][0-9]{0,3})?", "serial, threads[:N] or processes[:N]"),
    )
    group: int = _key(64, _whole_number(1, 100_000, "files"))
    settle: float = _key(2.0, _number(0, 3600, "a number of seconds"))


@dataclass(frozen=True)
class SongSection:
    """What a new song is made with; `fade` is in seconds."""

    order: str = _key(
        "pairs",
        _shaped(
            r"pairs|shuffle:[0-9]+|[a-z_]+[+-]",
            "an ordering: pairs, shuffle:SEED, FIELD+ or FIELD-",
        ),
    )
    fade: float = _key(0.005, _number(0, 60, "a number of seconds"))


@dataclass(frozen=True)
class Settings:
    """Everything `catalog.toml` can say; `provenance` holds the user's patterns in the order of the file."""

    catalog: CatalogSection = field(default_factory=CatalogSection)
    trim: TrimSection = field(default_factory=TrimSection)
    fingerprint: FingerprintSection = field(default_factory=FingerprintSection)
    audio: AudioSection = field(default_factory=AudioSection)
    metrics: MetricsSection = field(default_factory=MetricsSection)
    ingest: IngestSection = field(default_factory=IngestSection)
    song: SongSection = field(default_factory=SongSection)
    provenance: tuple[Pattern, ...] = ()


SECTIONS: dict[str, type] = {
    "catalog": CatalogSection,
    "trim": TrimSection,
    "fingerprint": FingerprintSection,
    "audio": AudioSection,
    "metrics": MetricsSection,
    "ingest": IngestSection,
    "song": SongSection,
}

STARTER = """\
# Settings of a thresher catalog. This file marks the catalog's folder; what it does not say has its default.
# catalog.example.toml, in the project's folder and documentation, lists every key with its default.

[catalog]
# database = "sqlite:///catalog.db"    # relative to this file

[trim]
# top_db = 50.0                        # how far below a clip's own peak its silent ends lie, in decibels

# How your files are named, where thresher does not know. Groups run, epoch, step; others become attributes.
# [[provenance]]
# name = "my network"
# pattern = '(?P<run>[^/]+)_ep(?P<epoch>\\d+)_it(?P<step>\\d+)'
"""
"""What a new catalog's `catalog.toml` holds."""


def find_catalog(explicit: Path | None, environ: Mapping[str, str], start: Path) -> Path:
    """The catalog's file: `explicit`, else $THRESHER_CATALOG, else the nearest `catalog.toml` above `start`.

    Raises CatalogError where there is none; a file that was named but is not there has no substitute.
    """
    named = environ.get(ENVIRONMENT_VARIABLE)
    for source, given in (
        ("--catalog", explicit),
        (f"${ENVIRONMENT_VARIABLE}", Path(named) if named else None),
    ):
        if given is not None:
            if not os.path.isfile(given):
                raise CatalogError(
                    f'{source}: there is no file "{given}"; `thresher init` makes a new catalog'
                )
            return given
    start = Path(os.path.abspath(start))
    for folder in (start, *start.parents):
        # Unlike Path.is_file, this says no where a folder may not be looked into.
        if os.path.isfile(folder / FILE_NAME):
            return folder / FILE_NAME
    raise CatalogError(
        f'there is no {FILE_NAME} in "{start}" or above; `thresher init` makes one, --catalog names another'
    )


def load_settings(path: Path) -> Settings:
    """The settings in the file at `path`; what it does not say has its default.

    Raises ConfigError naming the file, the section, the key, the value and what is expected instead.
    """
    document = _document(path)
    provenance = document.pop("provenance", [])
    for name in document:
        if name not in SECTIONS:
            raise ConfigError(f"{path.name}: {_no_section(name)}")
    return Settings(
        **{name: _section(path.name, name, document[name]) for name in document},
        provenance=_patterns(path.name, provenance),
    )


def _document(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise CatalogError(f'there is no file "{path}"; `thresher init` makes a new catalog') from error
    except OSError as error:
        raise ConfigError(f'"{path}" could not be read: {error.strerror or error}') from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise ConfigError(f"{path.name} is not UTF-8 text (at line {line}, column {column})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from error


def _section(file: str, name: str, content: object) -> Any:
    section = SECTIONS[name]
    if not isinstance(content, dict):
        raise ConfigError(
            f"{file}, {name}: {_shown(content)} is not a section; write [{name}] and its keys below it"
        )
    readers: dict[str, _Reader[Any]] = {key.name: key.metadata["read"] for key in fields(section)}
    values = {}
    for key, value in content.items():
        if key not in readers:
            raise ConfigError(f"{file}, [{name}] {key}: {_no_key(key, tuple(readers))}")
        try:
            values[key] = readers[key](value)
        except _UnfitError as error:
            raise ConfigError(f"{file}, [{name}] {key}: {_shown(value)} {error}") from None
    settings = section(**values)
    if isinstance(settings, TrimSection):
        _check_frames(file, settings)
    return settings


def _check_frames(file: str, trim: TrimSection) -> None:
    if trim.frame_length % (2 * trim.hop_length):
        raise ConfigError(
            f"{file}, [trim] frame_length: {trim.frame_length} is not a multiple of twice the hop_length, "
            f"which is {trim.hop_length}"
        )


def _patterns(file: str, content: object) -> tuple[Pattern, ...]:
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise ConfigError(f"{file}, provenance: write [[provenance]], with name and pattern below it")
    return tuple(_pattern(file, number, entry) for number, entry in enumerate(content, 1))


def _pattern(file: str, number: int, entry: Mapping[str, object]) -> Pattern:
    from thresher.catalog.provenance import compile_pattern

    name = entry.get("name")
    where = f"{file}, [[provenance]] {_shown(name) if isinstance(name, str) and name else f'number {number}'}"
    for key in entry:
        if key not in ("name", "pattern"):
            raise ConfigError(f"{where}, {key}: {_no_key(key, ('name', 'pattern'))}")
    for key in ("name", "pattern"):
        if key not in entry:
            raise ConfigError(f"{where}: {key} is missing")
        if not isinstance(entry[key], str) or not entry[key]:
            raise ConfigError(f"{where}, {key}: {_shown(entry[key])} is not text")
    try:
        return compile_pattern(str(name), str(entry["pattern"]))
    except ValueError as error:
        raise ConfigError(f"{where}, pattern: {_shown(entry['pattern'])}: {error}") from error


def _no_section(name: str) -> str:
    homes = [section for section, keys in SECTIONS.items() if name in {key.name for key in fields(keys)}]
    if homes:
        return f'"{name}" belongs below [{homes[0]}]'
    known = (*SECTIONS, "provenance")
    nearest = _nearest(name, known)
    return f'there is no section "{name}"; ' + (
        f'did you mean "{nearest}"?' if nearest else f"there is {_any_of(known)}"
    )


def _no_key(key: str, known: tuple[str, ...]) -> str:
    nearest = _nearest(key, known)
    if nearest:
        return f'no such key; did you mean "{nearest}"?'
    homes = [name for name, section in SECTIONS.items() if key in {one.name for one in fields(section)}]
    return "no such key; " + (f"it belongs below [{homes[0]}]" if homes else f"there is {_any_of(known)}")


def _nearest(word: object, known: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(str(word), known, n=1)), None)


def _any_of(words: tuple[str, ...]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _shown(value: object) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"
