"""What happens to a wrong shape, a missing input, and labels that are whole numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pytensor
from numpy.typing import NDArray

from graphs.environment import own_warnings_only
from graphs.lessons import Rows
from graphs.models.logistic import logistic_graph
from graphs.peers import LEARNING_RATE, PEERS, WEIGHT_DECAY, installed
from graphs.peers.contract import Data, Training

__all__ = ["labels", "missing_input", "outcome", "wrong_shape"]


def outcome(action: Callable[[], object]) -> dict[str, Any]:
    """``runs``, or the name of the exception, as ``outcome``; and what it ``said``, in its first line."""
    try:
        action()
    except Exception as error:  # which one is the lesson
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return {"outcome": type(error).__name__, "said": lines[0] if lines else ""}
    return {"outcome": "runs", "said": ""}


def wrong_shape() -> Rows:
    """x has three columns and w four numbers: who says so, when, and how clearly?

    Everyone refuses. `jax.jit` knows the shapes while it traces, before anything is computed; the
    eager frameworks find out at the product; PyTensor's graph only says "matrix" and "vector", so
    building succeeds, and the compiled function says which node could not be computed.

    Returns
    -------
    dict
        Whether it was found while ``building`` or ``calling``, the exception, and its first line.
    """
    rows: Rows = {}
    data = Data(np.ones((2, 3)), np.array([0, 1]), np.ones(4))
    for name in installed(("numpy", "autograd", "torch", "jax-jit", "pytensor")):
        held: list[Training] = []
        # Its file's own function: `graphs.peers.build` would refuse the data in the framework's place.
        build = partial(_module(name).build, data, "logits", PEERS[name].how, LEARNING_RATE, WEIGHT_DECAY)
        building = outcome(lambda build=build, held=held: held.append(build()))  # type: ignore[misc]  # mypy infers no lambda with defaults
        calling = outcome(held[0].train) if held else building
        rows[PEERS[name].title] = {"when": "calling" if held else "building", **calling}
    return rows


def missing_input() -> Rows:
    """The cost is asked for without y: who notices, and when?

    Where the model is a Python function, Python does: TypeError, at the call. PyTensor's graph
    knows all its inputs, so it says while compiling that y was not given, and by name.

    Returns
    -------
    dict
        ``when``, the exception, and its first line.
    """
    x, w, b = np.ones((2, 3)), np.ones(3), np.zeros(())
    rows: Rows = {}
    for name in installed(("numpy", "autograd", "torch", "jax")):
        without_y = partial(_module(name).logits, x=x, w=w, b=b)
        rows[PEERS[name].title] = {"when": "calling", **outcome(without_y)}
    graph = logistic_graph(w)
    with own_warnings_only():
        rows["PyTensor"] = {"when": "compiling", **outcome(lambda: pytensor.function([graph.x], graph.cost))}
    return rows


def labels() -> Rows:
    """The label 1 as int64 and as uint8, at a logit of 2: is the cross-entropy log(1 + e⁻²) = 0.126928…?

    `-y` of an unsigned 1 is 255: wherever y is used as it comes, the textbook formula is silently
    wrong, and −255·log(p) is what is minimised. A framework that turns y into a float first, or
    refuses, is safe: PyTensor's input is declared a float vector, and whole numbers are
    converted on their way in.

    Returns
    -------
    dict
        ``int64`` and ``uint8``: the cross-entropy found, or the name of the exception.
    """
    rows: Rows = {}
    for name in installed(("numpy", "autograd", "torch", "jax", "pytensor")):
        row: dict[str, Any] = {}
        for dtype in ("int64", "uint8"):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    row[dtype] = _cross_entropy(name, np.ones(1, dtype))
            except Exception as error:  # which one is the lesson
                row[dtype] = type(error).__name__
        rows[PEERS[name].title.removesuffix(" by hand").removesuffix(" default")] = row
    return rows


def _cross_entropy(name: str, y: NDArray[Any]) -> float:
    """The textbook formula of each framework's own file on x = 2, w = 1, with y as it comes."""
    x, w, b = np.full((1, 1), 2.0), np.ones(1), np.zeros(())
    if name == "pytensor":
        graph = logistic_graph(w)
        with own_warnings_only():
            return float(pytensor.function([graph.x, graph.y], graph.xent)(x, y)[0])
    textbook = _module(name).textbook  # before any array is made: importing it sets JAX to float64
    arrays: tuple[Any, ...] = (x, y, w, b)
    if name == "torch":
        import torch

        arrays = tuple(torch.tensor(array) for array in arrays)
    elif name == "jax":
        import jax.numpy as jnp

        arrays = tuple(jnp.asarray(array) for array in arrays)
    return float(textbook(*arrays)[1][0])


def _module(name: str) -> Any:
    return import_module(f"graphs.peers.{PEERS[name].module}")
