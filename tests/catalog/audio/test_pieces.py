"""Pieces of a file and other bytes read like one file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.audio.pieces import Piece, Pieces, overlaid

CONTENT = bytes(range(100))


@pytest.fixture(scope="module")
def fd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    file = tmp_path_factory.mktemp("pieces") / "file"
    file.write_bytes(CONTENT)
    opened = os.open(file, os.O_RDONLY)
    yield opened
    os.close(opened)


def joined(pieces: list[Piece]) -> bytes:
    return b"".join(
        each if isinstance(each, bytes) else CONTENT[each[0] : each[0] + each[1]] for each in pieces
    )


parts = st.integers(0, 90).flatmap(lambda start: st.tuples(st.just(start), st.integers(0, 100 - start)))
steps = st.tuples(
    st.integers(0, 40), st.integers(-50, 150), st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])
)


@given(
    pieces=st.lists(st.one_of(st.binary(max_size=8), parts), max_size=6), moves=st.lists(steps, max_size=6)
)
@settings(deadline=None, max_examples=60)
def test_pieces_read_and_seek_like_their_bytes(
    fd: int, pieces: list[Piece], moves: list[tuple[int, int, int]]
) -> None:
    file, model = Pieces(fd, pieces), io.BytesIO(joined(pieces))
    assert file.size == len(model.getvalue())
    for length, offset, whence in moves:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: model.tell(), os.SEEK_END: file.size}[whence]
        if base + offset >= 0:
            assert file.seek(offset, whence) == model.seek(base + offset) == file.tell()
        buffer, expected = bytearray(length), bytearray(length)
        assert file.readinto(buffer) == model.readinto(expected)
        assert buffer == expected
        assert file.tell() == model.tell()


def test_before_the_start_there_is_nothing_to_read(fd: int) -> None:
    file = Pieces(fd, [b"abc"])
    assert file.seek(-2) == -2
    assert file.readinto(bytearray(3)) == 0


def test_a_file_that_was_cut_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(b"12345")
    opened = os.open(path, os.O_RDONLY)
    try:
        buffer = bytearray(9)
        assert Pieces(opened, [(3, 4), b"end"]).readinto(buffer) == 2
        assert bytes(buffer[:2]) == b"45"
    finally:
        os.close(opened)


def test_patches_replace_bytes_of_a_file() -> None:
    assert joined(overlaid(100, [(4, b"ab"), (98, b"yz")])) == CONTENT[:4] + b"ab" + CONTENT[6:98] + b"yz"
    assert joined(overlaid(100, [(14, b"ab")], start=10)) == CONTENT[10:14] + b"ab" + CONTENT[16:]
    assert joined(overlaid(100, [])) == CONTENT
