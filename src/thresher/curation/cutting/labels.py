"""Make marks from the labels of Audacity, and write parts and marks as labels."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from thresher.catalog.atomic_files import always_replace, write_text
from thresher.catalog.catalog import Catalog
from thresher.catalog.files.paths import display_text
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.recordings.cut_clips import cut_clips
from thresher.curation.cutting.marking import WantedMark, make_marks
from thresher.curation.cutting.marks import MarkReport, mark_name
from thresher.curation.cutting.places import MarkPlace, Origin, find_place
from thresher.curation.exports.formats.audacity import LabelFile, labels_text, read_labels
from thresher.curation.renderings.audio_file import target_of
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import counted
from thresher.progress import Progress, no_progress
from thresher.signal.features.trim import Span

_WRITER = "Audacity writes one with File > Export Other > Export Labels"

LARGEST_FILE = 16_000_000
"""The size of the largest label file that is read, in bytes. It has room for 200,000 labels."""


@dataclass(frozen=True)
class UnusedLabel:
    """A line of a label file that made no mark, with its number, from 1, and the reason."""

    line: int
    reason: str


@dataclass(frozen=True)
class LabelReport(MarkReport):
    """What an import of labels did.

    `unused` are the lines that made no mark. `points` is the number of labels without a length, `frequencies` that
    of ranges of frequencies, which marks don't have; `parts` is the number of labels that are parts of the
    recording as they were exported. `encoding` is how the text is encoded.
    """

    unused: tuple[UnusedLabel, ...]
    points: int
    frequencies: int
    parts: int
    encoding: str


@dataclass(frozen=True)
class LabelExport:
    """The parts and marks that were written to the label file at `path`, or would be.

    `outside` is the number of those that are not inside of the clip that times count from.
    """

    clip: int
    path: str
    parts: int
    marks: int
    outside: int
    dry_run: bool


def import_labels(
    catalog: Catalog,
    term: str,
    file: str | os.PathLike[str],
    *,
    origin: Origin = "recording",
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> LabelReport:
    """Mark the regions of an Audacity label file in the recording of the clip that an id, a path or a query names.

    Times count from the start of the recording, as Audacity shows its file, or of the clip if `origin` is "clip".
    All marks are one decision. Labels that can't be marks are reported, and the others are used. A label with the
    span of an existing mark names it.

    Raises NotFoundError if there is no such file or clip, UsageError if no label of the file can be used.
    """
    shown = display_text(os.fsencode(file))
    content = _content(file, shown)
    try:
        read = read_labels(content)
    except UsageError as error:
        raise UsageError(f"{shown} has no labels: {error}; {_WRITER}") from error
    with catalog.reading() as connection:
        place = find_place(catalog, connection, term, origin)
        parts = _part_texts(connection, place)
    sorted_labels = _sorted(read, place, parts)
    wanted = sorted_labels.wanted
    if not wanted and not sorted_labels.parts:
        raise UsageError(
            f"{shown} has no label that can be a mark{_why_none(read, sorted_labels.unused)}; {_WRITER}"
        )
    summary = f"mark {counted(len(wanted), 'label')} of {os.path.basename(shown)} in {place.noun}"
    rows, made = make_marks(catalog, place, wanted, summary, dry_run=dry_run, progress=progress)
    return LabelReport(
        place.clip,
        rows,
        made,
        dry_run,
        sorted_labels.unused,
        read.points,
        read.frequencies,
        sorted_labels.parts,
        read.encoding,
    )


def export_labels(
    catalog: Catalog,
    term: str,
    file: str | os.PathLike[str],
    *,
    origin: Origin = "recording",
    overwrite: bool = False,
    dry_run: bool = False,
) -> LabelExport:
    """Write the parts and marks of a recording as an Audacity label file, in the order of their start.

    Times count from the start of the recording, or of the clip if `origin` is "clip"; then only the parts and marks
    inside of it are written. An import of the file finds the same frames.

    Raises NotFoundError if no clip matches or there is nothing to write, and UsageError if the catalog knows the
    file, or if it exists with other contents, unless `overwrite`.
    """
    target = target_of(file, "")
    guard = OutputGuard(catalog)
    guard.check(target)
    with catalog.reading() as connection:
        place = find_place(catalog, connection, term, origin)
        cuts = cut_clips(connection, [place.recording]).get(place.recording, [])
        parts = _part_texts(connection, place)
    others = [each for each in cuts if each.id != place.clip or origin == "recording"]
    inside = [each for each in others if place.start <= each.start and each.end <= place.end]
    if not inside:
        raise NotFoundError(
            f"{place.noun} has no parts or marks to export; `thresher mark {place.clip} START END` makes a mark"
        )
    spans = [Span(each.start, each.end) for each in inside]
    names = [each.name or parts.get(span, "") for each, span in zip(inside, spans, strict=True)]
    text = labels_text((*place.times(span), name) for span, name in zip(spans, names, strict=True))
    recheck = always_replace if overwrite else partial(_refuse, target, text)
    recheck()
    if not dry_run:
        write_text(target, text, guard, recheck)
    marks = sum(each.kind == "marked" for each in inside)
    path = display_text(os.fsencode(target))
    return LabelExport(place.clip, path, len(inside) - marks, marks, len(others) - len(inside), dry_run)


@dataclass(frozen=True)
class _Sorted:
    """The labels of a file: those to mark, those that can't be marks, and the number of those that are parts."""

    wanted: tuple[WantedMark, ...]
    unused: tuple[UnusedLabel, ...]
    parts: int


def _sorted(read: LabelFile, place: MarkPlace, parts: Mapping[Span, str]) -> _Sorted:
    wanted: dict[Span, WantedMark] = {}
    lines: dict[Span, int] = {}
    unused = [UnusedLabel(number, f'"{text}" is not a label') for number, text in read.invalid]
    are_parts = 0
    for label in read.labels:
        try:
            span = place.span(label.start, label.end)
        except UsageError as error:
            unused.append(UnusedLabel(label.line, str(error)))
            continue
        name = mark_name("".join(c if c.isprintable() else " " for c in label.text))
        if span in lines:
            unused.append(UnusedLabel(label.line, f"line {lines[span]} has the same span"))
        elif span in parts and name in (None, parts[span]):
            are_parts += 1
        else:
            wanted[span] = WantedMark(span, name)
        lines.setdefault(span, label.line)
    return _Sorted(tuple(wanted.values()), tuple(sorted(unused, key=lambda each: each.line)), are_parts)


def _why_none(read: LabelFile, unused: Sequence[UnusedLabel]) -> str:
    """Return why a file has no label that can be a mark."""
    parts = [f"line {each.line}: {each.reason}" for each in unused[:1]]
    if read.points:
        parts.append(f"{counted(read.points, 'label')} without a length")
    return f" ({'; '.join(parts)})" if parts else ""


def _part_texts(connection: Connection, place: MarkPlace) -> dict[Span, str]:
    """Return the texts of the parts of a recording by their span: "part 3", counted by their starts."""
    cuts = cut_clips(connection, [place.recording]).get(place.recording, [])
    parts = [Span(each.start, each.end) for each in cuts if each.kind == "part"]
    return {span: f"part {number}" for number, span in enumerate(parts, start=1)}


def _content(file: str | os.PathLike[str], shown: str) -> bytes:
    """Return the content of a label file. Raises NotFoundError if there is none, UsageError if it is too large."""
    try:
        with open(file, "rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no label file {shown}; {_WRITER}") from error
    except OSError as error:
        raise UsageError(f"{shown} can't be read: {error.strerror}; {_WRITER}") from error
    if len(content) > LARGEST_FILE:
        raise UsageError(f"{shown} is larger than {LARGEST_FILE:,} bytes; it is not a label file")
    return content


def _refuse(target: Path, text: str) -> None:
    """Raise UsageError if the target exists and is not what would be written."""
    try:
        is_same = target.read_bytes() == text.encode()
    except OSError:  # also a folder
        is_same = not os.path.lexists(target)
    if not is_same:
        raise UsageError(f"{target} exists with other contents; give another name, or --overwrite")
