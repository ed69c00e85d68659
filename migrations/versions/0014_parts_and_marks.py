"""Add what parts and marks need: their status, name and removal, and how a recording was split.

`of` and `mark` become query fields. Stored queries keep their meaning: these two words are quoted where they stand
alone, and where they named an attribute, the query names it in its new form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

NEW_FIELDS = ("of", "mark")
TOKEN = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", re.DOTALL)
WORD = re.compile(r"([(^!]*)(\w+)(\)*)")
TERM = re.compile(r"""([(^!]*)(['"]?)(\w+)(:.*|[<>=!]+.*|[+-])""", re.DOTALL)


def upgrade() -> None:
    op.add_column("batch", sa.Column("parts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("recording", sa.Column("split", sa.Text(), nullable=True))
    op.add_column("clip", sa.Column("status", sa.Text(), nullable=True))
    op.add_column("clip", sa.Column("reason", sa.Text(), nullable=True))
    op.add_column("clip", sa.Column("name", sa.Text(), nullable=True))
    op.add_column("clip", sa.Column("removed", sa.Boolean(), nullable=False, server_default="0"))
    op.create_index("ix_clip_cut", "clip", ["id"], sqlite_where=sa.text("kind <> 'whole'"))
    connection = op.get_bind()
    keys = set(connection.scalars(sa.text("SELECT DISTINCT key FROM attribute")))
    for name in NEW_FIELDS:
        connection.execute(
            sa.text("UPDATE OR IGNORE attribute SET key = 'sidecar_' || key WHERE key = :name"),
            {"name": name},
        )
    rewriter = Rewriter(keys)
    rewrite_songs(connection, rewriter)
    rewrite_renderings(connection, rewriter)
    rewrite_journal(connection, rewriter)
    for table in ("saved_query", "listening", "clustering"):
        for number, text in connection.execute(sa.text(f"SELECT id, query FROM {table}")).all():
            _update(connection, table, number, query=rewriter.query(text))


class Rewriter:
    """Rewrites stored queries for the new fields, where `keys` are the keys of the catalog's attributes."""

    def __init__(self, keys: set[str]) -> None:
        self._keys = keys
        self._renamed: dict[str, str] = {}
        for name in NEW_FIELDS:
            similar = [key for key in keys if key.casefold() == name]
            if name in keys:
                self._renamed[name] = f"sidecar_{name}"
            elif len(similar) == 1:  # any case named it before
                self._renamed[name] = similar[0]

    def query(self, text: str) -> str:
        """Return a query that means the same now; the same text if it need not change."""
        return TOKEN.sub(lambda token: self._term(token[0]), text)

    def ordering(self, text: str) -> str:
        """Return an ordering by a field under the field's name of now."""
        return self._term(text) if text[-1:] in ("+", "-") else text

    def _term(self, term: str) -> str:
        word = WORD.fullmatch(term)
        if word is not None and word[2].casefold() in NEW_FIELDS:
            return f'{word[1]}"{word[2]}"{word[3]}'
        named = TERM.fullmatch(term)
        if named is not None and named[3].casefold() in self._renamed:
            return f"{named[1]}{named[2]}{self._new_name(named[3])}{named[4]}"
        return term

    def _new_name(self, name: str) -> str:
        is_exact = name in self._keys and name not in NEW_FIELDS
        return name if is_exact else self._renamed[name.casefold()]


def rewrite_songs(connection: sa.Connection, rewriter: Rewriter) -> None:
    for number, text, ordering, former in connection.execute(
        sa.text("SELECT id, query, ordering, former_query FROM song")
    ).all():
        rewritten = rewriter.query(text)
        if rewritten != text:
            _update(connection, "song", number, query=rewritten, former_query=former or text)
        _update(connection, "song", number, ordering=rewriter.ordering(ordering))


def rewrite_renderings(connection: sa.Connection, rewriter: Rewriter) -> None:
    statement = sa.text("SELECT id, query, ordering, rewritten FROM rendering")
    for number, query, ordering, former in connection.execute(statement).all():
        before = {"query": query, "ordering": ordering, **json.loads(former or "{}")}
        now = {"query": rewriter.query(before["query"]), "ordering": rewriter.ordering(before["ordering"])}
        if now != before:
            _update(connection, "rendering", number, rewritten=json.dumps(now, ensure_ascii=False))


def rewrite_journal(connection: sa.Connection, rewriter: Rewriter) -> None:
    rewriters: dict[tuple[str, str], Callable[[str], str]] = {
        ("song", "query"): rewriter.query,
        ("query", "query"): rewriter.query,
        ("song", "ordering"): rewriter.ordering,
    }
    for number, text in connection.execute(sa.text("SELECT id, changes FROM decision")).all():
        changes = json.loads(text)
        rewritten = [_rewritten_change(change, rewriters) for change in changes]
        if rewritten != changes:
            packed = json.dumps(rewritten, ensure_ascii=False, separators=(",", ":"))
            _update(connection, "decision", number, changes=packed)


def _rewritten_change(change: list, rewriters: dict[tuple[str, str], Callable[[str], str]]) -> list:
    entity, number, field, *values = change
    if entity == "recording" and field in [f"attribute {name}" for name in NEW_FIELDS]:
        field = f"attribute sidecar_{field.removeprefix('attribute ')}"
    rewrite = rewriters.get((entity, field))
    if rewrite is not None:
        values = [rewrite(value) if isinstance(value, str) else value for value in values]
    return [entity, number, field, *values]


def _update(connection: sa.Connection, table: str, number: int, **values: str) -> None:
    assigned = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(sa.text(f"UPDATE {table} SET {assigned} WHERE id = :id"), {**values, "id": number})
