"""How fast the page of a room is in headless Chromium with software rendering: what bench_serve.py measures there.

Frames per second mean little on a machine with other work, so the milliseconds of the page's main thread per frame
are measured with them; at 50 frames a second there are 20. The delay of a sound runs from the key's timestamp to
the first sample, with the latency of the output.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--window-size=1280,800",
)
SECONDS = 5
PREFETCHED, COLD, SCROLLING = 25, 25, 25
TARGETS = {"prefetched": 60, "any other": 150, "any other, while the grid scrolls": 150}

FRAMES = """
async function frames(seconds, step) {
  const times = [];
  await new Promise((resolve) => {
    const tick = (now) => {
      times.push(now);
      step(times.length, now);
      if (now - times[0] < seconds * 1000) requestAnimationFrame(tick);
      else resolve();
    };
    requestAnimationFrame(tick);
  });
  return times;
}
const rest = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const load = (name) => import(`/static/js/${name}.js`);
async function until(condition, ms = 20000) {
  for (const end = performance.now() + ms; performance.now() < end; await rest(5)) if (condition()) return true;
  return false;
}
function key(name) {
  document.dispatchEvent(new KeyboardEvent("keydown", { key: name, code: name, bubbles: true }));
}
"""

SCROLL = """
  const view = document.getElementById("view");
  const far = Math.max(1, view.scrollHeight - view.clientHeight);
  return frames(SECONDS, (count) => { view.scrollTop = (count * STEP) % far; });
"""

PAN = """
  const ink = document.querySelector(".ink");
  const box = ink.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const at = (count) => ({ clientX: x + 200 * Math.sin(count / 20), clientY: y + 80 * Math.cos(count / 20) });
  const send = (type, place) => ink.dispatchEvent(new PointerEvent(type, { ...place, bubbles: true }));
  ink.setPointerCapture = () => {};
  send("pointerdown", at(0));
  const times = await frames(SECONDS, (count) => send("pointermove", at(count)));
  send("pointerup", at(0));
  return times;
"""

ZOOM = """
  const ink = document.querySelector(".ink");
  const box = ink.getBoundingClientRect();
  const place = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, cancelable: true };
  const by = (count) => (Math.floor(count / 60) % 2 ? 40 : -40);
  return frames(SECONDS, (count) => ink.dispatchEvent(new WheelEvent("wheel", { deltaY: by(count), ...place })));
"""

NEXT = """
  const [player, selection] = await Promise.all([load("player"), load("selection")]);
  const found = [];
  for (let count = 0; count < COUNT; count += 1) {
    const wanted = selection.ids.value[selection.placeOf(selection.selected.value) + 1];
    key("j");
    await until(() => player.playing.value?.id === wanted);
    found.push(player.lastDelay());
    await rest(REST);
  }
  return found;
"""

JUMP = """
  const [player, selection] = await Promise.all([load("player"), load("selection")]);
  const view = document.getElementById("view");
  const found = [];
  let isOn = SCROLLS;
  const scroll = () => { if (isOn) { view.scrollTop += STEP; requestAnimationFrame(scroll); } };
  scroll();
  for (const id of IDS) {
    player.stop();
    if (!isOn) selection.selected.value = id;
    await rest(250);
    if (isOn) selection.selected.value = id;
    key(" ");
    await until(() => player.playing.value?.id === id);
    found.push(player.lastDelay());
  }
  isOn = false;
  player.stop();
  return found;
"""


class RoomPage:
    """The page of a room in a browser."""

    def __init__(self, driver: Any, address: str) -> None:
        self._driver = driver
        driver.get(address)
        self.until("selection", "m.ids.value.length > 0 && m.rowOf(m.ids.value[0]) !== undefined")

    def script(self, body: str, **values: object) -> Any:
        """Run an asynchronous script and return its result; capital names are replaced by values."""
        for name, value in values.items():
            body = re.sub(rf"\b{name.upper()}\b", json.dumps(value), body)
        found = self._driver.execute_async_script(
            f"const done = arguments[0]; {FRAMES} (async () => {{ {body} }})().then(done, (e) => done(String(e)));"
        )
        if isinstance(found, str):
            raise SystemExit(f"the page failed: {found}")
        return found

    def until(self, module: str, condition: str) -> None:
        """Wait until an expression about a module of the page, `m`, is true."""
        self.script(f'const m = await load("{module}"); await until(() => {condition}, 600000); return [];')

    def show(self, view: str) -> None:
        """Go to a view."""
        self.script(f'(await load("views")).go({{ view: "{view}" }}); return [];')
        self.until("views", f"document.getElementById('view').dataset.view === '{view}'")

    def costs(self) -> dict[str, float]:
        """Return what the browser counts: the seconds of the main thread by kind of work, the heap in bytes."""
        self._driver.execute_cdp_cmd("Performance.enable", {})
        found = self._driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return {each["name"]: each["value"] for each in found}

    def heap(self) -> float:
        """Return the size of the JavaScript heap in MB, after a garbage collection."""
        self._driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        return self.costs()["JSHeapUsedSize"] / 1e6

    def renderer(self) -> float:
        """Return the resident memory of the browser's page process in MB, 0 where the system does not tell it."""
        sizes = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes()
                if b"--type=renderer" in words and self.profile.encode() in words:
                    found = re.search(r"VmRSS:\s+(\d+)", (folder / "status").read_text())
                    sizes.append(int(found[1]) / 1024 if found else 0.0)
            except OSError:
                continue
        return max(sizes, default=0.0)

    @property
    def profile(self) -> str:
        """The folder of the browser's profile."""
        return str(self._driver.capabilities["chrome"]["userDataDir"])


@contextmanager
def browser() -> Iterator[Any]:
    """Run a headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    with tempfile.TemporaryDirectory(prefix="thresher-bench-") as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        driver.set_script_timeout(1_200)
        try:
            yield driver
        finally:
            driver.quit()


def is_available() -> bool:
    """Return whether there is a browser to measure in."""
    try:
        import selenium  # noqa: F401  only whether it is installed
    except ImportError:
        return False
    return shutil.which("chromedriver") is not None


def report_frames(page: RoomPage, name: str, script: str, **values: object) -> None:
    """Print the frames per second of an animation, and what a frame costs."""
    before = page.costs()
    times: Sequence[float] = page.script(script, seconds=SECONDS, **values)
    after = page.costs()
    gaps = [second - first for first, second in itertools.pairwise(times)]
    frames = len(gaps)
    parts = {
        word: (after[key] - before[key]) / frames * 1000
        for word, key in (
            ("main thread", "TaskDuration"),
            ("script", "ScriptDuration"),
            ("style", "RecalcStyleDuration"),
            ("layout", "LayoutDuration"),
        )
    }
    words = ", ".join(f"{word} {each:.1f}" for word, each in parts.items())
    rate = 1000 * frames / (times[-1] - times[0])
    slow = sorted(gaps)[frames * 95 // 100]
    print(f"  {name:<25} {rate:8.1f} frames/s, 95 % within {slow:.0f} ms; ms per frame: {words}")


def report_delays(name: str, delays: Sequence[float]) -> None:
    """Print the median delay from key to sound."""
    late = sorted(delays)[len(delays) * 95 // 100]
    print(
        f"  key to sound, {name}: median {statistics.median(delays):.0f} ms, 95 % within {late:.0f} ms "
        f"(target: median at most {TARGETS[name]})"
    )


def measure_page(address: str, clips: int) -> None:
    """Print the figures of the page: frames per second of the grid and the map, and key to sound."""
    random = Random(1)
    ids = random.sample(range(100, clips), COLD + SCROLLING)
    with browser() as driver:
        page = RoomPage(driver, address)
        for name, step in (("grid, slowly", 40), ("grid, a screen each frame", 700)):
            report_frames(page, name, SCROLL, step=step)
        page.script('document.getElementById("view").scrollTop = 0; await rest(500); return [];')
        page.script(NEXT, count=2, rest=1_500)
        report_delays("prefetched", page.script(NEXT, count=PREFETCHED, rest=600))
        report_delays("any other", page.script(JUMP, ids=ids[:COLD], scrolls=False, step=0))
        scrolling = page.script(JUMP, ids=ids[COLD:], scrolls=True, step=30)
        report_delays("any other, while the grid scrolls", scrolling)
        page.show("map")
        page.script(
            'await until(() => document.querySelector(".legend li"), 600000); await rest(500); return [];'
        )
        report_frames(page, "map, panned", PAN)
        report_frames(page, "map, zoomed", ZOOM)


def measure_session(address: str, auditions: int, server_memory: Any) -> None:
    """Print the memory of the page and the server while many clips are auditioned."""
    with browser() as driver:
        page = RoomPage(driver, address)
        for done in range(0, auditions, auditions // 4):
            page.script(NEXT, count=auditions // 4, rest=20)
            print(
                f"  {done + auditions // 4:,} clips auditioned: heap {page.heap():.1f} MB, "
                f"page {page.renderer():.0f} MB, server {server_memory()}"
            )
