"""The tags of WAV files: INFO, bext, iXML, axml and ID3 chunks, wherever they are, and damaged ones."""

from __future__ import annotations

import io

import pytest

from tests.catalog.tagged_files import bext, chunk, id3, info, wav
from thresher.catalog.provenance.riff_tags import MOST_CHUNKS, is_plain_riff, read_riff


@pytest.mark.parametrize("form", [b"RIFF", b"RF64", b"BW64"])
def test_chunks_before_and_after_the_samples(form: bytes) -> None:
    content = wav(bext("slow rain", "A=PCM"), after=info(ICMT="seed=42", XXXX="odd"), form=form)
    tags, _ = read_riff(io.BytesIO(content))
    assert tags == [
        ("bext_description", "slow rain"),
        ("bext_originator", "thresher"),
        ("bext_originator_reference", "REF"),
        ("bext_date", "2026-11-28"),
        ("bext_time", "12:00:00"),
        ("bext_coding_history", "A=PCM"),
        ("comment", "seed=42"),
        ("XXXX", "odd"),
    ]


def test_xml_and_id3_chunks() -> None:
    tag = id3(seed="42")
    content = wav(chunk(b"iXML", b"<BWFXML/>"), chunk(b"axml", b"<a/>"), chunk(b"id3 ", tag))
    assert read_riff(io.BytesIO(content)) == ([("iXML", "<BWFXML/>"), ("axml", "<a/>")], [tag])


def test_a_text_that_is_not_utf_8_is_latin_1() -> None:
    content = wav(chunk(b"LIST", b"INFO" + chunk(b"INAM", "Björk".encode("latin-1"))))
    assert read_riff(io.BytesIO(content))[0] == [("title", "Björk")]


def test_a_file_that_ends_in_a_chunk_gives_what_was_before() -> None:
    content = wav(info(INAM="a"), bext("lost", ""))
    for end in range(12, 400):
        tags, _ = read_riff(io.BytesIO(content[:end]))
        assert not tags or tags[0] == ("title", "a")


def test_endless_chunks_end() -> None:
    content = wav() + chunk(b"junk", b"") * (2 * MOST_CHUNKS) + info(INAM="a")
    assert read_riff(io.BytesIO(content)) == ([], [])


@pytest.mark.parametrize(
    ("content", "is_plain"),
    [
        (wav(), True),
        (wav(chunk(b"fact", bytes(4))), True),
        (wav(info(INAM="a")), False),
        (wav(after=info(INAM="a")), False),
        (b"fLaC" + bytes(600), False),
        (b"", False),
    ],
)
def test_a_plain_file_is_known_by_its_beginning(content: bytes, is_plain: bool) -> None:
    assert is_plain_riff(content[:512], len(content)) is is_plain
