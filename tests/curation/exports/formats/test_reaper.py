"""REAPER projects, read by the package rpp."""

from __future__ import annotations

import colorsys
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import rpp
from hypothesis import given
from hypothesis import strategies as st

from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Timeline

Clips = Callable[..., Timeline]


def read(song: Timeline, folder: bytes) -> Any:
    return rpp.loads(FORMATS[".rpp"].text(song, folder))


def items(song: Timeline, folder: bytes) -> list[dict[str, list[str]]]:
    """The fields of each item, and the fields of its source under "SOURCE"."""
    found = []
    for item in read(song, folder).findall(".//ITEM"):
        fields = {child[0]: child[1:] for child in item if isinstance(child, list)}
        [source] = [child for child in item if isinstance(child, rpp.Element)]
        [(word, file)] = source.children
        assert (source.tag, word) == ("SOURCE", "FILE")
        found.append({**fields, "SOURCE": [*source.attrib, file]})
    return found


def numbers(fields: list[str]) -> list[float]:
    return [float(field) for field in fields]


def hue(colour: int) -> float:
    """The hue of a colour in degrees."""
    red, green, blue = (colour >> shift & 255 for shift in (0, 8, 16))
    return 360 * colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)[0]


def test_the_project_has_the_rate_of_the_song_and_one_track_with_its_name(
    song: Timeline, folder: bytes
) -> None:
    project = read(song, folder)
    assert project.tag == "REAPER_PROJECT"
    assert project.find("./SAMPLERATE") == ["SAMPLERATE", "44100", "1", "0"]
    assert project.find("./RENDER_FMT") == ["RENDER_FMT", "0", "2", "44100"]
    [track] = project.findall("./TRACK")
    assert track.find("./NAME") == ["NAME", "DOMAINAL SKELETON"]
    assert len(track.findall("./ITEM")) == 3


def test_each_clip_is_an_item(song: Timeline, folder: bytes) -> None:
    found = items(song, folder)
    for field, wanted in {
        "POSITION": [[0], [3.5], [8.75]],
        "LENGTH": [[4], [5.25], [1.125]],
        "SOFFS": [[0.25], [0], [2]],
        "LOOP": [[0], [0], [0]],
        "VOLPAN": [[1, 0, 1, -1], [0.5, 0, 1, -1], [1, 0, 1, -1]],
        "CHANMODE": [[0], [0], [0]],
        "PLAYRATE": [[1, 1, 0, -1, 0, 0.0025]] * 3,
    }.items():
        assert [numbers(item[field]) for item in found] == wanted, field
    assert [item["NAME"] for item in found] == [["bone_7"], ["bone 12"], ["skeleton"]]
    assert [item["SOURCE"] for item in found] == [
        ["WAVE", "clips/7.wav"],
        ["FLAC", "/elsewhere/12.flac"],
        ["MP3", "3.mp3"],
    ]


def test_overlaps_have_equal_power_crossfades_and_other_fades_are_s_shaped(
    song: Timeline, folder: bytes
) -> None:
    found = items(song, folder)
    assert [numbers(item["FADEIN"]) for item in found] == [
        [5, 0.01, 0, 5, 0, 0, 0],
        [1, 0.5, 0.5, 1, 0, 0, 0],
        [5, 0.02, 0, 5, 0, 0, 0],
    ]
    assert [numbers(item["FADEOUT"]) for item in found] == [
        [1, 0.5, 0.5, 1, 0, 0, 0],
        [5, 0.125, 0, 5, 0, 0, 0],
        [5, 0.3, 0, 5, 0, 0, 0],
    ]


def test_a_crossfade_is_as_long_as_the_overlap(song: Timeline, folder: bytes) -> None:
    for before, after in pairwise(items(song, folder)):
        end = float(before["POSITION"][0]) + float(before["LENGTH"][0])
        overlap = end - float(after["POSITION"][0])
        assert float(before["FADEOUT"][2]) == float(after["FADEIN"][2]) == overlap


def test_a_mono_song_uses_the_downmix_of_clips_with_more_channels(song: Timeline, folder: bytes) -> None:
    found = items(replace(song, channels=1), folder)
    assert [item["CHANMODE"] for item in found] == [["0"], ["2"], ["0"]]
    project = read(replace(song, channels=1), folder)
    assert project.find("./RENDER_FMT") == ["RENDER_FMT", "0", "1", "44100"]


@pytest.mark.parametrize(
    ("container", "name", "source"),
    [
        ("WAV", b"a.wav", "WAVE"),
        ("WAVEX", b"a.wav", "WAVE"),
        ("RF64", b"a.wav", "WAVE"),
        ("AIFF", b"a.aif", "WAVE"),
        ("FLAC", b"a.flac", "FLAC"),
        ("OGG", b"a.ogg", "VORBIS"),
        ("OGG", b"a.OPUS", "OPUS"),
        ("MP3", b"a.mp3", "MP3"),
        ("FLAC", b"a.wav", "FLAC"),
    ],
)
def test_the_type_of_the_source_follows_the_container(
    container: str, name: bytes, source: str, clips: Clips, folder: bytes
) -> None:
    [item] = items(clips(1, container=container, path=b"/" + name), folder)
    assert item["SOURCE"][0] == source


def test_clips_of_one_checkpoint_have_one_colour(clips: Clips, folder: bytes) -> None:
    song = clips(5)
    checkpoints = [("bone", 1, 10), ("bone", 1, 20), ("bone", 1, 10), ("skull", 1, 10), (None, None, None)]
    song = replace(
        song,
        entries=tuple(
            replace(entry, run=run, epoch=epoch, step=step)
            for entry, (run, epoch, step) in zip(song.entries, checkpoints, strict=True)
        ),
    )
    first, second, third, fourth, fifth = (item.get("COLOR") for item in items(song, folder))
    assert first == third
    assert fifth is None
    assert len({str(first), str(second), str(fourth)}) == 3
    assert [item.get("COLOR") for item in items(song, folder)] == [first, second, third, fourth, fifth]


@pytest.mark.parametrize("field", ["run", "epoch", "step"])
def test_checkpoints_that_differ_in_any_part_have_different_colours(
    field: str, clips: Clips, folder: bytes
) -> None:
    one, two = clips(2).entries
    without: dict[str, Any] = {field: None}
    two = replace(two, **without)
    first, second = items(replace(clips(2), entries=(one, two)), folder)
    assert first["COLOR"] != second["COLOR"]


def test_consecutive_checkpoints_differ_in_hue(clips: Clips, folder: bytes) -> None:
    song = clips(40)
    song = replace(
        song, entries=tuple(replace(entry, epoch=index) for index, entry in enumerate(song.entries))
    )
    colours = [int(item["COLOR"][0]) for item in items(song, folder)]
    assert all(colour >> 24 == 1 for colour in colours)
    assert len(set(colours)) == 40
    for before, after in pairwise(colours):
        apart = abs(hue(before) - hue(after))
        assert min(apart, 360 - apart) > 90


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ('the "best" of', 'the "best" of'),
        ('it\'s "it"', 'it\'s "it"'),
        ("a \" b ' c ` d", "a \" b ' c ' d"),
        ("`code`", "`code`"),
        ('a " b ` c', 'a " b ` c'),
        ("one\n>", "one >"),
        ("one\ttwo", "one two"),
        ("a\x0bb\x1cc\x85d\u2028e", "a b c d e"),
        ("#|<ITEM", "#|<ITEM"),
        ("🦴", "🦴"),
        ("run_\udcff_1", "run_\ufffd_1"),
        ("", ""),
    ],
)
def test_names_keep_their_quotes(text: str, written: str, clips: Clips, folder: bytes) -> None:
    song = replace(clips(2, title=text), title=text)
    assert read(song, folder).find("./TRACK/NAME") == ["NAME", written]
    assert [item["NAME"] for item in items(song, folder)] == [[written], [written]]


def test_a_path_is_complete_if_the_format_can_express_it_and_relative_if_that_is_clear(
    nasty_path: bytes, clips: Clips, folder: bytes
) -> None:
    is_near = nasty_path.startswith(b"/songs/")
    relative = os.path.relpath(nasty_path, folder) if is_near else nasty_path
    is_misread = relative.strip() != relative or any(char in relative for char in (b":", b"\\"))
    expected = (nasty_path if is_misread else relative).decode("utf-8", "replace")
    for control in "\n\t\u2028":
        expected = expected.replace(control, " ")
    assert [item["SOURCE"][1] for item in items(clips(2, path=nasty_path), folder)] == [expected] * 2


def test_a_song_without_clips_is_an_empty_track(clips: Clips, folder: bytes) -> None:
    assert items(clips(0), folder) == []
    assert read(clips(0), folder).find("./TRACK/NAME") == ["NAME", "DOMAINAL SKELETON"]


@given(titles=st.lists(st.text(st.characters()), max_size=8), name=st.text(st.characters()))
def test_any_title_and_name_give_one_item_for_each_clip(
    titles: list[str], name: str, clips: Clips, folder: bytes
) -> None:
    song = replace(clips(titles=titles), title=name)
    found = items(song, folder)
    assert [numbers(item["POSITION"]) for item in found] == [[4.0 * i] for i in range(len(titles))]
