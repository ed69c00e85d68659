"""The same clips, queried in SQLite and in PostgreSQL: random queries find the same clips in the same order."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from unittest import mock

import pytest
from sqlalchemy import Table, insert

from tests.catalog.queries.test_query import TABLE
from tests.catalog.query_sample import NOW, as_float32, fill, local
from tests.postgres_catalogs import needs_postgres
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database import schema
from thresher.catalog.queries.fields import FIELDS
from thresher.catalog.queries.query import context_of, parse, select_clips
from thresher.catalog.recordings.attribution import as_number
from thresher.errors import ThresherError

pytestmark = needs_postgres

TEXTS = (
    *("Straße", "STRASSE", "σίσυφος", "ΣΊΣΥΦΟΣ", "E\u0301te\u0301", "Été", "日本 2", "ﬁne", "İx", "ñandú"),
    *("a_b%c", "A/b\\c", "night", "Night 2", " 80s", "1e3", "00080", " 7 ", "\u0663", "9007199254740993"),
)
SEEDS = (2**53, 2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, 10**38, -(10**38), 7, 0.5)
WORDS = (
    *(
        "strasse",
        "ΣΊ",
        "σί",
        "x/",
        "x/STRASSE",
        "日本",
        "fine",
        "i\u0307x",
        "É",
        "ß",
        "%",
        "_",
        "\\",
        "OUT",
        "80",
    ),
    *("[a-z]+", "^.$", "(?i)great", "(a|b)+", r"\d{3}", r"\w+ß", "n.*t"),
)
VALUES = (
    *("1", "..", "0..", "..5", "-1", "0.7", "0.7..", "9223372036854775808..", "..1e300", "-1e400..", "yes"),
    *("2026-11-22", "-1w..", "0:30..", "ok", "", "last", "9007199254740992..", "18446744073709551615..1e38"),
    *("4611686018427387950", "0.5..7"),
)
NAMES = [name for name in FIELDS if not name.startswith(("near", "song", "query"))] + ["prompt", "seed"]


def add_odd_clips(catalog: Catalog) -> None:
    """Add forty clips with texts and numbers that databases compare in different ways, at random."""
    chance = random.Random(5)
    with writing(catalog) as connection:

        def add(table: Table, **values: object) -> None:
            connection.execute(insert(table).values(**values))

        for n in range(20, 60):
            run, note, prompt, folder = (chance.choice(TEXTS) for _ in range(4))
            seed = str(chance.choice(SEEDS))
            path = f"x/{folder}/{n}.wav"
            gone = chance.choice((None, None, 1.0))
            add(
                schema.checkpoint,
                id=n,
                run=f"{run}{n % 5}",
                epoch=chance.choice((None, 1, 2**62 + n)),
                step=n,
            )
            kept = {"role": "generated", "status": "ok", "channels": 1, "checkpoint_id": n}
            rate = chance.choice((16_000, 44_100))
            add(schema.recording, id=n, sha256=f"{n:064x}", batch_id=n % 3 + 1, sample_rate=rate, **kept)
            place = {"path": path.encode(), "path_text": path, "missing_since": gone}
            add(schema.location, id=n, recording_id=n, batch_id=1, size=1, mtime_ns=1, **place)
            for key, text in (("prompt", prompt), ("seed", seed)):
                add(schema.attribute, location_id=n, key=key, text=text, number=as_number(text))
            span = {"start_frame": n, "end_frame": chance.randint(n, 10**7), "trim": "{}"}
            judged = {"note": chance.choice((None, note)), "rating": chance.choice((None, 1, 5))}
            add(schema.clip, id=n, recording_id=n, kind="whole", ordinal=0, **span, **judged)
            add(schema.clip_tag, clip_id=n, tag=chance.choice(TEXTS))
            add(schema.nearest, metric_id=2, clip_id=n, other_id=1, score=as_float32(chance.random()))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, Catalog]]:
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"TZ": "Europe/Berlin"}))
        time.tzset()
        folder = tmp_path_factory.mktemp("both")
        catalogs = []
        for name, address in (("in_file", "sqlite:///file.db"), ("on_server", "sqlite:///catalog.db")):
            (folder / name).mkdir()
            (folder / name / "catalog.toml").write_text(f'[catalog]\ndatabase = "{address}"\n')
            catalogs.append(stack.enter_context(Catalog.create(folder / name)))
            with writing(catalogs[-1]) as connection:
                fill(connection)
            add_odd_clips(catalogs[-1])
        yield catalogs[0], catalogs[1]
    time.tzset()


def found(catalog: Catalog, text: str) -> list[int] | str:
    """Return the clips that a query finds, or the error."""
    with catalog.reading() as connection:
        context = replace(context_of(catalog, connection), now=local(*NOW), metric="prefix")
        try:
            statement = select_clips(parse(text, context), schema.clip.c.id)
        except ThresherError as error:
            return str(error)
        return list(connection.scalars(statement))


def random_query(chance: random.Random) -> str:
    def term() -> str:
        kind, name = chance.random(), chance.choice(NAMES)
        if kind < 0.3:
            return chance.choice(TABLE)[0]
        if kind < 0.45:
            return f"{name}{chance.choice('+-')}"
        if kind < 0.7:
            return f"{name}{chance.choice((':', ':=', '::'))}'{chance.choice(WORDS)}'"
        return f"{name}{chance.choice((':', ':=', '>=', '<', '!='))}{chance.choice(VALUES)}"

    return chance.choice((" ", " , ", " or ", " not ", " ^")).join(
        term() for _ in range(chance.randint(1, 3))
    )


def test_both_databases_are_there(both: tuple[Catalog, Catalog]) -> None:
    names = []
    for catalog in both:
        with catalog.reading() as connection:
            names.append(connection.dialect.name)
    assert names == ["sqlite", "postgresql"]


@pytest.mark.parametrize("seed", range(8))
def test_random_queries_find_the_same_clips_in_the_same_order(
    both: tuple[Catalog, Catalog], seed: int
) -> None:
    chance = random.Random(seed)
    for query in (random_query(chance) for _ in range(40)):
        in_file, on_server = (found(catalog, query) for catalog in both)
        assert in_file == on_server, query
