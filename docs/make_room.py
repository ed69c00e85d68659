"""Make docs/room-*.png: screenshots of the listening room's views, dark and light, on a wide and a narrow screen.

Run `python docs/make_room.py`. It needs the corpus next to the checkout, Chromium and chromedriver.
"""

from __future__ import annotations

import base64
import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from make_report import CORPUS, open_browser
from PIL import Image

import thresher

HERE = Path(__file__).resolve().parent
RUNS = {"jazz": "jazz_samplernn/samples", "metal": "samplernn_checkpoints", "sharks": "1000sharks"}
RATINGS = {
    74: 5,
    75: 3,
    77: 4,
    93: 4,
    98: 2,
    2: 4,
    4: 5,
    9: 3,
    11: 5,
    12: 2,
    17: 4,
    25: 5,
    28: 4,
    34: 2,
    36: 3,
    39: 5,
    41: 4,
    47: 1,
    60: 5,
}
REJECTED, HEARD = ("3", "14", "33"), "id:..30"
TAGS = {"riff": ("4", "11", "25"), "drone": ("9", "17")}
VERDICTS = {"jazz e11": "keep", "jazz e2": "drop"}
WIDE, NARROW = (1280, 800), (400, 800)
LARGEST = 260_000
"""The most bytes of a picture: it gets fewer colours until it is smaller."""


class Shot(NamedTuple):
    """A picture: its address, its scheme and size, and the JavaScript that prepares what it shows."""

    address: str
    scheme: str
    size: tuple[int, int]
    until: str
    then: str = ""


CARDS, POINTS = "document.querySelector('.card img[src]')", "document.querySelector('.legend li')"
PLAY = "selected.value = %d; (await load('player')).play(selected.value, %.1f);"
LASSO = """
const ink = document.querySelector('.ink'), box = ink.getBoundingClientRect();
const send = (type, x, y) => ink.dispatchEvent(new PointerEvent(type, { clientX: box.left + x * box.width,
  clientY: box.top + y * box.height, pointerId: 1, shiftKey: true, bubbles: true }));
ink.setPointerCapture = () => {};
send('pointerdown', 0.3, 0.1);
for (const [x, y] of [[0.5, 0.05], [0.55, 0.5], [0.35, 0.6], [0.3, 0.1]]) send('pointermove', x, y);
send('pointerup', 0.3, 0.1);
"""
SHOTS = {
    "clips": Shot("/?q=epoch:5.. epoch-", "dark", WIDE, CARDS, PLAY % (77, 1.2)),
    "tiles": Shot("/tiles?order=chain", "dark", WIDE, CARDS, PLAY % (25, 0.4)),
    "listen": Shot("/listen", "light", WIDE, CARDS),
    "duplicates": Shot("/duplicates", "light", WIDE, "document.querySelector('.lane')"),
    "map": Shot("/map?colour=run", "dark", WIDE, POINTS, LASSO),
    "checkpoints": Shot("/checkpoints?q=run:jazz", "light", WIDE, "document.querySelector('.plot')"),
    "narrow-clips": Shot("/?q=rating:3..", "dark", NARROW, CARDS, PLAY % (11, 0.6)),
    "narrow-map": Shot("/map?colour=run", "light", NARROW, POINTS),
    "narrow-listen": Shot("/listen", "light", NARROW, CARDS),
}
READY = """
const done = arguments[0], load = (name) => import(`/static/js/${name}.js`);
(async () => {
  const { ids, selected, rowOf } = await load('selection');
  const rest = (ms) => new Promise((next) => setTimeout(next, ms));
  const until = async (holds) => { while (!holds()) await rest(100); };
  await until(() => UNTIL);
  await until(() => selected.value === null || rowOf(selected.value));
  const canvas = document.querySelector('.sound');
  const drawn = () => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height * 0.8, 1, 1).data[3] > 0;
  await until(() => selected.value === null || drawn());
  // what is asked for while the page is quiet for two seconds is there
  for (let before = -1, now; (now = performance.getEntriesByType('resource').length) !== before; before = now) {
    await rest(2000);
  }
  THEN
  await rest(1000);
})().then(done, (failure) => done(String(failure)));
"""


def main() -> None:
    """Make a catalog, serve it, and take the pictures."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        home = make_catalog(Path(folder, "night shift"))
        browser = open_browser(profile)
        try:
            with served(home) as address:
                browser.get(address)
                shots = {
                    name: take(browser, address.partition("/?")[0], shot) for name, shot in SHOTS.items()
                }
        finally:
            browser.quit()
    narrow = [shots.pop(name) for name in list(shots) if name.startswith("narrow-")]
    for name, picture in {**shots, "narrow": side_by_side(narrow)}.items():
        save(picture, HERE / f"room-{name}.png")


def make_catalog(home: Path) -> Path:
    """Ingest three runs, judge some clips, and plan a listening session; return the folder."""
    home.mkdir()
    for run, source in RUNS.items():
        shutil.copytree(CORPUS / source, home / run)
    with thresher.Catalog.create(home) as catalog:
        for run in RUNS:
            thresher.ingest(catalog, [home / run], thresher.IngestOptions(run=run))
        for clip, rating in RATINGS.items():
            thresher.rate(catalog, [str(clip)], rating)
        for tag, clips in TAGS.items():
            thresher.tag(catalog, list(clips), add=[tag])
        thresher.reject(catalog, list(REJECTED))
        for checkpoint, verdict in VERDICTS.items():
            thresher.judge_checkpoint(catalog, checkpoint, verdict)
        thresher.mark_heard(catalog, [row.id for row in thresher.list_clips(catalog, HEARD)])
        thresher.plan_listening(catalog, minutes=6)
    return home


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Run `thresher serve`; yield the address that it prints."""
    command = [sys.executable, "-m", "thresher", "serve", "--no-open", "--port", "0"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def take(browser: Any, host: str, shot: Shot) -> Image.Image:
    """Open a view, wait until it shows everything, and take a picture."""
    width, height = shot.size
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": shot.scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.set_script_timeout(300)
    browser.get(host + shot.address)
    time.sleep(1)
    failure = browser.execute_async_script(READY.replace("UNTIL", shot.until).replace("THEN", shot.then))
    if failure:
        raise SystemExit(f"{shot.address}: {failure}")
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {})
    return Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures of one height next to each other."""
    gap = 24
    width = sum(each.width for each in pictures) + gap * (len(pictures) - 1)
    joined = Image.new("RGB", (width, pictures[0].height), "#8a8f96")
    left = 0
    for each in pictures:
        joined.paste(each, (left, 0))
        left += each.width + gap
    return joined


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture with as many colours as its size allows."""
    for colours in (256, 128, 64, 48, 32):
        written = io.BytesIO()
        # kmeans lets large areas keep their colour
        fewer = picture.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        fewer.save(written, "PNG", optimize=True)
        if len(written.getvalue()) <= LARGEST:
            break
    path.write_bytes(written.getvalue())


if __name__ == "__main__":
    main()
