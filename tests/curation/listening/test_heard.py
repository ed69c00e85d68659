"""What marks clips as heard, with or without a rating."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL, func, select

from tests.curation.listening.listening_clips import heard, ids, left
from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, run_command
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.queue import (
    plan_listening,
)
from thresher.errors import NotFoundError, ReadOnlyCatalogError, UsageError


def test_a_rating_and_the_mark_as_heard_are_one_decision(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 1)
    first, second = ids(queue)[:2]
    made = mark_heard(fresh, [first], rating=4, not_before=queue.started_at)
    assert made is not None
    assert made.summary == f"listen rate 4: {first}"
    assert {change.field: change.after for change in made.changes if change.field != "heard_at"} == {
        "rating": 4
    }
    mark_heard(fresh, [second], reject=True, not_before=queue.started_at)
    assert heard(fresh) == {first, second}
    assert not {first, second} & set(left(fresh))
    judging.undo(fresh)
    assert left(fresh)[0] == second
    assert heard(fresh) == {first}
    judging.undo(fresh)
    assert left(fresh) == ids(queue)
    with fresh.reading() as connection:
        touched = (clip.c.heard_at, clip.c.rating)
        assert connection.scalar(select(func.count(touched[0]) + func.count(touched[1]))) == 0


def test_a_rating_reverts_a_rejection(fresh: Catalog) -> None:
    mark_heard(fresh, [1], reject=True)
    mark_heard(fresh, [1], rating=2)
    assert [row.rating for row in list_clips(fresh, ["1"])] == [2]
    judging.undo(fresh)
    assert list_clips(fresh, ["1"]) == []


def test_invalid_ratings_lengths_and_unknown_clips_are_refused(fresh: Catalog) -> None:
    for wrong in (0, 6):
        with pytest.raises(UsageError, match="invalid rating"):
            mark_heard(fresh, [1], rating=wrong)
    with pytest.raises(UsageError, match="without a rejection"):
        mark_heard(fresh, [1], rating=3, reject=True)
    with pytest.raises(NotFoundError, match="thresher list"):
        mark_heard(fresh, [99])
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="minutes"):
            plan_listening(fresh, (), minutes)
    with pytest.raises(NotFoundError, match="epoch:7"):
        plan_listening(fresh, ["epoch:7"])


def test_heard_clips_stay_heard_if_the_clock_is_set_back(
    fresh: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = plan_listening(fresh, (), 1)
    monkeypatch.setattr("thresher.curation.listening.heard.time.time", lambda: queue.started_at - 3600)
    mark_heard(fresh, ids(queue)[:1], not_before=queue.started_at)
    assert left(fresh) == ids(queue)[1:]


@needs_postgres
def test_a_role_that_may_only_read_lists_exports_and_listens(seven_clips: Catalog, tmp_path: Path) -> None:
    """What these commands would note on the side is left out, with one warning. Judgements are refused."""
    assert POSTGRES is not None
    url = POSTGRES.target_of(seven_clips.settings.catalog.database, seven_clips.root)
    assert isinstance(url, URL)
    with POSTGRES.reader(url) as reader:
        (tmp_path / "catalog.toml").write_text(f'[catalog]\ndatabase = "{reader.render_as_string()}"\n')
        warning = f"warning: nothing was noted in the catalog: the role {reader.username} can't change"
        assert run_command("list", cwd=tmp_path).stderr == ""
        out = tmp_path / "out"
        exported = run_command("export", "1", "--to", out, "--trimmed", cwd=tmp_path)
        assert (exported.returncode, exported.stderr.count(warning)) == (0, 1)
        assert len(list(out.iterdir())) == 1
        with Catalog.open(tmp_path / "catalog.toml") as catalog:
            queue = plan_listening(catalog, (), 1)
            assert queue.id is None
            assert mark_heard(catalog, ids(queue)[:1]) is None
            assert catalog.not_noted is not None
            with pytest.raises(ReadOnlyCatalogError, match=f"the role {reader.username} can't change"):
                mark_heard(catalog, ids(queue)[:1], rating=4)
        refused = run_command("rate", "1", "5", cwd=tmp_path)
        assert (refused.returncode, refused.stderr.count(f"error: the role {reader.username}")) == (3, 1)
    assert heard(seven_clips) == set()
