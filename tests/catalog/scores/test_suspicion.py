"""Which clips are suspect, for resemblances that were stored."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.catalog.scores.suspicion import SEVERAL, Suspicion, read, record, suspects_among


@pytest.fixture
def six(catalog: Catalog) -> Catalog:
    """Clips 1 to 6, of which 1 to 4 are rejected."""
    add_clips(catalog, range(6))
    change(catalog, [1, 2, 3, 4], rejected=True)
    return catalog


def change(catalog: Catalog, ids: list[int], **values: bool) -> None:
    with writing(catalog) as connection:
        connection.execute(update(clip).where(clip.c.id.in_(ids)).values(**values))


def store(catalog: Catalog, *found: Suspicion) -> None:
    with writing(catalog) as connection:
        record(connection, [5, 6], found)


def suspects(catalog: Catalog) -> tuple[int, ...]:
    with catalog.reading() as connection:
        return suspects_among(connection, range(1, 7))


def alike(others: range) -> list[Suspicion]:
    return [Suspicion(5, other, "likeness", 0.99) for other in others]


def test_a_copy_of_one_rejected_clip_is_suspect_until_the_rejection_is_undone(six: Catalog) -> None:
    store(six, Suspicion(5, 1, "aligned", 0.9))
    assert suspects(six) == (5,)
    change(six, [1], rejected=False)
    assert suspects(six) == ()


def test_a_clip_similar_to_several_rejected_clips_is_suspect_and_to_fewer_is_not(six: Catalog) -> None:
    store(six, *alike(range(1, SEVERAL)))
    assert suspects(six) == ()
    store(six, *alike(range(1, SEVERAL + 1)))  # what is stored already stays as it is
    assert suspects(six) == (5,)


def test_clips_that_were_never_rejected_do_not_count(six: Catalog) -> None:
    store(six, *alike(range(1, SEVERAL)), Suspicion(5, 6, "likeness", 0.99))
    assert suspects(six) == ()


def test_a_trusted_clip_is_not_suspect(six: Catalog) -> None:
    store(six, Suspicion(5, 1, "aligned", 0.9))
    change(six, [5], trusted=True)
    assert suspects(six) == ()


def test_resemblances_are_read_copies_first_then_by_score(six: Catalog) -> None:
    store(
        six,
        Suspicion(5, 1, "likeness", 0.98),
        Suspicion(5, 2, "likeness", 0.99),
        Suspicion(5, 3, "aligned", 0.9),
        Suspicion(5, 6, "likeness", 1.0),  # not rejected
        Suspicion(6, 1, "aligned", 0.9),
    )
    with six.reading() as connection:
        assert [(each.other_id, each.metric) for each in read(connection, 5)] == [
            (3, "aligned"),
            (2, "likeness"),
            (1, "likeness"),
        ]


def test_examined_clips_are_marked(six: Catalog) -> None:
    store(six)
    with six.reading() as connection:
        assert connection.scalars(clip.select().where(clip.c.examined)).all() == [5, 6]
