"""Where the time to the first result went, as it was timed and as it is told."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from graphs.inspection import inspect
from graphs.inspection.file import from_json, to_json
from graphs.inspection.findings import Stage, Start
from graphs.inspection.inspection import Inspection
from graphs.inspection.linkers.compilers import Worked
from graphs.inspection.show.start import rows_of, said_of, start_view
from graphs.inspection.start import _imports, until_compiled
from graphs.native import NativeLinker, NativeMode
from graphs.terminal import as_text, gathered

SLOW = 0.15
x = pt.dvector("x")


class SlowAtFirst(Op):
    """Doubles, and takes long over it the first time."""

    __props__ = ()

    def make_node(self, value: Any) -> Apply:
        return Apply(self, [value], [value.type()])

    def perform(self, node: Apply, inputs: Any, outputs: Any) -> None:
        if not hasattr(self, "was_called"):
            self.was_called = True
            time.sleep(SLOW)
        outputs[0][0] = 2 * inputs[0]


def seconds_of(start: Start) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in start.stages:
        found[stage.name] = found.get(stage.name, 0.0) + stage.seconds
    return found


@pytest.mark.parametrize("first", ["evaluate", "measure"])
def test_the_first_call_is_the_first_whatever_asks_for_it(first: str) -> None:
    plain = inspect([x], [SlowAtFirst()(x) + 1], mode="FAST_COMPILE")
    asked: dict[str, Any] = {
        "evaluate": lambda known: known.evaluate([1.0, 2.0]),
        "measure": lambda known: known.measure([1.0, 2.0], seconds=0.01, code=False),
    }
    one = asked.pop(first)(plain)
    (other,) = asked.values()
    for known in (one, other(one), other(plain)):  # the last one began where nothing was known
        stages = seconds_of(known.recording.start)
        call = stages.get("first call", 0.0) + stages.get("first call, with its compiler", 0.0)
        assert call >= SLOW
        assert known.recording.start.again < SLOW / 2


def test_rewriting_and_making_add_up_to_the_compilation() -> None:
    recording = inspect([x], [pt.log(pt.sigmoid(x)).sum()], mode="FAST_RUN").recording
    assert {stage.phase for stage in recording.start.stages if stage.phase} >= {
        step.phase for step in recording.steps
    }
    assert recording.start.seconds == pytest.approx(recording.seconds, rel=0.01)
    assert recording.start.again is None
    assert "Not timed: import and first call." in said_of(recording.start)


def test_imports_are_timed_apart_and_only_once() -> None:
    known = inspect([x], [x + 1], mode="FAST_COMPILE").measure([1.0], seconds=0.01, code=False)
    known = known.measure([1.0], seconds=0.01, code=False)
    names = [stage.name for stage in known.recording.start.stages]
    assert names[0] == "import"
    assert names.count("import") == 1
    assert known.recording.start.stages[0].seconds > 0.01  # no Python imports PyTensor faster


def test_what_cannot_be_imported_has_no_time() -> None:
    assert _imports(("no_such_module_anywhere",)) is None


def test_a_call_that_fails_is_no_first_call() -> None:
    shaped = pt.dvector("shaped")
    known = inspect([x, shaped], [x + shaped], mode="FAST_COMPILE").evaluate([1.0, 2.0], [1.0, 2.0, 3.0])
    assert not any(stage.name.startswith("first call") for stage in known.recording.start.stages)
    assert "Not timed: import and first call." in said_of(known.recording.start)


def native(cached: bool = True) -> Inspection:
    return inspect([x], [pt.tanh(x) * 3.25], mode=NativeMode(NativeLinker(cached=cached)))


def test_of_the_native_linker_it_is_told_what_the_cache_has(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("GRAPHS_NATIVE_CACHE", str(tmp_path / "cache"))
    start = native().evaluate([1.0]).recording.start
    assert [stage.name for stage in start.stages if not stage.phase] == [
        "code generation",
        "compiler",
        "first call",
    ]
    assert start.cache == "The cache does not have its program: nothing has been kept yet."
    made = pytensor.function([x], [pt.tanh(x) * 3.25], mode="NATIVE")
    made([1.0])
    start = native().evaluate([1.0]).recording.start
    assert start.cache.startswith("The cache has its program: ")


def test_a_graph_that_falls_back_is_not_told_of_a_compiler_that_was_not_seen() -> None:
    graph = x
    for _ in range(12):
        graph = SlowAtFirst()(graph)
    with pytest.warns(UserWarning, match="runs in PyTensor's"):
        known = inspect([x], [graph], mode="NATIVE").evaluate([1.0])
    names = [stage.name for stage in known.recording.start.stages if not stage.phase]
    assert names == ["code generation and compiler", "first call, with its compiler"]


@pytest.mark.parametrize("mode", ["NUMBA", "CVM", "JAX"])
def test_other_linkers_compilers(mode: str) -> None:
    if mode == "JAX":
        pytest.importorskip("jax")
    if mode == "CVM" and not pytensor.config.cxx:
        pytest.skip("needs a C++ compiler")
    number = time.time_ns() % 10**9 + 0.5  # no cache has seen it
    known = inspect([x], [pt.exp(x * number).sum()], mode=mode).evaluate(np.zeros(3))
    start, stages = known.recording.start, seconds_of(known.recording.start)
    if mode == "CVM":
        assert "C modules" in start.cache
    else:
        assert stages["compiler"] > 1e-3
        assert ("Numba compiled" if mode == "NUMBA" else "jax_compilation_cache_dir") in start.cache
    assert 0 < start.again < start.seconds


def test_what_is_told_is_what_was_timed() -> None:
    phases = [("canonicalize", 1.0), ("stabilize", 0.004), ("specialize", 0.5), ("inplace", 0.003)]
    start = until_compiled(phases, 2.0, Worked(0.25))
    assert start.stages[-2:] == (Stage("code generation", pytest.approx(0.243)), Stage("compiler", 0.25))
    assert rows_of(start) == [
        ("rewriting: canonicalize", 1.0),
        ("rewriting: specialize", 0.5),
        ("rewriting: 2 shorter parts", pytest.approx(0.007)),
        ("code generation", pytest.approx(0.243)),
        ("compiler", 0.25),
    ]
    assert until_compiled(phases, 2.0, Worked()).stages[-1] == Stage(
        "code generation and compiler", pytest.approx(0.493)
    )
    assert gathered([("a: b", 0.001), ("a: c", 0.001), ("d", 1.0)], "a") == [("a", 0.002), ("d", 1.0)]


def test_the_bar_is_whole_and_in_order() -> None:
    recording = inspect([x], [x + 1], mode="FAST_COMPILE").recording
    start = Start((Stage("import", 3.0), Stage("rewriting", 1.0, "canonicalize"), Stage("compiler", 0.001)))
    text = as_text(start_view(msgspec.structs.replace(recording, start=start)))
    bars = [line[line.index("s ") + 2 :] for line in text.splitlines()[:3]]
    assert bars[0].count("█") == 3 * bars[1].count("█")
    assert bars[1].index("█") == bars[0].rindex("█") + 1
    assert "▏" in bars[2]
    assert "together" in text
    assert "4 s" in text


def test_a_file_keeps_it() -> None:
    recording = inspect([x], [x + 1], mode="FAST_COMPILE").evaluate([1.0]).recording
    assert from_json(to_json(recording)).start == recording.start
