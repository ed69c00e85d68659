"""Moments, selections on the map, downloads, undo beside others, and a narrow screen, in a real browser."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, chromium
from tests.interfaces.web.rooms import undoing
from tests.support import EVERY_METRIC, RATE, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions
from thresher.curation.clips.listing import ClipRow, rows_of
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
]

ENTER, ESCAPE = "\ue007", "\ue00c"
SAYS = "return document.querySelector('.says-text').textContent"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, sound: MakeSound) -> Iterator[Catalog]:
    """Clip 2 has 6 s of clip 1 from 5 s on, clip 3 is a copy of clip 1, and there are two other clips."""
    home = tmp_path_factory.mktemp("hearing")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    (home / "night").mkdir()
    one, two = sound(1, 12.0), sound(2, 14.0)
    two[5 * RATE : 11 * RATE] = one[3 * RATE : 9 * RATE]
    for number, y in enumerate((one, two, 0.5 * one, sound(4, 2.0), sound(5, 2.0)), start=1):
        soundfile.write(home / f"night/night_epoch_{number // 3}_{number}.wav", y, RATE)
    with Catalog.open(home / "catalog.toml") as opened:
        ingest(opened, [home / "night"], IngestOptions(executor="serial"))
        yield opened


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as running:
        yield running


def opened(driver: Any, address: str, width: int = 1280, clips: int = 5) -> Page:
    page = Page(driver, address, width)
    page.wait("selection", f"m.ids.value.length === {clips} && m.rowOf(1) !== undefined")
    return page


def row(catalog: Catalog, clip_id: int) -> ClipRow:
    return rows_of(catalog, [clip_id])[0]


def test_keys_that_can_do_nothing_say_why(driver: Any, address: str) -> None:
    page = opened(driver, address)

    def said(key: str) -> str:
        page.value("judge", "void (m.said.value = '')")
        page.press(key)
        page.wait("judge", "m.said.value !== ''")
        found: str = page.run(SAYS)
        return found

    assert said("k") == "this is the first clip"
    assert said("r").startswith("select a region first")
    page.search("nothing")
    page.wait("selection", "m.ids.value.length === 0")
    for key in ("4", "x", "X", "t", "n", "l", "c"):
        assert said(key) == "no clip of the list is selected", key
    for key in ("j", "Z"):
        assert said(key) == "the list is empty", key
    page = Page(driver, address.replace("/?", "/?q=nothing&"))
    page.wait("selection", "m.isFound.value")
    for key in (" ", "\ue014", "z", "s", "b", "i", "L"):
        assert said(key) == "no clip of the list is selected", key
    view = "return document.getElementById('view').dataset.view"
    page.press("d")
    page.wait_until(lambda: page.run(view) == "duplicates")
    assert said("Y") == "this clip has no duplicate here"
    page.press("q")
    page.wait_until(lambda: page.run(view) == "listen")
    assert said("J") == "no clip of the list is selected"
    page.press("m")
    page.wait_until(lambda: page.run(view) == "map")
    assert said("p") == "no clip of the list is selected"


def test_a_sentence_about_what_was_done_goes_away_and_hides_no_click(driver: Any, address: str) -> None:
    page = opened(driver, address, 400)
    page.press("r")
    page.wait_until(lambda: page.run(SAYS).startswith("select a region first"))
    text, width = page.run(
        "const says = document.querySelector('.says-text');"
        "const box = says.getBoundingClientRect();"
        "const under = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
        "return [under.closest('.says-text') === null && says.scrollWidth <= says.clientWidth, box.width]"
    )
    assert text
    assert width <= 400
    page.wait_until(lambda: page.run(SAYS) == "")


def test_a_list_without_clips_keeps_the_selected_clip_for_the_next_list(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.value("selection", "void (m.selected.value = 4)")
    page.search("nothing")
    page.wait("selection", "m.ids.value.length === 0")
    assert page.selected() == 4
    page.press("q")
    page.wait_until(lambda: page.run("return document.querySelector('.plan') !== null"))
    page.press("g")
    page.search("epoch:0..9")
    page.wait("selection", "m.ids.value.length === 5")
    assert page.selected() == 4


@pytest.mark.parametrize(
    "clicked", ["#views [data-view-link=map]", ".slider input", ".map summary", "header [data-action=help]"]
)
def test_keys_are_those_of_the_player_after_a_click_with_the_mouse(
    driver: Any, address: str, clicked: str
) -> None:
    page = opened(driver, address.replace("/?", "/map?"))
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    page.click(clicked)
    if "help" in clicked:
        page.press(ESCAPE)
        page.wait_until(lambda: page.run("return document.querySelector('dialog') === null"))
    page.press(" ")
    page.wait("player", "m.playing.value?.id === 1")
    page.press("\ue015")  # arrow down
    page.wait("player", "m.playing.value?.id === 2")
    page.press(ESCAPE)
    page.value("player_settings", "void (m.volume.value = 1)")


def test_clips_with_the_moment_come_first_and_play_from_there(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.value("player_settings", "void (m.loop.value = { from: 3.5, to: 8.5 })")
    page.press("L")
    page.wait_until(lambda: "occurs in 2 clips" in page.run(SAYS))
    assert set(page.value("selection", "m.ids.value.slice(1, 3)")) == {2, 3}
    place = page.value("selection", "m.placeOf(2)")
    page.press(*"j" * place)
    page.wait(
        "player", "m.playing.value?.id === 2 && m.playing.value.offset > 5.2 && m.playing.value.offset < 5.8"
    )
    page.press(ESCAPE, "g")
    page.wait("selection", "m.ids.value[1] === 2 && m.ids.value.length === 5")
    assert page.run("return location.search") == ""
    page.wait_until(lambda: "copy of 1" in page.run("return document.getElementById('clip-3').textContent"))
    page.press("d")
    page.wait("card", "m.notes.get(3) === 'copy of 1'")
    flags = "return [...document.querySelectorAll('#clip-3 .flag')].map((each) => each.textContent)"
    page.wait_until(lambda: page.run(flags) == ["copy of 1", "new"])
    assert page.complaints() == []


def test_what_is_selected_on_the_map_is_rated_undone_and_downloaded_by_keys(
    driver: Any, address: str, catalog: Catalog, tmp_path: Path
) -> None:
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    page = opened(driver, address)
    page.search("epoch:0..9")
    page.press("Q", "all nights", ENTER)
    page.wait_until(lambda: page.run(SAYS) == "saved: query:all nights")
    page.search('query:"all nights"')
    page.wait("selection", "m.queryProblem.value === null && m.ids.value.length === 5")
    page.press("m")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    page.press("p", "j", "p")
    page.wait("selection", "m.chosen.value.length === 2")
    assert "2 / 2" in page.run("return document.querySelector('.legend').textContent")
    page.press("4")
    page.wait_until(lambda: [row(catalog, each).rating for each in (1, 2, 3)] == [4, 4, None])
    page.press("u")
    page.wait_until(lambda: [row(catalog, each).rating for each in (1, 2)] == [None, None])
    page.press("z")
    page.wait_until((tmp_path / "clips.zip").exists)
    with zipfile.ZipFile(tmp_path / "clips.zip") as archive:
        assert (
            archive.read("night_epoch_0_1.wav") == (catalog.root / "night/night_epoch_0_1.wav").read_bytes()
        )
        assert len(archive.namelist()) == 2
    page.press("g")
    page.wait("selection", "m.chosen.value.length === 0")
    dragged = page.run(
        "const data = new DataTransfer();"
        "document.querySelector('.card').dispatchEvent(new DragEvent('dragstart', {dataTransfer: data}));"
        "return data.getData('DownloadURL')"
    )
    assert dragged == f"audio/wav:night_epoch_0_1.wav:{address.partition('?')[0]}files/1"
    assert page.complaints() == []


def test_the_map_follows_decisions_of_this_page_and_of_others(
    driver: Any, address: str, catalog: Catalog
) -> None:
    def legend() -> list[str]:
        shown = "return [...document.querySelectorAll('.legend li')].map((each) => each.textContent.trim())"
        found: list[str] = page.run(shown)
        return found

    with undoing(catalog):
        page = opened(driver, address.replace("/?", "/map?colour=rating&"))
        page.wait_until(lambda: legend() == ["none 5"])
        page.press("4")
        page.wait_until(lambda: legend() == ["4 1", "none 4"])
        decisions.rate(catalog, "2", 3)
        page.wait_until(lambda: legend() == ["3 1", "4 1", "none 3"])
        page.press("p", "j", "p", "x")
        page.wait_until(lambda: [row(catalog, each).rejected for each in (1, 2)] == [True, True])
        page.wait_until(lambda: legend() == ["none 3"])
        assert page.value("selection", "m.chosen.value") == []
        page.press("u")
        page.wait_until(lambda: legend() == ["3 1", "4 1", "none 3"])
        page.press("p")
        page.run("document.querySelector('.chosen button').focus()")
        decisions.reject(catalog, "5")
        page.wait_until(lambda: legend() == ["3 0 / 1", "4 0 / 1", "none 1 / 2"])
        assert page.run("return document.activeElement.closest('.chosen') !== null")
        page = opened(driver, address.replace("/?", "/map?colour=rating&"), clips=4)
        page.wait_until(lambda: legend() == ["3 1", "4 1", "none 2"])
        decisions.unreject(catalog, "5")
        page.wait_until(lambda: legend() == ["3 1", "4 1", "none 3"])
        assert page.complaints() == []


def test_a_note_field_that_is_left_as_it_is_changes_no_note(
    driver: Any, address: str, catalog: Catalog
) -> None:
    def ask_for_note() -> str:
        """Press the key; return what the dialog begins with, once it is known."""
        page.press("n")
        page.wait_until(
            lambda: page.run("return document.querySelector('dialog.ask input')?.readOnly === false")
        )
        found: str = page.run(
            "const field = document.querySelector('dialog.ask input');"
            "return `${field.value}|${field.closest('dialog').querySelector('.facts').textContent}`"
        )
        return found

    def answer(*keys: str) -> None:
        page.press(*keys)
        page.wait_until(lambda: page.run("return document.querySelector('dialog') === null"))

    def notes() -> list[str | None]:
        return [row(catalog, each).note for each in (1, 2, 3)]

    with undoing(catalog):
        decisions.note(catalog, "1", "first\nline")
        decisions.note(catalog, "2", "second")
        page = opened(driver, address.replace("/?", "/map?"))
        page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
        made = len(decisions.history(catalog))
        assert ask_for_note() == "firstline|"
        answer(ENTER)
        page.press("p", "j", "p", "j", "p")
        page.wait("selection", "m.chosen.value.length === 3")
        assert ask_for_note() == "|These clips have different notes. What you write replaces them."
        answer(ENTER)
        assert len(decisions.history(catalog)) == made
        assert ask_for_note().startswith("|")
        answer("same", ENTER)
        page.wait_until(lambda: notes() == ["same", "same", "same"])
        assert ask_for_note() == "same|"
        answer("\ue003", ENTER)  # Backspace erases what is selected
        page.wait_until(lambda: notes() == [None, None, None])
        decisions.note(catalog, "2", "second")
        assert "different" in ask_for_note()
        page.run(
            "[...document.querySelectorAll('dialog button')].find((each) => each.value === 'remove').click()"
        )
        page.wait_until(lambda: notes() == [None, None, None])
        assert page.complaints() == []


def test_tags_that_change_nothing_are_not_called_a_change(
    driver: Any, address: str, catalog: Catalog
) -> None:
    def tag(text: str) -> str:
        page.press("t")
        page.wait_until(lambda: page.run("return document.querySelector('dialog.ask input') !== null"))
        page.press(text, ENTER)
        page.wait_until(lambda: page.run("return document.querySelector('dialog') === null"))
        page.wait_until(lambda: page.run(SAYS))
        found: str = page.run(SAYS)
        return found

    with undoing(catalog):
        page = opened(driver, address)
        assert tag("riff") == "clip 1 tagged"
        assert tag("riff") == "no tag of clip 1 changed"
        assert tag("-loud") == "no tag of clip 1 changed"
        assert tag("-riff") == "clip 1 tagged"
        page.value("judge", "void (m.said.value = '')")
        assert tag(" , ") == "no tag was given"
        page.value("judge", "void (m.said.value = '')")
        assert tag("-") == "no tag was given"


def test_keys_that_change_nothing_do_not_say_that_they_did(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("X")
    page.wait_until(lambda: page.run(SAYS) == "clip 1 not rejected")
    page.press("n")
    page.wait_until(lambda: page.run("return document.querySelector('dialog.ask input') !== null"))
    page.press("  ", ENTER)
    page.wait_until(lambda: page.run(SAYS) == "no note on clip 1 changed")
    assert decisions.history(catalog, 1) == [] or decisions.history(catalog, 1)[0].verb != "note"


def test_undo_reverts_this_page_s_decision_and_nobody_else_s(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.search("rated:no")
    page.press("j", "5")
    page.wait_until(lambda: row(catalog, 2).rating == 5)
    page.wait("selection", "!m.ids.value.includes(2) && m.selected.value === 3")
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    other = Page(driver, address)
    other.wait("selection", "m.ids.value.length === 5 && m.rowOf(1) !== undefined")
    other.press("3")
    other.wait_until(lambda: row(catalog, 1).rating == 3)
    driver.close()
    driver.switch_to.window(first)
    decisions.rate(catalog, "4", 2)
    page.press("u")
    page.wait("selection", "m.selected.value === 2 && m.ids.value.includes(2)")
    assert [row(catalog, each).rating for each in (1, 2, 4)] == [3, None, 2]
    page.press("u")
    page.wait_until(lambda: "nothing on this page" in page.run(SAYS))
    assert [row(catalog, each).rating for each in (1, 2, 4)] == [3, None, 2]


def test_another_output_is_chosen_by_key_and_kept_and_one_that_is_gone_is_reported(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    page.press("O")
    page.wait_until(lambda: page.run(SAYS) == "output: Fake Audio Output 1")
    page = opened(driver, address)
    kept = page.value("player_settings", "m.output.value")
    page.wait_until(
        lambda: page.run("return [...document.querySelectorAll('.slider select')].at(-1)?.value") == kept
    )
    page.press("j")
    page.wait("player", "m.playing.value?.id === 2")
    assert page.run("return document.querySelector('#player .problem').textContent") == ""
    page.value("player_settings", "void (m.output.value = 'gone')")
    page.wait("player", "m.playProblem.value?.includes('is not there')")
    page.press("O", "O", "O")
    page.wait("player_settings", "m.output.value === ''")
    page.press(ESCAPE)


REFUSING = """
const refused = () => Promise.reject(new DOMException('not allowed', 'NotAllowedError'));
navigator.mediaDevices.enumerateDevices = refused;
navigator.locks.request = refused;
AudioContext.prototype.resume = refused;
Object.defineProperty(BaseAudioContext.prototype, 'state', { get: () => 'suspended' });
"""


def test_what_the_browser_refuses_is_said_and_ends_in_no_error(
    driver: Any, address: str, catalog: Catalog
) -> None:
    script = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": REFUSING})
    try:
        page = opened(driver, address)
        page.press("O")
        page.wait_until(lambda: page.run(SAYS) == "the browser does not tell its outputs: not allowed")
        page.press("j")
        page.wait("player", "m.playProblem.value?.includes('start the sound output')")
        with undoing(catalog):
            decisions.rate(catalog, "2", 3)
            page.wait("selection", "m.rowOf(2)?.rating === 3")  # changes arrive without locks
        assert page.complaints() == []
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_at_400_pixels_a_thumb_reaches_tag_note_mark_split_and_download(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address, 400)
    shown = (
        "return ['tag', 'note', 'mark', 'split', 'download'].map((name) =>"
        " [...document.querySelectorAll(`#player [data-action=${name}]`)].some((each) => each.offsetHeight >= 40))"
    )
    assert page.run(shown) == [False] * 5
    page.run("document.querySelector('#player [data-action=more]').click()")
    assert page.run(shown) == [True] * 5
    names = (
        "return [...document.querySelectorAll('#player [data-action]')]"
        ".filter((each) => each.offsetHeight > 0).map((each) => each.dataset.action)"
    )
    assert len(page.run(names)) == len(set(page.run(names)))
    assert page.run("return document.documentElement.scrollWidth") <= 400
    page.run("document.querySelector('#player [data-action=tag]').click()")
    page.wait_until(lambda: page.run("return document.querySelector('dialog.ask input') !== null"))
    page.press("thumb", ENTER)
    page.wait_until(lambda: row(catalog, 1).tags == ("thumb",))
