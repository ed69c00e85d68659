"""The commands song render and song reproduce."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.errors import UsageError
from thresher.formatting import counted
from thresher.interfaces.cli.app import open_catalog, song_app
from thresher.interfaces.cli.options import DryRun, Json
from thresher.interfaces.cli.output import from_here, length_text, print_json, say, tell
from thresher.interfaces.cli.progress import ProgressBar
from thresher.interfaces.cli.song_text import say_edits_not_applied

if TYPE_CHECKING:
    from thresher.curation.renderings.mixdown import Limiting
    from thresher.curation.renderings.render import RenderReport


@song_app.command()
def render(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The song's name.")] = None,
    former_file: Annotated[str | None, typer.Argument(hidden=True)] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write WAV, FLAC, OGG, Opus or MP3 by suffix. Default: NAME.wav in this folder, or with "
            "--rendering N, `NAME N` in the format of that rendering.",
        ),
    ] = None,
    rendering: Annotated[
        int | None,
        typer.Option(help="Render the rendering of this number again, even if the song has changed."),
    ] = None,
    manifest: Annotated[
        bool, typer.Option("--manifest", help="Write a manifest too, next to the output.")
    ] = False,
    manifest_file: Annotated[
        Path | None, typer.Option("--manifest-file", metavar="FILE", help="Write a manifest to FILE.")
    ] = None,
    quality: Annotated[
        float | None,
        typer.Option(
            min=0, max=10, help="Quality of MP3, OGG and Opus: 0 (smallest) to 10. Default: the song's."
        ),
    ] = None,
    files: Annotated[Path | None, typer.Option("--files", hidden=True)] = None,
    dry_run: DryRun = False,
    without_missing: Annotated[
        bool, typer.Option("--without-missing", help="Leave out clips whose files are missing.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is not a rendering of this song.")
    ] = False,
    json: Json = False,
) -> None:
    """Render a song to a file, and store its plan as a numbered rendering."""
    if manifest and manifest_file is not None:
        raise UsageError("--manifest contradicts --manifest-file, which names another file; give one of them")
    if former_file is not None and not manifest:
        raise UsageError(f'unexpected argument "{former_file}"; `thresher song render` takes one song')
    if name is None:
        raise UsageError("name a song; `thresher song list` shows all")
    if former_file is None and _is_former_reproduce(name, files, manifest=manifest):
        say(
            "warning: `song render --manifest FILE` is now `thresher song reproduce FILE`; use the new command"
        )
        reproduce(Path(name), files, output, dry_run=dry_run, overwrite=overwrite, json=json)
        return
    if files is not None:
        raise UsageError("--files is an option of `thresher song reproduce MANIFEST`; leave it out")
    if former_file is not None:
        say("warning: `--manifest FILE` is now `--manifest-file FILE`; use the new option")
        # the file follows --manifest, before or after the name of the song
        name, file = (former_file, name) if name.lower().endswith(".json") else (name, former_file)
        manifest_file = Path(file)
    from thresher.curation.executors.worker_process import keep_freed_memory
    from thresher.curation.renderings.render import render as run

    keep_freed_memory()
    with open_catalog() as catalog, ProgressBar() as progress:
        report = run(
            catalog,
            name,
            output,
            rendering=rendering,
            manifest=manifest_file or manifest,
            dry_run=dry_run,
            without_missing=without_missing,
            overwrite=overwrite,
            quality=quality,
            progress=progress,
        )
    _print_report(report, json=json)


def _is_former_reproduce(word: str, files: Path | None, *, manifest: bool) -> bool:
    """Whether `song render` was called as it was to reproduce a manifest: `--manifest FILE [--files DIR]`."""
    return manifest and (files is not None or (word.lower().endswith(".json") and os.path.exists(word)))


@song_app.command()
def reproduce(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="A manifest that thresher wrote.")],
    files: Annotated[
        Path | None,
        typer.Option(
            "--files",
            metavar="DIR",
            help="Look for the clips in this folder. Default: the manifest's folder.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write this file; its suffix must fit the format of the manifest. Default: the song's name in "
            "this folder.",
        ),
    ] = None,
    dry_run: DryRun = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is not what the manifest describes.")
    ] = False,
    json: Json = False,
) -> None:
    """Reproduce the audio of a manifest from the same source files, without a catalog."""
    from thresher.curation.executors.worker_process import keep_freed_memory
    from thresher.curation.renderings.reproduce import reproduce as run

    keep_freed_memory()
    with ProgressBar() as progress:
        report = run(
            manifest,
            files or manifest.parent,
            output,
            dry_run=dry_run,
            overwrite=overwrite,
            progress=progress,
        )
    _print_report(report, json=json)


def _print_report(report: RenderReport, *, json: bool) -> None:
    if json:
        print_json(report)
        return
    channels = "mono" if report.channels == 1 else "stereo"
    form = f"{report.container} {report.subtype}, {report.sample_rate} Hz {channels}"
    length = length_text(report.frames / report.sample_rate)
    what = f"{counted(report.clips, 'clip')}, {length}, {form}"
    known = "a new rendering" if report.number is None else f"rendering {report.number}"
    if report.dry_run:
        tell(f"dry run: {from_here(report.path)} would be {known}{' again' if report.number else ''}: {what}")
        if report.manifest is not None:
            tell(f"{from_here(report.manifest)} would be its manifest")
    else:
        tell(f"{from_here(report.path)}: {known}, {what}, {report.seconds:.1f} s")
        if report.same_bytes is not None:
            equal = "the same as" if report.same_bytes else "NOT the same as"
            tell(f"its audio is {equal} when {known} was first made{_difference_text(report)}")
        if report.limited is not None:
            tell(_limiting_text(report.limited))
        if report.loudness is not None:
            tell(f"the loudness of the whole song is {report.loudness:.1f} LUFS")
        if report.manifest is not None:
            tell(f"{from_here(report.manifest)}: its manifest")
    if report.cover_left_out:
        say(
            f"note: {report.container} files can't hold the cover; render to .mp3 or .flac for a file with it"
        )
    for sentence in report.decoder_changes:
        say(f"note: {sentence}")
    say_edits_not_applied(report.edits_not_applied)
    if report.missing:
        verb = "would be left out" if report.dry_run else "left out"
        say(f"{counted(len(report.missing), 'clip')} {verb} because the file is missing:")
        for path in report.missing:
            say(f"  {path}")


def _difference_text(report: RenderReport) -> str:
    if report.same_bytes:
        return ""
    if report.largest_difference is None:
        return "; the first file is gone, so the difference is unknown"
    return f"; samples differ by at most {report.largest_difference:.2g} of full scale"


def _limiting_text(limited: Limiting) -> str:
    clips = sorted(limited.clips, key=lambda clip: limited.clips[clip])
    named = ", ".join(f"{clip} by {-limited.clips[clip]:.1f} dB" for clip in clips[:5])
    return (
        f"the limiter turned down {counted(len(clips), 'clip')} for {limited.seconds:.1f} s in total, by at most "
        f"{-limited.most:.1f} dB at {length_text(limited.at)}: {named}{', …' if len(clips) > 5 else ''}"
    )
