"""Variables as formulas."""

from __future__ import annotations

import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode

from graphs.inspection import inspect
from graphs.inspection.show.formulas import Formulas

AS_WRITTEN = Mode(linker="py", optimizer=None)


def formula(expression, **kwargs):
    inputs = list(pytensor.graph.traversal.explicit_graph_inputs([expression]))
    recording = inspect(inputs, [expression], mode=AS_WRITTEN).recording
    return Formulas(recording, 0).variable(recording.first_outputs[0], **kwargs)


x, y, m = pt.dvector("x"), pt.dvector("y"), pt.dmatrix("m")


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        (lambda: (x + y) * x - y, "(x + y) * x - y"),
        (lambda: x - (y - x), "x - (y - x)"),
        (lambda: -(x**2) / y, "-x ** 2 / y"),
        (lambda: (-x) ** 2, "(-x) ** 2"),
        (lambda: (x**y) ** 2 + x ** (y**2), "(x ** y) ** 2 + x ** y ** 2"),
        (lambda: pt.log(1 - x), "log(1 - x)"),
        (lambda: m @ x, "(m @ x[:, None]).squeeze(1)"),
        (lambda: m.T.sum(), "sum(m.T)"),
        (lambda: m.sum(axis=0), "sum(m, axis=0)"),
        (lambda: pt.switch(x > 0, x, y), "where(x > 0, x, y)"),
        (lambda: x.astype("float32"), "float32(x)"),
        (lambda: pt.exp(pt.sin(pt.cos(pt.tan(pt.log(x))))), "exp(sin(cos(tan(…))))"),
    ],
)
def test_formulas_read_as_numpy_writes_them(expression, written):
    assert formula(expression()) == written
