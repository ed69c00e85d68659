"""Infer the checkpoint that wrote a file from its path, its sidecar and the command's flags.

`name_patterns.py` lists the patterns of file names, `sidecars.py` reads sidecars. Epochs and steps are whole
numbers from 0, which names and sidecars may write with k or M: 120k is 120000. Names can be wrong or repeat, so
what is inferred here is a default that people correct.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module

from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.name_parts import NO_INDEX
from thresher.catalog.provenance.name_patterns import PATTERNS, RUN_FOLDERS, Pattern
from thresher.catalog.text import time_limit as time_limits
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.time_limit import ADVICE, TooSlowError, bounded_match
from thresher.catalog.text.values import LARGEST_INTEGER, whole_number
from thresher.errors import ConfigError
from thresher.formatting import shortened

CHECKPOINT_KEYS = ("run", "epoch", "step")

LONGEST_KEY = 200  # characters of an attribute's name

_FIELD_REGISTRY = "thresher.catalog.queries.fields"
"""The registry of query fields. It is named by its path, because the query language is built on this package."""


@cache
def reserved_keys() -> frozenset[str]:
    """Return the names that no attribute may have, in any case: those of query fields, and `tags`."""
    fields = import_module(_FIELD_REGISTRY).FIELDS  # loads SQLAlchemy, which a scan does not need
    return (frozenset(fields) - set(CHECKPOINT_KEYS)) | {"tags"}


@dataclass(frozen=True)
class Provenance:
    """The checkpoint that wrote a file and the file's attributes, as far as known.

    Keys of `attributes` may hold any printable character; values are text, even if they look like numbers.
    """

    run: str | None = None
    epoch: int | None = None
    step: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """Return all known values as text: run, epoch, step and the attributes."""
        named = {"run": self.run, "epoch": self.epoch, "step": self.step}
        return {key: str(value) for key, value in named.items() if value is not None} | dict(self.attributes)


@dataclass(frozen=True)
class Inference:
    """The inferred provenance of a file, and the name of the pattern that matched its path, if one did.

    `problems` are clauses about values that cannot be a run, an epoch or a step.
    """

    provenance: Provenance
    pattern: str | None
    problems: tuple[str, ...] = ()


_LONGEST_BEFORE = 16  # characters before an index that say that it is another value

# audiocraft keeps prompts below their epoch, and the excerpts that they were cut from beside the epochs.
_SKIPPED = re.compile(r"(?:^|/)[0-9a-f]{8}/samples/(?:\d+/)?(?:prompt|reference)/")


def check_key(key: str) -> None:
    """Raise ValueError if `key` cannot name a value of a file, with the reason and a name that can."""
    if not key.strip() or not key.isprintable() or len(key) > LONGEST_KEY:
        raise ValueError(
            f"{key[:LONGEST_KEY]!r} is not a name (expected 1 to {LONGEST_KEY} printable characters)"
        )
    if is_reserved(key):
        raise ValueError(f'"{key}" is already a query field; "file_{key}" is free')
    if key.casefold() in CHECKPOINT_KEYS and key not in CHECKPOINT_KEYS:
        raise ValueError(
            f'"{key}" differs from a query field only in its case; did you mean "{key.casefold()}"?'
        )


def check_attribute_key(key: str) -> None:
    """Do what `check_key` does, and refuse the parts of a checkpoint, too."""
    if key in CHECKPOINT_KEYS:
        raise ValueError(f'"{key}" belongs to the checkpoint, and cannot name an attribute')
    check_key(key)


def is_reserved(key: str) -> bool:
    """Return whether a query field has this name, in any case, so that no attribute can."""
    return key.casefold() in reserved_keys()


def compile_pattern(name: str, regex_text: str) -> Pattern:
    """Compile a user's pattern, which has to match the end of a path, with or without its suffix.

    Raises ValueError if the expression is invalid, has no named group, or has a group that cannot be a field.
    """
    pattern = Pattern(name, "", nfc(regex_text), flags=re.NOFLAG)
    try:
        regex = pattern.regex
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if not regex.groupindex:
        raise ValueError("it has no named group; write (?P<epoch>…) around the part to read")
    for group in regex.groupindex:
        try:
            check_key(group)
        except ValueError as error:
            raise ValueError(f"group {error}") from None
    return pattern


def is_skipped(text: str) -> bool:
    """Return whether a file is audiocraft's prompt or reference audio, which no checkpoint wrote.

    `text` is its absolute path as `paths.display_text` returns it.
    """
    return _SKIPPED.search(text) is not None


def infer(
    path: bytes,
    *,
    patterns: Sequence[Pattern] = PATTERNS,
    sidecar: Mapping[str, str] | None = None,
    overrides: Provenance | None = None,
) -> Inference:
    """Infer the provenance of the file at the absolute `path`.

    The first of `patterns` that matches reads the path. For each of run, epoch, step and every attribute, the first
    of these that has it counts: `overrides` (the flags), the path, a run folder above the file, the sidecar. What
    none of them has is None. The run may then be the name of the ingested folder, which the caller knows.
    """
    overrides = overrides or Provenance()
    sidecar = sidecar or {}
    text = nfc(display_text(path))
    pattern, named = _match(text, patterns)
    known = {**sidecar, **named}
    problems: list[str] = []
    epoch, step = (
        stated if stated is not None else _count(key, (("name", named), ("sidecar", sidecar)), problems)
        for key, stated in (("epoch", overrides.epoch), ("step", overrides.step))
    )
    # An epoch or step that is not a whole number, such as "final", is kept as an attribute.
    used = {"run"} | ({"epoch"} if epoch is not None else set()) | ({"step"} if step is not None else set())
    provenance = Provenance(
        run=overrides.run or named.get("run") or _run_of_folders(text) or sidecar.get("run") or None,
        epoch=epoch,
        step=step,
        attributes={key: value for key, value in known.items() if key not in used}
        | dict(overrides.attributes),
    )
    return Inference(provenance, pattern, tuple(problems))


def run_of_folder(path: bytes, root: bytes, *, patterns: Sequence[Pattern] = PATTERNS) -> str | None:
    """Return the run of a file whose names and sidecar name none: the sub-folder below the folder `root`.

    `root` is the folder that was ingested first among those that contain the file (`run_roots.py`).

    Files directly in `root` are of the run that is named like `root`, and so are files below a sub-folder that
    names an epoch or a step itself, such as `checkpoint-5000`. None if `root` has no name.
    """
    folder, inside = (
        nfc(display_text(os.path.basename(root))) or None,
        path.removeprefix(os.path.join(root, b"")),
    )
    if inside == path or b"/" not in inside:
        return folder
    name = nfc(display_text(inside.partition(b"/")[0]))
    return folder if folder is not None and _names_checkpoint(name, tuple(patterns)) else name


@lru_cache(maxsize=1024)
def _names_checkpoint(folder: str, patterns: tuple[Pattern, ...]) -> bool:
    named = _match(f"{folder}/", patterns)[1]
    return "epoch" in named or "step" in named


def _match(text: str, patterns: Sequence[Pattern]) -> tuple[str | None, dict[str, str]]:
    """Return the name and the groups of the first pattern that matches an end of a path, shorter ends first."""
    stem = os.path.splitext(text)[0]
    lower = text.lower()
    ends: list[str] = []
    for pattern in patterns:
        if not pattern.may_match(lower):
            continue
        ends = ends or ([*_ends(stem), *_ends(text)] if stem != text else list(_ends(stem)))
        match = _fullmatch(pattern, ends, text)
        if match is not None:
            values = {key: value for key, value in match.groupdict().items() if value}
            if "index" in values and not pattern.is_of_user and not _is_index(match):
                del values["index"]
            return pattern.name, values
    return None, {}


def _is_index(match: re.Match[str]) -> bool:
    """Return whether the number of the group `index` is not a date, a rate or a part of another value."""
    number, before = _no_index()
    start, end = match.span("index")
    if end - start > len("999") and number.fullmatch(match.string, start, end):
        return False
    return before.search(match.string, max(0, start - _LONGEST_BEFORE), start) is None


@cache
def _no_index() -> tuple[re.Pattern[str], re.Pattern[str]]:
    number, before = NO_INDEX
    return re.compile(number, re.ASCII), re.compile(before, re.ASCII)


def _fullmatch(pattern: Pattern, ends: Sequence[str], text: str) -> re.Match[str] | None:
    """Return the match of the first end. Raises ConfigError if a pattern of the user takes too long."""
    if not pattern.is_of_user:
        return next(filter(None, map(pattern.regex.fullmatch, ends)), None)
    expression = pattern.regex.pattern
    until = time.monotonic() + time_limits.SECONDS
    try:
        matches = (bounded_match(expression, end, until - time.monotonic()) for end in ends)
        return next(filter(None, matches), None)
    except TooSlowError:
        raise ConfigError(
            f'catalog.toml, [[provenance]] "{pattern.name}": the pattern takes more than {time_limits.SECONDS:g} s '
            f'to read "{text}"; {ADVICE}'
        ) from None


def _ends(text: str) -> Iterator[str]:
    """Yield the ends of a path: `a/b/c` → `c`, `b/c`, `a/b/c`."""
    position = len(text)
    while (position := text.rfind("/", 0, position)) >= 0:
        yield text[position + 1 :]
    if not text.startswith("/"):
        yield text


def _run_of_folders(text: str) -> str | None:
    for folder in reversed(text.split("/")[:-1]):
        for pattern in RUN_FOLDERS:
            match = pattern.regex.search(folder)
            if match is not None:
                return match["run"]
    return None


def _count(key: str, sources: Sequence[tuple[str, Mapping[str, str]]], problems: list[str]) -> int | None:
    """Return the epoch or step of the first source that has a valid one; describe each invalid one."""
    found = None
    for source, values in sources:
        text = values.get(key)
        number = None if text is None else whole_number(text)
        if text is not None and number is None:
            problems.append(
                f'{key} "{shortened(text)}" in the {source} is not a whole number from 0 to {LARGEST_INTEGER}'
            )
        found = number if found is None else found
    return found
