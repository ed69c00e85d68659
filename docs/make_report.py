"""Make docs/report.png and docs/report-narrow.png: screenshots of a report of real clips in a browser.

Run `python docs/make_report.py`. It needs the corpus next to the checkout, Chromium and chromedriver.
"""

from __future__ import annotations

import base64
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import thresher

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "../shared/corpus/neural"
RUNS = {"jazz": "jazz_samplernn/samples", "metal": "samplernn_checkpoints"}
RATINGS = {34: 2, 36: 3, 39: 5, 41: 4, 42: 3, 47: 1, 10: 3, 25: 4, 28: 4}
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--disable-background-networking",
)
PICTURES = {"report.png": (1280, 3100), "report-narrow.png": (400, 2600)}
COLOURS = 256


def main() -> None:
    """Make a report and take its screenshots."""
    with tempfile.TemporaryDirectory() as folder:
        page = make_report(Path(folder, "night shift"))
        with tempfile.TemporaryDirectory() as profile:
            browser = open_browser(profile)
            try:
                for name, (width, height) in PICTURES.items():
                    picture = take(browser, page, width, height)
                    picture.quantize(COLOURS).save(HERE / name, optimize=True)
            finally:
                browser.quit()


def make_report(home: Path) -> Path:
    """Ingest two runs, rate some clips, render a song, and write the report; return its path."""
    home.mkdir()
    for run, source in RUNS.items():
        shutil.copytree(CORPUS / source, home / run)
    with thresher.Catalog.create(home) as catalog:
        for run in RUNS:
            thresher.ingest(catalog, [home / run], thresher.IngestOptions(run=run))
        for clip, rating in RATINGS.items():
            thresher.rate(catalog, [str(clip)], rating)
        thresher.save_song(catalog, "DOMAINAL SKELETON", ["run:metal", "epoch:..3"])
        thresher.render(catalog, "DOMAINAL SKELETON", home / "skeleton.flac")
        return Path(thresher.write_report(catalog, home / "report.html").path)


def open_browser(profile: str) -> Any:
    """Open headless Chromium with a new profile."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def take(browser: Any, page: Path, width: int, height: int) -> Image.Image:
    """Take a screenshot of the upper part of the page in a window of the given width."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    browser.execute_async_script(
        "const done = arguments[0], wait = () => [...document.querySelectorAll('audio[src]')]"
        ".every(each => each.readyState >= 1) ? done() : setTimeout(wait, 100); wait();"
    )
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")


if __name__ == "__main__":
    main()
