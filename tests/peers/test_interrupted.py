"""A comparison that ends before its end: what was found stays, and is not measured again."""

from __future__ import annotations

import copy
import json

import msgspec
import pytest

import graphs
from graphs.files import DamagedFile
from graphs.peers.compare import Comparison, Plan, compare, stages
from graphs.peers.compare.keeping import begun, keep_record
from graphs.peers.compare.record import read_record
from graphs.peers.process import Process
from graphs.peers.protocol import Watch

PLAN = Plan(runs=("numpy", "pytensor-native"), steps=20, rounds=1, warm_starts=1)


def copied(record: Comparison) -> Comparison:
    """By way of the file's form."""
    return msgspec.json.decode(record.to_json(), type=Comparison)


@pytest.fixture(scope="module")
def data() -> graphs.Dataset:
    return graphs.load(samples=40, features=6)


@pytest.fixture(scope="module")
def halfway(data) -> Comparison:
    """Interrupted when textbook is done with, and of the logits the first of two runs has taken its steps."""
    kept: list[Comparison] = []

    def keep(record: Comparison) -> None:
        kept.append(copied(record))
        if sum(run.finite is not None for run in record.runs) == 3 and not record.finished:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(data, PLAN, keep=keep)
    return kept[-1]


def test_what_was_found_is_whole_and_marked_unfinished(halfway):
    assert halfway.finished is False
    status = {(run.name, run.formula): run.status for run in halfway.runs}
    assert status == {
        ("numpy", "textbook"): "finished",
        ("pytensor-native", "textbook"): "finished",
        ("numpy", "logits"): "unfinished",
        ("pytensor-native", "logits"): "unfinished",
    }
    for run in halfway.runs:
        assert bool(run.steady) == (run.formula == "textbook")
        assert bool(run.agreement) == ((run.name, run.formula) != ("pytensor-native", "logits"))
    assert "3 of the 3 runs with finite weights agree with the reference to 1e-12." in halfway.verdicts


def test_going_on_measures_only_what_is_missing(data, halfway, monkeypatch):
    fresh, steps = [], []
    real_whole, real_ask = stages.whole_process, Process.ask
    monkeypatch.setattr(stages, "whole_process", lambda *args: fresh.append(args[0]) or real_whole(*args))

    def ask(self, request, timeout):
        if isinstance(request, Watch):
            steps.append(request.steps)
        return real_ask(self, request, timeout)

    monkeypatch.setattr(Process, "ask", ask)
    before = copied(halfway)
    record = compare(data, PLAN, earlier=halfway)
    assert halfway == before  # it is read, and not written
    assert fresh == []  # both had had their fresh processes
    assert steps == [20]  # of the last run
    assert record.finished is True
    assert {run.status for run in record.runs} == {"finished"}
    for run, old in zip(record.runs, halfway.runs, strict=True):
        assert run.first_result == old.first_result
        assert run.steady
        if run.formula == "textbook":
            assert run == old
    assert record.reference.steps == 20


def test_another_comparison_is_not_gone_on_with(data, halfway):
    with pytest.raises(graphs.InputError, match=r"begun with settings\.steps = 20, now 30"):
        compare(data, msgspec.structs.replace(PLAN, steps=30), earlier=halfway)
    with pytest.raises(graphs.InputError, match=r"begun with data\.source"):
        compare(graphs.load(samples=40, features=6, seed=1), PLAN, earlier=halfway)
    older = copy.deepcopy(halfway)
    older.stamp["versions"]["pytensor"] = "2.0"
    with pytest.raises(graphs.InputError, match=r"begun with versions\.pytensor = '2\.0'"):
        compare(data, PLAN, earlier=older)
    damaged = copy.deepcopy(halfway)
    del damaged.runs[1]
    with pytest.raises(graphs.InputError, match="a damaged record"):
        compare(data, PLAN, earlier=damaged)


def test_a_run_that_crashed_is_tried_again(data, halfway):
    crashed = copy.deepcopy(halfway)
    crashed.runs[3].status, crashed.runs[3].happened = "crashed", "signal SIGKILL"
    record = compare(data, PLAN, earlier=crashed)
    assert record.runs[3].status == "finished"
    assert record.runs[3].happened == ""


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"kind": "comparison", "version": 1, "runs": []}', '{"kind": "recording"}']
)
def test_a_file_that_is_no_record_is_refused(text, tmp_path, halfway):
    path = tmp_path / "compare.json"
    path.write_text(text)
    with pytest.raises(DamagedFile, match="version 1, and not" if "version" in text else "no record"):
        read_record(path)
    keep_record(tmp_path, halfway)
    assert read_record(path) == begun(tmp_path) == halfway


@pytest.mark.parametrize(
    ("place", "value"), [(("runs", 1, "formula"), None), (("version",), 2), (("settings", "steps"), 0)]
)
def test_a_record_that_was_changed_is_not_gone_on_with(place, value, tmp_path, halfway):
    content = json.loads(halfway.to_json())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (tmp_path / "compare.json").write_text(json.dumps(content))
    with pytest.raises(graphs.InputError, match=r"resume: found .*compare\.json, but it is") as refused:
        begun(tmp_path)
    assert ("version 2, and not of version 3" in str(refused.value)) == (place == ("version",))


def test_steps_that_take_too_long_are_compared_where_they_got_to(data):
    plan = Plan(runs=("numpy",), formulas=("logits",), steps=10_000, step_limit=1e-6, rounds=1, warm_starts=0)
    (run,) = compare(data, plan).runs
    assert run.status == "finished"
    assert run.steps == 250
    assert run.stopped == "1e-06 s were over"
    assert run.agreement.relative < 1e-14  # with the reference after as many
