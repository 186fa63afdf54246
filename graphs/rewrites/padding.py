"""Padded samples: the same numbers from inputs with rows that are none.

A mesh of devices takes rows by equal parts, so some must be made up where they do not divide. This rewrite makes the
graph of n samples one of m ≥ n rows, of which `real` marks the n true ones, for any graph of the Ops in `RULES` and
not for one cost only.

Derivation
----------
Write v for a variable on the n samples and v⁺ for it on the m rows. A variable is *by sample* along an axis k, or it
has no such axis. Claim, for every variable of the rewritten graph:

    v⁺ at the true rows of axis k  =  v        where it is by sample                        (1)
    v⁺  =  v                                   where it is not                              (2)

It holds of the inputs: `x` and `y` are v with rows of zeros put behind, all others are as they are. It goes from the
inputs of an Apply node to its outputs by a rule for its Op:

* elementwise, transposed, indexed elsewhere, or reduced along another axis: no entry of a true row depends on another
  row, so (1) follows from (1);
* reduced along k: rows that are none are first set to the reduction's identity e (0 of a sum, 1 of a product, −∞ of a
  maximum), and a∘e = a, so the reduction is that of the true rows: (2);
* a product that contracts k of both factors, such as Xᵀ·r: a sum over rows of products, in which both factors are set
  to 0 at rows that are none, whatever stood there, NaN too: (2). An input that was padded with zeros is so already, and
  is not copied;
* the length of k: as a *number*, in a mean, it is n, which is `samples`: (2), as of every Op into which nothing goes that is
  by sample. As a *length*, of an array that is filled with one value, it is m, and that array is by sample: (1).

An Op without a rule is refused where something by sample goes in. Sums of the same terms in another order are all that
differs; the tests compare graphs drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.ops import DeepCopyOp
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import AND, OR, Add, Maximum, Minimum, Mul
from pytensor.tensor.basic import Alloc, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.math import Argmax, Dot
from pytensor.tensor.shape import Shape_i
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import Subtensor

__all__ = ["NotPadded", "Padded", "padded"]


class NotPadded(Exception):
    """The graph stays as it is; the message says which node there is no rule for."""


@dataclass(frozen=True)
class Padded:
    """The rewritten graph: the inputs of the first, then `real` and `samples`."""

    fgraph: FunctionGraph
    axes: tuple[int | None, ...]  # of each output, the axis along which it is by sample


@dataclass(frozen=True)
class _Value:
    """What stands for a variable."""

    variable: Any
    axis: int | None = None  # along which it is by sample
    zero: bool = False  # at rows that are none
    number: Any = None  # of a length m: what it is as a number, n

    @property
    def counted(self) -> Any:
        return self.variable if self.number is None else self.number


def padded(fgraph: FunctionGraph, by_sample: Sequence[Any]) -> Padded:
    """Rewrite `fgraph`, which stays as it is, for inputs `by_sample` that have rows of zeros behind the true ones.

    Parameters
    ----------
    fgraph : FunctionGraph
    by_sample : sequence of Variables
        Inputs of it whose first axis is that of the samples.

    Returns
    -------
    Padded
        Two more inputs than `fgraph`: ``real``, bool of shape (rows,), which rows are samples, and ``samples``, int64,
        how many are.

    Raises
    ------
    NotPadded
        If something by sample goes into an Op that has no rule, or in a way for which there is none.
    """
    real, samples = pt.vector("real", dtype="bool"), pt.scalar("samples", dtype="int64")
    inputs = [variable.clone() for variable in fgraph.inputs]
    rows = _Rows(real, samples)
    known = {old: _Value(new) for old, new in zip(fgraph.inputs, inputs, strict=True)}
    for variable in by_sample:
        known[variable] = replace(known[variable], axis=0, zero=True)
    for node in fgraph.toposort():
        given = [
            _Value(v) if isinstance(v, Constant) else known[v]  # a Constant belongs to no graph
            for v in node.inputs
        ]
        known.update(zip(node.outputs, rows.through(node, given), strict=True))
    found = [_Value(v) if isinstance(v, Constant) else known[v] for v in fgraph.outputs]
    outputs = [value.counted for value in found]
    whole = FunctionGraph([*inputs, real, samples], outputs, clone=False)
    return Padded(whole, tuple(value.axis for value in found))


class _Rows:
    """The rows, and the values of a graph on them."""

    def __init__(self, real: Any, samples: Any) -> None:
        self.real, self.samples = real, samples

    def through(self, node: Apply, given: list[_Value]) -> list[_Value]:
        """What the node's outputs become."""
        rule = next((rule for kinds, rule in RULES if isinstance(node.op, kinds)), None)
        if all(value.axis is None for value in given) and rule not in (_made, _same):
            return [_Value(output) for output in _outputs(node, [value.counted for value in given])]
        if rule is None:
            raise NotPadded(f"{node.op} takes something that has an entry for each sample")
        return rule(self, node, given)

    def filled(self, value: _Value, identity: Any) -> Any:
        """The value with `identity` at rows that are none."""
        if value.zero and identity == 0:
            return value.variable
        order = ["x"] * value.variable.type.ndim
        order[value.axis or 0] = 0  # type: ignore[call-overload]  # "x" is a new axis of length 1
        fill = np.asarray(identity, dtype=value.variable.type.dtype)
        return pt.switch(self.real.dimshuffle(*order), value.variable, fill)


def _outputs(node: Apply, inputs: Sequence[Any]) -> list[Any]:
    made = node.clone_with_new_inputs(list(inputs), strict=False).outputs
    for old, new in zip(node.outputs, made, strict=True):
        new.name = old.name
    return list(made)


def _refused(node: Apply, why: str) -> NotPadded:
    return NotPadded(f"{node.op} {why}")


def _elementwise(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    axis, *others = {value.axis for value in given} - {None}
    if others:
        raise _refused(node, "puts samples beside samples of another axis")
    for value in given:
        if value.axis is None and not value.variable.type.broadcastable[axis]:
            raise _refused(node, "takes an array with an entry for each sample that is no input")
    return [_Value(output, axis) for output in _outputs(node, [value.counted for value in given])]


# What changes nothing in a reduction, by its scalar Op; a bitwise one only of truth values.
_IDENTITIES: dict[Any, Any] = {
    Add: 0,
    Mul: 1,
    Maximum: -np.inf,
    Minimum: np.inf,
    AND: True,
    OR: False,
}


def _reduction(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    (value,) = given
    axes = range(value.variable.type.ndim) if node.op.axis is None else node.op.axis
    if value.axis not in axes:
        axis = _moved(value, axes)
        return [_Value(output, axis) for output in _outputs(node, [value.variable])]
    identity = _IDENTITIES.get(type(node.op.scalar_op))
    if identity is None or not _holds(value.variable.type.dtype, identity):
        raise _refused(node, "reduces the samples so that no row is neutral")
    return [_Value(output) for output in _outputs(node, [rows.filled(value, identity)])]


def _moved(value: _Value, reduced: Collection[int]) -> int:
    """The axis of the samples when the `reduced` ones are gone."""
    assert value.axis is not None
    return value.axis - sum(axis < value.axis for axis in reduced)


def _holds(dtype: str, identity: Any) -> bool:
    """Whether the identity is one of numbers of this type."""
    if isinstance(identity, bool):
        return dtype == "bool"
    return bool(np.isfinite(identity)) or dtype.startswith("float")


def _along_others(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    """Softmax and its kind, along other axes than that of the samples."""
    (value,) = given
    axes = node.op.axis
    over = range(value.variable.type.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    if value.axis in over:
        raise _refused(node, "goes along the samples")
    axis = _moved(value, over) if isinstance(node.op, Argmax) else value.axis
    return [_Value(output, axis) for output in _outputs(node, [value.variable])]


def _transposed(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    (value,) = given
    if value.axis not in node.op.new_order:
        raise _refused(node, "takes the axis of the samples away")
    axis = node.op.new_order.index(value.axis)
    return [_Value(output, axis, value.zero) for output in _outputs(node, [value.variable])]


def _product(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    left, right = given
    last, first = left.variable.type.ndim - 1, max(right.variable.type.ndim - 2, 0)
    contracted = (left.axis == last, right.axis == first)
    if all(contracted):
        return [_Value(output) for output in _outputs(node, [rows.filled(left, 0), rows.filled(right, 0)])]
    if any(contracted):
        raise _refused(node, "multiplies samples by something with an entry for each that is no input")
    if left.axis is not None and right.axis is not None:
        raise _refused(node, "multiplies every sample by every other")
    axis = left.axis if left.axis is not None else last
    return [_Value(output, axis) for output in _outputs(node, [left.variable, right.variable])]


def _length(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    (value,) = given
    (length,) = _outputs(node, [value.variable])
    return [_Value(length, number=rows.samples if node.op.i == value.axis else None)]


def _same(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    """A copy, another type, or a check beside it: of a length, both of what it is."""
    (made,) = _outputs(node, [given[0].variable, *(value.counted for value in given[1:])])
    number = None
    if given[0].number is not None:
        (number,) = _outputs(node, [value.counted for value in given])
    return [_Value(made, given[0].axis, given[0].zero, number)]


def _made(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    value, *lengths = given
    if all(each.axis is None and each.number is None for each in given):
        return [_Value(output) for output in _outputs(node, [each.variable for each in given])]
    axes = [axis for axis, length in enumerate(lengths) if length.number is not None]
    if value.axis is not None:
        axes.append(value.axis + len(lengths) - value.variable.type.ndim)
    if len(set(axes)) != 1:
        raise _refused(node, "makes an array with samples along more than one axis")
    inputs = [value.counted, *(length.variable for length in lengths)]
    return [_Value(output, axes[0]) for output in _outputs(node, inputs)]


def _indexed(rows: _Rows, node: Apply, given: list[_Value]) -> list[_Value]:
    value, *places = given
    if value.axis is None or any(place.axis is not None for place in places):
        raise _refused(node, "takes places that depend on the samples")
    taken = [*node.op.idx_list, *[slice(None)] * value.variable.type.ndim][: value.variable.type.ndim]
    if taken[value.axis] != slice(None, None, None):
        raise _refused(node, "takes some of the samples")
    axis = sum(isinstance(each, slice) for each in taken[: value.axis])
    inputs = [value.variable, *(place.counted for place in places)]
    return [_Value(output, axis) for output in _outputs(node, inputs)]


#: What each Op does to what is by sample, in the words of the derivation.
RULES: tuple[tuple[Any, Callable[[_Rows, Apply, list[_Value]], list[_Value]]], ...] = (
    (Elemwise, _elementwise),
    (CAReduce, _reduction),
    ((Softmax, LogSoftmax, Argmax), _along_others),
    (DimShuffle, _transposed),
    (Dot, _product),
    (Shape_i, _length),
    ((CheckAndRaise, DeepCopyOp, ScalarFromTensor, TensorFromScalar), _same),
    (Alloc, _made),
    (Subtensor, _indexed),
)
