"""The file: how large, how it is written, what it says of bad input, and that it is made from a recording alone."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from graphs.errors import InputError
from graphs.inspection import Inspection, Recording, load, save
from graphs.inspection.pair import align
from graphs.inspection.show.page.document import Page, page
from graphs.inspection.show.page.drawn import draw, moments


def test_the_size_of_the_experiments_page(examined: Recording) -> None:
    assert len(page(examined).html.encode()) < 1_200_000


def test_it_is_drawn_from_a_recording_and_nothing_else(examined: Recording, tmp_path: Path) -> None:
    save(examined, tmp_path / "train.json")
    assert page(load(tmp_path / "train.json")).html == page(examined).html
    code = (
        "import sys; from graphs.inspection import load, page;"
        f"page(load({str(tmp_path / 'train.json')!r})).save({str(tmp_path / 'page.html')!r});"
        "print('pytensor' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"  # nor is PyTensor imported for it
    assert (tmp_path / "page.html").read_text() == page(examined).html


def test_the_markup_is_whole(examined: Recording) -> None:
    class Balanced(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "rect", "path"):
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None: ...

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balanced()
    parser.feed(page(examined).html)
    assert not parser.open


def test_an_inspection_gives_it(asked: Inspection) -> None:
    found = asked.page()
    assert isinstance(found, Page)
    assert found.html == page(asked.recording).html
    assert repr(found).startswith("<Page of train")
    shown = found._repr_html_()
    assert shown.startswith("<iframe")
    assert "allow-same-origin" not in shown
    assert '"' not in re.findall(r'srcdoc="([^"]*)', shown)[0]


def test_bad_input_is_refused(examined: Recording, tmp_path: Path) -> None:
    for arguments, name in (((3,), "recording"), ((None,), "recording"), ((examined, 3), "beside")):
        with pytest.raises(InputError, match=name):
            page(*arguments)
    with pytest.raises(InputError, match="path"):
        page(examined).save(tmp_path / "none" / "x.html")
    with pytest.raises(InputError, match="path"):
        page(examined).save(tmp_path)


def test_moments_of_two_stories(examined: Recording) -> None:
    other = msgspec.structs.replace(examined, steps=examined.steps[:40], evaluation=None)
    found = moments(examined, align(examined, other))
    assert (found[0].first, found[0].second) == (0, 0)
    assert (found[-1].first, found[-1].second) == (len(examined.steps), 40)
    assert sum(moment.paired for moment in found[1:]) == 40
    for one, following in itertools.pairwise(found):
        assert (following.first - one.first, following.second - one.second) in ((1, 1), (1, 0), (0, 1))


def test_steps_that_change_only_names(examined: Recording) -> None:
    told = draw(examined).steps
    assert len(told) == len(examined.steps)
    for step, (_, _, names) in zip(examined.steps, told, strict=True):
        if names:
            ops = [sorted(examined.nodes[n].op for n in nodes) for nodes in (step.gone, step.come)]
            assert ops[0] == ops[1]


def test_a_label_is_anew_where_what_a_node_reads_moves(examined: Recording) -> None:
    drawn = draw(examined)
    assert all(rows for rows in drawn.labels)
    moved = {c.node for step in examined.steps for c in step.changes if c.node is not None}
    again = {node for node, rows in enumerate(drawn.labels) if len(rows) > 1}
    assert again
    assert again <= moved
