"""A recording is data of strangers: what it says is seen as text, nothing in it runs, and nothing is asked for."""

from __future__ import annotations

import re
from itertools import cycle
from typing import Any

import pytest

from graphs.inspection import Recording
from graphs.inspection.file import to_json
from graphs.inspection.show.page.document import page, program
from tests.inspection.hostile import HOSTILE, fields, poisoned
from tests.inspection.page.conftest import Open, rested
from tests.inspection.page.test_browser import drop

pytestmark = pytest.mark.once

RUNS = [
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 1'>",
    "<svg onload='window.owned = 1'></svg>",
    "<!--<script>",
    "]]></style><style>body { display: none }</style>",
    "javascript:window.owned = 1",
    "\"><iframe src='https://example.org/'></iframe>",
    "${window.owned = 1}",
    "{{constructor.constructor('window.owned = 1')()}}",
    "&lt;b&gt;",
    *(text for text in HOSTILE.values() if len(text) < 3000),
]
WORDS = ("kind", "dtype", "verdict", "formula", "marks")  # of which there are only some


def hostile(recording: Recording) -> Recording:
    texts = cycle(RUNS)
    for where in sorted(fields(recording)):
        if where.rpartition(".")[2] not in WORDS:
            recording = poisoned(recording, lambda text: text + next(texts), where)
    return recording


@pytest.fixture(scope="session")
def poison(examined: Recording) -> Recording:
    return hostile(examined)


def test_the_file_holds_no_tag_of_a_recording(poison: Recording) -> None:
    html = page(poison, poison).html
    scripts = re.findall(r"<script[^>]*>", html)
    assert scripts == [
        '<script type="application/json" id="data">',
        "<script>",
        "<script>",
        '<script type="module">',
    ]
    data = html.partition('id="data">')[2].partition("</script>")[0]
    assert "<" not in data
    assert "owned" in data
    still = html.partition("<noscript>")[2].partition("</noscript>")[0]
    assert not re.findall(
        r"<(?!/?(main|h1|h2|p|svg|title|g|rect|text|path|table|caption|thead|tbody|tr|th|td)\b)", still
    )
    assert "onerror=" not in re.sub(r"&[lg]t;.*?(?=<)", "", re.sub(r">[^<]*<", "><", still))
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", html)


def test_the_policy_lets_nothing_out(examined: Recording) -> None:
    html = page(examined).html
    policy = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[0]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["base-uri"] == "'none'"
    assert rules["form-action"] == "'none'"
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert all(re.fullmatch(r"'sha256-[\w+/=]+'", word) for word in rules["script-src"].split())
    assert rules["img-src"] == "data: blob:"
    urls = {
        url
        for url in re.findall(r"https?://[^\s\"'<>)\\]+", program())
        if not url.startswith("http://www.w3.org/")
    }
    assert not urls


def look_everywhere(shown: Any) -> None:
    for hash_ in (
        "#step=0",
        "#step=70&panel=node&node=20",
        "#step=99&panel=code",
        "#step=86&panel=source&line=0",
        "#step=40&colour=values",
    ):
        shown.evaluate(f"location.hash = '{hash_}'")
        rested(shown)
    shown.locator("#nodes-table summary").click()
    for switch in shown.locator("#whatif [role=switch]").all():
        switch.click()
    shown.keyboard.press("/")
    shown.keyboard.type("a")
    rested(shown)


def assert_nothing_ran(shown: Any, scripts: int) -> None:
    assert shown.evaluate("window.owned") is None
    assert shown.evaluate("document.scripts.length") == scripts
    assert (
        shown.evaluate(
            "document.querySelectorAll('iframe, object, embed, img, base, [onerror], [onload], [onclick]').length"
        )
        == 0
    )
    assert shown.evaluate("[...document.links].every(link => link.getAttribute('href').startsWith('#'))")
    assert shown.evaluate("getComputedStyle(document.body).display") != "none"


def test_nothing_of_a_hostile_recording_runs_and_all_is_text(poison: Recording, opened: Open) -> None:
    shown = opened(poison, poison, labels=(RUNS[0], RUNS[1]))  # any request or error fails the fixture
    look_everywhere(shown)
    assert_nothing_ran(shown, 4)
    assert "<img src=x onerror=" in shown.inner_text("body")
    assert RUNS[0] in shown.inner_text("figcaption >> nth=0")


def test_nor_of_one_that_is_dropped_or_kept_as_a_picture(
    examined: Recording, poison: Recording, opened: Open
) -> None:
    shown = opened(examined, accept_downloads=True)
    drop(shown, "<img src=x onerror=1>.json", to_json(poison))
    assert "is shown" in shown.inner_text("#told")
    look_everywhere(shown)
    assert_nothing_ran(shown, 4)
    with shown.expect_download() as waited:
        shown.click("footer button:has-text('SVG')")
    text = waited.value.path().read_text()
    assert "<img" not in text
    assert "<script" not in text
    assert " onerror=" not in re.sub(r">[^<]*<", "><", text)
