"""axe-core finds nothing wrong with any view, dark and light, on a wide and on a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, chromium, serving
from thresher.catalog.catalog import Catalog

PACKAGE = "axe_playwright_python"  # it brings axe-core's script; nothing else of it is used


def _axe() -> Path | None:
    found = find_spec(PACKAGE)
    script = Path(found.origin).with_name("axe.min.js") if found and found.origin else None
    return script if script is not None and script.exists() else None


AXE = _axe()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver"),
    pytest.mark.skipif(AXE is None, reason="needs axe-core: pip install --no-deps axe-playwright-python"),
]

FINDINGS = """
const done = arguments[0];
axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>
  done(violations.map(({id, nodes}) => [id, nodes.length, nodes[0].html.slice(0, 200)])), (e) => done([String(e)]));
"""
WIDE, NARROW = 1280, 400


@pytest.fixture(scope="module")
def page(shelf: Catalog) -> Iterator[Page]:
    assert AXE is not None
    with chromium() as driver, serving(shelf) as address:
        opened = Page(driver, address)
        opened.wait("selection", "m.ids.value.length === 4 && m.rowOf(1) !== undefined")
        opened.run(AXE.read_text())
        yield opened


def findings(page: Page) -> list[Any]:
    found: list[Any] = page.driver.execute_async_script(FINDINGS)
    return found


def show(page: Page, view: str) -> None:
    page.value("views", f"m.go({{ view: '{view}' }})")
    page.wait("views", f"document.getElementById('view').dataset.view === '{view}'")


def look(page: Page, scheme: str, width: int) -> None:
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    for view in page.value("views", "[...m.VIEWS.keys()]"):
        show(page, view)
        for scheme in ("dark", "light"):
            look(page, scheme, width)
            assert findings(page) == [], (view, scheme)
        widest = page.run("return document.documentElement.scrollWidth")
        assert widest <= width, view


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_axe_finds_nothing_in_the_keys_the_completions_and_a_wrong_query(page: Page, width: int) -> None:
    look(page, "dark", width)
    show(page, "clips")
    page.press("?")
    assert findings(page) == []
    page.press("\ue00c")  # Escape
    page.press("/", "ep")
    page.wait_until(lambda: page.run("return document.querySelectorAll('#completions li').length > 0"))
    assert findings(page) == []
    page.press("o:chs(", "\ue007")  # Enter
    page.wait("selection", "m.queryProblem.value !== null")
    assert findings(page) == []
    page.run("document.getElementById('query').value = ''")
    page.press("/", "\ue007")
    page.wait("selection", "m.queryProblem.value === null")
