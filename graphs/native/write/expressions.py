"""Scalar Ops as C expressions, with NumPy's rules for types, division, rounding and NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from graphs.native.statements import Apply, Expression, Literal
from graphs.native.unknown import ScalarOpUnknown

__all__ = ["C_TYPES", "cast", "combine", "literal_text", "scalar_expression"]

C_TYPES = {
    "float64": "double",
    "float32": "float",
    "int64": "int64_t",
    "int32": "int32_t",
    "int16": "int16_t",
    "int8": "int8_t",
    "uint64": "uint64_t",
    "uint32": "uint32_t",
    "uint16": "uint16_t",
    "uint8": "uint8_t",
    "bool": "uint8_t",
}


def is_float(dtype: str) -> bool:
    return dtype.startswith("float")


def cast(operand: Expression, dtype: str) -> Expression:
    """`operand` as `dtype`, by NumPy's rules (to bool: whether it is not zero)."""
    if operand.dtype == dtype:
        return operand
    if dtype not in C_TYPES:
        raise ScalarOpUnknown(f"dtype {dtype}")
    if isinstance(operand, Literal) and (is_float(dtype) or not is_float(operand.dtype)):
        return Literal(dtype, np.dtype(dtype).type(operand.value).item())
    if dtype == "bool":
        return Apply(dtype, "{0} != 0", 4, (operand,))
    return Apply(dtype, f"({C_TYPES[dtype]}){{0}}", 8, (operand,))


def literal_text(value: float | bool, dtype: str) -> str:
    """A C constant that reads back as exactly `value`."""
    if is_float(dtype):
        value = float(value)
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        text = repr(float(np.float32(value)) if dtype == "float32" else value)
        if dtype == "float32":
            text = str(np.float32(value)) if "e" not in text else text
            text = text if any(c in text for c in ".e") else text + ".0"
        return text + ("f" if dtype == "float32" else "")
    value = int(value)
    if value == -(2**63):
        return "INT64_MIN"
    suffix = "ULL" if value >= 2**63 else "LL" if not -(2**31) < value < 2**31 else ""
    return f"{value}{suffix}"


def _operator(symbol: str, level: int) -> Callable[[Sequence[Expression], str], Expression]:
    """A binary operator, folded from the left; operands take the result's type first."""

    def make(operands: Sequence[Expression], dtype: str) -> Expression:
        result = cast(operands[0], dtype)
        for operand in operands[1:]:
            result = Apply(dtype, f"{{0}} {symbol} {{1}}", level, (result, cast(operand, dtype)))
        return result

    return make


def _comparison(symbol: str) -> Callable[[Sequence[Expression], str], Expression]:
    level = 4 if symbol in ("==", "!=") else 5

    def make(operands: Sequence[Expression], dtype: str) -> Expression:
        common = np.result_type(*(o.dtype for o in operands)).name
        return Apply(dtype, f"{{0}} {symbol} {{1}}", level, tuple(cast(o, common) for o in operands))

    return make


def _call(name: str, helper: str = "") -> Callable[[Sequence[Expression], str], Expression]:
    """A function of doubles; float32 goes through double, which rounds once at the end."""

    def make(operands: Sequence[Expression], dtype: str) -> Expression:
        if not is_float(dtype):
            raise ScalarOpUnknown(f"{name} giving {dtype}")
        slots = ", ".join(f"{{{k}}}" for k in range(len(operands)))
        value = Apply("float64", f"{name}({slots})", 10, tuple(cast(o, "float64") for o in operands), helper)
        return cast(value, dtype)

    return make


def _true_div(operands: Sequence[Expression], dtype: str) -> Expression:
    return _operator("/", 7)(operands, dtype)


def _int_div(operands: Sequence[Expression], dtype: str) -> Expression:
    if is_float(dtype):
        return _call("floor_divf", "floor_divf")(operands, dtype)
    return _whole("floor_div", operands, dtype)


def _mod(operands: Sequence[Expression], dtype: str) -> Expression:
    if is_float(dtype):
        return _call("floor_modf", "floor_modf")(operands, dtype)
    return _whole("floor_mod", operands, dtype)


def _whole(name: str, operands: Sequence[Expression], dtype: str) -> Expression:
    if dtype == "uint64":
        raise ScalarOpUnknown(f"{name} of uint64")
    wide = tuple(cast(cast(o, dtype), "int64") for o in operands)
    return cast(Apply("int64", f"{name}({{0}}, {{1}})", 10, wide, name), dtype)


def _pow(operands: Sequence[Expression], dtype: str) -> Expression:
    if is_float(dtype):
        return _call("pow")(operands, dtype)
    return _whole("power", operands, dtype)


def _neg(operands: Sequence[Expression], dtype: str) -> Expression:
    return Apply(dtype, "-{0}", 8, (cast(operands[0], dtype),))


def _square(operands: Sequence[Expression], dtype: str) -> Expression:
    value = cast(operands[0], dtype)
    return Apply(dtype, "{0} * {0}", 7, (value,))


def _reciprocal(operands: Sequence[Expression], dtype: str) -> Expression:
    return _operator("/", 7)([Literal(dtype, 1), operands[0]], dtype)


def _absolute(operands: Sequence[Expression], dtype: str) -> Expression:
    value = cast(operands[0], dtype)
    if is_float(dtype):
        return Apply(dtype, "fabs({0})" if dtype == "float64" else "fabsf({0})", 10, (value,))
    if dtype.startswith("u") or dtype == "bool":
        return value
    return Apply(dtype, "{0} < 0 ? -{0} : {0}", 1, (value,))


def _sign(operands: Sequence[Expression], dtype: str) -> Expression:
    value = cast(operands[0], dtype)
    if is_float(dtype):  # NaN stays NaN
        return Apply(dtype, "{0} > 0 ? 1 : {0} < 0 ? -1 : {0} + 0", 1, (value,))
    return Apply(dtype, "({0} > 0) - ({0} < 0)", 6, (value,))


def _switch(operands: Sequence[Expression], dtype: str) -> Expression:
    condition, then, otherwise = operands
    return Apply(dtype, "{0} ? {1} : {2}", 1, (condition, cast(then, dtype), cast(otherwise, dtype)))


def _extreme(symbol: str) -> Callable[[Sequence[Expression], str], Expression]:
    """Maximum or minimum; NaN wins, as in NumPy."""

    def make(operands: Sequence[Expression], dtype: str) -> Expression:
        result = cast(operands[0], dtype)
        for operand in operands[1:]:
            test = f"{{0}} {symbol} {{1}}" + (" || {0} != {0}" if is_float(dtype) else "")
            result = Apply(dtype, f"{test} ? {{0}} : {{1}}", 1, (result, cast(operand, dtype)))
        return result

    return make


def _clip(operands: Sequence[Expression], dtype: str) -> Expression:
    value, low, high = (cast(o, dtype) for o in operands)
    return Apply(dtype, "{0} < {1} ? {1} : {0} > {2} ? {2} : {0}", 1, (value, low, high))


def _invert(operands: Sequence[Expression], dtype: str) -> Expression:
    value = cast(operands[0], dtype)
    return Apply(dtype, "!{0}" if dtype == "bool" else "~{0}", 8, (value,))


def _classify(name: str) -> Callable[[Sequence[Expression], str], Expression]:
    def make(operands: Sequence[Expression], dtype: str) -> Expression:
        if not is_float(operands[0].dtype):
            return Literal(dtype, False)
        return Apply(dtype, f"{name}({{0}}) != 0", 4, (operands[0],))

    return make


def _add(operands: Sequence[Expression], dtype: str) -> Expression:
    return _operator("|" if dtype == "bool" else "+", 2 if dtype == "bool" else 6)(operands, dtype)


def _mul(operands: Sequence[Expression], dtype: str) -> Expression:
    return _operator("&" if dtype == "bool" else "*", 3 if dtype == "bool" else 7)(operands, dtype)


def _rounding(name: str) -> Callable[[Sequence[Expression], str], Expression]:
    def make(operands: Sequence[Expression], dtype: str) -> Expression:
        if not is_float(operands[0].dtype):
            return cast(operands[0], dtype)
        return _call(name)(operands, dtype)

    return make


def _sqrt(operands: Sequence[Expression], dtype: str) -> Expression:
    name = "sqrtf" if dtype == "float32" else "sqrt"
    if not is_float(dtype):
        raise ScalarOpUnknown(f"Sqrt giving {dtype}")
    return Apply(dtype, f"{name}({{0}})", 10, (cast(operands[0], dtype),))


SCALAR_OPS: dict[str, Callable[[Sequence[Expression], str], Expression]] = {
    "Add": _add,
    "Sub": _operator("-", 6),
    "Mul": _mul,
    "TrueDiv": _true_div,
    "IntDiv": _int_div,
    "Mod": _mod,
    "Pow": _pow,
    "Neg": _neg,
    "Sqr": _square,
    "Sqrt": _sqrt,
    "Reciprocal": _reciprocal,
    "Abs": _absolute,
    "Sign": _sign,
    "Identity": lambda o, d: cast(o[0], d),
    "Cast": lambda o, d: cast(o[0], d),
    "Second": lambda o, d: cast(o[1], d),
    "Switch": _switch,
    "Clip": _clip,
    "Maximum": _extreme(">"),
    "ScalarMaximum": _extreme(">"),
    "Minimum": _extreme("<"),
    "ScalarMinimum": _extreme("<"),
    "LT": _comparison("<"),
    "GT": _comparison(">"),
    "LE": _comparison("<="),
    "GE": _comparison(">="),
    "EQ": _comparison("=="),
    "NEQ": _comparison("!="),
    "AND": _operator("&", 3),
    "OR": _operator("|", 2),
    "XOR": _operator("^", 2),
    "Invert": _invert,
    "IsNan": _classify("isnan"),
    "IsInf": _classify("isinf"),
    "Floor": _rounding("floor"),
    "Ceil": _rounding("ceil"),
    "Trunc": _rounding("trunc"),
    "RoundHalfToEven": _rounding("rint"),
    "RoundHalfAwayFromZero": _rounding("round"),
    "Exp": _call("exp_", "exp"),
    "Log": _call("log_", "log"),
    "Log1p": _call("log1p_", "log1p"),
    "Sigmoid": _call("sigmoid", "sigmoid"),
    "Softplus": _call("softplus", "softplus"),
    "Log1mexp": _call("log1mexp", "log1mexp"),
    "Exp2": _call("exp2"),
    "Expm1": _call("expm1"),
    "Log2": _call("log2"),
    "Log10": _call("log10"),
    "Sin": _call("sin"),
    "Cos": _call("cos"),
    "Tan": _call("tan"),
    "ArcSin": _call("asin"),
    "ArcCos": _call("acos"),
    "ArcTan": _call("atan"),
    "ArcTan2": _call("atan2"),
    "Sinh": _call("sinh"),
    "Cosh": _call("cosh"),
    "Tanh": _call("tanh"),
    "ArcSinh": _call("asinh"),
    "ArcCosh": _call("acosh"),
    "ArcTanh": _call("atanh"),
    "Erf": _call("erf"),
    "Deg2Rad": lambda o, d: _operator("*", 7)([o[0], Literal(d, math.pi / 180)], d),
    "Rad2Deg": lambda o, d: _operator("*", 7)([o[0], Literal(d, 180 / math.pi)], d),
}


def scalar_expression(op: object, operands: Sequence[Expression], dtype: str) -> Expression:
    """The C expression of a PyTensor scalar Op.

    Parameters
    ----------
    op : pytensor.scalar.basic.ScalarOp
        The Op of an Elemwise, or of one node in a Composite.
    operands : sequence of Expression
        Its inputs.
    dtype : str
        NumPy name of the result's type.

    Raises
    ------
    ScalarOpUnknown
        If the Op or the type has no text here.
    """
    if dtype not in C_TYPES:
        raise ScalarOpUnknown(f"dtype {dtype}")
    make = SCALAR_OPS.get(type(op).__name__)
    if make is None or not type(op).__module__.startswith("pytensor.scalar"):
        raise ScalarOpUnknown(type(op).__name__)
    return make(operands, dtype)


def combine(how: str, dtype: str) -> tuple[str, str]:
    """First value, and C text of combining ``{acc}`` with ``{value}``, of a reduction.

    Raises
    ------
    ScalarOpUnknown
        If there is no such reduction of that type.
    """
    lowest = {"float64": "-INFINITY", "float32": "-INFINITY", "int64": "INT64_MIN", "bool": "0"}
    highest = {
        "float64": "INFINITY",
        "float32": "INFINITY",
        "int64": "INT64_MAX",
        "bool": "1",
        "uint8": "UINT8_MAX",
    }
    if dtype.startswith("int"):
        lowest[dtype], highest[dtype] = f"{dtype.upper()}_MIN", f"{dtype.upper()}_MAX"
    if dtype.startswith("uint"):
        lowest[dtype], highest[dtype] = "0", f"{dtype.upper()}_MAX"
    if how in ("max", "min"):
        symbol = ">" if how == "max" else "<"
        test = f"{{value}} {symbol} {{acc}}" + (" || {value} != {value}" if is_float(dtype) else "")
        return (lowest if how == "max" else highest)[dtype], f"{{acc}} = {test} ? {{value}} : {{acc}};"
    texts = {
        "+": ("0", "{acc} += {value};"),
        "dot": ("0", "{acc} += {value};"),
        "symmetric": ("0", "{acc} += {value};"),
        "*": ("1", "{acc} *= {value};"),
        "and": ("1", "{acc} &= {value};"),
        "or": ("0", "{acc} |= {value};"),
        "xor": ("0", "{acc} ^= {value};"),
    }
    if how not in texts:
        raise ScalarOpUnknown(f"reduction by {how}")
    return texts[how]
