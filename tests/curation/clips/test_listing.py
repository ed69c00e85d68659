"""Listing clips as rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import database, schema
from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.settings.sections import Settings
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import ClipRow, clip_paths, count_clips, list_clips, list_values
from thresher.curation.clips.query_fields import fields
from thresher.curation.ingest.batches import batches
from thresher.curation.report.stats import stats
from thresher.errors import NotFoundError, QueryError, UsageError

NEAR = 0.6999999880790710  # 0.7 as float32


def test_a_row_holds_the_values_of_its_clip(small_catalog: Catalog) -> None:
    assert list_clips(small_catalog, ["1"]) == [
        ClipRow(
            id=1,
            path="copy/a.wav",
            missing=False,
            run="b",
            epoch=10,
            step=5,
            seconds=5.0,
            status="ok",
            rating=4,
            rejected=False,
            tags=("Riff", "a b", "slow"),
            note="first",
            score=NEAR,
            role="generated",
            kind="whole",
            start=1.0,
            loudness=None,
            peak=None,
            sample_rate=16_000,
            channels=1,
            batch=1,
            recording=1,
            heard=True,
            suspect=False,
            attributes={"epoch": "hidden", "prompt": "drums", "rate": "hidden", "temperature": 0.9},
        )
    ]


def test_a_row_of_a_clip_without_location_and_score_holds_none(small_catalog: Catalog) -> None:
    with writing(small_catalog) as connection:
        connection.execute(schema.location.delete().where(schema.location.c.recording_id == 6))
    (row,) = list_clips(small_catalog, "6 status:unreadable")
    assert (row.path, row.missing, row.seconds, row.start, row.tags, row.score) == (
        None,
        True,
        None,
        None,
        (),
        None,
    )
    assert row.rejected is False


def test_the_path_is_the_earliest_present_location_else_the_earliest(small_catalog: Catalog) -> None:
    shown = {row.id: (row.path, row.missing) for row in list_clips(small_catalog, "status::. rejected:no")}
    assert shown[1] == ("copy/a.wav", False)
    assert shown[2] == ("e10/s.wav", False)
    assert shown[5] == ("gone/early.wav", True)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([], [1, 4, 5, 7, 8, 9]),
        ("", [1, 4, 5, 7, 8, 9]),
        ("rating:1.. rating-", [9, 1, 7]),
        (["rating:1..", "rating-"], [9, 1, 7]),
        (["tag:a b"], [1]),
        (["rejected:yes"], [3]),
        ("status:silent", [2]),
        ("score-", [1, 7, 4, 5, 8, 9]),
    ],
)
def test_a_listing_filters_sorts_limits_and_counts(
    small_catalog: Catalog, terms: str | list[str], expected: list[int]
) -> None:
    assert [row.id for row in list_clips(small_catalog, terms)] == expected
    assert count_clips(small_catalog, terms) == len(expected)
    assert [row.id for row in list_clips(small_catalog, terms, limit=2)] == expected[:2]
    assert list_clips(small_catalog, terms, limit=0) == []


@pytest.mark.parametrize(
    ("terms", "statements"), [("kind:whole score-", 2), ("tag:riff , rating:4.. score-", 3)]
)
def test_a_listing_is_one_statement_one_for_attributes_and_one_for_the_places_of_parts(
    small_catalog: Catalog, terms: str, statements: int
) -> None:
    seen: list[str] = []
    engine = small_catalog._engine
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    list_clips(small_catalog, terms)
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == statements


def test_a_negative_limit_and_an_unknown_field_are_errors(small_catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="-1"):
        list_clips(small_catalog, limit=-1)
    with pytest.raises(QueryError):
        list_clips(small_catalog, ["epok:1"])


def test_paths_are_those_of_present_files_once_each(small_catalog: Catalog) -> None:
    root = os.fsencode(small_catalog.root)
    found = clip_paths(small_catalog, "role:generated")
    assert found == [root + b"/copy/a.wav", root + b"/out/parts.wav"]
    assert clip_paths(small_catalog, "role:reference") == [b"/data/r.wav"]


def test_an_empty_catalog_lists_nothing(tmp_path: Path) -> None:
    target = database.target_of(Settings().catalog.database, tmp_path)
    database.create(target, 1.0)
    empty = Catalog(tmp_path / "catalog.toml", Settings(), database.connect(target, 1.0))
    assert (list_clips(empty), checkpoints(empty), batches(empty)) == ([], [], [])
    assert len(fields(empty)) == len(FIELDS)
    found = stats(empty)
    assert (found.clips, found.minutes_kept, found.recordings, found.ratings) == (0, 0.0, {}, {})
    with pytest.raises(NotFoundError):
        show_clip(empty, "1")
    empty.close()


def test_listing_imports_no_heavy_module() -> None:
    heavy = "{'numpy', 'librosa', 'scipy', 'numba', 'alembic', 'pydantic', 'soundfile'}"
    code = (
        f"import sys, thresher.curation.clips.listing; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_an_unknown_column_names_similar_fields(small_catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=r'^columns: unknown field "ratng"; did you mean rating'):
        list_values(small_catalog, (), ["id", "ratng"])
    assert list_values(small_catalog, (), ["temperature"]).fields == {"temperature": "attribute"}


def test_rows_name_the_places_of_parts_and_marks(cut_clips: Catalog) -> None:
    rows = {row.id: row for row in list_clips(cut_clips)}
    assert {clip_id: row.place for clip_id, row in rows.items()} == {
        2: None,
        3: None,
        4: None,
        5: "part 1 of 3",
        6: "part 2 of 3",
        7: "part 3 of 3",
        8: 'mark "drop"',
        9: "mark 2 of 2",
    }
    assert (rows[6].kind, rows[6].ordinal, rows[6].out_of, rows[6].start) == ("part", 2, 3, 6.0)
    assert (rows[8].kind, rows[8].ordinal, rows[8].out_of, rows[8].mark) == ("marked", 1, 2, "drop")


def test_paths_of_clips_hold_a_split_file_once(cut_clips: Catalog) -> None:
    names = [os.path.basename(path) for path in clip_paths(cut_clips, "epoch:1")]
    assert names == [b"run_epoch_1_1.wav", b"run_epoch_1_0.wav"]
