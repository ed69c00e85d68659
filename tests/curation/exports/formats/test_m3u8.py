"""Playlists, read by the package m3u8, and with the rules by which players find files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes, urljoin, urlsplit

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Timeline

Clips = Callable[..., Timeline]


def read(song: Timeline, folder: bytes) -> tuple[Any, list[str]]:
    """The playlist, and the tags that the package m3u8 does not read."""
    others: list[str] = []

    def other(line: str, *_: object) -> bool:
        if not line.startswith(("#EXTVLCOPT:", "#PLAYLIST:")):
            return False
        others.append(line)
        return True

    text = FORMATS[".m3u8"].text(song, folder)
    assert text.startswith("#EXTM3U\n")
    return m3u8.loads(text, custom_tags_parser=other), others


def by_uri(line: str, folder: bytes) -> bytes:
    """The path that VLC opens: the line with invalid characters escaped, resolved as a URI in the folder."""
    address = urlsplit(
        urljoin(f"file://{quote_from_bytes(folder)}/", quote(line, safe=":/?#[]@!$&'()*+,;=%"))
    )
    assert (address.scheme, address.netloc, address.query, address.fragment) == ("file", "", "", "")
    return unquote_to_bytes(address.path)


def by_path(line: str, folder: bytes) -> bytes:
    """The path that mpv opens: a line without a scheme is a path."""
    if line.startswith("file://"):
        return unquote_to_bytes(line.removeprefix("file://"))
    return os.path.normpath(os.path.join(folder, line.encode("utf-8")))


def test_each_clip_has_a_line_and_the_span_of_its_file(song: Timeline, folder: bytes) -> None:
    playlist, others = read(song, folder)
    assert [(each.duration, each.title, each.uri) for each in playlist.segments] == [
        (4.0, "bone_7", "clips/7.wav"),
        (5.25, "bone 12", "/elsewhere/12.flac"),
        (1.125, "skeleton", "3.mp3"),
    ]
    assert others == [
        "#PLAYLIST:DOMAINAL SKELETON",
        "#EXTVLCOPT:start-time=0.250000",
        "#EXTVLCOPT:stop-time=4.250000",
        "#EXTVLCOPT:start-time=0.000000",
        "#EXTVLCOPT:stop-time=5.250000",
        "#EXTVLCOPT:start-time=2.000000",
        "#EXTVLCOPT:stop-time=3.125000",
    ]


def test_a_song_without_clips_has_only_its_name(clips: Clips, folder: bytes) -> None:
    playlist, others = read(clips(0), folder)
    assert (list(playlist.segments), others) == ([], ["#PLAYLIST:DOMAINAL SKELETON"])


def test_players_find_any_path(nasty_path: bytes, clips: Clips, folder: bytes) -> None:
    playlist, _ = read(clips(2, path=nasty_path), folder)
    lines = [each.uri for each in playlist.segments]
    assert [by_uri(line, folder) for line in lines] == [nasty_path] * 2
    assert [by_path(line, folder) for line in lines] == [nasty_path] * 2


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (b"/songs/bone/a b.wav", "a b.wav"),
        (b"/songs/bone2/a.wav", "../bone2/a.wav"),
        (b"/songs/a.wav", "../a.wav"),
        (b"/music/a.wav", "/music/a.wav"),
        (b"/songs/bone2/#1.wav", "file:///songs/bone2/%231.wav"),
        ("/songs/bone/🦴.wav".encode(), "🦴.wav"),
        (b"/songs/bone/#1.wav", "file:///songs/bone/%231.wav"),
        (b"/songs/bone/a\xff.wav", "file:///songs/bone/a%FF.wav"),
        (b"/songs/bone/http://x.wav", "file:///songs/bone/http%3A//x.wav"),
        (b"//elsewhere/a.wav", "file:///elsewhere/a.wav"),
        (b"/songs/bone/RTSPtext.wav", "file:///songs/bone/RTSPtext.wav"),
    ],
)
def test_a_path_is_relative_or_a_uri_if_players_may_misread_it(
    path: bytes, line: str, clips: Clips, folder: bytes
) -> None:
    playlist, _ = read(clips(1, path=path), folder)
    assert [each.uri for each in playlist.segments] == [line]


@given(name=st.binary(min_size=1, max_size=30).filter(lambda name: not {0, ord("/")} & set(name)))
def test_players_find_any_file_name(name: bytes, clips: Clips, folder: bytes) -> None:
    if name in (b".", b".."):
        return
    path = folder + b"/" + name
    playlist, _ = read(clips(1, path=path), folder)
    [line] = [each.uri for each in playlist.segments]
    assert by_uri(line, folder) == by_path(line, folder) == path


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("one\n#EXTINF:9,two", "one #EXTINF:9,two"),
        ("one\r\ntwo", "one  two"),
        ("one\ttwo", "one two"),
        ("one, two", "one, two"),
        ('"#" `🦴`', '"#" `🦴`'),
        ("run_\udcff_1", "run_\ufffd_1"),
        ("", ""),
    ],
)
def test_a_title_stays_on_its_line(title: str, shown: str, clips: Clips, folder: bytes) -> None:
    text = FORMATS[".m3u8"].text(clips(2, title=title), folder)
    assert text.splitlines().count(f"#EXTINF:4.000,{shown}") == 2
    assert len(text.splitlines()) == 2 + 2 * 4


@given(titles=st.lists(st.text(st.characters()), max_size=8), name=st.text(st.characters()))
def test_any_title_and_name_give_one_entry_for_each_clip(
    titles: list[str], name: str, clips: Clips, folder: bytes
) -> None:
    song = replace(clips(titles=titles), title=name)
    playlist, others = read(song, folder)
    assert [each.uri for each in playlist.segments] == ["clips/7.wav"] * len(titles)
    assert len(others) == 1 + 2 * len(titles)
