"""Answers that are made piece by piece end with their client, and an error is one sentence or an early end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Generator, Sequence
from typing import Any

import pytest
from starlette.types import Message

from thresher.errors import AudioError
from thresher.interfaces.web.room.piece_stream import PieceStream


class Source:
    """Pieces that a decoder would make; an error among them is raised."""

    def __init__(self, pieces: Sequence[bytes | Exception]) -> None:
        self.made = 0
        self.is_closed = False
        self._pieces = pieces

    def bytes(self) -> Generator[Any, None, None]:
        assert threading.current_thread() is not threading.main_thread()
        try:
            for piece in self._pieces:
                self.made += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.is_closed = True


def sent(source: Source, *, leaves_after: int = 1000) -> list[Message]:
    """Return the messages of an answer to a client that leaves after a number of messages."""
    messages: list[Message] = []

    async def trial() -> None:
        left = asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            messages.append(message)
            if len(messages) >= leaves_after:
                left.set()
            await asyncio.sleep(0)

        scope = {"type": "http", "method": "GET", "headers": []}
        await PieceStream(source.bytes(), 4, 206, {}, "audio/wav")(scope, receive, send)

    asyncio.run(trial())
    return messages


def test_pieces_are_sent_after_the_first_that_is_not_empty() -> None:
    source = Source([b"", b"ab", b"", b"cd"])
    start, *bodies = sent(source)
    assert (start["status"], (b"content-length", b"4") in start["headers"]) == (206, True)
    assert b"".join(each["body"] for each in bodies) == b"abcd"
    assert bodies[-1].get("more_body", False) is False
    assert source.is_closed


def test_a_client_that_leaves_frees_the_decoder() -> None:
    source = Source([b"x"] * 100_000)
    sent(source, leaves_after=5)
    assert source.is_closed
    assert source.made < 100


def test_an_error_before_the_first_piece_is_a_sentence() -> None:
    source = Source([b"", AudioError("the file ends")])
    start, body = sent(source)
    assert (start["status"], json.loads(body["body"])["error"]) == (409, "the file ends")
    assert source.is_closed


def test_an_error_later_ends_the_answer_early() -> None:
    messages = sent(Source([b"ab", AudioError("the file ends")]))
    assert [each.get("more_body") for each in messages] == [None, True]


def test_an_answer_without_a_byte_is_an_answer() -> None:
    start, body = sent(Source([b""]))
    assert (start["status"], body["body"], body.get("more_body", False)) == (206, b"", False)


def test_an_error_of_another_kind_is_left_to_the_application() -> None:
    with pytest.raises(OSError, match="the drive is gone"):
        sent(Source([b"", OSError("the drive is gone")]))
