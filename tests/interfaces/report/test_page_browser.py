"""The report in a real browser: headless Chromium, from the disk and from a server on this machine."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import soundfile

from tests.support import EVERY_METRIC, MakeSound, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import note, rate
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song
from thresher.interfaces.report.page import write_report

selenium = pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    DRIVER is None or BROWSER is None, reason="there is no Chromium with its driver to open the page in"
)

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
WIDTHS = (1280, 400)
PATIENCE = 60  # seconds, on a machine that has other things to do
SCRIPT = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
NAMES = ("a b#c?d%e.wav", "quo\"te's.wav", "12:40 <b>.wav", "sharp ♯ 🎸.wav")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip, sound: MakeSound) -> Path:
    """A report of two runs, with all that is hard: names, HTML, a missing file, formats, a song."""
    home = tmp_path_factory.mktemp("home")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    options = IngestOptions(executor="serial")
    for index in range(8):
        write_clip(home / f"night/night_e={index // 4}({index})_t=0.9.wav", index, subtype="FLOAT")
    for index, name in enumerate(NAMES):
        write_clip(home / "odd" / name, 20 + index)
    for index, suffix in enumerate((".flac", ".ogg", ".mp3", ".aiff")):
        soundfile.write(home / f"odd/form{suffix}", sound(30 + index), 16_000)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "night"], options)
        ingest(catalog, [home / "odd"], IngestOptions(executor="serial", run=SCRIPT, epoch=1))
        rate(catalog, ["2"], 5)
        note(catalog, ["2"], SCRIPT)
        save_song(catalog, SCRIPT, ["epoch:1"])
        render(catalog, SCRIPT, home / "song.flac")
        os.unlink(home / "night/night_e=0(0)_t=0.9.wav")
        return Path(write_report(catalog, home / "report.html").path)


@pytest.fixture(scope="module")
def server(reported: Path) -> Iterator[str]:
    """The folder of the report on a port of this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=reported.parent)) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    profile = tempfile.mkdtemp(prefix="thresher-browser-")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(PATIENCE)
    driver.set_page_load_timeout(PATIENCE)
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


@pytest.fixture(params=["file", "http"])
def address(request: pytest.FixtureRequest, reported: Path, server: str) -> str:
    """The report's address: on the disk, or on a server. How the page looks depends on neither."""
    return reported.as_uri() if request.param == "file" else f"{server}/{reported.name}"


def opened(browser: Any, address: str, width: int = 1280) -> Any:
    """The page, in a window of that width; what was logged before is forgotten."""
    browser.get("about:blank")
    for log in ("browser", "performance"):
        browser.get_log(log)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)
    return browser


def wait_for(browser: Any, condition: str) -> None:
    """Wait until a JavaScript expression is true."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, PATIENCE, 0.1).until(lambda on: on.execute_script(f"return {condition}"))


def complaints(browser: Any) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


@pytest.mark.long
def test_every_player_loads_without_an_error(browser: Any, address: str) -> None:
    page = opened(browser, address)
    page.execute_script(
        "for (const each of document.querySelectorAll('audio[src]')) { each.preload = 'auto'; each.load(); }"
    )
    wait_for(page, "[...document.querySelectorAll('audio[src]')].every(a => a.readyState >= 1 || a.error)")
    found = page.execute_script(
        "return [...document.querySelectorAll('audio[src]')].map(a => [a.src, a.readyState, !!a.error, a.duration])"
    )
    # 8 of the night, one missing, 8 of the odd of which 5 are shown, and the song
    assert len(found) >= 12
    assert [each for each in found if each[1] < 1 or each[2] or not each[3] > 3] == []
    assert complaints(page) == []


def test_no_request_leaves_this_machine(browser: Any, address: str) -> None:
    page = opened(browser, address)
    wait_for(page, "document.readyState === 'complete'")
    sent = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [
        each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"
    ]
    assert any(url.endswith("report.html") for url in urls)
    places = {(urlsplit(url).scheme, urlsplit(url).hostname) for url in urls}
    assert places <= {("file", None), ("file", ""), ("data", None), ("http", "127.0.0.1")}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_as_wide_as_its_window(browser: Any, reported: Path, width: int) -> None:
    page = opened(browser, reported.as_uri(), width)
    wide, window = page.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert window == width
    assert wide <= window
    beyond = page.execute_script(
        "return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scrolling, svg'))"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"
    )
    assert beyond == []


@pytest.mark.parametrize("width", WIDTHS)
def test_all_text_is_large_enough_to_read(browser: Any, reported: Path, width: int) -> None:
    page = opened(browser, reported.as_uri(), width)
    small = page.execute_script(
        "const found = [];"
        "for (const each of document.querySelectorAll('svg text')) {"
        "  const box = each.ownerSVGElement.getBoundingClientRect();"
        "  const scale = box.width / each.ownerSVGElement.viewBox.baseVal.width;"
        "  const size = parseFloat(getComputedStyle(each).fontSize) * scale;"
        "  if (size < 11 || each.getBoundingClientRect().height < 11) found.push([each.textContent, size]);"
        "}"
        "const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
        "while (walker.nextNode()) {"
        "  const parent = walker.currentNode.parentElement;"
        "  if (!walker.currentNode.data.trim() || parent.closest('svg, script, style')) continue;"
        "  const size = parseFloat(getComputedStyle(parent).fontSize);"
        "  if (size < 11) found.push([walker.currentNode.data, size]);"
        "}"
        "return found;"
    )
    assert page.execute_script("return document.querySelectorAll('svg text').length") > 10
    assert small == []


def test_text_of_a_chart_stays_inside_it(browser: Any, reported: Path) -> None:
    for width in WIDTHS:
        page = opened(browser, reported.as_uri(), width)
        outside = page.execute_script(
            "return [...document.querySelectorAll('.charts svg text')].filter(each => {"
            "  const a = each.getBoundingClientRect(), b = each.ownerSVGElement.getBoundingClientRect();"
            "  return a.right > b.right + 2 || a.left < b.left - 2;"
            "}).map(each => each.textContent)"
        )
        assert outside == []


def test_a_row_has_three_charts_in_a_wide_window_and_one_in_a_narrow_one(
    browser: Any, reported: Path
) -> None:
    for width, columns in zip(WIDTHS, (3, 1), strict=True):
        page = opened(browser, reported.as_uri(), width)
        lefts = page.execute_script(
            "return [...document.querySelectorAll('.charts figure')].map(e => e.getBoundingClientRect().left)"
        )
        assert len(set(lefts)) == min(columns, len(lefts))


@pytest.mark.long
def test_a_point_of_the_map_plays_its_clip(browser: Any, address: str) -> None:
    page = opened(browser, address)
    point = page.execute_script(
        "const each = document.querySelector('.map a[href]');"
        "each.scrollIntoView({block: 'center'}); return each;"
    )
    point.click()
    wait_for(page, "document.querySelector('#map-player').currentTime > 0.05")
    assert page.execute_script("return document.querySelector('#map-player').offsetWidth") > 100
    assert page.execute_script("return location.href").partition("#")[0] == address
    told = page.execute_script("return document.querySelector('#now').textContent")
    assert told.startswith("clip ")
    assert told == point.get_attribute("aria-label")
    page.execute_script("document.querySelector('.player audio').play()")
    wait_for(page, "document.querySelector('#map-player').paused")  # one sound at a time
    assert not page.execute_script("return document.querySelector('#map-player').ended")
    assert complaints(page) == []


@pytest.mark.long
def test_the_map_works_with_the_keyboard_alone(browser: Any, address: str) -> None:
    from selenium.webdriver.common.keys import Keys

    page = opened(browser, address)
    stops = page.execute_script("return document.querySelectorAll('.map a[tabindex=\"0\"]').length")
    assert stops == 1
    page.execute_script("document.querySelector('.map a[tabindex=\"0\"]').focus()")
    first = page.execute_script("return document.activeElement.getAttribute('aria-label')")
    seen = {first}
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_DOWN):
        page.switch_to.active_element.send_keys(key)
        seen.add(page.execute_script("return document.activeElement.getAttribute('aria-label')"))
    assert len(seen) > 1
    assert all(label.startswith("clip ") for label in seen)
    page.execute_script("document.querySelector('.map a[href]').focus()")
    page.switch_to.active_element.send_keys(Keys.ENTER)
    wait_for(page, "document.querySelector('#map-player').currentTime > 0.05")


def test_the_map_changes_its_colours(browser: Any, reported: Path) -> None:
    page = opened(browser, reported.as_uri())

    def colours() -> list[str]:
        found: list[str] = page.execute_script(
            "return [...document.querySelectorAll('.map a')]"
            ".map(each => getComputedStyle(each.querySelector('use, path')).fill)"
        )
        return found

    page.execute_script("document.querySelector('.mapping').scrollIntoView()")
    seen = []
    for label in page.execute_script("return [...document.querySelectorAll('.mapping label')]"):
        label.click()
        seen.append(colours())
        legends = page.execute_script(
            "return [...document.querySelectorAll('.mapping .legend')].filter(e => e.offsetWidth).length"
        )
        assert legends == 1
    assert len(seen) == 3
    assert all(len(set(each)) > 1 for each in seen)
    assert seen[0] != seen[1] != seen[2] != seen[0]


def test_html_in_names_is_shown_and_not_run(browser: Any, address: str) -> None:
    page = opened(browser, address)
    wait_for(page, "document.readyState === 'complete'")
    assert page.title.endswith(" · report")
    assert page.execute_script("return document.querySelectorAll('main img, main script').length") == 0
    text = page.execute_script("return document.body.textContent")
    assert text.count(SCRIPT) >= 4  # a run's name, a note, a song


def test_formats_without_a_player_and_missing_files_are_explained(browser: Any, address: str) -> None:
    page = opened(browser, address)
    assert page.execute_script("return document.querySelectorAll('.map a:not([href])').length") == 2


def test_a_point_of_a_chart_links_to_its_checkpoint(browser: Any, address: str) -> None:
    page = opened(browser, address)
    page.execute_script("for (const each of document.querySelectorAll('details')) each.open = false;")
    target = page.execute_script(
        "const each = document.querySelector('.charts a[href]');"
        "each.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));"
        "return each.getAttribute('href');"
    )
    wait_for(page, f"document.querySelector('{target}').open")


@pytest.mark.long
def test_without_javascript_every_clip_is_shown(browser: Any, address: str) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = opened(browser, address)
        assert complaints(page) == []
        assert "Clips to hear first" in page.page_source
        assert page.page_source.count("<audio controls") >= 12
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
