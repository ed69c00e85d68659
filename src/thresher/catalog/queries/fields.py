"""The registry of query fields: one line for each name of the query language.

`field_kinds.py` makes fields that are one column or expression, `special_fields.py` the others. Measures and
metrics have registries of their own, from which their fields derive. docs/extending.md lists the steps for adding
a field.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy import func, select, true

from thresher.catalog.database import schema
from thresher.catalog.database.schema import batch, checkpoint, clip, cluster_clip, location, recording
from thresher.catalog.queries.field_kinds import Field, choice, count, date, duration, flag, number, text
from thresher.catalog.queries.special_fields import (
    attribute_field,
    batch_field,
    near_field,
    path_field,
    query_field,
    recording_field,
    score_field,
    sha256_field,
    song_field,
    tag_field,
)
from thresher.catalog.recordings.clip_source import (
    END,
    IS_HEARD,
    REASON,
    SECONDS,
    START,
    STATUS,
    has_location,
)
from thresher.catalog.recordings.measures import measure_value
from thresher.catalog.scores.suspicion import IS_SUSPECT
from thresher.catalog.text.normal_form import nfc
from thresher.catalog.text.values import UnfitError
from thresher.formatting import any_of
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.metrics.registry import METRICS

_IS_PRESENT = has_location(location.c.missing_since.is_(None))
_COPIES = (
    select(func.count())
    .where(location.c.recording_id == clip.c.recording_id, location.c.missing_since.is_(None))
    .correlate(clip)
    .scalar_subquery()
)
_CLUSTER = (
    select(cluster_clip.c.number).where(cluster_clip.c.clip_id == clip.c.id).correlate(clip).scalar_subquery()
)
_VERDICT = func.coalesce(checkpoint.c.verdict, "none")

_FIELDS: tuple[Field, ...] = (
    number("id", clip.c.id, "the clip's id; a term of digits only, such as 12, selects by id"),
    path_field(
        "path", "a file, or a folder and everything below it; absolute, or relative to the catalog's folder"
    ),
    text("run", checkpoint.c.run, "the training run of the network"),
    count("epoch", checkpoint.c.epoch, "the network's epoch"),
    count("step", checkpoint.c.step, "the network's training step or iteration, such as 120000 or 120k"),
    choice("verdict", _VERDICT, (*schema.VERDICTS, "none"), "your verdict on the clip's checkpoint"),
    choice("status", STATUS, schema.STATUSES, "the result of analysis"),
    text("reason", REASON, "why the status is not ok"),
    choice("role", recording.c.role, schema.ROLES, "whether a network generated it or was trained on it"),
    number("rating", clip.c.rating, "1 to 5; `rated:no` finds clips without one"),
    flag("rejected", clip.c.rejected == true(), "rejected; left out unless the query names this field"),
    flag("rated", clip.c.rating.is_not(None), "has a rating"),
    flag("heard", IS_HEARD, "played by `listen` or `play`, or rated"),
    flag("suspect", IS_SUSPECT, "similar to clips rejected before it was added; `thresher trust` clears it"),
    text("note", clip.c.note, "the note on the clip; `note:` finds all clips with one"),
    tag_field("tag", "one of the clip's tags, in full; `tag:` finds all clips with one"),
    duration("length", SECONDS, "the clip's length after trimming"),
    duration("start", START, "where the clip starts in its recording"),
    duration("end", END, "where the clip ends in its recording"),
    number("rate", recording.c.sample_rate, "sample rate, in Hz"),
    number("channels", recording.c.channels, "number of channels"),
    text("format", recording.c.container, "container, such as WAV or OGG"),
    text("subtype", recording.c.subtype, "encoding, such as PCM_16 or VORBIS"),
    number("loudness", clip.c.loudness, "integrated loudness, in LUFS"),
    number("peak", clip.c.peak, "largest absolute sample; 1 is full scale"),
    *(number(entry.name, measure_value(entry.name), entry.description) for entry in MEASURES.values()),
    choice("kind", clip.c.kind, schema.CLIP_KINDS, "whole; part, if the recording was split; marked by hand"),
    recording_field("of", "clips of the recording that a clip belongs to: its id, or the path of its file"),
    text("mark", clip.c.name, "the name of a mark; `mark:` finds all marks with one"),
    number("cluster", _CLUSTER, "the number of the clip's group of similar clips in `thresher clusters`"),
    batch_field("batch", "the ingest that added the recording: a number, a range or `last`"),
    date("added", batch.c.started_at, "when that ingest started, in local time"),
    flag("missing", ~_IS_PRESENT, "no file with this recording exists any more"),
    number("copies", _COPIES, "number of files with this recording"),
    number("recording", recording.c.id, "number of the recording that contains the clip"),
    sha256_field("sha256", "first digits of the file's SHA-256"),
    song_field("song", "a clip of this song, before its limits"),
    query_field("query", "selected by this saved query (`thresher query list`)"),
    score_field(None),
    *(score_field(name) for name in METRICS),
    near_field(None),
    *(near_field(name) for name in METRICS),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _FIELDS}
"""Every built-in field by its name. Attributes that files bring are fields as well."""


def close_names(word: str, known: Iterable[str]) -> list[str]:
    """Return known names that resemble `word`, the most similar first."""
    from difflib import get_close_matches

    return get_close_matches(word, list(known), n=3, cutoff=0.6)


def find_field(name: str, attribute_keys: Callable[[], Collection[str]]) -> Field | None:
    """Return the field of that name; None if there is none.

    The exact case takes precedence, then a built-in field over an attribute. Raises UnfitError if the name fits
    several fields that differ in upper and lower case only.
    """
    name = nfc(name)
    if name in FIELDS:
        return FIELDS[name]
    keys = attribute_keys()
    if name in keys:
        return attribute_field(name)
    folded = name.casefold()
    similar = sorted({each for each in (*FIELDS, *keys) if each.casefold() == folded})
    if len(similar) > 1:
        raise UnfitError(f'"{name}" could mean the field {any_of(similar)}; write one of them exactly')
    if not similar:
        return None
    return FIELDS[similar[0]] if similar[0] in FIELDS else attribute_field(similar[0])
