"""A model's cost and its gradients by all parameters as one compiled function, in PyTensor or in JAX."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from graphs.memory import aligned_copy
from graphs.peers.models import MODELS
from graphs.peers.models.model import Model

__all__ = ["Compiled", "in_jax", "in_pytensor", "named"]


def named(name: str, **sizes: int) -> Model:
    """The model of that name, of other sizes where they are given."""
    model: Model = MODELS.function(name)(**sizes)
    return model


def in_pytensor(model: Model, mode: Any) -> Any:
    """PyTensor's function of data and parameters → [cost, gradients…], in a mode."""
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
    """JAX's function of data and parameters → (cost, (gradients…))."""
    import jax

    jax.config.update("jax_enable_x64", True)
    first, last = len(model.data), len(model.arguments)
    function: Callable[..., Any] = jax.jit(
        jax.value_and_grad(model.in_jax, argnums=tuple(range(first, last)))
    )
    return function


@cache
def _warm(how: str) -> None:
    """Have a framework do what it does once in a process, which is no model's business."""
    if how == "jit":
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.jit(lambda x: x + 1)(1.0)
    else:
        import pytensor
        import pytensor.tensor as pt

        from graphs.functions import resolve_mode

        x = pt.dvector("x")
        pytensor.function([x], x + 1, mode=resolve_mode(how))(np.ones(2))


class Compiled:
    """One model in one framework, called again and again with the same arrays of that framework's.

    `how` names a mode of PyTensor (:func:`graphs.functions.resolve_mode`), or is ``jit``.
    """

    def __init__(self, name: str, how: str) -> None:
        _warm(how)
        model = named(name)
        self.dtype = model.dtype
        self.fallback = ""  # why a native function is none
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            start = perf_counter()
            self.call = self._in_jax(model) if how == "jit" else self._in_pytensor(model, how)
            built = perf_counter()
            self._found = self.call()
            self.build, self.first = built - start, perf_counter() - built
        if how == "NATIVE":
            self._ask_whether_native(said)

    def _in_pytensor(self, model: Model, how: str) -> Callable[[], list[Any]]:
        from graphs.functions import resolve_mode

        function = self.function = in_pytensor(model, resolve_mode(how))
        arrays = [aligned_copy(value) for value in model.arguments.values()]
        return lambda: list(function(*arrays))

    def _in_jax(self, model: Model) -> Callable[[], list[Any]]:
        import jax

        function = in_jax(model)
        arrays = [jax.device_put(value) for value in model.arguments.values()]

        def call() -> list[Any]:
            cost, gradients = function(*arrays)
            cost.block_until_ready()  # one program makes them all, and they are ready together
            return [cost, *gradients]

        return call

    def _ask_whether_native(self, said: list[warnings.WarningMessage]) -> None:
        from graphs.native import NotNative, source_of

        if source_of(self.function) is None:
            told = [str(each.message) for each in said if issubclass(each.category, NotNative)]
            self.fallback = told[-1].partition(": ")[2] if told else "no reason was told"

    def keep(self, folder: Path) -> None:
        """Leave what the first call returned: the cost, then the gradients, one file each."""
        for number, found in enumerate(self._found):
            np.save(folder / f"{number}.npy", np.asarray(found), allow_pickle=False)
