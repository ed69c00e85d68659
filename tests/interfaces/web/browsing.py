"""A room on a port of this machine, and a Chromium that opens it: what the browser tests share."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.interfaces.web.rooms import KEY
from thresher.catalog.catalog import Catalog
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server_key import token_of

DRIVER = shutil.which("chromedriver")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 60  # seconds, on a machine that has other things to do
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


class Busy:
    """Requests that are answered with 503: those for addresses that begin with one of `paths`."""

    SENTENCE = "the server is busy; try again in a moment"

    def __init__(self) -> None:
        self.paths: tuple[str, ...] = ()
        self.refused: list[str] = []

    def before(self, app: ASGIApp) -> ASGIApp:
        """Return an application that refuses requests, and gives the others to another one."""

        async def asked(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and self.paths and scope["path"].startswith(self.paths):
                self.refused.append(scope["path"])
                await JSONResponse({"error": self.SENTENCE, "position": None}, 503)(scope, receive, send)
            else:
                await app(scope, receive, send)

        return asked


@contextmanager
def serving(
    catalog: Catalog, *, refusal: str | None = None, port: int = 0, busy: Busy | None = None
) -> Iterator[str]:
    """Serve a catalog while the block runs; yield the address with its token."""
    app = create_app(catalog, AccessRules(KEY), refusal=refusal)
    with socket.create_server(("127.0.0.1", port)) as opened:
        served = busy.before(app) if busy is not None else app
        server = uvicorn.Server(uvicorn.Config(served, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, args=([opened],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{opened.getsockname()[1]}/?token={token_of(KEY)}"
        app.state.room.changes.stop()
        server.should_exit = True
        thread.join(PATIENCE)


@contextmanager
def chromium(*more: str) -> Iterator[Any]:
    """Run a headless Chromium, with `more` flags."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    profile = tempfile.mkdtemp(prefix="thresher-browser-")
    for flag in (*FLAGS, *more, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(PATIENCE)
    driver.set_page_load_timeout(PATIENCE)
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


class Page:
    """A page of a room in a browser."""

    def __init__(self, driver: Any, address: str, width: int = 1280, height: int = 900) -> None:
        self.driver = driver
        driver.get("about:blank")
        driver.get_log("browser")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": width < 500})
        driver.get(address)

    def run(self, script: str) -> Any:
        """Run JavaScript and return what it returns."""
        return self.driver.execute_script(script)

    def value(self, module: str, expression: str) -> Any:
        """Return an expression about a module of the page, which is called `m`."""
        return self.driver.execute_async_script(
            f"const done = arguments[0];"
            f"import('/static/js/{module}.js').then((m) => done({expression}), (e) => done(String(e)));"
        )

    def wait(self, module: str, condition: str) -> None:
        """Wait until an expression about a module is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, PATIENCE, 0.05).until(
            lambda _: self.value(module, condition) is True, condition
        )

    def wait_until(self, condition: Any) -> None:
        """Wait until a function returns something true."""
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: condition())

    def click(self, selector: str) -> None:
        """Click with the mouse what a CSS selector finds, as soon as it is there.

        The page may draw it again between finding and clicking it; then the new one is clicked.
        """
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        def clicked(driver: Any) -> bool:
            driver.find_element(By.CSS_SELECTOR, selector).click()
            return True

        passing = (NoSuchElementException, StaleElementReferenceException)
        WebDriverWait(self.driver, PATIENCE, 0.05, passing).until(clicked, selector)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is."""
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def key(self, code: str, key: str, *, shift: bool = False, repeat: bool = False) -> None:
        """Press a key of a keyboard whose layout is not that of this machine."""
        self.run(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {"
            f"code: '{code}', key: '{key}', shiftKey: {str(shift).lower()}, repeat: {str(repeat).lower()},"
            "bubbles: true, cancelable: true}))"
        )

    def search(self, query: str) -> None:
        """Type a query into the search field."""
        self.press("/", query, "\ue007")  # Enter
        self.wait("views", f"m.place.value.query === {query!r}")

    def selected(self) -> int | None:
        """Return the id of the selected clip."""
        found: int | None = self.value("selection", "m.selected.value")
        return found

    def complaints(self) -> list[str]:
        """Return what the console says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]
