"""Read the JSON file next to an audio file. Its values become attributes.

docs/names.md describes the keys.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.command_lines import COMMAND_KEYS, find_command, flags_of
from thresher.catalog.provenance.generation_words import is_generation_name
from thresher.catalog.provenance.provenance import CHECKPOINT_KEYS, LONGEST_KEY, is_reserved
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import whole_number
from thresher.formatting import shortened

_LONGEST_SHOWN = 60
_PREFIX = "sidecar_"
LARGEST_SIDECAR = 1_000_000  # bytes
MOST_SIDECAR_KEYS = 256

TRANSPARENT = (
    *("generation_args", "conditioning", "generation_config", "generation_params", "input_params"),
    *("args", "metadata", "parameters", "params", "settings"),
)
"""Objects that hold the parameters of a generation, whose keys get no prefix."""

SYNONYMS = {
    "temp": "temperature",
    "classifier_free_guidance_inference_coef": "cfg",
    "cfg_coef": "cfg",
    "actual_seeds": "seed",
}
"""Keys of audiocraft and ACE-Step → the names that other generators use."""

CHECKPOINT_SYNONYMS = {
    "global_step": "step",
    "current_epoch": "epoch",
    "run_name": "run",
    "exp_name": "run",
    "experiment_name": "run",
}
"""Keys that name the checkpoint, if their values can be a run, an epoch or a step."""


def read_sidecar(path: bytes) -> tuple[dict[str, str], str | None]:
    """Return the attributes in the JSON file next to an audio file (see `sidecar_names`), and a warning.

    Keys and numbers are kept as they are written. Nested keys are joined: `{"prompt": {"id": 1}}` becomes
    `prompt_id`; where another value has that name, it becomes `prompt.id`. A key that is a query field, in any
    case, gets the prefix `sidecar_`. A list of one value is that value. Other lists and nulls are left out, but a
    command line in the sidecar gives the values of its flags that are parameters of a generation, where no key
    does. The warning is None unless the sidecar could not be read or parsed, or another value is left out; without
    a sidecar there are no attributes and no warning.
    """
    for candidate in sidecar_names(path):
        name = display_text(os.path.basename(candidate))
        try:
            data = _read_small_file(candidate)
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                # The audio file's own name has the maximum length, so its sidecar cannot exist.
                continue
            return {}, f'sidecar "{name}" could not be read: {error.strerror or error}'
        except ValueError as error:
            return {}, f'sidecar "{name}" is ignored: {error}'
        try:
            content = json.loads(data, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
            return {}, f'sidecar "{name}" is not valid JSON: {error}'
        if not isinstance(content, _Pairs):
            return {}, f'sidecar "{name}" is ignored: it contains no JSON object'
        attributes, problems = _attributes(content)
        attributes = {**_flags(content), **attributes}
        return attributes, f'sidecar "{name}": {"; ".join(problems)}' if problems else None
    return {}, None


def read_command(path: bytes) -> tuple[str, ...]:
    """Return the words of the command line in the sidecar of an audio file; empty if there is none.

    Nothing is reported: `read_sidecar` does that.
    """
    for candidate in sidecar_names(path):
        try:
            content = json.loads(
                _read_small_file(candidate),
                object_pairs_hook=_Pairs,
                parse_int=_Number,
                parse_float=_Number,
            )
        except FileNotFoundError:
            continue
        except (OSError, ValueError, RecursionError):
            return ()
        return _command_in(content) if isinstance(content, _Pairs) else ()
    return ()


def find_sidecar(path: bytes) -> bytes | None:
    """Return the path of the sidecar of an audio file; None if there is none."""
    return next((candidate for candidate in sidecar_names(path) if os.path.exists(candidate)), None)


def json_attributes(text: str, prefix: str) -> dict[str, str]:
    """Return the values of a JSON object that is written in a text, named as those of a sidecar.

    A key that is a query field gets the `prefix`. A text that is not a JSON object has no values.
    """
    try:
        content = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number)
    except (ValueError, RecursionError):
        return {}
    return _attributes(content, prefix)[0] if isinstance(content, _Pairs) else {}


def parameters_of(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return those values that are parameters of a generation, named as those of a sidecar."""
    named = {
        _names((key,), prefix, text)[0]: storable(text)
        for key, text in values.items()
        if is_generation_name(key)
    }
    return {name: text for name, text in named.items() if text.strip() and len(name) <= LONGEST_KEY}


def _flags(content: _Pairs) -> dict[str, str]:
    return parameters_of(flags_of(_command_in(content)), _PREFIX)


def _command_in(content: _Pairs) -> tuple[str, ...]:
    """Return the words of the command line in a sidecar, or in an object of parameters in it."""
    objects = [value for key, value in content if key in TRANSPARENT and isinstance(value, _Pairs)]
    return next(filter(None, (find_command(dict(each)) for each in (content, *objects))), ())


def sidecar_names(name: bytes) -> tuple[bytes, ...]:
    """Return the names that the sidecar of an audio file may have: `a.wav.json`, `a.json`, and that of ACE-Step."""
    stem = os.path.splitext(name)[0]
    return name + b".json", stem + b".json", stem + b"_input_params.json"


class _Pairs(list[tuple[str, object]]):
    """The members of a JSON object, in which a key can occur twice."""


class _Number(str):
    """A JSON number as it is written: Python's numbers would round it."""


@dataclass(frozen=True)
class _Value:
    """A value of a sidecar: its possible names, the preferred one first, and its text.

    `is_exact` says whether the preferred name is the key as it is written.
    """

    names: tuple[str, ...]
    text: str
    is_exact: bool


def _attributes(content: _Pairs, prefix: str = _PREFIX) -> tuple[dict[str, str], list[str]]:
    attributes: dict[str, str] = {}
    problems: list[str] = []
    try:
        # A key as it is written takes precedence over one that only becomes the same name.
        for value in sorted(_flat(content, (), problems, prefix), key=lambda value: not value.is_exact):
            if len(attributes) == MOST_SIDECAR_KEYS:
                problems.append(f"only the first {MOST_SIDECAR_KEYS} values are kept")
                break
            free = (name for name in value.names if attributes.get(name, value.text) == value.text)
            name = next(free, None)
            if name is None:
                problems.append(
                    f'a second value of "{value.names[0]}" is ignored: {shortened(value.text, _LONGEST_SHOWN)}'
                )
            else:
                attributes[name] = value.text
    except RecursionError:
        return {}, ["it is ignored, because it is nested too deeply"]
    return attributes, problems


def _flat(content: _Pairs, above: tuple[str, ...], problems: list[str], prefix: str) -> Iterator[_Value]:
    last = {key: place for place, (key, _) in enumerate(content)}
    named = () if len(above) == 1 and above[0] in TRANSPARENT else above
    for place, (raw_key, listed) in enumerate(content):
        whole, path = (*above, raw_key), (*named, raw_key)
        value = _only_value(raw_key, listed)
        text = _text_of(value)
        if last[raw_key] != place:
            problems.append(
                f'"{shortened(raw_key, _LONGEST_SHOWN)}" occurs twice, and only the last value is kept'
            )
            continue
        if len(path) == 1 and raw_key.casefold() in CHECKPOINT_KEYS and not _is_set(value, text):
            if value is not None:
                shown = "a list" if text is None else f'"{shortened(text, _LONGEST_SHOWN)}"'
                problems.append(f"{raw_key} is {shown}, which is ignored")
        elif isinstance(value, _Pairs):
            yield from _flat(value, whole if len(whole) == 1 else path, problems, prefix)
        elif text:
            # the whole path is for a value whose name another value has
            names = tuple(dict.fromkeys((*_names(path, prefix, text), *_names(whole, prefix, text))))
            if len(names[0]) > LONGEST_KEY:
                problems.append(
                    f'the value of "{shortened(names[0], _LONGEST_SHOWN)}" is ignored, because its name is too long'
                )
            else:
                yield _Value(names, text, is_exact=len(whole) == 1 and names[0] == raw_key)


def _only_value(key: str, value: object) -> object:
    """Return the value of a list of one value, unless the list is a command line or stands for the checkpoint."""
    if not isinstance(value, list) or isinstance(value, _Pairs) or len(value) != 1:
        return value
    return value if key.casefold() in (*CHECKPOINT_KEYS, *COMMAND_KEYS) else value[0]


def _is_set(value: object, text: str | None) -> bool:
    return isinstance(value, _Pairs) or (bool(text and text.strip()) and not isinstance(value, bool))


def _names(path: tuple[str, ...], prefix: str, text: str) -> tuple[str, ...]:
    """Return the names that a value may get: the usual one, the keys joined by `_`, the keys joined by dots."""
    keys = [_LINE.sub(_escaped, storable(nfc(key))) for key in path]
    joined = "_".join(keys) or "_"
    usual = SYNONYMS.get(joined.casefold(), joined)
    if joined.casefold() in CHECKPOINT_KEYS:
        usual = joined.casefold()
    checkpoint = CHECKPOINT_SYNONYMS.get(joined.casefold())
    is_run = bool(text.strip()) and text not in ("true", "false")
    if checkpoint and (is_run if checkpoint == "run" else whole_number(text) is not None):
        usual = checkpoint
    names = dict.fromkeys((usual, joined, ".".join(keys)))
    return tuple(
        f"{prefix}{name}"
        if is_reserved(name) or (name.casefold() in CHECKPOINT_KEYS and name not in CHECKPOINT_KEYS)
        else name
        for name in names
        if name
    )


def _text_of(value: object) -> str | None:
    """Return a single value as text; None for objects, lists and null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return storable(str(value)) if isinstance(value, str | float) else None


def _read_small_file(path: bytes) -> bytes:
    # Opening a FIFO would block, so the type is checked first.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    with open(path, "rb") as file:
        data = file.read(LARGEST_SIDECAR + 1)
    if len(data) > LARGEST_SIDECAR:
        raise ValueError(f"it is larger than {LARGEST_SIDECAR:,} bytes")
    return data


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINE = re.compile(r"[\t\n\u2028\u2029]")


def storable(text: str) -> str:
    """Return text that UTF-8 can encode, without control characters other than line feeds and tabs."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}" if ord(match[0]) < 0x100 else f"\\u{ord(match[0]):04x}"
