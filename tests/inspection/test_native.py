"""The project's own linker under inspection: the whole story, though it skips rewriting where it can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from graphs.inspection import diagnose, inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.show.report import overview
from graphs.native import NativeLinker, NativeMode, source_of
from graphs.terminal import as_text
from tests.inspection.conftest import Train
from tests.inspection.test_recording import check_origins, check_replay


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHS_NATIVE_CACHE", str(tmp_path_factory.getbasetemp() / "native"))


@pytest.fixture(scope="module")
def uncached() -> Train:
    return Train(NativeMode(NativeLinker(cached=False)))


def test_the_train_graphs_story_ends_in_the_functions_own_graph(uncached: Train) -> None:
    recording = uncached.recording
    assert recording.node_counts()[0] == 73
    assert recording.matches is True
    assert recording.linker == "NativeLinker"
    assert {"canonicalize", "stabilize", "specialize"} <= {step.phase for step in recording.steps}
    assert source_of(uncached.inspection.function) is not None  # the copy runs natively too
    check_replay(uncached.inspection, uncached.function)
    check_origins(recording)


def test_a_program_known_from_the_cache_is_rewritten_to_be_seen() -> None:
    """The second function is never rewritten, yet its story is told, and the doctor sees its rules fire."""
    x = pt.dvector("x")
    for _ in range(2):
        function = pytensor.function([x], [pt.log(1 - pt.sigmoid(x))], mode="NATIVE")
    assert function.maker.linker.from_cache
    recording = inspect(function).recording
    assert recording.matches is None  # there is no rewritten graph to compare with
    assert "log1p_neg_sigmoid" in {rule.name for rule in recording.rules}
    assert len(function.maker.fgraph.apply_nodes) == recording.node_counts()[0]  # as it was
    for _ in range(2):
        assert all(found.fires for found in diagnose("NATIVE", ["sigmoid"]))


def test_values_times_and_rules_left_out(uncached: Train) -> None:
    inspection = uncached.inspection
    asked = inspection.evaluate(*uncached.values)
    evaluated = asked.recording
    assert evaluated.evaluation is not None
    assert {change.verdict for change in evaluated.evaluation.compiled} <= {"identical", "rounding"}
    names = sorted({evaluated.rule_of(rescue.step).name for rescue in evaluated.rescues()})
    assert names == ["local_add_canonizer", "log1p_neg_sigmoid"]
    measured = asked.measure(seconds=0.1).recording
    assert measured.measurements is not None
    times: Any = measured.measurements.times
    assert "one piece" in times.problem
    assert times.inside.median > 0
    assert times.total is None
    assert len(times.nodes) == len(evaluated.final_order)
    assert from_json(to_json(measured)) == measured
    assert "as one piece" in as_text(overview(measured))


def test_every_rescue_is_confirmed(uncached: Train) -> None:
    asked = uncached.inspection.evaluate(*uncached.values)
    rules = ["local_add_canonizer", "log1p_neg_sigmoid"]
    found = asked.leave_out(rules=rules).recording.rescues()
    assert len(found) == 3
    for rescue in found:
        assert rescue.proof is not None
        assert rescue.broken == {1: 31, 2: 784, 3: 1}[rescue.output]


def test_a_graph_that_is_not_native_is_recorded_as_what_it_becomes() -> None:
    x = pt.dvector("x")
    with pytest.warns(match="no C for"):
        inspection = inspect([x], [pt.unique(x * k) for k in range(2, 12)], mode="NATIVE")
    evaluated = inspection.evaluate(np.array([5.0, 4.5])).recording
    assert evaluated.evaluation is not None
    assert evaluated.evaluation.outputs[0].last.min == pytest.approx(9.0)


@pytest.mark.filterwarnings("ignore::graphs.native.NotNative")
@pytest.mark.parametrize("default", ["FAST_COMPILE", "CVM"])
def test_what_falls_back_falls_back_to_the_users_own_default_mode(default: str) -> None:
    x = pt.dvector("x")
    with pytensor.config.change_flags(mode=default):
        function = pytensor.function(
            [x], [pt.unique(x * k) for k in range(2, 12)], mode=NativeMode(NativeLinker(cached=False))
        )
        asked = inspect(function)
        assert asked.recording.matches is True
        assert type(asked.function.vm) is type(function.vm)
