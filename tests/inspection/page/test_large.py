"""Large stories: a graph of a thousand nodes is stepped through, one of ten thousand opens folded."""

from __future__ import annotations

import time
from typing import Any

import pytest

from graphs.inspection import Recording
from graphs.inspection.file import from_json, to_json
from graphs.inspection.recording import Change, Node, Op, Origin, OutputSpec, Rule, SourceLine, Step, Variable
from graphs.inspection.show.page.drawn import draw
from tests.inspection.page.conftest import Open, rested
from tests.inspection.page.test_browser import boxes, moment, press

pytestmark = pytest.mark.once


def woven(size: int, steps: int, lines: int = 12) -> Recording:
    """`size` nodes that read one another in rows of twenty; each step puts another node in the place of one."""
    ops = tuple(
        Op(f"Op{i}", "pytensor.tensor.elemwise.Elemwise", "pytensor.scalar.basic.Add") for i in range(5)
    )
    variables = [Variable("input", "Vector", "float64", (None,), "x")]
    nodes: list[Node] = []
    for i in range(size):
        reads = tuple(1 + j for j in (i - 20, i - 19 - i % 3) if 0 <= j < i) or (0,)
        nodes.append(Node(i % 5, reads, (len(variables),), Origin("forward", lines=(i * lines // size,))))
        variables.append(Variable("computed", "Vector", "float64", (None,), "", i))
    found = []
    inputs = {i: list(node.inputs) for i, node in enumerate(nodes)}
    alive = list(range(size))
    readers: dict[int, list[tuple[int, int]]] = {}
    for i, reads in inputs.items():
        for position, v in enumerate(reads):
            readers.setdefault(v, []).append((i, position))
    for step in range(1, steps + 1):
        at = (step * 37) % size
        old = alive[at]
        was, new = nodes[old].outputs[0], len(nodes)
        out = len(variables)
        nodes.append(Node(step % 5, tuple(inputs[old]), (out,), Origin("rewrite", step, (old,))))
        variables.append(Variable("computed", "Vector", "float64", (None,), "", new))
        moved = [(i, p) for i, p in readers.pop(was, []) if i != old and i in inputs]
        changes = tuple(Change(i, p, was, out) for i, p in moved)
        for i, p in moved:
            inputs[i][p] = out
        readers[out] = moved
        inputs[new] = inputs.pop(old)
        for position, v in enumerate(inputs[new]):
            readers[v] = [pair for pair in readers.get(v, []) if pair[0] != old] + [(new, position)]
        alive[at] = new
        last = variables[-1].owner == new and at == size - 1
        changes += (Change(None, 0, was, out),) if last else ()
        found.append(
            Step(f"phase {step * 6 // (steps + 1)}", 0, (old,), (new,), changes, ((was, out),), 1e-4)
        )
    rows = tuple(SourceLine("model.py", i + 1, "f", f"line {i + 1}") for i in range(lines))
    order = sorted(range(size), key=lambda at: at)
    return Recording(
        "woven", "FAST_RUN", "CLinker", (), None, ops, tuple(variables), tuple(nodes), (Rule("again"),), rows, (0,),
        tuple(range(size)), (size,), (OutputSpec("out"),), tuple(found), tuple(alive[at] for at in order), 0.1, 0.0, {},
    )  # fmt: skip


def step_times(shown: Any, steps: int) -> list[float]:
    """Milliseconds from a key press to the end of the frame that shows it, of so many, sorted."""
    times: list[float] = shown.evaluate(
        """async (steps) => { const found = [];
        for (let i = 0; i < steps; i++) {
          document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
          await new Promise((done) => requestAnimationFrame(() => {
            const start = performance.now(), c = new MessageChannel();
            c.port1.onmessage = () => { found.push(performance.now() - start); done(); }; c.port2.postMessage(0); }));
        } return found.sort((a, b) => a - b) }""",
        steps,
    )
    return times


def test_a_thousand_nodes_and_two_thousand_steps(opened: Open, record_property: Any) -> None:
    recording = woven(1000, 2000)
    assert from_json(to_json(recording)) == recording
    shown = opened(recording, address="#step=0")
    record_property(
        "milliseconds a step", step_times(shown, 40)[20]
    )  # told, not asserted: README has figures
    press(shown, "End")
    assert moment(shown) == 2000
    assert len([key for key in boxes(shown) if key.isdigit()]) == 1001  # with the one that goes
    press(shown, "Home")
    seen = boxes(shown)
    for _ in range(25):
        press(shown, "ArrowRight")
        for key, place in boxes(shown).items():
            assert seen.setdefault(key, place) == place


def test_ten_thousand_nodes_open_folded(opened: Open) -> None:
    recording = woven(10_000, 40)
    drawn = draw(recording)
    assert drawn.layout is None
    assert sorted(node for _, _, nodes in drawn.groups for node in nodes) == list(range(len(recording.nodes)))
    start = time.monotonic()
    shown = opened(recording, address="#step=20")
    shown.wait_for_selector("#picture-0 .box")
    assert time.monotonic() - start < 60  # it opens; not how fast
    groups = {key for key in boxes(shown) if key.startswith("g")}
    assert len(groups) == len(drawn.groups) < 200
    assert moment(shown) == 20
    name, _, nodes = drawn.groups[0]
    assert name.startswith("model.py:")
    shown.click("button:has-text('fit')")
    shown.click(f"#picture-0 [data-key='{sorted(groups)[0]}']")
    rested(shown)
    opened_one = [key for key in boxes(shown) if key.isdigit()]
    assert 0 < len(opened_one) <= 121
    press(shown, "ArrowRight", "ArrowLeft")
    shown.click("button:has-text('close the group')")
    rested(shown)
    assert {key for key in boxes(shown) if key.startswith("g")} == groups
    press(shown, "n")  # by the keyboard: what is chosen is seen
    rested(shown)
    assert len({key for key in boxes(shown) if key.startswith("g")}) == len(groups) - 1
    assert len(boxes(shown, ".chosen")) == 1
    assert nodes


@pytest.mark.parametrize("count", [0, 1])
def test_graphs_of_nothing_and_of_one_node(count: int, opened: Open) -> None:
    recording = (
        woven(1, 0)
        if count
        else Recording("", "", "", (), None, (), (), (), (), (), (), (), (), (), (), (), 0.0, 0.0, {})
    )
    shown = opened(recording)
    press(shown, "ArrowRight", "End", "0", "n", "r", "ArrowDown")
    assert moment(shown) == 0
    assert len([key for key in boxes(shown) if key.isdigit()]) == count
