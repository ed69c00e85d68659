"""Decisions about clips: ratings, rejections, tags, notes and corrected provenance.

Each function makes one decision about the clips that its terms match. Clips that listings leave out are included if
the terms name them by id; `unreject` and `trust` look only among rejected and suspect clips, and `modify` includes
all clips. Terms are a query as text, or a sequence of terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import ROLES, attribute
from thresher.catalog.decisions import journal
from thresher.catalog.decisions.decide import decide
from thresher.catalog.decisions.fields import current_checkpoint, current_tags, pinned_attribute
from thresher.catalog.decisions.journal import Assignment, Decision
from thresher.catalog.decisions.undo import copies_since, decision_to_undo
from thresher.catalog.files.paths import Place
from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.provenance import check_key, infer
from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.queries.lookups import Lookups
from thresher.catalog.queries.query import join_terms
from thresher.catalog.queries.text import Terms
from thresher.catalog.recordings.attribution import as_number
from thresher.catalog.text.normal_form import folded, nfc
from thresher.catalog.text.values import LARGEST_INTEGER, whole_number
from thresher.curation.clips.reach import no_match
from thresher.curation.clips.selection import lookups_of, recordings_of, select_by_id, select_ids
from thresher.errors import NotFoundError, UsageError
from thresher.formatting import shortened, unknown

RATINGS = range(1, 6)


@dataclass(frozen=True)
class DecisionOutcome:
    """The number of clips that the terms matched, and the decision; None if every clip already had the values."""

    found: int
    decision: Decision | None


def rate(catalog: Catalog, terms: Terms, rating: int | None, *, dry_run: bool = False) -> DecisionOutcome:
    """Rate clips from 1 to 5; None removes the rating."""
    if rating is not None and rating not in RATINGS:
        raise UsageError(f"invalid rating {rating} (expected 1 to 5, or none)")
    summary = "unrate" if rating is None else f"rate {rating}"
    return _decide(catalog, "rate", summary, terms, _assign_to_all("rating", rating), dry_run=dry_run)


def reject(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> DecisionOutcome:
    """Hide clips from listings and songs. Their files are not touched."""
    return _decide(catalog, "reject", "reject", terms, _assign_to_all("rejected", True), dry_run=dry_run)


def unreject(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> DecisionOutcome:
    """Show rejected clips in listings and songs again."""
    assign = _assign_to_all("rejected", False)
    return _decide(catalog, "unreject", "unreject", terms, assign, dry_run=dry_run, among=_REJECTED)


def trust(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> DecisionOutcome:
    """Clear the suspect flag of clips that are similar to rejected ones, permanently."""
    assign = _assign_to_all("trusted", True)
    return _decide(catalog, "trust", "trust", terms, assign, dry_run=dry_run, among=_SUSPECT)


def note(catalog: Catalog, terms: Terms, text: str | None, *, dry_run: bool = False) -> DecisionOutcome:
    """Write a note on clips, replacing the note they have; None or blank text removes it."""
    kept = None if text is None else utf8_text(text).strip() or None
    summary = "unnote" if kept is None else f'note "{shortened(kept)}"'
    return _decide(catalog, "note", summary, terms, _assign_to_all("note", kept), dry_run=dry_run)


def tag(
    catalog: Catalog,
    terms: Terms,
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    dry_run: bool = False,
) -> DecisionOutcome:
    """Add tags to clips, and remove tags from them."""
    added, removed = set(map(tag_name, add)), set(map(tag_name, remove))
    if not added and not removed:
        raise UsageError("no tag given; write --add TAG or --remove TAG")
    if added & removed:
        raise UsageError(f'cannot both add and remove tag "{min(added & removed)}"; give --add or --remove')

    def assign(connection: Connection, ids: Sequence[int]) -> Iterable[Assignment]:
        for clip_id in ids:
            has = set(map(nfc, current_tags(connection, clip_id)))
            yield Assignment("clip", clip_id, "tags", sorted((has | added) - removed))

    summary = " ".join(
        ["tag", *(f"+{name}" for name in sorted(added)), *(f"-{name}" for name in sorted(removed))]
    )
    return _decide(catalog, "tag", summary, terms, assign, dry_run=dry_run)


def modify(
    catalog: Catalog, terms: Terms, values: Mapping[str, str], *, dry_run: bool = False
) -> DecisionOutcome:
    """Correct the run, epoch, step, role or an attribute of clips. Later ingests don't overwrite a correction.

    Empty text removes a run, epoch or step.
    """
    if not values:
        raise UsageError("no field given; write field=value, such as epoch=40")
    values = {key: utf8_text(text) for key, text in values.items()}
    checkpoint = {key: _checkpoint_value(key, text) for key, text in values.items() if key in _CHECKPOINT}
    role = values.get("role")
    if role is not None and role not in ROLES:
        raise UsageError(unknown("role", role, ROLES))
    given = {nfc(key): text for key, text in values.items() if key not in {*_CHECKPOINT, "role"}}
    for key in given:
        _check_attribute(key)

    def assign(connection: Connection, ids: Sequence[int]) -> Iterable[Assignment]:
        attributes = {_known_key(connection, key): text for key, text in given.items()}
        for key, text in attributes.items():
            _check_kind(connection, key, text)
        for recording_id in recordings_of(connection, ids):
            if checkpoint:
                now = current_checkpoint(connection, recording_id)
                yield Assignment("recording", recording_id, "checkpoint", {**now, **checkpoint})
            if role is not None:
                yield Assignment("recording", recording_id, "role", role)
            for key, text in attributes.items():
                pinned = pinned_attribute(connection, recording_id, text)
                yield Assignment("recording", recording_id, f"attribute {key}", pinned)

    summary = " ".join(["modify", *(f"{key}={text}" for key, text in values.items())])
    return _decide(catalog, "modify", summary, terms, assign, dry_run=dry_run, among=_ALL)


def undo(catalog: Catalog, number: int | None = None, *, dry_run: bool = False) -> Decision:
    """Revert a decision, by default the latest that is not undone; on a server, your latest.

    A dry run returns the decision that an undo would make, and changes nothing.

    Raises NotFoundError and UsageError as `undo` of `catalog.decisions.undo` does, and UsageError if a song or a
    saved query selects from what would be removed.
    """
    from thresher.curation.clips.saved_queries import lookups_of_undo, undo_readably

    target: Decision | None = None
    places: Mapping[int, Place] = {}
    # what can't be undone is left to the transaction: a role that may only read gets that error first
    with suppress(NotFoundError, UsageError), catalog.reading() as connection:
        target = decision_to_undo(connection, number)
        places = copies_since(connection, target)
    lookups = Lookups.below(catalog.roots) if target is None else lookups_of_undo(catalog, target)
    own = _own_attributes(catalog, places)

    def revert(connection: Connection) -> Decision:
        return undo_readably(catalog, connection, number, lookups, own)

    return catalog.write(revert, dry_run=dry_run)


def _own_attributes(catalog: Catalog, places: Mapping[int, Place]) -> dict[int, Mapping[str, str]]:
    """Return the attributes that files at these places have by their names, sidecars and tags, by the same keys.

    This reads files, so it runs before the transaction that reverts the decision.
    """
    if not places:
        return {}
    from thresher.catalog.provenance.tag_values import read_stated  # loads a library for tags

    patterns = (*catalog.settings.provenance, *PATTERNS)
    found = {}
    for location_id, place in places.items():
        path = catalog.absolute(*place)
        stated = {} if path is None else read_stated(path)[0]
        named = infer(place.path if path is None else path, patterns=patterns, sidecar=stated)
        found[location_id] = named.provenance.attributes
    return found


def history(catalog: Catalog, limit: int | None = None) -> list[Decision]:
    """Return decisions, the latest first."""
    with catalog.reading() as connection:
        return journal.history(connection, limit)


_CHECKPOINT = ("run", "epoch", "step")

Assign = Callable[[Connection, Sequence[int]], Iterable[Assignment]]
"""The values that a decision gives to the clips of these ids."""


@dataclass(frozen=True)
class _Among:
    """The clips from which the terms of a decision select."""

    word: str
    select: Callable[[Catalog, Connection, Terms, Lookups], Iterable[int]]


def _select_listed(catalog: Catalog, connection: Connection, terms: Terms, lookups: Lookups) -> set[int]:
    """Select the clips that a listing shows, and those that the terms name by id, even if listings hide them."""
    by_id = select_by_id(catalog, connection, terms, lookups=lookups)
    return {*select_ids(catalog, connection, terms, lookups=lookups), *by_id}


def _select_rejected(catalog: Catalog, connection: Connection, terms: Terms, lookups: Lookups) -> set[int]:
    """Select among the rejected clips, and those that the terms name by id."""
    by_id = select_by_id(catalog, connection, terms, lookups=lookups)
    return {*_select_within(catalog, connection, terms, lookups, "rejected:yes"), *by_id}


def _select_suspect(catalog: Catalog, connection: Connection, terms: Terms, lookups: Lookups) -> set[int]:
    return _select_within(catalog, connection, terms, lookups, "suspect:yes")


def _select_all(catalog: Catalog, connection: Connection, terms: Terms, lookups: Lookups) -> list[int]:
    return select_ids(catalog, connection, terms, defaults=False, lookups=lookups)


def _select_within(
    catalog: Catalog, connection: Connection, terms: Terms, lookups: Lookups, term: str
) -> set[int]:
    """Select the clips that match both the terms and `term`."""
    found = _select_all(catalog, connection, terms, lookups)
    return set(found).intersection(select_ids(catalog, connection, [term], defaults=False))


_LISTED = _Among("clip", _select_listed)
_REJECTED = _Among("rejected clip", _select_rejected)
_SUSPECT = _Among("suspect clip", _select_suspect)
_ALL = _Among("clip", _select_all)


def _decide(
    catalog: Catalog,
    verb: str,
    summary: str,
    terms: Terms,
    assign: Assign,
    *,
    dry_run: bool,
    among: _Among = _LISTED,
) -> DecisionOutcome:
    """Make one decision about the clips that the terms select, in one transaction."""
    query = utf8_text(join_terms(terms))
    lookups = lookups_of(catalog, terms)

    def carry_out(connection: Connection) -> DecisionOutcome:
        ids = sorted(among.select(catalog, connection, terms, lookups))
        if not ids:
            raise no_match(catalog, connection, terms, among.word, lookups=lookups)
        made = decide(connection, verb, f"{summary}: {query}", assign(connection, ids))
        return DecisionOutcome(len(ids), made)

    return catalog.write(carry_out, dry_run=dry_run)


def utf8_text(text: str) -> str:
    """Return `text` with bytes that are not UTF-8, which a command line can contain, written as `\\xNN`.

    Raises UsageError for half of a surrogate pair, which no database stores.
    """
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} contains half of a surrogate pair, which is not text") from error


def _assign_to_all(field: str, value: object) -> Assign:
    return lambda _connection, ids: (Assignment("clip", clip_id, field, value) for clip_id in ids)


def tag_name(name: str) -> str:
    """Return a tag as it is stored. Raises UsageError for blank text, commas and control characters."""
    tidy = nfc(name.strip())
    if not tidy or not tidy.isprintable() or "," in tidy:
        raise UsageError(f"invalid tag {name!r}; use printable characters except commas")
    return tidy


def _checkpoint_value(key: str, text: str) -> str | int | None:
    if key == "run" and text and not text.strip():
        raise UsageError(f'run="{text}" is only blanks; run= removes the run')
    if key == "run" or not text:
        return nfc(text) or None
    number = whole_number(text)
    if number is None:
        shown = shortened(text)
        if re.fullmatch(r"[+-]?[0-9]+", text):
            raise UsageError(f"{key} {shown} is out of range (expected 0 to {LARGEST_INTEGER})")
        raise UsageError(f'{key}="{shown}" is not a whole number (expected 0 or more, such as 4000 or 120k)')
    return number


def _known_key(connection: Connection, key: str) -> str:
    """Return the attribute that a key means: the one of that name, else the only one that differs in its case."""
    known = set(connection.scalars(select(attribute.c.key).distinct()))
    similar = [each for each in known if folded(each) == folded(key)]
    return similar[0] if key not in known and len(similar) == 1 else key


def _check_kind(connection: Connection, key: str, text: str) -> None:
    """Raise UsageError for a text as the value of an attribute that is a number wherever it is known."""
    if as_number(text) is not None:
        return
    of_key = select(func.count(), func.count(attribute.c.number)).where(attribute.c.key == key)
    known, numbers = connection.execute(of_key).one()
    if known and known == numbers:
        raise UsageError(
            f'{key}="{text}" is not a number, but {key} is a number for all {known:,} files that have it, and '
            f"ranges such as {key}:0.. would miss these clips; give a number, or use another name: "
            f"`thresher modify QUERY {key}_text={text}`"
        )


def _check_attribute(key: str) -> None:
    if key in FIELDS:
        raise UsageError(f'"{key}" cannot be modified; run, epoch, step, role and attributes of your own can')
    try:
        check_key(key)
    except ValueError as error:
        raise UsageError(f"field {error}") from error
