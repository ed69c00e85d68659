"""Reports of ingests and scoring in words, for all commands that ingest or score."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from thresher.formatting import counted, listed, shortened
from thresher.interfaces.cli.output import from_here, say, tell

if TYPE_CHECKING:
    from thresher.curation.comparison.score_report import ScoreReport
    from thresher.curation.ingest.exclude import Exclusion
    from thresher.curation.ingest.report import IngestReport

MOST_NOTES = 20
"""At most this many notes are printed, then the number of further ones."""


def tell_ingest(report: IngestReport) -> None:
    """Print the whole report of an ingest."""
    tell_counts(report)
    tell_all_scoring(report.scores)
    _tell_held_back(report)
    tell_without_file(report.without_file)
    tell_troubles(report)


def _tell_held_back(report: IngestReport) -> None:
    """Say which known files are gone but were not marked missing, and how to mark them."""
    if not report.held_back:
        return
    files = counted(report.held_back, "known file")
    are = "is" if report.held_back == 1 else "are"
    for path in report.vanished:
        say(f"{from_here(path)} does not exist any more")
    reason = "" if report.vanished else ", more than half of their folder"
    say(
        f"{files} {are} gone{reason}: is a drive unplugged? nothing was marked missing; "
        "the same command with --yes marks them"
    )


def tell_counts(report: IngestReport) -> None:
    """Print what an ingest changed: one line, and one for each kind of finding."""
    would = "would be " if report.dry_run else ""
    parts = [
        (report.added, "new"),
        (report.copies, "copy of known content" if report.copies == 1 else "copies of known content"),
        (report.moved, "moved"),
        (report.returned, "there again"),
        (report.retagged, "with new tags"),
        (report.reanalysed, "analysed again"),
        (report.corrected, "known file corrected" if report.corrected == 1 else "known files corrected"),
        (report.unchanged, _unchanged(report)),
        (
            report.renderings,
            f"rendered {'song, which is' if report.renderings == 1 else 'songs, which are'} not added",
        ),
        (
            report.exports,
            "stem or exported clip, which is not added"
            if report.exports == 1
            else "stems and exported clips, which are not added",
        ),
        (
            report.missing,
            f"{would}marked missing in {listed([from_here(path) for path in report.given], 3)}",
        ),
    ]
    changes = ", ".join(f"{count} {what}" for count, what in parts if count) or "nothing to do"
    head = "dry run, nothing was changed: " if report.dry_run else ""
    name = "" if report.batch is None else f"batch {report.batch}: "
    speed = f" ({report.files / report.seconds:.0f} files/s)" if report.added and report.seconds > 0 else ""
    tell(f"{head}{name}{counted(report.files, 'file')} in {report.seconds:.1f} s{speed}: {changes}")
    if report.parts:
        tell(f"{counted(report.split, 'new recording')} split into {counted(report.parts, 'part')}")
    tell_ignored(report.ignored_suffixes)
    for status, count in sorted(report.findings.items()):
        what = "silent" if status == "silent" else "too short for a fingerprint"
        tell(f"{what}: {count} (thresher list status:{status})")
    _tell_unnamed(report)
    _tell_reread(report)
    tell_exclusions(report.excluded)
    _tell_overwritten(report)
    _tell_linked(report)
    tell_suspects(len(report.suspects))


def _tell_unnamed(report: IngestReport) -> None:
    """Say how many new files name no checkpoint, with examples and the next command."""
    if not report.unnamed:
        return
    name = "names" if report.unnamed == 1 else "name"
    among = "" if len(report.unnamed_examples) == report.unnamed else ", among them"
    tell(f"{counted(report.unnamed, 'file')} {name} no checkpoint (no epoch and no step){among}:")
    for path in report.unnamed_examples:
        tell(f"  {path}")
    command = shlex.join(["thresher", "names", *map(from_here, report.given)])
    tell(f"`{command}` shows what is read from names, and suggests patterns for catalog.toml")


def _tell_reread(report: IngestReport) -> None:
    """Say what names that were read again changed, for each shape of path."""
    for shape in report.reread:
        changes = ", ".join(f"{key} {short(old)} → {short(new)}" for key, (old, new) in shape.changes.items())
        example = " (the first)" if shape.files > 1 else ""
        tell(f"read again: {counted(shape.files, 'file')} {shape.shape}: {changes}{example}")


def short(value: str | None) -> str:
    """Return a value, cut if it is long, or "none"."""
    return "none" if value is None else shortened(value)


def tell_exclusions(excluded: Sequence[Exclusion]) -> None:
    """Say what each pattern of --exclude left out."""
    for each in excluded:
        parts = [
            counted(number, noun)
            for number, noun in ((each.folders, "folder"), (each.files, "file"))
            if number
        ]
        tell(f"excluded by {shlex.quote(each.pattern)}: {' and '.join(parts) or 'nothing'}")


def tell_some(word: str, sentences: Sequence[str], noun: str | None = None) -> None:
    """Print the first of many notes or problems, and the number of further ones, by the `noun` if not the word."""
    for sentence in sentences[:MOST_NOTES]:
        say(f"{word}: {sentence}")
    if len(sentences) > MOST_NOTES:
        say(f"… and {counted(len(sentences) - MOST_NOTES, f'more {noun or word}')}; --json shows all")


def tell_all_scoring(reports: Sequence[ScoreReport]) -> None:
    """Print what scoring did, without the metrics that had nothing to do."""
    for report in reports:
        if report.clips or report.compacted:
            tell_scoring(report)


def tell_ignored(suffixes: Mapping[str, int]) -> None:
    """Print how many files were left out because they are not audio, by suffix."""
    ignored = sum(suffixes.values())
    if ignored:
        kinds = [f"{count:,} {suffix}" for suffix, count in suffixes.items()]
        tell(f"ignored {counted(ignored, 'file')} that {_are(ignored)} not audio: {listed(kinds, 6)}")


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _unchanged(report: IngestReport) -> str:
    """Return the words about the unchanged files: some had to be read."""
    return f"unchanged ({report.rehashed} rehashed)" if report.rehashed else "unchanged"


def _tell_linked(report: IngestReport) -> None:
    """Report clips of different recordings that hold the same audio, and contradictions in their ratings."""
    if not report.linked:
        return
    have = "has" if len(report.linked) == 1 else "have"
    groups = counted(len(report.linked), "group")
    tell(f"{groups} of clips {have} the same audio in different files; each clip keeps its own rating:")
    conflicts = [group for group in report.linked if group.conflict]
    shown = conflicts or report.linked[:MOST_NOTES]
    for group in shown:
        clips = ", ".join(
            f"{clip_id}{'' if rating is None else f' (rated {rating})'}"
            for clip_id, rating in zip(group.clips, group.ratings, strict=True)
        )
        tell(f"  clips {clips}{': judged differently' if group.conflict else ''}")
    if len(shown) < len(report.linked):
        tell(f"  … and {counted(len(report.linked) - len(shown), 'more group')}; --json shows all")


def _tell_overwritten(report: IngestReport) -> None:
    """Report files that hold other audio now, and the songs and decisions that this affects."""
    if not report.overwritten:
        return
    would = "would be " if report.dry_run else ""
    say(f"{len(report.overwritten)} {would}overwritten with other audio:")
    for file in report.overwritten:
        clips = f"clip{'' if len(file.clips) == 1 else 's'} {', '.join(map(str, file.clips))}"
        if file.has_copy:
            say(f"  {file.path}: the audio of {clips} is gone from there; another file still holds it")
            continue
        facts = [] if file.rating is None else [f"rated {file.rating}"]
        facts += ["judged"] if file.judged and file.rating is None else []
        facts += [f'in song "{name}"' for name in file.songs]
        affected = f" ({', '.join(facts)})" if facts else ""
        say(f"  the audio of {clips}{affected} is gone from {file.path}")


def tell_scoring(report: ScoreReport) -> None:
    """Print what scoring by one metric did."""
    compacted = ", after compacting the matrix" if report.compacted else ""
    tell(
        f"{report.metric}: {counted(report.clips, 'clip')} scored in {counted(report.pairs, 'comparison')} "
        f"({report.seconds:.2f} s); {report.live} have scores{compacted}"
    )


def tell_suspects(count: int) -> None:
    """Print how many new clips resemble rejected clips."""
    if count:
        resemble = "resembles" if count == 1 else "resemble"
        tell(
            f"{counted(count, 'clip')} {resemble} clips that you rejected (thresher list suspect:yes; "
            "thresher trust clears the flag)"
        )


def tell_without_file(recordings: Sequence[int]) -> None:
    """Report recordings whose measures or descriptors could not be computed."""
    if recordings:
        say(
            f"{counted(len(recordings), 'recording')} can't be measured or described, because no file on this "
            "machine holds them now; find or restore the files, then `thresher ingest` their folder"
        )


def tell_troubles(report: IngestReport) -> None:
    """Report warnings, and the files and folders that an ingest could not use."""
    tell_some("note", report.warnings)
    if report.failures:
        say(f"{counted(len(report.failures), 'problem')}:")
        for failure in report.failures:
            say(f"  {failure.path}: {failure.status}: {failure.reason}")
