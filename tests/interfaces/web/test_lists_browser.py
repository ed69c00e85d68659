"""Lists longer than the screen, in a real browser: where they end, and what stays in view while they change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, serving
from tests.interfaces.web.rooms import undoing
from tests.support import EVERY_METRIC, RATE, MakeCatalog, MakeSound, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.heard import mark_heard

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
]

COUNT = 60
HOME, END, PAGE_UP, PAGE_DOWN, UP, DOWN = "\ue011", "\ue010", "\ue00e", "\ue00f", "\ue013", "\ue015"
SAYS = "return document.querySelector('.says-text').textContent"
IN_VIEW = """
const card = document.getElementById(`clip-${arguments[0]}`)?.getBoundingClientRect();
const list = document.querySelector('.scroller').getBoundingClientRect();
return card !== undefined && card.top >= list.top - 1 && card.bottom <= list.bottom + 1;
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Iterator[Catalog]:
    """Sixty clips of half a second."""
    home = tmp_path_factory.mktemp("lists")
    Catalog.create(home).close()
    for number in range(1, COUNT + 1):
        write_clip(home / f"night/night_epoch_{number // 20}_{number:02}.wav", number, 0.5)
    with Catalog.open(home / "catalog.toml") as opened:
        ingest(opened, [home / "night"], IngestOptions(executor="serial"))
        yield opened


@pytest.fixture(autouse=True)
def as_before(catalog: Catalog) -> Iterator[None]:
    """Undo what a test decided."""
    with undoing(catalog):
        yield


def opened(driver: Any, address: str, width: int = 1280, height: int = 700) -> Page:
    page = Page(driver, address, width, height)
    page.wait("selection", f"m.ids.value.length === {COUNT} && m.rowOf(1) !== undefined")
    page.wait_until(lambda: page.run("return document.querySelector('.scroller .card') !== null"))
    return page


def is_in_view(page: Page, clip_id: int) -> bool:
    found: bool = page.driver.execute_script(IN_VIEW, clip_id)
    return found


@pytest.mark.parametrize("view", ["", "tiles"])
def test_keys_at_the_ends_of_a_list_say_that_this_is_its_end(driver: Any, address: str, view: str) -> None:
    page = opened(driver, address.replace("/?", f"/{view}?"))

    def said(key: str) -> str:
        page.run("document.querySelector('.says-text').textContent = ''")
        page.press(key)
        found: str = page.run(SAYS)
        return found

    assert [said(key) for key in (HOME, PAGE_UP, UP, "k")] == ["this is the first clip"] * 4
    assert said(PAGE_DOWN) == ""
    assert said(END) == ""
    assert page.selected() == COUNT
    assert [said(key) for key in (END, PAGE_DOWN, DOWN, "j")] == ["this is the last clip"] * 4


def test_with_ears_only_a_low_tone_says_that_a_key_did_nothing(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.run(
        "window.tones = []; const Tone = window.OscillatorNode;"
        "window.OscillatorNode = class extends Tone {"
        "  constructor(on, options) { super(on, options); window.tones.push(options.frequency); } };"
    )
    page.value("confirm", "void (m.earsOnly.value = true)")
    try:
        for number, key in enumerate((HOME, "k", "s", "r", "U", "Q"), start=1):
            page.press(key)
            page.wait_until(lambda number=number: page.run("return window.tones") == [110] * number)
    finally:
        page.value("confirm", "void (m.earsOnly.value = false)")


def test_an_undo_about_many_clips_leaves_the_listener_at_the_selected_clip(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.value("judge", "m.reject(Array.from({ length: 30 }, (_, at) => at + 1)).then(() => null)")
    page.wait("selection", "m.ids.value.length === 30")
    page.value("selection", "void (m.selected.value = 40)")
    page.press("u")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    page.wait("judge", "m.said.value === 'undo: 30 clips rejected'")
    assert page.selected() == 40
    page.wait_until(lambda: is_in_view(page, 40))


def test_an_undo_about_many_clips_selects_the_first_one_if_the_selected_clip_has_left(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    page.value("judge", "m.rate([5, 6], 3).then(() => null)")
    page.wait("judge", "m.said.value.includes('★★★')")
    page.search("nothing")
    page.wait("selection", "m.ids.value.length === 0")
    page.press("u")
    page.wait("selection", "m.selected.value === 5 && m.ids.value.includes(5)")


def test_the_selected_clip_stays_in_view_while_the_list_and_its_size_change(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.value("selection", "void (m.selected.value = 50)")
    assert is_in_view(page, 50)
    page.press("w")
    page.wait_until(lambda: page.run("return document.querySelector('.tiles .card') !== null"))
    page.press("g")
    page.wait_until(lambda: page.run("return document.querySelector('.tiles') === null"))
    page.wait_until(lambda: is_in_view(page, 50))
    decisions.reject(catalog, "id:1..35")
    page.wait("selection", "m.ids.value.length < 30")
    page.wait_until(lambda: is_in_view(page, 50))
    decisions.unreject(catalog, "id:1..35 rejected:yes")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    page.wait_until(lambda: is_in_view(page, 50))
    page.search("epoch:0..9 id-")
    page.wait("selection", "m.ids.value[0] === 60")
    page.wait_until(lambda: is_in_view(page, 50))
    page.run("document.querySelector('.scroller').scrollTop = 0")
    page.search("epoch:0..9")
    page.wait("selection", "m.ids.value[0] === 1")
    page.wait_until(lambda: is_in_view(page, 50))
    size = {"width": 640, "height": 600, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.wait_until(lambda: page.run("return innerWidth") == 640)
    page.wait_until(lambda: is_in_view(page, 50))


def test_copies_that_the_lanes_leave_out_are_counted(
    driver: Any, new_catalog: MakeCatalog, tmp_path: Path, sound: MakeSound
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(EVERY_METRIC)
    for number in range(1, 7):
        soundfile.write(tmp_path / f"{number}.wav", sound(1, 6.0) * (1 - 0.1 * number), RATE)
    with Catalog.open(tmp_path / "catalog.toml") as copied:
        ingest(copied, [tmp_path], IngestOptions(executor="serial"))
        with serving(copied) as where:
            page = Page(driver, where.replace("/?", "/duplicates?"))
            page.wait("selection", "m.ids.value.length === 6")
            (kept,) = {page.value("selection", "m.ids.value[0]")}
            page.value("selection", f"void (m.selected.value = {kept})")
            more = "return document.querySelector('.lanes .facts')?.textContent"
            page.wait_until(lambda: page.run(more) == f"and 2 more clips that share sound with clip {kept}")
            assert page.run("return document.querySelectorAll('.lane').length") == 4
            keep = "return document.querySelector('[data-action=pair-keep]').textContent"
            assert page.run(keep) == "Keep this, reject the 5 others"


def test_the_flags_of_a_card_say_what_is_special_about_its_clip(
    driver: Any, address: str, catalog: Catalog
) -> None:
    def flags(clip_id: int) -> list[str]:
        shown = (
            "const flags = document.querySelectorAll(`#clip-${arguments[0]} .flag`);"
            "return [...flags].map((each) => each.textContent)"
        )
        found: list[str] = page.driver.execute_script(shown, clip_id)
        return found

    page = opened(driver, address)
    page.wait_until(lambda: flags(1) == ["too short", "new"])
    mark_heard(catalog, [1])
    page.wait_until(lambda: flags(1) == ["too short"])
    decisions.reject(catalog, "1")
    page.wait_until(lambda: flags(1) == ["rejected", "too short"])
    page.value(
        "card", "void m.notes.set(1, 'rejected')"
    )  # a view may say of a clip what its card says anyway
    page.value("selection", "void (m.rowsVersion.value += 1)")
    page.value("selection", "void m.refresh([1])")
    page.wait_until(lambda: page.value("card", "m.notes.get(1)") == "rejected")
    page.driver.execute_async_script("setTimeout(arguments[0], 300)")
    assert flags(1) == ["rejected", "too short"]
