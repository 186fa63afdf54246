"""How large a page is, how soon it is seen, and how long a step takes in Chromium.

    python -m tests.inspection.page.measured_page RECORDING.json …

prints, for each recording: Python's time for the layout and for the whole page, the file's size, the first paint, and
from a key press to the end of the frame that shows the step, median and 95th percentile of a hundred.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from graphs.inspection import load, page
from graphs.inspection.show.page.layout import lay_out
from tests.inspection.page.conftest import CHROMIUM, FLAGS
from tests.inspection.page.test_large import step_times


def main(*paths: str) -> None:
    """Print a line for each recording."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        print(f"Chromium {browser.version}, 1280 × 800")
        for path in paths:
            recording = load(path)
            start = time.perf_counter()
            lay_out(recording)
            laid_out = time.perf_counter() - start
            start = time.perf_counter()
            page(recording).save(Path(folder) / "page.html")
            made = time.perf_counter() - start
            shown = browser.new_page(viewport={"width": 1280, "height": 800})
            shown.goto((Path(folder) / "page.html").as_uri() + "#step=0")
            shown.wait_for_timeout(1000)
            paint = shown.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            times = step_times(shown, 100)
            size = (Path(folder) / "page.html").stat().st_size
            counts = recording.node_counts()
            print(
                f"{Path(path).name}: {max(counts)} nodes, {len(recording.steps)} steps; layout {laid_out:.2f} s,"
                f" page {made:.2f} s, {size / 1e6:.2f} MB; first paint {paint:.0f} ms; a step {times[50]:.1f} ms,"
                f" 95 % within {times[95]:.1f} ms"
            )
            shown.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
