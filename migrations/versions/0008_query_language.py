"""Rewrite stored queries for the language with `or`, `not`, parentheses and comparisons; add saved queries.

Queries keep their meaning: words that became operators are quoted, and `score` and `near` name the metric that they
meant if the default changed. Renderings keep the text that their tags hold; `rewritten` has it in today's language.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"

# The fields of this revision that a bare word could name.
FIELDS = frozenset(
    [
        "id",
        "path",
        "run",
        "epoch",
        "step",
        "verdict",
        "status",
        "reason",
        "role",
        "rating",
        "rejected",
        "rated",
        "heard",
        "suspect",
        "note",
        "tag",
        "length",
        "start",
        "end",
        "rate",
        "channels",
        "format",
        "subtype",
        "loudness",
        "peak",
        "silence",
        "loudness_range",
        "clipping",
        "noise",
        "dc_offset",
        "loop",
        "loop_period",
        "onset_rate",
        "tempo",
        "kind",
        "cluster",
        "batch",
        "added",
        "missing",
        "copies",
        "recording",
        "sha256",
        "song",
        "query",
        "score",
        "near",
    ]
)
OPERATORS = ("and", "or", "not")
NAME = r"([a-z_]+(?:@[a-z_]+)?|sha256)"
FIELD = re.compile(NAME + r"(::|:=|:)(.*)", re.DOTALL)
SORT = re.compile(NAME + r"([+-])")
SAFE_WORD = re.compile(r"[\w./@%+~-]+")
SPECIAL = re.compile(r"""[\s'"\\]""")


def upgrade() -> None:
    op.create_table(
        "saved_query",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_query"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_saved_query_name", "saved_query", ["name"], unique=True, sqlite_where=sa.text("NOT deleted")
    )
    op.add_column("song", sa.Column("former_query", sa.Text(), nullable=True))
    op.add_column("rendering", sa.Column("rewritten", sa.Text(), nullable=True))

    connection = op.get_bind()
    keys = set(connection.scalars(sa.text("SELECT DISTINCT key FROM attribute")))
    op.execute("UPDATE OR IGNORE attribute SET key = 'sidecar_query' WHERE key = 'query'")
    rewriter = Rewriter(context.config.attributes.get("former_metric", "prefix"), keys)
    rewrite_songs(connection, rewriter)
    rewrite_renderings(connection, rewriter)
    rewrite_journal(connection, rewriter)
    for table in ("listening", "clustering"):
        for number, text in connection.execute(sa.text(f"SELECT id, query FROM {table}")).all():
            _update(connection, table, number, query=rewriter.query(text))


def rewrite_songs(connection: sa.Connection, rewriter: Rewriter) -> None:
    for number, text, ordering in connection.execute(sa.text("SELECT id, query, ordering FROM song")).all():
        rewritten = rewriter.query(text)
        if rewritten != text:
            _update(connection, "song", number, query=rewritten, former_query=text)
        _update(connection, "song", number, ordering=rewriter.ordering(ordering))


def rewrite_renderings(connection: sa.Connection, rewriter: Rewriter) -> None:
    for number, text, ordering in connection.execute(
        sa.text("SELECT id, query, ordering FROM rendering")
    ).all():
        now = {"query": rewriter.query(text), "ordering": rewriter.ordering(ordering)}
        if now != {"query": text, "ordering": ordering}:
            _update(connection, "rendering", number, rewritten=json.dumps(now, ensure_ascii=False))


def rewrite_journal(connection: sa.Connection, rewriter: Rewriter) -> None:
    rewriters = {("song", "query"): rewriter.query, ("song", "ordering"): rewriter.ordering}
    for number, text in connection.execute(sa.text("SELECT id, changes FROM decision")).all():
        changes = json.loads(text)
        rewritten = [_rewritten_change(change, rewriters) for change in changes]
        if rewritten != changes:
            packed = json.dumps(rewritten, ensure_ascii=False, separators=(",", ":"))
            _update(connection, "decision", number, changes=packed)


def _rewritten_change(change: list, rewriters: dict[tuple[str, str], Callable[[str], str]]) -> list:
    entity, number, field, *values = change
    if (entity, field) == ("recording", "attribute query"):
        field = "attribute sidecar_query"
    rewrite = rewriters.get((entity, field))
    if rewrite is not None:
        values = [rewrite(value) if isinstance(value, str) else value for value in values]
    return [entity, number, field, *values]


def _update(connection: sa.Connection, table: str, number: int, **values: str) -> None:
    assigned = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(sa.text(f"UPDATE {table} SET {assigned} WHERE id = :id"), {**values, "id": number})


class Rewriter:
    """Rewrites queries of the former language. `metric` is the former default metric, None if it did not change."""

    def __init__(self, metric: str | None, attribute_keys: set[str]) -> None:
        self._metric = metric
        self._names = FIELDS | {key.casefold() for key in attribute_keys}
        self._attributes = attribute_keys

    def ordering(self, text: str) -> str:
        """Return an ordering; other orderings than by a field have no sign at the end."""
        return f"{self._name(text[:-1])}{text[-1]}" if SORT.fullmatch(text) else text

    def query(self, text: str) -> str:
        """Return a query that means the same in the new language; the same text if it need not change."""
        try:
            terms = shlex.split(text)
        except ValueError:
            return text  # no program could read it
        groups: list[list[str]] = [[]]
        for term in terms:
            if term == ",":
                groups.append([])
            else:
                groups[-1].append(term)
        rewritten = " , ".join(" ".join(self._group(group)) for group in groups)
        # Blanks between terms, and quotes that change nothing, stay as they were typed.
        return text if self._tokens(text) == self._tokens(rewritten) else rewritten

    @staticmethod
    def _tokens(text: str) -> list[str]:
        """Return the words of a text as they are written, quotes included."""
        return re.findall(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", text, re.DOTALL)

    def _group(self, terms: list[str]) -> list[str]:
        ids = [term for term in terms if re.fullmatch(r"\^*[0-9]+", term)]
        if len(ids) == 1 or all(term.startswith("^") for term in ids):
            return [self._term(term) for term in terms]
        # Several ids in a row were contradictory and are alternatives now; `5 ^12` is refused.
        return [
            re.sub("(?=[0-9])", "id:", term, count=1) if term in ids else self._term(term) for term in terms
        ]

    def _term(self, term: str) -> str:
        bare = term.lstrip("^")
        carets = term[: len(term) - len(bare)]
        if not carets and (match := SORT.fullmatch(term)) and match[1].partition("@")[0] in self._names:
            return f"{self._name(match[1])}{match[2]}"
        match = FIELD.fullmatch(bare)
        if match is not None:
            name, operator, value = self._name(match[1]), match[2], match[3]
            if SPECIAL.search(term):
                return shlex.quote(f"{carets}{name}{operator}{value}")
            is_changed = value.endswith(",") or (operator == ":" and re.search(r"[*?,]", value))
            return f"{carets}{name}{operator}{self._quoted(value) if is_changed else value}"
        if re.fullmatch("[0-9]+", bare) or not bare:
            return term or "''"
        return f"{carets}{self._word(bare)}"

    def _name(self, name: str) -> str:
        base, at, _ = name.partition("@")
        if base in ("score", "near") and not at and self._metric is not None:
            return f"{base}@{self._metric}"
        return "sidecar_query" if name == "query" and name in self._attributes else name

    def _word(self, word: str) -> str:
        is_plain = (
            SAFE_WORD.fullmatch(word)
            and word.casefold().rstrip("+").partition("@")[0] not in self._names | set(OPERATORS)
            and not word.startswith("-")
            and not word.endswith("-")
            and not re.fullmatch(r"[+.]*[0-9.]*\.\.[0-9.+-]*", word)
        )
        if is_plain:
            return word
        named = re.match(r"[^\W\d]\w*(?:@\w+)?(?=:)", word)
        if named is not None:
            rest = word[named.end() + 1 :]
            return f"{named[0]}\\:{rest if SAFE_WORD.fullmatch(rest) or not rest else self._quoted(rest)}"
        if ":" in word and SAFE_WORD.fullmatch(word.replace(":", "")) and word[0].isdigit():
            return word  # a time such as 17:19:52
        return self._quoted(word)

    @staticmethod
    def _quoted(text: str) -> str:
        return shlex.quote(text) if SPECIAL.search(text) else f'"{text}"'
