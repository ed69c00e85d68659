"""Several windows of the room, and the terminal beside it, in a real browser: what one does, the others know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import soundfile

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page
from tests.support import RATE, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions
from thresher.curation.clips.listing import rows_of
from thresher.curation.clips.saved_queries import save_query
from thresher.curation.comparison.clusters import clusters
from thresher.curation.comparison.score import score_all
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.queue import latest_listening, plan_listening, skip

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
    pytest.mark.usefixtures("as_before"),
]

ESCAPE = "\ue00c"
ENTER = "\ue007"
SOLO = "\N{GUITAR} \u05e9\u05dc\u05d5\u05dd"  # Hebrew
SAYS = "return document.querySelector('.says-text').textContent"


@pytest.fixture(scope="module")
def catalog(shelf: Catalog) -> Catalog:
    """Four clips of two epochs."""
    return shelf


def opened(driver: Any, address: str) -> Page:
    page = Page(driver, address)
    page.wait("selection", "m.ids.value.length === 4 && m.rowOf(1) !== undefined")
    page.complaints()
    return page


@contextmanager
def another_window(driver: Any, address: str) -> Iterator[Page]:
    """Open the room in another tab while the block runs."""
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    try:
        yield opened(driver, address)
    finally:
        driver.close()
        driver.switch_to.window(first)


def rating(catalog: Catalog, clip: int) -> int | None:
    return rows_of(catalog, [clip])[0].rating


def test_a_window_that_plays_stops_the_others_of_its_browser(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.value("player_settings", "void (m.loop.value = { from: 0, to: 1 })")  # it would play on for ever
    page.press(" ")
    page.wait("player", "m.playing.value !== null")
    page.value("actions", "void (m.advance.value = true)")
    first = driver.current_window_handle
    with another_window(driver, address) as other:
        other.press("j")
        other.wait("player", "m.playing.value?.id === 2")
        second = driver.current_window_handle
        driver.switch_to.window(first)
        page.wait("player", "m.playing.value === null")
        assert page.run(SAYS) == "stopped: another window plays"
        assert page.run("return document.querySelector('#player .problem').textContent") == ""
        assert page.run("return document.querySelector('#player .play').textContent") == "▶"
        page.press(ESCAPE)  # what is not heard stops nobody
        driver.switch_to.window(second)
        other.value("player_settings", "void (m.loop.value = { from: 0, to: 1 })")
        assert other.value("player", "m.playing.value?.id") == 2
        driver.switch_to.window(first)
        page.press(" ")
        page.wait("player", "m.playing.value?.id === 1")
        driver.switch_to.window(second)
        other.wait("player", "m.playing.value === null")
        other.value("actions", "void (m.advance.value = false)")
    page.press(ESCAPE)
    assert page.complaints() == []


def test_an_undo_that_another_decision_overtook_is_explained_in_words_of_the_room(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("2")
    page.wait_until(lambda: rating(catalog, 1) == 2)
    decisions.rate(catalog, "1", 5)
    page.press("u")
    page.wait_until(lambda: "since" in page.run(SAYS))
    assert page.run(SAYS) == (
        "nothing changed: another window or the terminal has decided on this since (rate 5: 1); "
        "decide again to change that"
    )
    assert rating(catalog, 1) == 5
    page.press("u")
    page.wait_until(lambda: page.run(SAYS) == "nothing on this page to undo")


def test_an_undo_that_was_made_elsewhere_already_is_explained_and_leads_on_to_the_one_before(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("2")
    page.wait_until(lambda: rating(catalog, 1) == 2)
    page.press("j", "3")
    page.wait_until(lambda: rating(catalog, 2) == 3)
    undo(catalog)
    page.press("u")
    page.wait_until(lambda: "reverted" in page.run(SAYS))
    assert page.run(SAYS) == "nothing changed: another window or the terminal has reverted this already"
    page.press("u")
    page.wait_until(lambda: rating(catalog, 1) is None)


def test_a_page_that_is_loaded_again_still_undoes_its_decisions_and_a_new_one_undoes_none(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("2")
    page.wait_until(lambda: rating(catalog, 1) == 2)
    page.press("j", "3")
    page.wait("judge", "m.said.value === 'clip 2: ★★★'")
    driver.refresh()
    page.wait("selection", "m.ids.value.length === 4 && m.rowOf(1) !== undefined")
    with another_window(driver, address) as other:
        other.press("u")
        other.wait_until(lambda: other.run(SAYS) == "nothing on this page to undo")
    page.press("u")
    page.wait_until(lambda: page.run(SAYS) == "undo: clip 2: ★★★")
    driver.refresh()
    page.wait("selection", "m.ids.value.length === 4 && m.rowOf(1) !== undefined")
    page.press("u")
    page.wait_until(lambda: page.run(SAYS) == "undo: clip 1: ★★")
    assert [rating(catalog, clip) for clip in (1, 2)] == [None, None]
    page.press("U")
    page.wait_until(lambda: rating(catalog, 1) == 2)
    page.press("U")
    page.wait_until(lambda: rating(catalog, 2) == 3)


def test_a_page_that_is_loaded_again_keeps_the_selected_clip_if_the_list_has_it(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    page.press("j", "j")
    page.wait("selection", "m.selected.value === 3")
    driver.refresh()
    page.wait("selection", "m.ids.value.length === 4")
    assert page.selected() == 3
    page.search("epoch:0")
    page.wait("selection", "m.ids.value.length === 2")
    driver.refresh()
    page.wait("selection", "m.ids.value.length === 2")
    assert page.selected() in (1, 2)
    page = opened(driver, address)
    assert page.selected() == 1


def test_a_session_that_begins_or_changes_elsewhere_is_shown_at_once(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    plan_listening(catalog, "epoch:0", minutes=5)
    page.press("q")
    page.wait("selection", "m.ids.value.length === 2")
    plan_listening(catalog, minutes=5)
    page.wait("selection", "m.ids.value.length === 4")
    assert page.run(SAYS) == "another session began elsewhere; its clips are listed now"
    status = "return document.querySelector('.session .progress').textContent"
    assert page.run(status).startswith("0 of 4")
    queue = latest_listening(catalog)
    assert queue is not None
    skip(catalog, queue, queue.clips[1].id)
    page.wait_until(lambda: page.run(status).startswith("1 of 4"))


def test_the_search_field_offers_names_that_were_made_elsewhere(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("/", "tag:brass", ENTER)
    page.wait("views", "m.place.value.query === 'tag:brass'")
    decisions.tag(catalog, "1", add=["brassy"])
    save_query(catalog, "brass section", "tag:brassy")
    newest = decisions.history(catalog, 1)[0].id
    page.wait("changes", f"m.newest.value.decision === {newest}")
    offered = "return [...document.querySelectorAll('#completions b')].map((each) => each.textContent)"
    page.press("/", "tag:bras")
    page.wait_until(lambda: page.run(offered) == ["tag:brassy"])
    page.press(ESCAPE, "/", "query:b")
    page.wait_until(lambda: page.run(offered) == ['query:"brass section"'])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a" * 201, "…' is not a valid name; use 1 to 200 printable characters, not only spaces"),
        (" \t ", "no name was given"),
        (f"{SOLO} / solo", f"saved: query:\u2068{SOLO} / solo\u2069"),
    ],
)
def test_a_query_is_saved_under_any_printable_name_and_others_are_explained(
    driver: Any, address: str, name: str, expected: str
) -> None:
    page = opened(driver, address)
    page.search("rating:3..")
    page.press("Q")
    page.wait_until(lambda: page.run("return document.querySelector('dialog.ask input') !== null"))
    page.driver.execute_script("document.querySelector('dialog.ask input').value = arguments[0]", name)
    page.press(ENTER)
    page.wait_until(lambda: page.run(SAYS) != "")
    assert page.run(SAYS).endswith(expected)


def test_scores_and_clusters_that_are_computed_elsewhere_change_the_list(
    driver: Any, address: str, catalog: Catalog, sound: MakeSound
) -> None:
    page = opened(driver, address)
    page.search("score:0..")
    page.wait("selection", "m.ids.value.length === 4")
    for number, level in enumerate((1.0, 0.7, 0.5)):
        soundfile.write(catalog.root / f"night/night_epoch_2_{number}.wav", level * sound(4, 4.0), RATE)
    ingest(catalog, [catalog.root / "night"], IngestOptions(executor="serial", score=False))
    page.wait("changes", "m.newest.value.clip === 7")
    score_all(catalog)
    page.wait("selection", "m.ids.value.length === 7")
    page.search("cluster:1..")
    page.wait("selection", "m.ids.value.length === 0")
    page.run("performance.clearResourceTimings()")
    clusters(catalog, refit=True)
    asked = (
        "return performance.getEntriesByType('resource')"
        ".some(({ name }) => decodeURIComponent(name).endsWith('/api/clips?q=cluster:1..'))"
    )
    page.wait_until(lambda: page.run(asked))
