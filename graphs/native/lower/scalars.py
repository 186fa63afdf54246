"""Scalar Ops as expressions, with NumPy's rules for types, division, rounding and NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
from pytensor.scalar import basic
from pytensor.scalar import math as special

import graphs.native.statements as ir
from graphs.native.program import OpUnknown

__all__ = ["SPECIAL_FUNCTIONS", "ScalarOpUnknown", "call", "cast", "is_float", "scalar_expression"]

Operands = Sequence[ir.Expression]
Make = Callable[[Operands, str], ir.Expression]


class ScalarOpUnknown(OpUnknown):
    """A scalar Op, or a dtype, that has no lowering."""


def is_float(dtype: str) -> bool:
    """Whether a type has fractions, NaN and infinities."""
    return dtype.startswith("float")


def cast(operand: ir.Expression, dtype: str) -> ir.Expression:
    """`operand` as `dtype`, by NumPy's rules (to bool: whether it is not zero)."""
    if operand.dtype == dtype:
        return operand
    if dtype not in ir.DTYPES:
        raise ScalarOpUnknown(f"dtype {dtype}")
    if isinstance(operand, ir.Literal) and (is_float(dtype) or not is_float(operand.dtype)):
        return ir.Literal(dtype, np.dtype(dtype).type(operand.value).item())
    return ir.compare(operand, "!=", 0) if dtype == "bool" else ir.Apply(dtype, "cast", (operand,))


def _operator(symbol: str, operands: Operands, dtype: str, of_bools: str = "") -> ir.Expression:
    """A binary operator, folded from the left; operands take the result's type first."""
    used = of_bools if of_bools and dtype == "bool" else symbol
    return reduce(lambda a, b: ir.Apply(dtype, used, (a, b)), [cast(o, dtype) for o in operands])


def _comparison(symbol: str, operands: Operands, dtype: str) -> ir.Expression:
    common = np.result_type(*(o.dtype for o in operands)).name
    left, right = (cast(o, common) for o in operands)
    return ir.compare(left, symbol, right)


def call(name: str, operands: Operands, dtype: str) -> ir.Expression:
    """A function of doubles; float32 goes through double, which rounds once at the end."""
    if not is_float(dtype):
        raise ScalarOpUnknown(f"{name} giving {dtype}")
    return cast(ir.Apply("float64", name, tuple(cast(o, "float64") for o in operands)), dtype)


def _by_type(whole: str, real: str, operands: Operands, dtype: str) -> ir.Expression:
    """One function for whole numbers, another for the others."""
    if is_float(dtype):
        return call(real, operands, dtype)
    if dtype == "uint64":
        raise ScalarOpUnknown(f"{whole} of uint64")
    return cast(ir.Apply("int64", whole, tuple(cast(cast(o, dtype), "int64") for o in operands)), dtype)


def _same_type(name: str, operands: Operands, dtype: str) -> ir.Expression:
    """An operator or a function whose operands have the result's type."""
    return ir.Apply(dtype, name, tuple(cast(o, dtype) for o in operands))


def _rounding(name: str, operands: Operands, dtype: str) -> ir.Expression:
    return call(name, operands, dtype) if is_float(operands[0].dtype) else cast(operands[0], dtype)


def _classify(name: str, operands: Operands, dtype: str) -> ir.Expression:
    if not is_float(operands[0].dtype):
        return ir.Literal(dtype, False)
    return ir.compare(ir.Apply("int64", name, (operands[0],)), "!=", 0)


def _absolute(operands: Operands, dtype: str) -> ir.Expression:
    value = cast(operands[0], dtype)
    if dtype.startswith("u") or dtype == "bool":
        return value
    return ir.Apply(dtype, "fabs" if is_float(dtype) else "absolute", (value,))


def _sqrt(operands: Operands, dtype: str) -> ir.Expression:
    if not is_float(dtype):
        raise ScalarOpUnknown(f"Sqrt giving {dtype}")
    return ir.Apply(dtype, "sqrt", (cast(operands[0], dtype),))


SCALAR_OPS: dict[type, Make] = {
    basic.Add: partial(_operator, "+", of_bools="|"),
    basic.Sub: partial(_operator, "-"),
    basic.Mul: partial(_operator, "*", of_bools="&"),
    basic.TrueDiv: partial(_operator, "/"),
    basic.IntDiv: partial(_by_type, "floor_div", "floor_divf"),
    basic.Mod: partial(_by_type, "floor_mod", "floor_modf"),
    basic.Pow: partial(_by_type, "power", "pow"),
    basic.Neg: partial(_same_type, "negative"),
    basic.Sqr: partial(_same_type, "square"),
    basic.Sqrt: _sqrt,
    basic.Reciprocal: lambda o, d: ir.Literal(d, 1) / cast(o[0], d),
    basic.Abs: _absolute,
    basic.Sign: partial(_same_type, "sign"),
    basic.Identity: lambda o, d: cast(o[0], d),
    basic.Cast: lambda o, d: cast(o[0], d),
    basic.Second: lambda o, d: cast(o[1], d),
    basic.Switch: lambda o, d: ir.choose(o[0], cast(o[1], d), cast(o[2], d)),
    basic.Clip: partial(_same_type, "clip"),
    basic.Maximum: partial(_operator, "maximum"),
    basic.Minimum: partial(_operator, "minimum"),
    basic.LT: partial(_comparison, "<"),
    basic.GT: partial(_comparison, ">"),
    basic.LE: partial(_comparison, "<="),
    basic.GE: partial(_comparison, ">="),
    basic.EQ: partial(_comparison, "=="),
    basic.NEQ: partial(_comparison, "!="),
    basic.AND: partial(_operator, "&"),
    basic.OR: partial(_operator, "|"),
    basic.XOR: partial(_operator, "^"),
    basic.Invert: lambda o, d: _same_type("!" if d == "bool" else "~", o, d),
    basic.IsNan: partial(_classify, "isnan"),
    basic.IsInf: partial(_classify, "isinf"),
    basic.Floor: partial(_rounding, "floor"),
    basic.Ceil: partial(_rounding, "ceil"),
    basic.Trunc: partial(_rounding, "trunc"),
    basic.RoundHalfToEven: partial(_rounding, "rint"),
    basic.RoundHalfAwayFromZero: partial(_rounding, "round"),
}
# Those that are called in C as PyTensor calls them, but for "Arc".
FUNCTIONS = """
Exp Exp2 Expm1 Log Log2 Log10 Log1p Sin Cos Tan ArcSin ArcCos ArcTan ArcTan2 Sinh Cosh Tanh ArcSinh ArcCosh
ArcTanh Erf Erfc Erfcx Erfinv Erfcinv Sigmoid Softplus Log1mexp
"""
for _name in FUNCTIONS.split():
    _kind = getattr(basic, _name, None) or getattr(special, _name)
    SCALAR_OPS[_kind] = partial(call, _name.lower().replace("arc", "a"))
SCALAR_OPS |= {
    special.Gamma: partial(call, "tgamma"),
    special.GammaLn: partial(call, "lgamma"),
    special.Psi: partial(call, "digamma"),
    special.TriGamma: partial(call, "trigamma"),
}
# Functions of SciPy's, by the names that they have there.
SPECIAL = "I0 I1 J0 J1 Jv Ive Kve GammaInc GammaIncC GammaIncInv GammaIncCInv BetaInc BetaIncInv"
SPECIAL_FUNCTIONS = {
    getattr(special, name): name.lower() for name in SPECIAL.split() if hasattr(special, name)
}


def _special(name: str, operands: Operands, dtype: str) -> ir.Expression:
    numbers = (cast(o, "float64") for o in operands)
    return cast(ir.Apply("float64", name, (*numbers, ir.Literal("int32", 0))), dtype)


SCALAR_OPS |= {kind: partial(_special, name) for kind, name in SPECIAL_FUNCTIONS.items()}
if hasattr(basic, "Deg2Rad"):  # PyTensor 3.3 multiplies
    SCALAR_OPS[basic.Deg2Rad] = lambda o, d: cast(o[0], d) * ir.Literal(d, math.pi / 180)
    SCALAR_OPS[basic.Rad2Deg] = lambda o, d: cast(o[0], d) * ir.Literal(d, 180 / math.pi)


def scalar_expression(op: Any, operands: Operands, dtype: str) -> ir.Expression:
    """What a PyTensor scalar Op computes: that of an Elemwise, or of one node in a Composite.

    Raises :class:`ScalarOpUnknown` if the Op or the type of its result is not known here.
    """
    if dtype not in ir.DTYPES:
        raise ScalarOpUnknown(f"dtype {dtype}")
    make = SCALAR_OPS.get(type(op))
    if make is None:
        raise ScalarOpUnknown(type(op).__name__)
    return make(operands, dtype)
