"""The two stored forms of a path: its text for display, and its bytes, which open the file."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thresher.catalog.files.paths import (
    Place,
    Roots,
    StoredPath,
    absolute,
    display_text,
    folder_text,
    spellings,
    text_below,
)

NAMES = st.lists(st.binary(min_size=1, max_size=12).filter(lambda name: not {0, 47} & {*name}), min_size=1)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"", ""),
        (b"/a/b.wav", "/a/b.wav"),
        ("/a/ü🎵.wav".encode(), "/a/ü🎵.wav"),
        (b"/a/\xff.wav", "/a/\\xff.wav"),
        (b"/a/\xc3.wav", "/a/\\xc3.wav"),
        (b"/a/\xed\xa0\x80.wav", "/a/\\xed\\xa0\\x80.wav"),  # a surrogate is not UTF-8
        (b"/a/x\ny\tz\x1b\x7f.wav", "/a/x\\x0ay\\x09z\\x1b\\x7f.wav"),
        ("/a/x\x85y\x9b.wav".encode(), "/a/x\\xc2\\x85y\\xc2\\x9b.wav"),
        ("/a/x\u2028y\u2029.wav".encode(), "/a/x\\xe2\\x80\\xa8y\\xe2\\x80\\xa9.wav"),
        (b"/a/<b> 'c' \"d\".wav", "/a/<b> 'c' \"d\".wav"),
    ],
)
def test_a_path_is_displayed_with_escapes_for_other_bytes(path: bytes, text: str) -> None:
    assert display_text(path) == text


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda name: name.encode("utf-8", "replace")))
@settings(max_examples=100, deadline=None)
def test_the_text_of_a_path_is_one_line_of_valid_utf8(path: bytes) -> None:
    text = display_text(path)
    text.encode("utf-8")
    assert len(text.splitlines()) <= 1
    assert not any(unicodedata.category(letter) == "Cc" for letter in text)
    assert display_text(text.encode()) == text


@pytest.mark.parametrize(
    ("path", "root", "stored"),
    [
        (b"/data/in/a.wav", "/data", b"in/a.wav"),
        (b"/data", "/data", b"."),
        (b"/database/a.wav", "/data", b"/database/a.wav"),
        (b"/other/a.wav", "/data", b"/other/a.wav"),
        (b"/a.wav", "/", b"a.wav"),
        (b"/data/\xff.wav", "/data", b"\xff.wav"),
    ],
)
def test_a_path_below_the_folder_of_the_catalog_is_stored_as_relative(
    path: bytes, root: str, stored: bytes
) -> None:
    assert Roots(Path(root)).stored(path) == StoredPath(stored, display_text(stored))


@given(NAMES, st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_stored_path_gives_the_original_path(names: list[bytes], inside: bool) -> None:
    path = os.path.normpath((b"/data/" if inside else b"/other/") + b"/".join(names))
    roots = Roots(Path("/data"))
    absolute_path = roots.absolute(*roots.stored(path).place)
    assert absolute_path is not None
    assert os.path.normpath(absolute_path) == path


@pytest.mark.parametrize(
    ("path", "root", "stored", "text"),
    [
        (b"/mnt/audio/runs/a.wav", "corpus", b"runs/a.wav", "corpus:runs/a.wav"),
        (b"/mnt/audio", "corpus", b".", "corpus:"),
        (b"/mnt/audio/new/b.wav", "fresh", b"b.wav", "fresh:b.wav"),  # the longest folder counts
        (b"/mnt/audiobooks/a.wav", "", b"/mnt/audiobooks/a.wav", "/mnt/audiobooks/a.wav"),
        (b"/data/in/a.wav", "", b"in/a.wav", "in/a.wav"),
        (b"/data/loops/\xff.wav", "loops", b"\xff.wav", "loops:\\xff.wav"),
    ],
)
def test_a_path_below_a_root_is_stored_as_relative_to_it(
    path: bytes, root: str, stored: bytes, text: str
) -> None:
    folders = {"corpus": b"/mnt/audio", "fresh": b"/mnt/audio/new", "loops": b"/data/loops"}
    found = Roots(Path("/data"), folders).stored(path)
    assert found == StoredPath(stored, text, root)
    assert found.place == Place(root, stored)
    assert display_text(stored) == text_below(root, text)


def test_a_path_below_a_root_that_is_not_here_has_no_absolute_path(tmp_path: Path) -> None:
    roots = Roots.of(tmp_path, {"here": ".", "unplugged": "absent"})
    assert roots.absolute("here", b"a.wav") == os.fsencode(os.path.realpath(tmp_path)) + b"/a.wav"
    assert roots.absolute("unplugged", b"a.wav") is None
    assert roots.absolute("other", b"a.wav") is None
    assert roots.why_absent("unplugged").endswith("absent, the folder of the root unplugged, is not there")
    assert roots.why_absent("other") == "the root other is not set on this machine ([roots] in catalog.toml)"


def test_the_folder_of_a_root_may_be_below_the_home_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    roots = Roots.of(tmp_path / "catalog", {"corpus": "~/audio"})
    assert roots.folders == {"corpus": os.fsencode(os.path.realpath(tmp_path)) + b"/audio"}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("corpus:runs/a.wav", b"/data/audio/runs/a.wav"),
        ("corpus:", b"/data/audio/"),
        ("other:a.wav", b"/data/other:a.wav"),
        ("runs/a.wav", b"/data/runs/a.wav"),
        ("/mnt/a.wav", b"/mnt/a.wav"),
    ],
)
def test_a_text_names_a_path_below_a_root_or_the_catalog(text: str, path: bytes) -> None:
    assert Roots(Path("/data"), {"corpus": b"/data/audio"}).named(text) == path


def test_the_folder_of_a_root_that_is_a_symlink_contains_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    roots = Roots.of(tmp_path / "catalog", {"corpus": "../link"})
    assert roots.stored(absolute(tmp_path / "link/a.wav")) == StoredPath(b"a.wav", "corpus:a.wav", "corpus")


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("a.wav", "."),
        ("runs/a.wav", "runs"),
        ("/a.wav", "/"),
        ("corpus:a.wav", "corpus:"),
        ("c:r/a.wav", "c:r"),
    ],
)
def test_the_folder_of_a_stored_path_keeps_its_root(text: str, folder: str) -> None:
    assert folder_text(text) == folder


def test_a_file_has_one_absolute_path_whichever_symlinks_lead_to_it(tmp_path: Path) -> None:
    """Symlinks to folders are resolved; a symlink to a file keeps its own name."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "a.wav").symlink_to("b.wav")
    expected = os.fsencode(tmp_path) + b"/real/a.wav"
    assert absolute(tmp_path / "link") == os.fsencode(tmp_path / "real")
    assert absolute(tmp_path / "link" / "x" / ".." / "a.wav") == expected
    assert absolute(expected) == expected


@given(st.binary(max_size=20).filter(lambda name: b"\\" not in name))
def test_a_path_is_among_the_spellings_of_its_text(path: bytes) -> None:
    assert path in spellings(display_text(path))


def test_a_path_with_a_backslash_is_the_first_spelling() -> None:
    assert spellings(r"a\xff.wav") == [rb"a\xff.wav", b"a\xff.wav"]
    assert spellings(r"a\x41.wav") == [rb"a\x41.wav"]
