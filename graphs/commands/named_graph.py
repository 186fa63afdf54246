"""A graph by name: what a command line can say, to what `graphs.inspection.inspect` takes.

``logistic`` is this project's own training step on its own data. ``module:object`` and
``file.py:name`` import the user's code and take from it

- a compiled PyTensor function,
- an expression, or a list of them (its inputs are found),
- ``(inputs, outputs)`` or ``(inputs, outputs, updates)``, as for ``pytensor.function``,
- or something to call without arguments that returns one of these.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pytensor.compile.executor import Function
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import explicit_graph_inputs

from graphs.data import load
from graphs.errors import InputError
from graphs.inspection import Inspection, inspect
from graphs.inspection.values.difference import one_line
from graphs.models.logistic import logistic_graph
from graphs.updates import gradient_descent

__all__ = ["NamedGraph", "named_graph"]

ALLOWED = "logistic, module:object or file.py:name"
KINDS = (
    "a compiled PyTensor function, an expression or a list of them, (inputs, outputs) or"
    " (inputs, outputs, updates), or something callable without arguments that returns one of these"
)


@dataclass(frozen=True)
class NamedGraph:
    """A graph ready to be compiled and recorded."""

    name: str
    what: Any  # a compiled function, or a list of input Variables
    outputs: Any = None  # with inputs, as for ``pytensor.function``
    updates: Any = ()  # likewise
    inputs: Mapping[str, Any] = field(default_factory=dict)  # sample inputs that belong to it, by name

    @property
    def compiled(self) -> bool:
        """Whether it is a function, which has a mode already."""
        return isinstance(self.what, Function)

    def inspect(self, mode: Any = None) -> Inspection:
        """Compile and record it, in PyTensor's configured mode by default; a compiled function has one."""
        if self.compiled:
            return inspect(self.what, mode=mode)
        # Linkers refuse Ops, frameworks are missing: each in its own way.
        known = "a mode whose linker knows all of the graph's Ops and whose framework is installed"
        with _refused("mode", f"one that cannot compile {self.name}", known):
            return inspect(self.what, self.outputs, self.updates, mode=mode, name=self.name)


def named_graph(name: str, *, dtype: str = "float64") -> NamedGraph:
    """Find the graph that `name` stands for, as this module says; `dtype` is for ``logistic`` alone.

    Refused if there is no such module, file or object, importing it fails, or it is no graph.
    """
    if name == "logistic":
        return _logistic(dtype)
    if dtype != "float64":
        raise InputError("dtype", found=f"{dtype} for {name}", allowed="float64, but for the logistic graph")
    place, colon, attribute = name.rpartition(":")
    if not colon or not place or not attribute:
        raise InputError("graph", found=repr(name), allowed=ALLOWED)
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    thing: Any = module
    for part in attribute.split("."):
        if not hasattr(thing, part):
            there = sorted(n for n in vars(module) if not n.startswith("_"))
            raise InputError(
                "graph", found=f"no {attribute} in {place}", allowed=", ".join(there[:12]) or "nothing there"
            )
        thing = getattr(thing, part)
    return _as_graph(attribute, thing)


def _logistic(dtype: str) -> NamedGraph:
    data = load("random", seed=0, dtype=dtype)
    graph = logistic_graph(data.initial_w, dtype=dtype)
    updates = gradient_descent(graph.cost, [graph.w, graph.b])
    inputs = {"x": data.x, "y": data.y.astype(dtype)}
    return NamedGraph("logistic train", [graph.x, graph.y], [graph.prediction, graph.xent], updates, inputs)


def _from_module(name: str) -> ModuleType:
    # The folder one stands in, as with ``python -m``.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with _refused("graph", f"module {name}, which does not import", ALLOWED):
        return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError("graph", found=f"no file {path}", allowed="an existing Python file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None  # so for every .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses and pickling look it up by name
    sys.path.insert(0, str(path.parent.resolve()))
    with _refused("graph", f"{path}, which does not run", "a Python file that runs"):
        spec.loader.exec_module(module)
    return module


def _as_graph(name: str, thing: Any) -> NamedGraph:
    if callable(thing) and not isinstance(thing, Function | Variable):
        with _refused("graph", f"{name}, which cannot be called without arguments", KINDS):
            thing = thing()
    if isinstance(thing, Function):
        return NamedGraph(name, thing)
    outputs = thing if isinstance(thing, list) else [thing]
    if outputs and all(isinstance(output, Variable) for output in outputs):
        return NamedGraph(name, list(dict.fromkeys(explicit_graph_inputs(outputs))), thing)
    if isinstance(thing, tuple) and len(thing) in (2, 3) and isinstance(thing[0], Sequence):
        return NamedGraph(name, list(thing[0]), *thing[1:])
    raise InputError("graph", found=f"{name}, a {type(thing).__name__}", allowed=KINDS)


@contextmanager
def _refused(argument: str, what: str, allowed: str) -> Iterator[None]:
    """Whatever the user's code, or a linker, raises inside: an InputError that tells it in a line."""
    try:
        yield
    except InputError:
        raise
    except Exception as problem:
        raise InputError(argument, found=f"{what} ({one_line(problem)})", allowed=allowed) from problem
