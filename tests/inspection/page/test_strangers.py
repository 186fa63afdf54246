"""Pages of graphs that nobody wrote for this project: each opens, steps through, and stands still."""

from __future__ import annotations

import itertools
import os
import warnings
import zlib

import pytensor
import pytest

from graphs.inspection import Recording, inspect
from graphs.inspection.show.page.layout import BOX, lay_out
from tests.inspection.corpus import CORPUS
from tests.inspection.corpus.exceptions import UPSTREAM
from tests.inspection.page.conftest import Open
from tests.inspection.page.test_browser import boxes, moment, press
from tests.inspection.test_corpus import LINE, SLOW, compile_as_a_user

EVERY = 1 if os.environ.get("GRAPHS_CORPUS") == "all" else 25
NAMES = [name for name in CORPUS if zlib.crc32(name.encode()) % EVERY == 0]


def recorded(name: str) -> Recording:
    if (name, "FAST_COMPILE", LINE) in UPSTREAM:
        pytest.skip(UPSTREAM[name, "FAST_COMPILE", LINE].cause)
    graph = CORPUS[name]()
    with warnings.catch_warnings(), pytensor.config.change_flags(mode="FAST_COMPILE"):
        warnings.simplefilter("ignore")
        return inspect(compile_as_a_user(graph, "FAST_COMPILE")).evaluate(*graph.values).recording


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.long] if n in SLOW else []) for n in NAMES]
)
def test_it_opens_and_steps(name: str, opened: Open) -> None:
    recording = recorded(name)
    shown = opened(recording, address="#step=0")  # an error of the page's fails the fixture
    seen: dict[str, str] = {}
    last = len(recording.steps)
    for step in range(min(last, 12) + 1):
        assert moment(shown) == step
        there = boxes(shown)
        assert {int(key) for key in there if key.isdigit()} >= {
            n.node for n in recording.snapshot(step).nodes
        }
        for key, place in there.items():
            assert seen.setdefault(key, place) == place
        press(shown, "ArrowRight")
    press(shown, "r", "c", "c", "c", "c", "c", "End", "n", "f")
    assert {int(key) for key in boxes(shown) if key.isdigit()} >= {*recording.final_order}
    no_overlap(recording)


def no_overlap(recording: Recording) -> None:
    layout = lay_out(recording)
    for snapshot in recording.snapshots:
        places = sorted((layout.nodes[n.node][::-1] for n in snapshot.nodes), key=lambda at: at)
        for (row, x), (next_row, next_x) in itertools.pairwise(places):
            assert row != next_row or next_x - x >= BOX
