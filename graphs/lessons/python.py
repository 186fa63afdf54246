"""When does Python run? The sigmoid in every framework, with a line of Python inside."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray

from graphs.environment import own_warnings_only
from graphs.lessons import Rows
from graphs.lessons.mistakes import outcome
from graphs.peers import PEERS, installed

__all__ = ["python_if", "retracing", "when_python_runs"]

Sigmoid = Callable[[NDArray[Any]], Any]
Notice = Callable[[Any], object]
"""Is called from inside the sigmoid with its argument, whatever that is in the framework."""


def _sigmoid(notice: Notice, exp: Callable[[Any], Any]) -> Sigmoid:
    """As anyone writes it; `exp` is the framework's."""

    def sigmoid(x: Any) -> Any:
        notice(x)
        return 1 / (1 + exp(-x))

    return sigmoid


def _autograd(notice: Notice) -> Sigmoid:
    import autograd.numpy as anp
    from autograd import elementwise_grad

    return elementwise_grad(_sigmoid(notice, anp.exp))  # type: ignore[no-any-return]  # untyped library


def _torch(notice: Notice) -> Sigmoid:
    import torch

    sigmoid = _sigmoid(notice, torch.exp)
    return lambda x: sigmoid(torch.tensor(x))


def _torch_compile(notice: Notice, built: list[str] | None = None) -> Sigmoid:
    """Captured by `torch.compile`; the name of every graph that it builds is put into `built`."""
    import torch

    def backend(graph: Any, inputs: Any) -> Any:
        if built is not None:
            built.append(type(graph).__name__)
        return graph.forward  # what is captured is the lesson; no C++ compiler is needed

    torch._dynamo.reset()
    compiled = torch.compile(_sigmoid(notice, torch.exp), backend=backend)
    return lambda x: compiled(torch.tensor(x))


def _jax(notice: Notice, *, jit: bool = False) -> Sigmoid:
    import jax
    import jax.numpy as jnp

    sigmoid = _sigmoid(notice, jnp.exp)
    called = jax.jit(sigmoid) if jit else sigmoid
    return lambda x: called(jnp.asarray(x))


def _pytensor(notice: Notice) -> Sigmoid:
    x = pt.vector("x", dtype="float64")
    with own_warnings_only():
        return pytensor.function([x], _sigmoid(notice, pt.exp)(x))  # type: ignore[no-any-return]  # untyped library


_SIGMOIDS: dict[str, Callable[[Notice], Sigmoid]] = {
    "numpy": partial(_sigmoid, exp=np.exp),
    "autograd": _autograd,
    "torch": _torch,
    "torch-compile": _torch_compile,
    "jax": _jax,
    "jax-jit": partial(_jax, jit=True),
    "pytensor": _pytensor,
}


def when_python_runs(calls: int = 3) -> Rows:
    """A print stands inside the sigmoid, which is called three times: how often does it print?

    Eager frameworks run Python in every call. `jax.jit` runs it once, to see what is computed.
    PyTensor runs it once too, before there is a function at all. `torch.compile` cannot put a
    print into its graph: it breaks the graph in two, and Python runs between the halves in every
    call.

    Returns
    -------
    dict
        ``prints`` per framework, and ``it saw``, the type of the argument inside.
    """
    rows: Rows = {}
    for name in installed(_SIGMOIDS):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            sigmoid = _SIGMOIDS[name](lambda x: print(type(x).__name__))
            for _ in range(calls):
                sigmoid(np.zeros(3))
        lines = printed.getvalue().splitlines()
        rows[PEERS[name].title] = {"calls": calls, "prints": len(lines), "it saw": lines[-1]}
    return rows


def retracing() -> Rows:
    """The sigmoid is called with 3, 3, 4, 5 numbers, and 5 of float32: how often is it built anew?

    `jax.jit` builds one program per shape and dtype. `torch.compile` builds for the first shape,
    once more, for any length, when it sees the second, and again for another dtype. PyTensor's
    graph says "a vector of float64", and one program serves every length; the float32 numbers
    become float64 on the way in.

    Returns
    -------
    dict
        Builds so far after each call; eager frameworks build nothing and are left out.
    """
    inputs: list[NDArray[Any]] = [np.zeros(3), np.zeros(3), np.zeros(4), np.zeros(5), np.zeros(5, np.float32)]
    columns = ["3 numbers", "3 again", "4", "5", "5 of float32"]
    rows: Rows = {}
    for name in installed(("torch-compile", "jax-jit", "pytensor")):
        built: list[str] = []
        if name == "torch-compile":
            sigmoid = _torch_compile(lambda x: None, built)
        else:
            sigmoid = _SIGMOIDS[name](lambda x, built=built: built.append("traced"))  # type: ignore[misc]  # mypy infers no lambda with defaults
        row = rows[PEERS[name].title] = {}
        for column, value in zip(columns, inputs, strict=True):
            sigmoid(value)
            row[column] = len(built)
    return rows


def python_if() -> Rows:
    """``if x.sum() > 0:`` stands inside the sigmoid: which way does it go?

    Where Python runs in every call, `if` sees a number. `jax.jit` and PyTensor have no number
    yet and refuse (they offer `jax.lax.cond` and `pytensor.ifelse`); `torch.compile` breaks its
    graph at the `if` and goes on.

    Returns
    -------
    dict
        ``outcome``: ``runs``, or the name of the exception, and what it ``said``; for
        `torch.compile`, the number of ``graphs`` into which it was broken.
    """

    def sign(x: Any) -> Any:
        if x.sum() > 0:
            return x + 1
        return x - 1

    def call(name: str, built: list[str]) -> None:
        sigmoid = _torch_compile(sign, built) if name == "torch-compile" else _SIGMOIDS[name](sign)
        sigmoid(np.ones(3))

    rows: Rows = {}
    for name in installed(_SIGMOIDS):
        built: list[str] = []
        found = outcome(partial(call, name, built))
        rows[PEERS[name].title] = {**found, "graphs": len(built) if name == "torch-compile" else ""}
    return rows
