"""What `ingest` and `watch` share: options in words, and reports for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.output import say, tell

if TYPE_CHECKING:
    from thresher.curation.comparison.score import ScoreReport
    from thresher.curation.ingest.ingest import IngestReport

KEEP_PANEL = "Maintain the catalog"


def with_jobs(executor: str, jobs: int | None) -> str:
    """An executor's word with another number of workers."""
    kind = executor.partition(":")[0]
    if jobs is None or kind == "serial":
        return executor
    return f"{kind}:{jobs}"


def assignments(texts: list[str], option: str) -> dict[str, str]:
    """`key=value` texts as a dictionary; UsageError for one that is none, or whose key can't be a field."""
    from thresher.catalog.provenance import check_key

    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not value:
            raise UsageError(f'{option} "{text}" is not key=value, as in temperature=0.95')
        try:
            check_key(key)
        except ValueError as error:
            raise UsageError(f"{option} {error}") from error
        values[key] = value
    return values


def tell_counts(report: IngestReport) -> None:
    """What an ingest took in: one line, and one for each finding."""
    would = "would be " if report.dry_run else ""
    parts = [
        (report.added, "new"),
        (report.copies, "copies of known content"),
        (report.moved, "moved"),
        (report.reanalysed, "analysed again"),
        (report.corrected, "known files corrected"),
        (report.unchanged, "unchanged"),
        (report.renderings, "renderings of songs, which are no clips"),
        (report.missing, f"{would}marked missing"),
    ]
    told = ", ".join(f"{count} {what}" for count, what in parts if count) or "nothing to do"
    head = "dry run, nothing was changed: " if report.dry_run else ""
    name = "" if report.batch is None else f"batch {report.batch}: "
    speed = f" ({report.files / report.seconds:.0f} files/s)" if report.added and report.seconds > 0 else ""
    tell(f"{head}{name}{counted(report.files, 'file')} in {report.seconds:.1f} s{speed}: {told}")
    for status, count in sorted(report.findings.items()):
        what = "silent" if status == "silent" else "too short for a fingerprint"
        tell(f"{what}: {count} (thresher list status:{status})")
    tell_suspects(len(report.suspects))


def tell_suspects(count: int) -> None:
    """That new clips are like what was rejected, and what can be done about it."""
    if count:
        are = "is" if count == 1 else "are"
        tell(
            f"{counted(count, 'clip')} {are} like what you rejected (thresher list suspect:yes; "
            "thresher trust lifts the suspicion)"
        )


def tell_troubles(report: IngestReport) -> None:
    """What an ingest noticed about names, and what it could not use."""
    for warning in report.warnings:
        say(f"note: {warning}")
    if report.failures:
        say(f"{len(report.failures)} could not be used:")
        for failure in report.failures:
            say(f"  {failure.path}: {failure.status}: {failure.reason}")


def tell_scoring(report: ScoreReport) -> None:
    """What scoring cost, for people."""
    compacted = ", after compacting the matrix" if report.compacted else ""
    tell(
        f"{report.metric}: {counted(report.clips, 'clip')} scored in {counted(report.pairs, 'comparison')} "
        f"({report.seconds:.2f} s); {report.live} have scores{compacted}"
    )
