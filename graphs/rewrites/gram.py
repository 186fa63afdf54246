"""Gram state: train a linear model in the space of its samples.

Derivation
----------
Let X (N samples, F features) be the same at every step and let an update depend on the weights w
only through X·w, so that every step of it reads

    w' = α·w − η·Xᵀ·r(X·w, …)                                                              (1)

with scalars α and η. This is a gradient step for any cost of X·w with a penalty λ·Σw², where α = 1 − 2ηλ.
Then w never leaves the set c·w₀ + Xᵀ·a: from w = c·w₀ + Xᵀ·a follows w' = (α·c)·w₀ + Xᵀ·(α·a − η·r).
With u = X·w and K = X·Xᵀ, the product of (1) with X is

    u' = α·u − η·K·r(u, …)        a' = α·a − η·r(u, …)        c' = α·c                      (2)

in which X and w no longer occur: a step reads the N × N numbers of K instead of the N × F ones of
X, twice. The weights are wanted only when somebody looks:

    w = c·w₀ + Xᵀ·a        Σw² = c²·Σw₀² + c·(u₀·a) + a·u                                   (3)

where u₀ = X·w₀ and the last term is a·u = c·(a·u₀) + aᵀ·K·a. Several weights (w and the velocity
of momentum) take a matrix of coefficients c_ij: s_i = Σ_j c_ij·s_j(0) + Xᵀ·a_i. This is the
kernel trick (Aizerman, Braverman and Rozonoer, 1964; the representer theorem of Kimeldorf and Wahba,
1971) read off a graph: see :mod:`graphs.rewrites.translation` for how.

What it costs in rounding
-------------------------
u is carried along, not computed from w, so the error of a step stays in it: e' = α·e + δ with
|δ| of some ε·|u|, at most δ/(1 − α) where α < 1, and at most δ per step where α = 1. What the gradient
does to a deviation of w it does to one of u too, so errors shrink where training converges.
:meth:`GramState.rebase` sets the error back to nothing: it recovers w and computes u = X·w anew.
The original's experiment (10,000 steps, 400 × 784, no rebase in between) ends within 1e-12 of the exact
figures, as the plain updates do; the tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import ArrayLike, NDArray
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.utils import rewrite_graph
from pytensor.graph.traversal import ancestors

from graphs.errors import InputError
from graphs.memory import aligned_copy
from graphs.rewrites.linear_forms import LinearForm, NotLinear, SampleSpace, scaled, total
from graphs.rewrites.translation import over_features, translate
from graphs.updates import UpdatePair

__all__ = ["GramState", "NotApplicable", "gram_state", "pays"]

Array = NDArray[Any]


class NotApplicable(Exception):
    """The update pairs stay as they are; the message says why."""


def pays(samples: int, features: int) -> bool:
    """Whether K is small enough against X for a step to gain.

    A step of (2) reads the N² numbers of K; a step of (1) reads the N·F of X twice, or once where
    a compiler fuses the residual with both products. So with N ≤ F a step never reads more than before,
    however well the plain one is compiled. Time of a step of (2) over that of (1), float64, medians of 25
    interleaved samples on two busy cores of an AMD EPYC, PyTensor 3.3.7:

    ================  =====  =====  ======  ======  =====  =====
    N                   400    784   1,176   1,568  1,000  2,000
    F                   784    784     784     784  2,000  2,000
    ================  =====  =====  ======  ======  =====  =====
    one fused sweep    0.66   0.76    0.86    1.87   0.29   0.73
    mode CVM           0.44   0.56    0.66    1.12   0.20   0.50
    ================  =====  =====  ======  ======  =====  =====

    It turns between 1.5·F and 2·F. The rule stays at N = F: above it K takes more memory than X, and
    making it, N²·F multiplications, takes longer to earn back.
    """
    return samples <= features


class GramState:
    """The same training with other state; made by :func:`gram_state`."""

    def __init__(self, data: Array, weights: Sequence[Any]) -> None:
        #: The inputs, shape (samples, features), read-only.
        self.x = data
        #: Shared Variables that u, a and c stand for. Their own values stay what they were; see :meth:`recover`.
        self.weights = tuple(weights)
        #: Pairs over u, a and c, and over every shared Variable that is no weight (a bias, say), itself.
        self.updates: list[UpdatePair] = []
        #: The outputs asked for; x and the weights do not occur in them.
        self.outputs: list[Any] = []
        #: K = X·Xᵀ, a shared matrix (samples, samples).
        products = aligned_copy(data @ data.T)
        self.gram = pytensor.shared(products, name="K", borrow=True, shape=products.shape)
        # A Variable's tag is where PyTensor keeps what its maker knows about it beyond its Type: it is copied
        # along with the Variable, no rewrite reads it, and a linker that does not look only misses a gain.
        self.gram.tag.symmetric = True
        self._initial: dict[Any, Array] = {}
        self._u = {s: self._shared(f"u_{s.name}", s) for s in weights}
        self._a = {s: self._shared(f"a_{s.name}", s) for s in weights}
        self._u0 = {s: self._shared(f"u0_{s.name}", s) for s in weights}
        alike = [(s, t) for s in weights for t in weights if _shape(s) == _shape(t)]
        self._c = {(s, t): self._shared(f"c_{s.name}_{t.name}") for s, t in alike}
        self._products = {(s, t): self._shared(f"{s.name}0_{t.name}0") for s, t in alike}
        self.load({s: s.get_value(borrow=True) for s in weights})

    def _shared(self, name: str, over_samples: Any = None) -> Any:
        shape = () if over_samples is None else (len(self.x), *_shape(over_samples)[1:])
        return pytensor.shared(np.zeros(shape, self.x.dtype), name=name, shape=shape)

    def recover(self) -> dict[Any, Array]:
        """The weights as they are now, s = Σ_j c_j·s_j(0) + Xᵀ·a: one product with X for each.

        Returns
        -------
        dict
            Shared Variable → array of its shape and dtype.
        """
        found = {s: self.x.T @ a.get_value(borrow=True) for s, a in self._a.items()}
        for (s, t), c in self._c.items():
            found[s] += c.get_value(borrow=True) * self._initial[t]
        return found

    def load(self, values: Mapping[Any, ArrayLike]) -> None:
        """Go on from these weights: u = X·s, a = 0, c = 1.

        Parameters
        ----------
        values : mapping
            Shared Variable → value, for all of `weights`.

        Raises
        ------
        InputError
            If one is missing or of another shape; then nothing is changed.
        """
        for s in self.weights:
            found = f"shape {np.shape(values[s])}" if s in values else "nothing"
            if found != f"shape {_shape(s)}":
                raise InputError(f"values[{s.name}]", found=found, allowed=f"shape {_shape(s)}")
        self._initial = {s: np.array(values[s], dtype=s.dtype) for s in self.weights}
        for s, value in self._initial.items():
            image = self.x @ value
            self._u[s].set_value(image)
            self._u0[s].set_value(image)
            self._a[s].set_value(np.zeros_like(image))
        for (s, t), c in self._c.items():
            c.set_value(np.asarray(float(s is t), dtype=s.dtype))
            product = (self._initial[s] * self._initial[t]).sum()
            self._products[s, t].set_value(np.asarray(product, dtype=s.dtype))

    def rebase(self) -> dict[Any, Array]:
        """Recover the weights, go on from them and return them: what rounding did to u so far is gone."""
        values = self.recover()
        self.load(values)
        return values

    def _space(self) -> SampleSpace:
        """Rules for translation: u, K, and the inner products (3) of the weights, each written once."""
        written: dict[tuple[Any, Any], Any] = {}

        def inner(s: Any, t: Any) -> Any:
            if (s, t) not in self._c:
                raise NotLinear(f"{s.name} is multiplied by {t.name}, of another shape")
            if (s, t) not in written:
                parts = [(self._a[s] * self._u[t]).sum()]
                for (i, k), c in self._c.items():
                    if i is s:
                        parts.append(c * (self._u0[k] * self._a[t]).sum())
                        parts += [c * d * self._products[k, m] for (j, m), d in self._c.items() if j is t]
                written[s, t] = total(parts)
            return written[s, t]

        return SampleSpace(self.gram, self._u, inner)

    def _step(self, s: Any, form: LinearForm, space: SampleSpace) -> list[UpdatePair]:
        """The pairs (2) that stand for s' = Σ_j c_j·s_j + Xᵀ·q."""
        a = [scaled(factor, self._a[t]) for t, factor in form.terms.items()]
        if form.q is not None:
            a.append(form.q)
        pairs = [(self._u[s], space.image(form)), (self._a[s], total(a))]
        for (i, k), c in self._c.items():
            if i is s:
                known = [(t, factor) for t, factor in form.terms.items() if (t, k) in self._c]
                parts = [scaled(factor, self._c[t, k]) for t, factor in known]
                pairs.append((c, total(parts) if parts else pt.zeros_like(c)))
        return [(shared, new.astype(shared.dtype)) for shared, new in pairs]


def gram_state(
    updates: Sequence[UpdatePair],
    outputs: Sequence[Any],
    x: Any,
    data: ArrayLike | None = None,
    *,
    even_if_it_loses: bool = False,
) -> GramState:
    """Rewrite update pairs (1) into (2) where the graph proves that they are of that form.

    Neither the pairs nor their shared Variables are changed.

    Parameters
    ----------
    updates : sequence of update pairs
    outputs : sequence of Variables
        What the training function is to return.
    x : Variable, matrix (samples, features)
        The fixed inputs: an input of the graph, a shared Variable that no pair updates, or a constant.
    data : array_like, optional
        The value of `x` at every step; copied, unless it is a read-only array that owns its numbers.
        Default: the value of the shared Variable or constant.
    even_if_it_loses : bool
        Rewrite whatever :func:`pays` says.

    Raises
    ------
    NotApplicable
        If no pair is of that form, something reads the weights or `x` in another way, `x` changes, or
        there are too many samples.
    InputError
        If `data` is missing, or no matrix of the dtype of `x`.
    """
    data = _fixed(x, data, updates)
    samples, features = data.shape
    if not (even_if_it_loses or pays(samples, features)):
        raise NotApplicable(
            f"{samples} samples against {features} features: K, {samples} × {samples}, is larger than x"
        )
    whole = [*outputs, *(new for _, new in updates)]
    if isinstance(x, Constant):  # as a symbol: constant folding would hide its transpose
        symbol = x.type("x")
        whole, x = clone_replace(whole, {x: symbol}), symbol
    fgraph = FunctionGraph(outputs=whole, clone=True, copy_inputs=False)
    rewrite_graph(fgraph, include=("canonicalize",), clone=False)
    following = {s: new for (s, _), new in zip(updates, fgraph.outputs[len(outputs) :], strict=True)}
    weights = over_features(fgraph, x, following)
    if not weights:
        raise NotApplicable(f"nothing that is updated, of dtype {x.dtype}, stands in x·w")
    if any(_shape(s)[0] != features for s in weights):
        shapes = ", ".join(f"{s.name} of shape {_shape(s)}" for s in weights)
        raise InputError("data", found=f"{samples} × {features}", allowed=f"a matrix that fits {shapes}")
    state = GramState(data, weights)
    space = state._space()
    try:
        new = translate(fgraph, x, data.shape, {s: _shape(s) for s in weights}, space)
    except NotLinear as error:
        raise NotApplicable(str(error)) from error
    state.outputs = new[: len(outputs)]
    for (shared, _), value in zip(updates, new[len(outputs) :], strict=True):
        if isinstance(value, LinearForm) != (shared in state.weights):
            raise NotApplicable(f"the update of {shared} is not of the form w' = α·w − η·xᵀ·r")
        state.updates += state._step(shared, value, space) if shared in state.weights else [(shared, value)]
    if any(isinstance(value, LinearForm) for value in state.outputs):
        raise NotApplicable("an output is over the features: the weights themselves, or their gradient")
    read = {*ancestors([*state.outputs, *(value for _, value in state.updates)])}
    if read & {x, *weights}:
        raise NotApplicable("the weights or x are read in a way that was not understood")
    return state


def _fixed(x: Any, data: ArrayLike | None, updates: Sequence[UpdatePair]) -> Array:
    """The numbers of x, as an array that nobody else can change."""
    if any(shared is x for shared, _ in updates):
        raise NotApplicable(f"{x} is updated at every step")
    if isinstance(x, Constant):
        data = x.data
    elif isinstance(x, SharedVariable):
        data = x.get_value(borrow=True)
    array = np.asarray(data) if data is not None else np.empty(())
    if array.ndim != 2 or array.dtype != x.dtype or not all(array.shape):
        raise InputError(
            "data",
            found="nothing" if data is None else f"an array of shape {array.shape}, {array.dtype}",
            allowed=f"the (samples, features) matrix of {x.dtype} that x is at every step",
        )
    if not (array.flags.owndata and not array.flags.writeable):
        array = aligned_copy(array)
        array.setflags(write=False)
    return array


def _shape(shared: Any) -> tuple[int, ...]:
    return np.shape(shared.get_value(borrow=True))
