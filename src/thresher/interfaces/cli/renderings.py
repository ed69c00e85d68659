"""Commands for what songs become: song render, renderings, diff, verify, export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import NEEDS_ACTION, open_catalog, song_app
from thresher.interfaces.cli.options import DryRun, Form, Json, SongName, form_of
from thresher.interfaces.cli.output import (
    Format,
    clock,
    emit,
    length_text,
    local_time,
    print_facts,
    print_json,
    say,
    tell,
)
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.song_options import described
from thresher.interfaces.cli.table import Column, Keep

if TYPE_CHECKING:
    from thresher.curation.renderings.mixdown import Limiting
    from thresher.curation.renderings.render import RenderReport


class _ManifestMayStandAlone(typer.core.TyperCommand):
    """`--manifest` without a value writes one beside the output; Typer knows no option that may have none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = args.index("--manifest") if "--manifest" in args else None
        if at is not None and (at + 1 == len(args) or args[at + 1].startswith("-")):
            args = [*args[: at + 1], "", *args[at + 1 :]]
        return super().parse_args(ctx, args)


@song_app.command(cls=_ManifestMayStandAlone)
def render(
    name: Annotated[
        str | None, typer.Argument(help="The song's name; none with --manifest FILE, which needs no catalog.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="WAV, FLAC, OGG or MP3 by suffix; default NAME.wav here."),
    ] = None,
    rendering: Annotated[
        int | None, typer.Option(help="Make the rendering of that number again, whatever the song is today.")
    ] = None,
    manifest: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE]",
            help="Write a manifest too, beside the output or to FILE; without NAME, render what FILE tells.",
        ),
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option("--files", metavar="DIR", help="Where the clips of a manifest lie; default its folder."),
    ] = None,
    dry_run: DryRun = False,
    without_missing: Annotated[
        bool, typer.Option("--without-missing", help="Render what is there though files are missing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is no rendering of this song.")
    ] = False,
    json: Json = False,
) -> None:
    """Render a song to a file, and keep what made it as a numbered rendering."""
    if name is None:
        _render_manifest(manifest, files, output, dry_run=dry_run, overwrite=overwrite, json=json)
        return
    from thresher.curation.renderings.render import render as run

    if files is not None:
        raise UsageError("--files is for a manifest without a catalog; leave out the song's name, or --files")
    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(
            catalog,
            name,
            output,
            rendering=rendering,
            manifest=False if manifest is None else manifest or True,
            dry_run=dry_run,
            without_missing=without_missing,
            overwrite=overwrite,
            progress=progress,
        )
    _tell_render(report, json=json)


def _render_manifest(
    manifest: str | None,
    files: Path | None,
    output: Path | None,
    *,
    dry_run: bool,
    overwrite: bool,
    json: bool,
) -> None:
    from thresher.curation.renderings.render_manifest import render_manifest

    if not manifest:
        raise UsageError(
            "name a song, as `thresher song list` shows them, or give --manifest FILE --files DIR"
        )
    with ProgressBar() as progress:
        report = render_manifest(
            manifest,
            files or Path(manifest).parent,
            output,
            dry_run=dry_run,
            overwrite=overwrite,
            progress=progress,
        )
    _tell_render(report, json=json)


def _tell_render(report: RenderReport, *, json: bool) -> None:
    if json:
        print_json(report)
        return
    channels = "mono" if report.channels == 1 else "stereo"
    form = f"{report.container} {report.subtype}, {report.sample_rate} Hz {channels}"
    length = length_text(report.frames / report.sample_rate)
    what = f"{counted(report.clips, 'clip')}, {length}, {form}"
    known = "a new rendering" if report.number is None else f"rendering {report.number}"
    if report.dry_run:
        tell(f"dry run: {report.path} would be {known}{' again' if report.number else ''}: {what}")
    else:
        tell(f"{report.path}: {known}, {what}, {report.seconds:.1f} s")
        if report.same_bytes is not None:
            equal = "the same as" if report.same_bytes else "NOT the same as"
            tell(f"its audio is {equal} when {known} was first made{_by_how_much(report)}")
        if report.limited is not None:
            tell(_limiting_text(report.limited))
        if report.loudness is not None:
            tell(f"the whole has {report.loudness:.1f} LUFS")
        if report.manifest is not None:
            tell(f"{report.manifest}: its manifest")
    for sentence in report.unmet:
        say(sentence)
    if report.missing:
        verb = "would be left out" if report.dry_run else "left out"
        say(f"{counted(len(report.missing), 'clip')} {verb} for want of a file:")
        for path in report.missing:
            say(f"  {path}")


def _by_how_much(report: RenderReport) -> str:
    if report.same_bytes:
        return ""
    if report.largest_difference is None:
        return "; by how much can't be told without the first file"
    return f"; samples differ by {report.largest_difference:.2g} of full scale at most"


def _limiting_text(limited: Limiting) -> str:
    clips = sorted(limited.clips, key=lambda clip: limited.clips[clip])
    named = ", ".join(f"{clip} by {-limited.clips[clip]:.1f} dB" for clip in clips[:5])
    return (
        f"peaks were limited in {counted(len(clips), 'clip')}, for {limited.seconds:.1f} s in all, at most by "
        f"{-limited.most:.1f} dB at {length_text(limited.at)}: {named}{', …' if len(clips) > 5 else ''}"
    )


@song_app.command()
def diff(
    name: SongName,
    number: Annotated[int | None, typer.Argument(help="Against which rendering; default the last.")] = None,
    other: Annotated[int | None, typer.Argument(help="Which rendering; default the song of today.")] = None,
    form: Form = Format.TABLE,
    json: Json = False,
) -> None:
    """Tell how today's song, or a rendering, differs from a rendering: which clips, and why."""
    from thresher.curation.renderings.diff import difference

    with open_catalog() as catalog:
        changed = difference(catalog, name, number, other)
    chosen = form_of(form, json)
    if chosen is Format.JSON:
        print_json(changed)
        return
    rows = [
        _ChangeRow(what, clip, changed.tracks[clip].seconds, changed.reasons[clip], changed.tracks[clip].path)
        for what, clips in (
            ("new", changed.new),
            ("gone", changed.gone),
            ("moved", changed.moved),
            ("trimmed", changed.retrimmed),
        )
        for clip in clips
    ]
    columns = (
        Column("change", lambda row: row.change),
        Column("clip", lambda row: row.clip, is_number=True),
        Column("length", lambda row: clock(row.seconds), is_number=True, rank=1),
        Column("why", lambda row: row.why),
        Column("file", lambda row: row.path, keep=Keep.END),
    )
    if rows or chosen is not Format.TABLE:
        emit(rows, columns, chosen)
    if chosen is Format.TABLE:
        now = "today" if changed.other is None else f"rendering {changed.other}"
        before, after = map(length_text, changed.seconds)
        tell(f"rendering {changed.number}: {before}; {now}: {after}")
        for sentence in changed.settings or () if not changed.is_none else ("nothing changed",):
            tell(sentence)


@dataclass(frozen=True)
class _ChangeRow:
    """A clip that came, went or changed."""

    change: str
    clip: int
    seconds: float
    why: str
    path: str


@song_app.command("renderings")
def list_renderings(name: SongName, form: Form = Format.TABLE, json: Json = False) -> None:
    """List what a song was each time it was rendered; song render NAME --rendering N makes one again."""
    from thresher.curation.renderings.history import renderings
    from thresher.curation.songs.songs import SongSettings

    with open_catalog() as catalog:
        rows = renderings(catalog, name)
    columns = (
        Column("number", lambda row: row.number, is_number=True),
        Column("made", lambda row: local_time(row.created_at)),
        Column("clips", lambda row: row.clips, is_number=True),
        Column("length", lambda row: length_text(row.seconds), is_number=True),
        Column("form", lambda row: f"{row.container} {row.subtype}", rank=1),
        Column(
            "made of",
            lambda row: described(row.settings or SongSettings(row.query, row.ordering, row.metric)),
            keep=Keep.LINES,
        ),
        Column("file", lambda row: row.path, keep=Keep.END),
    )
    emit(rows, columns, form_of(form, json))


@song_app.command()
def verify(
    name: SongName,
    number: Annotated[int | None, typer.Argument(help="Which rendering; default the last.")] = None,
    json: Json = False,
) -> None:
    """Check a rendering: its sources, its file, and that what was frozen adds up; reads every file."""
    from thresher.curation.renderings.verify import verify_song

    with open_catalog() as catalog, ProgressBar() as progress:
        report = verify_song(catalog, name, number, progress)
    if json:
        print_json(report)
    elif report.is_sound:
        tell(f"rendering {report.number}: {counted(report.clips, 'clip')} and {report.path} are unchanged")
    else:
        tell(f"rendering {report.number} of {counted(report.clips, 'clip')}")
        print_facts(
            [
                ("missing", ", ".join(report.missing) or None),
                ("changed", ", ".join(report.changed) or None),
                ("file", f"{report.path} is {report.file}" if report.file != "unchanged" else None),
                ("account", "; ".join(report.account) or None),
            ]
        )
        if report.missing or report.changed:
            say("put the files back and `thresher ingest` their folder")
        else:
            again = f'thresher song render "{name}" --rendering {report.number} -o "{report.path}"'
            say(f"{again} makes the file again")
    if not report.is_sound:
        raise typer.Exit(NEEDS_ACTION)


@song_app.command()
def export(
    name: SongName,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="By suffix: .cue, .m3u8, .txt (Audacity labels), .rpp (REAPER), .json (manifest)."
        ),
    ] = None,
    stems: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the clips as they sound in it, one file each.")
    ] = None,
    rendering: Annotated[
        int | None, typer.Option(help="Of the rendering of that number; default the song of today.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    json: Json = False,
) -> None:
    """Hand a song on: to a player, a CD, Audacity, REAPER, another machine; or as numbered stems."""
    from thresher.curation.exports.songs import export_song, export_stems

    if (file is None) == (stems is None):
        raise UsageError("give a FILE to export to or --stems DIR, one of the two")
    with open_catalog() as catalog, ProgressBar() as progress:
        if stems is not None:
            report = export_stems(
                catalog, name, stems, rendering=rendering, overwrite=overwrite, progress=progress
            )
        else:
            report = export_song(catalog, name, str(file), rendering=rendering, overwrite=overwrite)
    if json:
        print_json(report)
        return
    of = f"rendering {report.rendering}" if report.rendering else "today's song, which is not rendered"
    what = f"{counted(len(report.stems), 'stem')}" if report.stems else counted(report.clips, "clip")
    tell(f"{report.path}: {what} of {of}")
    if report.has_audio is False:
        number = f" --rendering {report.rendering}" if report.rendering else ""
        say(
            f"it names {report.audio}, which is not there as it was rendered; "
            f'`thresher song render "{name}"{number} -o "{report.audio}"` writes it'
        )
    if report.is_limited and report.format in (".rpp", "stems"):
        say("the limiter that keeps the song under full scale is not in it; watch the levels")
    for sentence in (*report.unmet, *(f"missing: {path}" for path in report.missing)):
        say(sentence)
    if report.missing:
        say("put them back and `thresher ingest` their folder")
