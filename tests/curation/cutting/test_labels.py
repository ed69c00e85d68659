"""Labels of Audacity become marks, and parts and marks become labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.curation.cutting.cuts import split_recording
from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import history, rate
from thresher.curation.clips.listing import list_clips
from thresher.curation.cutting.labels import export_labels, import_labels
from thresher.curation.cutting.marks import mark, unmark
from thresher.curation.cutting.undo import undo
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.signal.features.trim import Span

PARTS = (Span(RATE // 2, RATE * 9 // 2), Span(RATE * 11 // 2, RATE * 19 // 2))


def write(catalog: Catalog, content: str | bytes) -> Path:
    file = catalog.root / "labels.txt"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def marks(catalog: Catalog) -> list[tuple[float, float]]:
    rows = list_clips(catalog, "kind:marked status::. start+")
    return [(row.start or 0, (row.start or 0) + (row.seconds or 0)) for row in rows]


def test_the_labels_of_a_file_are_marked_in_one_decision(bench: Catalog) -> None:
    file = write(bench, "1.000000\t4.200000\tdrop\n0.600000\t1.600000\t\n\n")
    report = import_labels(bench, "1", file)
    assert [(row.state, row.name, row.start, row.end) for row in report.marks] == [
        ("new", "drop", 1.0, 4.2),
        ("new", None, 0.6, 1.6),
    ]
    assert report.unused == ()
    assert [each.summary for each in history(bench)] == [
        "mark 2 labels of labels.txt in the recording of clip 1"
    ]
    assert [row.id for row in list_clips(bench, "mark:drop")] == [4]
    undo(bench)
    assert marks(bench) == []


def test_lines_that_cannot_be_marks_are_named_and_the_others_are_used(bench: Catalog) -> None:
    lines = [
        "1\t2\tgood",
        "\\\t100.0\t2000.0",
        "3\t3\ta point",
        "4.0\tan old point",
        "-0.5\t1\tnegative",
        "2\t20\tbeyond",
        "2\t1\treversed",
        "1.0\t1.001\tshort",
        "nonsense",
        "1\tx\tbad",
        "nan\t2\tnot a number",
        "1.0\t2.0\ttwice",
        "1.5\t2.5\toverlapping",
    ]
    report = import_labels(bench, "1", write(bench, "\r\n".join(lines)))
    assert [row.name for row in report.marks] == ["good", "overlapping"]
    assert (report.points, report.frequencies) == (2, 1)
    reasons = [
        "-0.500 s is before the start of the recording of clip 1; times count from 0",
        "20.000 s is beyond the end of the recording of clip 1, which is 9.500 s long",
        "the start, 2.000 s, is after the end, 1.000 s; give the earlier time first",
        "a mark of 0.001 s is too short (expected 0.05 s or more)",
        '"nonsense" is not a label',
        '"1 x bad" is not a label',
        '"nan 2 not a number" is not a label',
        "line 1 has the same span",
    ]
    assert [each.reason for each in report.unused] == reasons
    assert [each.line for each in report.unused] == [5, 6, 7, 8, 9, 10, 11, 12]


def test_a_file_without_a_usable_label_is_refused(bench: Catalog, tmp_path: Path) -> None:
    refused: list[tuple[str | bytes, str]] = [
        ("", "labels.txt has no label that can be a mark; Audacity"),
        ("1\t1\tpoint", r"\(1 label without a length\)"),
        ("5\t50\tx\n1\t1\t", r"\(line 1: 50.000 s is beyond .*; 1 label without a length\)"),
        (b"RIFF\0\0\0\0WAVE", "labels.txt has no labels: it is not a text file"),
    ]
    for content, why in refused:
        with pytest.raises(UsageError, match=why):
            import_labels(bench, "1", write(bench, content))
    with pytest.raises(NotFoundError, match=r"there is no label file .*none\.txt"):
        import_labels(bench, "1", tmp_path / "none.txt")
    with pytest.raises(UsageError, match="can't be read: Is a directory"):
        import_labels(bench, "1", tmp_path)
    assert history(bench) == []


def test_times_of_labels_can_count_from_the_clip(bench: Catalog) -> None:
    (row,) = list_clips(bench, "1")
    (made,) = import_labels(bench, "1", write(bench, "1\t2\t"), origin="clip").marks
    assert made.start == 1.0 + (row.start or 0)


def test_an_export_and_its_import_find_the_same_frames(bench: Catalog) -> None:
    split_recording(bench, 1, PARTS)
    mark(bench, "1", 1 / 3, 10 / 3, name="dröp", origin="recording")
    mark(bench, "1", 0.7000625, 1.2, origin="recording")  # not a whole number of milliseconds
    rate(bench, ["mark:dröp"], 5)
    before, file = marks(bench), bench.root / "out.txt"
    report = export_labels(bench, "in/a.wav", file)
    assert (report.parts, report.marks, report.outside) == (2, 2, 0)
    assert file.read_text(encoding="utf-8").splitlines() == [
        "0.333313\t3.333312\tdröp",
        "0.500000\t4.500000\tpart 1",
        "0.700063\t1.200000\t",
        "5.500000\t9.500000\tpart 2",
    ]
    again = import_labels(bench, "in/a.wav", file)
    assert (again.decision, again.parts) == (None, 2)
    assert [row.state for row in again.marks] == ["unchanged", "unchanged"]
    unmark(bench, ["kind:marked"])
    assert [row.state for row in import_labels(bench, "in/a.wav", file).marks] == ["restored", "restored"]
    assert marks(bench) == before
    assert [row.rating for row in list_clips(bench, "mark:dröp")] == [5]
    text = file.read_text(encoding="utf-8")
    assert export_labels(bench, "in/a.wav", file).marks == 2  # the same content again
    assert file.read_text(encoding="utf-8") == text


def test_a_label_that_was_renamed_in_audacity_renames_its_mark_or_marks_the_part(bench: Catalog) -> None:
    split_recording(bench, 1, PARTS)
    mark(bench, "1", 1, 2, name="old", origin="recording")
    file = write(bench, "1.000000\t2.000000\tnew\n0.500000\t4.500000\tintro\n5.500000\t9.500000\tpart 2\n")
    report = import_labels(bench, "in/a.wav", file)
    assert [(row.state, row.name) for row in report.marks] == [("renamed", "new"), ("new", "intro")]
    assert report.parts == 1


def test_an_export_counted_from_a_clip_has_what_is_inside_of_it(bench: Catalog) -> None:
    parts = split_recording(bench, 1, PARTS)
    mark(bench, "1", 1, 2, name="in", origin="recording")
    mark(bench, "1", 4, 6, name="across", origin="recording")
    report = export_labels(bench, str(parts[0]), bench.root / "out.txt", origin="clip")
    assert (report.parts, report.marks, report.outside) == (0, 1, 2)
    assert (bench.root / "out.txt").read_text() == "0.500000\t1.500000\tin\n"


def test_an_export_replaces_no_other_file(bench: Catalog) -> None:
    with pytest.raises(
        NotFoundError, match="clip 1 has no parts or marks to export; `thresher mark 1 START END`"
    ):
        export_labels(bench, "1", bench.root / "out.txt")
    mark(bench, "1", 1, 2)
    with pytest.raises(UsageError, match="is clip 2 of the catalog, which is never replaced"):
        export_labels(bench, "1", bench.root / "in/b.wav", overwrite=True)
    file = write(bench, "mine")
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="exists with other contents; give another name, or --overwrite"):
            export_labels(bench, "1", file, dry_run=dry_run)
    with pytest.raises(UsageError, match="in exists with other contents"):
        export_labels(bench, "1", bench.root / "in")
    with pytest.raises(CatalogError, match="could not be written: Is a directory"):
        export_labels(bench, "1", bench.root / "in", overwrite=True)
    export_labels(bench, "1", file, overwrite=True, dry_run=True)
    assert file.read_text() == "mine"
    export_labels(bench, "1", file, overwrite=True)
    assert file.read_text() != "mine"


def test_a_dry_run_of_an_import_changes_nothing(bench: Catalog) -> None:
    report = import_labels(bench, "1", write(bench, "1\t2\tx\n"), dry_run=True)
    assert (report.marks[0].clip, report.marks[0].status) == (None, "too_short")
    assert history(bench) == []
    assert marks(bench) == []
