"""What the curator decides about clips: ratings, rejections, tags, notes and corrected provenance.

Each function is one decision over the clips that a listing of its terms shows, and over those asked for by
their id, whatever they are; `unreject` ranges over rejected clips, `modify` over all. It returns what changed,
or None where everything was so already. Terms are query text, or a sequence of terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from thresher.catalog import decisions
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import chunks
from thresher.catalog.decisions import Assignment, Decision
from thresher.catalog.fields import FIELDS
from thresher.catalog.provenance import check_key
from thresher.catalog.query import join_terms, split_text
from thresher.catalog.schema import ROLES, clip
from thresher.curation.clips.listing import Terms, select_ids
from thresher.errors import NotFoundError, UsageError

RATINGS = range(1, 6)
_ID = re.compile(r"[0-9]+|id:.*")


@dataclass(frozen=True)
class Judgement:
    """What a decision touched: `found` clips its terms named, and the decision, None where nothing changed."""

    found: int
    decision: Decision | None


def rate(catalog: Catalog, terms: Terms, rating: int | None, *, dry_run: bool = False) -> Judgement:
    """Rate clips from 1 to 5; None takes the rating away."""
    if rating is not None and rating not in RATINGS:
        raise UsageError(f'"{rating}" is no rating; give 1 to 5, or none')
    said = "unrate" if rating is None else f"rate {rating}"
    return _judge(catalog, "rate", said, terms, _same("rating", rating), dry_run=dry_run)


def reject(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> Judgement:
    """Keep clips out of listings and songs; their files are not touched."""
    return _judge(catalog, "reject", "reject", terms, _same("rejected", True), dry_run=dry_run)


def unreject(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> Judgement:
    """Let rejected clips back in."""
    wishes = _same("rejected", False)
    return _judge(catalog, "unreject", "unreject", terms, wishes, dry_run=dry_run, ids_of=_rejected)


def trust(catalog: Catalog, terms: Terms, *, dry_run: bool = False) -> Judgement:
    """Lift the suspicion of clips that are like what was rejected, for good."""
    wishes = _same("trusted", True)
    return _judge(catalog, "trust", "trust", terms, wishes, dry_run=dry_run, ids_of=_suspect)


def note(catalog: Catalog, terms: Terms, text: str | None, *, dry_run: bool = False) -> Judgement:
    """Write a note on clips, replacing the one there; None or blank takes it away."""
    kept = readable(text).strip() or None if text is not None else None
    said = "unnote" if kept is None else f'note "{kept if len(kept) <= 40 else kept[:39] + "…"}"'
    return _judge(catalog, "note", said, terms, _same("note", kept), dry_run=dry_run)


def tag(
    catalog: Catalog,
    terms: Terms,
    *,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    dry_run: bool = False,
) -> Judgement:
    """Add and remove tags."""
    added, removed = set(map(_tag, add)), set(map(_tag, remove))
    if not added and not removed:
        raise UsageError("no tag was given; write --add TAG or --remove TAG")
    if added & removed:
        raise UsageError(f'tag "{min(added & removed)}" can\'t be both added and removed')

    def wishes(connection: Connection, ids: Sequence[int]) -> Iterable[Assignment]:
        for clip_id in ids:
            has = set(decisions.current_tags(connection, clip_id))
            yield Assignment("clip", clip_id, "tags", sorted((has | added) - removed))

    said = " ".join(
        ["tag", *(f"+{name}" for name in sorted(added)), *(f"-{name}" for name in sorted(removed))]
    )
    return _judge(catalog, "tag", said, terms, wishes, dry_run=dry_run)


def modify(catalog: Catalog, terms: Terms, values: Mapping[str, str], *, dry_run: bool = False) -> Judgement:
    """Correct what names said: run, epoch, step, role, or any attribute; no later ingest overwrites it.

    Empty text takes run, epoch or step away.
    """
    if not values:
        raise UsageError("nothing to modify was given; write field=value, as in epoch=40")
    values = {key: readable(text) for key, text in values.items()}
    checkpoint = {key: _checkpoint_value(key, text) for key, text in values.items() if key in _CHECKPOINT}
    role = values.get("role")
    if role is not None and role not in ROLES:
        raise UsageError(f'"{role}" is no role; write role=generated or role=reference')
    attributes = {key: text for key, text in values.items() if key not in {*_CHECKPOINT, "role"}}
    for key in attributes:
        _check_attribute(key)

    def wishes(connection: Connection, ids: Sequence[int]) -> Iterable[Assignment]:
        for recording_id in _recordings(connection, ids):
            if checkpoint:
                now = decisions.current_checkpoint(connection, recording_id)
                yield Assignment("recording", recording_id, "checkpoint", {**now, **checkpoint})
            if role is not None:
                yield Assignment("recording", recording_id, "role", role)
            for key, text in attributes.items():
                pinned = decisions.pinned_attribute(connection, recording_id, text)
                yield Assignment("recording", recording_id, f"attribute {key}", pinned)

    said = " ".join(["modify", *(f"{key}={text}" for key, text in values.items())])
    return _judge(catalog, "modify", said, terms, wishes, dry_run=dry_run, ids_of=_all)


def undo(catalog: Catalog, number: int | None = None) -> Decision:
    """Revert a decision, by default the latest that stands."""
    with catalog.writing() as connection:
        return decisions.undo(connection, number)


def history(catalog: Catalog, limit: int | None = None) -> list[Decision]:
    """What was decided, the latest first."""
    with catalog.reading() as connection:
        return decisions.history(connection, limit)


_CHECKPOINT = ("run", "epoch", "step")

Wishes = Callable[[Connection, Sequence[int]], Iterable[Assignment]]
Ids = Callable[[Catalog, Connection, Sequence[str]], list[int]]


class _DryRunEnds(Exception):  # noqa: N818  a signal, not an error
    """Rolls a dry run back."""


def _shown(catalog: Catalog, connection: Connection, terms: Sequence[str]) -> list[int]:
    """What a listing of the terms shows, and what they ask for by id: that is meant, rejected, silent or not."""
    return sorted({*select_ids(catalog, connection, terms), *_by_id(catalog, connection, terms)})


def _rejected(catalog: Catalog, connection: Connection, terms: Sequence[str]) -> list[int]:
    """What the terms find among the rejected clips, and what they ask for by id."""
    return sorted({*_among(catalog, connection, terms, "rejected:yes"), *_by_id(catalog, connection, terms)})


def _suspect(catalog: Catalog, connection: Connection, terms: Sequence[str]) -> list[int]:
    return sorted(_among(catalog, connection, terms, "suspect:yes"))


def _among(catalog: Catalog, connection: Connection, terms: Sequence[str], term: str) -> set[int]:
    """What the terms find among the clips that `term` finds."""
    found = set(select_ids(catalog, connection, terms, defaults=False))
    return found.intersection(select_ids(catalog, connection, [term], defaults=False))


def _all(catalog: Catalog, connection: Connection, terms: Sequence[str]) -> list[int]:
    return select_ids(catalog, connection, terms, defaults=False)


def _by_id(catalog: Catalog, connection: Connection, terms: Sequence[str]) -> list[int]:
    """What those of the alternatives between commas find that name a clip by its id."""
    alternatives: list[list[str]] = [[]]
    for term in terms:
        if term == ",":
            alternatives.append([])
        else:
            alternatives[-1].append(term)
    found: list[int] = []
    for alternative in alternatives:
        if any(_ID.fullmatch(term) for term in alternative):
            found += select_ids(catalog, connection, alternative, defaults=False)
    return found


def _judge(
    catalog: Catalog,
    verb: str,
    said: str,
    terms: Terms,
    wishes: Wishes,
    *,
    dry_run: bool,
    ids_of: Ids = _shown,
) -> Judgement:
    made: Decision | None = None
    ids: list[int] = []
    asked = split_text(terms) if isinstance(terms, str) else list(terms)
    text = readable(join_terms(asked))
    try:
        with catalog.writing() as connection:
            ids = ids_of(catalog, connection, asked)
            if not ids:
                kind = "rejected " if ids_of is _rejected else "suspect " if ids_of is _suspect else ""
                raise NotFoundError(f"no {kind}clip matches {text}; `thresher list` shows what there is")
            made = decisions.decide(connection, verb, f"{said}: {text}", wishes(connection, ids))
            if dry_run:
                raise _DryRunEnds
    except _DryRunEnds:
        pass
    return Judgement(len(ids), made)


def readable(text: str) -> str:
    """`text` with bytes that are not UTF-8, as a command line may hold them, written as `\\xNN`."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} holds half a character, which no text can") from error


def _same(field: str, value: object) -> Wishes:
    return lambda _connection, ids: (Assignment("clip", clip_id, field, value) for clip_id in ids)


def _recordings(connection: Connection, ids: Sequence[int]) -> list[int]:
    found: set[int] = set()
    for chunk in chunks(ids):
        found.update(connection.scalars(select(clip.c.recording_id).where(clip.c.id.in_(chunk))))
    return sorted(found)


def _tag(name: str) -> str:
    tidy = name.strip()
    if not tidy or not tidy.isprintable() or "," in tidy:
        raise UsageError(f"{name!r} is no tag; use printable characters other than a comma")
    return tidy


def _checkpoint_value(key: str, text: str) -> str | int | None:
    if key == "run" or not text:
        return text or None
    if not text.isdecimal() or int(text) >= 2**63:
        raise UsageError(f'{key}="{text}" is no whole number')
    return int(text)


def _check_attribute(key: str) -> None:
    if key in FIELDS:
        raise UsageError(
            f'"{key}" can\'t be modified; what can is run, epoch, step, role and attributes of your own'
        )
    try:
        check_key(key)
    except ValueError as error:
        raise UsageError(f"field {error}") from error
