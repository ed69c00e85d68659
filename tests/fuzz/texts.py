"""Damage documents: JSON in its values, and any text in its lines, words and bytes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from tests.fuzz.sandbox import odd_text

LONGEST = 2_000_000
"""The longest document that damage may make, in bytes."""

ODD_NUMBERS = (0, -1, 1, 3, 255, 65536, 2**31, 2**32, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**40, 10**400)
ODD_FLOATS = (0.0, -0.0, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 0.1)


def damaged_text(content: bytes, chance: random.Random) -> bytes:
    """Return a text with one to a few damages."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        content = chance.choice((_words, _words, _lines, _bytes, _repeated, _cut))(content, chance)[:LONGEST]
    return content


def damaged_json(content: bytes, chance: random.Random) -> bytes:
    """Return a JSON document with other values; one of four times it is damaged as a text."""
    if chance.random() < 0.25:
        return damaged_text(content, chance)
    value = json.loads(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        value = _with_other_value(value, chance)
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.05:  # JSON cannot hold what is nested too deeply for the program that writes it
        deep = chance.choice((50, 1_000, 100_000))
        text = text.replace(chance.choice(("1", "null", '"')), chance.choice("[{") * deep, 1)
    return text.encode("utf-8", "surrogatepass")


def odd_value(chance: random.Random) -> Any:
    """Return a value of JSON that programs may trip over."""
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: chance.choice(ODD_NUMBERS),
        lambda: chance.choice(ODD_FLOATS),
        lambda: odd_text(chance),
        lambda: chance.choice((None, True, False, [], {}, [[]], {"": {}}, [None] * 1_000)),
    )
    return chance.choice(kinds)()


def _with_other_value(value: Any, chance: random.Random) -> Any:
    """Return a value of JSON with a change somewhere inside."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.1:
        return odd_value(chance)
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, changed = chance.choice(keys), value.copy()
    kind = chance.random()
    if kind < 0.1:
        del changed[key]
    elif kind < 0.15 and isinstance(changed, list):
        changed *= chance.choice((2, 50))
    elif kind < 0.2 and isinstance(changed, dict):
        changed[odd_text(chance)] = changed.pop(key)
    else:
        changed[key] = _with_other_value(value[key], chance)
    return changed


_WORD = re.compile(rb"[\w.\-]+|\"[^\"\n]*\"")


def _words(content: bytes, chance: random.Random) -> bytes:
    """Exchange a word, a number or a quoted text."""
    words = list(_WORD.finditer(content))
    if not words:
        return content
    word = chance.choice(words)
    other = chance.choice((lambda: chance.choice(words)[0], lambda: _shown(odd_value(chance), chance)))()
    return content[: word.start()] + other + content[word.end() :]


def _shown(value: Any, chance: random.Random) -> bytes:
    text = value if isinstance(value, str) and chance.random() < 0.5 else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


def _lines(content: bytes, chance: random.Random) -> bytes:
    """Leave lines out, repeat them, or exchange two."""
    lines = content.splitlines(keepends=True) or [b"\n"]
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    kind = chance.randrange(3)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"".join(lines)


def _bytes(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    marks = (
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\0",
        b"\xff",
        b"\r",
        b"\x1b",
        b'"',
        b"'",
        b"[",
        b"{",
        b"]]",
        b"\\",
        b"=",
        b"<",
    )
    return content[:at] + chance.choice((*marks, chance.randbytes(3))) + content[at + chance.randrange(3) :]


def _repeated(content: bytes, chance: random.Random) -> bytes:
    """Repeat a piece many times, which shows what takes more than linear time."""
    start = chance.randrange(len(content) + 1)
    piece = content[start : start + chance.choice((1, 2, 10, 40))]
    times = chance.choice((2, 100, 10_000, 200_000))
    return content[:start] + piece * min(times, LONGEST // max(1, len(piece))) + content[start:]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]
