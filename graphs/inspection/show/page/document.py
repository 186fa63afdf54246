"""One HTML file: data, the page's own JavaScript, other people's as published, and nothing from outside.

What a recording holds is text of strangers. It stands in the file as JSON in which no ``<`` is written, or escaped;
scripts run only if their hash is in the Content-Security-Policy, which forbids every connection.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

import msgspec

from graphs.errors import InputError
from graphs.files import file_path, write_whole
from graphs.foreign import legible, plain, quoted
from graphs.inspection.file import to_json
from graphs.inspection.pair import align
from graphs.inspection.recording import Recording
from graphs.inspection.show.page.drawn import Drawn, draw, moments
from graphs.inspection.show.page.still import picture, steps_table
from graphs.inspection.show.story import story, text_of

__all__ = ["MODULES", "VENDORED", "Page", "page"]

#: The page's own JavaScript, each after those that it imports.
MODULES: Final = (
    "recording",
    "address",
    "layers",
    "geometry",
    "kinds",
    "numbers",
    "side",
    "store",
    "timeline",
    "svg",
    "looks",
    "standing",
    "sight",
    "picture",
    "inside",
    "details",
    "search",
    "sections",
    "keeping",
    "keys",
    "main",
)
#: Packages of others, as published: file and licence.
VENDORED: Final = {
    "htm-3.1.1/standalone.umd.js": "htm 3.1.1 (Apache-2.0) with Preact (MIT)",
    "uplot-1.6.32/uPlot.iife.min.js": "uPlot 1.6.32 (MIT)",
}
STYLES: Final = ("vendored/uplot-1.6.32/uPlot.min.css", "page.css")
HEIGHT: Final = 900  # pixels, of the page in a notebook


@dataclass(frozen=True)
class Page:
    """A page: `html` is the whole file; in a notebook it shows itself."""

    html: str
    title: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to `path`, whole or not at all.

        Raises
        ------
        InputError
            If the folder does not exist or cannot be written.
        """
        target = file_path("path", path)
        try:
            write_whole(target, self.html.encode())
        except OSError as problem:
            told = f"{plain(target)} ({problem.strerror or problem})"
            raise InputError("path", found=told, allowed="a writable file") from problem

    def __repr__(self) -> str:
        return f"<Page of {self.title}, {len(self.html):,} characters>"

    def _repr_html_(self) -> str:
        # In a frame of its own: no style and no script of the notebook's reaches it, nor the other way round.
        return (
            f'<iframe title="{escape(self.title)}" sandbox="allow-scripts allow-downloads"'
            f' style="width:100%;height:{HEIGHT}px;border:1px solid #8888" srcdoc="{escape(self.html)}"></iframe>'
        )


def page(
    recording: Recording, beside: Recording | None = None, *, labels: tuple[str, str] = ("first", "second")
) -> Page:
    """The page of a recording, or of two on one time line.

    Parameters
    ----------
    recording : Recording
        What is shown; nothing else is looked at.
    beside : Recording, optional
        One of the same expression under another mode, version or dtype, or without a rule.
    labels : pair of str
        What the two are called.

    Returns
    -------
    Page
        To be saved, or shown in a notebook.

    Raises
    ------
    InputError
        If one is no recording, or the two have too little in common.
    """
    for argument, given in (("recording", recording), ("beside", beside)):
        if not isinstance(given, Recording) and not (argument == "beside" and given is None):
            raise InputError(argument, found=quoted(given), allowed="a Recording")
    parting = None if beside is None else align(recording, beside)
    # What is exported again is the recording itself; what is shown of it has no text that moves a cursor.
    shown = [(one, legible(one)) for one in (recording, beside) if one is not None]
    drawn = [(one, fit, draw(fit)) for one, fit in shown]
    names = labels if beside is not None else ("", "")
    sides = ",".join(
        f'{{"label":{_json(plain(label))},"file":{to_json(one).rstrip()},"drawn":{_json(told)}}}'
        for label, (one, _, told) in zip(names, drawn, strict=False)
    )
    book = {
        "moments": moments(recording, parting),
        "parts_at": parting.parts_at if parting else None,
        "values_part_at": parting.values_part_at if parting else None,
    }
    data = f'{{"book":{_json(book)},"sides":[{sides}]}}'
    title = " and ".join(told.title for _, _, told in drawn)
    return Page(_html(title, data, [_without_script(fit, told) for _, fit, told in drawn]), title)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _html(title: str, data: str, stills: list[str]) -> str:
    scripts = [*(_resource(f"vendored/{name}") for name in VENDORED), program()]
    style = "\n".join(_resource(name) for name in STYLES)
    policy = "; ".join(
        [
            "default-src 'none'",
            "script-src " + " ".join(f"'sha256-{_digest(script)}'" for script in scripts),
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    kinds = [*("" for _ in VENDORED), ' type="module"']
    licences = "; ".join(VENDORED.values())
    tags = "\n".join(f"<script{kind}>{script}</script>" for kind, script in zip(kinds, scripts, strict=True))
    # JSON has such characters in texts only, where an escape stands for each: no tag and no comment can begin there, and
    # whoever reads the file sees it in the order in which it is written.
    safe = re.sub(
        r"[<\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", lambda found: f"\\u{ord(found[0]):04x}", data
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<div id="page"></div>
<noscript><main>{"".join(stills)}</main></noscript>
<script type="application/json" id="data">{safe}</script>
<!-- {licences} -->
{tags}
</body>
</html>
"""


def _without_script(recording: Recording, drawn: Drawn) -> str:
    """What is seen with JavaScript off: the sentences, the first and the last graph, every step."""
    parts = [
        f"<h1>{escape(drawn.title)}</h1><p>{escape(plain(text_of(story(recording)), 5000))}</p>",
        "<p>With JavaScript on, this page shows every step.</p>",
    ]
    if drawn.layout is not None:
        last = len(recording.steps)
        for heading, snapshot in (("The graph as written", 0), ("The graph as compiled", last)):
            parts.append(
                f"<h2>{heading}</h2>{picture(recording, snapshot, drawn.layout, drawn.labels, heading)}"
            )
    else:
        parts.append(f"<p>{len(recording.nodes):,} nodes, too many for a still picture.</p>")
    parts.append(steps_table(recording, [step[1] for step in drawn.steps]))
    return "".join(parts)


@cache
def program() -> str:
    """The page's own modules in one script, for a file that opens from disk can import no other.

    Each keeps a scope of its own: a function that gives what the module exports, and takes what it imports.
    """
    parts = ["const modules = {};"]
    for name in MODULES:
        text = _resource(f"modules/{name}.js")
        exported = re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", text, flags=re.MULTILINE)
        text = re.sub(
            r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', r"const \1 = modules.\2;", text, flags=re.MULTILINE
        )
        text = re.sub(r"^export ", "", text, flags=re.MULTILINE)
        parts.append(f"modules.{name} = (() => {{\n{text}\nreturn {{ {', '.join(exported)} }};\n}})();")
    return "\n".join(parts)


@cache
def _resource(name: str) -> str:
    return files("graphs.inspection.show.page").joinpath(name).read_text("utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
