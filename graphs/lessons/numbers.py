"""What the numbers do: logits far out, rewrites switched off, functions that cut corners."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode

from graphs.data import load
from graphs.environment import own_warnings_only
from graphs.lessons import Rows
from graphs.models.logistic import logistic_graph
from graphs.peers import COMPARED, PEERS, build, installed, missing
from graphs.peers.contract import Data
from graphs.updates import gradient_descent

__all__ = ["accuracy", "compiled_optimizer", "extreme_logits", "without_rewrites"]


def extreme_logits(formula: str = "textbook", runs: Sequence[str] | None = None) -> Rows:
    """The cross-entropy of four confident mistakes, at logits 40, −40, 800 and −800.

    The truth is 40, 40, 800 and 800, to 17 digits. At 40 the probability rounds to 1 and log(1 − p)
    is log(0); at −40 it is small and exact; at −800 exp(800) overflows. A framework that computes
    what is written meets inf, and its gradient 0/0. PyTensor reads the same formula and rewrites
    it to softplus before it computes anything, in the modes that stabilize.

    Returns
    -------
    dict
        xent at each logit, and ``gradient``: whether one step leaves w finite.
    """
    logits = np.array([40.0, -40.0, 800.0, -800.0])
    data = Data(logits[:, np.newaxis], (logits < 0).astype(np.int64), np.ones(1))  # one feature of weight 1
    rows: Rows = {}
    for name in installed(COMPARED if runs is None else runs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            training = build(name, data, formula)
            xent = np.asarray(training.train()[1]).tolist()
            finite = np.isfinite(training.parameters()[0]).all()
        rows[PEERS[name].title] = {
            **{f"{logit:g}": value for logit, value in zip(logits, xent, strict=True)},
            "gradient": "finite" if finite else "non-finite",
        }
    return rows


#: What is switched off, alone or together; see the lesson's docstring.
SWITCHED_OFF = (
    (),
    ("local_log1p",),
    ("local_mul_specialize",),
    ("local_exp_over_1_plus_exp",),
    ("log1p_neg_sigmoid",),
    ("local_add_canonizer",),
    ("local_exp_over_1_plus_exp", "local_greedy_distributor"),
    ("stabilize",),
)


def without_rewrites(switched_off: Sequence[tuple[str, ...]] = SWITCHED_OFF) -> Rows:
    """PyTensor's first step on the classic data, with rewrites switched off, alone or together.

    What keeps xent finite is a chain: ``local_mul_specialize`` makes a sigmoid visible,
    ``local_exp_over_1_plus_exp`` makes it a sigmoid, ``log1p_neg_sigmoid`` makes log(1 − σ) a
    softplus. Break any link and the 15 inf and 16 nan of the eager frameworks are back, but the
    weights stay finite: the gradient has a chain of its own, in which ``local_add_canonizer``
    cancels what would be 0/0, and ``local_greedy_distributor`` where the sigmoid was not found.
    ``local_log1p`` makes no difference: another rewrite does its work.

    The Ops' own Python computes here, so that only the rewrites differ.

    Returns
    -------
    dict
        Of 400 samples, how many xent are inf and nan; of 784 weights, how many are NaN after the
        step; and the nodes of the compiled graph.
    """
    data = load()
    y = data.y.astype(data.x.dtype)
    rows: Rows = {}
    for names in switched_off:
        graph = logistic_graph(data.initial_w, data.initial_b)
        with own_warnings_only(), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            step = pytensor.function(
                [graph.x, graph.y],
                graph.xent,
                updates=gradient_descent(graph.cost, [graph.w, graph.b]),
                mode=Mode(linker="py", optimizer="fast_run").excluding(*names),
            )
            xent = step(data.x, y)
        rows[" + ".join(names) or "nothing off"] = {
            "inf": int(np.isinf(xent).sum()),
            "nan": int(np.isnan(xent).sum()),
            "weights NaN": int(np.isnan(graph.w.get_value()).sum()),
            "nodes": len(step.maker.fgraph.apply_nodes),
        }
    return rows


def accuracy() -> Rows:
    """−log σ(z) by each framework's own function, at z where corners are cut.

    The largest relative error over z = ±1, ±10, ±21, ±30, ±40, ±99, ±150 against `numpy.longdouble`.
    PyTorch's `softplus` returns z itself above its threshold of 20, where exp(−z) is still
    2·10⁻⁹: it does not agree to 1e-12. `binary_cross_entropy` of σ(z) has lost all digits where
    σ(z) rounds to 1, from z = 37 on; and it clamps the logarithm at −100, so that it is finite, and
    wrong, for z below. The functions that take logits are right, and so is PyTensor with the
    textbook's −log(1 / (1 + exp(−z))), because it does not compute that.

    Returns
    -------
    dict
        ``largest relative error`` and the z it is ``at``.
    """
    z = np.array([1.0, 10.0, 21.0, 30.0, 40.0, 99.0, 150.0])
    z = np.concatenate([z, -z])
    wide = z.astype(np.longdouble)
    exact = np.where(z > 0, np.log1p(np.exp(-np.abs(wide))), -wide + np.log1p(np.exp(-np.abs(wide))))
    rows: Rows = {}
    with np.errstate(over="ignore", divide="ignore"):
        for name, values in _negative_log_sigmoids(z).items():
            error = np.abs(np.asarray(values).astype(np.longdouble) - exact) / exact
            worst = int(np.argmax(error))
            rows[name] = {"largest relative error": float(error[worst]), "at": float(z[worst])}
    return rows


def _negative_log_sigmoids(z: NDArray[np.float64]) -> dict[str, Any]:
    found: dict[str, Any] = {"numpy.logaddexp(0, -z)": np.logaddexp(0, -z)}
    if not missing("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)  # else z would be rounded to float32
        found["jax.nn.softplus(-z)"] = jax.nn.softplus(jax.numpy.asarray(-z))
        found["-jax.nn.log_sigmoid(z)"] = -jax.nn.log_sigmoid(jax.numpy.asarray(z))
    if not missing("torch"):
        import torch
        from torch.nn import functional

        t, one = torch.tensor(z), torch.ones(len(z), dtype=torch.float64)
        found["torch softplus(-z)"] = functional.softplus(-t)
        found["-torch logsigmoid(z)"] = -functional.logsigmoid(t)
        found["torch binary_cross_entropy_with_logits"] = functional.binary_cross_entropy_with_logits(
            t, one, reduction="none"
        )
        found["torch binary_cross_entropy of sigmoid(z)"] = functional.binary_cross_entropy(
            torch.sigmoid(t), one, reduction="none"
        )
    symbol = pt.vector("z", dtype="float64")
    with own_warnings_only():
        evaluate = pytensor.function([symbol], [pt.softplus(-symbol), -pt.log(1 / (1 + pt.exp(-symbol)))])
        found["pytensor softplus(-z)"], found["pytensor -log(1 / (1 + exp(-z)))"] = evaluate(z)
    return found


def compiled_optimizer(steps: int = 2) -> Rows:
    """`torch.compile` of an optimizer's step: does every parameter move?

    Two steps of rate 0.1 along a gradient of 1, from 0: each number should be at −0.2. With
    PyTorch 2.13 on a CPU, a parameter without dimensions stays where it was, and nothing is said;
    that is why `graphs.peers.in_pytorch` compiles the cost and leaves the optimizer alone.

    Returns
    -------
    dict
        Where each parameter ``should be`` and ``is``; empty without PyTorch.
    """
    if missing("torch-compile"):
        return {}
    import torch

    rows: Rows = {}
    for how, shape in (("no dimensions", ()), ("one element", (1,)), ("three elements", (3,))):
        for compiled in (False, True):
            parameter = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
            optimizer = torch.optim.SGD([parameter], lr=0.1)
            step = torch.compile(optimizer.step) if compiled else optimizer.step
            parameter.grad = torch.ones_like(parameter)
            logging.disable(logging.WARNING)  # of a profiler's mark that is not compiled: not the lesson
            try:
                for _ in range(steps):
                    step()
            finally:
                logging.disable(logging.NOTSET)
            rows[f"{how}, {'compiled' if compiled else 'eager'}"] = {
                "should be": -0.1 * steps,
                "is": float(parameter.detach().reshape(-1)[0]),
            }
    return rows
