"""Claims: positions without gaps, leases that end, and holders whose processes have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Connection, insert

from tests.catalog.scored_clips import add_clips
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import score_row
from thresher.catalog.scores import claims, scores

NOW = 1_000.0


@pytest.fixture
def connection(catalog: Catalog) -> Iterator[Connection]:
    """A write transaction in a catalog with a metric, whose id is 1, and four clips."""
    add_clips(catalog, range(4))
    with writing(catalog) as connection:
        assert scores.register_metric(connection, "prefix", 1) == 1
        yield connection


def test_claims_follow_the_last_row_and_each_other(connection: Connection) -> None:
    assert claims.next_position(connection, 1) == 0
    values = {"metric_id": 1, "position": 0, "clip_id": 1, "scores": b"", "crc32": 0}
    connection.execute(insert(score_row).values(**values))
    first = claims.add(connection, 1, {2: 20, 3: 30}, "a", NOW)
    second = claims.add(connection, 1, {4: 40}, "b", NOW)
    assert [(each.first, each.end) for each in (first, second)] == [(1, 3), (3, 4)]
    assert claims.read(connection, 1) == [first, second]
    assert dict(first.clips) == {2: 20, 3: 30}
    assert claims.next_position(connection, 1) == 4
    assert claims.positions(connection, 1).tolist() == [1, 2, 3]
    assert claims.open_positions(connection, 1, 3) == 2
    assert claims.read(connection, 2) == []


def test_a_claim_that_is_not_renewed_is_taken_over(connection: Connection) -> None:
    held = claims.add(connection, 1, {1: 10}, "a", NOW)
    late = NOW + claims.LEASE - 1
    assert claims.waits_for(connection, 1, late)
    assert claims.take_over(connection, 1, "b", late) is None
    claims.renew(connection, held, late)
    assert claims.take_over(connection, 1, "b", NOW + claims.LEASE) is None
    assert not claims.waits_for(connection, 1, late + claims.LEASE)
    taken = claims.take_over(connection, 1, "b", late + claims.LEASE)
    assert taken == claims.Claim(held.id, 0, {1: 10}, "b")
    # the former holder can do nothing with it
    assert not claims.is_held(connection, held)
    claims.end(connection, held)
    claims.renew(connection, held, 1e9)
    assert claims.read(connection, 1) == [taken]
    claims.end(connection, taken)
    assert claims.read(connection, 1) == []
    assert not claims.waits_for(connection, 1, 0.0)


def test_a_claim_that_ends_in_years_is_damaged_and_taken_over(connection: Connection) -> None:
    held = claims.add(connection, 1, {1: 10}, "a", 1e12)
    assert not claims.waits_for(connection, 1, NOW)
    taken = claims.take_over(connection, 1, "b", NOW)
    assert taken is not None
    assert taken.id == held.id
    assert claims.waits_for(connection, 1, NOW)


def test_a_claim_that_is_given_up_leaves_no_gap(connection: Connection) -> None:
    first = claims.add(connection, 1, {1: 10}, "a", NOW)
    second = claims.add(connection, 1, {2: 20}, "b", NOW)
    claims.give_up(connection, 1, first)  # its position can't be given to others, so its clip keeps it
    assert claims.next_position(connection, 1) == 2
    taken = claims.take_over(connection, 1, "b", NOW)
    assert taken is not None
    assert (taken.first, dict(taken.clips)) == (0, {1: 10})
    claims.give_up(connection, 1, second)
    assert claims.next_position(connection, 1) == 1


def test_a_holder_whose_process_has_ended_has_lost_its_claims(connection: Connection) -> None:
    code = "from thresher.catalog.scores import claims\nprint(claims.new_holder())"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert claims.has_ended(ended)
    assert not claims.has_ended(claims.new_holder())
    machine, process, started, token = claims.new_holder().split(" ")
    assert int(process) == os.getpid()
    assert claims.has_ended(f"{machine} {process} {int(started) - 1} {token}")  # its number was used again
    assert not claims.has_ended(f"elsewhere {process} 1 {token}")
    assert not claims.has_ended("someone")
    claims.add(connection, 1, {1: 10}, ended, NOW)
    assert claims.take_over(connection, 1, "b", NOW) is not None


@pytest.mark.parametrize(
    ("error", "is_gone"), [(PermissionError, False), (None, False), (ProcessLookupError, True)]
)
def test_a_holder_whose_process_is_hidden_is_not_taken_for_an_ended_one(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError] | None, *, is_gone: bool
) -> None:
    """Linux can hide the processes of other users in /proc (`hidepid`); signals know them."""
    machine, _, started, token = claims.new_holder().split(" ")

    def kill(_process: int, number: int) -> None:
        assert number == 0
        if error is not None:
            raise error

    monkeypatch.setattr(os, "kill", kill)
    hidden = 2**22 + 1  # no process has this number
    assert claims.has_ended(f"{machine} {hidden} {started} {token}") == is_gone


def test_coverage_counts_claimed_positions_as_open(connection: Connection) -> None:
    claims.add(connection, 1, {1: 10, 2: 20}, "a", NOW)
    blob = np.full(2, 0.5, "<f4").tobytes()
    connection.execute(insert(score_row).values(metric_id=1, position=2, clip_id=3, scores=blob, crc32=0))
    proof = scores.coverage(connection, 1)
    assert (proof.rows, proof.claimed, proof.complete) == (1, 2, True)
    claims.drop_all(connection, 1)
    assert not scores.coverage(connection, 1).complete
