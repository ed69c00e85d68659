"""The `show` command."""

from __future__ import annotations

from json import loads
from typing import TYPE_CHECKING, Annotated

import typer

from thresher.formatting import counted
from thresher.interfaces.cli.app import FIND, app, open_catalog
from thresher.interfaces.cli.options import Json
from thresher.interfaces.cli.output import checkpoint_text, clock, local_time, print_facts, print_json, say
from thresher.signal.features.measure_registry import MEASURES

if TYPE_CHECKING:
    from thresher.curation.clips.detail import ClipDetail, CutRow, LocationRow, NeighbourRow


@app.command(rich_help_panel=FIND)
def show(
    clip: Annotated[str, typer.Argument(help="A clip id, a file, or a query that matches one clip.")],
    json: Json = False,
) -> None:
    """Show everything about one clip."""
    from thresher.curation.clips.detail import show_clip

    with open_catalog() as catalog:
        detail = show_clip(catalog, clip)
    if json:
        print_json(detail)
    else:
        _print_clip(detail)


def _print_clip(detail: ClipDetail) -> None:
    print_facts(_clip_facts(detail))
    for location in detail.locations:
        _print_location(location)
    if detail.checkpoints_disagree:
        say(
            "note: the paths of this clip name different checkpoints; set the right one with `thresher modify`"
        )


def _clip_facts(detail: ClipDetail) -> list[tuple[str, object]]:
    row = detail.clip
    corrected = " (corrected)" if detail.checkpoint_pinned else ""
    span = None if row.start is None else f"{row.start:.3f} s to {detail.end:.3f} s ({clock(row.seconds)})"
    audio_format = None
    if row.sample_rate:
        channels = counted(row.channels or 0, "channel")
        audio_format = f"{detail.container} {detail.subtype}, {row.sample_rate} Hz, {channels}"
    words = None
    if detail.fingerprint_words:
        backend = f"{detail.fingerprint_backend} {detail.fingerprint_version}"
        words = f"{detail.fingerprint_words} words ({backend})"
    return [
        ("clip", row.id),
        ("kind", _kind_text(detail)),
        ("status", f"{row.status}{', rejected' if row.rejected else ''}"),
        ("reason", detail.reason),
        ("checkpoint", f"{checkpoint_text(row)}{corrected}".strip() or None),
        ("role", row.role),
        ("span", span),
        ("format", audio_format),
        ("decoder", " ".join(filter(None, [detail.decoder, detail.decoder_version])) or None),
        ("loudness", None if row.loudness is None else f"{row.loudness:.1f} LUFS"),
        ("peak", None if row.peak is None else f"{row.peak:.3f}"),
        *((name.replace("_", " "), measure_text(name, value)) for name, value in detail.measures.items()),
        ("heard", "yes" if row.heard else "not yet"),
        ("suspect", _suspicion_text(detail) if row.suspect else None),
        ("rating", None if row.rating is None else f"{row.rating} of 5"),
        ("tags", row.tags or None),
        ("note", row.note),
        ("fingerprint", words),
        ("trim", _trim_text(detail.trim)),
        ("batch", f"{row.batch}, {local_time(detail.added)}"),
        ("sha256", detail.sha256),
        ("same audio", ", ".join(f"clip {each}" for each in detail.same_audio) or None),
        *(("nearest", _neighbour_text(near)) for near in detail.nearest),
        *(("part", _cut_text(part)) for part in detail.parts if row.kind == "whole"),
        *(("mark", _cut_text(mark)) for mark in detail.marks),
    ]


def _cut_text(cut: CutRow) -> str:
    named = f' "{cut.name}"' if cut.name else ""
    return f"clip {cut.clip}{named}, {cut.start:.3f} s to {cut.end:.3f} s ({clock(cut.end - cut.start)})"


def _kind_text(detail: ClipDetail) -> str | None:
    """Return what a part or a mark is of which file, and that a whole was split; None for other wholes."""
    row = detail.clip
    if detail.is_hidden:
        parts = counted(len(detail.parts), "part")
        return f"whole, split into {parts}, which stand for it in listings and songs"
    if row.kind == "whole":
        return None
    return f"{row.place or row.kind}, {clock(row.start)} to {clock(detail.end)} of {row.path or 'a missing file'}"


def _trim_text(trim: str) -> str:
    """Return trim settings, which are stored as JSON, as names and values."""
    return ", ".join(f"{name} {value:g}" for name, value in loads(trim).items())


def _neighbour_text(near: NeighbourRow) -> str:
    offset = "" if near.offset is None else f", {near.offset:+.1f} s"
    return f"{near.score:.3f} {near.metric}: clip {near.clip} {near.path or ''}{offset}"


def _print_location(location: LocationRow) -> None:
    missing = f" (missing since {local_time(location.missing_since)})" if location.missing_since else ""
    print_facts([("at", f"{location.path}{missing}")])
    stated = {"run": location.run, "epoch": location.epoch, "step": location.step, **location.attributes}
    print_facts([("  says", ", ".join(f"{key}={text}" for key, text in stated.items() if text is not None))])


def _suspicion_text(detail: ClipDetail) -> str:
    relation = {"aligned": "a copy of", "likeness": "similar to"}
    others = (
        f"{relation[each.metric]} clip {each.other_id} ({each.score:.3f})" for each in detail.suspicions
    )
    return f"{', '.join(others)}, rejected; `thresher trust {detail.clip.id}` clears it"


def measure_text(name: str, value: float | None) -> str | None:
    """A measure for people, with its unit."""
    if value is None:
        return None
    entry = MEASURES[name]
    return f"{value:.{entry.digits}f} {entry.unit}" if entry.unit else f"{value:.3f}"
