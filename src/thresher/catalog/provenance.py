r"""What a file's path, its sidecar and the command's flags say about the checkpoint that wrote it.

A pattern is a regular expression over text: the end of the path without its suffix, from the beginning of a
file's or a folder's name, with `/` between names. Its named groups `run`, `epoch` and `step` make the
checkpoint; every other group is an attribute, kept as the text that was written. Epochs and steps are whole
numbers from 0. Names lie and repeat: what is inferred here informs, and people correct it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from thresher.catalog.paths import display_text
from thresher.catalog.values import LARGEST_INTEGER

CHECKPOINT_KEYS = ("run", "epoch", "step")

RESERVED_KEYS = frozenset(
    {"id", "path", "status", "reason", "role", "rating", "rejected", "rated", "tag", "tags", "note", "length"}
    | {"start", "end", "rate", "channels", "format", "subtype", "loudness", "peak", "kind", "batch", "added"}
    | {"missing", "copies", "recording", "sha_", "song", "score", "near", "heard", "suspect", "cluster"}
    | {"verdict", "silence", "loudness_range", "clipping", "noise", "dc_offset", "loop", "loop_period"}
    | {"onset_rate", "tempo"}
)
"""What queries mean something else by, or may come to: no attribute may go by these names."""

LARGEST_SIDECAR = 1_000_000  # bytes
MOST_SIDECAR_KEYS = 256

_KEY = re.compile(r"[a-z_]+")
_WHOLE_NUMBER = re.compile(r"([0-9]+)(?:\.0+)?")


@dataclass(frozen=True)
class Provenance:
    """The checkpoint that wrote a file, as far as known, and whatever else is known about the file.

    Keys of `attributes` match `[a-z_]+`; values are text, also where they look like numbers.
    """

    run: str | None = None
    epoch: int | None = None
    step: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pattern:
    """A way of naming files, called by the name of the generator that uses it."""

    name: str
    regex: re.Pattern[str]


@dataclass(frozen=True)
class Inference:
    """What was inferred about a file, and the name of the pattern that claimed its path, if one did."""

    provenance: Provenance
    pattern: str | None


_LOSS = r"[\d.]+|nan|inf"

BUILT_IN: tuple[Pattern, ...] = tuple(
    Pattern(name, re.compile(regex, re.ASCII))
    # The order matters: what is spelled out most fully comes first.
    for name, regex in (
        (
            "dadabots SampleRNN",
            r"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_(?P<seconds>\d+)"
            r"_(?P<clock>\d{1,2}[:_-]\d{1,2}[:_-]\d{1,2})_(?P<index>\d+)",
        ),
        (
            "SampleRNN training",
            rf"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_t(?P<hours>[\d.]+)"
            rf"_tr(?P<train_loss>{_LOSS})_v(?P<valid_loss>{_LOSS})(?:_best)?_(?P<index>\d+)",
        ),
        (
            "PRiSM SampleRNN",
            r"(?P<run>[^/]+?)_e=(?P<epoch>\d+)(?:\.index)?(?:\((?P<index>\d+)\))?"
            r"_t=(?P<temperature>\d+(?:\.\d+)?)",
        ),
        ("samplernn-pytorch", r"(?P<run>[^/]+)/samples/ep(?P<epoch>\d+)-s(?P<index>\d+)"),
        ("samplernn-pytorch", r"ep(?P<epoch>\d+)-s(?P<index>\d+)"),
        ("audiocraft", r"(?P<run>[0-9a-f]{8})/samples/(?P<epoch>\d+)/[^/]+"),
        (
            "Dance Diffusion",
            r"demo(?:_(?!cfg_)(?P<condition>[^/]+?))?(?:_cfg_(?P<cfg>[\d.]+))?_(?P<step>\d{8,})",
        ),
        ("WaveGAN", r"(?P<run>[^/]+)/preview/(?P<step>\d{8,})"),
        ("Jukebox", r"(?P<run>[^/]+?)(?:_rank_\d+)?/level_(?P<level>\d)/item_(?P<index>\d+)"),
        (
            "PRiSM SampleRNN 2020, training",
            r"(?P<run>[^/]+?)_epoch_(?P<epoch>\d+)(?:_(?P<variant>[A-Za-z][^/]*?))?(?:_(?P<index>\d+))?",
        ),
        (
            "PRiSM SampleRNN 2020",
            r"(?P<run>[^/]+?)-epoch-(?P<epoch>\d+)(?:-(?P<part>\d+))?/[^/]+?_(?P<index>\d+)",
        ),
        # No generator's own: what people call files when the folder names the run.
        ("epoch", r"epoch_(?P<epoch>\d+)(?:_(?P<variant>[A-Za-z][^/]*?))?(?:_(?P<index>\d+))?"),
    )
)
"""The names that known generators give, in the order in which they are tried."""

RUN_FOLDERS: tuple[Pattern, ...] = (
    Pattern("SampleRNN training", re.compile(r"-exp(?P<run>.+?)-(?:n_frames|seq_len)\d+-")),
    Pattern("samplernn-pytorch", re.compile(r"^(?P<run>exp:.+)$")),
)
"""Folder names, anywhere above a file, that name the run where the file's name does not."""

# audiocraft keeps prompts below their epoch, the excerpts they were cut from beside the epochs.
_SKIPPED = re.compile(r"(?:^|/)[0-9a-f]{8}/samples/(?:\d+/)?(?:prompt|reference)/")


def check_key(key: str) -> None:
    """Raise ValueError where `key` cannot name an attribute, saying why and what would do."""
    if _KEY.fullmatch(key) is None:
        plain = _plain_key(key)
        known = {group for pattern in BUILT_IN for group in pattern.regex.groupindex} | set(CHECKPOINT_KEYS)
        nearest = next(iter(_close_matches(key.lower(), sorted(known))), plain)
        raise ValueError(f'"{key}" may hold only a to z and _; did you mean "{nearest}"?')
    if key in RESERVED_KEYS:
        raise ValueError(f'"{key}" is a query field already; "file_{key}" is free')


def compile_pattern(name: str, regex_text: str) -> Pattern:
    """A pattern from what a user wrote; it has to match the end of a path, with or without its suffix.

    Raises ValueError where the expression is broken, names nothing, or has a group that cannot be a field.
    """
    try:
        regex = re.compile(regex_text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"not a regular expression: {error}") from error
    if not regex.groupindex:
        raise ValueError("it names nothing: write (?P<epoch>…) around what should be kept")
    for group in regex.groupindex:
        try:
            check_key(group)
        except ValueError as error:
            raise ValueError(f"group {error}") from None
    return Pattern(name, regex)


def is_skipped(text: str) -> bool:
    """Whether a file is audiocraft's prompt or reference audio, which no checkpoint wrote.

    `text` is its absolute path as `paths.display_text` gives it.
    """
    return _SKIPPED.search(text) is not None


def infer(
    path: bytes,
    *,
    patterns: Sequence[Pattern] = BUILT_IN,
    sidecar: Mapping[str, str] | None = None,
    overrides: Provenance | None = None,
) -> Inference:
    """Which checkpoint wrote the file at the absolute `path`, and what else is known of it.

    The first of `patterns` that matches claims the path. For each of run, epoch, step and every attribute the
    first that names it counts: `overrides` (flags), the claimed name, a run folder above the file, the
    sidecar. What none of them names is None, the run too: the ingested folder's name is for the caller.
    """
    overrides = overrides or Provenance()
    sidecar = sidecar or {}
    text = display_text(path)
    pattern, named = _claim(text, patterns)
    known = {**sidecar, **named}
    epoch = _first(overrides.epoch, _whole_number(named.get("epoch")), _whole_number(sidecar.get("epoch")))
    step = _first(overrides.step, _whole_number(named.get("step")), _whole_number(sidecar.get("step")))
    # What is no number stays as it was written, as an attribute: "1000k" is better than nothing.
    said = {"run"} | ({"epoch"} if epoch is not None else set()) | ({"step"} if step is not None else set())
    provenance = Provenance(
        run=overrides.run or named.get("run") or _run_of_folders(text) or sidecar.get("run") or None,
        epoch=epoch,
        step=step,
        attributes={key: value for key, value in known.items() if key not in said}
        | dict(overrides.attributes),
    )
    return Inference(provenance, pattern)


def read_sidecar(path: bytes) -> tuple[dict[str, str], str | None]:
    """What the JSON file beside an audio file says (`a.wav.json`, else `a.json`), and a warning if broken.

    Nested values are flattened, `{"prompt": {"id": 1}}` to `prompt_id`; keys are made to fit `[a-z_]+`, and
    `sidecar_` goes before those that are query fields. audiocraft's `generation_args` and `conditioning` give
    their keys without a prefix. Lists and nulls are left out. No sidecar is an empty answer, not a warning.
    """
    for candidate in (path + b".json", os.path.splitext(path)[0] + b".json"):
        name = display_text(os.path.basename(candidate))
        try:
            data = _read_small_file(candidate)
        except FileNotFoundError:
            continue
        except OSError as error:
            if (
                error.errno == errno.ENAMETOOLONG
            ):  # the audio file's own name fills it, so there is no such file
                continue
            return {}, f'sidecar "{name}" could not be read: {error.strerror or error}'
        except ValueError as error:
            return {}, f'sidecar "{name}" is left out: {error}'
        try:
            content = json.loads(data)
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
            return {}, f'sidecar "{name}" is not valid JSON: {error}'
        if not isinstance(content, dict):
            return {}, f'sidecar "{name}" is left out: it holds no JSON object'
        return _attributes(content, name)
    return {}, None


_TRANSPARENT = frozenset({"generation_args", "conditioning"})
# audiocraft's own words for what other generators' names and sidecars call so.
_SYNONYMS = {"temp": "temperature", "classifier_free_guidance_inference_coef": "cfg", "cfg_coef": "cfg"}


def _attributes(content: Mapping[str, object], name: str) -> tuple[dict[str, str], str | None]:
    attributes: dict[str, str] = {}
    try:
        for key, value in _flat(content, ""):
            if len(attributes) == MOST_SIDECAR_KEYS:
                return attributes, f'sidecar "{name}": only the first {MOST_SIDECAR_KEYS} values are kept'
            attributes.setdefault(f"sidecar_{key}" if key in RESERVED_KEYS else key, value)
    except RecursionError:
        return {}, f'sidecar "{name}" is left out: nested too deeply'
    return attributes, None


def _flat(content: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for raw_key, value in content.items():
        key = prefix + _plain_key(raw_key)
        if isinstance(value, dict):
            yield from _flat(value, "" if key in _TRANSPARENT else f"{key}_")
        elif isinstance(value, bool):
            yield _SYNONYMS.get(key, key), "true" if value else "false"
        elif isinstance(value, int | float | str) and value != "":
            yield _SYNONYMS.get(key, key), _storable(str(value))


def _read_small_file(path: bytes) -> bytes:
    # A FIFO would block at open, so it must be seen first.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    with open(path, "rb") as file:
        data = file.read(LARGEST_SIDECAR + 1)
    if len(data) > LARGEST_SIDECAR:
        raise ValueError(f"it is larger than {LARGEST_SIDECAR:,} bytes")
    return data


def _claim(text: str, patterns: Sequence[Pattern]) -> tuple[str | None, dict[str, str]]:
    """The name and the groups of the first pattern that matches an end of a path, shorter ends first."""
    stem = os.path.splitext(text)[0]
    ends = [*_ends(stem), *_ends(text)] if stem != text else list(_ends(stem))
    for pattern in patterns:
        for end in ends:
            match = pattern.regex.fullmatch(end)
            if match is not None:
                return pattern.name, {key: value for key, value in match.groupdict().items() if value}
    return None, {}


def _ends(text: str) -> Iterator[str]:
    """`a/b/c` → `c`, `b/c`, `a/b/c`."""
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


def _first(*numbers: int | None) -> int | None:
    return next((number for number in numbers if number is not None), None)


def _whole_number(text: str | None) -> int | None:
    match = None if text is None else _WHOLE_NUMBER.fullmatch(text)
    if match is None or len(match[1].lstrip("0")) > len(str(LARGEST_INTEGER)):
        return None
    number = int(match[1].lstrip("0") or "0")
    return number if number <= LARGEST_INTEGER else None


def _plain_key(key: str) -> str:
    return re.sub(r"[^a-z_]", "_", key.lower()) or "_"


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def _storable(text: str) -> str:
    """Text that UTF-8 can hold, without control characters other than line feeds and tabs."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _close_matches(word: str, known: Sequence[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, known, n=1)
