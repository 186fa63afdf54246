"""Truth values that a block of rows keeps beside wider numbers: kept as such numbers.

A loop's vectors hold as many elements as its narrowest memory takes: where one of its results is a byte, 32 or 64 turns at
a time, and a shorter loop has no vectors at all. A block is small enough to spend eight bytes on each.
"""

from __future__ import annotations

import numpy as np

from graphs.native.schedule.storage import Home, Storage
from graphs.native.statements import Apply, Array, Expression, Literal, Read

__all__ = ["widen_truth"]


def widen_truth(storage: Storage) -> bool:
    """Make numbers of such truth values, in every statement; whether there were any: then places are to be found anew."""
    wide = {array: width for array, home in storage.homes.items() if (width := _wider(home))}
    if not wide:
        return False
    for statement in storage.statements:
        statement.expression = _reading(statement.expression, wide)
        if statement.target in wide:
            statement.expression = Apply(wide[statement.target], "cast", (statement.expression,))
    for array, width in wide.items():
        array.dtype = width
    return True


def _wider(home: Home) -> str:
    """The type of the numbers that an array's truth values are made of, where a block keeps both; else none."""
    plain = all(s.reduction is None and not s.adds for s in home.writers)
    if home.array.dtype != "bool" or home.blocked is None or not home.memory or not plain:
        return ""
    beside = {np.dtype(read.array.dtype).itemsize for s in home.writers for read in s.expression.reads()}
    return {8: "float64", 4: "float32"}.get(max(beside, default=0), "")


def _reading(expression: Expression, wide: dict[Array, str]) -> Expression:
    """An expression that reads numbers where it has read truth values."""
    if isinstance(expression, Read) and (width := wide.get(expression.array)):
        return Apply("bool", "!=", (Read(width, expression.array, expression.places), Literal(width, 0.0)))
    if not isinstance(expression, Apply):
        return expression
    first, *_ = operands = tuple(_reading(operand, wide) for operand in expression.operands)
    if expression.operator == "cast" and first is not expression.operands[0] and isinstance(first, Apply):
        number = first.operands[0]
        if isinstance(expression.operands[0], Read) and number.dtype == expression.dtype:
            return number  # it is what was asked for
    return Apply(expression.dtype, expression.operator, operands)
