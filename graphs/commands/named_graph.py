"""A graph by name: what a command line can say, to what `graphs.inspection.inspect` takes.

``logistic`` is this project's own training step on its own data. ``module:object`` and
``file.py:name`` import the user's code and take from it

- a compiled PyTensor function,
- an expression, or a list of them (its inputs are found),
- ``(inputs, outputs)`` or ``(inputs, outputs, updates)``, as for ``pytensor.function``,
- a PyMC model: its log-density and that one's gradient, at its initial point,
- or something to call without arguments that returns one of these.

That code may do anything. Whatever it raises ends in one sentence, and it neither ends this process nor moves it
into another folder.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytensor
from pytensor.compile.executor import Function
from pytensor.compile.mode import get_mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.configdefaults import config
from pytensor.graph.basic import Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.traversal import explicit_graph_inputs, graph_inputs
from pytensor.link.basic import Container

from graphs.data import load
from graphs.errors import InputError
from graphs.foreign import one_line, quoted
from graphs.functions import resolve_mode
from graphs.gradient_check import GradientCheck, check_gradient
from graphs.inspection import Inspection, inspect
from graphs.inspection.compiling.pymc_model import REWRITES, function_of, is_model, model_graph
from graphs.inspection.compiling.written import written_expression, written_function
from graphs.inspection.values.inputs import sample_inputs
from graphs.interruption import Interrupted
from graphs.models.logistic import logistic_graph
from graphs.updates import gradient_descent

__all__ = ["NamedCost", "NamedGraph", "named_cost", "named_functions", "named_graph", "named_object"]

ALLOWED = "logistic, module:object or file.py:name"
KINDS = (
    "a compiled PyTensor function, an expression or a list of them, (inputs, outputs) or"
    " (inputs, outputs, updates), a PyMC model, or something callable without arguments that returns one of these"
)
MOST_OUTPUTS = 1000
TRACED = 60  # frames up from where a variable was made, so that a library's do not hide the user's line


@dataclass(frozen=True)
class NamedGraph:
    """A graph ready to be compiled and recorded."""

    name: str
    what: Any  # a compiled function, or a list of input Variables
    outputs: Any = None  # with inputs, as for ``pytensor.function``
    updates: Any = ()  # likewise
    inputs: Mapping[str, Any] = field(default_factory=dict)  # sample inputs that belong to it, by name
    rewrites: Sequence[str] = ()  # that it is compiled with beside its mode's

    @property
    def compiled(self) -> bool:
        """Whether it is a function, which has a mode already."""
        return isinstance(self.what, Function)

    def check_inputs(self, given: Mapping[str, Any] | None, shapes: Any, seed: int) -> None:
        """Refuse, before anything is compiled, inputs that do not fit and those of which nothing is said."""
        if self.compiled:
            pairs = zip(self.what.maker.inputs, self.what.input_storage, strict=True)
            specs = [spec for spec, kept in pairs if kept.storage[0] is None]
        else:
            specs = [spec for spec in self.what if getattr(spec, "value", None) is None]
        sample_inputs([getattr(spec, "variable", spec) for spec in specs], given, shapes, seed)

    def inspect(self, mode: Any = None) -> Inspection:
        """Compile and record it, in PyTensor's configured mode by default; a compiled function has one."""
        if self.compiled:
            with _refused("graph", f"{self.name}, which does not compile again", KINDS, but=_no_room):
                return inspect(self.what, mode=mode)
        # Linkers refuse Ops, frameworks are missing: each in its own way.
        if self.rewrites:
            mode = get_mode(mode).including(*self.rewrites)
        known = "a mode whose linker knows all of the graph's Ops and whose framework is installed"
        with _refused("mode", f"one that cannot compile {self.name}", known, but=_no_room):
            return inspect(self.what, self.outputs, self.updates, mode=mode, name=self.name)

    def examine(self, inspection: Inspection, *inputs: Any, **asked: Any) -> Inspection:
        """`Inspection.examine`, which runs the Ops of the graph; they may be the user's own."""
        computed = "a graph that can be computed"
        with _refused("graph", f"{self.name}, which does not run", computed, but=_no_room):
            return inspection.examine(*inputs, **asked)

    def why(self, inspection: Inspection, rule: str) -> Inspection:
        """`Inspection.why`, which rewrites the graph again."""
        with _refused("graph", f"{self.name}, which does not compile again", KINDS, but=_no_room):
            return inspection.why(rule)

    def leave_out(self, inspection: Inspection, **asked: Any) -> Inspection:
        """`Inspection.leave_out`, likewise."""
        with _refused(
            "graph", f"{self.name}, which does not run", "a graph that can be computed", but=_no_room
        ):
            return inspection.leave_out(**asked)


@dataclass(frozen=True)
class NamedCost:
    """A cost whose gradient can be checked."""

    name: str
    cost: Any
    mode: Any = None  # of the function that it comes from
    rewrites: Sequence[str] = ()  # that it is compiled with beside its mode's
    inputs: Mapping[str, Any] = field(default_factory=dict)  # sample inputs that belong to it, by name

    @property
    def roots(self) -> list[Any]:
        """The shared Variables and inputs that it is computed from."""
        found = dict.fromkeys(graph_inputs([self.cost]))
        return [root for root in found if not isinstance(root, Constant)]

    def check(
        self, parameters: Sequence[Any], values: Mapping[Any, Any], *, mode: Any, entries: int, seed: int
    ) -> GradientCheck:
        """`graphs.check_gradient`, which runs the Ops of the graph; they may be the user's own."""
        mode = resolve_mode(mode or self.mode).including(*self.rewrites)
        computed = "a graph that can be computed"
        with _refused("graph", f"{self.name}, which does not run", computed, but=_no_room):
            return check_gradient(self.cost, parameters, values, mode=mode, entries=entries, seed=seed)


def named_cost(name: str) -> NamedCost:
    """The cost that `name` stands for: an expression, or the one scalar among the outputs of a graph or function.

    ``logistic`` is the classic's cost.
    """
    if name == "logistic":
        data = load("random", seed=0)
        cost = logistic_graph(data.initial_w).cost
        return NamedCost("logistic cost", cost, inputs={"x": data.x, "y": data.y.astype("float64")})
    graph = named_graph(name)
    mode, specs, outputs = None, graph.what, graph.outputs
    if graph.compiled:
        with _refused("graph", f"{graph.name}, whose graph cannot be had", KINDS, but=_no_room):
            written = written_function(graph.what)
        mode, outputs = written.mode, written.wiring.outputs[: len(written.outputs)]
        specs = written.inputs
    several = isinstance(outputs, Sequence) and not isinstance(outputs, Variable)
    asked = [getattr(out, "variable", out) for out in (outputs if several else [outputs])]
    found = [out for out in asked if out is not None and _is_cost(out)]
    if graph.rewrites:  # a model's density, and its gradient
        found = found[:1]
    if len(found) != 1:
        told = f"{graph.name} with {len(found)} scalars of floats among its {len(asked)} outputs"
        remedy = "name the cost itself: file.py:cost"
        raise InputError(
            "graph", found=told, allowed="a graph with one scalar of floats, its cost", remedy=remedy
        )
    return NamedCost(graph.name, found[0], mode, graph.rewrites, {**_defaults(specs), **graph.inputs})


def named_graph(name: str, *, dtype: str = "float64") -> NamedGraph:
    """Find the graph that `name` stands for, as this module says; `dtype` is for ``logistic`` alone.

    Refused if there is no such module, file or object, importing it fails, or it is no graph.
    """
    if name == "logistic":
        return _logistic(dtype)
    if dtype != "float64":
        raise InputError("dtype", found=f"{dtype} for {name}", allowed="float64, but for the logistic graph")
    with config.change_flags(traceback__limit=TRACED):
        attribute, where, thing = named_object("graph", name)
        with _refused("graph", f"{where}, which cannot be looked at", KINDS):
            return _as_graph(attribute, where, thing)


def named_functions(name: str) -> Any:
    """What `name` stands for as compiled functions: those that it is or holds, or its graph compiled in mode NATIVE."""
    with config.change_flags(traceback__limit=TRACED):
        attribute, where, thing = named_object("graph", name)
        if callable(thing) and not isinstance(thing, Function | Variable) and not is_model(thing):
            with _refused("graph", f"{where}, which cannot be called without arguments", KINDS):
                thing = thing()
        with _refused("graph", f"{where}, which cannot be looked at", KINDS):
            held = thing if isinstance(thing, Mapping) else getattr(thing, "__dict__", {})
            if any(isinstance(each, Function) for each in held.values()):
                return thing
            graph = _as_graph(attribute, where, thing)
    if graph.compiled:
        return {attribute.rpartition(".")[2]: graph.what}
    with _refused("graph", f"{where}, which does not compile", KINDS, but=_no_room):
        mode = resolve_mode("NATIVE").including(*graph.rewrites)
        updates = list(graph.updates.items() if isinstance(graph.updates, Mapping) else graph.updates or ())
        compiled = pytensor.function(graph.what, graph.outputs, updates=updates, mode=mode)
    return {attribute.rpartition(".")[2]: compiled}


def named_object(argument: str, name: str) -> tuple[str, str, Any]:
    """What ``module:object`` or ``file.py:name`` stands for: the object's name, where it stands, and itself."""
    place, _, attribute = name.rpartition(":")
    if not place or not attribute:
        raise InputError(argument, found=quoted(name), allowed=ALLOWED)
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    where = f"{attribute} in {place}"
    with _refused(argument, f"{where}, which cannot be looked at", KINDS):
        return attribute, where, _attribute(argument, module, place, attribute)


def _is_cost(out: Any) -> bool:
    kind = getattr(out, "type", None)
    return str(getattr(kind, "dtype", "")).startswith("float") and getattr(kind, "ndim", None) == 0


def _defaults(specs: Sequence[Any]) -> dict[str, Any]:
    """The values that inputs have where nobody gives one."""
    found = {}
    for spec in specs:
        variable, value = getattr(spec, "variable", spec), getattr(spec, "value", None)
        value = value.storage[0] if isinstance(value, Container) else value
        if value is not None and variable.name and not isinstance(variable, SharedVariable):
            found[variable.name] = value
    return found


def _logistic(dtype: str) -> NamedGraph:
    data = load("random", seed=0, dtype=dtype)
    graph = logistic_graph(data.initial_w, dtype=dtype)
    updates = gradient_descent(graph.cost, [graph.w, graph.b])
    inputs = {"x": data.x, "y": data.y.astype(dtype)}
    return NamedGraph("logistic train", [graph.x, graph.y], [graph.prediction, graph.xent], updates, inputs)


def _from_module(name: str) -> ModuleType:
    # The folder one stands in, as with ``python -m``.
    with _refused("graph", f"module {name}, which does not import", ALLOWED), _first(Path()):
        return importlib.import_module(name)


def _from_file(path: Path) -> ModuleType:
    with _refused("graph", f"{quoted(str(path))}, which is no name of a file", "an existing Python file"):
        if not path.is_file():
            found = f"{path}, which is no file" if path.exists() else f"no file {path}"
            raise InputError("graph", found=found, allowed="an existing Python file")
    # Dataclasses and pickling look the module up by its name, which must not be that of a package.
    name = path.stem
    if not name.isidentifier() or name in sys.modules or importlib.util.find_spec(name):
        name = f"graph file {name}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # so for every .py file
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    with _refused("graph", f"{path}, which does not run", "a Python file that runs"), _first(path.parent):
        spec.loader.exec_module(module)
    return module


@contextmanager
def _first(folder: Path) -> Iterator[None]:
    """Import with the modules of `folder` found first meanwhile, and last from then on.

    For what is imported here later must not be a file of the user's that happens to have its name.
    """
    place = str(folder.resolve())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        if place in sys.path:
            sys.path.remove(place)
        sys.path.append(place)


def _attribute(argument: str, module: ModuleType, place: str, attribute: str) -> Any:
    thing: Any = module
    for part in attribute.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError as absent:
            there = sorted(str(n) for n in vars(module) if not str(n).startswith("_"))
            raise InputError(
                argument, found=f"no {attribute} in {place}", allowed=", ".join(there[:12]) or "nothing there"
            ) from absent
    return thing


def _as_graph(name: str, where: str, thing: Any) -> NamedGraph:
    if is_model(thing):
        with _refused("graph", f"{where}, a model that PyMC gives no density", KINDS):
            graph = model_graph(thing)
        return NamedGraph(name, graph.inputs, graph.outputs, inputs=graph.point, rewrites=REWRITES)
    thing = function_of(thing)
    if callable(thing) and not isinstance(thing, Function | Variable):
        with _refused("graph", f"{where}, which cannot be called without arguments", KINDS):
            thing = thing()
    if isinstance(thing, Function):
        return NamedGraph(name, thing)
    parts = list(thing) if isinstance(thing, list | tuple) else [thing]
    if isinstance(thing, tuple) and len(parts) in (2, 3) and isinstance(parts[0], Sequence):
        inputs, outputs, updates = list(parts[0]), parts[1], parts[2] if len(parts) == 3 else ()
    elif parts and not isinstance(thing, tuple) and all(isinstance(part, Variable) for part in parts):
        inputs, outputs, updates = list(dict.fromkeys(explicit_graph_inputs(parts))), thing, ()
    else:
        raise InputError("graph", found=f"{where}, a {type(thing).__name__}", allowed=KINDS)
    if isinstance(outputs, Sequence) and len(outputs) > MOST_OUTPUTS:
        raise InputError(
            "graph", found=f"{where} with {len(outputs):,} outputs", allowed=f"at most {MOST_OUTPUTS:,}"
        )
    with _refused("graph", f"{where}, which pytensor.function does not take", KINDS):
        try:
            written = written_expression(inputs, outputs, updates)
        except InputError as refusal:
            raise InputError(
                "graph", found=f"{where}, {refusal.found}", allowed=refusal.allowed, remedy=refusal.remedy
            ) from refusal
        # Refuses an output that depends on an input which is not among them.
        FunctionGraph(written.wiring.inputs, written.wiring.outputs)
    return NamedGraph(name, inputs, outputs, updates)


def _no_room(problem: BaseException) -> bool:
    """Whether there is too little memory or disk, which is nobody's mistake."""
    full = isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or isinstance(problem, MemoryError)


@contextmanager
def _same_folder() -> Iterator[None]:
    try:
        before = os.getcwd()
    except OSError:  # somebody has removed it
        before = ""
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(before)


@contextmanager
def _refused(
    argument: str, what: str, allowed: str, *, but: Callable[[BaseException], bool] = lambda problem: False
) -> Iterator[None]:
    """Whatever the user's code, or a linker, raises inside: an InputError that tells it in a line.

    Also what would end this process, silently; only a signal does. The folder stays the one it was.
    """
    with _same_folder():
        try:
            yield
        except (InputError, Interrupted):
            raise
        except BaseException as problem:
            if but(problem):
                raise
            raise InputError(argument, found=f"{what} ({one_line(problem)})", allowed=allowed) from problem
