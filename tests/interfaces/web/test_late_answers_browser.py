"""Answers that arrive late, in another order, or not at all, in a real browser.

`hold` keeps the next answer from an address back until it is let go, so that no test depends on how fast it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, serving
from tests.interfaces.web.rooms import undoing
from tests.support import EVERY_METRIC, RATE, MakeCatalog, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import history, note
from thresher.curation.clips.listing import ClipRow, rows_of
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.heard import mark_heard

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
]

ESCAPE = "\ue00c"
SAYS = "return document.querySelector('.says-text').textContent"
SECONDS = 6.0
COUNT = 6

HELD = """
const now = window.fetch;
window.held = [];
window.asked = [];
window.broken = [];
window.fetch = async (url, options) => {
  window.asked.push(`${options?.method ?? 'GET'} ${url}`);
  const isIt = (each) => String(url).includes(each.part) && (options?.method ?? 'GET') === each.method;
  const gone = window.broken.findIndex(isIt);
  if (gone >= 0) {
    const [{ status }] = window.broken.splice(gone, 1);
    if (status === 0) throw new TypeError('Failed to fetch');
    return new Response(JSON.stringify({ error: 'not now', position: null }), { status });
  }
  const held = window.held.find((each) => each.answer === null && isIt(each));
  const answer = held ? (held.answer = now(url, options)) : now(url, options);
  if (held) {
    await answer.catch(() => null);
    held.isThere = true;
    await held.go;
  }
  return answer;
};
"""


class SlowPage(Page):
    """A page whose answers can be held back."""

    def hold(self, part: str, method: str = "GET") -> int:
        """Hold back the next answer from an address; return its number."""
        number: int = self.run(
            "const held = { part: arguments[0], method: arguments[1], answer: null, isThere: false };"
            "held.go = new Promise((resolve) => { held.let = resolve; });"
            "return window.held.push(held) - 1",
            part,
            method,
        )
        return number

    def is_held(self, number: int) -> bool:
        """Return whether the answer is there."""
        found: bool = self.run("return window.held[arguments[0]].isThere", number)
        return found

    def let_go(self, number: int) -> None:
        """Let the answer arrive, and what follows from it happen."""
        self.wait_until(lambda: self.is_held(number))
        self.driver.execute_async_script(
            "const done = arguments[1]; window.held[arguments[0]].let(); setTimeout(done, 200);", number
        )

    def break_next(self, part: str, method: str = "GET", status: int = 0) -> None:
        """Let the next request to an address fail: with a status, or, with 0, without an answer."""
        self.run(
            "window.broken.push({ part: arguments[0], method: arguments[1], status: arguments[2] })",
            part,
            method,
            status,
        )

    def rest(self, milliseconds: int) -> None:
        """Let the page go on for a while."""
        self.driver.execute_async_script("setTimeout(arguments[1], arguments[0])", milliseconds)

    def note_requests(self) -> None:
        """Note the methods and addresses that are asked for from now on."""
        self.run("window.asked = []")

    def requests(self, part: str) -> list[str]:
        """Return the noted requests that hold a part."""
        return [each for each in self.run("return window.asked") if part in each]

    def run(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)


@dataclass(frozen=True)
class Room:
    """A catalog and the address at which it is served."""

    catalog: Catalog
    address: str

    def row(self, clip_id: int) -> ClipRow:
        return rows_of(self.catalog, [clip_id])[0]

    def newest_decision(self) -> int:
        return max((entry.id for entry in history(self.catalog)), default=0)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, sound: MakeSound) -> Iterator[Catalog]:
    """Six clips of three epochs; clip 6 is a copy of clip 1."""
    home = tmp_path_factory.mktemp("late")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    (home / "night").mkdir()
    for number in range(1, COUNT):
        soundfile.write(home / f"night/night_epoch_{number // 2}_{number}.wav", sound(number, SECONDS), RATE)
    soundfile.write(home / "night/night_epoch_3_6.wav", 0.5 * sound(1, SECONDS), RATE)
    with Catalog.open(home / "catalog.toml") as opened:
        ingest(opened, [home / "night"], IngestOptions(executor="serial"))
        yield opened


@pytest.fixture(scope="module")
def room(catalog: Catalog) -> Iterator[Room]:
    with serving(catalog) as address:
        yield Room(catalog, address)


@pytest.fixture(autouse=True)
def as_before(catalog: Catalog) -> Iterator[None]:
    """Undo what a test decided."""
    with undoing(catalog):
        yield


def opened(driver: Any, room: Room) -> SlowPage:
    """Open the page, and wait until it knows the newest decision."""
    page = SlowPage(driver, room.address)
    page.wait("selection", f"m.ids.value.length === {COUNT} && m.rowOf(1) !== undefined")
    page.wait("changes", f"m.newest.value.decision === {room.newest_decision()} && m.newest.value.clip > 0")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.card.waiting').length === 0"))
    page.run(HELD)
    page.complaints()
    return page


def list_of(page: Page) -> list[int]:
    found: list[int] = page.value("selection", "m.ids.value")
    return found


def view(page: Page, name: str) -> None:
    page.value("views", f"void m.go({{ view: '{name}' }})")
    page.wait("views", f"document.getElementById('view').dataset.view === '{name}'")


EVERY = list(range(1, COUNT + 1))


def test_a_session_that_arrives_after_its_view_was_left_changes_no_other_view(
    driver: Any, room: Room
) -> None:
    page = opened(driver, room)
    held = page.hold("/api/listening")
    view(page, "listen")
    view(page, "clips")
    page.let_go(held)
    assert list_of(page) == EVERY


def test_a_session_that_begins_after_its_view_was_left_changes_no_other_view(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.search("epoch:0..1")
    page.wait("selection", "m.ids.value.length === 3")
    view(page, "listen")
    page.wait_until(lambda: page.run("return document.querySelector('.plan') !== null"))
    held = page.hold("/api/listening", "POST")
    page.run("document.querySelector('.plan input').focus()")
    page.press("\ue007")
    page.wait_until(lambda: page.is_held(held))
    view(page, "clips")
    page.search("epoch:2")
    page.wait("selection", "m.ids.value.length === 2")
    before = page.selected()
    page.let_go(held)
    assert (list_of(page), page.selected()) == ([4, 5], before)
    page.value("selection", "m.findAgain()")
    assert list_of(page) == [4, 5]


def test_a_map_that_arrives_after_its_view_was_left_selects_nothing(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "map")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    page.press("p", "j", "p")
    page.wait("selection", "m.chosen.value.length === 2")
    held = page.hold("/api/map")
    page.search("epoch:0..9")
    page.wait_until(lambda: page.is_held(held))
    view(page, "clips")
    page.let_go(held)
    assert page.value("selection", "m.chosen.value") == []


def test_colours_of_a_former_query_do_not_replace_those_of_the_present_one(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.search("epoch:0")
    view(page, "map")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    held = page.hold("/api/values")
    page.search("epoch:1")
    page.wait_until(lambda: page.is_held(held))
    page.search("epoch:2")
    legend = "return document.querySelector('.legend').textContent"
    page.wait_until(lambda: page.run(legend).strip() == "2 2")
    page.let_go(held)
    assert page.run(legend).strip() == "2 2"


def test_a_moment_that_arrives_after_its_list_was_left_marks_no_clip(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    held = page.hold("/moment")
    page.press("L")
    page.wait_until(lambda: page.is_held(held))
    page.press("g")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    page.let_go(held)
    assert page.value("moment", "m.starts.size") == 0
    assert page.value("card", "m.notes.size") == 0
    assert "sound like it" not in page.run(SAYS)


def test_the_sentence_about_a_decision_stays_while_a_moment_is_shown(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.press("L")
    page.wait_until(lambda: "sound like it" in page.run(SAYS))
    page.press("4")
    page.wait("judge", "m.said.value.includes('★★★★')")
    page.value("selection", "m.findAgain()")
    assert "★★★★" in page.run(SAYS)


def test_checkpoints_of_a_former_query_do_not_replace_those_of_the_present_one(
    driver: Any, room: Room
) -> None:
    page = opened(driver, room)
    view(page, "checkpoints")
    lines = "return document.querySelectorAll('.checkpoints tbody tr').length"
    page.wait_until(lambda: page.run(lines) == 4)
    held = page.hold("/api/checkpoints")
    page.search("epoch:0..1")
    page.wait_until(lambda: page.is_held(held))
    page.search("epoch:2")
    page.wait_until(lambda: page.run(lines) == 1)
    page.let_go(held)
    assert page.run(lines) == 1


def test_a_note_on_a_checkpoint_is_asked_for_stored_and_undone(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "checkpoints")
    note = (
        "[...document.querySelectorAll('.verdicts button')].find((each) => each.textContent.includes('note'))"
    )
    page.wait_until(lambda: page.run(f"return {note} !== undefined"))
    page.run(f"{note}.click()")
    page.wait_until(lambda: page.run("return document.querySelector('dialog.ask input') !== null"))
    page.press("promising", "\ue007")
    page.wait_until(
        lambda: "promising" in page.run("return document.querySelector('.checkpoints').textContent")
    )
    page.press("u")
    page.wait_until(lambda: page.run(SAYS).startswith("undo: note on night"))
    page.wait_until(
        lambda: "promising" not in page.run("return document.querySelector('.checkpoints').textContent")
    )
    assert page.complaints() == []


def test_the_focus_stays_where_it_was_when_the_checkpoints_are_drawn_again(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    held = page.hold("/api/checkpoints")
    view(page, "checkpoints")
    assert "Computing the figures" in page.run("return document.getElementById('view').textContent")
    page.let_go(held)
    page.wait_until(lambda: page.run("return document.querySelector('.verdicts button') !== null"))
    assert "100\N{NO-BREAK SPACE}%" in page.run("return document.querySelector('.checkpoints').textContent")
    page.run("document.querySelector('.verdicts button').focus()")
    page.press("\ue007")  # Enter
    pressed = "return document.querySelector('.verdicts button').getAttribute('aria-pressed')"
    page.wait_until(lambda: page.run(pressed) == "true")
    assert page.run("return document.activeElement === document.querySelector('.verdicts button')")
    page.press("\ue007")
    page.wait_until(lambda: page.run(pressed) == "false")


def test_keys_are_those_of_the_player_after_clicks_in_the_checkpoints(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "checkpoints")

    def click(button: str, done: str) -> None:
        page.click(button)
        page.wait_until(lambda: page.run(f"return {done}"))

    def plays_by_space() -> bool:
        page.press(" ")
        page.wait("player", "m.playing.value?.id === 1")
        page.press(ESCAPE)
        page.wait("player", "m.playing.value === null")
        return True

    verdict, box, note = ".verdicts button", ".checkpoints input", ".verdicts button:last-child"
    for pressed in ("true", "false"):
        click(verdict, f"document.querySelector('{verdict}').ariaPressed === '{pressed}'")
        assert plays_by_space()
    click(box, f"document.querySelector('{box}').checked")
    assert plays_by_space()
    assert page.run(f"return document.querySelector('{box}').checked")
    click(note, "document.querySelector('dialog.ask') !== null")
    page.press("late", "\ue007")
    page.wait_until(lambda: "late" in page.run("return document.querySelector('.checkpoints').textContent"))
    assert plays_by_space()
    assert page.run("return document.querySelector('dialog') === null")


def test_the_focus_stays_on_the_control_of_a_list_that_is_drawn_again(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "map")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    page.run("document.querySelector('.map summary').focus()")
    page.press("\ue007")  # Enter
    page.wait_until(lambda: page.run("return document.querySelectorAll('.twin li').length") == COUNT)
    page.press("\ue004")  # Tab
    focus = "const at = document.activeElement; return at.ariaLabel ?? at.textContent.slice(0, 6)"
    for chosen in ([1], [], [1]):
        page.wait_until(lambda: page.run(focus) == "select clip 1")
        page.press(" ")
        page.wait("selection", f"JSON.stringify(m.chosen.value) === '{chosen}'")
    page.press("\ue004", "\ue007")
    page.wait("player", "m.playing.value?.id === 1")
    assert page.run(focus) == "clip 1"
    page.press(ESCAPE)


def test_the_checkpoints_are_scrolled_by_keys(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "checkpoints")
    page.wait_until(lambda: page.run("return document.querySelector('.plot') !== null"))
    size = {"width": 1280, "height": 500, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.wait_until(lambda: page.run("return innerHeight") == 500)
    top = "return document.getElementById('view').scrollTop"
    page.press("\ue00f")  # Page Down
    assert page.run(top) > 100
    page.press("\ue00f", "\ue00f", "\ue00f")
    assert page.run(SAYS) == "this is the end of the table"
    page.press("\ue00e", "\ue00e", "\ue00e", "\ue00e")
    assert page.run(top) == 0
    assert page.run(SAYS) == "this is the first plot"


def test_the_focus_goes_through_the_help_and_back_to_where_it_was(driver: Any, room: Room) -> None:
    from selenium.webdriver.common.by import By

    page = opened(driver, room)
    focus = (
        "const at = document.activeElement;"
        "return `${at.closest('dialog')?.className ?? ''}|${at.textContent || at.className}`"
    )
    page.run("document.querySelector('.grid').focus()")
    page.press("?")
    page.wait_until(lambda: page.run(focus) == "help|next clip")
    page.press("\ue004")  # Tab
    assert page.run(focus) == "help|previous clip"
    page.click("dialog h2")
    page.press("\ue004")
    assert page.run(focus) == "help|next clip"
    page.press("j")  # a dialog has its own keys
    assert page.selected() == 1
    page.press(ESCAPE)
    page.wait_until(lambda: page.run("return document.querySelector('dialog') === null"))
    assert page.run("return document.activeElement === document.querySelector('.grid')")
    page.press("?")
    page.wait_until(lambda: page.run(focus) == "help|next clip")
    driver.find_element(By.XPATH, "//dialog//button[text()='tag']").click()
    page.wait_until(lambda: page.run("return document.activeElement.closest('dialog')?.className") == "ask")
    page.press("riff", "\ue007")
    page.wait_until(lambda: room.row(1).tags == ("riff",))
    assert page.run("return document.activeElement === document.querySelector('.grid')")


def test_the_clips_like_a_moment_are_downloaded_and_no_others(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.press("L")
    page.wait("selection", "new URLSearchParams(location.search).has('near') && m.ids.value.length > 1")
    page.wait("judge", "m.said.value.includes('sound like it')")
    shown = ",".join(str(each) for each in list_of(page))
    page.note_requests()
    page.press("Z")
    page.wait_until(lambda: page.requests("/files?"))
    page.wait("judge", "m.said.value === 'downloading clips.zip'")
    assert page.requests("/files?") == [f"HEAD /files?ids={shown.replace(',', '%2C')}"]


def test_a_download_that_a_busy_server_refused_is_explained(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.break_next("/files/1", "HEAD", 503)
    page.break_next("/files/1", "GET", 503)
    page.press("z")
    page.wait("judge", "m.said.value === 'not now'")
    page.break_next("/files/1", "HEAD", 503)
    page.press("z")
    page.wait("judge", "m.said.value === 'the download could not begin; press the key again'")


def test_a_clip_is_carried_into_its_own_list_only(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.press("j", "l")
    page.wait("views", "m.place.value.query === 'near@likeness:2'")
    page.wait("selection", "m.ids.value[0] === 2")
    page.press("l")
    page.search("epoch:2")
    page.wait("selection", "m.ids.value.length === 2")
    assert list_of(page) == [4, 5]


def test_what_arrives_after_the_listener_went_on_does_not_lead_back(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    held = page.hold("heard%3Ano")
    page.press("h")
    page.wait_until(lambda: page.is_held(held))
    page.press("j", "j", "j")
    page.let_go(held)
    assert page.selected() == 4
    held = page.hold("/cluster")
    page.press("c")
    page.wait_until(lambda: page.is_held(held))
    page.press("k")
    page.let_go(held)
    assert page.selected() == 3
    assert page.value("views", "m.place.value.query") == ""


def test_similar_clips_do_not_follow_a_listener_who_went_on(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.value("actions", "void (m.goOn.value = true)")
    page.value("actions", "void (m.advance.value = true)")
    try:
        page.search("epoch:1")
        page.wait("selection", "m.ids.value.length === 2")
        page.value("selection", "void (m.selected.value = 3)")
        held = page.hold("/api/clips?q=near")
        page.press("4")
        page.wait_until(lambda: page.is_held(held))
        page.press("k")
        page.let_go(held)
        assert page.value("views", "m.place.value.query") == "epoch:1"
        assert page.selected() == 2
    finally:
        page.value("actions", "void (m.goOn.value = false)")
        page.value("actions", "void (m.advance.value = false)")


def test_an_undo_that_got_no_answer_can_be_tried_again(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.press("4")
    page.wait_until(lambda: room.row(1).rating == 4)
    page.wait("judge", "m.said.value.includes('★★★★')")
    page.break_next("/api/undo", "POST")
    page.press("u")
    page.wait("judge", "m.said.value.includes('does not answer')")
    page.press("u")
    page.wait("judge", "m.said.value.startsWith('undo')")
    assert room.row(1).rating is None


def begin_session(page: Page) -> None:
    """Begin a session with the clips of two epochs."""
    page.search("epoch:0..1")
    view(page, "listen")
    page.wait_until(lambda: page.run("return document.querySelector('.plan') !== null"))
    page.run("document.querySelector('.plan input').focus()")
    page.press("\ue007")
    page.wait("judge", "m.said.value === 'Space plays the first clip'")


@pytest.mark.parametrize("status", [0, 503])
def test_rows_that_could_not_be_read_are_read_again(driver: Any, room: Room, status: int) -> None:
    page = opened(driver, room)
    page.rest(500)  # the page looks again once it knows the newest decision
    page.break_next("/api/clips/rows", status=status)
    page.press("4")
    page.wait_until(lambda: page.run("return window.broken.length") == 0)
    page.wait_until(lambda: "★★★★" in page.run("return document.getElementById('clip-1').textContent"))


def test_the_state_of_a_session_is_that_of_the_latest_answer(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    begin_session(page)
    held = page.hold("/api/listening")
    page.press("4")
    page.wait_until(lambda: page.is_held(held))
    page.press("4")
    shown = "return document.querySelector('.session').textContent"
    page.wait_until(lambda: "2 of 3" in page.run(shown))
    page.let_go(held)
    assert "2 of 3" in page.run(shown)


def test_a_key_that_begins_a_session_twice_begins_one(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.search("epoch:0..1")
    view(page, "listen")
    page.wait_until(lambda: page.run("return document.querySelector('.plan') !== null"))
    page.note_requests()
    held = page.hold("/api/listening", "POST")
    page.run("document.querySelector('.plan input').focus()")
    page.press("\ue007", "\ue007")
    page.let_go(held)
    page.wait("judge", "m.said.value === 'Space plays the first clip'")
    assert page.requests("POST /api/listening") == ["POST /api/listening"]


def test_a_session_is_listed_though_its_first_answer_failed(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    begin_session(page)
    view(page, "clips")
    page.search("epoch:2")
    page.break_next("/api/listening")
    view(page, "listen")
    page.wait("judge", "m.said.value.includes('does not answer')")
    page.value("changes", "void (m.newest.value = { ...m.newest.value })")
    page.wait("selection", "m.ids.value.length === 3")


def test_what_was_judged_in_a_session_can_be_undone_after_it_was_heard_again(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    begin_session(page)
    page.wait("selection", "m.ids.value.length === 3")
    clip = page.selected()
    assert clip is not None
    page.press("4")
    page.wait_until(lambda: room.row(clip).rating == 4)
    page.wait("judge", f"m.session.value.clips.find(({{ id }}) => id === {clip}).done")
    page.value("selection", f"void (m.selected.value = {clip})")
    page.note_requests()
    page.value("player", f"void m.ended.dispatchEvent(new CustomEvent('ended', {{ detail: {clip} }}))")
    page.rest(300)
    assert page.requests("/api/heard") == []
    page.press("u")
    page.wait_until(lambda: room.row(clip).rating is None and not room.row(clip).heard)


@pytest.mark.parametrize("key", ["L", "i", "z"])
def test_a_clip_that_is_not_loaded_yet_is_not_called_silent(driver: Any, room: Room, key: str) -> None:
    page = opened_at(driver, room, "id:1", 1)
    held = page.hold("/api/clips/rows?ids=2")
    page.search("id:2")
    page.wait("selection", "m.ids.value.includes(2) && m.selected.value === 2")
    page.wait_until(lambda: page.is_held(held))
    page.press(key)
    page.wait_until(lambda: page.run(SAYS) == "clip 2 is not loaded yet; press the key again in a moment")
    page.let_go(held)


def test_why_a_clip_could_not_be_played_is_said_of_that_clip_until_it_can(driver: Any, room: Room) -> None:
    def problems() -> list[str]:
        found: list[str] = page.run(
            "return ['#player .problem', '#clip-2 .why:not([hidden])'].map("
            "(where) => document.querySelector(where)?.textContent ?? '')"
        )
        return found

    page = opened(driver, room)
    page.break_next("/audio/2", status=503)
    page.press("j")
    page.wait_until(lambda: problems() == ["not now", "not now"])
    page.value("selection", "void (m.selected.value = 4)")
    page.wait_until(lambda: problems() == ["", "not now"])
    page.value("selection", "void (m.selected.value = 2)")
    page.press(" ")
    page.wait("player", "m.playing.value?.id === 2")
    page.wait_until(lambda: problems() == ["", ""])
    page.press(ESCAPE)
    page.break_next("/audio/5", status=0)
    page.value("selection", "void (m.selected.value = 5)")
    page.press(" ")
    page.wait_until(lambda: "does not answer" in problems()[0])
    page.value("changes", "void (m.newest.value = { ...m.newest.value, trouble: 'away' })")
    page.value("changes", "void (m.newest.value = { ...m.newest.value, trouble: null })")
    page.wait_until(lambda: problems() == ["", ""])
    assert page.value("player", "m.problems.size") == 0


def test_duplicates_of_another_query_leave_nothing_of_the_former_one(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "duplicates")
    page.wait("selection", "m.ids.value.length === 2 && m.selected.value === 1")
    page.search("epoch:2")
    page.wait_until(
        lambda: "no duplicates" in page.run("return document.querySelector('.session .status').textContent")
    )
    assert list_of(page) == []


def test_a_query_without_duplicates_says_so_once_its_clips_are_compared(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.search("epoch:1")
    page.wait("selection", "m.ids.value.length === 2")
    view(page, "duplicates")
    empty = "return document.querySelector('p.empty').textContent"
    page.wait_until(lambda: page.run(empty).startswith("No duplicates and no suspects"))


@pytest.mark.parametrize("key", ["j", "R"], ids=["another clip", "no region"])
def test_an_end_of_the_region_that_is_gone_is_dragged_no_further(driver: Any, room: Room, key: str) -> None:
    page = opened(driver, room)
    page.value("player_settings", "void (m.loop.value = { from: 1, to: 3 })")
    page.run(
        "const canvas = document.querySelector('canvas.sound'); const box = canvas.getBoundingClientRect();"
        "canvas.setPointerCapture = () => {};"
        "window.point = (kind, share) => canvas.dispatchEvent(new PointerEvent(kind,"
        " { clientX: box.left + share * box.width, clientY: box.top + 20, pointerId: 1, bubbles: true }));"
    )
    seconds = page.value("selection", "m.rowOf(1).seconds")
    page.run("window.point('pointerdown', arguments[0])", 1 / seconds)
    page.press(key)
    page.run("window.point('pointermove', 0.7)")
    assert page.value("player_settings", "m.loop.value") is None
    assert page.complaints() == []


def test_the_spectrum_is_that_of_the_range_chosen_last(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.rest(500)
    shown = "return document.querySelector('canvas.sound').toDataURL()"
    page.run(
        "const decode = Image.prototype.decode; window.decoded = [];"
        "Image.prototype.decode = async function () {"
        "  await decode.call(this);"
        "  if (window.decoded.push(this.src) > 1) return;"
        "  await new Promise((resolve) => { window.letDecode = resolve; });"
        "};"
    )
    page.value("sound_picture", "void (m.range.value = '2k')")
    page.wait_until(lambda: page.run("return window.decoded.length") == 1)
    page.value("sound_picture", "void (m.range.value = 'full')")
    page.wait_until(lambda: page.run("return window.decoded.length") == 2)
    page.rest(200)
    before = page.run(shown)
    page.run("window.letDecode()")
    page.rest(200)
    assert page.run(shown) == before


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory, sound: MakeSound) -> Iterator[Room]:
    """A room with a short clip, and one that is streamed."""
    home = tmp_path_factory.mktemp("long")
    Catalog.create(home).close()
    for number, seconds in ((1, SECONDS), (2, 130.0)):
        soundfile.write(home / f"{number}.wav", sound(number, seconds), RATE)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home], IngestOptions(executor="serial"))
        with serving(catalog) as address:
            yield Room(catalog, address)


def opened_at(driver: Any, room: Room, query: str, clip: int) -> SlowPage:
    page = SlowPage(driver, f"{room.address}&q={query}")
    page.wait("selection", f"m.ids.value.length === 1 && m.rowOf({clip}) !== undefined")
    page.run(HELD)
    return page


def test_a_long_clip_that_is_not_on_the_screen_is_streamed(driver: Any, long_clip: Room) -> None:
    page = opened_at(driver, long_clip, "id:1", 1)
    page.value("selection", "void (m.selected.value = 2)")
    page.value("player", "m.play(2)")
    page.wait("player", "m.playing.value?.id === 2 && m.position() > 0.1")
    assert page.requests("GET /audio/2") == []


def test_a_region_that_was_removed_before_its_sound_arrived_does_not_loop(
    driver: Any, long_clip: Room
) -> None:
    page = opened_at(driver, long_clip, "id:2", 2)
    page.value("player_settings", "void (m.loop.value = { from: 1, to: 1.3 })")
    held = page.hold("/audio/2")
    page.press("r")
    page.wait_until(lambda: page.is_held(held))
    page.press("R")
    page.let_go(held)
    page.wait("player", "m.playing.value?.id === 2 && m.position() > 1.6")


def test_a_view_that_ended_hears_of_no_change(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "tiles")
    page.value("views", "void m.go({ values: { order: 'chain' } })")
    page.wait_until(lambda: page.run("return document.querySelector('.session select').value") == "chain")
    page.note_requests()
    view(page, "clips")
    page.value("selection", "m.findAgain()")
    assert page.requests("order=") == []


def test_a_view_that_is_left_and_opened_again_at_once_is_there_once(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.wait("api", "m.get('/api/map', { q: 'epoch:2' }).then(({ ready }) => ready)")
    page.value("views", "[m.go({ view: 'map' }), m.go({ view: 'clips' }), m.go({ view: 'map' }), 0].at(-1)")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    page.note_requests()
    page.search("epoch:2")
    page.wait_until(lambda: page.run("return document.querySelector('.legend').textContent.trim()") == "2 2")
    assert len(page.requests("/api/map")) == 1


def test_views_that_were_not_opened_yet_need_nothing_more_of_the_server(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/static/*"]})
    try:
        for name in page.value("views", "[...m.VIEWS.keys()]"):
            view(page, name)
    finally:
        driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    assert page.complaints() == []


def test_escape_after_the_end_of_a_clip_stops_playing_on(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.value("actions", "void (m.advance.value = true)")
    try:
        page.value(
            "player",
            "void (m.ended.dispatchEvent(new CustomEvent('ended', { detail: 1 })),"
            " document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })))",
        )
        page.rest(2500)
        assert page.selected() == 1
        assert page.value("player", "m.playing.value") is None
    finally:
        page.value("actions", "void (m.advance.value = false)")


def test_a_refusal_leads_back_to_the_clip_and_its_sound(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.value("actions", "void (m.advance.value = true)")
    try:
        page.press(" ")
        page.wait("player", "m.playing.value?.id === 1")
        page.break_next("/api/rating", "POST", 503)
        page.press("4")
        page.wait("judge", "m.said.value === 'not now'")
        page.wait("selection", "m.selected.value === 1")
        page.wait("player", "m.playing.value?.id === 1")
        page.rest(500)
        assert page.value("player", "m.playing.value?.id") == 1
    finally:
        page.value("actions", "void (m.advance.value = false)")


def test_what_is_kept_of_a_group_leads_on_only_if_the_server_took_it_and_the_listener_stayed(
    driver: Any, room: Room
) -> None:
    page = opened(driver, room)
    view(page, "duplicates")
    page.wait("selection", "m.ids.value.length === 2 && m.selected.value === 1")
    lanes = "return document.querySelector('.lanes').textContent"
    page.wait_until(lambda: "6 ·" in page.run(lanes))
    held = page.hold("/api/rejection", "POST")
    page.press("Y")
    page.wait_until(lambda: page.is_held(held))
    view(page, "clips")
    page.wait("selection", f"m.ids.value.length === {COUNT - 1}")
    page.press("j")
    page.let_go(held)
    assert page.selected() == 2
    assert room.row(6).rejected


def test_a_clip_that_is_rejected_beside_its_copy_is_named_as_rejected(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "duplicates")
    page.wait("selection", "m.ids.value.length === 2 && m.selected.value === 1")
    lanes = "return document.querySelector('.lanes').textContent"
    page.wait_until(lambda: "6 ·" in page.run(lanes))
    page.press("x")
    page.wait_until(lambda: "rejected" in page.run(lanes))


def test_the_comparison_that_was_asked_for_last_is_shown(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "checkpoints")
    boxes = "document.querySelectorAll('.checkpoints input')"
    page.wait_until(lambda: page.run(f"return {boxes}.length") == 4)
    held = page.hold("/api/checkpoints/compare")
    page.run(f"{boxes}[0].click(); {boxes}[1].click()")
    page.wait_until(lambda: page.is_held(held))
    page.run(f"{boxes}[2].click()")
    shown = "return document.querySelector('.compared h2')?.textContent"
    page.wait_until(lambda: page.run(shown) is not None)
    before = page.run(shown)
    page.let_go(held)
    assert page.run(shown) == before


def test_a_drag_that_the_system_ends_moves_the_map_no_further(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "map")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.legend li').length > 0"))
    page.run(
        "const ink = document.querySelector('canvas.ink'); ink.setPointerCapture = () => {};"
        "const box = ink.getBoundingClientRect();"
        "window.point = (kind, x, more = {}) => ink.dispatchEvent(new PointerEvent(kind,"
        " { clientX: box.left + x, clientY: box.top + 50, pointerId: 1, bubbles: true, ...more }));"
        "window.frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done("
        " document.querySelector('canvas.points').toDataURL()))));"
    )
    before = page.run("return window.frame()")
    page.run(
        "window.point('pointerdown', 50); window.point('pointercancel', 50); window.point('pointermove', 150)"
    )
    assert page.run("return window.frame()") == before


def test_a_clip_whose_decision_was_refused_stays_while_it_is_selected(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.search("heard:no")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    page.break_next("/api/rating", "POST", 503)
    page.press("4")
    page.wait("judge", "m.said.value === 'not now'")
    mark_heard(room.catalog, [1])
    page.wait("selection", "m.rowOf(1)?.heard === true")
    page.value("selection", "m.findAgain()")
    assert page.selected() == 1
    assert 1 in list_of(page)


def test_an_undo_about_many_clips_changes_the_list_once(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.search("rated:no")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    page.value("judge", "m.rate([5, 2, 3, 4], 3).then(() => null)")
    page.wait("selection", "m.ids.value.length === 2")
    page.value("selection", "void m.ids.listen((now) => { (window.lists ??= []).push(now); })")
    page.press("u")
    page.wait("judge", "m.said.value.startsWith('undo')")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    assert page.run("return window.lists") == [EVERY]
    assert page.selected() == 1


def test_a_clip_that_is_back_has_its_row(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.value("player_settings", "void (m.loop.value = { from: 1, to: 3 })")
    page.press("s")
    page.wait("selection", f"m.ids.value.length === {COUNT + 1}")
    mark = max(list_of(page))
    page.press("u")
    page.wait("selection", f"m.ids.value.length === {COUNT}")
    page.value("selection", f"void (m.refresh([{mark}]), m.rowOf({mark}))")
    page.wait("selection", f"m.rowOf({mark}) === undefined")
    page.press("U")
    page.wait("selection", f"m.ids.value.length === {COUNT + 1}")
    page.wait("selection", f"m.rowOf({mark})?.kind === 'marked'")


def test_pictures_that_the_server_could_not_send_appear_when_it_can(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/thumbnails/*", "*/peaks/*"]})
    why = "return document.querySelector('.card .why:not([hidden])')?.textContent ?? ''"
    try:
        view(page, "tiles")
        page.wait_until(lambda: "the server does not answer" in page.run(why))
        page.press("j")
        page.rest(200)
        page.note_requests()
    finally:
        driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})
    page.wait_until(lambda: page.run(why) == "")
    assert page.run("return document.querySelectorAll('.card img[src]').length") == COUNT
    page.wait_until(lambda: page.requests("/peaks/2") != [])


def test_a_part_of_the_picture_that_a_busy_server_refused_is_asked_for_again(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    parts = ("/peaks/2", "/landmarks/2")
    for part in parts:
        page.break_next(part, status=503)
    page.note_requests()
    page.press("j")
    page.wait_until(lambda: all(len(page.requests(part)) == 2 for part in parts))
    page.rest(4000)
    assert [len(page.requests(part)) for part in parts] == [2, 2]


def test_a_failure_that_arrives_after_the_server_is_back_is_ignored(driver: Any, room: Room) -> None:
    fake = (
        "window.streams = [];"
        "window.EventSource = class { constructor() { this.readyState = 0; window.streams.push(this); } };"
        "window.EventSource.CLOSED = 2;"
    )
    number = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": fake})["identifier"]
    try:
        page = SlowPage(driver, room.address)
        page.wait("selection", f"m.ids.value.length === {COUNT}")
        page.wait_until(lambda: page.run("return window.streams.length") == 1)
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": number})
    page.run(
        "window.fetch = (url) => new Promise((_, reject) => {"
        "  if (url === '/api/room') window.fail ??= () => reject(new TypeError('gone')); });"
        "window.streams[0].readyState = 2; window.streams[0].onerror();"
    )
    page.wait_until(lambda: page.run("return window.streams.length") == 2)
    state = '{"decision": 1, "batch": 1, "clip": 6, "trouble": null}'
    page.run(f"window.streams[1].onmessage({{ data: '{state}' }}); window.fail();")
    page.rest(200)
    assert page.value("changes", "m.newest.value.trouble") is None


def test_every_card_learns_whether_its_clip_is_a_copy(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    page.rest(1000)
    page.note_requests()
    page.value("copies", "void Array.from({ length: 300 }, (_, at) => m.copyOf(1000 + at))")
    page.value("selection", "void m.rowsVersion.listen(() => { window.redrawn = true; })")
    page.wait_until(lambda: page.run("return window.redrawn === true"))
    page.value("copies", "void Array.from({ length: 300 }, (_, at) => m.copyOf(1000 + at))")
    page.wait_until(lambda: len(page.requests("/api/copies")) == 2)


def test_a_note_is_shown_before_it_is_replaced(driver: Any, room: Room) -> None:
    note(room.catalog, "2", "as it was")
    page = opened_at(driver, room, "id:1", 1)
    held = page.hold("/api/clips/rows?ids=2")
    page.search("id:2")
    page.wait_until(lambda: page.is_held(held))
    page.wait("selection", "m.ids.value.includes(2) && m.selected.value === 2")
    held = page.hold("/api/clips/rows?ids=2")
    page.press("n")
    page.wait_until(lambda: page.run("return document.querySelector('dialog.ask input') !== null"))
    page.press("x")  # typed too early, it neither rejects the clip nor ends up in the note
    page.let_go(held)
    assert page.run("return document.querySelector('dialog.ask input').value") == "as it was"
    assert not room.row(2).rejected
    page.press(ESCAPE)


def test_more_clips_than_a_query_can_name_are_not_shown_as_clips(driver: Any, room: Room) -> None:
    page = opened(driver, room)
    view(page, "map")
    many = "Array.from({ length: 5000 }, (_, at) => at + 1)"
    find = "find((each) => each.textContent === 'Show as clips')"
    page.value("map_parts", f"void m.chosenButtons({many}).filter((each) => each.textContent).{find}.click()")
    page.wait("judge", "m.said.value.includes('too many clips')")
    assert page.value("views", "m.place.value.view") == "map"


def test_a_card_whose_clip_is_not_there_yet_says_nothing_of_another_one(driver: Any, room: Room) -> None:
    page = opened_at(driver, room, "id:1", 1)
    held = page.hold("/api/clips/rows?ids=2")
    page.search("id:2")
    page.wait_until(lambda: page.is_held(held))
    label = "const card = document.querySelector('.card'); return [card.id, card.ariaLabel, card.title]"
    page.wait_until(lambda: page.run(label)[0] == "clip-2")
    assert page.run(label) == ["clip-2", "clip 2", ""]


def test_new_clips_appear_on_an_open_map(
    driver: Any, new_catalog: MakeCatalog, tmp_path: Path, sound: MakeSound
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(EVERY_METRIC)
    for number in (1, 2):
        soundfile.write(tmp_path / f"{number}.wav", sound(number, 2.0), RATE)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        with serving(catalog) as address:
            page = SlowPage(driver, address.replace("/?", "/map?"))
            legend = "return document.querySelector('.legend')?.textContent.trim()"
            page.wait_until(lambda: page.run(legend) == "none 2")
            soundfile.write(tmp_path / "3.wav", sound(3, 2.0), RATE)
            ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
            page.wait_until(lambda: page.run(legend) == "none 3")


@pytest.mark.parametrize(
    ("key", "part", "method"),
    [
        (" ", "/audio/1", "GET"),
        ("4", "/api/rating", "POST"),
        ("h", "heard%3Ano", "GET"),
        ("c", "/cluster", "GET"),
        ("z", "/files/1", "HEAD"),
        ("Z", "/files", "HEAD"),
        ("b", "/api/splits", "POST"),
        ("L", "/moment", "GET"),
        ("q", "/api/listening", "GET"),
        ("v", "/api/checkpoints", "GET"),
    ],
)
def test_a_key_whose_answer_takes_long_says_that_the_page_waits(
    driver: Any, room: Room, key: str, part: str, method: str
) -> None:
    page = opened(driver, room)
    waits = "return document.querySelector('.says-wait').textContent"
    page.value("judge", "void (m.said.value = 'what was done before')")
    held = page.hold(part, method)
    page.press(key)
    page.wait_until(lambda: page.run(waits) == "waiting for the server …")
    if key not in "qv ":
        assert page.run(SAYS) != "what was done before"
    page.let_go(held)
    page.wait_until(lambda: page.run(waits) == "")
