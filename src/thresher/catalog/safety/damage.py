"""Find damage in the database of a catalog. docs/verify.md lists what each check finds, and who can repair it.

Every check reads values as SQLite stores them, because damaged ones may be no valid text or of another type. A
check that SQLite refuses because the file is damaged says so, and the other checks go on.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from thresher.catalog.database import digests, safeguards
from thresher.catalog.database.digests import DamagedRow, stored_rows
from thresher.catalog.recordings.covers import damaged_covers
from thresher.catalog.recordings.measures import row_crc32

T = TypeVar("T")

KINDS = ("fingerprint", "descriptor", "profile")

_REFUSALS = (SQLAlchemyError, sqlite3.Error, ValueError, TypeError, OverflowError, LookupError)
"""What reading damaged values can raise."""


@dataclass
class Damage:
    """What is damaged.

    `database` has messages about the structure of the file, `rows` the rows whose digest does not match, `journal`
    sentences about lost decisions. Clips are named by `fingerprints`, `descriptors`, `profiles`, `measures` and
    `analyses`, decisions by `undos`, positions by the id of their metric in `score_rows`. `incomplete` and
    `nearest` are ids of metrics. `counters` are tables whose highest id is lost. `is_interrupted`: a repair did
    not end.
    """

    database: list[str] = field(default_factory=list)
    rows: list[DamagedRow] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)
    fingerprints: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    profiles: list[int] = field(default_factory=list)
    measures: list[int] = field(default_factory=list)
    analyses: list[int] = field(default_factory=list)
    undos: list[int] = field(default_factory=list)
    score_rows: dict[int, list[int]] = field(default_factory=dict)
    incomplete: list[int] = field(default_factory=list)
    nearest: list[int] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)
    is_interrupted: bool = False

    @property
    def clips(self) -> list[int]:
        """The clips that must be analysed again."""
        every = (self.fingerprints, self.descriptors, self.profiles, self.measures, self.analyses)
        return sorted({clip_id for some in every for clip_id in some})

    def __bool__(self) -> bool:
        """Whether anything is damaged."""
        return any(vars(self).values()) and (
            any(value for name, value in vars(self).items() if name != "score_rows")
            or any(self.score_rows.values())
        )


def find_damage(connection: Connection) -> Damage:
    """Check everything that the database of a catalog holds.

    A server checks its own structure, references and sequences, so what SQLite needs checks for is left out there.
    """
    found = Damage()
    is_file = connection.dialect.name == "sqlite"
    if is_file:
        found.database += integrity(connection)
        _try(found, "schema", lambda: found.database.extend(_schema(connection)))
        _try(found, "sqlite_sequence", lambda: found.counters.extend(safeguards.lost_counters(connection)))
    _try(found, "cover", lambda: found.database.extend(_covers(connection)))
    for protected in digests.PROTECTED:
        _try(found, protected.table.name, partial(_digests, connection, protected, found))
    for kind in KINDS:
        _try(found, "clip", partial(_blobs, connection, kind, found))
    _try(found, "measure", lambda: found.measures.extend(_measures(connection)))
    _try(found, "score_row", lambda: found.score_rows.update(damaged_score_rows(connection)))
    _try(found, "score_row", lambda: found.incomplete.extend(_incomplete(connection, found.score_rows)))
    _try(found, "nearest", lambda: found.nearest.extend(_nearest(connection, found)))
    _try(found, "decision", lambda: found.journal.extend(_lost_decisions(connection)))
    _try(found, "decision", lambda: found.undos.extend(wrong_undos(connection)))
    _try(found, "safeguard", lambda: _interrupted(connection, found))
    return found


def is_damaged(connection: Connection) -> bool:
    """Return whether a value or the structure of the database is damaged; scores are not compared."""
    found = Damage()
    for protected in digests.PROTECTED:
        _try(found, protected.table.name, partial(_digests, connection, protected, found))
        if found:
            return True
    for kind in KINDS:
        _try(found, "clip", partial(_blobs, connection, kind, found))
    _try(found, "measure", lambda: found.measures.extend(_measures(connection)))
    _try(found, "decision", lambda: found.undos.extend(wrong_undos(connection)))
    if connection.dialect.name != "sqlite":
        return bool(found)
    _try(found, "schema", lambda: found.database.extend(_schema(connection)))
    return bool(found) or bool(integrity(connection))


def _blobs(connection: Connection, kind: str, found: Damage) -> None:
    getattr(found, f"{kind}s").extend(damaged_blobs(connection, kind))


def _try(found: Damage, what: str, check: Callable[[], object]) -> None:
    try:
        check()
    except _REFUSALS as error:
        words = str(getattr(error, "orig", error)).splitlines()[0]
        message = f"{what} can't be read ({words})"
        if message not in found.database:
            found.database.append(message)


def integrity(connection: Connection) -> list[str]:
    """Return what SQLite finds wrong with the file, its indexes and the references between rows."""
    found = []
    try:
        words = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        found += [word for word in words if word != "ok"]
        broken = list(connection.exec_driver_sql("PRAGMA foreign_key_check"))
    except _REFUSALS as error:
        return [*found, str(getattr(error, "orig", error))]
    if broken:
        found.append(f"{len(broken)} references to missing rows")
    return found


def _schema(connection: Connection) -> list[str]:
    stored = safeguards.stored_schema_checksum(connection)
    if stored == safeguards.schema_checksum(connection):
        return []
    return ["the text of the schema is not the one that thresher wrote"]


def _covers(connection: Connection) -> list[str]:
    return [
        f"the cover image {sha256[:12]}… is damaged; set it again with `thresher song save NAME --cover FILE`"
        for sha256 in damaged_covers(connection)
    ]


def _digests(connection: Connection, protected: digests.Protected, found: Damage) -> None:
    rows = digests.damaged_rows(connection, protected)
    if protected.column == "digest":
        found.rows += rows
    elif protected.table.name == "clip":
        found.analyses += [row.key[0] for row in rows]
    else:
        for row in rows:
            of_recording = f"SELECT id FROM clip WHERE recording_id = {int(row.key[0])} AND kind = 'whole'"
            found.analyses += [each[0] for each in stored_rows(connection, of_recording)]


def _is_intact(blob: Any, crc32: Any) -> bool:
    return type(blob) is bytes and zlib.crc32(blob) == crc32


def damaged_blobs(connection: Connection, kind: str) -> list[int]:
    """Return the clips whose fingerprint, descriptor or profile does not match its checksum."""
    statement = (
        f"SELECT id, {kind}, {kind}_crc32 FROM clip "
        f"WHERE {kind} IS NOT NULL OR {kind}_crc32 IS NOT NULL ORDER BY id"
    )
    return [row[0] for row in stored_rows(connection, statement) if not _is_intact(row[1], row[2])]


def _measures(connection: Connection) -> list[int]:
    found: dict[int, None] = {}
    for clip_id, name, version, value, crc32 in stored_rows(
        connection, "SELECT clip_id, name, version, value, crc32 FROM measure ORDER BY clip_id"
    ):
        fits = isinstance(value, (float, int, type(None))) and isinstance(version, int)
        if not fits or row_crc32(clip_id, _text(name), version, value) != crc32:
            found[clip_id] = None
    return list(found)


def _text(stored: Any) -> str:
    """Return a stored text, which may be no valid UTF-8 in SQLite, and not even a text."""
    if isinstance(stored, bytes):
        return stored.decode(errors="replace")
    return stored if isinstance(stored, str) else repr(stored)


def damaged_score_rows(connection: Connection) -> dict[int, list[int]]:
    """Return the positions of the damaged rows of each metric, by its id."""
    found: dict[int, list[int]] = {
        row[0]: [] for row in stored_rows(connection, "SELECT id FROM metric ORDER BY id")
    }
    statement = "SELECT metric_id, position, scores, crc32 FROM score_row ORDER BY metric_id, position"
    for metric_id, position, blob, crc32 in stored_rows(connection, statement):
        if not _is_intact(blob, crc32) or len(blob) != 4 * position:
            found.setdefault(metric_id, []).append(position)
    return found


def _incomplete(connection: Connection, damaged: dict[int, list[int]]) -> list[int]:
    from thresher.catalog.scores import scores  # loads numpy

    sound = [metric_id for metric_id, positions in damaged.items() if not positions]
    return [metric_id for metric_id in sound if not scores.coverage(connection, metric_id).complete]


def _nearest(connection: Connection, found: Damage) -> list[int]:
    """Return the metrics whose stored nearest clips are not those of the matrix."""
    from thresher.catalog.scores import scores  # loads numpy

    return [
        metric_id
        for metric_id, damaged in found.score_rows.items()
        if not damaged
        and metric_id not in found.incomplete
        and not scores.nearest_are_right(connection, metric_id)
    ]


def _lost_decisions(connection: Connection) -> list[str]:
    """Return a sentence for each writer of whose decisions some are not there."""
    counted = dict(stored_rows(connection, "SELECT name, decisions FROM writer ORDER BY name"))
    made: dict[Any, set[int]] = {name: set() for name in counted}
    for name, sequence in stored_rows(connection, "SELECT writer, sequence FROM decision"):
        made.setdefault(name, set()).add(sequence)
    found = []
    for name, sequences in made.items():
        last = max(counted.get(name, 0), *sequences, 0)
        lost = [number for number in range(1, min(last, 10**7) + 1) if number not in sequences]
        if lost or name not in counted or counted[name] != last:
            shown = ", ".join(map(str, lost[:5])) or "some"
            found.append(f"decisions of writer {_text(name)} are lost: {shown}")
    return found


def wrong_undos(connection: Connection) -> dict[int, int | None]:
    """Return the decisions whose `undone_by_id` does not follow from the undos, with the right one."""
    rows: Sequence[tuple[int, int | None, int | None]] = list(
        stored_rows(connection, "SELECT id, undoes_id, undone_by_id FROM decision ORDER BY id DESC")
    )
    undone_by: dict[int, int] = {}
    for number, undoes, _ in rows:  # an undo is later than what it undoes
        if undoes is not None and number not in undone_by:
            undone_by.setdefault(undoes, number)
    return {number: undone_by.get(number) for number, _, stored in rows if stored != undone_by.get(number)}


def _interrupted(connection: Connection, found: Damage) -> None:
    found.is_interrupted = safeguards.is_repairing(connection)


def rows_in_words(rows: Sequence[DamagedRow]) -> Iterator[str]:
    """Yield each row as its table and key, such as "song 3"."""
    for row in rows:
        yield f"{row.name.split('.')[0]} {', '.join(map(str, row.key))}"
