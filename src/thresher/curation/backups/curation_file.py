"""The format of an exported curation: JSON lines that name clips by content, never by ids.

docs/curation-file.md describes it. A clip is `{"recording": SHA-256, "kind": …}`, parts and marks with `start` and
`end` in frames of the recording. A text that names clips by id, such as a query, is a list of pieces: texts, and
clips in place of their ids.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thresher.catalog.queries.text import Kind, tokens_of
from thresher.errors import NotFoundError, QueryError, UsageError

_WRITER = "`thresher export-catalog FILE` writes such files"

FORMAT = "thresher curation"
VERSION = 1
HEADER = {"format": FORMAT, "version": VERSION}

NOT_OF_RENDERINGS = frozenset(
    ("id", "song_id", "rendering_id", "clip_id", "position", "digest", "settings", "rewritten")
)
"""Columns of renderings and their clips that hold ids, or that are written in another form."""

ClipRef = dict[str, Any]
Pieces = str | list[Any]
"""A text, or a list of texts and clips."""

_ID_TERM = re.compile(
    r"\^*(?:(?P<field>id|of|near(?:@\w+)?)(?P<operator>:=?|=))?(?P<number>\d+)(?P<rest>:.*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_ID_RANGE = re.compile(r"\^*(?P<term>id:(?P<first>\d*)\.\.(?P<last>\d*))", re.ASCII | re.IGNORECASE)
_CHAIN = re.compile(r"chain:(\d*)\.\.(\d*)", re.ASCII)


def line_of(record: Mapping[str, Any]) -> str:
    """Return a record as a line, the same for equal records."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=False) + "\n"


@dataclass(frozen=True)
class References:
    """Turns ids of clips into content and back: what the clip of an id is, and which clips a range of ids holds."""

    clip: Callable[[int], ClipRef | None]
    within: Callable[[int, int | None], Sequence[int]]


# -- texts -------------------------------------------------------------------------------------------------


def portable_query(text: str, references: References) -> Pieces:
    """Return a query with clips in place of their ids; a range of ids becomes the clips that it holds now."""
    try:
        words = [token.word for token in tokens_of(text) if token.kind is Kind.TERM]
    except QueryError:
        return text
    pieces: list[Any] = []
    done = 0
    for word in words:
        if text[word.position : word.position + len(word.text)] != word.text:  # quoted in part
            continue
        for start, end, replaced in _replaced(word.text, references):
            pieces += [text[done : word.position + start], *replaced]
            done = word.position + end
    pieces.append(text[done:])
    return _joined(pieces)


def _replaced(term: str, references: References) -> Iterator[tuple[int, int, list[Any]]]:
    """Yield which characters of a term are replaced by which pieces."""
    if (found := _ID_RANGE.fullmatch(term)) is not None:
        last = int(found["last"]) if found["last"] else None
        clips = [references.clip(each) for each in references.within(int(found["first"] or 0), last)]
        known = [each for each in clips if each is not None]
        listed: list[Any] = ["("]
        for place, each in enumerate(known):
            listed += [" , " if place else "", each]
        yield found.start("term"), found.end("term"), [*listed, ")"] if known else ["id:0"]
        return
    found = _ID_TERM.fullmatch(term)
    if found is None or (found["rest"] and not (found["field"] or "").lower().startswith("near")):
        return
    named = references.clip(int(found["number"])) if len(found["number"]) < 19 else None
    if named is not None:
        yield found.start("number"), found.end("number"), [named]


def portable_ordering(text: str, references: References) -> Pieces:
    """Return an ordering with clips in place of the ids of its ends."""
    found = _CHAIN.fullmatch(text)
    if found is None:
        return text
    ends = [references.clip(int(end)) if end else None for end in found.groups()]
    return _joined(["chain:", *([ends[0]] if ends[0] else []), "..", *([ends[1]] if ends[1] else [])])


def _joined(pieces: Sequence[Any]) -> Pieces:
    """Join neighbouring texts; return one text if no clip is named."""
    joined: list[Any] = []
    for each in pieces:
        if isinstance(each, str) and joined and isinstance(joined[-1], str):
            joined[-1] += each
        elif each != "":
            joined.append(each)
    if all(isinstance(each, str) for each in joined):
        return "".join(joined)
    return joined


def text_of(pieces: Pieces, clip_id: Callable[[ClipRef], int | None], otherwise: str) -> str:
    """Return a text with the ids of this catalog; `otherwise` stands for clips that are not here."""
    if isinstance(pieces, str):
        return pieces
    found = [each if isinstance(each, str) else clip_id(each) for each in pieces]
    return "".join(otherwise if each is None else str(each) for each in found)


# -- settings of songs -------------------------------------------------------------------------------------


def portable_settings(plain: Mapping[str, Any], references: References) -> dict[str, Any]:
    """Return plain settings of a song with clips in place of ids, without clips that are not known."""
    settings = dict(plain)
    for name, change in (("query", portable_query), ("ordering", portable_ordering)):
        if settings.get(name) is not None:
            settings[name] = change(settings[name], references)
    if settings.get("manual") is not None:
        settings["manual"] = _all(settings["manual"], references.clip)
    settings["edits"] = changed_edits(settings.get("edits") or {}, references.clip)
    return settings


def local_settings(settings: Mapping[str, Any], clip_id: Callable[[ClipRef], int | None]) -> dict[str, Any]:
    """Return plain settings of a song with the ids of this catalog, without edits of clips not here."""
    plain = dict(settings)
    plain["query"] = text_of(plain["query"], clip_id, "0")
    plain["ordering"] = text_of(plain["ordering"], clip_id, "")
    if plain["ordering"] == "chain:..":
        plain["ordering"] = "chain"
    if plain.get("manual") is not None:
        plain["manual"] = _all(plain["manual"], clip_id)
    plain["edits"] = changed_edits(plain.get("edits") or {}, clip_id)
    return plain


def changed_edits(edits: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return plain edits of a song with each clip changed, without edits of clips that change to None."""
    changed: dict[str, Any] = {}
    for name, values in edits.items():
        if name == "pins":
            found = [[change(clip), position] for clip, position in values]
        elif name == "together":
            found = [[change(one), change(other)] for one, other in values]
        else:
            found = [[change(clip)] for clip in values]
        kept = [each for each in found if None not in each]
        if kept:
            changed[name] = kept if name in ("pins", "together") else [each[0] for each in kept]
    return changed


def _all(clips: Sequence[Any], change: Callable[[Any], Any]) -> list[Any]:
    return [each for each in map(change, clips) if each is not None]


# -- reading -----------------------------------------------------------------------------------------------


def read_records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records of a file after its header, each with the number of its line.

    Raises NotFoundError if there is no such file, and UsageError for a file that is not an exported curation, is of
    a newer version, or is damaged.
    """
    if not file.is_file():  # opening a FIFO would wait for ever
        raise NotFoundError(f"there is no file {file}; `thresher export-catalog FILE` writes one")
    try:
        with file.open(encoding="utf-8") as opened:
            for number, line in enumerate(opened, start=1):
                record = _record(file, number, line)
                if number == 1:
                    _check_header(file, record)
                else:
                    yield number, record
            if file.stat().st_size == 0:
                raise UsageError(f"{file} is empty; {_WRITER}")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text; {_WRITER}") from error
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}; {_WRITER}") from error


def is_curation_file(file: Path) -> bool:
    """Return whether a file starts like an exported curation."""
    if not file.is_file():
        return False
    try:
        with file.open(encoding="utf-8") as opened:
            _check_header(file, _record(file, 1, opened.readline(1000)))
    except (OSError, UsageError, UnicodeDecodeError):
        return False
    return True


def _record(file: Path, number: int, line: str) -> dict[str, Any]:
    if not line.endswith("\n"):
        raise UsageError(f"{file}, line {number}: the file is cut off; nothing was imported; {_WRITER}")
    try:
        record = json.loads(line)
        # refuses NaN and half of a surrogate pair
        json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{file}, line {number} is not JSON ({error}); nothing was imported; {_WRITER}"
        ) from error
    if not isinstance(record, dict):
        raise UsageError(f"{file}, line {number} is not an object; nothing was imported; {_WRITER}")
    return record


def _check_header(file: Path, record: Mapping[str, Any]) -> None:
    if record.get("format") != FORMAT:
        raise UsageError(f"{file} is not an exported curation; {_WRITER}")
    if record.get("version") != VERSION:
        raise UsageError(
            f"{file} has version {record.get('version')} of the format, and this thresher reads version {VERSION}; "
            "run `pip install --upgrade thresher`"
        )
