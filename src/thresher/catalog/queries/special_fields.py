"""Fields of the query language that are more than one column: path, tag, batch, song, sha256, scores, attributes.

A clip has any number of locations, tags, attributes and scores, so these fields ask for them by EXISTS or IN, or
by a scalar subquery where they sort.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, true

from thresher.catalog.database.exact_numbers import SORT_KEY, attribute_within
from thresher.catalog.database.schema import (
    attribute,
    batch,
    checkpoint,
    clip,
    clip_tag,
    location,
    nearest,
    recording,
)
from thresher.catalog.database.text_columns import equals_any_form
from thresher.catalog.queries.field_kinds import (
    NUMBER_RANGE,
    Condition,
    Field,
    Match,
    Scope,
    never_null,
    plain_value,
    text_condition,
    within,
)
from thresher.catalog.queries.folders import under_folder
from thresher.catalog.recordings.clip_source import any_id, has_location, latest_metric, shown_location
from thresher.catalog.text.values import UnfitError, as_float32, bounds_of, number_of, whole_number

NEAREST = 20
"""How many clips `near:12` finds."""

_NEAR = "the id of a clip such as 12, or an id with a range of scores such as 12:0.8.."


def path_field(name: str, description: str) -> Field:
    """Make the field of a clip's locations."""

    def test(match: Match, scope: Scope) -> Condition:
        if match.operator == ":":
            return has_location(under_folder(match.value, scope.folders))
        return has_location(text_condition(location.c.path_text, match, scope.texts))

    return Field(name, "path", description, test, lambda _scope: (shown_location(location.c.path_text),))


def recording_field(name: str, description: str) -> Field:
    """Make the field of the clips of one recording, which is named by one of its clips or by a path."""

    def test(match: Match, scope: Scope) -> Condition:
        value = plain_value(match, "the id of a clip, or a path")
        if value.isascii() and value.isdigit():
            number = whole_number(value)
            given = clip.alias()
            return clip.c.recording_id.in_(
                select(given.c.recording_id).where(given.c.id == (-1 if number is None else number))
            )
        return has_location(under_folder(value, scope.folders))

    return Field(name, "clip", description, test, lambda _scope: (clip.c.recording_id, clip.c.start_frame))


def tag_field(name: str, description: str) -> Field:
    """Make the field of a clip's tags."""

    def test(match: Match, scope: Scope) -> Condition:
        of_clip = exists().where(clip_tag.c.clip_id == clip.c.id).correlate(clip)
        if match.operator == "::":
            return of_clip.where(text_condition(clip_tag.c.tag, match, scope.texts))
        return of_clip.where(equals_any_form(clip_tag.c.tag, match.value)) if match.value else of_clip

    first = (
        select(func.min(func.lower(clip_tag.c.tag)))
        .where(clip_tag.c.clip_id == clip.c.id)
        .correlate(clip)
        .scalar_subquery()
    )
    return Field(name, "tag", description, test, lambda _scope: (first,))


def batch_field(name: str, description: str) -> Field:
    """Make the field of the ingest that added a clip's recording."""

    def test(match: Match, _scope: Scope) -> Condition:
        if plain_value(match, "a batch") == "last":
            # Without an alias, the subquery would correlate with the batch of the statement around it.
            every = batch.alias()
            return recording.c.batch_id == select(func.max(every.c.id)).scalar_subquery()
        return within(recording.c.batch_id, bounds_of(match.value, f'"last", {NUMBER_RANGE}', number_of))

    return Field(name, "number", description, test, lambda _scope: (recording.c.batch_id,))


def song_field(name: str, description: str) -> Field:
    """Make the field of the songs that select a clip."""
    return Field(
        name,
        "song",
        description,
        lambda match, scope: scope.song(plain_value(match, "a song's name")),
        None,
    )


def query_field(name: str, description: str) -> Field:
    """Make the field of saved queries."""
    return Field(
        name,
        "query",
        description,
        lambda match, scope: scope.query(plain_value(match, "a saved query's name")),
        None,
    )


def sha256_field(name: str, description: str) -> Field:
    """Make the field of a recording's SHA-256, found by its first digits."""

    def test(match: Match, scope: Scope) -> Condition:
        if match.operator == ":":
            return recording.c.sha256.startswith(match.value.lower(), autoescape=True)
        return text_condition(recording.c.sha256, match, scope.texts)

    return Field(name, "text", description, test, lambda _scope: (recording.c.sha256,))


def score_field(metric: str | None) -> Field:
    """Make the field of a clip's best score under one metric, or under the configured one if None."""

    def of_clip(scope: Scope) -> tuple[Condition, Condition]:
        return (nearest.c.metric_id == latest_metric(metric or scope.metric), nearest.c.clip_id == clip.c.id)

    def test(match: Match, scope: Scope) -> Condition:
        low, high = bounds_of(plain_value(match, "a number"), NUMBER_RANGE, number_of)
        bounds = (None if low is None else as_float32(low), None if high is None else as_float32(high))
        return exists().where(*of_clip(scope), within(nearest.c.score, bounds)).correlate(clip)

    def keys(scope: Scope) -> Sequence[ColumnElement[Any]]:
        return (select(nearest.c.score).where(*of_clip(scope)).correlate(clip).scalar_subquery(),)

    description = f"best score against any other clip under {metric or 'the configured metric'}"
    return Field(f"score@{metric}" if metric else "score", "number", description, test, keys)


def near_field(metric: str | None) -> Field:
    """Make the field of the clips nearest to a given one, under one metric or the configured one if None."""
    name = f"near@{metric}" if metric else "near"

    def test(match: Match, scope: Scope) -> Condition:
        number, colon, limits = plain_value(match, _NEAR).partition(":")
        clip_id = whole_number(number) if number.isascii() and number.isdigit() else None
        if clip_id is None:
            raise UnfitError(f'"{match.value}" is not {_NEAR}')
        found = scope.near(clip_id, metric or scope.metric)
        if not colon:
            selected = list(found[:NEAREST])
        else:
            low, high = bounds_of(limits, NUMBER_RANGE, number_of)
            lowest = -math.inf if low is None else as_float32(low)
            highest = math.inf if high is None else as_float32(high)
            selected = [pair for pair in found if lowest <= pair[1] <= highest]
        scope.found_near(name, selected)
        return any_id([clip_id for clip_id, _ in selected])

    under = metric or "the configured metric"
    description = (
        f"the {NEAREST} clips with the best scores against a clip under {under}; 12:0.8.. limits the score"
    )
    return Field(name, "clip", description, test, None)


ATTRIBUTE_DESCRIPTION = "from a file name, a sidecar or --set"


def attribute_field(key: str) -> Field:
    """Make the field of an attribute. A value that is a number is compared as one, all others as text."""
    has_key = attribute.c.key == key

    def test(match: Match, scope: Scope) -> Condition:
        as_text = text_condition(attribute.c.text, match, scope.texts, has_key)
        # One IN for all clips: with a subquery for each clip, SQLite would read the key's whole index each time.
        having = (
            select(location.c.recording_id)
            .join(attribute, attribute.c.location_id == location.c.id)
            .where(has_key, location.c.recording_id.is_not(None), _attribute_condition(match, as_text))
        )
        return clip.c.recording_id.in_(having)

    def smallest(column: ColumnElement[Any]) -> ColumnElement[Any]:
        seen = select(location.c.id).where(location.c.recording_id == clip.c.recording_id).correlate(clip)
        return (
            select(func.min(column))
            .where(has_key, attribute.c.location_id.in_(seen))
            .correlate(clip)
            .scalar_subquery()
        )

    return Field(
        key,
        "attribute",
        ATTRIBUTE_DESCRIPTION,
        test,
        lambda _scope: (
            smallest(attribute.c.number),
            smallest(SORT_KEY),
            smallest(func.lower(attribute.c.text)),
        ),
    )


def _attribute_condition(match: Match, as_text: Condition) -> Condition:
    """Return whether an attribute has a value, given the condition that its text has it."""
    if match.operator == "::":
        return as_text
    try:
        bounds = bounds_of(match.value, NUMBER_RANGE, number_of)
    except UnfitError:
        return as_text
    if bounds == (None, None):
        return true()
    as_number = attribute_within(bounds)
    # "80" is also found in a text such as "80s synth", but never in a number such as 180.
    return as_number if ".." in match.value else or_(as_number, attribute.c.number.is_(None) & as_text)


def bare_word(word: str, scope: Scope) -> Condition:
    """Return whether the path, run, tags, note or name of a clip contain a word.

    A word with a slash may also name a folder.
    """
    searched = _searched(lambda column: scope.texts.containing(column, word))
    return or_(searched, has_location(under_folder(word, scope.folders))) if "/" in word else searched


def some_bare_word(words: Sequence[str], scope: Scope) -> Condition:
    """Return whether the path, run, tags, note or name contain one of several words, none of them with a slash."""
    return _searched(lambda column: scope.texts.containing_one(column, words))


def _searched(contains: Callable[[ColumnElement[Any]], ColumnElement[bool]]) -> Condition:
    return or_(
        has_location(contains(location.c.path_text)),
        never_null(contains(checkpoint.c.run)),
        exists().where(clip_tag.c.clip_id == clip.c.id, contains(clip_tag.c.tag)).correlate(clip),
        never_null(contains(clip.c.note)),
        never_null(contains(clip.c.name)),
    )
