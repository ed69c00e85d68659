"""The listening room in a real browser: headless Chromium, with keys, with touch, and with hard names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, serving
from tests.interfaces.web.rooms import undoing
from tests.support import EVERY_METRIC, RATE, ROOT, MakeCatalog, MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import history
from thresher.curation.clips.listing import ClipRow, rows_of
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.interfaces.web.room.room import READ_ONLY

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        DRIVER is None or BROWSER is None, reason="there is no Chromium with its driver to open the page in"
    ),
]

MARKUP = "<img src=x onerror=\"document.title='run'\"> \nline"
ALL = list(range(1, 9))
SECONDS = 8.0  # enough for a few keys while a clip plays, on a machine that has other things to do


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, write_clip: Any) -> Iterator[Catalog]:
    """Eight clips of two epochs and a name with markup; clip 8 is missing."""
    home = tmp_path_factory.mktemp("browser")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    for index in range(6):
        write_clip(home / f"night/night_epoch_{index // 3}_{index}.wav", index, SECONDS)
    write_clip(home / "night" / f"night_epoch_7_{MARKUP.replace('/', '')}_6.wav", 6, SECONDS)
    gone = write_clip(home / "night/night_epoch_8_7.wav", 7, SECONDS)
    with Catalog.open(home / "catalog.toml") as opened:
        ingest(opened, [home / "night"], IngestOptions(executor="serial"))
        gone.unlink()
        ingest(opened, [home / "night"], IngestOptions(executor="serial"))
        yield opened


@pytest.fixture(autouse=True)
def as_before(catalog: Catalog) -> Iterator[None]:
    """Undo what a test decided."""
    with undoing(catalog):
        yield


def opened(driver: Any, address: str, width: int = 1280) -> Page:
    page = Page(driver, address, width)
    page.wait("selection", "m.ids.value.length === 8 && m.rowOf(1) !== undefined")
    page.wait_until(lambda: page.run("return document.getElementById('view').childElementCount > 0"))
    return page


def row(catalog: Catalog, clip_id: int) -> ClipRow:
    return rows_of(catalog, [clip_id])[0]


def test_a_session_with_the_keyboard_alone_is_in_the_catalog(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.search("epoch:0..1")
    page.wait("selection", "m.ids.value.length === 6")
    page.press("j")
    page.wait("player", "m.playing.value?.id === 2 && m.lastDelay() > 0 && m.position() > 0.02")
    page.press("4")
    page.wait_until(lambda: row(catalog, 2).rating == 4)
    page.press("j", "x")
    page.wait_until(lambda: row(catalog, 3).rejected)
    page.wait("selection", "!m.ids.value.includes(3) && m.selected.value === 4")
    page.press("u")
    page.wait("judge", "m.said.value.startsWith('undo')")
    assert not row(catalog, 3).rejected
    page.wait("selection", "m.ids.value.includes(3) && m.selected.value === 3")
    page.press("U")
    page.wait("judge", "m.said.value.startsWith('redo')")
    assert row(catalog, 3).rejected
    page.press("k", "t", "riff, loud", "\ue007")
    page.wait_until(lambda: row(catalog, 2).tags == ("loud", "riff"))
    page.press("n", MARKUP.replace("\n", ""), "\ue007")
    page.wait_until(lambda: row(catalog, 2).note == MARKUP.replace("\n", ""))
    page.press(" ")
    page.wait("player", "m.playing.value === null || m.playing.value.id === 2")
    page.wait("selection", "m.rowOf(2)?.tags.length === 2 && m.rowOf(2).rating === 4")
    card = page.run("return document.getElementById('clip-2').textContent")
    assert "★★★★" in card
    assert "#riff" in card
    assert page.complaints() == []


def test_rating_under_a_filter_selects_the_next_clip_and_undo_brings_it_back(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.search("rated:no")
    page.press("j", "j", "j")
    assert page.selected() == 4
    page.press("5")
    page.wait("selection", "!m.ids.value.includes(4)")
    assert page.selected() == 5
    page.press("u")
    page.wait("selection", "m.ids.value[3] === 4 && m.selected.value === 4")
    page.wait_until(lambda: row(catalog, 4).rating is None)


def test_a_clip_that_was_heard_or_judged_elsewhere_stays_while_it_is_selected(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.search("heard:no")
    page.press("j")
    page.wait("player", "m.lastDelay() > 0")
    page.wait_until(lambda: row(catalog, 2).heard)  # it has played to its end
    page.wait("selection", "m.rowOf(2)?.heard === true")
    assert page.selected() == 2
    page.press("3")
    page.wait_until(lambda: row(catalog, 2).rating == 3)
    page.wait("selection", "!m.ids.value.includes(2)")
    assert page.selected() == 3


def test_a_held_key_decides_once_and_another_query_keeps_the_selected_clip(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("j", "j", "j", "j")
    page.search("epoch:1")
    page.wait("selection", "m.ids.value.length === 3")
    assert page.selected() == 5
    page.key("KeyX", "x")
    for _ in range(5):
        page.key("KeyX", "x", repeat=True)
    page.wait_until(lambda: row(catalog, 5).rejected)
    page.wait("selection", "m.ids.value.length === 2")
    assert [row(catalog, each).rejected for each in (4, 5, 6)] == [False, True, False]


def test_keys_in_quick_succession_each_judge_their_own_clip(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("j", "4", "5", "u")
    page.wait("judge", "m.said.value.startsWith('undo')")
    assert row(catalog, 2).rating == 4
    page.press("a")
    page.press("3", "4", "5", "x")
    page.wait_until(lambda: row(catalog, 5).rejected)
    assert [row(catalog, each).rating for each in (2, 3, 4, 5)] == [3, 4, 5, None]
    page.wait("player", "(m.playing.value?.id ?? 0) >= 6")
    page.press("a")


def test_where_clips_play_on_undo_plays_the_clip_that_the_next_key_judges(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.press("a", "j")
    page.wait("player", "m.playing.value?.id === 2")
    page.press("4")
    page.wait("player", "m.playing.value?.id === 3")
    page.press("u")
    page.wait("player", "m.playing.value?.id === 2")
    assert page.selected() == 2
    page.press("a", "\ue00c")


@pytest.mark.parametrize(
    ("code", "key", "shift"),
    [("Digit4", "'", False), ("Digit4", "4", True), ("Numpad4", "4", False)],
    ids=["French", "French with Shift", "key pad"],
)
def test_digits_are_those_of_any_keyboard(
    driver: Any, address: str, catalog: Catalog, code: str, key: str, shift: bool
) -> None:
    page = opened(driver, address)
    page.key(code, key.replace("'", "\\'"), shift=shift)
    page.wait_until(lambda: row(catalog, 1).rating == 4)
    page.key("Digit7", "/", shift=True)
    assert page.run("return document.activeElement.id") == "query"


def test_names_are_never_markup_and_a_missing_file_is_explained_in_its_card(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    page.press(*"jjjjjjj")
    page.wait("selection", "m.selected.value === 8")
    page.wait_until(lambda: "missing" in page.run("return document.getElementById('clip-8').textContent"))
    page.wait_until(lambda: page.run("return document.querySelector('#player .problem').textContent"))
    page.press("k")
    page.wait("player", "m.playing.value?.id === 7")
    assert "<img" in page.run("return document.querySelector('#player .about').textContent")
    assert page.run("return document.title") == "thresher"
    assert page.run("return document.querySelectorAll('img[src=x]').length") == 0


def test_a_thumb_rates_on_a_small_screen(driver: Any, address: str, catalog: Catalog) -> None:
    page = opened(driver, address, width=400)
    wide, window = page.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window
    for target in ("#clip-2 .screen", '[data-action="rate-5"]'):
        box = page.run(
            f"const box = document.querySelector('{target}').getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2, box.width, box.height]"
        )
        assert min(box[2:]) >= 40
        point = {"x": box[0], "y": box[1]}
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_until(lambda: row(catalog, 2).rating == 5)
    page.wait("player", "m.lastDelay() > 0")


def test_a_read_only_room_says_so_and_shows_no_keys_that_judge(driver: Any, catalog: Catalog) -> None:
    before = len(history(catalog))
    with serving(catalog, refusal=READ_ONLY) as where:
        page = opened(driver, where)
        page.press("j", "4")
        page.wait_until(lambda: "read-only" in page.run("return document.getElementById('says').textContent"))
        shown = page.run("return document.querySelector('[data-action=\"rate-4\"]').checkVisibility()")
        assert not shown
        assert page.run("return document.getElementById('read-only').checkVisibility()")
        page.wait("player", "m.lastDelay() > 0 && m.playing.value === null")  # it was heard to its end
        assert page.complaints() == []
    assert len(history(catalog)) == before


def test_files_that_vanish_while_the_page_is_open_stop_nothing(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    file = Path(os.fsdecode(catalog.root)) / "night/night_epoch_0_2.wav"
    content = file.read_bytes()
    file.unlink()
    try:
        page.press("j", "j")
        page.wait("player", "m.problems.has(3)")
        assert "clip 3" in page.run("return document.getElementById('clip-3').textContent")
        page.press("j")
        page.wait("player", "m.playing.value?.id === 4")
    finally:
        file.write_bytes(content)


def test_a_region_loops_becomes_a_mark_and_undo_takes_it_back(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.press("j")
    page.wait("player", "m.playing.value?.id === 2 && m.position() > 0.1")
    page.press("i")
    page.wait("player", "m.position() > m.playing.value.offset + 0.3")
    page.press("o")
    page.wait("player_settings", "m.loop.value?.to - m.loop.value?.from > 0.2")
    region = page.value("player_settings", "m.loop.value")
    page.wait(
        "player", f"m.playing.value.id === 2 && performance.now() && m.position() < {region['to']} + 0.01"
    )
    page.press("s")
    page.wait("selection", "m.ids.value.length === 9")
    (mark,) = set(page.value("selection", "m.ids.value")) - set(ALL)
    assert row(catalog, mark).kind == "marked"
    assert row(catalog, mark).seconds == pytest.approx(region["to"] - region["from"], abs=0.001)
    assert page.value("player", "m.playing.value.id") == 2  # it loops
    page.press("u")
    page.wait("selection", f"!m.ids.value.includes({mark})")
    page.press("b")
    page.wait_until(lambda: "no silence" in page.run("return document.getElementById('says').textContent"))
    gone = f"/thumbnails/{mark} "  # may be requested when the mark was just removed
    assert [each for each in page.complaints() if gone not in each] == []


def test_a_listening_session_is_judged_by_keys_and_ends_with_a_summary(
    driver: Any, address: str, catalog: Catalog
) -> None:
    page = opened(driver, address)
    page.search("epoch:0")
    page.press("q")
    page.wait("views", "m.place.value.view === 'listen'")
    page.wait_until(lambda: page.run("return document.querySelector('.plan') !== null"))
    page.run("document.querySelector('.plan input').focus()")
    page.press("\ue007")
    page.wait("judge", "m.said.value === 'Space plays the first clip'")
    page.wait("selection", "m.ids.value.length === 3 && m.selected.value === m.ids.value[0]")
    first, second, third = page.value("selection", "m.ids.value")
    page.press(" ")
    page.wait("player", f"m.playing.value?.id === {first}")
    page.press("4")
    page.wait("player", f"m.playing.value?.id === {second}")
    page.press("x")
    page.wait("player", f"m.playing.value?.id === {third}")
    page.press(" ")  # on a slow machine the clip would end before its place is read
    shown = "return document.querySelector('.session').textContent"
    page.wait_until(lambda: "2 of 3" in page.run(shown))
    page.press("J")
    page.wait_until(lambda: "2 clips kept, 1 rejected" in page.run(shown))
    assert (row(catalog, first).rating, row(catalog, second).rejected) == (4, True)
    assert not row(catalog, third).heard
    assert page.complaints() == []


def test_a_session_that_begins_while_the_page_still_asks_for_the_former_one_stays(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    page.run(
        "const now = window.fetch; window.answers = 0; window.fetch = async (url, options) => {"
        "  const answer = await now(url, options);"
        "  if (String(url).includes('/api/listening') && options?.method !== 'POST') {"
        "    await new Promise((resolve) => setTimeout(resolve, 2000)); window.answers += 1; }"
        "  return answer; };"
    )
    page.search("epoch:1")
    page.press("q")
    page.wait_until(lambda: page.run("return document.querySelector('.plan') !== null"))
    page.run("document.querySelector('.plan input').focus()")
    page.press("\ue007")
    page.wait("judge", "m.said.value === 'Space plays the first clip'")
    page.wait_until(lambda: page.run("return window.answers > 0"))
    assert "of 3" in page.run("return document.querySelector('.session').textContent")
    assert page.value("judge", "m.session.value !== null")


def test_copies_are_heard_side_by_side_at_the_same_moment_and_one_is_kept(
    driver: Any, new_catalog: MakeCatalog, tmp_path: Path, sound: MakeSound
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text(EVERY_METRIC)
    for name, y in (("a", sound(1, 8.0)), ("b", sound(2, 8.0)), ("c", 0.7 * sound(1, 8.0)[RATE:])):
        soundfile.write(tmp_path / f"{name}.wav", y, RATE)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        with serving(catalog) as where:
            page = Page(driver, where)
            page.wait("selection", "m.ids.value.length === 3")
            page.press("w")
            page.wait_until(lambda: page.run("return document.querySelectorAll('.tiles .card').length === 3"))
            page.press("W")
            page.wait("selection", "Math.abs(m.placeOf(1) - m.placeOf(3)) === 1")
            page.press("d")
            page.wait("selection", "m.ids.value.length === 2 && m.ids.value[0] === 1")
            keep = "return document.querySelector('[data-action=pair-keep]').textContent"
            page.wait_until(lambda: page.run(keep) == "Keep this, reject the other")
            page.press("k", " ")
            page.wait("player", "m.playing.value?.id === 1 && m.position() > 1.2")
            page.press("y")
            page.wait("player", "m.playing.value?.id === 3")
            begun = page.value("player", "m.playing.value.offset")
            assert 0.1 < begun < 3
            page.press("y")
            page.wait("player", "m.playing.value?.id === 1")
            assert page.value("player", "m.playing.value.offset") > begun + 0.9
            page.press("Y")
            page.wait_until(lambda: row(catalog, 3).rejected)
            assert not row(catalog, 1).rejected
            page.press("u")
            page.wait_until(lambda: not row(catalog, 3).rejected)
            page.wait("judge", "m.said.value === 'undo: clip 3 rejected'")
            page.press("g")
            page.wait("selection", "m.ids.value.length === 3")
            assert page.complaints() == []


def test_every_view_has_keys_of_its_own_and_a_button_for_each(driver: Any, address: str) -> None:
    page = opened(driver, address)
    names = page.value("views", "[...m.VIEWS.keys()]")
    document = (ROOT / "docs/room.md").read_text(encoding="utf-8")
    assert len(names) >= 4
    for name in names:
        page.value("views", f"m.go({{ view: '{name}' }})")
        page.wait("views", f"document.getElementById('view').dataset.view === '{name}'")
        actions = page.value("keys", "[...m.ACTIONS.values()].map(({ keys, title }) => [keys, title])")
        keys = [key for own, _ in actions for key in own]
        assert sorted(keys) == sorted(set(keys)), name
        assert "Tab" not in keys  # it moves the focus
        assert all(title for _, title in actions)
        written = page.value("keys", "[...m.ACTIONS.values()].map(({ keys }) => keys.map(m.keyText))")
        unwritten = [names for names in written if not any(f"`{name}`" in document for name in names)]
        assert unwritten == [["2"], ["3"], ["4"]]  # `1` … `5`
        marked = page.run("return document.querySelector('#views [aria-current=page]').dataset.viewLink")
        assert marked == name
        page.press("?")
        buttons = page.run("return document.querySelectorAll('dialog.help li button').length")
        assert buttons == len(actions)
        page.press("\ue00c")  # Escape
        page.wait_until(lambda: page.run("return document.querySelector('dialog') === null"))
    page.run("history.back()")
    page.wait("views", f"m.place.value.view === '{names[-2]}'")


def test_at_the_end_of_a_list_similar_unheard_clips_follow_if_asked_and_settings_last(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    page.press("e", "A", ",", ",")
    page = opened(driver, address)
    kept = [page.value("confirm", "m.earsOnly.value"), page.value("actions", "m.goOn.value")]
    assert (kept, page.value("player_settings", "m.speed.value")) == ([True, True], 0.9)
    page.search("id:6")
    page.wait("selection", "m.ids.value.length === 1 && m.selected.value === 6")
    page.press(" ")
    page.wait("views", "m.place.value.query === 'near@likeness:6 heard:no'")
    page.wait("player", "m.playing.value !== null && m.playing.value.id !== 6")
    page.press("e", "A", ".", ".", "\ue00c")
    page.wait("player", "m.playing.value === null")
    page.run("history.back()")
    page.wait("selection", "m.ids.value.length === 1 && m.ids.value[0] === 6")


def test_a_refresh_that_overtakes_a_query_keeps_no_clip_that_the_query_does_not_find(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    assert page.selected() != 6
    page.value("selection", "Promise.all([m.find('id:6'), m.findAgain()]).then(() => null)")
    page.wait("selection", "m.ids.value.length < 8")  # a change of the catalog may have asked once more
    assert page.value("selection", "[m.ids.value, m.selected.value]") == [[6], 6]
