"""Names of every kind in a real browser: right to left, with characters that turn text, long ones, and many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page
from tests.interfaces.web.rooms import undoing
from tests.support import EVERY_METRIC, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions

pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
]

RUN = "\u05e9\u05dc\u05d5\u05dd"  # Hebrew
TURNED = "\u202evaw.turned"  # an override of the direction of text
LONG = "long-name-" * 20
NAMES = (
    RUN,
    TURNED,
    LONG,
    "\u0644\u064a\u0644",
    'it\'s "quoted" & <b>bold',
    "\N{GUITAR} solo",
    "plain_epoch_4",
)

PLACES = """
const [where, parts] = arguments;
const walker = document.createTreeWalker(document.querySelector(where), NodeFilter.SHOW_TEXT);
const found = new Map();
while (walker.nextNode()) {
  for (const part of parts) {
    const at = walker.currentNode.data.indexOf(part);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(walker.currentNode, at);
    range.setEnd(walker.currentNode, at + part.length);
    found.set(part, range.getBoundingClientRect().left);
  }
}
return parts.map((part) => found.get(part));
"""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Iterator[Catalog]:
    """Clips of a run with a Hebrew name, in files with odd names; clip 1 has long tags, clip 2 has many."""
    home = tmp_path_factory.mktemp("names")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    for number, name in enumerate(NAMES):
        write_clip(home / "night" / f"{name}.wav", number, 2.0)
    with Catalog.open(home / "catalog.toml") as opened:
        ingest(opened, [home / "night"], IngestOptions(run=RUN, executor="serial"))
        decisions.tag(opened, "1", add=["a very long tag " * 5, RUN])
        decisions.tag(opened, "2", add=[f"layer{number:02}" for number in range(15)])
        yield opened


def opened(driver: Any, address: str, width: int = 1280) -> Page:
    page = Page(driver, address, width)
    page.wait("selection", f"m.ids.value.length === {len(NAMES)} && m.rowOf(1) !== undefined")
    return page


def places(page: Page, where: str, *parts: str) -> list[float]:
    """Return where on the screen, from the left, parts of a line begin."""
    found: list[float] = page.driver.execute_script(PLACES, where, list(parts))
    return found


def test_a_name_from_right_to_left_changes_no_order_of_what_stands_beside_it(
    driver: Any, address: str
) -> None:
    page = opened(driver, address.replace("/?", "/map?"))
    page.wait_until(lambda: RUN in page.run("return document.querySelector('.map-about').textContent"))
    clip, run, length = places(page, ".map-about", "clip 1", RUN, "0:02.0")
    assert clip < run < length
    clip, run, folder = places(page, "#player .about", "clip 1", RUN, "night/")
    assert clip < run < folder
    page.press("v")
    names = "[...document.querySelectorAll('.checkpoints th button')]"
    fourth = f"{names}.find((each) => each.textContent.includes('e4'))"
    page.wait_until(lambda: page.run(f"return {fourth} !== undefined"))
    page.run(f"{fourth}.id = 'fourth'")
    run, epoch = places(page, "#fourth", RUN, "e4")
    assert run < epoch
    page.press("g")
    page.wait_until(lambda: page.run("return document.querySelectorAll('.card .file').length") == len(NAMES))
    page.wait_until(lambda: f"#{RUN}" in page.run("return document.getElementById('clip-1').textContent"))


def test_characters_that_turn_text_are_written_as_in_the_terminal(driver: Any, address: str) -> None:
    page = opened(driver, address)
    page.wait_until(
        lambda: "\\u202evaw.turned.wav" in page.run("return document.getElementById('view').textContent")
    )
    (clip,) = page.value("selection", "m.ids.value.filter((id) => m.rowOf(id).path.includes('turned'))")
    page.value("selection", f"void (m.selected.value = {clip})")
    assert "\\u202evaw" in page.run("return document.querySelector('#player .about').textContent")
    assert "\u202e" not in page.run("return document.body.innerHTML")


@pytest.mark.parametrize("width", [1280, 400])
def test_long_names_and_tags_hide_no_flag(driver: Any, address: str, width: int) -> None:
    page = opened(driver, address, width)
    page.wait_until(lambda: page.run("return document.querySelector('#clip-1 .flag') !== null"))
    page.value("card", "void m.notes.set(1, 'very different from all the others')")
    page.value("selection", "void (m.rowsVersion.value += 1)")
    page.wait_until(lambda: page.run("return document.querySelectorAll('#clip-1 .flag').length") > 1)
    inside = (
        "const flag = [...document.querySelectorAll('#clip-1 .flag')].at(-1).getBoundingClientRect();"
        "const line = document.querySelector('#clip-1 .flags').getBoundingClientRect();"
        "const card = document.querySelector('#clip-1').getBoundingClientRect();"
        "return flag.left >= line.left && flag.right <= line.right + 0.5 && line.right <= card.right"
    )
    assert page.run(inside)
    assert (
        page.run("return document.querySelector('#clip-1 .flag').title")
        == "very different from all the others"
    )
    assert page.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1280, 400])
def test_a_long_name_of_a_run_hides_no_epoch(driver: Any, address: str, catalog: Catalog, width: int) -> None:
    (clip,) = [row.id for row in list_clips(catalog, "epoch:4")]
    with undoing(catalog):
        decisions.modify(catalog, str(clip), {"run": LONG})
        decisions.rate(catalog, str(clip), 5)
        page = opened(driver, address, width)
        page.value("selection", f"void (m.selected.value = {clip})")
        page.wait_until(lambda: page.run(f"return document.querySelector('#clip-{clip} .run') !== null"))
        inside = (
            f"const epoch = document.querySelector('#clip-{clip} .epoch').getBoundingClientRect();"
            f"const stars = document.querySelector('#clip-{clip} .stars').getBoundingClientRect();"
            "return epoch.width > 0 && epoch.right <= stars.left"
        )
        assert page.run(inside)
        cut = "return [...document.querySelectorAll('.run')].filter((each) => each.scrollWidth > each.clientWidth)"
        assert len(page.run(cut)) == 1  # only the long one
        assert page.run(f"return document.querySelector('#clip-{clip}').title").startswith(f"{LONG} e4\n")
        about = page.run("return document.querySelector('#player .about').textContent")
        assert about.startswith(f"clip {clip} · {LONG[:14]}…{LONG[-15:]} e4 · ")


def test_labels_of_a_plot_are_not_cut(driver: Any, address: str) -> None:
    page = opened(driver, address)
    cut = page.value(
        "training_plot",
        "(() => {"
        " const rows = [0.000123, 0.0098, 0.5].map((share, epoch) => ({ run: 'a', epoch, step: null, share }));"
        " return [0.000123, 0.0098, 0.5, 123456, -12.34].map((most) => {"
        "  const drawn = rows.map((row) => ({ ...row, share: row.share * most }));"
        "  const figure = { title: 'share', valueOf: (row) => row.share, fromZero: true };"
        "  const drawing = { colourOf: () => 'red', nameOf: () => 'a', open: () => {} };"
        "  const plot = m.trainingPlot(figure, drawn, m.trainingAxis(drawn), drawing);"
        "  document.querySelector('.scroller').replaceChildren(plot);"
        "  const cut = [...plot.querySelectorAll('text')].filter((each) => each.getBBox().x < 0);"
        "  return cut.map((each) => each.textContent);"
        " }).flat(); })()",
    )
    assert cut == []


def test_names_that_a_legend_a_list_or_the_completion_leaves_out_are_counted(
    driver: Any, address: str
) -> None:
    page = opened(driver, address)
    legend = page.value(
        "colours",
        "m.colouring(Array.from({ length: 10 }, (_, at) => `run${at}`)).legend.map(({ text }) => text)",
    )
    assert legend == [f"run{number}" for number in range(7)] + ["3 more"]
    many = "Array.from({ length: 250 }, (_, at) => at + 1)"
    listed = page.value(
        "map_parts",
        "import('/static/js/selection.js').then(({ ids }) => {"
        f" ids.value = {many}; const list = new m.MapList(() => {{}});"
        " list.node.open = true; list.show(ids.value, []);"
        " return [list.list.childElementCount, list.rest.textContent]; })",
    )
    assert listed == [200, "and 50 more; a query narrows them down"]
    page.press("/", "tag:layer")
    shown = "return [...document.querySelectorAll('#completions li')].map((each) => each.textContent)"
    page.wait_until(lambda: len(page.run(shown)) == 13)
    assert page.run(shown)[-1] == "and 3 more; go on typing"
    page.press("\ue013")  # up: the last of the choices
    assert (
        page.run("return document.querySelector('#completions [aria-selected=true]').id") == "completion-11"
    )
