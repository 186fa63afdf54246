"""A model's cost and gradients as one compiled function, in PyTensor or in JAX: built, called, timed."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from graphs.peers.models import MODELS
from graphs.peers.models.model import Model

__all__ = ["compile_model", "in_jax", "in_pytensor", "model"]


def model(name: str, **sizes: int) -> Model:
    """The model of that name, with other sizes than its own where they are given."""
    made: Model = MODELS.function(name)(**sizes)
    return made


def in_pytensor(model: Model, mode: Any) -> Any:
    """PyTensor's function of data and parameters → cost and gradients, in a mode."""
    import pytensor
    import pytensor.tensor as pt

    inputs = [
        pt.tensor(name, dtype=str(value.dtype), shape=(None,) * value.ndim)
        for name, value in model.arguments.items()
    ]
    cost = model.in_pytensor(*inputs)
    gradients = pytensor.grad(cost, inputs[len(model.data) :])
    return pytensor.function(inputs, [cost, *gradients], mode=mode)


def in_jax(model: Model) -> Callable[..., Any]:
    """JAX's function of data and parameters → cost and gradients."""
    import jax

    jax.config.update("jax_enable_x64", True)
    first = len(model.data)
    return jax.jit(
        jax.value_and_grad(model.in_jax, argnums=tuple(range(first, first + len(model.parameters))))
    )
