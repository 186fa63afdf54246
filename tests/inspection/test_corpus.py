"""What is said of strangers' graphs is what their functions do, in every mode."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import os
import re
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytensor
import pytest
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.destroyhandler import DestroyHandler
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.op import HasInnerGraph
from pytensor.link.basic import PerformLinker

from graphs.inspection import Inspection, Recording, inspect, load, page
from graphs.inspection.findings import LOUD, ValueSummary
from graphs.inspection.recording import REWRITE
from graphs.inspection.show.report import overview
from graphs.inspection.values.called import call
from graphs.inspection.values.difference import same_value, summarize
from graphs.native import NativeLinker, NativeMode
from graphs.terminal import as_text
from tests.inspection.corpus import CORPUS, Graph, pymc_models
from tests.inspection.corpus.exceptions import UPSTREAM, Upstream
from tests.inspection.dump import dump_expression, dump_function, dump_value
from tests.inspection.test_recording import check_origins, check_replay

MODES = ("FAST_COMPILE", "NUMBA", "CVM", "JAX", "NATIVE")
LINE = "3.0" if pytensor.__version__.startswith("3.0") else "3.3"
# Above a second each.
SLOW = {
    "convolution_by_shifted_images",
    "forward_algorithm_of_a_hidden_markov_model",
    "gaussian_log_density",
    "gaussian_process_marginal_likelihood",
    "gradient_of_a_loop_in_a_loop",
    "hessian_of_rosenbrock",
    "jacobian_of_polar_coordinates",
    "joined_and_taken_apart",
    "kalman_filter",
    "long_chain",
    "loop_in_a_loop",
    "perceptron_with_integer_labels",
    "products_of_many_shapes",
    "recurrent_network",
    "runge_kutta_gradient",
    "scan_loop",
    "solved_by_an_inner_optimizer",
    "thousand_nodes",
    "truncated_gradient",
}
# Every graph is checked in FAST_COMPILE; every so many-th in these, which compile for long where nothing is cached.
# Of PyMC's models, whose default mode is Numba's, half as many in C and JAX. All in all modes, with GRAPHS_CORPUS=all.
EVERY = {"FAST_COMPILE": 1, "NUMBA": 12, "CVM": 6, "JAX": 4, "NATIVE": 8}


def parameters() -> Iterator[Any]:
    everything = os.environ.get("GRAPHS_CORPUS") == "all"
    for mode in MODES:
        for name in CORPUS:
            pymc = name.startswith("pymc_")  # installs on one line of PyTensor only
            every = EVERY[mode] * (2 if pymc and mode in ("CVM", "JAX") else 1)
            if everything or zlib.crc32(name.encode()) % every == 0:
                quick = mode == "FAST_COMPILE" and name not in SLOW and not pymc
                yield pytest.param(mode, name, marks=() if quick else pytest.mark.long(everywhere=pymc))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHS_NATIVE_CACHE", str(tmp_path_factory.getbasetemp() / "native"))


@pytest.mark.parametrize(("mode", "name"), list(parameters()))
def test_what_is_said_is_what_the_function_does(mode: str, name: str, tmp_path: Path) -> None:
    if mode == "JAX" and importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    known = UPSTREAM.get((name, mode, LINE))
    subject = Subject.compiled(name, mode, known)
    found = subject.faults(tmp_path / "recording.json")
    assert not found, "\n".join(f"{check}: {told}" for check, told in found.items())


def test_every_exception_is_of_a_graph_there_is() -> None:
    for name, mode, line in UPSTREAM:
        assert mode in MODES
        assert line in ("3.0", "3.3")
        assert name in CORPUS or name in pymc_models.NAMES


@dataclass
class Subject:
    """A user's compiled function, and what it really does."""

    graph: Graph
    function: Any
    as_written: list[Any] | Exception  # what a call of the expression as it stands gives, updates last
    warned: set[str]  # what PyTensor warned the user of
    raises: Upstream | None  # why a call of the function is known to fail

    @classmethod
    def compiled(cls, name: str, mode: str, known: Upstream | None) -> Subject:
        """Compile graph `name`; skips where PyTensor is known not to, and fails where it does after all."""
        if known is not None and known.when == "crashing":
            pytest.skip(known.cause)  # nothing is tried: the process would end
        graph = CORPUS[name]()
        with quiet(), pytensor.config.change_flags(mode="FAST_COMPILE"):
            oracle = compile_as_a_user(graph, Mode(linker="py", optimizer=None))
            as_written = called(oracle, graph.values)
        chosen = NativeMode(NativeLinker(cached=False)) if mode == "NATIVE" else mode
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if known is not None and known.when == "compiling":
                with pytest.raises(Exception, match=re.escape(known.says)):
                    compile_as_a_user(graph, chosen)
                pytest.skip(known.cause)
            function = compile_as_a_user(graph, chosen)
        return cls(graph, function, as_written, {told(warning) for warning in caught}, known)

    def faults(self, path: Path) -> dict[str, str]:
        """Every check that does not hold, and what is wrong. One that could not be made is one that failed."""
        found: dict[str, str] = {}

        @contextlib.contextmanager
        def check(name: str) -> Iterator[None]:
            try:
                yield
            except AssertionError as problem:
                found[name] = str(problem) or "does not hold"
            except Exception as problem:
                found[name] = f"{type(problem).__name__}: {problem}"

        graph, function = self.graph, self.function
        # An update is a variable of the user's own graph, as an output is.
        roots = [getattr(v, "variable", v) for v in _several(graph.outputs)]
        roots += [new for _, new in graph.updates]
        before = dump_function(function), dump_expression(roots), [dump_value(v) for v in graph.values]
        inspection: Inspection | None = None
        with check("recorded"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            inspection = inspect(function)
            new = {told(warning) for warning in caught} - self.warned
            assert not new, f"warns {new}"
        if inspection is None:
            return found
        with check("matches"):
            assert inspection.recording.matches is True, f"matches is {inspection.recording.matches}"
            check_replay(inspection, function)
        with check("origins"):
            check_origins(inspection.recording)
            check_roots(inspection.recording)
        with check("evaluated"), warnings.catch_warnings():
            warnings.simplefilter("error")
            inspection = inspection.evaluate(*graph.values)
        with check("code"), quiet():
            inspection.measure(times=False)
        with check("untouched"):
            after = dump_function(function), dump_expression(roots), [dump_value(v) for v in graph.values]
            moved = sorted(set(changed_places(before, after)))
            assert not moved, ", ".join(moved)
        if "evaluated" in found:
            return found
        recording = inspection.recording
        with check("file"):
            inspection.save(path)
            loaded = load(path)
            assert loaded == recording
            assert as_text(overview(loaded)) == as_text(overview(recording))
            assert page(loaded).html == page(recording).html
        with quiet():
            as_compiled = called(function, graph.values)
            raised = isinstance(as_compiled, Exception)
            with check("call"):
                assert self.raises is not None or not raised, f"the function raises {as_compiled!r}"
                assert self.raises is None or raised, "the function runs: take it out of the table"
                assert self.raises is None or self.raises.says in repr(as_compiled)
            with check("copy"):
                assert inspection.inputs is not None
                copied = call(inspection.live, inspection.inputs)
                if not raised:
                    assert len(copied) == len(as_compiled)
                    pairs = enumerate(zip(copied, as_compiled, strict=True))
                    others = [i for i, (one, other) in pairs if not same_value(one, other)]
                    assert not others, f"the copy computes other values of outputs {others}"
            with check("verdicts"):
                said = list(contradictions(inspection, self.as_written, as_compiled, graph.condition))
                assert not said, "\n".join(said)
        return found


def contradictions(
    inspection: Inspection,
    as_written: list[Any] | Exception,
    as_compiled: list[Any] | Exception,
    condition: float,
) -> Iterator[str]:
    """What the evaluation and the report say that two real calls deny.

    `as_written` is what the expression gives when PyTensor's Python linker runs it with no rewrite at all;
    `as_compiled` is what the user's function gives. Decided so, output by output:

    - what is said of the output as written and as compiled (shape, dtype, how many NaN and infinities, range)
      is what those calls give, up to rounding;
    - a step that is said to change, break or repair the output does: the snapshots before and after it, each put
      together again and run by PyTensor's Python linker with no rewrite, differ there beyond rounding.
      Where the two ends agree, that is what justifies a verdict between them: one step's other value,
      and a later step's that takes it back. So the last snapshot, run so, must then give what the call gives:
      otherwise Python is no witness for this graph;
    - where the ends differ beyond rounding, some verdict says so;
    - where a call raises, the values of that end are said to be unknown, and the report tells why and
      calls nothing finite.
    """
    recording = inspection.recording
    evaluation = recording.evaluation
    assert evaluation is not None
    text = " ".join(as_text(overview(recording), 400).split())
    ends = {"as written": as_written, "as compiled": as_compiled}
    for end, values in ends.items():
        for output in evaluation.outputs:
            summary = output.first if end == "as written" else output.compiled
            what = f"{recording.outputs[output.output].name} {end}"
            if isinstance(values, Exception):
                continue
            told = differences(summary, values[output.output], condition)
            if told:
                yield f"{what}: {told}"
        if isinstance(values, Exception):
            # Op by Op, an output that does not need what fails is known; a call that raises gives none.
            unknown = [
                bool((o.first if end == "as written" else o.compiled).problem) for o in evaluation.outputs
            ]
            if not (any if end == "as written" else all)(unknown):
                yield f"{end} a call raises {values!r}, and the values are said to be known"
            if "every output is finite" in text:
                yield f"{end} a call raises {values!r}, and every output is said to be finite"
            if " ".join(str(values).split())[:20] not in text and type(values).__name__ not in text:
                yield f"{end} a call raises {values!r}, and the report does not say so"
    if isinstance(as_written, Exception) or isinstance(as_compiled, Exception):
        return
    snapshots: dict[int, list[Any] | Exception] = {}

    def snapshot(index: int, output: int) -> Any:
        if index not in snapshots:
            snapshots[index] = run_snapshot(inspection, index)
        values = snapshots[index]
        return values if isinstance(values, Exception) else values[output]

    last = len(recording.steps)
    for i, (written, compiled) in enumerate(zip(as_written, as_compiled, strict=True)):
        name, loud, same = recording.outputs[i].name, False, agree(written, compiled, condition)
        for verdict in evaluation.steps:
            for change in verdict.outputs:
                if change.output != i or change.verdict not in LOUD:
                    continue
                loud = True
                told = f"{name}: step {verdict.step} ({recording.rule_of(verdict.step).name}) {change.verdict} it"
                if agree(snapshot(verdict.step - 1, i), snapshot(verdict.step, i), condition):
                    yield f"{told} ({change}), and does not"
                elif same and not agree(snapshot(last, i), compiled, condition):
                    yield f"{told} ({change}), yet both ends agree, and Python's last value is not the call's"
        for change in evaluation.compiled:
            if change.output == i and change.verdict in LOUD:
                loud = True
                if agree(snapshot(last, i), compiled, condition):
                    yield f"{name}: called, it is said to differ ({change}), and does not"
        if not loud and not same:
            yield f"{name}: other values as written and as compiled, and no verdict says so"


def differences(summary: ValueSummary, value: Any, condition: float) -> str:
    """What a summary says of a value that is not so; empty where all is."""
    true = summarize(value, 0, 0)
    if summary.problem:
        return f"said to be unknown ({summary.problem}), and a call gives it"
    for part in ("shape", "dtype", "nan", "inf"):
        if getattr(summary, part) != getattr(true, part):
            return f"{part} said to be {getattr(summary, part)}, is {getattr(true, part)}"
    size = max((abs(n) for n in (true.min, true.max) if n is not None), default=0.0)
    for part in ("min", "max", "mean"):
        said, is_ = getattr(summary, part), getattr(true, part)
        if (said is None) != (is_ is None):
            return f"{part} said to be {said}, is {is_}"
        # Nine digits are kept of each.
        if said is not None and abs(said - is_) > (rounding(true.dtype, condition) + 1e-8) * size:
            return f"{part} said to be {said}, is {is_}"
    return ""


def agree(one: Any, other: Any, condition: float) -> bool:
    """Whether two values are the same up to rounding, relative to the largest entry."""
    if isinstance(one, Exception) or isinstance(other, Exception):
        return False
    if same_value(one, other):
        return True
    if hasattr(one, "todense") and hasattr(other, "todense"):
        one, other = one.todense(), other.todense()
    one, other = (np.asarray(v) if isinstance(v, np.ndarray | np.generic) else v for v in (one, other))
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)) or one.shape != other.shape:
        return False
    if one.dtype != other.dtype or one.dtype.kind not in "fc":
        return False
    finite = np.isfinite(one)
    if (finite != np.isfinite(other)).any() or not same_value(
        np.where(finite, 0, one), np.where(finite, 0, other)
    ):
        return False
    one, other = one[finite], other[finite]
    size = max(np.abs(one).max(initial=0), np.abs(other).max(initial=0))
    return bool(np.abs(one - other).max(initial=0) <= rounding(str(one.dtype), condition) * size)


def rounding(dtype: str, condition: float) -> float:
    """How far apart two right ways of computing one value are, relative to it."""
    if np.dtype(dtype or "O").kind not in "fc":
        return 0.0
    return float(1e4 * np.finfo(dtype).eps * condition)


def run_snapshot(inspection: Inspection, index: int) -> list[Any] | Exception:
    """One snapshot's outputs, put together again and run by PyTensor's Python linker with no rewrite."""
    live, recording = inspection.live, inspection.recording
    variables = {number: live.variables[number].clone() for number in recording.inputs}
    values = copy.deepcopy(inspection.inputs.with_shared(live))  # type: ignore[union-attr]

    def read(number: int) -> Any:
        found = live.variables[number]
        return variables.setdefault(number, found.clone() if isinstance(found, Constant) else found)

    snapshot = recording.snapshot(index)
    for placed in snapshot.nodes:
        node = live.nodes[placed.node]
        op = node.op.clone() if isinstance(node.op, HasInnerGraph) else node.op
        outputs = [output.clone() for output in node.outputs]
        Apply(op, [read(number) for number in placed.inputs], outputs)
        variables.update(zip(placed.outputs, outputs, strict=True))
    inputs = [variables[number] for number in recording.inputs]
    try:
        with quiet(), pytensor.config.change_flags(mode="FAST_COMPILE"):
            fgraph = FunctionGraph(inputs, [read(number) for number in snapshot.outputs], clone=False)
            fgraph.attach_feature(DestroyHandler())
            results = PerformLinker().accept(fgraph).make_function()(*values)
    except Exception as problem:
        return problem
    return copy.deepcopy(results if isinstance(results, list) else [results])


def changed_places(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two dumps differ: the names on the way there."""
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key, value in one.items():
            yield from changed_places(value, other[key], f"{place} {key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for position, pair in enumerate(zip(one, other, strict=True)):
            parts = ("function", "expression", "values")
            yield from changed_places(*pair, place or parts[position])
    else:
        yield f"{place}: {str(one)[:60]} → {str(other)[:60]}" if not place.endswith(" trace") else place


def told(warning: warnings.WarningMessage) -> str:
    """A warning's text, without addresses in memory."""
    return re.sub("0x[0-9A-Fa-f]+", "", str(warning.message))


def check_roots(recording: Recording) -> None:
    """A node made by a rewrite goes back to nodes of the user's, or reads nothing but constants and inputs."""
    roots = ("constant", "input", "shared")
    constant = {number for number, variable in enumerate(recording.variables) if variable.kind in roots}
    for number, node in enumerate(recording.nodes):  # a node's inputs are made before it
        if node.origin.kind != REWRITE:
            continue
        assert 0 < node.origin.step <= len(recording.steps)
        if set(node.inputs) <= constant:
            constant.update(node.outputs)
        else:
            name = recording.ops[node.op].name
            assert recording.roots(number), f"node {number} ({name}) of step {node.origin.step} has no root"


def compile_as_a_user(graph: Graph, mode: Any) -> Any:
    return pytensor.function(
        graph.inputs,
        graph.outputs,
        updates=graph.updates or None,
        mode=mode,
        on_unused_input="ignore",
        **graph.options,
    )


def called(function: Any, values: Sequence[Any]) -> list[Any] | Exception:
    """One call: its outputs, then the updated values; the state is put back afterwards."""
    storage = [container.storage for container in function.input_storage]
    state = [copy.deepcopy(cell[0]) for cell in storage]
    updated = [i for i, spec in enumerate(function.maker.inputs) if spec.update is not None]
    try:
        results = function(*copy.deepcopy(list(values)))
        found = [results] if function.maker.unpack_single else list(results or ())
        return [_as_numpy(value) for value in [*found, *(storage[i][0] for i in updated)]]
    except Exception as problem:
        return problem
    finally:
        for cell, value in zip(storage, state, strict=True):
            cell[0] = value


def _as_numpy(value: Any) -> Any:
    if isinstance(value, dict):  # a generator of JAX's
        return {key: _as_numpy(item) for key, item in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
        return np.array(value)
    return copy.deepcopy(value)


def _several(outputs: Any) -> list[Any]:
    if outputs is None:
        return []
    return list(outputs) if isinstance(outputs, Sequence) and not hasattr(outputs, "type") else [outputs]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """What PyTensor, NumPy and JAX warn of when a user's function is compiled and called is the user's."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
