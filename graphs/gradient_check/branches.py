"""On which side of its kinks each Op is: what must not change between two points, or else their difference is no slope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Apply

from graphs.gradient_check.evaluation import Twin, is_float

__all__ = ["Watch", "watches"]

Side = Callable[..., NDArray[Any]]


class Watch(NamedTuple):
    """A node with kinks, what it reads, and what says of those values between which of them it is."""

    node: Apply
    reads: tuple[Any, ...]
    side: Side

    def at(self, values: Sequence[Any]) -> NDArray[Any]:
        """The side on which the node is, for the values of what it reads."""
        return np.asarray(self.side(*values))


def _order(*operands: Any) -> NDArray[Any]:
    """Which of the operands is below which."""
    first, *rest = operands
    apart = np.broadcast_arrays(*(np.asarray(first - other) for other in rest))
    return np.asarray(np.sign(np.stack(apart)))


def _within(x: Any, low: Any, high: Any) -> NDArray[Any]:
    return np.stack(np.broadcast_arrays(np.sign(x - low), np.sign(x - high)))


# By the names of PyTensor's scalar Ops. Comparisons stand here too: what is switched, or added up, may hang on them.
_ELEMENTWISE: dict[str, Side] = {
    "Abs": np.sign,
    "Sign": np.sign,
    "Maximum": _order,
    "Minimum": _order,
    "ScalarMaximum": _order,
    "ScalarMinimum": _order,
    "Switch": lambda condition, *_: np.asarray(condition) != 0,
    "Clip": _within,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Trunc": np.trunc,
    "RoundHalfToEven": np.round,
    "RoundHalfAwayFromZero": lambda x: np.trunc(x + np.copysign(0.5, x)),
    "IntDiv": np.floor_divide,
    "Mod": np.floor_divide,
    **dict.fromkeys(("LT", "GT", "LE", "GE", "EQ", "NEQ"), _order),
}


def watches(twin: Twin) -> list[Watch]:
    """The nodes of a graph that have kinks and read floats, in an order in which they can be computed."""
    found = []
    for node in twin.nodes:
        side = _side(node)
        if side is not None and any(is_float(v) for v in node.inputs):
            found.append(Watch(node, tuple(node.inputs), side))
        elif side is not None and _is_switch(node):  # its condition is a truth value, made of floats perhaps
            found.append(Watch(node, (node.inputs[0],), lambda condition: np.asarray(condition) != 0))
    return found


def _is_switch(node: Apply) -> bool:
    return type(getattr(node.op, "scalar_op", node.op)).__name__ in ("Switch", "IfElse")


def _side(node: Apply) -> Side | None:
    op = node.op
    scalar = getattr(op, "scalar_op", None)
    name = type(scalar if scalar is not None else op).__name__
    if hasattr(op, "axis") and name in ("Max", "Maximum", "ScalarMaximum"):
        return _largest(op.axis, 1)
    if hasattr(op, "axis") and name in ("Minimum", "ScalarMinimum"):
        return _largest(op.axis, -1)
    if scalar is not None and name == "Cast":
        narrowed = is_float(node.inputs[0]) and not is_float(node.outputs[0])
        return (lambda x: np.trunc(x)) if narrowed else None
    if scalar is not None:
        return _ELEMENTWISE.get(name)
    if name == "Argmax":
        return _largest(op.axis, 1)
    if name in ("SortOp", "ArgSortOp"):
        return lambda x, *axis: np.argsort(x, axis=None, kind="stable")
    if name == "IfElse":
        return lambda condition, *_: np.asarray(condition) != 0
    return None


def _largest(axis: Any, sign: int) -> Side:
    """Where the largest entries stand; where several are equal, all of them."""
    axes = None if axis is None else tuple(np.atleast_1d(axis))

    def side(x: Any) -> NDArray[Any]:
        x = sign * np.asarray(x)
        return np.asarray(x == x.max(axis=axes, keepdims=True)) if x.size else x

    return side
