"""What an expression may be in the weights, and what adding and multiplying makes of it.

With inputs X (samples, features) that do not change and weights s_1, s_2, … over the features
(a model's w, its velocity, …), each Variable of a graph is one of

* known: computed from other things than the weights, or from them through X·s and inner products
  only; after translation it is a Variable in which X and the weights no longer occur;
* a linear form Σ_j c_j·s_j + Xᵀ·q, with known scalars c_j and known q over the samples;
* a product of two such forms, element by element, on its way into a sum;
* anything else, and then there is no translation: :class:`NotLinear` says which Op was met.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.graph.basic import Constant

__all__ = ["ELEMWISE", "LinearForm", "NotLinear", "Product", "SampleSpace", "scaled", "total"]

Axes = tuple[Any, ...]
"""For every dimension of a Variable the dimension of the weights that it is, or "x" for length 1."""


class NotLinear(Exception):
    """A Variable depends on weights, or on X, in another way; the message names the Op."""


@dataclass(frozen=True)
class LinearForm:
    """Σ_j c_j·s_j + Xᵀ·q."""

    terms: Mapping[Any, Any]  # weights s_j → their factor c_j, a known scalar Variable
    q: Any  # None, or known, over the samples (and, for weights of two dimensions, over the second one)
    axes: Axes  # how its dimensions lie; (0,) for a vector over the features


@dataclass(frozen=True)
class Product:
    """A sum of products of two forms, element by element."""

    pairs: tuple[tuple[LinearForm, LinearForm], ...]
    axes: Axes


@dataclass(frozen=True)
class SampleSpace:
    """What a form becomes once nothing but numbers over the samples is at hand."""

    gram: Any  # K = X·Xᵀ, a matrix (samples, samples)
    images: Mapping[Any, Any]  # weights s → u = X·s
    inner: Callable[[Any, Any], Any]  # inner(s, t) → the known scalar Σ s·t

    def image(self, form: LinearForm) -> Any:
        """X·form = Σ_j c_j·u_j + K·q."""
        parts = [scaled(factor, self.images[s]) for s, factor in form.terms.items()]
        if form.q is not None:
            parts.append(pt.dot(self.gram, form.q))
        return total(parts)

    def product(self, left: LinearForm, right: LinearForm) -> Any:
        """Σ left·right over all elements, from ⟨s, Xᵀp⟩ = ⟨X·s, p⟩ and ⟨Xᵀq, Xᵀp⟩ = ⟨q, K·p⟩."""
        both = itertools.product(left.terms.items(), right.terms.items())
        parts = [scaled(c * d, self.inner(s, t)) for (s, c), (t, d) in both]
        for form, other in ((left, right), (right, left)):
            if other.q is not None:
                parts += [scaled(c, (self.images[s] * other.q).sum()) for s, c in form.terms.items()]
        if left.q is not None and right.q is not None:
            parts.append((left.q * pt.dot(self.gram, right.q)).sum())
        return total(parts)


def scaled(factor: Any, value: Any) -> Any:
    """``factor · value`` without a multiplication by a constant one."""
    return value if isinstance(factor, Constant) and np.all(factor.data == 1) else factor * value


def total(parts: Sequence[Any]) -> Any:
    """Sum of at least one Variable."""
    return sum(parts[1:], parts[0])


def _add(values: Sequence[Any]) -> Any:
    if len({(type(v), getattr(v, "axes", None)) for v in values}) > 1:
        raise NotLinear("something that is neither weights nor xᵀ·r is added to the weights")
    if isinstance(values[0], Product):
        return Product(tuple(pair for v in values for pair in v.pairs), values[0].axes)
    terms: dict[Any, Any] = {}
    for value in values:
        for s, factor in value.terms.items():
            terms[s] = terms[s] + factor if s in terms else factor
    qs = [v.q for v in values if v.q is not None]
    return LinearForm(terms, total(qs) if qs else None, values[0].axes)


def _mul(values: Sequence[Any]) -> Any:
    result: Any = None
    factor: Any = None
    for value in values:
        if isinstance(value, LinearForm) and isinstance(result, LinearForm):
            if value.axes != result.axes:
                raise NotLinear("weights are multiplied by weights in another layout")
            result = Product(((result, value),), value.axes)
        elif isinstance(value, LinearForm | Product):
            if result is not None:
                raise NotLinear("three weights are multiplied")
            result = value
        else:
            factor = _scalar(value) if factor is None else factor * _scalar(value)
    return result if factor is None else _times(factor, result)


def _times(factor: Any, value: Any) -> Any:
    if isinstance(value, Product):
        return replace(value, pairs=tuple((_times(factor, left), right) for left, right in value.pairs))
    terms = {s: scaled(c, factor) for s, c in value.terms.items()}
    return replace(value, terms=terms, q=None if value.q is None else factor * value.q)


def _scalar(value: Any) -> Any:
    if not all(value.type.broadcastable):
        raise NotLinear(f"the weights are multiplied by {value}, which is no scalar")
    return value.dimshuffle() if value.ndim else value


def _divide(values: Sequence[Any]) -> Any:
    above, below = values
    if isinstance(below, LinearForm | Product):
        raise NotLinear("something is divided by the weights")
    divisor = _scalar(below)
    return _times(np.ones((), divisor.dtype) / divisor, above)


def _power(values: Sequence[Any]) -> Any:
    base, exponent = values
    if isinstance(exponent, Constant) and np.all(exponent.data == 2):
        return _mul([base, base])
    raise NotLinear("a power of the weights other than their square is taken")


def _minus(value: Any) -> Any:
    """−value, for a form as for a product."""
    form = value.pairs[0][0] if isinstance(value, Product) else value
    some = next(iter(form.terms.values()), form.q)
    return _times(pt.constant(np.asarray(-1, dtype=some.dtype)), value)


def _subtract(values: Sequence[Any]) -> Any:
    if not all(isinstance(v, LinearForm | Product) for v in values):
        return _add(values)
    return _add([values[0], _minus(values[1])])


ELEMWISE: dict[type, Callable[[Sequence[Any]], Any]] = {
    ps.Add: _add,
    ps.Sub: _subtract,
    ps.Neg: lambda values: _minus(values[0]),
    ps.Mul: _mul,
    ps.TrueDiv: _divide,
    ps.Sqr: lambda values: _mul([values[0], values[0]]),
    ps.Pow: _power,
    ps.Identity: lambda values: values[0],
}
"""The rule of each scalar Op that leaves forms and products what they are: values of its inputs → its value."""
