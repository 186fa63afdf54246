"""Formulas are read off the graph, and matplotlib reads them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from matplotlib.mathtext import MathTextParser

from graphs.latex import equation, latex
from graphs.models import (
    cross_entropy_graph,
    curve_graph,
    growth_graph,
    likelihood_graph,
    linear_graph,
    logistic_graph,
    sigmoid_graph,
    softmax_graph,
)

x, y, w = pt.dmatrix("x"), pt.dvector("y"), pt.dvector("w")
z, long_name = pt.dvector("z"), pt.dvector("long_name")
k = pt.lscalar("k")


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (x @ w, r"x \, w"),
        (x.T @ y, r"x^{\top} \, y"),
        (-(x @ w), r"-x \, w"),
        (z + z * 2 - 3, r"z + z \cdot 2 - 3"),
        (z - (y + z), "z - (y + z)"),
        (z - (y - z), "z - (y - z)"),
        ((z - y) * z, r"(z - y) \cdot z"),
        (-z - y, "-z - y"),
        (-(z + y), "-(z + y)"),
        (pt.neg(pt.neg(z)), "z"),
        ((-z) ** 2, "(-z)^{2}"),
        ((z / y) ** 2, r"(\frac{z}{y})^{2}"),
        (z ** (y + 1), "z^{y + 1}"),
        (z**2 / 2, r"\frac{z^{2}}{2}"),
        (pt.exp(-z), r"\exp(-z)"),
        (pt.log(pt.sqrt(z)), r"\log(\sqrt{z})"),
        (abs(z - y), "|z - y|"),
        (z.sum() * 2, r"(\sum z) \cdot 2"),
        ((z * 2).sum(), r"\sum z \cdot 2"),
        (2 * z.sum() + z.sum(), r"2 \cdot (\sum z) + (\sum z)"),
        (-z.sum(), r"-(\sum z)"),
        (z.sum() - 1, r"\sum z - 1"),
        (z + -1e-7, r"z + (-1 \cdot 10^{-7})"),
        ((z + y).sum(), r"\sum (z + y)"),
        (x.sum(axis=1), r"\sum_{\mathrm{axis}\,1} x"),
        (x.max(axis=0), r"\max_{\mathrm{axis}\,0} x"),
        ((z**2).mean(), r"\operatorname{mean}(z^{2})"),
        (z.mean() + 1, r"\operatorname{mean}(z) + 1"),
        (pt.switch(z > 0, z, 0.5), r"\operatorname{where}(z > 0, z, 0.5)"),
        (long_name + 1, r"\mathrm{long\ name} + 1"),
        (z * 1e-7, r"z \cdot (1 \cdot 10^{-7})"),
        (z * (1 - 0.99), r"z \cdot 0.01"),
        (z * -2, r"z \cdot (-2)"),
        (4 / (1 + k // 3 + k % 3), r"\frac{4}{1 + \lfloor k / 3 \rfloor + (k \;\mathrm{mod}\; 3)}"),
        (pt.sigmoid(z) * pt.tanh(z), r"\sigma(z) \cdot \tanh(z)"),
        (pt.gammaln(z), r"\mathrm{GammaLn}(z)"),
        (x.argmax(axis=1), r"\operatorname{argmax}(x)"),
        (pt.stack([z.sum(), y.sum()]), None),
    ],
)
def test_written_as_a_reader_expects(expression, written):
    found = latex(expression)
    if written is not None:
        assert found == written
    MathTextParser("path").parse(f"${found}$")


def test_it_stops_at_names_but_for_the_first():
    p = pt.sigmoid(z)
    p.name = "p_1"
    loss = -pt.log(p)
    assert latex(loss) == r"-\log(p_{1})"
    loss.name = "xent"
    assert equation(loss) == r"\mathrm{xent} = -\log(p_{1})"
    assert equation(p) == r"p_{1} = \sigma(z)"
    assert latex(z) == "z"


def test_a_derivative_is_shown_as_it_is_rewritten_and_left_as_it_is():
    p = 1 / (1 + pt.exp(-z))
    slope = pytensor.grad(p.sum(), z)
    slope.name = "slope"
    before = pytensor.dprint(slope, file="str")
    assert equation(slope, rewritten=True) == r"\mathrm{slope} = \sigma(-z) \cdot \sigma(z)"
    assert pytensor.dprint(slope, file="str") == before


def test_what_is_too_deep_or_too_long_is_left_out():
    deep = z
    for _ in range(40):
        deep = pt.exp(deep) + 1
    assert r"\ldots" in latex(deep)
    wide = pt.add(*[pt.dscalar(f"name{i}") for i in range(400)])
    assert latex(wide) == r"\ldots"


@pytest.mark.parametrize(
    "graph",
    [
        sigmoid_graph(),
        growth_graph(600, 0.5, 8),
        cross_entropy_graph(),
        likelihood_graph(np.zeros(3)),
        logistic_graph(np.zeros(3)),
        logistic_graph(np.zeros(3), formula="logits"),
        softmax_graph(np.zeros((3, 2)), np.zeros(2)),
        softmax_graph(np.zeros((3, 2)), np.zeros(2), formula="textbook"),
        linear_graph(np.zeros(3)),
        curve_graph(),
    ],
    ids=lambda graph: type(graph).__name__,
)
def test_every_formula_of_every_model_is_drawn(graph):
    for field in fields(graph):
        variable = getattr(graph, field.name)
        for rewritten in (False, True) if variable.owner else ():
            found = equation(variable, rewritten=rewritten)
            assert found.count(" = ") >= 1
            MathTextParser("path").parse(f"${found}$")
