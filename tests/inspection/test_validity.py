"""A recording that somebody else wrote is refused, or every view of it works."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs import InputError
from graphs.inspection import file, inspect, validity
from graphs.inspection.costs import snapshot_costs
from graphs.inspection.file import from_json, load, to_json
from graphs.inspection.findings import Place
from graphs.inspection.recording import Recording
from graphs.inspection.show.report import HotNodes, StepTable, code_view, overview, pair_view, step_view
from graphs.terminal import as_html, as_text
from tests.inspection.conftest import PYTHON

HOSTILE: list[Any] = [
    None,
    True,
    -1,
    0,
    7,
    10**6,
    2**53,
    2**63,
    10**309,
    0.5,
    1e308,
    {"float": "NaN"},
    {"float": "-Infinity"},
    "",
    "\x1b[31m",
    "[/red]",
    "\ud800",
    "x" * 3000,
    [],
    [[]],
    {},
    [0, 0],
    "broke",
    "rewrite",
    "DimShuffle",
    "pytensor.tensor.blas.Gemv",
    "pytensor.tensor.elemwise.DimShuffle",
]


@pytest.fixture(scope="module")
def document() -> Any:
    """A recording with everything in it, small enough to be shown a hundred times."""
    x, w = pt.dmatrix("x"), pytensor.shared(np.array([1.0, -2.0]), name="w")
    p = 1 / (1 + pt.exp(-(x @ w)))
    function = pytensor.function([x], [pt.log(1 - p).sum()], updates=[(w, w - 0.1 * p.sum())], mode=PYTHON)
    asked = inspect(function).evaluate(np.array([[100.0, 2.0], [3.0, 4.0]])).diagnose(["sigmoid"])
    rule = asked.recording.rules[0].name
    asked = asked.why("local_log_sum_exp").why("log1p_neg_sigmoid")
    known = asked.leave_out(rules=[rule], rounds=1).measure(seconds=0.02, rounds=2)
    return json.loads(to_json(known.recording))


def views(recording: Recording) -> Iterator[Callable[[], object]]:
    yield lambda: as_text(overview(recording))
    yield lambda: as_html(HotNodes(recording), 140)
    yield lambda: as_text(StepTable(recording, every=True), 60)
    yield lambda: [as_text(code_view(recording, node)) for node in (None, *recording.final_order[:2])]
    yield lambda: as_text(pair_view(recording, recording, labels=("a", "b")))
    yield lambda: snapshot_costs(recording)
    yield lambda: from_json(to_json(recording))
    yield lambda: repr(recording)
    yield lambda: [as_text(step_view(recording, n)) for n in range(1, len(recording.steps) + 1, 9)]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))


def mutated(document: Any, chance: random.Random, where: dict[Any, list[tuple[Any, ...]]]) -> Any:
    """The recording with one value taken out, doubled, swapped, moved or replaced; each table as often."""
    changed = copy.deepcopy(document)
    table = chance.choice(list(where))
    *path, last = chance.choice(where[table])
    holder = changed["recording"]
    for key in path:
        holder = holder[key]
    match chance.randrange(6):
        case 0:
            del holder[last]
        case 1 if isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        case 2 if isinstance(holder, list):
            other = chance.randrange(len(holder))
            holder[last], holder[other] = holder[other], holder[last]
        case 3 if type(holder[last]) is int:
            holder[last] += chance.choice([-1, 1, 10])
        case 4:
            source = changed["recording"]
            for key in chance.choice(where[table]):
                source = source[key]
            holder[last] = copy.deepcopy(source)
        case _:
            holder[last] = chance.choice(HOSTILE)
    return changed


def test_what_loads_can_be_shown(document: Any) -> None:
    chance = random.Random(11)
    where: dict[Any, list[tuple[Any, ...]]] = {}
    for place in places(document["recording"]):
        where.setdefault(place[0], []).append(place)
    refused = 0
    for _ in range(120):
        text = json.dumps(mutated(document, chance, where))
        try:
            recording = from_json(text)
        except InputError:
            refused += 1
            continue
        for view in chance.sample(list(views(recording)), 2):
            view()
    assert 40 < refused < 120


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("seconds",), 10**309, "not JSON|damage"),
        (("stamp", "versions"), 3, "stamp.versions"),
        (("stamp", "machine"), {"cpu": []}, "stamp.machine"),
        (("variables", 0, 0), "thing", "none of input"),
        (("variables", 0, 3), [2**53, 2**53], "more entries"),
        (("nodes", 0, 3, 0), "magic", "origin"),
        (("final_order",), "doubled", "the same twice"),
        (("first_nodes",), "doubled", "stands there already"),
        (("nodes",), "doubled", "damage"),
        (("steps",), "doubled", "damage"),
        (("evaluation", "steps", 0, 1), "splendid", "none of identical"),
        (("evaluation", "values", 0, 2), [2**53, 2**53], "more entries"),
        (("evaluation", "outputs"), [], "of other outputs"),
        (("evaluation", "outputs", 0, 3), [99_999], "there is no step 99999"),
        (("evaluation", "outputs", 0, 3), [0], "there is no step 0"),
        (("measurements", "times", "nodes"), "doubled", "the same twice"),
        (("measurements", "times", "nodes"), "shortened", "not of the nodes that run"),
        (("measurements", "times", "call"), [0, 0, 0], "takes no time"),
        (("measurements", "times", "call"), [{"float": "NaN"}, 0, 0], "damage"),
        (("measurements", "code", 0, 0), 99_999, "does not run"),
        (("counterfactuals", 0, 0), 999, "there is no 999 in rules"),
        (("counterfactuals", 0, 7), "splendid", "none of identical"),
        (("name",), "\ud800", "not JSON"),
    ],
)
def test_what_views_rely_on_is_checked(document: Any, path: tuple[Any, ...], value: Any, says: str) -> None:
    changed = copy.deepcopy(document)
    holder = changed["recording"]
    for key in path[:-1]:
        holder = holder[key]
    held = holder.get(path[-1]) if isinstance(holder, dict) else None
    if isinstance(holder, list):
        holder.extend([None] * (path[-1] - len(holder) + 1))
        held = holder[path[-1]]
    others = {"doubled": lambda: [*held, held[-1]], "shortened": lambda: held[1:]}
    holder[path[-1]] = others[value]() if isinstance(value, str) and value in others else value
    with pytest.raises(InputError, match=says):
        from_json(json.dumps(changed))


def test_a_number_that_python_does_not_write_down(document: Any) -> None:
    changed = copy.deepcopy(document)
    changed["recording"]["recorder_seconds"] = "LONG"
    with pytest.raises(InputError, match="not JSON"):
        from_json(json.dumps(changed).replace('"LONG"', "1" + "0" * 5000))


def test_a_node_that_needs_itself_is_refused(document: Any) -> None:
    changed = copy.deepcopy(document)
    tables = changed["recording"]
    first = next(n for n in tables["first_nodes"] if tables["nodes"][n][1])
    tables["nodes"][first][1][0] = tables["nodes"][first][2][0]
    with pytest.raises(InputError, match="damage"):
        from_json(json.dumps(changed))


def test_limits_come_before_the_work(document: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    monkeypatch.setattr(validity, "MOST_PLACED", 20)
    with pytest.raises(InputError, match="more than 20 nodes in all snapshots"):
        load(path)
    monkeypatch.setattr(file, "MOST_ROWS", 5)
    with pytest.raises(InputError, match="more than the 5 that are read"):
        load(path)
    monkeypatch.setattr(file, "MOST_BYTES", 1000)
    with pytest.raises(InputError, match="more than the 1,000 that are read"):
        load(path)


@pytest.mark.parametrize(
    ("module", "limit", "says"),
    [
        (file, "MOST_BYTES", "bytes"),
        (file, "MOST_ROWS", "more than the 5"),
        (validity, "MOST_PLACED", "nodes in all"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(
    document: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, module: Any, limit: str, says: str
) -> None:
    recording = from_json(json.dumps(document))
    monkeypatch.setattr(module, limit, 5)
    with pytest.raises(InputError, match=f"recording: found one that could not be read again .*{says}"):
        file.save(recording, tmp_path / "r.json")
    assert not list(tmp_path.iterdir())


def test_a_node_in_no_snapshot_is_refused(document: Any) -> None:
    changed = copy.deepcopy(document)
    tables = changed["recording"]
    count = len(tables["nodes"])
    tables["variables"].append(["computed", "T", "", None, "", count, 0])
    tables["nodes"].append([0, [], [len(tables["variables"]) - 1], ["forward"]])
    for op in tables["ops"]:  # whatever it is asked to destroy
        op[3:5] = [[], []]
    with pytest.raises(InputError, match="in no snapshot"):
        from_json(json.dumps(changed))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("answer", "perhaps", "an answer that is none of"),
        ("steps", (10**6,), "a step that there is not"),
        ("places", (Place(10**6, 0, "", ""),), "in nodes"),
        ("places", (Place(None, 10**6, "", ""),), "in snapshots"),
    ],
)
def test_an_answer_about_a_rewrite_is_about_this_story(field: str, value: Any, told: str) -> None:
    x = pt.dvector("x")
    found = inspect([x], pt.log(2 * x), mode=PYTHON).why("local_log1p").recording
    (why,) = found.whys or ()
    damaged = msgspec.structs.replace(found, whys=(msgspec.structs.replace(why, **{field: value}),))
    with pytest.raises(InputError, match=told):
        from_json(to_json(damaged))
