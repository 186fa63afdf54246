"""One object to ask: inputs bound once, every answer another object that knows more."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from rich.console import Console

from graphs import InputError
from graphs.inspection import Inspection, inspect, load
from graphs.inspection.inspection import PARTS
from graphs.inspection.show.report import overview
from graphs.listener import Listener
from graphs.terminal import as_text
from tests.conftest import ROOT
from tests.inspection.conftest import PYTHON

X, Y = np.array([1.0, 800.0]), np.array([2.0, 3.0])
QUICK = {"seconds": 0.01, "rounds": 3}


@pytest.fixture
def asked() -> Inspection:
    x, y = pt.dvector("x"), pt.dvector("y")
    s = pytensor.shared(np.zeros(2), name="s")
    return inspect([x, y], [pt.log(1 + pt.exp(x)) * y], [(s, s + x)], mode=PYTHON, name="f")


def known(inspection: Inspection) -> set[str]:
    findings = ("evaluation", "counterfactuals", "diagnoses", "measurements")
    return {name for name in findings if getattr(inspection.recording, name) is not None}


def test_each_question_adds_to_what_is_known_and_the_one_asked_stays(asked: Inspection) -> None:
    evaluated = asked.evaluate(X, Y)
    measured = evaluated.measure(**QUICK)
    without = measured.leave_out(rules=["local_log1p"])
    whole = without.diagnose(["sigmoid"])
    told = [known(one) for one in (asked, evaluated, measured, without, whole)]
    assert [len(names) for names in told] == [0, 1, 2, 3, 4]
    assert all(one < other for one, other in pairwise(told))
    assert asked.inputs is None
    assert whole.inputs is evaluated.inputs
    assert whole.recording.evaluation is evaluated.recording.evaluation


def test_inputs_are_given_at_any_question_in_order_or_by_name(asked: Inspection) -> None:
    one = asked.measure(X, Y, **QUICK).evaluate()
    other = asked.leave_out({"y": Y, "x": X}, rules=[]).evaluate()
    assert one.recording.evaluation == other.recording.evaluation
    assert one.recording.evaluation.inputs == ("given", "given", "shared")
    partly = asked.evaluate({"y": Y}, shapes={"x": (2,)}, seed=5)
    assert partly.recording.evaluation.inputs == ("drawn", "given", "shared")
    assert partly.recording.evaluation.seed == 5
    with pytest.raises(InputError, match="one per input"):
        asked.evaluate(X)
    with pytest.raises(InputError, match=r"shapes\['x'\]"):
        asked.evaluate()


def test_other_inputs_are_bound_anew_and_what_depended_on_the_old_ones_goes(asked: Inspection) -> None:
    first = asked.evaluate(X, Y).measure(**QUICK).leave_out(rules=[]).diagnose(["sigmoid"])
    second = first.evaluate(X + 1, Y)
    assert known(second) == {"evaluation", "diagnoses"}
    assert second.recording.evaluation != first.recording.evaluation
    assert known(first) == {"evaluation", "measurements", "counterfactuals", "diagnoses"}
    assert known(first.measure(X.copy(), Y, **QUICK)) == known(first)  # the same ones again
    assert known(first.on({"x": X, "y": Y})) == known(first)
    assert known(first.on(shapes=[(2,), (2,)])) == {"diagnoses"}


def test_what_becomes_of_an_array_later_changes_no_answer(asked: Inspection) -> None:
    x = X.copy()
    bound = asked.on(x, Y)
    x[:] = 0
    assert bound.evaluate().recording.evaluation == asked.evaluate(X, Y).recording.evaluation


def test_a_function_that_may_overwrite_its_inputs_leaves_the_bound_ones() -> None:
    x = pt.dvector("x")
    function = pytensor.function([pytensor.In(x, mutable=True)], [pt.exp(x)], mode=PYTHON)
    whole = inspect(function).evaluate(X).measure(**QUICK).leave_out(rounds=2)
    np.testing.assert_array_equal(whole.inputs.values[0], X)
    assert whole.evaluate().recording.evaluation == inspect(function).evaluate(X).recording.evaluation


def test_measuring_one_thing_keeps_the_other(asked: Inspection) -> None:
    code = asked.measure(X, Y, times=False)
    both = code.measure(code=False, **QUICK).recording.measurements
    assert code.recording.measurements.times is None
    assert both.times is not None
    assert both.code == code.recording.measurements.code


def test_leaving_out_further_rules_keeps_those_left_out_before(asked: Inspection) -> None:
    every = asked.leave_out(X, Y, rounds=1).recording.counterfactuals
    timed = [asked.recording.rules[c.rule].name for c in every or () if c.seconds is not None]
    names = timed[:2]  # those that are not come to the same graph
    one = asked.leave_out(X, Y, rules=names[:1])
    both = one.leave_out(rules=names[1:]).leave_out(rules=names[:1], rounds=2)
    found = {both.recording.rules[c.rule].name: c for c in both.recording.counterfactuals}
    assert sorted(found) == sorted(names)
    assert found[names[0]].seconds is not None
    assert found[names[1]].seconds is None


def test_examine_asks_in_order_and_tells_so(asked: Inspection) -> None:
    class Told(Listener):
        def __init__(self) -> None:
            self.begun: list[str] = []

        def begins(self, what: str) -> None:
            self.begun.append(what.partition(" ")[0])

    told = Told()
    whole = asked.examine(X, Y, parts=set(PARTS) - {"times"}, rounds=1, listener=told)
    assert known(whole) == {"evaluation", "counterfactuals", "diagnoses", "measurements"}
    assert list(dict.fromkeys(told.begun)) == ["computing", "trying", "reading", "compiling"]
    assert known(asked.examine(parts=("doctor",))) == {"diagnoses"}  # needs no inputs
    assert whole.recording.measurements.times is None


def test_the_users_variables_stay_and_a_reset_copy_starts_anew() -> None:
    s = pytensor.shared(np.zeros(2), name="s")
    x = pt.dvector("x")
    function = pytensor.function([x], [s * x], updates=[(s, s + x)], mode=PYTHON)
    inspection = inspect(function)
    inspection.function(Y)
    np.testing.assert_array_equal(inspection.function(Y)[0], Y * Y)
    inspection.reset()
    np.testing.assert_array_equal(inspection.function(Y)[0], 0 * Y)
    inspection.evaluate(Y).measure(**QUICK).leave_out(rules=[])
    np.testing.assert_array_equal(s.get_value(), 0 * Y)


def test_it_prints_as_the_report_and_so_does_what_was_saved(asked: Inspection, tmp_path: Path) -> None:
    whole = asked.evaluate(X, Y)
    shown = as_text(overview(whole.recording))
    whole.save(tmp_path / "f.json")
    for thing in (whole, whole.recording, load(tmp_path / "f.json")):
        assert str(thing) == shown
        bundle = thing._repr_mimebundle_()
        assert bundle["text/plain"] == shown
        assert "<pre" in bundle["text/html"]
        console = Console(width=100, color_system=None)
        with console.capture() as captured:
            console.print(thing)
        assert [line.rstrip() for line in captured.get().splitlines()] == shown.splitlines()
    assert repr(whole).startswith("<Inspection of f: ")
    assert repr(whole.recording).startswith("<Recording of f: ")


LIGHT = """
import sys
import graphs
before = set(sys.modules)
import graphs.inspection
print(*sorted(set(sys.modules) - before))
from graphs.inspection import Recording, load
print("pytensor.link.basic" in set(sys.modules) - before, Recording.__name__)
"""


def run(script: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()


def test_nothing_heavy_is_imported_before_a_name_is_used() -> None:
    imported, used = run(LIGHT)
    heavy = ("numpy", "pytensor", "rich", "msgspec", "scipy", "numba")
    ours = [name for name in imported.split() if name.split(".")[0] in (*heavy, "graphs")]
    assert ours == ["graphs.inspection", "graphs.inspection.views"]
    assert used == "False Recording"


def test_a_saved_recording_is_shown_without_pytensor(asked: Inspection, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    asked.evaluate(X, Y).save(path)
    script = f"""
import sys, types
package = types.ModuleType("graphs")  # the package itself may import PyTensor
package.__path__ = ["graphs"]
sys.modules["graphs"] = package
from graphs.inspection import load
print(load({str(path)!r}), "pytensor" in sys.modules)
"""
    shown = run(script)
    assert any("The graph as written" in line for line in shown)
    assert shown[-1].strip() == "False"


@pytest.mark.parametrize(
    ("question", "argument"),
    [
        (lambda i: i.evaluate(X, Y, 3), "inputs"),
        (lambda i: i.on(X, Y, seed="x"), "seed"),
        (lambda i: i.on(seed=-1, shapes={"x": (2,), "y": (2,)}), "seed"),
        (lambda i: i.measure(X, Y, seconds=0), "seconds"),
        (lambda i: i.measure(X, Y, rounds=1.5), "rounds"),
        (lambda i: i.leave_out(X, Y, rules="local_log1p"), "rules"),
        (lambda i: i.leave_out(X, Y, rules=["nonsense"]), "rules"),
        (lambda i: i.leave_out(X, Y, rounds=-1), "rounds"),
        (lambda i: i.leave_out(X, Y, listener=3), "listener"),
        (lambda i: i.diagnose("sigmoid"), "names"),
        (lambda i: i.diagnose(["nonsense"]), "names"),
        (lambda i: i.examine(X, Y, parts=["nonsense"]), "parts"),
        (lambda i: i.examine(X, Y, parts="values"), "parts"),
        (lambda i: inspect([pt.scalar("z")], [i.live.variables[0]]), "expression"),
        (lambda i: inspect([(z := pt.scalar("z")), z], [z]), "expression"),
        (lambda i: inspect([], [pt.ones(2)], name=3), "name"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(asked: Inspection, question: Any, argument: str) -> None:
    with pytest.raises(InputError) as refusal:
        question(asked)
    assert refusal.value.argument == argument
