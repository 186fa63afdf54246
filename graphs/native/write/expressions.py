"""Expressions as C text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import graphs.native.statements as ir

__all__ = ["C_TYPES", "Text", "combine_text", "first_text", "literal_text", "reduction_text", "render"]

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
# How tightly operators bind; those of one operand 8, calls 10, names and numbers 11.
BINARY = {"||": 1, "|": 2, "^": 2.5, "&": 3, "==": 4, "!=": 4, "<": 5, ">": 5, "<=": 5, ">=": 5}
BINARY |= {"+": 6, "-": 6, "*": 7, "/": 7, "%": 7}
UNARY, CALL, ATOM = 8, 10, 11
TEMPLATES = {
    "negative": ("-{0}", UNARY),
    "!": ("!{0}", UNARY),
    "~": ("~{0}", UNARY),
    "not": ("!({0})", UNARY),
    "?": ("{0} ? {1} : {2}", 1),
    "square": ("{0} * {0}", 7),
    "absolute": ("{0} < 0 ? -{0} : {0}", 1),
    "sign": ("({0} > 0) - ({0} < 0)", 6),
    "clip": ("{0} < {1} ? {1} : {0} > {2} ? {2} : {0}", 1),
    "maximum": ("{0} > {1} ? {0} : {1}", 1),
    "minimum": ("{0} < {1} ? {0} : {1}", 1),
}
WITH_NAN = {
    "sign": ("{0} > 0 ? 1 : {0} < 0 ? -1 : {0} + 0", 1),
    "maximum": ("{0} > {1} || {0} != {0} ? {0} : {1}", 1),
    "minimum": ("{0} < {1} || {0} != {0} ? {0} : {1}", 1),
}
# In mathematics.h, with "_" behind the name, beside C's own of that name.
OWN = """
exp expm1 log log1p pow sin cos tan atan sinh cosh tanh erf erfc lgamma tgamma
"""


class Text(NamedTuple):
    """C text, and how tightly it holds together."""

    text: str
    level: float = ATOM

    def within(self, level: float) -> str:
        """The text where nothing looser than `level` may stand."""
        return f"({self.text})" if self.level < level else self.text


def _template(operator: str, dtype: str) -> tuple[str, float]:
    return (WITH_NAN if dtype.startswith("float") and operator in WITH_NAN else TEMPLATES)[operator]


def literal_text(value: float | bool, dtype: str) -> str:
    """A C constant that reads back as exactly `value`."""
    if dtype.startswith("float"):
        value = float(value)
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        if dtype == "float64":
            return repr(value)
        exact = repr(float(np.float32(value)))
        return (exact if "e" in exact else str(np.float32(value))) + "f"
    value = int(value)
    if value == -(2**63):
        return "INT64_MIN"
    suffix = "ULL" if value >= 2**63 else "LL" if not -(2**31) < value < 2**31 else ""
    return f"{value}{suffix}"


def _no_loop(_: object) -> Text:
    raise AssertionError("an expression of the first lines stands in no loop")


def render(
    expression: ir.Expression,
    length: Callable[[ir.Dim], str],
    called: set[str],
    read: Callable[[ir.Read], Text] = _no_loop,
    index: Callable[[ir.Index], Text] = _no_loop,
    stride: Callable[[ir.Stride], Text] = _no_loop,
) -> Text:
    """C text of an expression; the C functions that it calls are added to `called`.

    `length`, `read`, `index` and `stride` give what is written for the length of a dim, an element of an array, a
    loop's variable, and how far apart neighbours along an axis are.
    """
    if isinstance(expression, ir.Literal):
        text = literal_text(expression.value, expression.dtype)
        return Text(text, UNARY if text[0] == "-" else ATOM)
    if isinstance(expression, ir.Named):
        return Text(expression.name)
    if isinstance(expression, ir.Length):
        return Text(length(expression.dim))
    if isinstance(expression, ir.Measured):
        return Text(f"{expression.array.name}_shape[{expression.axis}]")
    if isinstance(expression, ir.Position):
        return index(expression.index)
    if isinstance(expression, ir.Read):
        return read(expression)
    if isinstance(expression, ir.Stride):
        return stride(expression)
    assert isinstance(expression, ir.Apply)
    operator, dtype = expression.operator, expression.dtype
    parts = [render(part, length, called, read, index, stride) for part in expression.operands]
    if operator in BINARY:
        level, (left, right) = BINARY[operator], parts
        # the left operand may bind as loosely, but for comparisons
        first = left.within(level + (level in (1, 4, 5)))
        return Text(f"{first} {operator} {right.within(level + 1)}", level)
    if operator == "cast":
        at_hand = "[" not in parts[0].text
        if at_hand and expression.operands[0].dtype == "bool" and dtype.startswith("float"):
            # Of a comparison gcc makes no number in vectors otherwise; of bytes in memory it does, and that is faster.
            one, zero = literal_text(1.0, dtype), literal_text(0.0, dtype)
            return Text(f"{parts[0].within(2)} ? {one} : {zero}", 1)
        return Text(f"({C_TYPES[dtype]}){parts[0].within(UNARY + 1)}", UNARY)
    if operator in TEMPLATES:
        template, level = _template(operator, dtype)
        tight = UNARY + 1 if operator == "absolute" else level + 1
        return Text(template.format(*(part.within(tight) for part in parts)), level)
    name = f"{operator}_" if operator in OWN.split() else operator + ("f" if dtype == "float32" else "")
    called.add(name)
    return Text(f"{name}({', '.join(part.text for part in parts)})", CALL)


def first_text(reduction: ir.Reduction, dtype: str) -> str:
    """What a reduction starts with."""
    if math.isfinite(reduction.first):
        return str(int(reduction.first))
    largest = reduction.first > 0
    if dtype.startswith("float"):
        return literal_text(reduction.first, dtype)
    if dtype == "bool" or (dtype.startswith("u") and not largest):
        return str(int(largest))
    return f"{dtype.upper()}_{'MAX' if largest else 'MIN'}"


def combine_text(reduction: ir.Reduction, dtype: str, total: str, value: str) -> str:
    """A C statement that combines one value more with `total`."""
    if reduction.operator in BINARY:
        return f"{total} {reduction.operator}= {value};"
    return f"{total} = {_template(reduction.operator, dtype)[0].format(value, total)};"


def reduction_text(reduction: ir.Reduction, dtype: str) -> str:
    """What OpenMP calls a reduction; it knows none in which NaN wins, so step.h declares two."""
    if reduction.operator in BINARY:
        return reduction.operator
    if dtype.startswith("float"):
        return reduction.word
    return reduction.operator[:3]
