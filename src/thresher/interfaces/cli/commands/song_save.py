"""The command song save."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from thresher.errors import UsageError
from thresher.formatting import any_of, command_on, counted, listed
from thresher.interfaces.cli.app import open_catalog, song_app, terms_of
from thresher.interfaces.cli.options import DryRun, Json, SongName, seconds_of
from thresher.interfaces.cli.output import length_text, print_json, say, tell
from thresher.interfaces.cli.song_options import NoCopies, PerCheckpoint, options_of
from thresher.interfaces.cli.song_text import say_edits_not_applied, settings_text
from thresher.interfaces.plain import plain
from thresher.signal.metrics.registry import METRICS

if TYPE_CHECKING:
    from thresher.catalog.catalog import Catalog
    from thresher.catalog.queries.query import Terms
    from thresher.curation.songs.options import SongOptions
    from thresher.curation.songs.size import SongSize
    from thresher.curation.songs.songs import Song


@song_app.command()
def save(
    name: SongName,
    query: Annotated[
        list[str] | None, typer.Argument(help="A query for the clips of the song, as in `thresher list`.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Order by chain, pairs, FIELD+, FIELD- (such as epoch+), shuffle:SEED or manual."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help=f"Compute the order with this metric: {any_of(METRICS)}.")
    ] = None,
    start: Annotated[int | None, typer.Option(metavar="CLIP", help="Start the chain with this clip.")] = None,
    end: Annotated[int | None, typer.Option(metavar="CLIP", help="End the chain with this clip.")] = None,
    length: Annotated[
        str | None, typer.Option(help="Limit the length, such as 24:00; none for no limit.")
    ] = None,
    clips: Annotated[str | None, typer.Option(help="Limit the number of clips; none for no limit.")] = None,
    rate: Annotated[
        str | None, typer.Option(help="Set the sample rate in Hz; auto for the highest rate of the clips.")
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="Set 1 or 2 channels; auto for stereo if any clip is stereo.")
    ] = None,
    subtype: Annotated[
        str | None, typer.Option(help="Write PCM_16, PCM_24 or FLOAT samples; auto to follow the clips.")
    ] = None,
    dither: Annotated[
        bool | None, typer.Option("--dither/--no-dither", help="Add triangular dither to 16-bit samples.")
    ] = None,
    lufs: Annotated[
        str | None,
        typer.Option(
            help="Normalise every clip to this loudness in LUFS, such as -14, and limit true peaks to -1 dBTP; "
            "none to keep the loudness of the clips."
        ),
    ] = None,
    fade: Annotated[
        str | None, typer.Option(help="Fade each clip in and out over this many seconds, unless crossfaded.")
    ] = None,
    crossfade: Annotated[
        str | None, typer.Option(help="Overlap clips by this many seconds, at equal power; 0 for none.")
    ] = None,
    gap: Annotated[
        str | None, typer.Option(help="Put this many seconds of silence between clips; 0 for none.")
    ] = None,
    quality: Annotated[
        str | None,
        typer.Option(help="Set the quality of MP3, OGG and Opus files: 0 (smallest) to 10; auto for 8."),
    ] = None,
    artist: Annotated[
        str | None, typer.Option(help="Write this artist into the tags; none for no artist.")
    ] = None,
    album: Annotated[
        str | None, typer.Option(help="Write this album into the tags; none for no album.")
    ] = None,
    cover: Annotated[
        str | None,
        typer.Option(help="Put this PNG or JPEG image into MP3 and FLAC files; none for no image."),
    ] = None,
    no_copies: NoCopies = None,
    per_checkpoint: PerCheckpoint = None,
    sequence: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Read the clips of --order manual: ids or paths, or a playlist (M3U, M3U8, PLS, XSPF).",
        ),
    ] = None,
    salvage: Annotated[
        bool,
        typer.Option(
            "--salvage",
            help="Split the mostly silent recordings of the query, and make the song of the sounds in them.",
        ),
    ] = False,
    least: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            parser=seconds_of,
            help="With --salvage, leave out sounds shorter than S seconds. Default: 1.",
        ),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Save a new song, or change the given settings of an existing song."""
    from thresher.curation.songs.clip_list import read_sequence
    from thresher.curation.songs.former_rules import left_out_today
    from thresher.curation.songs.size import save_song_and_measure
    from thresher.curation.songs.songs import get_song

    with open_catalog() as catalog:
        clips_of_file = None if sequence is None else read_sequence(catalog, sequence)
        options = options_of(
            {
                "order": order,
                "metric": metric,
                "length": length,
                "clips": clips,
                "rate": rate,
                "channels": channels,
                "subtype": subtype,
                "lufs": lufs,
                "fade": fade,
                "crossfade": crossfade,
                "gap": gap,
                "quality": quality,
                "artist": artist,
                "album": album,
                "cover": cover,
                "per_checkpoint": per_checkpoint,
            },
            start=start,
            end=end,
            dither=dither,
            no_copies=no_copies,
            sequence=clips_of_file,
        )
        terms = terms_of(catalog, query) if query else None
        if salvage or least is not None:
            if not salvage or terms is None or sequence is not None:
                raise UsageError(
                    "--least needs --salvage" if not salvage else "--salvage needs a query, and no --from"
                )
            _salvage(catalog, name, terms, options, least, dry_run=dry_run, json=json)
            return
        if clips_of_file is not None and terms is None and get_song(catalog, name) is None:
            terms = [part for clip in clips_of_file for part in (",", str(clip))][1:]
        present = get_song(catalog, name)
        leaving = () if present is None else left_out_today(catalog, present)
        song, size = save_song_and_measure(catalog, name, terms, options, dry_run=dry_run)
    if json:
        former = None if present is None else present.settings.query
        document = _plain_song(song, is_planned=dry_run and present is None)
        print_json(document, size=size, query_before=former, left_out=leaving, dry_run=dry_run)
        return
    _tell_saved(song, size, present, leaving, dry_run=dry_run)


def _tell_saved(
    song: Song, size: SongSize, present: Song | None, leaving: Sequence[int], *, dry_run: bool
) -> None:
    """Say what a song is now, what it was before, and which clips its new rule takes out."""
    name = song.name
    head, reverts = ("dry run: ", "") if dry_run else ("", "; `thresher undo` reverts the change")
    tell(f'{head}song "{name}": {_size_text(size)}, {settings_text(song.settings)}')
    if present is not None and present.settings.query != song.settings.query:
        say(f"its query {'is now' if dry_run else 'was'} {present.settings.query}{reverts}")
    if leaving:
        ids = listed([str(clip_id) for clip_id in leaving])
        follows = "would follow" if dry_run else "now follows"
        say(
            f"the song {follows} the rule of new songs, which leaves out {counted(len(leaving), 'clip')} "
            f"({ids}): stumps of truncated files, overwritten clips, or clips of dropped checkpoints{reverts}"
        )
    say_edits_not_applied(size.edits_not_applied)
    if size.is_cut:
        shows = "" if dry_run else f": `{command_on('song show', name)}` shows which"
        say(f"the limits keep some of these clips{shows}")
    if not size.clips:
        say("no clip matches its query yet; new clips that match join the song")
    elif not dry_run:
        say(f"next: {command_on('song render', name)}")


def _salvage(
    catalog: Catalog,
    name: str,
    terms: Terms,
    options: SongOptions,
    least: float | None,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    """Make a song of the sounds in mostly silent recordings, and print what changed."""
    from thresher.curation.cutting.salvage import LEAST_SOUND_SECONDS, salvage_song
    from thresher.curation.songs.songs import get_song
    from thresher.interfaces.cli.progress import ProgressBar
    from thresher.interfaces.cli.split_output import tell_split

    is_planned = dry_run and get_song(catalog, name) is None
    shortest = LEAST_SOUND_SECONDS if least is None else least
    with ProgressBar("files") as progress:
        done = salvage_song(catalog, name, terms, options, least=shortest, dry_run=dry_run, progress=progress)
    if json:
        print_json({**plain(done), "song": _plain_song(done.song, is_planned=is_planned)}, dry_run=dry_run)
        return
    tell_split(done.split, dry_run=dry_run)
    left_out = (
        f"; {counted(done.too_short, 'sound')} shorter than {shortest:g} s left out" if done.too_short else ""
    )
    head = "dry run: " if dry_run else ""
    tell(
        f'{head}song "{name}": {_size_text(done.size)}, salvaged from '
        f"{counted(done.recordings, 'recording')}{left_out}, {settings_text(done.song.settings)}"
    )
    say_edits_not_applied(done.size.edits_not_applied)
    if not dry_run:
        say(f"next: {command_on('song render', name)}")
    elif done.song.settings.no_copies:
        say(
            "copies among new parts are found when the parts are scored, so that the song can have fewer clips"
        )


def _plain_song(song: Song, *, is_planned: bool) -> dict[str, Any]:
    """Return a song for JSON. A song that a dry run would make has no id."""
    return {**plain(song), "id": None if is_planned else song.id}


def _size_text(size: SongSize) -> str:
    about = "about " if size.is_estimate and not size.is_cut else ""
    clips = counted(size.clips, "clip") + (" before limits" if size.is_cut else "")
    return f"{clips}, {about}{length_text(size.seconds)}"
