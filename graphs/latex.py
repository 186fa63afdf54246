"""A Variable → its formula in LaTeX, read off the graph itself.

It stops at the names that its author gave, so that a model is told line by line: ``xent`` in terms of ``p_1``, ``cost`` in
terms of ``xent``. What only moves axes or changes the dtype is not written. Only what LaTeX and matplotlib's mathtext both
know is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Constant
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors
from pytensor.scalar import basic as scalar
from pytensor.scalar import math as special
from pytensor.tensor.basic import Alloc, ARange, Join, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Argmax, Dot
from pytensor.tensor.shape import Shape, Shape_i, SpecifyShape
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import Subtensor

__all__ = ["equation", "latex"]

# How strongly a part binds; what binds less than its place asks for goes into parentheses. A Σ takes in what stands
# behind it, so as a factor it needs them.
SUM, SIGMA, SIGN, PRODUCT, POWER, ATOM = range(6)
Part = tuple[str, int]
DEEPEST = 12  # operations within each other, below which a formula says nothing any more
LONGEST = 2000  # characters

FUNCTIONS: dict[type, str] = {
    scalar.Exp: r"\exp",
    scalar.Log: r"\log",
    scalar.Log1p: r"\operatorname{log1p}",
    scalar.Expm1: r"\operatorname{expm1}",
    scalar.Tanh: r"\tanh",
    scalar.ArcTan: r"\arctan",
    scalar.Sin: r"\sin",
    scalar.Cos: r"\cos",
    special.Sigmoid: r"\sigma",
    special.Softplus: r"\operatorname{softplus}",
    special.Erf: r"\operatorname{erf}",
    scalar.Switch: r"\operatorname{where}",
    scalar.ScalarMaximum: r"\max",
    scalar.ScalarMinimum: r"\min",
    scalar.Clip: r"\operatorname{clip}",
    Softmax: r"\operatorname{softmax}",
    LogSoftmax: r"\log\,\operatorname{softmax}",
    Argmax: r"\operatorname{argmax}",
}
COMPARISONS: dict[type, str] = {
    scalar.EQ: "=",
    scalar.NEQ: r"\neq",
    scalar.LT: "<",
    scalar.LE: r"\leq",
    scalar.GT: ">",
    scalar.GE: r"\geq",
    scalar.AND: r"\wedge",
}
PASSED_ON = (SpecifyShape, Alloc, ScalarFromTensor, TensorFromScalar, scalar.Cast)


def equation(variable: Any, *, rewritten: bool = False) -> str:
    """``name = formula`` of a Variable that has a name; else the formula alone.

    Parameters
    ----------
    variable : Variable
    rewritten : bool
        Whether to show what PyTensor's canonicalize and stabilize phases make of it: a derivative is made of many parts
        of which few are left. Names within it are those that are left, too.

    Returns
    -------
    str
        LaTeX for mathematics, without dollar signs.
    """
    shown = variable
    if rewritten:
        shown = rewrite_graph(variable, include=("canonicalize", "stabilize"), clone=True)
    return f"{_name(variable.name)} = {latex(shown)}" if variable.name else latex(shown)


def latex(variable: Any) -> str:
    """The formula of a Variable, down to the names that its author gave.

    Parameters
    ----------
    variable : Variable

    Returns
    -------
    str
        LaTeX for mathematics, without dollar signs.
    """
    text, _ = _operation(variable, 0) if variable.owner else _leaf(variable)
    return text if len(text) <= LONGEST else r"\ldots"


def _written(variable: Any, depth: int) -> Part:
    if variable.owner is None or (variable.name and not _is_pytensors(variable)):
        return _leaf(variable)
    return (r"\ldots", ATOM) if depth >= DEEPEST else _operation(variable, depth)


def _leaf(variable: Any) -> Part:
    if isinstance(variable, Constant):
        return _constant(variable.data)
    return _name(variable.name) if variable.name else r"\cdot", ATOM


def _constant(data: Any) -> Part:
    if np.size(data) != 1:
        return r"\mathrm{const}", ATOM
    number = np.asarray(data).ravel()[0]
    text = str(number).removesuffix(".0")
    if len(text) > 12 and isinstance(
        number, float
    ):  # 1 − 0.99, say: what is behind the twelfth digit is its rounding
        text = f"{number:.12g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}", SIGN if text.startswith("-") else PRODUCT
    return text, SIGN if text.startswith("-") else ATOM


def _name(name: str) -> str:
    """``p_1`` → p with a subscript; a word upright, so that it is not read as a product of its letters."""
    stem, _, index = name.partition("_")
    if len(stem) == 1 and re.fullmatch(r"[A-Za-z]_?[A-Za-z0-9]*", name):
        return rf"{stem}_{{{index}}}" if index else stem
    words = re.sub("[^A-Za-z0-9]", r"\\ ", name)
    return rf"\mathrm{{{words}}}"


def _operation(variable: Any, depth: int) -> Part:
    node = variable.owner
    op, inputs = node.op, node.inputs
    kind = type(getattr(op, "scalar_op", op))

    def part(place: int) -> Part:
        return _written(inputs[place], depth + 1)

    def at(place: int, strength: int) -> str:
        return _wrapped(part(place), strength)

    if _is_mean(variable):
        return rf"\operatorname{{mean}}({_written(inputs[0].owner.inputs[0], depth + 1)[0]})", ATOM
    if isinstance(op, DimShuffle):
        if tuple(op.new_order) == (1, 0):
            return rf"{at(0, ATOM)}^{{\top}}", POWER
        return part(0)
    if isinstance(op, PASSED_ON) or kind in PASSED_ON:
        return part(0)
    if kind is scalar.Second:  # brought to the shape of the first
        return part(1)
    if isinstance(op, Dot) or (isinstance(op, Blockwise) and isinstance(op.core_op, Dot)):
        return rf"{at(0, PRODUCT)} \, {at(1, POWER)}", PRODUCT
    if isinstance(op, CAReduce):
        return _reduction(op, kind, part(0))
    if kind in FUNCTIONS:
        arguments = ", ".join(part(place)[0] for place in range(len(inputs)))
        return f"{FUNCTIONS[kind]}({arguments})", ATOM
    if isinstance(op, Elemwise) and (found := _elementwise(kind, len(inputs), part, at)):
        return found
    if isinstance(op, Subtensor) and inputs[0].owner and isinstance(inputs[0].owner.op, Shape):
        of = _written(inputs[0].owner.inputs[0], depth + 1)[0]
        return (
            rf"\mathrm{{shape}}({of})_{{{', '.join(part(place)[0] for place in range(1, len(inputs)))}}}",
            ATOM,
        )
    if isinstance(op, Join):  # its columns, side by side; before PyTensor 3.3 the axis stands before them
        first = next(place for place, each in enumerate(inputs) if each.type.ndim)
        return rf"({', '.join(part(place)[0] for place in range(first, len(inputs)))})", ATOM
    if isinstance(op, ARange):
        return rf"(0, \ldots, {at(1, SIGN)} - 1)", ATOM
    arguments = ", ".join(part(place)[0] for place in range(len(inputs)))
    word = re.sub("[^A-Za-z0-9]", "", kind.__name__)
    return rf"\mathrm{{{word}}}({arguments})", ATOM


def _elementwise(
    kind: type, operands: int, part: Callable[[int], Part], at: Callable[[int, int], str]
) -> Part | None:
    """What is written with a sign; None for any other."""
    if kind is scalar.Add:
        return " + ".join([at(0, SUM), *(at(place, SIGN + 1) for place in range(1, operands))]), SUM
    if kind is scalar.Sub:
        return f"{at(0, SUM)} - {at(1, SIGN + 1)}", SUM
    if kind is scalar.Neg:
        text, strength = part(0)
        if strength == SIGN and text.startswith("-"):
            return text[1:], PRODUCT
        return f"-{_wrapped((text, strength), PRODUCT)}", SIGN
    if kind is scalar.Mul:
        first = at(0, SIGN)
        factors = [first, *(at(place, POWER) for place in range(1, operands))]
        if first == "-1":  # as PyTensor's canonical form has a minus sign
            return "-" + r" \cdot ".join(factors[1:]), SIGN
        factors = [factor for factor in factors if factor != "1"] or ["1"]
        return r" \cdot ".join(factors), SIGN if first.startswith("-") else PRODUCT
    if kind is scalar.TrueDiv:
        return rf"\frac{{{part(0)[0]}}}{{{part(1)[0]}}}", POWER
    if kind is scalar.IntDiv:
        return rf"\lfloor {at(0, PRODUCT)} / {at(1, POWER)} \rfloor", ATOM
    if kind is scalar.Mod:
        return rf"({at(0, PRODUCT)} \;\mathrm{{mod}}\; {at(1, POWER)})", ATOM
    if kind is scalar.Reciprocal:
        return rf"\frac{{1}}{{{part(0)[0]}}}", POWER
    if kind is scalar.Pow:
        return f"{at(0, ATOM)}^{{{part(1)[0]}}}", POWER
    if kind is scalar.Sqr:
        return f"{at(0, ATOM)}^{{2}}", POWER
    if kind is scalar.Sqrt:
        return rf"\sqrt{{{part(0)[0]}}}", ATOM
    if kind is scalar.Abs:
        return rf"|{part(0)[0]}|", ATOM
    if kind in COMPARISONS:
        return f"{part(0)[0]} {COMPARISONS[kind]} {part(1)[0]}", SUM - 1
    return None


_REDUCTIONS: Mapping[type, str] = {
    scalar.Add: r"\sum",
    scalar.Mul: r"\prod",
    scalar.ScalarMaximum: r"\max",
    scalar.ScalarMinimum: r"\min",
}


def _reduction(op: Any, kind: type, part: Part) -> Part:
    sign = _REDUCTIONS.get(kind, rf"\operatorname{{{kind.__name__}}}")
    axes: Sequence[int] = op.axis or ()
    under = rf"_{{\mathrm{{axis}}\,{','.join(map(str, axes))}}}" if axes else ""
    return rf"{sign}{under} {_wrapped(part, PRODUCT)}", SIGMA


def _is_mean(variable: Any) -> bool:
    """Whether it is what ``mean`` makes: a sum, over the number of what is summed."""
    node = variable.owner
    if node is None or not isinstance(getattr(node.op, "scalar_op", None), scalar.TrueDiv):
        return False
    summed, number = node.inputs[0].owner, node.inputs[1]
    if (
        summed is None
        or not isinstance(summed.op, CAReduce)
        or not isinstance(summed.op.scalar_op, scalar.Add)
    ):
        return False
    shapes = [v.owner for v in ancestors([number], blockers=[summed.inputs[0]]) if v.owner]
    return any(isinstance(n.op, Shape | Shape_i) and n.inputs[0] is summed.inputs[0] for n in shapes)


def _is_pytensors(variable: Any) -> bool:
    """Whether its name is one that PyTensor gave."""
    transposed = isinstance(variable.owner.op, DimShuffle) and variable.name.endswith(".T")
    return transposed or (variable.name == "mean" and _is_mean(variable))


def _wrapped(part: Part, strength: int) -> str:
    text, own = part
    return text if own >= strength else f"({text})"
