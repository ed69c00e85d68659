"""The texts, tables and players of a report's page, made from the report's data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from thresher.catalog.text.values import checkpoint_text, format_duration
from thresher.curation.checkpoints.highlights import WORTH_HEARING, Pick
from thresher.curation.checkpoints.minutes import covered
from thresher.curation.checkpoints.summary import CheckpointRow
from thresher.curation.clips.listing import ClipRow
from thresher.curation.report.report import (
    RenderedFile,
    ReportCheckpoint,
    ReportClip,
    ReportData,
    usable_share,
)
from thresher.formatting import counted
from thresher.interfaces.report.charts import Chart
from thresher.interfaces.report.links import relative_url, span_fragment, why_silent

MOST_READY = 60
"""With at most this many players, all sections are open and players load the lengths of their clips at once."""

MOST_SECTIONS = 300
"""The most sections on a page, of the latest checkpoints of each run. Those with the verdict keep are added."""

MOST_GROUPS = 40
"""The most groups of copies, and of shared parts, that are listed."""


@dataclass(frozen=True)
class Player:
    """A clip or a rendering with its player. `url` is None if it cannot be played; `reason` says why.

    `why` says why the clip was picked.
    """

    name: str
    length: str
    path: str
    why: str
    url: str | None
    reason: str | None
    clip: int | None = None
    tags: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Section:
    """A checkpoint with its best and oddest clips."""

    anchor: str
    title: str
    summary: str
    verdict: str | None
    note: str | None
    best_title: str
    best: tuple[Player, ...]
    oddest: tuple[Player, ...]
    left_out: int

    @property
    def is_small(self) -> bool:
        """Whether the section is so small that several fit in one row."""
        return len(self.best) + len(self.oddest) + self.left_out <= 1 and self.note is None


@dataclass(frozen=True)
class Cell:
    """A cell of the table: its column, its text, and a value from 0 to 1 to draw as a bar."""

    title: str
    text: str
    bar: float | None = None


@dataclass(frozen=True)
class TableRow:
    """A checkpoint in the table."""

    run: str
    name: str
    anchor: str | None
    verdict: str | None
    note: str | None
    cells: tuple[Cell, ...]


@dataclass
class Speaker:
    """Makes the players of a page in `folder`, and counts them."""

    folder: bytes
    made: Counter[str] = field(default_factory=Counter)

    def clip(self, clip: ReportClip, why: str) -> Player:
        """Return the player of a clip's span."""
        reason = why_silent(clip.container, clip.subtype, clip.sample_rate)
        if clip.file is None:
            reason = "its file is missing"
        url = None
        if clip.file is not None and reason is None:
            fragment = span_fragment(clip.start or 0.0, clip.end or 0.0, clip.recorded or 0.0)
            url = relative_url(clip.file, self.folder) + fragment
        self.made["players" if url else "silent"] += 1
        length = "" if clip.seconds is None else f"{clip.seconds:.1f} s"
        path = path_of(clip.path, clip.part)
        return Player(f"{clip.id}", length, path, why, url, reason, clip.id, clip_flags(clip), clip.note)

    def rendering(self, made: RenderedFile) -> Player:
        """Return the player of a song's rendering."""
        reason = why_silent(made.container, made.subtype, made.sample_rate)
        if made.file is None:
            reason = "its file is missing"
        url = relative_url(made.file, self.folder) if made.file is not None and reason is None else None
        self.made["players" if url else "silent"] += 1
        return Player(f"rendering {made.number}", format_duration(made.seconds), made.path, "", url, reason)

    def url(self, clip: ReportClip) -> str | None:
        """Return the URL of a clip's span; None if it cannot be played."""
        if clip.file is None or why_silent(clip.container, clip.subtype, clip.sample_rate):
            return None
        fragment = span_fragment(clip.start or 0.0, clip.end or 0.0, clip.recorded or 0.0)
        return relative_url(clip.file, self.folder) + fragment


def clip_flags(clip: ReportClip) -> tuple[str, ...]:
    """Return the flags of a clip: its stars, rejected, suspect, and a status other than ok."""
    flags = [] if clip.rating is None else [f"{'★' * clip.rating}{'☆' * (5 - clip.rating)}"]
    flags += [name for name in ("rejected", "suspect") if getattr(clip, name)]
    if clip.status != "ok":
        flags.append(clip.status.replace("_", " "))
    return tuple(flags)


def clip_title(clip: ReportClip) -> str:
    """Return a clip as one line: id, checkpoint, path."""
    of = checkpoint_text(clip.run, clip.epoch, clip.step) or "no checkpoint"
    return f"clip {clip.id} · {of} · {path_of(clip.path, clip.part)}"


def path_of(path: str | None, part: str | None) -> str:
    """Return the path of a clip's file, and which part or mark of it the clip is."""
    return ", ".join(filter(None, (path or "no file", part)))


def checkpoint_name(row: CheckpointRow) -> str:
    """Return epoch and step as a heading."""
    parts = [
        "" if row.epoch is None else f"epoch {row.epoch}",
        "" if row.step is None else f"step {row.step:,}",
    ]
    return ", ".join(part for part in parts if part)


def anchor_of(row: CheckpointRow) -> str:
    """Return the HTML id of a checkpoint's section."""
    return "checkpoint-none" if row.id is None else f"checkpoint-{row.id}"


def summary(data: ReportData) -> list[tuple[str, str]]:
    """Return the totals of the catalog, or of what the query finds, each with its unit."""
    found = data.stats
    named = [each.row for each in data.checkpoints if each.row.id is not None]
    counts = [
        _counted(len(data.clips), "clip"),
        _counted(len(named), "checkpoint"),
        _counted(len({row.run for row in named}), "run"),
    ]
    if data.query:
        clips = data.clips.values()
        seconds = _seconds_of(clips)
        return [
            *counts,
            (format_duration(seconds), "of clips"),
            (f"{sum(each.rating is not None for each in clips):,}", "rated"),
            (f"{sum(each.rejected for each in clips):,}", "rejected"),
        ]
    minutes = format_duration(60 * found.minutes_kept)
    return [
        *counts,
        (minutes, f"kept of {format_duration(60 * found.minutes_generated)}"),
        (f"{found.rated:,}", "rated"),
        (f"{found.rejected:,}", "rejected"),
        _counted(found.songs, "song"),
    ]


def _seconds_of(clips: Iterable[ReportClip]) -> float:
    """Return the length of clips together. What several of them hold of a recording counts once."""
    of_recording: defaultdict[int, list[ReportClip]] = defaultdict(list)
    for each in clips:
        of_recording[each.recording].append(each)
    return sum(
        covered([(each.start or 0.0, each.end or 0.0) for each in found])
        if len(found) > 1
        else found[0].seconds or 0.0
        for found in of_recording.values()
    )


def _counted(number: int, noun: str) -> tuple[str, str]:
    count, _, name = counted(number, noun).partition(" ")
    return count, name


def table(found: Sequence[ReportCheckpoint], shown: Mapping[str, Section]) -> list[TableRow]:
    """Return the table of checkpoints. A column without values is left out."""
    rows = [each.row for each in found]
    columns = [
        (title, cell)
        for title, cell in _COLUMNS.items()
        if title in _ALWAYS or any(cell(row).text for row in rows)
    ]
    return [
        TableRow(
            run=row.run or ("no run" if row.id is not None else "no checkpoint"),
            name=checkpoint_name(row),
            anchor=anchor_of(row) if anchor_of(row) in shown else None,
            verdict=row.verdict,
            note=row.note,
            cells=tuple(Cell(title, cell(row).text, cell(row).bar) for title, cell in columns),
        )
        for row in rows
    ]


def has_section(each: ReportCheckpoint) -> bool:
    """Whether a checkpoint has a section, if there is room: it has clips, or the verdict keep."""
    return each.clips > 0 or each.row.verdict == "keep"


def sections(data: ReportData, speaker: Speaker) -> list[Section]:
    """Return the sections of checkpoints with clips: the latest, and all with the verdict keep."""
    heard = [each for each in data.checkpoints if has_section(each)]
    later: Counter[str | None] = Counter()
    ranks = {}
    for each in reversed(heard):
        ranks[each.row.id] = (each.row.verdict != "keep", later[each.row.run])
        later[each.row.run] += 1
    latest = {each.row.id for each in sorted(heard, key=lambda each: ranks[each.row.id])[:MOST_SECTIONS]}
    return [
        _section(data, each, speaker) for each in heard if each.row.id in latest or each.row.verdict == "keep"
    ]


def _section(data: ReportData, each: ReportCheckpoint, speaker: Speaker) -> Section:
    row = each.row
    run = row.run or ("no run" if row.id is not None else "no checkpoint")
    kept = format_duration(60 * row.minutes_kept)
    said = [counted(each.clips, "clip"), f"{kept} kept of {format_duration(60 * row.minutes_generated)}"]
    if row.ratings:
        said.append(f"{row.ratings} rated, mean {row.mean_rating:.1f}")
    return Section(
        anchor=anchor_of(row),
        title=" · ".join(part for part in (run, checkpoint_name(row)) if part),
        summary=", ".join(said),
        verdict=row.verdict,
        note=row.note,
        best_title=_best_title(each),
        best=tuple(speaker.clip(data.clips[chosen.clip], _why(chosen)) for chosen in each.best),
        oddest=tuple(speaker.clip(data.clips[chosen.clip], _why(chosen)) for chosen in each.oddest),
        left_out=each.clips - len(each.best) - len(each.oddest),
    )


def _best_title(each: ReportCheckpoint) -> str:
    reasons = {chosen.reason for chosen in each.best}
    if each.clips <= 1:
        return "Only clip" if each.clips else "No clip to hear: all are rejected or unusable"
    if "rated" in reasons:
        return "Best" if reasons == {"rated"} else "Best, then most typical"
    unrated = f"no rating of {WORTH_HEARING} or more" if each.row.ratings else "no ratings"
    return (
        f"Most typical ({unrated})"
        if "typical" in reasons
        else f"First clips ({unrated}, no likeness scores)"
    )


def _why(chosen: Pick) -> str:
    if chosen.reason == "rated" or chosen.value is None:
        return ""  # the stars show it, or there is no value
    how = "likeness to the nearest clip" if chosen.reason == "odd" else "mean likeness to the others"
    return f"{how}: {chosen.value:.2f}"


def _share(value: float | None) -> Cell:
    return Cell("", "" if value is None else f"{value:.0%}", value)


def _score(value: float | None) -> Cell:
    return Cell("", "" if value is None else f"{value:.2f}", value)


_ALWAYS = ("clips", "kept", "usable")
_COLUMNS: Mapping[str, Callable[[CheckpointRow], Cell]] = {
    "clips": lambda row: Cell("", f"{row.clips:,}"),
    "kept": lambda row: Cell("", format_duration(60 * row.minutes_kept)),
    "usable": lambda row: Cell("", f"{usable_share(row):.0%}"),
    "rating": lambda row: Cell(
        "", "" if row.mean_rating is None else f"{row.mean_rating:.1f} ({row.ratings})"
    ),
    "rejected": lambda row: Cell("", f"{row.rejected}" if row.rejected else ""),
    "silence": lambda row: _share(row.silence),
    "loudness": lambda row: Cell("", "" if row.loudness is None else f"{row.loudness:.0f}".replace("-", "−")),
    "loop": lambda row: _score(row.loop),
    "noise": lambda row: _score(row.noise),
    "collapse": lambda row: _score(row.collapse),
    "copies": lambda row: _share(row.copies),
    "novelty": lambda row: _score(row.novelty),
    "missing": lambda row: Cell("", f"{row.missing}" if row.missing else ""),
}


@dataclass(frozen=True)
class CopyGroup:
    """Copies of one clip: the clip to keep, and the others with their scores."""

    kept: str
    others: tuple[str, ...]
    player: Player | None


@dataclass(frozen=True)
class CopiesView:
    """The duplicates; `left_out` is the number of lines not shown."""

    groups: tuple[CopyGroup, ...]
    parts: tuple[str, ...]
    places: tuple[str, ...]
    left_out: int


@dataclass(frozen=True)
class SongView:
    """A song with the player of its latest rendering."""

    name: str
    facts: str
    query: str
    problem: str | None
    player: Player | None


def copies(data: ReportData, speaker: Speaker) -> CopiesView | None:
    """Return the duplicates as text; None if they are not known."""
    found = data.duplicates
    if found is None:
        return None
    groups = tuple(
        CopyGroup(
            _named(group.kept),
            tuple(f"{_named(match.clip)} ({match.score:.2f})" for match in group.copies),
            speaker.clip(data.clips[group.kept.id], "") if group.kept.id in data.clips else None,
        )
        for group in found.groups[:MOST_GROUPS]
    )
    parts = tuple(
        f"{_named(part.whole)} {'contains' if part.is_contained else 'shares'} "
        f"{part.part.seconds:.1f} s of {_named(part.part.clip)}"
        for part in found.parts[:MOST_GROUPS]
    )
    places = tuple(
        f"clip {same.clip.id}: {len(same.paths)} files with the same audio: {', '.join(same.paths)}"
        for same in found.byte_copies[:MOST_GROUPS]
    )
    lists = (found.groups, found.parts, found.byte_copies)
    return CopiesView(groups, parts, places, sum(max(0, len(each) - MOST_GROUPS) for each in lists))


def songs(data: ReportData, speaker: Speaker) -> list[SongView]:
    """Return every song with its latest rendering, of those whose file is present if there are any."""
    shown = []
    for song in data.songs:
        settings = song.row.settings
        facts = [counted(song.row.clips, "clip"), f"ordering {settings.ordering}"]
        facts.append(counted(len(song.renderings), "rendering") if song.renderings else "never rendered")
        there = [made for made in song.renderings if made.file is not None] or list(song.renderings)
        player = speaker.rendering(there[0]) if there else None
        shown.append(SongView(song.row.name, ", ".join(facts), settings.query, song.row.problem, player))
    return shown


def run_legend(drawn: Sequence[Chart]) -> list[tuple[str, str]]:
    """Return the name and colour of each run; nothing if only one run is drawn."""
    lines = {(line.label, line.colour) for chart in drawn for line in chart.lines}
    named = sorted(
        ((label, colour) for label, colour in lines if label is not None), key=lambda pair: pair[1]
    )
    others = any(label is None for label, _ in lines)
    return [*named, *([("all other runs", "faint")] if others else [])] if len(lines) > 1 else []


def _named(row: ClipRow) -> str:
    return f"clip {row.id}, {path_of(row.path, row.place)}"


def by_run(rows: Sequence[TableRow]) -> list[tuple[str, list[TableRow]]]:
    """Group rows by run, in their order."""
    found: dict[str, list[TableRow]] = {}
    for row in rows:
        found.setdefault(row.run, []).append(row)
    return list(found.items())
