"""Which lines of the native linker's C file compute a node."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.tensor.math import Dot, Sum

from graphs.inspection.linkers.code import generated_code
from graphs.native import NativeLinker, NativeMode, source_of

X, R = pt.dmatrix("X"), pt.dvector("r")


@pytest.fixture(scope="module")
def function():
    z = X @ R
    z.name = "z"
    return pytensor.function([X, R], [z, pt.exp(z).sum()], mode=NativeMode(NativeLinker(cached=False)))


def test_a_node_has_its_formula_and_its_own_statements(function):
    order = function.maker.fgraph.toposort()
    found = {type(order[code.node].op): code for code in generated_code(function)}
    assert found[Dot].text.splitlines()[0] == "/* dot[i] = sum over j of X[i, j] * r[j] */"
    assert "madd(X[i * X_s0 + j], r[j], dot" in found[Dot].text
    assert "exp_(" not in found[Dot].text
    assert "exp_(dot" in found[Sum].text
    first, last = found[Dot].lines
    lines = source_of(function).text.splitlines()
    assert lines[first - 1].strip().startswith("/* dot[i] =")
    assert [lines[first - 2], lines[last]] == ["", ""]  # the loop, and nothing beside it


def test_the_whole_file_on_request(function):
    whole = [code for code in generated_code(function, whole=True) if code.node is None]
    assert [code.text for code in whole] == [source_of(function).text]


def test_a_length_has_no_line_of_its_own():
    fn = pytensor.function([X], X.shape[0] * 2.0, mode=NativeMode(NativeLinker(cached=False)))
    assert fn(np.ones((3, 2))) == 6.0
    problems = [code.problem for code in generated_code(fn) if not code.text]
    assert problems
    assert all("no line of its own" in problem for problem in problems)


def test_a_function_that_fell_back_shows_what_runs_instead():
    sorts = [pt.unique(X * k, axis=0) for k in range(2, 12)]
    with pytest.warns(UserWarning, match="no C for"):
        fn = pytensor.function([X], sorts, mode=NativeMode(NativeLinker(cached=False)))
    assert {code.language for code in generated_code(fn)} <= {"python", "c"}
    assert any("unique" in code.text.lower() for code in generated_code(fn))


def test_a_node_that_python_performs_shows_the_call():
    fn = pytensor.function([X], pt.unique(X, axis=0) + 1, mode=NativeMode(NativeLinker(cached=False)))
    (performed,) = [code for code in generated_code(fn) if "perform(" in code.text]
    assert "Python performs" in performed.text
