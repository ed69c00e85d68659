"""A page whose server is busy for a while says so, and asks again by itself, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import soundfile

from tests.interfaces.web.browsing import BROWSER, DRIVER, Busy, Page, chromium, serving
from tests.interfaces.web.rooms import undoing
from tests.support import EVERY_METRIC, RATE, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import rows_of
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
]

COUNT = 4
SAYS = "return document.querySelector('.says-text').textContent"
VIEW = "return document.getElementById('view').textContent"
EVERYTHING = ("/api/", "/thumbnails/", "/peaks/", "/spectra/", "/landmarks/")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, sound: MakeSound) -> Iterator[Catalog]:
    """Three clips of two epochs, and a copy of the first one."""
    home = tmp_path_factory.mktemp("busy")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    (home / "night").mkdir()
    for number, y in enumerate((sound(1, 6.0), sound(2, 6.0), sound(3, 6.0), 0.5 * sound(1, 6.0)), start=1):
        soundfile.write(home / f"night/night_epoch_{number // 2}_{number}.wav", y, RATE)
    with Catalog.open(home / "catalog.toml") as opened:
        ingest(opened, [home / "night"], IngestOptions(executor="serial"))
        yield opened


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as running:
        running.execute_cdp_cmd("Network.enable", {})
        running.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        yield running


@pytest.fixture(scope="module")
def limits() -> Busy:
    return Busy()


@pytest.fixture(scope="module")
def address(catalog: Catalog, limits: Busy) -> Iterator[str]:
    with serving(catalog, busy=limits) as where:
        yield where


@pytest.fixture
def busy(limits: Busy, catalog: Catalog) -> Iterator[Busy]:
    """Let a test choose what is refused; afterwards nothing is, and its decisions are undone."""
    limits.refused.clear()
    with undoing(catalog):
        yield limits
        limits.paths = ()


def opened(driver: Any, address: str) -> Page:
    page = Page(driver, address)
    page.wait("selection", f"m.ids.value.length === {COUNT} && m.rowOf(1) !== undefined")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.card img[src]').length") == COUNT)
    return page


def test_a_page_that_is_opened_while_the_server_is_busy_appears_when_it_is_not(
    driver: Any, address: str, busy: Busy
) -> None:
    busy.paths = EVERYTHING
    page = Page(driver, address)
    trouble = "const t = document.getElementById('trouble'); return t.hidden ? '' : t.textContent"
    page.wait_until(lambda: page.run(trouble) == Busy.SENTENCE)
    busy.paths = (*EVERYTHING[1:], "/api/clips", "/api/fields", "/api/changes")
    page.wait_until(lambda: f"The clips can't be listed: {Busy.SENTENCE}." in page.run(VIEW))
    page.wait_until(lambda: page.run("return document.getElementById('query').ariaInvalid") == "false")
    busy.paths = (*EVERYTHING[1:], "/api/fields", "/api/changes")
    page.wait("selection", f"m.ids.value.length === {COUNT} && m.rowOf(1) !== undefined")
    page.wait_until(lambda: page.run("return document.getElementById('query-problem').hidden"))
    why = "return [...document.querySelectorAll('.card .why:not([hidden])')].map((each) => each.textContent)"
    page.wait_until(lambda: page.run(why) == [Busy.SENTENCE] * COUNT)
    busy.paths = ()
    page.wait_until(lambda: page.run(why) == [])
    assert page.run("return document.querySelectorAll('.card img[src]').length") == COUNT
    page.wait("search", "m.metrics.value.length > 0")
    page.wait("changes", "m.newest.value.clip > 0 && m.newest.value.trouble === null")


def test_the_spectrum_that_a_busy_server_refused_is_drawn_when_it_is_not(
    driver: Any, address: str, busy: Busy
) -> None:
    page = opened(driver, address)
    busy.paths = ("/spectra/",)
    page.press("j")
    page.wait_until(lambda: len(busy.refused) > 0)
    drawn = (
        "const canvas = document.querySelector('canvas.sound');"
        "return canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height * 0.8, 1, 1).data[3] > 0"
    )
    assert not page.run(drawn)
    busy.paths = ()
    page.wait_until(lambda: page.run(drawn))


@pytest.mark.parametrize(
    ("view", "path", "where", "there"),
    [
        ("map", "/api/map", ".map-says", "document.querySelectorAll('.legend li').length > 0"),
        ("map", "/api/values", ".says-text", "document.querySelectorAll('.legend li').length > 0"),
        ("checkpoints", "/api/checkpoints", "#view", "document.querySelector('.plot') !== null"),
        ("duplicates", "/api/duplicates", ".session .status", "document.querySelector('.lane') !== null"),
        ("listen", "/api/listening", ".says-text", "document.querySelector('.session .status p') !== null"),
    ],
)
def test_each_view_asks_again_for_what_a_busy_server_refused(
    driver: Any, address: str, busy: Busy, view: str, path: str, where: str, there: str
) -> None:
    page = opened(driver, address)
    busy.paths = (path,)
    page.value("views", f"void m.go({{ view: '{view}' }})")
    page.wait_until(
        lambda: Busy.SENTENCE in page.run(f"return document.querySelector('{where}').textContent")
    )
    assert not page.run(f"return {there}")
    assert "Comparing clips" not in page.run(VIEW)
    busy.paths = ()
    page.wait_until(lambda: page.run(f"return {there}"))


def test_a_list_that_could_not_be_asked_for_after_a_decision_follows_later(
    driver: Any, address: str, busy: Busy, catalog: Catalog
) -> None:
    page = opened(driver, address)
    busy.paths = ("/api/clips",)
    page.press("x")
    page.wait_until(lambda: rows_of(catalog, [1])[0].rejected)
    page.wait_until(lambda: "/api/clips" in busy.refused)
    busy.paths = ()
    page.wait("selection", f"m.ids.value.length === {COUNT - 1} && m.selected.value === 2")


def test_a_clip_that_was_heard_while_the_server_was_busy_is_marked_as_heard_later(
    driver: Any, address: str, busy: Busy, catalog: Catalog
) -> None:
    page = opened(driver, address)
    busy.paths = ("/api/heard",)
    page.press("j")
    page.wait_until(lambda: "/api/heard" in busy.refused)
    assert not rows_of(catalog, [2])[0].heard
    busy.paths = ()
    page.wait_until(lambda: rows_of(catalog, [2])[0].heard)


def test_copies_that_a_busy_server_could_not_name_are_named_later(
    driver: Any, address: str, busy: Busy
) -> None:
    busy.paths = ("/api/copies",)
    page = opened(driver, address)
    page.wait("changes", "m.newest.value.clip > 0")
    time.sleep(1.5)  # the cards are drawn again when the page knows the newest decision
    assert "/api/copies" in busy.refused
    busy.paths = ()
    flags = "return document.getElementById('clip-4').textContent"
    page.wait_until(lambda: "copy of 1" in page.run(flags) or "copied: 1" in page.run(flags))
