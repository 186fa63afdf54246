"""The page as a cell's output, in real notebooks: seen, still there when the notebook is saved and opened again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphs.inspection import Recording, save

pytestmark = pytest.mark.once

CELL = "from graphs.inspection import load, page\npage(load('train.json'))"


@pytest.fixture
def folder(examined: Recording, tmp_path: Path) -> Path:
    save(examined, tmp_path / "train.json")
    return tmp_path


def run(folder: Path, *arguments: str) -> None:
    environment = os.environ | {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


def steps_in(frame: Any, last: int) -> None:
    """The page in a frame is alive."""
    frame.locator("button[aria-label='as compiled']").click()
    assert frame.locator("#timeline-0 .strip").get_attribute("aria-valuenow") == str(last)


def test_jupyter_keeps_it(folder: Path, examined: Recording, browser: Any) -> None:
    pytest.importorskip("nbconvert", reason="nbconvert is not installed (the extra `notebooks`)")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed (the extra `notebooks`)")
    cell = {
        "cell_type": "code",
        "id": "one",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": CELL,
    }
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "one.ipynb").write_text(json.dumps(notebook))
    run(folder, "nbconvert", "--execute", "--to", "notebook", "--inplace", "one.ipynb")
    saved = json.loads((folder / "one.ipynb").read_text())
    (output,) = saved["cells"][0]["outputs"]
    assert "".join(output["data"]["text/html"]).startswith("<iframe")
    assert "".join(output["data"]["text/plain"]).startswith("<Page of train")
    run(folder, "nbconvert", "--to", "html", "one.ipynb")
    context = browser.new_context(offline=True)
    shown = context.new_page()
    shown.goto((folder / "one.html").as_uri(), wait_until="domcontentloaded")
    steps_in(shown.frame_locator("iframe").first, len(examined.steps))
    context.close()


@pytest.fixture
def marimo(folder: Path) -> Iterator[str]:
    pytest.importorskip("marimo", reason="marimo is not installed (the extra `notebooks`)")
    body = CELL.replace("\n", "\n    ")
    head = "import marimo\napp = marimo.App()\n\n@app.cell\ndef _():\n    "
    app = f"{head}{body}\n    return\n\nif __name__ == '__main__':\n    app.run()\n"
    (folder / "app.py").write_text(app)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [
        sys.executable,
        "-m",
        "marimo",
        "run",
        "app.py",
        "--headless",
        "--no-token",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address
        server.terminate()


def test_marimo_shows_it(marimo: str, folder: Path, examined: Recording, browser: Any) -> None:
    context = browser.new_context()
    shown = context.new_page()
    shown.goto(marimo)
    steps_in(shown.frame_locator("iframe").first, len(examined.steps))
    context.close()
    run(folder, "marimo", "export", "html", "app.py", "-o", "saved.html")
    assert "srcdoc" in (folder / "saved.html").read_text()
