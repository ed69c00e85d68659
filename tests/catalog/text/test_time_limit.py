"""Regular expressions that backtrack without end are stopped, in queries and in patterns of catalog.toml."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path

import pytest

from thresher.catalog.catalog import Catalog
from thresher.catalog.provenance.provenance import compile_pattern, infer
from thresher.catalog.text import time_limit as limits
from thresher.catalog.text.time_limit import Searches, TooSlowError, bounded_match, query_limit, time_limit
from thresher.curation.clips.decisions import reject
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import ConfigError, UsageError

ENDLESS = "(a|aa)+[0-9]"
NAME = "a" * 60 + "_epoch_1_0.wav"


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.1)


@pytest.fixture
def named(catalog: Catalog, clips: Path, serial: IngestOptions) -> Catalog:
    (clips / "r_epoch_1_0.wav").rename(clips / NAME)
    ingest(catalog, [clips], serial)
    return catalog


@pytest.mark.parametrize("query", [f"path::{ENDLESS}", f"run::{ENDLESS}", f"^path::{ENDLESS}"])
def test_a_query_that_backtracks_without_end_is_refused(named: Catalog, query: str) -> None:
    begun = time.monotonic()
    with pytest.raises(
        UsageError, match=r"takes too long to search for; write it without a repetition inside"
    ):
        list_clips(named, query)
    with pytest.raises(UsageError, match="takes too long"):
        reject(named, [query])
    assert time.monotonic() - begun < 60  # seconds; without a limit it takes days
    assert len(list_clips(named, "path::a+_epoch")) == 1  # the next query works


def test_a_pattern_that_backtracks_without_end_names_its_entry() -> None:
    pattern = compile_pattern("mine", r"(?P<run>(a+)+)b_(?P<epoch>\d+)")
    with pytest.raises(
        ConfigError, match=r'\[\[provenance\]\] "mine": the pattern takes more than 0.1 s to read'
    ):
        infer(b"/x/" + NAME.encode(), patterns=[pattern])


def test_fast_expressions_are_found_and_the_timer_is_off_afterwards() -> None:
    assert bounded_match("(a+)+b", "aab", 1.0) is not None
    assert bounded_match("x", "aab", 1.0) is None
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TooSlowError):
        bounded_match(ENDLESS, "a" * 60, 0.1)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("expression", ["(a|a)*", "(a|aa)+", "(a|a|ab)*"])
def test_other_threads_have_a_limit_too(expression: str) -> None:
    with ThreadPoolExecutor(1) as other:
        assert other.submit(bounded_match, "(a+)+b", "aab", 1.0).result() is not None
        endless = other.submit(bounded_match, expression + "c", "a" * 60 + "b", 0.1)
        with suppress(TooSlowError):  # this engine finds some answers that the other one does not
            assert endless.result(timeout=20) is None


@pytest.mark.parametrize("pattern", ["(aa|a)" * 30 + "b", "a?" * 30 + "a" * 30 + "b", "(a?){30}a{30}b"])
def test_choices_can_take_as_long_as_repetitions(pattern: str) -> None:
    with pytest.raises(TooSlowError):
        bounded_match(pattern, "a" * 60, 0.1)


def test_the_searches_of_a_query_share_their_time_and_search_no_text_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SECONDS", 2.0)  # the first search loads the package
    searches = Searches()
    assert searches.found("a.*b|c", ["ab", "c", "d"]) == ["ab", "c"]
    with pytest.raises(TooSlowError):
        for length in range(1000):
            searches.found(ENDLESS, ["a" * 20 + "c" * length])
    with pytest.raises(TooSlowError):
        searches.found(ENDLESS, ["a" * 40])  # no time is left
    assert searches.found("a.*b|c", ["d", "ab"]) == ["ab"]


def test_a_query_ends_after_its_time_in_the_threads_of_a_request(named: Catalog) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    def count() -> None:
        with named.reading() as connection:
            connection.exec_driver_sql(numbers)

    with query_limit(0.2), ThreadPoolExecutor(1) as other:
        job = other.submit(copy_context().run, count)
        with pytest.raises(UsageError, match="the query takes too long"):
            job.result(timeout=20)
    assert len(list_clips(named, "")) == 3


def test_a_block_that_is_fast_enough_is_not_ended() -> None:
    with time_limit(5.0):
        pass
