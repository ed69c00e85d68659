"""The journal keeps texts as they are written, and says who made each decision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from tests.catalog.judged_clips import ANNA, BEN
from tests.postgres_catalogs import needs_postgres
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import decision, location, writer
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.errors import NotFoundError, UsageError


@pytest.mark.parametrize(
    "text",
    [
        "<b onclick=alert(1)>&amp;</b>",
        "é 🦈 \x1b[31m",
        pytest.param("\x00", marks=pytest.mark.sqlite_only("NUL in texts")),
        "two\nlines",
        "'; DROP TABLE clip; --",
    ],
)
def test_a_note_is_stored_unchanged(restored: Catalog, text: str) -> None:
    judging.note(restored, ["1"], text)
    assert show_clip(restored, "1").clip.note == text
    made = judging.history(restored)[0].changes[0]
    assert (made.before, made.after) == (None, text)


def test_bytes_that_are_not_utf8_are_stored_as_escapes(restored: Catalog) -> None:
    judging.note(restored, ["1"], "caf\udce9")
    assert show_clip(restored, "1").clip.note == "caf\\xe9"
    judging.modify(restored, ["1"], {"mood": "\udcff", "run": "n\udcff"})
    assert [row.id for row in list_clips(restored, r"mood:=\\xff")] == [1]
    with writing(restored) as connection:
        connection.execute(
            update(location).where(location.c.id == 1).values(path=b"\xff.wav", path_text="\\xff.wav")
        )
    assert judging.rate(restored, ["\udcff.wav"], 4).found == 1
    assert judging.history(restored)[0].summary == "rate 4: \\xff.wav"
    with writing(restored) as connection:
        connection.execute(
            update(location).where(location.c.id == 1).values(path=b"1.wav", path_text="1.wav")
        )
    with pytest.raises(UsageError, match="half of a surrogate pair"):
        judging.note(restored, ["1"], "\ud800")


def test_history_says_who_made_each_decision(judged: Catalog, act_as: Callable[[str], None]) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    act_as(BEN)
    judging.rate(judged, "1", 2)
    assert [(each.by, each.own, each.who) for each in judging.history(judged)] == [
        (BEN, True, ""),
        (ANNA, False, ANNA),
    ]


@needs_postgres
def test_decisions_without_a_writer_are_your_own_until_somebody_else_decides(
    judged: Catalog, act_as: Callable[[str], None]
) -> None:
    act_as(ANNA)
    judging.rate(judged, "1", 5)
    with writing(judged) as connection:  # as the upgrade to revision 0015 leaves them
        connection.execute(update(decision).values(writer="earlier"))
        connection.execute(update(writer).values(name="earlier", label=""))
    assert [(each.by, each.own) for each in judging.history(judged)] == [(None, True)]
    act_as(BEN)
    judging.rate(judged, "2", 3)
    assert [each.own for each in judging.history(judged)] == [True, True]
    act_as(ANNA)
    assert [(each.who, each.own) for each in judging.history(judged)] == [
        (BEN, False),
        ("an unknown user", False),
    ]
    with pytest.raises(NotFoundError, match=r"decision 2 \(rate 3: 2\) is by ben@desk"):
        judging.undo(judged)
    judging.undo(judged, 2)
    with pytest.raises(NotFoundError, match=r"decision 1 \(rate 5: 1\) is by an unknown user"):
        judging.undo(judged)
