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

from thresher.catalog.paths import display_text
from thresher.catalog.provenance import plain_key, reserved_keys

LARGEST_SIDECAR = 1_000_000  # bytes
MOST_SIDECAR_KEYS = 256

TRANSPARENT = ("generation_args", "conditioning")
"""Objects of audiocraft's sidecars whose keys get no prefix."""

SYNONYMS = {"temp": "temperature", "classifier_free_guidance_inference_coef": "cfg", "cfg_coef": "cfg"}
"""Keys of audiocraft → the names that other generators use."""


def read_sidecar(path: bytes) -> tuple[dict[str, str], str | None]:
    """Return the attributes in the JSON file next to an audio file (`a.wav.json`, else `a.json`), and a warning.

    Nested keys are joined: `{"prompt": {"id": 1}}` becomes `prompt_id`. Characters other than a to z become `_`,
    and a key that is a query field gets the prefix `sidecar_`. Lists and nulls are left out. The warning is None
    unless the sidecar could not be read or parsed; without a sidecar there are no attributes and no warning.
    """
    for candidate in (path + b".json", os.path.splitext(path)[0] + b".json"):
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
            content = json.loads(data)
        except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
            return {}, f'sidecar "{name}" is not valid JSON: {error}'
        if not isinstance(content, dict):
            return {}, f'sidecar "{name}" is ignored: it contains no JSON object'
        return _attributes(content, name)
    return {}, None


def _attributes(content: Mapping[str, object], name: str) -> tuple[dict[str, str], str | None]:
    attributes: dict[str, str] = {}
    try:
        for key, value in _flat(content, ""):
            if len(attributes) == MOST_SIDECAR_KEYS:
                return attributes, f'sidecar "{name}": only the first {MOST_SIDECAR_KEYS} values are kept'
            attributes.setdefault(f"sidecar_{key}" if key in reserved_keys() else key, value)
    except RecursionError:
        return {}, f'sidecar "{name}" is ignored: nested too deeply'
    return attributes, None


def _flat(content: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for raw_key, value in content.items():
        key = prefix + plain_key(raw_key)
        if isinstance(value, dict):
            yield from _flat(value, "" if key in TRANSPARENT else f"{key}_")
        elif isinstance(value, bool):
            yield SYNONYMS.get(key, key), "true" if value else "false"
        elif isinstance(value, int | float | str) and value != "":
            yield SYNONYMS.get(key, key), _storable(str(value))


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


def _storable(text: str) -> str:
    """Return text that UTF-8 can encode, without control characters other than line feeds and tabs."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
