"""Random draws by NumPy's own functions, the same to the bit as by a Generator's methods.

C draws from a copy of the generator that a function is given, made by :mod:`graphs.native.run.drawing`. So a draw is C's where
nothing else uses what it is given: each generator of a chain has one user, and the first is an input. Of the others, and of
distributions that NumPy or SciPy compute in Python, Python performs the Op.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pytensor.graph.basic import Constant
from pytensor.tensor.random import basic

import graphs.native.statements as ir
from graphs.native.lower.scalars import cast
from graphs.native.lower.state import Formula, Indices, Lowering, Stream, Value, Vector
from graphs.native.program import OpUnknown

__all__ = ["draw"]


@dataclass(frozen=True)
class _Distribution:
    """How a distribution is drawn from."""

    function: str  # of NumPy's
    call: str  # in drawing.h, by which it is called
    # what each of its parameters must be, in drawing.h's words, where those are asked for,
    kinds: tuple[str, ...]
    # and what NumPy raises where one is not, by the number that C returns, from 1
    errors: tuple[tuple[str, str], ...]


def _one(function: str, call: str, kind: str, error: str) -> _Distribution:
    """Of one number."""
    return _Distribution(function, call, (kind,), (("ValueError", error),))


def _two(function: str, a: str, b: str) -> _Distribution:
    """Of two numbers, named as NumPy names them, none of them negative; what may be any number has no name."""
    errors = tuple(("ValueError", f"{name} < 0") for name in (a, b))
    return _Distribution(function, "draw_by_two", ("NOT_NEGATIVE" if a else "ANY", "NOT_NEGATIVE"), errors)


def _of_positive(function: str, a: str, b: str) -> _Distribution:
    """Of two numbers that are not 0 either."""
    errors = tuple(("ValueError", f"{name} <= 0") for name in (a, b))
    return _Distribution(function, "draw_by_two", ("POSITIVE", "POSITIVE"), errors)


_RANGE = (
    ("ValueError", ""),  # the first may be any number
    ("ValueError", "high - low < 0"),
    ("OverflowError", "high - low range exceeds valid bounds"),
)
_TRIALS = _Distribution(
    "binomial", "count_successes", (), (("ValueError", "n < 0"), ("ValueError", "p < 0, p > 1 or p is NaN"))
)

# By the Op's own class: what inherits from it may draw in another way.
DISTRIBUTIONS: dict[type, _Distribution] = {
    basic.UniformRV: _Distribution("uniform", "draw_by_two", ("ANY", "RANGE"), _RANGE),
    basic.NormalRV: _two("normal", "", "scale"),
    basic.LogNormalRV: _two("lognormal", "", "sigma"),
    basic.GammaRV: _two("gamma", "shape", "scale"),
    basic.InvGammaRV: _two("gamma", "shape", "scale"),
    basic.BetaRV: _of_positive("beta", "a", "b"),
    basic.LaplaceRV: _two("laplace", "", "scale"),
    basic.LogisticRV: _two("logistic", "", "scale"),
    basic.VonMisesRV: _two("vonmises", "", "kappa"),
    basic.WaldRV: _of_positive("wald", "mean", "scale"),
    basic.ExponentialRV: _one("exponential", "draw_by_one", "NOT_NEGATIVE", "scale < 0"),
    basic.WeibullRV: _one("weibull", "draw_by_one", "NOT_NEGATIVE", "a < 0"),
    basic.PoissonRV: _one("poisson", "count_by_one", "RATE", "lam < 0, lam is NaN or lam value too large"),
    basic.GeometricRV: _one("geometric", "count_by_one", "CHANCE_NOT_0", "p <= 0, p > 1 or p contains NaNs"),
    basic.BinomialRV: _TRIALS,
    basic.BernoulliRV: _TRIALS,
    basic.IntegersRV: _Distribution("bounded_uint64", "draw_between", (), (("ValueError", "low >= high"),)),
}


def draw(state: Lowering, node: Any, number: int) -> None:
    """Draws from one distribution, and the generator as it is after them."""
    op, out = node.op, node.outputs[1]
    stream, known = _stream(state, node), DISTRIBUTIONS.get(type(op))
    if known is None:
        raise OpUnknown(f"the Op {op}")
    if out.type.dtype not in ir.DTYPES:
        raise OpUnknown(f"{op} of {out.type.dtype}")
    values = [state.element(v) for v in node.inputs[2:]]
    dims = _shape(state, node, values, number)
    drawn = "float64" if known.call.startswith("draw_by") else "int64"
    count = ir.product(dim.length for dim in dims)
    function = state.outside(f"numpy.random._generator.random_{known.function}")
    arguments: list[ir.Argument] = [function, stream.drawn_by(number), count]
    reads: list[ir.Array] = []
    for k, (value, dtype) in enumerate(_parameters(op, values)):
        parameter = _parameter(state, value, dims, dtype, number)
        one = isinstance(parameter, tuple)
        arguments += [parameter, "0" if one else "1", *known.kinds[k : k + 1]]
        reads += [parameter] if isinstance(parameter, ir.Array) else []
    target = state.array(out.name, drawn, dims, "drawn")
    refused = ir.Named("int64", state.name("refused"))
    formula = f"{target.name} = drawn from {stream.name}: {known.function}"
    nodes = [*(n for value in values for n in value.nodes), number]
    state.call(ir.Call(known.call, [*arguments, target], reads, [target], formula, nodes, refused))
    for k, (kind, error) in enumerate(known.errors, 1):
        state.check(ir.compare(refused, "==", k), kind, error)
    state.values[node.outputs[0]] = stream
    view = state.whole(target)
    state.promise(view.dims, out.type.shape, f"in {op}")
    if drawn == out.type.dtype and not isinstance(op, basic.InvGammaRV):
        state.values[out] = view
        return

    def build(indices: Indices) -> ir.Expression:
        found = view.at(indices)
        if isinstance(op, basic.InvGammaRV):
            found = ir.Literal("float64", 1) / found
        return cast(found, out.type.dtype)

    state.keep(out, Formula(out.type.dtype, view.dims, build), number)


def _stream(state: Lowering, node: Any) -> Stream:
    """The generator that a node draws from, where nothing else does."""
    rng = node.inputs[0]
    kept = state.values.get(rng)
    if not isinstance(kept, Stream):
        raise OpUnknown(f"{node.op} from a generator that Python has made")
    if len(state.clients.get(rng, ())) != 1:
        raise OpUnknown(f"{node.op} from a generator that something else uses too")
    return kept


def _shape(state: Lowering, node: Any, values: Sequence[Value], number: int) -> list[ir.Dim]:
    """The dims of what is drawn; those of the parameters must be the same, or 1, wherever that is known now."""
    size, rank = node.inputs[1], node.outputs[1].type.ndim
    dims = [state.one] * rank
    if getattr(size, "data", size) is not None:  # given
        said = f"a negative length was given to {node.op}"
        lengths = _lengths(state, size, rank, number)
        dims = [state.given(length, f"a length of {node.op}", said) for length in lengths]
    for value in values:
        for k, dim in enumerate(value.dims, rank - len(value.dims)):
            dim = dim.find()
            if dim.is_one:
                continue
            if dims[k].is_one and getattr(size, "data", size) is None:
                dims[k] = dim
            both = dims[k].find().constant, dim.constant
            if dims[k].find() is not dim and (None in both or both[0] != both[1]):
                raise OpUnknown(f"{node.op} of lengths of which one may be 1")
    return dims


def _lengths(state: Lowering, size: Any, rank: int, number: int) -> list[ir.Expression]:
    """The lengths that a size gives."""
    if isinstance(size, Constant):
        return [ir.Literal("int64", int(n)) for n in np.asarray(size.data).ravel()]
    value = state.value(size)
    if isinstance(value, Vector):
        return [cast(item.at([]), "int64") for item in value.items]
    held = state.refresh(size)
    read = [held.array_at([ir.Literal("int64", k)]) for k in range(rank)]
    return [state.let("int64", cast(length, "int64"), number) for length in read]


def _parameters(op: Any, values: list[Value]) -> list[tuple[Value, str]]:
    """What NumPy's function takes, and of which dtype: what is given, but for some."""
    if isinstance(op, basic.UniformRV):
        low, high = values
        dims = [b if a.is_one else a for a, b in zip(low.dims, high.dims, strict=True)]

        def width(indices: Indices) -> ir.Expression:
            return cast(high.at(indices), "float64") - cast(low.at(indices), "float64")

        values = [low, Formula("float64", dims, width, nodes=[*low.nodes, *high.nodes])]
    elif isinstance(op, basic.InvGammaRV):
        shape, scale = values
        one = ir.Literal("float64", 1)
        inverse = Formula(
            "float64", scale.dims, lambda i: one / cast(scale.at(i), "float64"), nodes=scale.nodes
        )
        values = [shape, inverse]
    elif isinstance(op, basic.BernoulliRV):
        values = [Formula("int64", [], lambda i: ir.ONE), *values]
    elif isinstance(op, basic.BinomialRV | basic.IntegersRV):
        for value in values[: 1 if isinstance(op, basic.BinomialRV) else 2]:
            if not value.dtype.startswith(("int", "uint8", "uint16", "uint32")):
                raise OpUnknown(f"{op} of {value.dtype}")
    whole = {basic.BinomialRV: 1, basic.BernoulliRV: 1, basic.IntegersRV: 2}.get(type(op), 0)
    return [(value, "int64" if k < whole else "float64") for k, value in enumerate(values)]


def _parameter(
    state: Lowering, value: Value, dims: Sequence[ir.Dim], dtype: str, number: int
) -> ir.Array | tuple[ir.Expression]:
    """A parameter as memory: as many numbers as are drawn, or one for all."""
    if all(dim.is_one for dim in value.dims):
        one = cast(value.at([None] * len(value.dims)), dtype)
        return (state.let(dtype, one, number) if any(one.reads()) else one,)
    lacking = len(dims) - len(value.dims)

    def build(indices: Indices) -> ir.Expression:
        return cast(value.at(indices[lacking:]), dtype)

    return state.hold(Formula(dtype, list(dims), build, nodes=[*value.nodes, number])).array
