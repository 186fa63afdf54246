"""A PyMC model as a graph: its log-density and that one's gradient, each node on the user's own line.

PyMC builds the log-density when it is asked for, so that PyTensor's traces of its nodes end in the line that asks.
What the user wrote are the model's variables; their lines are found again here: of an expression of the user's own by
what it computes, of a distribution's log-density by its name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.executor import Function
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import DimShuffle

__all__ = ["REWRITES", "ModelGraph", "function_of", "is_model", "model_graph"]


# What PyMC itself compiles a density with: a parameter that is out of bounds gives −∞ and raises no error.
REWRITES = ("random_make_inplace", "local_check_parameter_to_ninf_switch")


class ModelGraph(NamedTuple):
    """What :func:`graphs.inspection.inspect` takes, and values to look at it with."""

    inputs: list[Any]  # the model's value variables
    # ``logp`` and, where a value is continuous, ``dlogp``, the gradients one after the other
    outputs: list[Any]
    point: dict[str, Any]  # the model's initial point, by input


def is_model(thing: Any) -> bool:
    """Whether something is a PyMC model; PyMC is not imported for it."""
    pymc = sys.modules.get("pymc")
    return pymc is not None and isinstance(thing, pymc.Model)


def function_of(thing: Any) -> Any:
    """The compiled function in what a PyMC model compiles; anything else as it is."""
    of_pymc = type(thing).__module__.startswith("pymc.")
    return thing.f if of_pymc and isinstance(getattr(thing, "f", None), Function) else thing


def model_graph(model: Any) -> ModelGraph:
    """The log-density of a model's unobserved values, and its gradient.

    Parameters
    ----------
    model : pymc.Model

    Raises
    ------
    Exception
        Whatever PyMC raises for a model that it cannot give a density.
    """
    logp = model.logp()
    logp.name = "logp"
    inputs = list(model.value_vars)
    _point_back(model, logp)
    outputs = [logp]
    if continuous := list(model.continuous_value_vars):  # of these very nodes, as PyMC's own dlogp is not
        slopes = pytensor.grad(logp, continuous, disconnected_inputs="ignore")
        outputs.append(pt.concatenate([slope.flatten() for slope in slopes]))
        outputs[-1].name = "dlogp"
    return ModelGraph(inputs, outputs, dict(model.initial_point()))


def _point_back(model: Any, logp: Variable) -> None:
    """Give every node of a log-density the trace of what the user wrote; it was built here, for nobody else."""
    computations = _Computations()
    written = _traces_by_computation(model, computations)
    there = list(_computed([logp]))
    found = {v: written[number] for v in there if (number := computations.number(v)) in written}
    for names, trace in _traces_by_term(model):
        for term in there:
            if term.name in names:
                for inside in _computed([term]):
                    found.setdefault(inside, trace)
    for variable, trace in found.items():
        variable.tag.trace = trace


def _computed(outputs: Iterable[Any]) -> Iterator[Variable]:
    return (variable for variable in ancestors(list(outputs)) if variable.owner is not None)


def _trace(variable: Any) -> Any:
    return getattr(variable.tag, "trace", None)


def _traces_by_computation(model: Any, computations: _Computations) -> dict[int, Any]:
    """The traces of the user's own expressions, by what they compute of the model's values."""
    random = {*model.basic_RVs}
    own = [
        variable
        for variable in _computed(model.basic_RVs + model.deterministics + model.potentials)
        if variable not in random and _trace(variable) and not _is_random(variable)
    ]
    of_values = model.replace_rvs_by_values(own)
    pairs = zip(own, of_values, strict=True)
    return {computations.number(v): _trace(variable) for variable, v in pairs if v.owner is not None}


def _is_random(variable: Variable) -> bool:
    return variable.owner is not None and hasattr(variable.owner.op, "ndim_supp")


class _Computations:
    """Numbers variables; those that compute the same have one. Moved axes, which PyMC adds, are left aside."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._known: dict[Variable, int] = {}

    def number(self, variable: Variable) -> int:
        waiting = [variable]
        while waiting:
            last = waiting[-1]
            inputs = [] if last.owner is None else last.owner.inputs
            missing = [v for v in inputs if v not in self._known]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if last.owner is not None and isinstance(last.owner.op, DimShuffle):
                self._known[last] = self._known[inputs[0]]
            else:
                key = self._key(last, tuple(self._known[v] for v in inputs))
                self._known[last] = self._numbers.setdefault(key, len(self._numbers))
        return self._known[variable]

    @staticmethod
    def _key(variable: Variable, inputs: tuple[int, ...]) -> Any:
        if isinstance(variable, Constant):
            data = np.asarray(variable.data)
            return "constant", data.dtype.str, data.squeeze().shape, data.tobytes()
        return variable if variable.owner is None else (variable.owner.op, variable.index, inputs)


def _traces_by_term(model: Any) -> Iterator[tuple[set[str], Any]]:
    """Of every random variable, the names that its part of the density may have, and the line that made it."""
    for variable in model.basic_RVs:
        value = model.rvs_to_values.get(variable)
        names = {f"{thing.name}_logprob" for thing in (variable, value) if thing is not None and thing.name}
        if _trace(variable):
            yield names, _trace(variable)
