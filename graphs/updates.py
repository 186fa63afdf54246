"""(cost, parameters) → update pairs: expressions in, pairs out, nothing compiled or changed.

A rule takes a cost, or the gradients that are to be followed instead, so that what is done to gradients is put
between: ``adam(clip_by_norm(gradients(cost, [w, b]), 1.0), [w, b])``. A learning rate is a number, or a schedule:
a function of the number of steps taken so far, written in symbols, as :func:`step_decay` makes one. What a rule
remembers from step to step (velocities, means, the number of steps) is in shared Variables of its own, whose pairs
are among those it returns; so they are trained, kept and resumed with the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.basic import Variable

from graphs.data import rounded
from graphs.derivatives import gradients
from graphs.errors import InputError, finite_number, whole_number
from graphs.foreign import plain, quoted

__all__ = [
    "RULES",
    "Rate",
    "UpdatePair",
    "adam",
    "adamw",
    "ascent_decay",
    "clip_by_norm",
    "clip_by_value",
    "exponential_decay",
    "gradient_descent",
    "inverse_time_decay",
    "momentum",
    "nesterov",
    "rmsprop",
    "step_decay",
]

UpdatePair = tuple[Any, Any]
"""A shared Variable and the expression of its next value."""

Rate = float | Callable[[Any], Any]
"""A learning rate: a number above 0, or a function of the steps taken so far (an int64 scalar Variable, 0 at first)."""


def gradient_descent(cost: Any, parameters: Sequence[Any], learning_rate: Rate = 0.1) -> list[UpdatePair]:
    """p ← p − η·∂cost/∂p for all parameters at once, every gradient taken before the step.

    Parameters
    ----------
    cost : Variable, scalar; or the gradients to follow, one for each parameter
    parameters : sequence of shared Variables
    learning_rate : float or schedule
        η, above 0.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    step = _Step(cost, parameters, learning_rate)
    return [*step.pairs, *((p, p - step.rate(p) * gradient) for p, gradient in step.followed)]


def momentum(
    cost: Any, parameters: Sequence[Any], learning_rate: Rate = 0.1, decay: float = 0.9
) -> list[UpdatePair]:
    """Heavy ball: v ← μ·v + ∂cost/∂p, p ← p − η·v (Polyak, 1964).

    Each parameter gets a shared velocity of its shape, at first zero, named ``v<parameter>``. The velocity holds
    gradients, so that a rate that changes is that of the whole step, as PyTorch and optax have it.

    Parameters
    ----------
    cost : Variable, scalar; or the gradients to follow, one for each parameter
    parameters : sequence of shared Variables
    learning_rate : float or schedule
        η, above 0.
    decay : float
        μ, from 0 up to but not including 1.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    return _with_velocity(cost, parameters, learning_rate, decay, ahead=False)


def nesterov(
    cost: Any, parameters: Sequence[Any], learning_rate: Rate = 0.1, decay: float = 0.9
) -> list[UpdatePair]:
    """Nesterov's momentum: v ← μ·v + ∂cost/∂p, p ← p − η·(∂cost/∂p + μ·v), with the new v.

    The form of Sutskever, Martens, Dahl and Hinton (2013), in which the gradient is taken where the parameters
    stand. Parameters are those of :func:`momentum`.
    """
    return _with_velocity(cost, parameters, learning_rate, decay, ahead=True)


def _with_velocity(
    cost: Any, parameters: Sequence[Any], learning_rate: Rate, decay: float, *, ahead: bool
) -> list[UpdatePair]:
    finite_number("decay", decay, least=0, below=1)
    step = _Step(cost, parameters, learning_rate)
    for p, gradient in step.followed:
        velocity, mu = _zeros("v", p), _constant("decay", decay, p)
        new = mu * velocity + gradient
        followed = gradient + mu * new if ahead else new
        step.pairs += [(velocity, new), (p, p - step.rate(p) * followed)]
    return step.pairs


def rmsprop(
    cost: Any,
    parameters: Sequence[Any],
    learning_rate: Rate = 0.01,
    decay: float = 0.99,
    epsilon: float = 1e-8,
) -> list[UpdatePair]:
    """s ← ρ·s + (1 − ρ)·g², p ← p − η·g/(√s + ε): each entry by its own recent size (Tieleman and Hinton, 2012).

    The mean of squares of each parameter is named ``s<parameter>`` and is at first zero.

    Parameters
    ----------
    cost : Variable, scalar; or the gradients g to follow, one for each parameter
    parameters : sequence of shared Variables
    learning_rate : float or schedule
        η, above 0.
    decay : float
        ρ, from 0 up to but not including 1.
    epsilon : float
        ε, above 0.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    finite_number("decay", decay, least=0, below=1)
    finite_number("epsilon", epsilon, above=0)
    step = _Step(cost, parameters, learning_rate)
    for p, gradient in step.followed:
        squares = _zeros("s", p)
        new = _mean(decay, squares, gradient**2, p)
        size = pt.sqrt(new) + _constant("epsilon", epsilon, p)
        step.pairs += [(squares, new), (p, p - step.rate(p) * gradient / size)]
    return step.pairs


def adam(
    cost: Any,
    parameters: Sequence[Any],
    learning_rate: Rate = 0.001,
    decays: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> list[UpdatePair]:
    """m ← β₁·m + (1 − β₁)·g, s ← β₂·s + (1 − β₂)·g², p ← p − η·m̂/(√ŝ + ε) (Kingma and Ba, 2015).

    m̂ = m/(1 − β₁ᵗ) and ŝ = s/(1 − β₂ᵗ) at step t, counted from 1, make up for means that begin at zero. They are
    named ``m<parameter>`` and ``s<parameter>``, the number of steps ``t``.

    Parameters
    ----------
    cost : Variable, scalar; or the gradients g to follow, one for each parameter
    parameters : sequence of shared Variables
    learning_rate : float or schedule
        η, above 0.
    decays : pair of float
        β₁ and β₂, each from 0 up to but not including 1.
    epsilon : float
        ε, above 0.

    Raises
    ------
    InputError
        If an argument is not one of the above.
    """
    return _adam(cost, parameters, learning_rate, decays, epsilon, weight_decay=0.0)


def adamw(
    cost: Any,
    parameters: Sequence[Any],
    learning_rate: Rate = 0.001,
    decays: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> list[UpdatePair]:
    """Adam with the weights shrunk beside it: p ← (1 − η·λ)·p, then Adam's step (Loshchilov and Hutter, 2019).

    The shrinking is no part of the gradient, so Adam does not divide it by the gradient's size. Parameters are
    those of :func:`adam`, and:

    Parameters
    ----------
    weight_decay : float
        λ, at least 0; of every parameter given, biases too.
    """
    finite_number("weight_decay", weight_decay, least=0)
    return _adam(cost, parameters, learning_rate, decays, epsilon, weight_decay)


def _adam(
    cost: Any,
    parameters: Sequence[Any],
    learning_rate: Rate,
    decays: tuple[float, float],
    epsilon: float,
    weight_decay: float,
) -> list[UpdatePair]:
    if not isinstance(decays, tuple | list) or len(decays) != 2:
        raise InputError("decays", found=quoted(decays), allowed="a pair of numbers")
    for decay in decays:
        finite_number("decays", decay, least=0, below=1)
    finite_number("epsilon", epsilon, above=0)
    step = _Step(cost, parameters, learning_rate, counts=True)
    for p, gradient in step.followed:
        mean, squares = _zeros("m", p), _zeros("s", p)
        new_mean = _mean(decays[0], mean, gradient, p)
        new_squares = _mean(decays[1], squares, gradient**2, p)
        corrections = [(1 - _float64(decay) ** (step.taken + 1)).astype(p.dtype) for decay in decays]
        size = pt.sqrt(new_squares / corrections[1]) + _constant("epsilon", epsilon, p)
        rate = step.rate(p)
        kept = p * (1 - rate * _constant("weight_decay", weight_decay, p)) if weight_decay else p
        moved = kept - rate * (new_mean / corrections[0]) / size
        step.pairs += [(mean, new_mean), (squares, new_squares), (p, moved)]
    return step.pairs


#: The rules by name, each ``(cost, parameters, learning_rate, …) → pairs``.
RULES: dict[str, Callable[..., list[UpdatePair]]] = {
    "gradient-descent": gradient_descent,
    "momentum": momentum,
    "nesterov": nesterov,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
}


def clip_by_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """All gradients, shortened together where ‖all of them‖₂ is above `limit`; their direction stays.

    Source: Pascanu, Mikolov and Bengio (2013).

    Parameters
    ----------
    gradients : sequence of Variables
    limit : float
        Above 0.
    """
    finite_number("limit", limit, above=0)
    _gradients(gradients)
    norm = pt.sqrt(sum((gradient.astype("float64") ** 2).sum() for gradient in gradients))
    factor = pt.switch(norm > limit, limit / norm, 1.0)  # of a gradient that is zero nothing is divided
    return [gradient * factor.astype(gradient.dtype) for gradient in gradients]


def clip_by_value(gradients: Sequence[Any], limit: float) -> list[Any]:
    """Every entry of the gradients brought into [−limit, limit]; their direction may change.

    Parameters are those of :func:`clip_by_norm`.
    """
    finite_number("limit", limit, above=0)
    _gradients(gradients)
    return [
        gradient.clip(-bound, bound)
        for gradient in gradients
        for bound in [_constant("limit", limit, gradient)]
    ]


def step_decay(rate: float, factor: float, every: int) -> Callable[[Any], Any]:
    """The schedule rate·factor^⌊t/every⌋: a staircase, a step down every so many updates.

    Parameters
    ----------
    rate : float
        Above 0: that of the first step.
    factor : float
        Above 0.
    every : int
        At least 1.
    """
    finite_number("rate", rate, above=0)
    finite_number("factor", factor, above=0)
    whole_number("every", every, 1)
    return lambda taken: _float64(rate) * _float64(factor) ** (taken // every)


def exponential_decay(rate: float, factor: float) -> Callable[[Any], Any]:
    """The schedule rate·factor^t, with `rate` and `factor` above 0."""
    return step_decay(rate, factor, 1)


def inverse_time_decay(rate: float, decay: float) -> Callable[[Any], Any]:
    """The schedule rate/(1 + decay·t), with `rate` above 0 and `decay` at least 0 (Robbins and Monro, 1951)."""
    finite_number("rate", rate, above=0)
    finite_number("decay", decay, least=0)
    return lambda taken: _float64(rate) / (1 + _float64(decay) * taken)


def ascent_decay(samples: int) -> Callable[[Any], Any]:
    """The schedule 4/(1 + pass + i) + 0.01 of stochastic gradient ascent, one sample at a time.

    `i` is the sample's place in its pass, `pass` counts those before it: the rate falls within a pass, is large again
    at the next one's beginning, though less so, and never falls to 0.01.

    Parameters
    ----------
    samples : int
        Of one pass, at least 1.
    """
    whole_number("samples", samples, 1)
    return lambda taken: 4 / (1 + _float64(taken // samples + taken % samples)) + _float64(0.01)


class _Step:
    """What every rule begins with: the gradients to follow, the rate, and the count of steps where one is needed."""

    def __init__(
        self, cost: Any, parameters: Sequence[Any], learning_rate: Rate, *, counts: bool = False
    ) -> None:
        self.pairs: list[UpdatePair] = []
        self.taken: Any = None
        self._rate: Any = learning_rate
        if not callable(learning_rate):
            finite_number("learning_rate", learning_rate, above=0)
        self.followed = list(zip(parameters, _followed(cost, parameters), strict=True))
        if counts or callable(learning_rate):
            self.taken = pytensor.shared(np.array(0, "int64"), name="t")
            self.pairs.append((self.taken, self.taken + 1))
        if callable(learning_rate):
            self._rate = learning_rate(self.taken)
            if not isinstance(self._rate, Variable) or getattr(self._rate.type, "ndim", None) != 0:
                allowed = (
                    "a number above 0, or a function of the number of steps that returns a scalar Variable"
                )
                raise InputError(
                    "learning_rate", found=f"one that gives {quoted(self._rate)}", allowed=allowed
                )

    def rate(self, like: Any) -> Any:
        """η in the parameter's own dtype."""
        if isinstance(self._rate, Variable):
            return self._rate.astype(like.dtype)
        return _constant("learning_rate", self._rate, like)


def _followed(cost: Any, parameters: Sequence[Any]) -> list[Any]:
    """The gradients of a cost; or those given in its place, which must fit the parameters."""
    if not isinstance(cost, list | tuple):
        return gradients(cost, parameters)
    _gradients(cost)
    if len(cost) != len(parameters):
        found = f"{len(cost)} gradients for {len(parameters)} parameters"
        raise InputError("cost", found=found, allowed="a cost, or one gradient for each parameter")
    for gradient, parameter in zip(cost, parameters, strict=True):
        kinds = [(v.type.ndim, v.type.dtype) for v in (gradient, parameter)]
        if kinds[0] != kinds[1]:
            found = f"{plain(gradient)} of {plain(gradient.type)} for {plain(parameter)} of {plain(parameter.type)}"
            raise InputError("cost", found=found, allowed="a gradient of each parameter's shape and dtype")
    return list(cost)


def _gradients(found: Any) -> None:
    if not isinstance(found, list | tuple) or not found or not all(isinstance(v, Variable) for v in found):
        allowed = "a list of Variables, as graphs.gradients makes it"
        raise InputError("gradients", found=quoted(found), allowed=allowed)


def _mean(decay: float, before: Any, now: Any, like: Any) -> Any:
    """The moving mean decay·before + (1 − decay)·now."""
    return _constant("decay", decay, like) * before + _constant("decay", 1 - decay, like) * now


def _zeros(letter: str, parameter: Any) -> Any:
    """What a rule remembers of a parameter: of its shape and dtype, at first zero."""
    still = np.zeros_like(parameter.get_value(borrow=True))
    return pytensor.shared(still, name=f"{letter}{parameter.name or ''}")


def _float64(number: Any) -> Any:
    """A number, or whole numbers, in float64, whatever PyTensor's ``floatX`` says."""
    return number.astype("float64") if isinstance(number, Variable) else pt.constant(number, dtype="float64")


def _constant(argument: str, value: float, like: Any) -> Any:
    """The number in the parameter's own dtype: a float64 one would make float32 updates float64."""
    return rounded(argument, value, like.dtype)
