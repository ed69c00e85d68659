"""Damage files: in their numbers, in their parts, anywhere, and by joining two of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.fuzz.anatomy import Number, anatomy, renewed

LONGEST = 4_000_000
"""The longest file that damage may make, in bytes."""

_EDGES = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 4096, 65535, 65536)
_SIZES = (0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x7FFFF000, 0xFFFFF000, 0xFFFFFFFE, 0xFFFFFFDB)


def mutated(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Return a file with one to a few damages; `others` are files to join it with."""
    renews = chance.random() < 0.6
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        data = chance.choices(_DAMAGES, _WEIGHTS)[0](data, others, chance)[:LONGEST]
    return renewed(data) if renews else data


def value_for(width: int, now: int, chance: random.Random) -> int:
    """Return a number of this width that programs may trip over, in place of the one that is there `now`."""
    top = 1 << 8 * width
    choices = (
        lambda: now + chance.choice((-1, 1, -2, 2, 4, -4, 8, 36, -36)),
        lambda: chance.choice(_EDGES),
        lambda: chance.choice(_SIZES),
        lambda: top - chance.choice((1, 2, 8, 256)),
        lambda: top >> 1,
        lambda: now * chance.choice((2, 3, 10, 1000)),
        lambda: now // 2,
        lambda: now ^ 1 << chance.randrange(8 * width),
        lambda: chance.randrange(top),
    )
    return chance.choice(choices)() % top


def _number(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    found = anatomy(data).numbers
    return _replaced(data, chance.choice(found), chance) if found else _bits(data, _others, chance)


def _early_number(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    """Change a number of the header, or what may be one."""
    width = chance.choice((1, 2, 4, 8))
    return _replaced(data, Number(chance.randrange(120), width, chance.random() < 0.5), chance)


def _replaced(data: bytes, number: Number, chance: random.Random) -> bytes:
    end, order = number.offset + number.width, "big" if number.is_big else "little"
    if end > len(data):
        return data
    now = int.from_bytes(data[number.offset : end], order)  # type: ignore[arg-type]
    new = value_for(number.width, now, chance).to_bytes(number.width, order)  # type: ignore[arg-type]
    return data[: number.offset] + new + data[end:]


def _part(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    """Leave a part out, repeat it, or exchange it with another one."""
    parts = anatomy(data).parts
    if not parts:
        return _cut_out(data, _others, chance)
    start, end = chance.choice(parts)
    first, last = sorted((chance.choice(parts), (start, end)))
    return chance.choice(
        (
            data[:start] + data[end:],
            data[:end] + data[start:end] * chance.choice((1, 1, 2, 100)) + data[end:],
            data[: first[0]]
            + data[slice(*last)]
            + data[first[1] : last[0]]
            + data[slice(*first)]
            + data[last[1] :]
            if first[1] <= last[0]
            else data,
            data[:start] + bytes(end - start) + data[end:],
            data[:start] + chance.randbytes(min(end - start, 4096)) + data[end:],
        )
    )


def _bits(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 40)) if data else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _range(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    """Overwrite a range with one byte, or with noise."""
    start = chance.randrange(len(data) + 1)
    size = min(chance.choice((1, 4, 16, 200, 3000)), len(data) - start)
    new = bytes([chance.choice((0, 255, 128, chance.randrange(256)))]) * size
    return data[:start] + (new if chance.random() < 0.5 else chance.randbytes(size)) + data[start + size :]


def _cut_out(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.choice((1, 2, 3, 7, 100, 2000)) :]


def _put_in(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    new = chance.choice((b"\0", b"\xff", chance.randbytes(1), chance.randbytes(16), chance.randbytes(500)))
    return data[:start] + new * chance.choice((1, 1, 3, 64)) + data[start:]


def _truncated(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    ends = (
        lambda: chance.randrange(len(data) + 1),
        lambda: chance.randrange(min(len(data), 200) + 1),
        lambda: max(0, len(data) - chance.randrange(1, 200)),
    )
    return data[: chance.choice(ends)()]


def _joined(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Put another file after this one, or before it."""
    other = chance.choice([*others, data])
    return data + other if chance.random() < 0.7 else other + data


def _spliced(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Go on with another file, at the same place or any other one."""
    other = chance.choice([*others, data])
    at = chance.choice((chance.randrange(len(data) + 1), min(len(data), chance.choice((4, 8, 12, 44, 64)))))
    behind = at if chance.random() < 0.5 else chance.randrange(len(other) + 1)
    return data[:at] + other[behind:]


def _in_front(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    """Put a tag, zeros or junk in front of the file."""
    size = chance.choice((0, 10, 500, 5000))
    tag = b"ID3" + chance.choice((b"\2\0", b"\3\0", b"\4\0", b"\xff\xff")) + b"\0"
    claim = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    tags = (tag + claim + bytes(size), tag + b"\x7f\x7f\x7f\x7f" + bytes(size))
    return chance.choice((*tags, bytes(size), chance.randbytes(size))) + data


def _behind(data: bytes, _others: Sequence[bytes], chance: random.Random) -> bytes:
    """Put a tag, zeros or junk after the file."""
    ape = b"APETAGEX" + chance.randbytes(24)
    size = chance.choice((1, 128, 5000))
    return data + chance.choice((b"TAG" + bytes(125), ape, bytes(size), chance.randbytes(size)))


_Damage = Callable[[bytes, Sequence[bytes], random.Random], bytes]
_CHOICES: tuple[tuple[_Damage, int], ...] = (
    (_number, 12),
    (_early_number, 4),
    (_part, 6),
    (_bits, 4),
    (_range, 3),
    (_cut_out, 2),
    (_put_in, 2),
    (_truncated, 4),
    (_joined, 3),
    (_spliced, 3),
    (_in_front, 2),
    (_behind, 1),
)
_DAMAGES = tuple(damage for damage, _ in _CHOICES)
_WEIGHTS = tuple(weight for _, weight in _CHOICES)
