"""The fields of the query language: what each is called, what it takes, and the SQL it means.

A test is a column expression that is true or false for every clip, never NULL, so that NOT is the complement.
It is read in a statement over `SOURCE`; whatever hangs on a clip in numbers other than one (locations, tags,
attributes, scores) is asked for by EXISTS or as a scalar. Lengths are seconds, times are seconds since 1970
(UTC, float), dates are read in local time. Adding a field is one entry in `_BUILT_IN`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Float, Integer, and_, exists, false, func, or_, select, true

from thresher.catalog import paths, schema
from thresher.catalog.database import chunks
from thresher.catalog.measures import measure_value
from thresher.catalog.schema import (
    attribute,
    batch,
    checkpoint,
    clip,
    clip_tag,
    cluster_clip,
    location,
    metric,
    nearest,
    recording,
)
from thresher.catalog.suspicion import IS_SUSPECT
from thresher.catalog.values import (
    LARGEST_INTEGER,
    Bounds,
    UnfitError,
    as_float32,
    bounds_of,
    checked_regex,
    comma_hint,
    number_of,
    period_of,
    seconds_of,
)
from thresher.signal.features.measure_registry import MEASURES
from thresher.signal.metrics.registry import METRICS

Condition = ColumnElement[bool]

SOURCE = (
    clip.join(recording, recording.c.id == clip.c.recording_id)
    .outerjoin(batch, batch.c.id == recording.c.batch_id)
    .outerjoin(checkpoint, checkpoint.c.id == recording.c.checkpoint_id)
)
"""What every query is read from: one row for each clip."""

NEAREST = 20
_NEAR = "a clip's id such as 12, or one with a range such as 12:0.8.."


@dataclass(frozen=True)
class Match:
    """What a term asks of its field: `operator` is ":", ":=" or "::", `value` what stands behind it."""

    operator: str
    value: str


class Scope(Protocol):
    """What tests may ask of the catalog that a query is for."""

    @property
    def metric(self) -> str:
        """Name of the metric that `score:` means."""

    @property
    def root(self) -> Path:
        """The catalog's folder."""

    @property
    def now(self) -> float:
        """Seconds since 1970."""

    def song(self, name: str) -> Condition:
        """Whether a clip is selected by the song of that name."""

    def near(self, clip_id: int, metric: str) -> Sequence[tuple[int, float]]:
        """Other clips with their scores against one under a metric, the nearest first."""


Test = Callable[[Match, Scope], Condition]
Keys = Callable[[Scope], Sequence[ColumnElement[Any]]]


@dataclass(frozen=True)
class Field:
    """One name of the query language; `keys` are what it sorts by, None where nothing can be sorted."""

    name: str
    kind: str
    description: str
    test: Test
    keys: Keys | None


# What the kinds of value mean.


def never_null(condition: ColumnElement[Any]) -> Condition:
    """`condition`, false where it would be NULL."""
    return func.coalesce(condition, false())


def contains(column: ColumnElement[Any], value: str) -> Condition:
    """Whether text holds `value`, upper and lower case being the same; NULL for NULL."""
    if value.isascii():
        return func.lower(column).contains(value.lower(), autoescape=True)
    # the database's own lower() knows ASCII only
    return column.regexp_match("(?i)" + re.escape(value))


def text_condition(column: ColumnElement[Any], match: Match) -> Condition:
    """Text that holds, equals or is found by the value; NULL for NULL."""
    if match.operator == "::":
        return column.regexp_match(checked_regex(match.value).pattern)
    if match.operator == ":=":
        return column == match.value
    return contains(column, match.value)


def within(column: ColumnElement[Any], bounds: Bounds) -> Condition:
    """Numbers from the first bound to the second, both included; NULL for NULL, except for an open range."""
    low, high = bounds
    if isinstance(column.type, Integer):
        if (low or 0) > LARGEST_INTEGER or (high or 0) < -LARGEST_INTEGER:
            return false()
        low = None if low is None else math.ceil(max(low, -LARGEST_INTEGER))
        high = None if high is None else math.floor(min(high, LARGEST_INTEGER))
    if low is not None and low == high:
        return column == low
    ends = [*([] if low is None else [column >= low]), *([] if high is None else [column <= high])]
    return and_(*ends) if ends else column.is_not(None)


def _plain(match: Match, what: str) -> str:
    if match.operator == "::":
        raise UnfitError(f'"{match.value}" is a regular expression, which only text is tested by, not {what}')
    return match.value


# Makers of fields: one for each kind of value.


def _text(name: str, column: ColumnElement[Any], description: str) -> Field:
    return Field(
        name,
        "text",
        description,
        lambda match, _scope: never_null(text_condition(column, match)),
        lambda _scope: (func.lower(column),),
    )


def _choice(name: str, column: ColumnElement[Any], choices: tuple[str, ...], description: str) -> Field:
    def test(match: Match, _scope: Scope) -> Condition:
        if match.operator == "::":
            regex = checked_regex(match.value)
            return column.in_([choice for choice in choices if regex.search(choice)])
        value = match.value.lower()
        exact = match.operator == ":=" or value in choices
        fitting = [choice for choice in choices if (choice == value if exact else value in choice)]
        if not fitting:
            hint = comma_hint(match.value)
            raise UnfitError(f'"{match.value}" is no {name}; expected {" or ".join(choices)}{hint}')
        return column.in_(fitting)

    return Field(name, "choice", f"{description}: {', '.join(choices)}", test, lambda _scope: (column,))


_RANGE = "a number or a range such as 4, 80..120, 4.. or ..7"


def _number(name: str, column: ColumnElement[Any], description: str) -> Field:
    def test(match: Match, _scope: Scope) -> Condition:
        return never_null(within(column, bounds_of(_plain(match, "a number"), _RANGE, number_of)))

    return Field(name, "number", description, test, lambda _scope: (column,))


def _duration(name: str, column: ColumnElement[Any], description: str) -> Field:
    what = "a length or a range such as 7.5, 0:30, 1:02:03, 0:05..0:30 or ..2:00"

    def test(match: Match, _scope: Scope) -> Condition:
        return never_null(within(column, bounds_of(_plain(match, "a length"), what, seconds_of)))

    return Field(name, "duration", description, test, lambda _scope: (column,))


def _flag(name: str, condition: Condition, description: str) -> Field:
    def test(match: Match, _scope: Scope) -> Condition:
        value = _plain(match, "yes or no").lower()
        if value in ("yes", "true", "1"):
            return condition
        if value in ("no", "false", "0"):
            return ~condition
        raise UnfitError(f'"{match.value}" is neither yes nor no{comma_hint(value)}')

    return Field(name, "flag", description, test, lambda _scope: (condition,))


def _date(name: str, column: ColumnElement[Any], description: str) -> Field:
    what = "a date or a range such as 2026-11, 2026-11-22, 2026-11-01..2026-11-15, -1w.. or -3d.."

    def test(match: Match, scope: Scope) -> Condition:
        value = _plain(match, "a date")

        low, high = bounds_of(
            value,
            what,
            lambda text: period_of(text, scope.now)[0],
            lambda text: period_of(text, scope.now)[1],
        )
        ends = [*([] if low is None else [column >= low]), *([] if high is None else [column < high])]
        return never_null(and_(*ends) if ends else column.is_not(None))

    return Field(name, "date", description, test, lambda _scope: (column,))


# Fields that are more than a column.


def _of_recording(*conditions: Condition) -> Condition:
    return exists().where(location.c.recording_id == clip.c.recording_id, *conditions).correlate(clip)


def shown_location(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """`column` of the location that stands for a clip: the earliest present one, else the earliest."""
    return (
        select(column)
        .where(location.c.recording_id == clip.c.recording_id)
        .order_by(location.c.missing_since.is_not(None), location.c.id)
        .limit(1)
        .correlate(clip)
        .scalar_subquery()
    )


def _path_test(match: Match, scope: Scope) -> Condition:
    if match.operator == ":":
        return _of_recording(under_folder(match.value, scope.root))
    return _of_recording(text_condition(location.c.path_text, match))


def under_folder(folder: str, root: Path) -> Condition:
    """Whether a location is `folder`, relative to the catalog's folder `root`, or lies under it."""
    absolute = os.path.normpath(os.path.join(os.fsencode(root), os.fsencode(folder)))
    stored = paths.to_stored(absolute, root).path_text
    prefix = stored.rstrip("/") + "/"
    conditions = [
        location.c.path_text == stored,
        # not LIKE, to which upper and lower case are the same
        func.substr(location.c.path_text, 1, len(prefix)) == prefix,
    ]
    if os.path.join(os.fsencode(root), b"").startswith(os.path.join(absolute, b"")):
        # the catalog lies in the folder, and so does all that is stored relative to it
        conditions.append(func.substr(location.c.path_text, 1, 1) != "/")
    return or_(*conditions)


def _tag_test(match: Match, _scope: Scope) -> Condition:
    of_clip = exists().where(clip_tag.c.clip_id == clip.c.id).correlate(clip)
    if match.operator == "::":
        return of_clip.where(text_condition(clip_tag.c.tag, match))
    return of_clip.where(clip_tag.c.tag == match.value) if match.value else of_clip


def _batch_test(match: Match, _scope: Scope) -> Condition:
    if _plain(match, "a batch") == "last":
        # an alias, or the statement around it would lend its own batch
        every = batch.alias()
        return recording.c.batch_id == select(func.max(every.c.id)).scalar_subquery()
    return within(recording.c.batch_id, bounds_of(match.value, f'"last", {_RANGE}', number_of))


def latest_metric(name: str) -> ColumnElement[Any]:
    """Id of the highest version of a metric in this catalog; NULL where nothing was scored under it."""
    return (
        select(metric.c.id)
        .where(metric.c.name == name)
        .order_by(metric.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )


def score_field(metric_name: str | None) -> Field:
    """The best score of a clip against any other, under one metric, or else under the configured one."""

    def of_clip(scope: Scope) -> tuple[Condition, Condition]:
        return (
            nearest.c.metric_id == latest_metric(metric_name or scope.metric),
            nearest.c.clip_id == clip.c.id,
        )

    def test(match: Match, scope: Scope) -> Condition:
        low, high = bounds_of(_plain(match, "a number"), _RANGE, number_of)
        bounds = (None if low is None else as_float32(low), None if high is None else as_float32(high))
        return exists().where(*of_clip(scope), within(nearest.c.score, bounds)).correlate(clip)

    def keys(scope: Scope) -> Sequence[ColumnElement[Any]]:
        return (select(nearest.c.score).where(*of_clip(scope)).correlate(clip).scalar_subquery(),)

    name = "score" if metric_name is None else f"score@{metric_name}"
    under = "the configured metric" if metric_name is None else metric_name
    return Field(name, "number", f"best score against any other clip under {under}", test, keys)


def attribute_field(key: str) -> Field:
    """What file names, sidecars and `--set` said under `key`: numbers where they are numbers, else text."""

    def test(match: Match, _scope: Scope) -> Condition:
        # asked once for all clips: by clip, SQLite would go through the key's whole index for each of them
        said = (
            select(location.c.recording_id)
            .join(attribute, attribute.c.location_id == location.c.id)
            .where(attribute.c.key == key, location.c.recording_id.is_not(None), _attribute_condition(match))
        )
        return clip.c.recording_id.in_(said)

    def smallest(column: ColumnElement[Any]) -> ColumnElement[Any]:
        seen = select(location.c.id).where(location.c.recording_id == clip.c.recording_id).correlate(clip)
        return (
            select(func.min(column))
            .where(attribute.c.key == key, attribute.c.location_id.in_(seen))
            .correlate(clip)
            .scalar_subquery()
        )

    return Field(
        key,
        "attribute",
        "said by a file's name, a sidecar or --set",
        test,
        lambda _scope: (smallest(attribute.c.number), smallest(func.lower(attribute.c.text))),
    )


def _attribute_condition(match: Match) -> Condition:
    as_text = text_condition(attribute.c.text, match)
    if match.operator == "::":
        return as_text
    try:
        bounds = bounds_of(match.value, _RANGE, number_of)
    except UnfitError:
        return as_text
    if bounds == (None, None):
        return true()
    as_number = within(attribute.c.number, bounds)
    # "80" is also found in a text such as "80s synth", but never in a number such as 180
    return as_number if ".." in match.value else or_(as_number, attribute.c.number.is_(None) & as_text)


def bare_word(word: str, scope: Scope) -> Condition:
    """Whether path, run, tags or note hold the word; a word with a slash may also name a folder."""
    places = [
        _of_recording(contains(location.c.path_text, word)),
        never_null(contains(checkpoint.c.run, word)),
        exists().where(clip_tag.c.clip_id == clip.c.id, contains(clip_tag.c.tag, word)).correlate(clip),
        never_null(contains(clip.c.note, word)),
    ]
    if "/" in word:
        places.append(_of_recording(under_folder(word, scope.root)))
    return or_(*places)


def near_field(metric_name: str | None) -> Field:
    """The clips that are like a given one, under one metric, or else under the configured one."""

    def test(match: Match, scope: Scope) -> Condition:
        number, colon, limits = _plain(match, _NEAR).partition(":")
        if not (number.isascii() and number.isdigit()) or int(number) > LARGEST_INTEGER:
            raise UnfitError(f'"{match.value}" is not {_NEAR}')
        found = scope.near(int(number), metric_name or scope.metric)
        if not colon:
            ids = [clip_id for clip_id, _ in found[:NEAREST]]
        else:
            low, high = bounds_of(limits, _RANGE, number_of)
            lowest = -math.inf if low is None else as_float32(low)
            highest = math.inf if high is None else as_float32(high)
            ids = [clip_id for clip_id, score in found if lowest <= score <= highest]
        return or_(false(), *(clip.c.id.in_(chunk) for chunk in chunks(ids)))

    name = "near" if metric_name is None else f"near@{metric_name}"
    under = "the configured metric" if metric_name is None else metric_name
    described = f"the {NEAREST} clips most like this one under {under}, or with a score in a range: 12:0.8.."
    return Field(name, "clip", described, test, None)


def _song_test(match: Match, scope: Scope) -> Condition:
    return scope.song(_plain(match, "a song's name"))


def _frames_as_seconds(frames: ColumnElement[Any]) -> ColumnElement[Any]:
    return frames / func.nullif(recording.c.sample_rate, 0, type_=Float())


def _sha256_test(match: Match, _scope: Scope) -> Condition:
    if match.operator == ":":
        return recording.c.sha256.startswith(match.value.lower(), autoescape=True)
    return text_condition(recording.c.sha256, match)


_PRESENT = _of_recording(location.c.missing_since.is_(None))
_COPIES = (
    select(func.count())
    .where(location.c.recording_id == clip.c.recording_id, location.c.missing_since.is_(None))
    .correlate(clip)
    .scalar_subquery()
)
_CLUSTER = (
    select(cluster_clip.c.number).where(cluster_clip.c.clip_id == clip.c.id).correlate(clip).scalar_subquery()
)
_FIRST_TAG = (
    select(func.min(func.lower(clip_tag.c.tag)))
    .where(clip_tag.c.clip_id == clip.c.id)
    .correlate(clip)
    .scalar_subquery()
)
SECONDS = _frames_as_seconds(clip.c.end_frame - clip.c.start_frame)
"""How long a clip is; NULL where its recording has no sample rate."""
START = _frames_as_seconds(clip.c.start_frame)
END = _frames_as_seconds(clip.c.end_frame)
IS_HEARD = clip.c.heard_at.is_not(None) | clip.c.rating.is_not(None)
"""Who rated a clip has heard it, wherever that was."""

_BUILT_IN: tuple[Field, ...] = (
    _number("id", clip.c.id, "the clip's number; digits alone mean it"),
    Field(
        "path",
        "path",
        "at or under this folder of the catalog, or an absolute one, wherever the recording was seen",
        _path_test,
        lambda _scope: (shown_location(location.c.path_text),),
    ),
    _text("run", checkpoint.c.run, "the training run that the network comes from"),
    _number("epoch", checkpoint.c.epoch, "the network's epoch"),
    _number("step", checkpoint.c.step, "the network's training step or iteration"),
    _choice(
        "verdict",
        func.coalesce(checkpoint.c.verdict, "none"),
        (*schema.VERDICTS, "none"),
        "what was said of the checkpoint that wrote it",
    ),
    _choice("status", recording.c.status, schema.STATUSES, "what analysis found"),
    _text("reason", recording.c.reason, "why the status is not ok"),
    _choice("role", recording.c.role, schema.ROLES, "who made it"),
    _number("rating", clip.c.rating, "1 to 5; `rated:no` where there is none"),
    _flag("rejected", clip.c.rejected == true(), "thrown out; listings and songs leave it out unless named"),
    _flag("rated", clip.c.rating.is_not(None), "has a rating"),
    _flag("heard", IS_HEARD, "played by `listen` or `play`, or rated"),
    _flag("suspect", IS_SUSPECT, "like what was rejected before it came; `thresher trust` lifts it"),
    _text("note", clip.c.note, "the note on the clip; `note:` finds all that have one"),
    Field(
        "tag",
        "tag",
        "one of the clip's tags, whole; `tag:` finds all that have one",
        _tag_test,
        lambda _scope: (_FIRST_TAG,),
    ),
    _duration("length", SECONDS, "how long the clip is, after trimming"),
    _duration("start", START, "where the clip starts in its recording"),
    _duration("end", END, "where the clip ends in its recording"),
    _number("rate", recording.c.sample_rate, "sample rate, in Hz"),
    _number("channels", recording.c.channels, "number of channels"),
    _text("format", recording.c.container, "container, such as WAV or OGG"),
    _text("subtype", recording.c.subtype, "encoding, such as PCM_16 or VORBIS"),
    _number("loudness", clip.c.loudness, "integrated loudness, in LUFS"),
    _number("peak", clip.c.peak, "largest absolute sample; 1 is full scale"),
    *(_number(name, measure_value(name), entry.description) for name, entry in MEASURES.items()),
    _choice("kind", clip.c.kind, schema.CLIP_KINDS, "how the span was found"),
    _number("cluster", _CLUSTER, "the group of kindred clips, as `thresher clusters` numbers them"),
    Field(
        "batch",
        "number",
        "the ingest that brought the recording: a number, a range or `last`",
        _batch_test,
        lambda _scope: (recording.c.batch_id,),
    ),
    _date("added", batch.c.started_at, "when that ingest started, in local time"),
    _flag("missing", ~_PRESENT, "no file holds the recording any more"),
    _number("copies", _COPIES, "number of files that hold the recording"),
    _number("recording", recording.c.id, "number of the recording the clip is a part of"),
    Field(
        "sha256",
        "text",
        "first digits of the file's SHA-256",
        _sha256_test,
        lambda _scope: (recording.c.sha256,),
    ),
    Field("song", "song", "selected by the query of this song", _song_test, None),
    score_field(None),
    *(score_field(name) for name in METRICS),
    near_field(None),
    *(near_field(name) for name in METRICS),
)

FIELDS: Mapping[str, Field] = {field.name: field for field in _BUILT_IN}
"""Every built-in field by its name; attribute keys come on top."""


def close_names(word: str, known: Iterable[str]) -> list[str]:
    """Known names that resemble `word`, the nearest first."""
    from difflib import get_close_matches

    return get_close_matches(word, list(known), n=3, cutoff=0.6)


def find_field(name: str, attribute_keys: Callable[[], Collection[str]]) -> Field | None:
    """The field of that name, a built-in one before an attribute's key."""
    if name in FIELDS:
        return FIELDS[name]
    return attribute_field(name) if name in attribute_keys() else None
