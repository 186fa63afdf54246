"""A comparison that ends before its end: what was found stays, and is not measured again."""

from __future__ import annotations

import copy
import json

import pytest
from graphs.comparison import Listener, Plan, compare, processes
from graphs.comparison.record import VERSION, read_record

import graphs
from graphs.experiment.results import to_json
from graphs.files import DamagedFile

PLAN = Plan(runs=("numpy", "pytensor-native"), steps=20, rounds=1, warm_starts=1)


class Stops(Listener):
    """Is interrupted when a record comes in which so many runs have taken their steps."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.last: dict = {}

    def keep(self, record):
        self.last = json.loads(to_json(record))  # a copy, by way of the file's form
        if sum("finite" in run for run in record["runs"]) == self.at and not record["finished"]:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def data() -> graphs.Dataset:
    return graphs.load(samples=40, features=6)


def interrupted(data, at: int) -> dict:
    stops = Stops(at)
    with pytest.raises(KeyboardInterrupt):
        compare(data, PLAN, listener=stops)
    return stops.last


@pytest.fixture(scope="module")
def halfway(data) -> dict:
    """Textbook done with, and of the logits the first of two runs has taken its steps."""
    return interrupted(data, 3)


def test_what_was_found_is_whole_and_marked_unfinished(halfway):
    assert halfway["finished"] is False
    status = {(run["name"], run["formula"]): run["status"] for run in halfway["runs"]}
    assert status == {
        ("numpy", "textbook"): "finished",
        ("pytensor-native", "textbook"): "finished",
        ("numpy", "logits"): "unfinished",
        ("pytensor-native", "logits"): "unfinished",
    }
    for run in halfway["runs"]:
        assert ("steady" in run) == (run["formula"] == "textbook")
        assert ("agreement" in run) == ((run["name"], run["formula"]) != ("pytensor-native", "logits"))
    assert "3 of the 3 runs with finite weights agree with the reference to 1e-12." in halfway["verdicts"]


def test_going_on_measures_only_what_is_missing(data, halfway, monkeypatch):
    fresh, steps = [], []
    real_first, real_ask = processes.first_result, processes.Process.ask
    monkeypatch.setattr(
        "graphs.comparison.stages.first_result", lambda *args: fresh.append(args[0]) or real_first(*args)
    )

    def ask(self, do, timeout, **request):
        if do in {"watch", "advance"}:
            steps.append(request["steps"])
        return real_ask(self, do, timeout, **request)

    monkeypatch.setattr(processes.Process, "ask", ask)
    record = compare(data, PLAN, earlier=halfway)
    assert fresh == []  # both had had their fresh processes
    assert steps == [20]  # of the last run
    assert record["finished"] is True
    assert {run["status"] for run in record["runs"]} == {"finished"}
    for run, before in zip(record["runs"], halfway["runs"], strict=True):
        assert run["first_result"] == before["first_result"]
        assert run["steady"]
        if run["formula"] == "textbook":
            assert run == {**before, "break_even": run.get("break_even")} or run == before
    assert record["reference"]["steps"] == 20


def test_another_comparison_is_not_gone_on_with(data, halfway):
    with pytest.raises(graphs.InputError, match=r"begun with settings\.steps = 20, now 30"):
        compare(data, Plan(**{**vars(PLAN), "steps": 30}), earlier=halfway)
    with pytest.raises(graphs.InputError, match=r"begun with data\.source"):
        compare(graphs.load(samples=40, features=6, seed=1), PLAN, earlier=halfway)
    older = copy.deepcopy(halfway)
    older["stamp"]["versions"]["pytensor"] = "2.0"
    with pytest.raises(graphs.InputError, match=r"begun with versions\.pytensor = '2\.0'"):
        compare(data, PLAN, earlier=older)
    damaged = copy.deepcopy(halfway)
    del damaged["runs"][1]["formula"]
    with pytest.raises(graphs.InputError, match="a damaged record"):
        compare(data, PLAN, earlier=damaged)


def test_a_run_that_crashed_is_tried_again(data, halfway):
    crashed = copy.deepcopy(halfway)
    run = crashed["runs"][3]
    run |= {"status": "crashed", "happened": "signal SIGKILL"}
    record = compare(data, PLAN, earlier=crashed)
    assert record["runs"][3]["status"] == "finished"
    assert "happened" not in record["runs"][3]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"kind": "comparison", "version": 1, "runs": []}', '{"kind": "recording"}']
)
def test_a_file_that_is_no_record_is_refused(text, tmp_path):
    path = tmp_path / "compare.json"
    path.write_text(text)
    with pytest.raises(DamagedFile):
        read_record(path)
    path.write_text(json.dumps({"kind": "comparison", "version": VERSION, "runs": []}))
    assert read_record(path)["runs"] == []


def test_steps_that_take_too_long_are_compared_where_they_got_to(data):
    plan = Plan(runs=("numpy",), formulas=("logits",), steps=10_000, step_limit=1e-6, rounds=1, warm_starts=0)
    (run,) = compare(data, plan)["runs"]
    assert run["status"] == "finished"
    assert run["steps"] == 250
    assert run["stopped"] == "1e-06 s were over"
    assert run["agreement"]["relative"] < 1e-14  # with the reference after as many
