"""Verify a catalog: find damage in its database, repair what can be computed again, and look at its files.

docs/verify.md lists what is checked, found and repaired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError

from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import backup_before
from thresher.catalog.database import digests, safeguards
from thresher.catalog.database.schema import metric
from thresher.catalog.safety.damage import Damage, find_damage, rows_in_words
from thresher.curation.comparison.score import open_work
from thresher.curation.ingest.catch_up import lacking_analysis, lacking_fingerprint
from thresher.curation.ingest.reanalyse import ReanalysisReport
from thresher.curation.ingest.repair import repair_damage
from thresher.curation.ingest.verify_files import FilesReport, check_files
from thresher.formatting import counted
from thresher.progress import Progress, no_progress


@dataclass(frozen=True)
class VerifyReport:
    """The damage that was found, by kind.

    `database` has messages about the structure of the file. `fingerprints`, `descriptors`, `profiles`, `analyses`
    (other results of the analysis) and `measures` name clips, `score_rows` positions by metric. `incomplete`
    names metrics with gaps in their matrix, `nearest` those whose nearest clips are not those of the matrix.
    `rows` names rows that hold what can't be computed again, `journal` lost decisions. `undos` are decisions that
    are wrongly called undone or in force, `counters` tables whose highest id is lost. `is_interrupted`: a repair
    did not end.

    `unfinished` counts the clips that lack what the next scoring or ingest computes, which is not damage. `files`
    is the state of the files. `repair` reports the repair, and `left` the damage after it; the recordings in its
    `without_file` and `unseen` have no fingerprint now, and get one when an ingest reads their file again.
    """

    database: tuple[str, ...]
    fingerprints: tuple[int, ...]
    descriptors: tuple[int, ...]
    profiles: tuple[int, ...]
    score_rows: dict[str, tuple[int, ...]]
    incomplete: tuple[str, ...]
    repair: ReanalysisReport | None
    files: FilesReport
    rows: tuple[str, ...] = ()
    journal: tuple[str, ...] = ()
    analyses: tuple[int, ...] = ()
    measures: tuple[int, ...] = ()
    nearest: tuple[str, ...] = ()
    undos: tuple[int, ...] = ()
    counters: tuple[str, ...] = ()
    is_interrupted: bool = False
    unfinished: Mapping[str, int] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether there is no damage."""
        kinds = (
            *(self.database, self.fingerprints, self.descriptors, self.profiles, self.incomplete, self.rows),
            *(self.journal, self.analyses, self.measures, self.nearest, self.undos, self.counters),
        )
        return not (any(kinds) or any(self.score_rows.values()) or self.is_interrupted)

    @property
    def is_repaired(self) -> bool:
        """Whether all damage was repaired."""
        return self.repair is not None and not (self.left or self.repair.without_file or self.repair.unseen)


def verify(
    catalog: Catalog,
    *,
    repair: bool = False,
    accept: bool = False,
    files: bool = False,
    progress: Progress = no_progress,
) -> VerifyReport:
    """Check everything that is stored, and whether the files are there.

    With `files`, every file is read and compared with its hash, renderings included. With `repair`, what can be
    computed again is computed again, after a backup. With `accept`, rows that hold what can't be computed again are
    taken as they are now. Both can be interrupted, and called again.
    """
    with catalog.reading() as connection:
        found = find_damage(connection)
        names = _metric_names(connection)
    unfinished = _unfinished(catalog) if not found.database else {}
    done: ReanalysisReport | None = None
    left: tuple[str, ...] = ()
    if (repair or accept) and found:
        backup_before(catalog, "nothing was repaired", may_be_damaged=True)
    if repair and (found or unfinished):
        done = repair_damage(catalog, found, progress)
    if accept and found:
        catalog.write(_accept)
    if (repair or accept) and found:
        with catalog.reading() as connection:
            left = tuple(_in_words(find_damage(connection), names))
        done = done or ReanalysisReport(0, 0, (), 0.0, ())
    return VerifyReport(
        tuple(found.database),
        tuple(found.fingerprints),
        tuple(found.descriptors),
        tuple(found.profiles),
        {names.get(key, str(key)): tuple(positions) for key, positions in found.score_rows.items()},
        tuple(names.get(key, str(key)) for key in found.incomplete),
        done,
        check_files(catalog, rehash=files, progress=progress),
        tuple(rows_in_words(found.rows)),
        tuple(found.journal),
        tuple(found.analyses),
        tuple(found.measures),
        tuple(names.get(key, str(key)) for key in found.nearest),
        tuple(found.undos),
        tuple(found.counters),
        found.is_interrupted,
        unfinished,
        left,
    )


def _metric_names(connection: Connection) -> dict[int, str]:
    """Return the name of each metric by id, with its version if several versions have scores."""
    try:
        known = connection.execute(select(metric).order_by(metric.c.id)).all()
    except SQLAlchemyError:  # the table is damaged, which the report says
        return {}
    all_names = [row.name for row in known]
    return {
        row.id: row.name if all_names.count(row.name) == 1 else f"{row.name}, version {row.version}"
        for row in known
    }


def _unfinished(catalog: Catalog) -> dict[str, int]:
    """Return how many clips lack what the next scoring or ingest computes, by what they lack."""
    found = {f"scores by {name}": open_work(catalog, name).clips for name in catalog.settings.metrics.use}
    found["measures or descriptors"] = len(lacking_analysis(catalog))
    found["a fingerprint"] = len(lacking_fingerprint(catalog))
    return {what: count for what, count in found.items() if count}


def _accept(connection: Connection) -> None:
    """Compute new digests of all rows whose digest does not match, in a file also the checksum of the schema."""
    rows = [row for each in digests.PROTECTED for row in digests.damaged_rows(connection, each)]
    digests.accept(connection, rows)
    if connection.dialect.name == "sqlite":
        safeguards.copy_all(connection)


def _in_words(found: Damage, names: Mapping[int, str]) -> Iterator[str]:
    """Yield a few words for each kind of damage."""
    yield from found.database
    yield from rows_in_words(found.rows)
    yield from found.journal
    if found.clips:
        yield f"the analysis of {counted(len(found.clips), 'clip')}"
    for metric_id in {
        *found.incomplete,
        *found.nearest,
        *(k for k, rows in found.score_rows.items() if rows),
    }:
        yield f"scores by {names.get(metric_id, metric_id)}"
    if found.undos:
        yield f"{counted(len(found.undos), 'decision')}"
    yield from (f"the highest id of {name}" for name in found.counters)
    if found.is_interrupted:
        yield "a repair that did not end"
