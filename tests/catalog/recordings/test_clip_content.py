"""The stored analysis of clips: what a new analysis replaces, and what it keeps."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.recordings import measures
from thresher.catalog.recordings.clip_content import ClipContent, NewClip, add_clips, replace_clip

CONTENT = ClipContent(
    start_frame=0,
    end_frame=1000,
    trim="{}",
    fingerprint=b"word",
    fingerprint_backend="test",
    fingerprint_version="1",
    loudness=-20.0,
    peak=0.5,
    descriptor=b"descriptor",
    descriptor_version=1,
    profile=b"profile",
    profile_version=1,
    measures={"silence": 0.25, "noise": None},
)


def test_new_clips_have_the_ids_of_their_order_with_checksums_and_measures(cut_clips: Catalog) -> None:
    new = [
        NewClip(2, "marked", 5, replace(CONTENT, end_frame=9, measures=None), "b"),
        NewClip(2, "marked", 4, CONTENT, "a", removed=True),
    ]
    with writing(cut_clips) as connection:
        first, second = add_clips(connection, new)
        rows = {row.id: row for row in connection.execute(select(clip).where(clip.c.id.in_([first, second])))}
        ((measured, values),) = measures.read(connection, [first, second]).items()
        assert add_clips(connection, []) == []
    assert (measured, values["silence"], values["noise"]) == (second, 0.25, None)
    assert first < second
    assert (rows[first].name, rows[first].ordinal, rows[first].removed) == ("b", 5, False)
    assert (rows[second].name, rows[second].ordinal, rows[second].removed) == ("a", 4, True)
    assert rows[second].fingerprint_crc32 == zlib.crc32(b"word")
    assert rows[second].descriptor_crc32 == zlib.crc32(b"descriptor")
    assert rows[second].profile_crc32 == zlib.crc32(b"profile")


@pytest.mark.parametrize(
    ("changes", "has_changed"),
    [
        ({}, False),
        ({"loudness": -10.0}, False),
        ({"descriptor": None}, False),
        ({"fingerprint": b"other"}, True),
        ({"fingerprint": None}, True),
        ({"descriptor": b"other"}, True),
        ({"start_frame": 1}, True),
        ({"end_frame": 999}, True),
    ],
)
def test_a_clip_has_changed_if_its_span_or_what_metrics_compare_has(
    cut_clips: Catalog, changes: dict[str, Any], has_changed: bool
) -> None:
    with writing(cut_clips) as connection:
        (clip_id,) = add_clips(connection, [NewClip(2, "marked", 1, CONTENT)])
        assert replace_clip(connection, clip_id, replace(CONTENT, **changes)) is has_changed


@pytest.mark.parametrize(("end", "is_kept"), [(1000, True), (999, False)])
def test_what_an_analysis_leaves_out_is_kept_while_the_span_stays(
    cut_clips: Catalog, end: int, is_kept: bool
) -> None:
    bare = replace(
        CONTENT, end_frame=end, descriptor=None, descriptor_version=None, profile=None, measures=None
    )
    with writing(cut_clips) as connection:
        (clip_id,) = add_clips(connection, [NewClip(2, "marked", 1, CONTENT)])
        replace_clip(connection, clip_id, bare)
        row = connection.execute(select(clip).where(clip.c.id == clip_id)).one()
        measured = measures.read(connection, [clip_id])
    assert (row.descriptor, row.profile) == ((b"descriptor", b"profile") if is_kept else (None, None))
    assert bool(measured) is is_kept
