"""Generated code: every node's own, under each linker."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.link.basic import JITLinker, PerformLinker

from graphs.inspection import inspect
from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers import BY_LINKER
from graphs.inspection.linkers.code import generated_code
from graphs.inspection.show.report import code_view
from graphs.terminal import as_text
from tests.inspection.conftest import PYTHON


def small(mode):
    x, y = pt.dmatrix("x"), pt.dvector("y")
    inspection = inspect([x, y], [pt.log1p(pt.exp(-(x @ y))) * 3.5, (x @ y).sum()], mode=mode)
    values = [np.ones((2, 3)), np.arange(3.0)]
    inspection.function(*values)
    return inspection.function, values


@pytest.fixture(scope="module")
def numba():
    function, values = small("NUMBA")
    return function, generated_code(function, values, whole=True)


def test_numba_shows_each_statement_where_it_stands_in_the_whole(numba):
    function, codes = numba
    order = function.maker.fgraph.toposort()
    whole = next(code for code in codes if code.node is None and code.language == "python")
    own = [code for code in codes if code.node is not None]
    assert [code.node for code in own] == list(range(len(order)))
    lines = whole.text.splitlines()
    for code, node in zip(own, order, strict=True):
        first, last = code.lines
        statement = "\n".join(line.strip() for line in lines[first - 1 : last])
        assert code.text.startswith(statement)
        assert str(node).splitlines()[0] in statement


def test_numba_shows_the_arithmetic_of_a_fused_node(numba):
    _, codes = numba
    (fused,) = [code for code in codes if code.node is not None and "softplus" in code.text.lower()]
    assert "np.log1p" in fused.text  # the helper itself, not its name only
    assert "is 3.5" in fused.text  # the constants it was made with
    assert "broadcast_arrays" not in fused.text  # the stub that never runs


def test_numba_shows_llvm_and_assembly_of_the_whole_on_request(numba):
    _, codes = numba
    by_language = {code.language: code for code in codes if code.node is None}
    assert "define" in by_language["llvm"].text
    assert ".section" in by_language["assembly"].text
    function, values = small(PYTHON)
    assert {code.language for code in generated_code(function, values)} == {"python"}


def test_c_shows_the_ops_own_part():
    x = pt.dvector("x")
    inspection = inspect([x], [pt.exp(x) * 3.5], mode="CVM")
    (code,) = generated_code(inspection.function, [np.ones(3)])
    assert code.language == "c"
    assert "exp(" in code.text
    assert "3.5" in code.text
    assert "PyInit" not in code.text  # the module around it
    assert "__label" not in code.text


def test_python_implementations_are_shown_where_python_runs():
    function, values = small(PYTHON)
    codes = generated_code(function, values)
    assert len(codes) == len(function.maker.fgraph.apply_nodes)
    assert all(code.language == "python" and "def " in code.text for code in codes)


def test_jax_shows_each_nodes_jaxpr_and_its_instructions():
    pytest.importorskip("jax")
    function, values = small("JAX")
    codes = generated_code(function, values, whole=True)
    order = function.maker.fgraph.toposort()
    products = [i for i, node in enumerate(order) if "Dot" in str(node.op)]
    jaxprs = {code.node: code.text for code in codes if code.language == "jaxpr"}
    assert all("dot_general" in jaxprs[i] for i in products)
    assert set(jaxprs) == {*range(len(order)), None}
    assert all(
        code.lines is None for code in codes
    )  # a node's jaxpr is traced alone, not cut out of the whole
    hlo = {code.node: code for code in codes if code.language == "hlo"}
    assert "HloModule" in hlo[None].text
    assert all(code.text or code.problem for code in hlo.values())
    assert any(code.text for node, code in hlo.items() if node is not None)
    for node, code in hlo.items():
        if node is not None:
            assert all(f"/node{node}/" in line for line in code.text.splitlines())


def test_pytorch_shows_the_python_it_was_given():
    pytest.importorskip("torch")
    x = pt.dvector("x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, on being imported
        inspection = inspect([x], [pt.exp(x) * 2.5], mode="PYTORCH")
    *own, whole = generated_code(inspection.function, [np.ones(3)])
    assert len(own) == len(inspection.recording.final_order)
    for code in own:
        first, last = code.lines
        assert code.text.startswith(
            "\n".join(line.strip() for line in whole.text.splitlines()[first - 1 : last])
        )
        assert "def perform" not in code.text  # Ops' own Python does not run here
    assert "elemwise_fn" in own[0].text


class _Compiling(JITLinker):
    """A linker nobody here knows, that compiles Python in its own way."""

    fgraph_convert = create_thunk_inputs = jit_compile = None


def test_a_linker_nobody_knows_is_named():
    x = pt.dvector("x")
    function = inspect([x], [x + 1], mode=PYTHON).function
    function.maker.linker = _Compiling()
    (code,) = generated_code(function)
    assert code.problem == "no way is known from _Compiling to the code it made"


class _OwnLinker(PerformLinker):
    """A linker that this project does not know, with a file of its own in the table."""


def code(function, arguments, *, whole):
    """What `_OwnLinker` made: this module is its file."""
    if function.maker.name == "mute":
        raise RuntimeError("not now")
    yield NodeCode(None, "c", "void f(void) {\n    for (;;);\n}")
    yield NodeCode(0, "c", "", (2, 2))


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setitem(BY_LINKER, "_OwnLinker", __name__)
    return Mode(linker=_OwnLinker(), optimizer=None)


def test_a_linker_of_ones_own_is_one_more_line_in_the_table(own):
    x = pt.dvector("x")
    inspection = inspect([x], [x + 1], mode=own)
    recording = inspection.measure(np.ones(3), times=False).recording
    first, *_, last = recording.measurements.code
    assert (first.node, first.text, first.lines) == (recording.final_order[0], "", (2, 2))
    assert last.node is None
    shown = as_text(code_view(recording, first.node)).splitlines()
    assert shown[1].strip() == "for (;;);"  # read out of the whole
    assert "c, lines 2–2 of the whole" in shown[0]


def test_a_generator_that_fails_is_reported(own):
    x = pt.dvector("x")
    function = inspect([x], [x + 1], mode=own, name="mute").function
    (code,) = generated_code(function)
    assert "not now" in code.problem
    assert code.text == ""


@pytest.mark.parametrize("name", sorted(BY_LINKER))
def test_every_linker_in_the_table_answers_both_questions(name):
    module = importlib.import_module(BY_LINKER[name])
    assert callable(module.watch)
    assert callable(module.code)
