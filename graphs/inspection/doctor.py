"""Stabilizing rewrites that are known, tried here: does each fire, and what to do if not?

Each case is a formula that fails in floating point at some input, although its value there is
an ordinary number, and that PyTensor is known to rewrite into one that does not. What fires
depends on PyTensor's version, on the mode, and on whether an undeclared dependency is present.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from packaging.version import Version
from pytensor.compile.mode import Mode
from pytensor.graph.fg import FunctionGraph
from scipy.special import erfcx

from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.functions import resolve_mode
from graphs.inspection.compiling.rules import names_in_database, registered_in
from graphs.inspection.compiling.watch import rewriting
from graphs.inspection.findings import Diagnosis
from graphs.inspection.values.perform import quietly, run_graph

__all__ = ["diagnose"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One formula to try."""

    name: str  # the plain formula and what it should become
    formula: Callable[[Any], Any]  # from a float64 vector to an expression
    at: tuple[float, ...]  # a vector at which the plain formula fails
    value: Callable[[Array], Array]  # the true value there, by NumPy in a form that does not fail
    write: str  # what to write where the rewrite does not fire
    # names of PyTensor's rewrites without any one of which it does not come to that, the last one to fire first
    rules: tuple[str, ...]


CASES = (
    Case(
        "log(sigmoid(x)) → −softplus(−x)",
        lambda x: pt.log(pt.sigmoid(x)),
        (-800.0,),
        lambda x: -np.logaddexp(0, -x),
        "-pt.softplus(-x)",
        ("logsigm_to_softplus",),
    ),
    Case(
        "log(1 − sigmoid(x)) → −softplus(x)",
        lambda x: pt.log(1 - pt.sigmoid(x)),
        (800.0,),
        lambda x: -np.logaddexp(0, x),
        "-pt.softplus(x)",
        ("log1p_neg_sigmoid",),
    ),
    Case(
        "log1p(−sigmoid(x)) → −softplus(x)",
        lambda x: pt.log1p(-pt.sigmoid(x)),
        (800.0,),
        lambda x: -np.logaddexp(0, x),
        "-pt.softplus(x)",
        ("log1p_neg_sigmoid", "local_mul_specialize"),
    ),
    Case(
        "log(1 / (1 + exp(−x))) → −softplus(−x)",
        lambda x: pt.log(1 / (1 + pt.exp(-x))),
        (-800.0,),
        lambda x: -np.logaddexp(0, -x),
        "-pt.softplus(-x)",
        ("local_log1p_plusminus_exp", "local_log1p", "local_log_div"),
    ),
    Case(
        "log(1 − 1 / (1 + exp(−x))) → −softplus(x)",
        lambda x: pt.log(1 - 1 / (1 + pt.exp(-x))),
        (800.0,),
        lambda x: -np.logaddexp(0, x),
        "-pt.softplus(x)",
        ("log1p_neg_sigmoid", "local_log1p", "local_exp_over_1_plus_exp", "local_mul_specialize"),
    ),
    Case(
        "log(1 + exp(x)) → softplus(x)",
        lambda x: pt.log(1 + pt.exp(x)),
        (800.0,),
        lambda x: np.logaddexp(0, x),
        "pt.softplus(x)",
        ("local_log1p_plusminus_exp", "local_log1p"),
    ),
    Case(
        "log(1 + x) → log1p(x)",
        lambda x: pt.log(1 + x),
        (1e-20,),
        np.log1p,
        "pt.log1p(x)",
        ("local_log1p",),
    ),
    Case(
        "exp(x) − 1 → expm1(x)",
        lambda x: pt.exp(x) - 1,
        (1e-20,),
        np.expm1,
        "pt.expm1(x)",
        ("local_expm1",),
    ),
    Case(
        "log(1 − exp(x)) → log1mexp(x)",
        lambda x: pt.log(1 - pt.exp(x)),
        (-1e-20,),
        lambda x: np.log(-np.expm1(x)),
        "pt.log1mexp(x)",
        ("local_log1p_plusminus_exp", "local_log1p"),
    ),
    Case(
        "log(exp(x)) → x",
        lambda x: pt.log(pt.exp(x)),
        (1000.0,),
        lambda x: x,
        "x",
        ("local_exp_log",),
    ),
    Case(
        "log(Σ exp(x)) → log-sum-exp with the largest taken out",
        lambda x: pt.log(pt.sum(pt.exp(x))),
        (1000.0, 1000.0),
        np.logaddexp.reduce,
        "pt.logsumexp(x), or shift x by its largest entry",
        ("local_log_sum_exp",),
    ),
    Case(
        "exp(x) / Σ exp(x) → softmax(x)",
        lambda x: pt.exp(x) / pt.sum(pt.exp(x)),
        (1000.0, 1000.0),
        lambda x: np.exp(x - np.logaddexp.reduce(x)),
        "pt.special.softmax(x)",
        ("local_softmax_stabilize",),
    ),
    Case(
        "log(softmax(x)) → log_softmax(x)",
        lambda x: pt.log(pt.special.softmax(x)),
        (-1000.0, 0.0),
        lambda x: x - np.logaddexp.reduce(x),
        "pt.special.log_softmax(x)",
        ("local_logsoftmax",),
    ),
    Case(
        "log(erfc(x)) → its asymptotic form for large x",
        lambda x: pt.log(pt.erfc(x)),
        (30.0,),
        lambda x: np.log(erfcx(x)) - x**2,
        "-x**2 + pt.log(pt.erfcx(x))",
        ("local_log_erfc",),
    ),
)


def diagnose(mode: str | Mode | None = None, names: Sequence[str] | None = None) -> tuple[Diagnosis, ...]:
    """Try every known stabilizing rewrite under `mode`, in this environment.

    Only the rewriting is done as the mode does it; the result is evaluated Op by Op, which
    takes no compiler.

    Parameters
    ----------
    mode : str or Mode, optional
        As for `graphs.functions.resolve_mode`.
    names : sequence of str, optional
        Only the cases whose name contains one of these.
    """
    resolved = rewriting(resolve_mode(mode))
    chosen = [case for case in CASES if names is None or _asked_for(case, names)]
    if not chosen:
        allowed = f"a list of parts of {'; '.join(case.name for case in CASES)}"
        raise InputError("names", found=quoted(names), allowed=allowed)
    return tuple(_try(case, resolved) for case in chosen)


def _asked_for(case: Case, names: Any) -> bool:
    return isinstance(names, list | tuple) and any(
        isinstance(part, str) and part in case.name for part in names
    )


def _try(case: Case, mode: Mode) -> Diagnosis:
    x = pt.vector("x", dtype="float64", shape=(len(case.at),))
    graph = FunctionGraph([x], [case.formula(x)], clone=False)
    at = np.asarray(case.at)
    with quietly():
        mode.excluding("inplace").optimizer.rewrite(graph)
        found = _run(graph, at)
        true = case.value(at)
    finite = None if found is None else bool(np.isfinite(found).all())
    fires = found is not None and bool(np.allclose(found, true, rtol=1e-9, atol=0.0))
    printed = " → ".join(str(node.op) for node in graph.toposort())
    rules = tuple(rule for rule in case.rules if rule in names_in_database())
    return Diagnosis(case.name, fires, finite, printed, "" if fires else _advice(case, mode), rules)


def _run(graph: FunctionGraph, at: Array) -> Any:
    try:
        return np.asarray(run_graph(graph, [at])[0])
    except Exception:  # an Op that has no Python implementation here
        return None


def _advice(case: Case, mode: Mode) -> str:
    held = registered_in(mode.optimizer)
    if missing := [rule for rule in case.rules if rule in names_in_database() and rule not in held]:
        return (
            f"this mode leaves out {', '.join(missing)}; compile in the default mode, or write {case.write}"
        )
    if Version(pytensor.__version__) < Version("3.2") and not importlib.util.find_spec("packaging"):
        return (
            "pattern rewrites never fire here, for PyTensor < 3.2 needs the package `packaging`"
            f" without saying so: pip install packaging; or write {case.write}"
        )
    return f"PyTensor {pytensor.__version__} does not do it; write {case.write}"
