"""Listings, one clip in full, and the sums, over a small catalog made by plain inserts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from thresher.catalog import database, schema
from thresher.catalog.catalog import Catalog
from thresher.catalog.config import Settings
from thresher.catalog.fields import FIELDS
from thresher.catalog.recordings import trim_key
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips.listing import (
    ClipRow,
    clip_paths,
    count_clips,
    fields,
    find_clip,
    list_clips,
    select_ids,
    show_clip,
)
from thresher.curation.ingest.batches import batches, stats
from thresher.errors import NotFoundError, QueryError, UsageError

TODAY = trim_key(Settings().trim)
FRAMES = 160_000  # of 16 kHz: 10 s
NEAR = 0.6999999880790710  # 0.7 as float32

RECORDINGS = [
    # id, status, role, checkpoint, pinned
    (1, "ok", "generated", 1, False),
    (2, "silent", "generated", 1, False),  # at three locations of three checkpoints
    (3, "ok", "generated", 3, True),  # corrected from checkpoint 2
    (4, "ok", "reference", None, False),
    (5, "too_short", "generated", None, False),
    (6, "unreadable", "generated", 2, False),
    (7, "ok", "generated", 1, False),  # split into two parts, one of them also marked
]
LOCATIONS = [
    # recording, checkpoint, path, missing since
    (1, 1, "out/a b.wav", 100.0),
    (1, 1, "copy/a.wav", None),
    (1, 2, "copy/z.wav", None),
    (2, 1, "e10/s.wav", None),
    (2, 2, "e20/s.wav", None),
    (2, 3, "e30/s.wav", 200.0),
    (3, 2, "out/c.wav", None),
    (4, None, "/data/r.wav", None),
    (5, None, "gone/early.wav", 300.0),
    (5, None, "gone/late.wav", 400.0),
    (6, 2, "out/broken.wav", None),
    (7, 1, "out/parts.wav", None),
    (None, 2, "out/locked.wav", None),
]
CLIPS = [
    # id, recording, kind, ordinal, start, end, rating, rejected, note, trim, fingerprint
    (1, 1, "whole", 0, 16_000, 96_000, 4, False, "first", TODAY, bytes(40)),
    (2, 2, "whole", 0, 0, 0, None, False, None, TODAY, None),
    (3, 3, "whole", 0, 0, 160_000, 1, True, None, "{}", bytes(40)),
    (4, 4, "whole", 0, 0, 160_000, None, False, None, TODAY, bytes(40)),
    (5, 5, "whole", 0, 0, 16_000, None, False, None, TODAY, None),
    (6, 6, "whole", 0, 0, 0, None, False, None, TODAY, None),
    (7, 7, "part", 0, 0, 48_000, 3, False, None, TODAY, bytes(40)),
    (8, 7, "part", 1, 80_000, 112_000, None, False, None, TODAY, None),
    (9, 7, "marked", 0, 0, 160_000, 5, False, None, "", None),
]


def fill(catalog: Catalog) -> None:
    def add(table: Any, names: str, rows: Sequence[Sequence[Any]]) -> None:
        connection.execute(table.insert(), [dict(zip(names.split(), row, strict=True)) for row in rows])

    with catalog.writing() as connection:
        add(
            schema.batch,
            "id started_at finished_at paths options files added failed",
            [
                (1, 10.0, 20.0, '["out"]', '{"role":"generated"}', 9, 7, 1),
                (2, 30.0, None, "[]", "{}", 0, 0, 0),
            ],
        )
        names = "id run epoch step"
        add(schema.checkpoint, names, [(1, "b", 10, 5), (2, "b", 20, None), (3, "a", 30, 7), (4, "z", 1, 1)])
        names = "id status role checkpoint_id checkpoint_pinned sha256 batch_id sample_rate channels frames"
        rate = {"unreadable": (None, None, None)}
        rows = [(*row, f"{row[0]:064}", 1, *rate.get(row[1], (16_000, 1, FRAMES))) for row in RECORDINGS]
        add(schema.recording, names, rows)
        names = "recording_id checkpoint_id path_text missing_since path batch_id size mtime_ns reason"
        reason: dict[int | None, str] = {None: "permission denied"}
        rows = [(*row, row[2].encode(), 1, 1, 1, reason.get(row[0])) for row in LOCATIONS]
        add(schema.location, names, rows)
        names = "id recording_id kind ordinal start_frame end_frame rating rejected note trim fingerprint"
        add(schema.clip, names, CLIPS)
        add(schema.clip_tag, "clip_id tag", [(1, "slow"), (1, "a b"), (1, "Riff"), (7, "riff")])
        names = "location_id key text number"
        rows = [(1, "temperature", "0.9", 0.9), (7, "temperature", "10", 10.0), (2, "prompt", "drums", None)]
        add(schema.attribute, names, [*rows, (1, "rate", "hidden", None), (1, "epoch", "hidden", None)])
        add(schema.metric, "id name version", [(1, "prefix", 1), (2, "other", 3)])
        add(
            schema.nearest,
            "metric_id clip_id other_id score",
            [(1, 1, 7, NEAR), (1, 7, 1, NEAR), (2, 1, 3, 0.5)],
        )
        add(
            schema.score_row,
            "metric_id position clip_id scores crc32 retired",
            [(1, 0, 1, b"", 0, True), (1, 1, 1, b"", 0, False), (1, 2, 7, b"", 0, False)],
        )
        names = "name query ordering metric fade created_at deleted"
        add(
            schema.song,
            names,
            [("s", "rating:4..", "pairs", "prefix", 0.0, 1.0, old) for old in (False, True)],
        )


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    database.create(tmp_path / "catalog.db", 1.0)
    engine = database.connect(tmp_path / "catalog.db", 1.0)
    catalog = Catalog(tmp_path / "catalog.toml", Settings(), engine)
    fill(catalog)
    yield catalog
    catalog.close()


def find(catalog: Catalog, term: str) -> int:
    with catalog.reading() as connection:
        return find_clip(catalog, connection, term)


def test_row_of_a_clip(catalog: Catalog) -> None:
    assert list_clips(catalog, ["1"]) == [
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
        )
    ]


def test_row_without_anything(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        connection.execute(schema.location.delete().where(schema.location.c.recording_id == 6))
    (row,) = list_clips(catalog, "6 status:unreadable")
    assert (row.path, row.missing, row.seconds, row.start, row.tags, row.score) == (
        None,
        True,
        None,
        None,
        (),
        None,
    )
    assert row.rejected is False


def test_path_shown_is_the_earliest_present_else_the_earliest(catalog: Catalog) -> None:
    shown = {row.id: (row.path, row.missing) for row in list_clips(catalog, "status::. rejected:no")}
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
def test_list(catalog: Catalog, terms: str | list[str], expected: list[int]) -> None:
    assert [row.id for row in list_clips(catalog, terms)] == expected
    assert count_clips(catalog, terms) == len(expected)
    assert [row.id for row in list_clips(catalog, terms, limit=2)] == expected[:2]
    assert list_clips(catalog, terms, limit=0) == []


def test_list_is_one_statement(catalog: Catalog) -> None:
    seen: list[str] = []
    engine = catalog._engine
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    list_clips(catalog, "riff , rating:4.. score-")
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 1


def test_bad_limit_and_query(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="-1"):
        list_clips(catalog, limit=-1)
    with pytest.raises(QueryError):
        list_clips(catalog, ["epok:1"])


def test_paths_are_present_and_once_each(catalog: Catalog) -> None:
    root = os.fsencode(catalog.root)
    found = clip_paths(catalog, "role:generated")
    assert found == [root + b"/copy/a.wav", root + b"/out/parts.wav"]
    assert clip_paths(catalog, "role:reference") == [b"/data/r.wav"]


@pytest.mark.parametrize(
    ("terms", "options", "expected"),
    [
        ("", {}, [1, 4, 5, 7, 8, 9]),
        ("", {"defaults": False}, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("", {"song": True}, [1, 5, 7, 8, 9]),
        ("", {"song": True, "defaults": False}, [1, 5, 7, 8, 9]),
        ("", {"song": True, "sort": "length-"}, [9, 1, 7, 8, 5]),
        ("rating:1.. rating-", {"sort": "rating+"}, [7, 1, 9]),
    ],
)
def test_select_ids(catalog: Catalog, terms: str, options: dict[str, Any], expected: list[int]) -> None:
    with catalog.reading() as connection:
        assert select_ids(catalog, connection, terms, **options) == expected


def test_show(catalog: Catalog) -> None:
    detail = show_clip(catalog, "1")
    assert detail.clip == list_clips(catalog, "1")[0]
    assert (detail.end, detail.fingerprint_words, detail.added, detail.trim) == (6.0, 10, 10.0, TODAY)
    assert [(at.path, at.missing_since, at.epoch, at.attributes) for at in detail.locations] == [
        ("out/a b.wav", 100.0, 10, {"epoch": "hidden", "rate": "hidden", "temperature": "0.9"}),
        ("copy/a.wav", None, 10, {"prompt": "drums"}),
        ("copy/z.wav", None, 20, {}),
    ]
    assert [(near.metric, near.version, near.clip, near.path, near.score) for near in detail.nearest] == [
        ("other", 3, 3, "out/c.wav", 0.5),
        ("prefix", 1, 7, "out/parts.wav", NEAR),
    ]
    assert (detail.checkpoints_disagree, detail.checkpoint_pinned) == (True, False)


def test_show_a_corrected_clip_and_one_that_failed(catalog: Catalog) -> None:
    corrected = show_clip(catalog, "3")
    assert (corrected.checkpoint_pinned, corrected.checkpoints_disagree) == (True, False)
    assert (corrected.clip.run, corrected.locations[0].run) == ("a", "b")
    failed = show_clip(catalog, "6")
    assert (failed.end, failed.fingerprint_words, failed.nearest) == (None, 0, ())


def test_clip_by_path(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(catalog, "out/a b.wav") == 1
    assert find(catalog, "/data/r.wav") == 4
    assert find(catalog, f"{catalog.root}/copy/../copy/a.wav") == 1
    (catalog.root / "out").mkdir()
    monkeypatch.chdir(catalog.root / "out")
    assert find(catalog, "c.wav") == 3
    assert find(catalog, "../e10/s.wav") == 2


def test_clip_at_a_path_is_the_one_there_now(catalog: Catalog) -> None:
    with catalog.writing() as connection:
        is_late = schema.location.c.path_text == "out/a b.wav"
        connection.execute(
            update(schema.location).where(is_late).values(path=b"out/c.wav", path_text="out/c.wav")
        )
    assert find(catalog, "out/c.wav") == 3


def test_clip_by_query(catalog: Catalog) -> None:
    assert find(catalog, "note:first") == 1
    assert find(catalog, "rating:1.. rejected:yes") == 3
    assert find(catalog, "temperature:10") == 3


@pytest.mark.parametrize(
    ("term", "error", "words"),
    [
        ("77", NotFoundError, "no clip has the id 77; `thresher list`"),
        ("nothing", NotFoundError, 'no clip matches "nothing"; `thresher list`'),
        ("out/locked.wav", NotFoundError, "could not be read: permission denied"),
        ("out/parts.wav", UsageError, "matches 3 clips; give one id of 7, 8, 9"),
        ("rejected:no", UsageError, "matches 8 clips; give one id of 1, 2, 4, 5, 6, …"),
        ("epok:1", QueryError, "epoch"),
        ("a\ud800", QueryError, "half of a surrogate pair"),
    ],
)
def test_no_clip_or_several(catalog: Catalog, term: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        show_clip(catalog, term)
    assert words in str(caught.value)


def test_file_that_was_never_ingested(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    (catalog.root / "new.wav").touch()
    monkeypatch.chdir(catalog.root)
    with pytest.raises(NotFoundError, match=r'"new\.wav" is not in the catalog; `thresher ingest`'):
        find(catalog, "new.wav")


def test_fields(catalog: Catalog) -> None:
    rows = {row.name: row for row in fields(catalog)}
    assert list(rows) == [*FIELDS, "prompt", "temperature"]
    assert all(row.kind and row.description for row in rows.values())
    temperature, prompt = rows["temperature"], rows["prompt"]
    assert (temperature.kind, temperature.count, temperature.examples) == ("number", 2, ("0.9", "10"))
    assert (prompt.kind, prompt.count, prompt.examples) == ("text", 1, ("drums",))
    assert rows["epoch"].count is None


def test_stats(catalog: Catalog) -> None:
    found = stats(catalog)
    assert found.recordings == {"ok": 4, "silent": 1, "too_short": 1, "unreadable": 1}
    assert (found.references, found.clips, found.batches, found.songs) == (1, 9, 2, 1)
    assert (found.present, found.missing, found.unread) == (9, 4, 1)
    assert found.minutes_generated == pytest.approx(50 / 60)
    # 5 s, 10 s, 1 s, and parts of 3 s and 2 s; silence, references and marked spans are not kept
    assert found.minutes_kept == pytest.approx(21 / 60)
    assert (found.runs, found.checkpoints) == (2, 3)  # that of the reference wrote nothing
    assert (found.ratings, found.rated, found.rejected) == ({1: 1, 3: 1, 4: 1, 5: 1}, 4, 1)
    prefix, *others = found.metrics
    assert [(row.name, row.live) for row in others] == [("aligned", 0), ("likeness", 0)]
    assert (prefix.name, prefix.version, prefix.live, prefix.open) == ("prefix", 1, 2, 1)
    assert found.trimmed_otherwise == 1
    assert found.database_bytes == (catalog.root / "catalog.db").stat().st_size


def test_checkpoints(catalog: Catalog) -> None:
    rows = checkpoints(catalog)
    assert [(row.run, row.epoch, row.step) for row in rows] == [
        ("a", 30, 7),
        ("b", 10, 5),
        ("b", 20, None),
        (None, None, None),
    ]
    by_epoch = {row.epoch: row for row in rows}
    counts = {epoch: (row.files, row.recordings, row.missing) for epoch, row in by_epoch.items()}
    # recording 2 counts in each of its three; recording 3 under its correction, 30, and not under 20
    assert counts == {30: (2, 2, 1), 10: (4, 3, 1), 20: (4, 3, 0), None: (2, 1, 2)}
    assert by_epoch[10].statuses == {"ok": 0.75, "silent": 0.25}
    assert by_epoch[20].statuses == {"ok": 0.25, "silent": 0.25, "unreadable": 0.5}
    minutes = {epoch: (row.minutes_generated * 60, row.minutes_kept * 60) for epoch, row in by_epoch.items()}
    expected = {30: (20, 10), 10: (40, 15), 20: (20, 5), None: (20, 2)}
    assert minutes == {epoch: pytest.approx(pair) for epoch, pair in expected.items()}
    judged = {epoch: (row.ratings, row.mean_rating, row.rejected) for epoch, row in by_epoch.items()}
    # clip 1 is at two places of epoch 10, and rated once
    assert judged == {30: (1, 1.0, 1), 10: (3, 4.0, 0), 20: (1, 4.0, 0), None: (0, None, 0)}


def test_batches(catalog: Catalog) -> None:
    first, second = batches(catalog)
    assert (first.id, first.started_at, first.finished_at, first.paths) == (1, 10.0, 20.0, ("out",))
    assert (first.options, first.files, first.added, first.failed) == ({"role": "generated"}, 9, 7, 1)
    assert (second.finished_at, second.paths, second.options) == (None, (), {})


def test_empty_catalog(tmp_path: Path) -> None:
    database.create(tmp_path / "catalog.db", 1.0)
    engine = database.connect(tmp_path / "catalog.db", 1.0)
    empty = Catalog(tmp_path / "catalog.toml", Settings(), engine)
    assert (list_clips(empty), checkpoints(empty), batches(empty)) == ([], [], [])
    assert len(fields(empty)) == len(FIELDS)
    found = stats(empty)
    assert (found.clips, found.minutes_kept, found.recordings, found.ratings) == (0, 0.0, {}, {})
    with pytest.raises(NotFoundError):
        show_clip(empty, "1")
    empty.close()


def test_listing_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'librosa', 'scipy', 'numba', 'alembic', 'pydantic', 'soundfile'}"
    code = (
        f"import sys, thresher.curation.clips.listing; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
