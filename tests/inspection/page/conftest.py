"""Recordings of several kinds, and a real Chromium to look at their pages in.

Chromium is Debian's (or the one that ``CHROMIUM`` names), driven by Playwright; where one of them is missing, these
tests are skipped and say so. What checks the JavaScript itself comes from npm (package.json here): ``npm install
--prefix tests/inspection/page`` brings it, or ``NODE_MODULES`` names a folder that has it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.inspection import Recording, inspect
from graphs.inspection.show.page.document import page
from tests.inspection.conftest import PYTHON

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def node_modules() -> Path:
    """Where npm's packages are; skips where they are not."""
    places = [os.environ.get("NODE_MODULES", ""), str(HERE / "node_modules")]
    for place in places:
        if place and (Path(place) / "axe-core").is_dir():
            return Path(place)
    pytest.skip("npm's packages are missing: npm install --prefix tests/inspection/page")


@pytest.fixture(scope="session")
def loop() -> Recording:
    """A Scan and its gradient."""
    x, w = pt.matrix("x"), pytensor.shared(np.eye(3) * 0.3, name="W")
    found = pytensor.scan(
        lambda row, h: pt.tanh(h @ w + row), sequences=[x], outputs_info=[pt.zeros(3)], return_updates=False
    )
    cost = (found[-1] ** 2).sum()
    asked = inspect([x], [cost], [(w, w - 0.1 * pt.grad(cost, w))], mode=PYTHON, name="loop")
    return asked.evaluate(np.ones((4, 3))).recording


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed (the extra `page`)")
    if not CHROMIUM:
        pytest.skip("there is no Chromium here (on Debian: apt install chromium)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


Open = Callable[..., Any]


def drawn(shown: Any) -> None:
    """Wait until what was done is drawn: by the page's own frames, however long one takes here."""
    shown.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def rested(shown: Any) -> None:
    """Wait until what follows when the hand rests is drawn too: by the page's own clock."""
    shown.evaluate("new Promise(done => setTimeout(done, 300))")
    drawn(shown)


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a recording from disk; what it says on the console, or asks for, fails the test."""
    contexts, troubles = [], []

    def open_page(
        recording: Recording,
        beside: Recording | None = None,
        *,
        address: str = "",
        size: tuple[int, int] = (1280, 800),
        labels: tuple[str, str] = ("first", "second"),
        **options: Any,
    ) -> Any:
        path = tmp_path / f"page{len(contexts)}.html"
        page(recording, beside, labels=labels).save(path)
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        context.set_default_timeout(60_000)  # a machine under load
        contexts.append(context)
        shown = context.new_page()
        shown.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        shown.on("console", lambda message: troubles.append(f"console: {message.text}"))
        shown.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith(("file:", "data:", "blob:"))
                else troubles.append(f"asked for {asked.url}")
            ),
        )
        shown.goto(path.as_uri() + address)
        return shown

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles
