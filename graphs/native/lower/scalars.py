"""Scalar Ops as expressions, with NumPy's rules for types, division, rounding and NaN."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pytensor.scalar import basic
from pytensor.scalar import math as special

import graphs.native.statements as ir
from graphs.native.program import OpUnknown

__all__ = ["ScalarOpUnknown", "cast", "is_float", "scalar_expression"]

Make = Callable[[Sequence[ir.Expression], str], ir.Expression]


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


def _operator(symbol: str, of_bools: str = "") -> Make:
    """A binary operator, folded from the left; operands take the result's type first."""

    def make(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
        used = of_bools if of_bools and dtype == "bool" else symbol
        return functools.reduce(
            lambda a, b: ir.Apply(dtype, used, (a, b)), [cast(operand, dtype) for operand in operands]
        )

    return make


def _comparison(symbol: str) -> Make:
    def make(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
        common = np.result_type(*(o.dtype for o in operands)).name
        return ir.Apply(dtype, symbol, tuple(cast(o, common) for o in operands))

    return make


def _call(name: str) -> Make:
    """A function of doubles; float32 goes through double, which rounds once at the end."""

    def make(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
        if not is_float(dtype):
            raise ScalarOpUnknown(f"{name} giving {dtype}")
        return cast(ir.Apply("float64", name, tuple(cast(o, "float64") for o in operands)), dtype)

    return make


def _by_type(whole: str, real: str) -> Make:
    """One function for whole numbers, another for the others."""

    def make(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
        if is_float(dtype):
            return _call(real)(operands, dtype)
        if dtype == "uint64":
            raise ScalarOpUnknown(f"{whole} of uint64")
        return cast(ir.Apply("int64", whole, tuple(cast(cast(o, dtype), "int64") for o in operands)), dtype)

    return make


def _same_type(name: str) -> Make:
    """An operator or a function whose operands have the result's type."""
    return lambda operands, dtype: ir.Apply(dtype, name, tuple(cast(o, dtype) for o in operands))


def _rounding(name: str) -> Make:
    return lambda o, dtype: _call(name)(o, dtype) if is_float(o[0].dtype) else cast(o[0], dtype)


def _classify(name: str) -> Make:
    return lambda o, dtype: (
        ir.Apply(dtype, "!=", (ir.Apply("int64", name, (o[0],)), ir.Literal("int64", 0)))
        if is_float(o[0].dtype)
        else ir.Literal(dtype, False)
    )


def _factor(value: float) -> Make:
    return lambda operands, dtype: cast(operands[0], dtype) * ir.Literal(dtype, value)


def _absolute(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
    value = cast(operands[0], dtype)
    if dtype.startswith("u") or dtype == "bool":
        return value
    return ir.Apply(dtype, "fabs" if is_float(dtype) else "absolute", (value,))


def _sqrt(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
    if not is_float(dtype):
        raise ScalarOpUnknown(f"Sqrt giving {dtype}")
    return ir.Apply(dtype, "sqrt", (cast(operands[0], dtype),))


def _switch(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
    return ir.choose(operands[0], *(cast(o, dtype) for o in operands[1:]))


def _invert(operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
    return ir.Apply(dtype, "!" if dtype == "bool" else "~", (cast(operands[0], dtype),))


SCALAR_OPS: dict[type, Make] = {
    basic.Add: _operator("+", of_bools="|"),
    basic.Sub: _operator("-"),
    basic.Mul: _operator("*", of_bools="&"),
    basic.TrueDiv: _operator("/"),
    basic.IntDiv: _by_type("floor_div", "floor_divf"),
    basic.Mod: _by_type("floor_mod", "floor_modf"),
    basic.Pow: _by_type("power", "pow"),
    basic.Neg: _same_type("negative"),
    basic.Sqr: _same_type("square"),
    basic.Sqrt: _sqrt,
    basic.Reciprocal: lambda o, d: ir.Literal(d, 1) / cast(o[0], d),
    basic.Abs: _absolute,
    basic.Sign: _same_type("sign"),
    basic.Identity: lambda o, d: cast(o[0], d),
    basic.Cast: lambda o, d: cast(o[0], d),
    basic.Second: lambda o, d: cast(o[1], d),
    basic.Switch: _switch,
    basic.Clip: _same_type("clip"),
    basic.Maximum: _operator("maximum"),
    basic.Minimum: _operator("minimum"),
    basic.LT: _comparison("<"),
    basic.GT: _comparison(">"),
    basic.LE: _comparison("<="),
    basic.GE: _comparison(">="),
    basic.EQ: _comparison("=="),
    basic.NEQ: _comparison("!="),
    basic.AND: _operator("&"),
    basic.OR: _operator("|"),
    basic.XOR: _operator("^"),
    basic.Invert: _invert,
    basic.IsNan: _classify("isnan"),
    basic.IsInf: _classify("isinf"),
    basic.Floor: _rounding("floor"),
    basic.Ceil: _rounding("ceil"),
    basic.Trunc: _rounding("trunc"),
    basic.RoundHalfToEven: _rounding("rint"),
    basic.RoundHalfAwayFromZero: _rounding("round"),
}
# Those that are called in C as PyTensor calls them, but for "Arc".
FUNCTIONS = """
Exp Exp2 Expm1 Log Log2 Log10 Log1p Sin Cos Tan ArcSin ArcCos ArcTan ArcTan2 Sinh Cosh Tanh ArcSinh ArcCosh
ArcTanh Erf Sigmoid Softplus Log1mexp
"""
for _name in FUNCTIONS.split():
    _kind = getattr(basic, _name, None) or getattr(special, _name)
    SCALAR_OPS[_kind] = _call(_name.lower().replace("arc", "a"))
if hasattr(basic, "Deg2Rad"):  # PyTensor 3.3 multiplies
    SCALAR_OPS |= {basic.Deg2Rad: _factor(math.pi / 180), basic.Rad2Deg: _factor(180 / math.pi)}


def scalar_expression(op: Any, operands: Sequence[ir.Expression], dtype: str) -> ir.Expression:
    """What a PyTensor scalar Op computes: that of an Elemwise, or of one node in a Composite.

    Parameters
    ----------
    op : pytensor.scalar.basic.ScalarOp
    operands : sequence of Expression
        Its inputs.
    dtype : str
        NumPy name of the result's type.

    Raises
    ------
    ScalarOpUnknown
        If the Op or the type is not known here.
    """
    if dtype not in ir.DTYPES:
        raise ScalarOpUnknown(f"dtype {dtype}")
    make = SCALAR_OPS.get(type(op))
    if make is None:
        raise ScalarOpUnknown(type(op).__name__)
    return make(operands, dtype)
