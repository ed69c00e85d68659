"""Split recordings into parts, and join them again. Both are decisions of the curator.

All recordings are analysed before the one transaction that stores their parts. A part whose span stays the same
keeps its id, and what was decided about it; a part with a similar span passes its judgements and its places in
songs on to the part that takes its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from thresher.catalog.catalog import Catalog
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.journal import Assignment
from thresher.catalog.queries.query import join_terms
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.clip_content import ClipContent, replace_clip
from thresher.catalog.recordings.cut_clips import add_cut_clips, cut_clips
from thresher.curation.clips.decisions import utf8_text
from thresher.curation.comparison.score import score_all
from thresher.curation.comparison.suspects import examine
from thresher.curation.cutting.carrying import carried_judgements, carried_places, songs_of
from thresher.curation.cutting.finding import FoundParts, analysed_parts, surveyed_parts
from thresher.curation.cutting.parts_plan import PartsPlan, plan_parts
from thresher.curation.cutting.split_report import NotSplit, SplitReport, reported
from thresher.curation.cutting.targets import CHANGED, Target, as_they_were, find_targets
from thresher.errors import UsageError
from thresher.progress import Progress, no_progress
from thresher.signal.features.split import CLICK_SECONDS, MOST_PARTS, cell_count
from thresher.signal.features.split_settings import SplitSettings


def split(
    catalog: Catalog,
    terms: Terms,
    settings: SplitSettings | None = None,
    *,
    executor: str | None = None,
    dry_run: bool = False,
    progress: Progress = no_progress,
) -> SplitReport:
    """Split the recordings of the clips that the terms match, by default at the silences of `[trim] split_seconds`.

    A recording that was split before is split again by the new settings; if they find nothing to split, it is
    joined. A dry run only surveys the files, and its report holds the envelopes. Raises NotFoundError if no clip
    matches, UsageError for more than MOST_PARTS parts, and BackendMissingError if nothing on this machine makes
    fingerprints.
    """
    settings = settings or SplitSettings(silence=catalog.settings.trim.split_seconds)
    if (settings.count or 0) > MOST_PARTS:
        raise UsageError(f"--count {settings.count} is out of range (expected 2 to {MOST_PARTS})")
    with catalog.reading() as connection:
        targets = find_targets(catalog, connection, terms)
    wanted, unchanged = [], []
    for target in targets:
        reason = _why_not(target, settings, dry_run=dry_run)
        if reason is None:
            wanted.append(target)
        else:
            unchanged.append(NotSplit(target.id, target.path, reason))
    find = surveyed_parts if dry_run else analysed_parts
    found = find(catalog, wanted, settings, executor=executor, progress=progress)
    changing = changed_by(wanted, found)
    summary = f"split {settings.words}: {utf8_text(join_terms(terms))}"
    report = _carry_out(catalog, changing, found, settings, summary, dry_run=dry_run)
    report = with_the_rest(report, wanted, found, settings)
    report = replace(report, unchanged=(*unchanged, *report.unchanged))
    return report if dry_run else scored(catalog, report, progress, executor=executor)


def join(
    catalog: Catalog, terms: Terms, *, dry_run: bool = False, progress: Progress = no_progress
) -> SplitReport:
    """Revert splits: each recording of the clips that the terms match is one clip again.

    Their parts are removed; they come back, with their ratings, by the same split. Raises NotFoundError if no clip
    matches.
    """
    with catalog.reading() as connection:
        targets = find_targets(catalog, connection, terms)
    is_whole = "is not split"
    unchanged = tuple(NotSplit(each.id, each.path, is_whole) for each in targets if each.split is None)
    joined = [each for each in targets if each.split is not None]
    found = FoundParts({each.id: () for each in joined})
    summary = f"join parts: {utf8_text(join_terms(terms))}"
    report = _carry_out(catalog, joined, found, None, summary, dry_run=dry_run)
    report = replace(report, unchanged=unchanged)
    return report if dry_run else scored(catalog, report, progress)


def _why_not(target: Target, settings: SplitSettings, *, dry_run: bool) -> str | None:
    """Return why a recording is left as it is, None if it has to be analysed."""
    if not target.is_usable:
        return f"is {target.status}"
    if target.split == settings.key and not dry_run:
        return f"was split {settings.words} already"
    count = cell_count(target.frames, target.sample_rate, settings) if settings.is_grid else 0
    return f"would have {count:,} parts (at most {MOST_PARTS:,})" if count > MOST_PARTS else None


def changed_by(targets: Sequence[Target], found: FoundParts) -> list[Target]:
    """Return the recordings that a split changes: those with parts, and those that had parts before."""
    return [each for each in targets if found.spans.get(each.id) or (each.id in found.spans and each.split)]


def with_the_rest(
    report: SplitReport, targets: Sequence[Target], found: FoundParts, settings: SplitSettings
) -> SplitReport:
    """Add the recordings in which there is nothing to split, and those that could not be read."""
    nothing = [each for each in targets if found.spans.get(each.id) == () and each.split is None]
    failed = [each for each in targets if each.id in found.failures]
    return replace(
        report,
        unchanged=tuple(NotSplit(each.id, each.path, _nothing_to_split(settings)) for each in nothing),
        failures=(
            *report.failures,
            *(NotSplit(each.id, each.path, found.failures[each.id]) for each in failed),
        ),
    )


def _nothing_to_split(settings: SplitSettings) -> str:
    if settings.silence is not None:
        clicks = f"clicks below {CLICK_SECONDS:g} s do not count"
        return f"has no silence longer than {settings.silence:g} s between two sounds ({clicks})"
    return f"is not longer than {settings.every:g} s" if settings.every is not None else "is too short"


def _carry_out(
    catalog: Catalog,
    targets: Sequence[Target],
    found: FoundParts,
    settings: SplitSettings | None,
    summary: str,
    *,
    dry_run: bool,
) -> SplitReport:
    """Give each recording the parts that were found, in one decision; a dry run only says what would change."""
    if dry_run:
        return planned_split(catalog, targets, found, settings)

    def carry_out(connection: Connection) -> SplitReport:
        unchanged, changed = as_they_were(connection, targets)
        report, assignments = stored_parts(catalog, connection, unchanged, found, settings)
        verb = "join" if settings is None else "split"
        failures = tuple(NotSplit(each.id, each.path, CHANGED) for each in changed)
        made = decide(connection, verb, summary, assignments)
        return replace(report, decision=made, failures=failures)

    return catalog.write(carry_out)


def planned_split(
    catalog: Catalog, targets: Sequence[Target], found: FoundParts, settings: SplitSettings | None
) -> SplitReport:
    """Return what storing the parts that were found would change. Without `settings`, the recordings are joined."""
    key = None if settings is None else settings.key
    with catalog.reading() as connection:
        return reported(catalog, connection, targets, _plans(connection, targets, found), found, key, {})


def stored_parts(
    catalog: Catalog,
    connection: Connection,
    targets: Sequence[Target],
    found: FoundParts,
    settings: SplitSettings | None,
) -> tuple[SplitReport, Iterator[Assignment]]:
    """Store the parts that were found; return what that means, and the assignments of the decision that brings the
    parts in. Without `settings`, the recordings are joined."""
    key = None if settings is None else settings.key
    plans = _plans(connection, targets, found)
    parts = {
        target.id: _stored(connection, target.id, plans[target.id], found.contents.get(target.id, ()))
        for target in targets
    }
    report = reported(catalog, connection, targets, plans, found, key, parts)
    heirs = {lost.clip: lost.heir for lost in report.gone if lost.heir is not None}
    songs = songs_of(catalog, connection, heirs)

    def assignments() -> Iterator[Assignment]:
        for target in targets:
            plan = plans[target.id]
            yield from (Assignment("clip", clip_id, "removed", True) for clip_id in plan.going)
            yield from (Assignment("clip", clip_id, "removed", False) for clip_id in parts[target.id])
            yield Assignment("recording", target.id, "split", key if plan.parts else None)
        yield from carried_judgements(connection, heirs)
        # Read only now: the journal has made the assignments above.
        yield from carried_places(catalog, connection, heirs, songs)

    return report, assignments()


def _plans(connection: Connection, targets: Sequence[Target], found: FoundParts) -> dict[int, PartsPlan]:
    known = cut_clips(connection, [target.id for target in targets], with_removed=True)
    return {target.id: plan_parts(found.spans[target.id], known.get(target.id, ())) for target in targets}


def _stored(
    connection: Connection, recording_id: int, plan: PartsPlan, contents: Sequence[ClipContent]
) -> list[int]:
    """Store the parts that were not there before; return the ids of all parts, in order."""
    fresh = [content for part, content in zip(plan.parts, contents, strict=True) if part.clip is None]
    added = iter(add_cut_clips(connection, recording_id, "part", fresh))
    for part, content in zip(plan.parts, contents, strict=True):
        if part.clip is not None and not part.stays:
            replace_clip(connection, part.clip, content)
    return [next(added) if part.clip is None else part.clip for part in plan.parts]


def scored(
    catalog: Catalog, report: SplitReport, progress: Progress, *, executor: str | None = None
) -> SplitReport:
    """Score the new parts, compare them with rejected clips, and add what that found to the report.

    If nothing was changed, do so for the parts of an earlier command that was interrupted, if there was one.
    """
    scores, suspects = score_all(catalog, progress, executor=executor), examine(catalog)
    if report.decision is None and not suspects and not any(each.clips for each in scores):
        return report
    return replace(report, scores=scores, suspects=suspects)
