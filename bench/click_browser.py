"""Time from a click to the painted proposal, in a browser: `python -m bench.click_browser --json FILE`.

Headless Chromium at the page of a real app, a picture of one megapixel, clicks on a grid of places; each
proposal is dropped before the next click. The clock runs in the page: from the pointer's press to the second
frame after the proposal is there. Target: p50 <= 100 ms, p95 <= 200 ms.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Error, Page, sync_playwright

from bench.app_process import running_app
from bench.measurement import Measurement, quantile
from bench.pictures import textured_jpeg
from bench.report import report
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.provenance import ROOT

MEGAPIXELS = 1.0
ACROSS, DOWN = 6, 4  # places that are clicked
P50_S, P95_S = 0.1, 0.2
PATIENCE_MS = 60_000
ANSWER_MS = 3_000  # a click that changes nothing opens no proposal
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
BEGIN = re.compile("Fix this|Mark a missed area")
CLOCK = """() => {
    const stage = document.querySelector(".stage");
    const offer = stage.querySelector(".offer");
    let began = 0;
    window.clicked = [];
    stage.addEventListener("pointerdown", () => { began = performance.now(); }, true);
    new MutationObserver(() => {
        if (!began || !offer.dataset.kind) return;
        const since = began;
        began = 0;
        const painted = () => window.clicked.push(performance.now() - since);
        requestAnimationFrame(() => requestAnimationFrame(painted));
    }).observe(offer, { attributes: true });
}"""


def times_of(page: Page, address: str, picture: bytes) -> list[float]:
    """Seconds of every click that opened a proposal."""
    page.goto(address)
    page.wait_for_selector('.fs[data-phase="idle"]', timeout=PATIENCE_MS)
    page.set_input_files("input.file", {"name": "picture.jpg", "mimeType": "image/jpeg", "buffer": picture})
    page.wait_for_selector('.fs[data-phase="done"]', timeout=PATIENCE_MS)
    page.locator(".turn").get_by_role("button", name=BEGIN).first.click()
    page.wait_for_selector('.fs[data-phase="fixing"]', timeout=PATIENCE_MS)
    page.evaluate(CLOCK)
    for x, y in _places(page):
        seen = page.evaluate("() => window.clicked.length")
        page.mouse.click(x, y)
        try:
            page.wait_for_function("(seen) => window.clicked.length > seen", arg=seen, timeout=ANSWER_MS)
        except Error:
            continue
        page.keyboard.press("Escape")
    return [float(each) / 1000 for each in page.evaluate("() => window.clicked")]


def _places(page: Page) -> Iterator[tuple[float, float]]:
    box = page.locator(".stage").bounding_box()
    if box is None:
        raise EngineUnavailable("The canvas is not on the page; look at it in a browser.")
    for row in range(DOWN):
        for column in range(ACROSS):
            yield (
                box["x"] + box["width"] * (0.25 + 0.5 * column / (ACROSS - 1)),
                box["y"] + box["height"] * (0.15 + 0.7 * row / (DOWN - 1)),
            )


def measure(engine: str) -> list[Measurement]:
    """Starts app and browser, clicks, and sums up.

    Raises:
        EngineUnavailable: there is no Chromium, or the app does not start, or no click opened a proposal.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        raise EngineUnavailable("There is no Chromium on this machine; install the package chromium.")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(ROOT / "app.py", Path(folder), engine) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        times = times_of(page, address, textured_jpeg(MEGAPIXELS, 0))
        browser.close()
    if not times:
        raise EngineUnavailable("No click opened a proposal; try the page by hand.")
    n = len(times)
    return [
        Measurement("click -> painted proposal in the browser, p50", quantile(times, 0.5), "s", P50_S, n),
        Measurement("click -> painted proposal in the browser, p95", quantile(times, 0.95), "s", P95_S, n),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.click_browser", description="Clicks as they are seen."
    )
    parser.add_argument("--engine", default="compact", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    return report(lambda: measure(args.engine), args.json, engine=args.engine)


if __name__ == "__main__":
    sys.exit(main())
