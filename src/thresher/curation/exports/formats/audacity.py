"""Audacity label tracks: one line per label with its start, its end and its text, separated by tabs.

Times are in seconds. Format: https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

from thresher.curation.exports.formats.text import one_line
from thresher.curation.exports.formats.timeline import Timeline
from thresher.errors import UsageError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_BLANKS = re.compile(r"\s*(\S+)\s+(\S+)\s*(.*)")
_MARKS_OF_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MOST_SHOWN = 60  # characters of a line in a message


@dataclass(frozen=True)
class Label:
    """A label of a region, in seconds, and the number of its line, from 1. Its text has no control characters."""

    line: int
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class LabelFile:
    """The content of a label file: its regions, in their order, and what else it contains.

    `invalid` are lines that are not labels, by their number. `points` is the number of labels without a length,
    `frequencies` the number of lines with a range of frequencies, which belong to the label before. `encoding` is
    how the text is encoded.
    """

    labels: tuple[Label, ...]
    invalid: tuple[tuple[int, str], ...]
    points: int
    frequencies: int
    encoding: str


def label_track(timeline: Timeline, _folder: bytes) -> str:
    """The text of a label track."""
    return labels_text((entry.start, entry.start + entry.seconds, entry.title) for entry in timeline.entries)


def labels_text(labels: Iterable[tuple[float, float, str]]) -> str:
    """The text of a label track with these starts, ends and texts."""
    return "".join(f"{start:.6f}\t{end:.6f}\t{one_line(text)}\n" for start, end, text in labels)


def read_labels(content: bytes) -> LabelFile:
    """Read the content of a label file. Raises UsageError if it is not text.

    Decimals may have a comma, as in files of systems that write them so. Fields may also be separated by blanks.
    A line with one time is a point label, as old versions wrote them.
    """
    text, encoding = _decoded(content)
    labels, invalid = [], []
    points = frequencies = 0
    for number, line in enumerate(re.split("\r\n|\r|\n", text), start=1):
        if not line.strip():
            continue
        if line.lstrip().startswith("\\"):
            frequencies += 1
            continue
        start, end, title = _fields(line)
        if start is None:
            invalid.append((number, one_line(line)[:_MOST_SHOWN]))
        elif end is None or start == end:
            points += 1
        else:
            labels.append(Label(number, start, end, one_line(title)))
    return LabelFile(tuple(labels), tuple(invalid), points, frequencies, encoding)


def _fields(line: str) -> tuple[float | None, float | None, str]:
    """Return start, end and text of a line; no start if it is not a label, no end if it has one time."""
    if "\t" in line:
        first, second, *rest = line.split("\t", 2)
        start, end = _seconds(first), _seconds(second)
        if end is None and rest:
            return None, None, ""
        return start, end, "".join(rest)
    match = _BLANKS.fullmatch(line)
    if match is None:
        return None, None, ""
    start, end = _seconds(match[1]), _seconds(match[2])
    return (start, end, match[3]) if end is not None else (None, None, "")


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def _decoded(content: bytes) -> tuple[str, str]:
    """Return the text of a file and its encoding: UTF-8, UTF-16 with a byte order mark, or else Windows-1252."""
    try:
        if content.startswith(_MARKS_OF_UTF_16):
            text, encoding = content.decode("utf-16"), "UTF-16"
        else:
            text, encoding = content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        text, encoding = content.decode("cp1252", "replace"), "Windows-1252"
    if "\0" in text:
        raise UsageError("it is not a text file")
    return text, encoding
