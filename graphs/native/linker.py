"""PyTensor's way in: a mode that rewrites and decides, and the linker that it hands the graph to.

PyTensor asks a mode for its rewriter and runs it, then gives the graph to the mode's linker, then asks the
linker for a callable. So :class:`NativeRewriter` rewrites (or recognises) a graph and plans it, and
:class:`NativeLinker` looks the plan up and makes a :class:`~graphs.compiled.call.NativeCall` from it.
"""

from __future__ import annotations

import functools
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytensor
from pytensor.compile.builders import OpFromGraph
from pytensor.compile.maker import FunctionMaker
from pytensor.compile.mode import Mode, get_default_mode, get_mode
from pytensor.configdefaults import config
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.basic import Container, Linker
from pytensor.link.utils import map_storage

from graphs.compiled.call import NativeCall
from graphs.compiled.compiler import CompilerMissing, begin_library
from graphs.compiled.program import Program
from graphs.native.program import NativeSource, OpUnknown
from graphs.native.run import store
from graphs.native.run.function import NativeFunction

__all__ = [
    "NativeLinker",
    "NativeMode",
    "NativeRewriter",
    "NotNative",
    "fallback_mode",
    "native_mode",
    "refusal",
    "source_of",
]

# Fusion, BLAS and work in place are this linker's own business, and it does them by index.
EXCLUDED = (
    *("fusion", "add_mul_fusion", "inplace", "BlasOpt", "blas_opt", "cxx_only", "scan_make_inplace"),
    # from PyTensor 3.3 on; graphs inside Ops are rewritten here, where they are taken apart or lowered
    *("ofg_inner_graph", "scan_inner_graph", "optimize_inner_graph"),
    # which keeps the factors of a matrix for another Op: LAPACK's own functions are called for both
    *("reuse_decomposition_multiple_solves", "scan_split_non_sequence_decomposition_and_solve"),
)
QUERY = RewriteDatabaseQuery(include=["fast_run"], exclude=list(EXCLUDED))


class NotNative(UserWarning):
    """A function runs in a mode of PyTensor's after all; the message says which, why, and what that costs."""


@dataclass(frozen=True)
class Plan:
    """What has been decided about a FunctionGraph."""

    program: Program | None  # what will run natively
    reason: str = ""  # why nothing will
    rewritten: bool = True  # not where the program came from the cache: the graph is left as it was written
    order: tuple[Any, ...] = ()  # the Apply nodes that the program's spans count
    # what the cache was, or would be, asked; None where nothing is native
    question: store.Question | None = None
    # how long it took, in seconds: each part of the rewriter by PyTensor's name for it, and then the code
    rewriting: tuple[tuple[str, float], ...] = ()
    code: float = 0.0


# From the rewriter to the linker: PyTensor calls the one, then the other, and all that they share is the graph.
# Kept beside the graphs and not on them, so that whoever copies or pickles one carries nothing of ours.
_PLANS: WeakKeyDictionary[Any, Plan] = WeakKeyDictionary()


def refusal(fgraph: Any) -> str:
    """Why a FunctionGraph was handed on to another linker; empty where it was not, or never came here."""
    plan = _PLANS.get(fgraph)
    return plan.reason if plan else ""


class Deferred(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """A rewriter that is put together when it is first wanted, which a warm start never does."""

    name = "rewrites"

    def __init__(self, database: Any, query: Any) -> None:
        super().__init__()
        self.database, self.query = database, query  # where to look, and for what; or the rewriter itself

    @functools.cached_property
    def resolved(self) -> Any:
        """The rewriter itself."""
        asked = isinstance(self.query, RewriteDatabaseQuery)
        return self.database.query(self.query) if asked else self.query

    def apply(self, fgraph: Any) -> Any:
        """Rewrite `fgraph`; the rewriter itself attaches what it requires."""
        return self.resolved.rewrite(fgraph)


class NativeRewriter(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """The rewrites of a query, then the decision whether the graph is native; neither where the cache knows it."""

    name = "native"

    def __init__(self, database: Any, query: Any, cached: bool) -> None:
        super().__init__()
        self.rewriter: GraphRewriter = Deferred(database, query)
        self.query = query
        self.cached = cached  # whether to ask the cache, and to tell it
        self.fallback = fallback_mode()  # while PyTensor rewrites, its configured mode is this one

    def apply(self, fgraph: Any) -> Any:
        """Rewrite, or recognise, `fgraph`, and plan it."""
        question = store.Question.of(fgraph, self.query)
        program = store.known(question.key, fgraph) if self.cached else None
        if program is not None:
            _PLANS[fgraph] = Plan(program, rewritten=False, question=question)
            return None
        from graphs.native.pipeline import make_program  # here, so that a warm start does without it

        question = question.missed()
        profile = self.rewriter.rewrite(fgraph)
        rewriting = _by_part(profile)
        if _take_apart(fgraph):  # and what was hidden in it is rewritten too
            profile = self.rewriter.rewrite(fgraph)
            rewriting += _by_part(profile)
        started = time.perf_counter()
        try:
            program = make_program(fgraph, inside=functools.partial(_inside, self.rewriter))
            _refuse_mostly_python(program, fgraph)
            code = time.perf_counter() - started
            begin_library(program.text, self.cached)
        except (OpUnknown, CompilerMissing) as why:
            self.fallback.optimizer.rewrite(fgraph)
            _PLANS[fgraph] = Plan(None, str(why))
        else:
            if self.cached:
                store.remember(question, program)
            order = tuple(fgraph.toposort())
            _PLANS[fgraph] = Plan(program, order=order, question=question, rewriting=rewriting, code=code)
        return profile


def _by_part(profile: Any) -> tuple[tuple[str, float], ...]:
    """Seconds of each part of a rewriter that PyTensor ran, from what it returns."""
    rewriter, seconds, *_ = profile if isinstance(profile, tuple) and len(profile) > 1 else (None, ())
    parts = getattr(rewriter, "data", ())
    names = [str(getattr(part, "name", None) or type(part).__name__) for part in parts]
    return tuple(zip(names, seconds, strict=True)) if len(names) == len(seconds) else ()


MOST = 8  # nodes that Python may perform also where they are half of all, or more


def _refuse_mostly_python(program: Program, fgraph: Any) -> None:
    """A graph of which Python would perform the larger part is faster in a mode of PyTensor's own."""
    count, performed = len(fgraph.apply_nodes), len(program.performed)
    if performed > MOST and 2 * performed >= count:
        reasons = dict.fromkeys(why for _, why in program.performed)
        named = ", ".join(list(reasons)[:3]) + (", …" if len(reasons) > 3 else "")
        raise OpUnknown(f"it has no C for {performed} of its {count} nodes ({named})")


def _inside(rewriter: GraphRewriter, op: Any) -> Any:
    """A copy of the graph inside an Op, rewritten like the one that the Op is in."""
    inner = op.fgraph
    # PyTensor 3.3 freezes such graphs
    inner = inner.unfreeze() if hasattr(inner, "unfreeze") else inner.clone(check_integrity=False)
    rewriter.rewrite(inner)
    if _take_apart(inner):
        rewriter.rewrite(inner)
    return inner


def _take_apart(fgraph: Any) -> bool:
    """Put the graph that it stands for in the place of every OpFromGraph that has no lowering of its own.

    From PyTensor 3.3 on derivatives of softmax and its kin are such nodes. Returns whether there was one.
    """
    from graphs.native.lower import LOWERINGS

    found = False
    while nodes := [
        node
        for node in fgraph.toposort()
        if isinstance(node.op, OpFromGraph) and not any(kind in LOWERINGS for kind in type(node.op).__mro__)
    ]:
        found = True
        for node in nodes:
            inner = node.op.fgraph
            inputs = dict(zip(inner.inputs, node.inputs, strict=True))
            bind = getattr(inner, "bind", None)  # where such a graph is frozen
            inside = bind(inputs) if bind else clone_replace(inner.outputs, inputs)
            fgraph.replace_all(list(zip(node.outputs, inside, strict=True)), reason="take_apart")
    return found


class NativeLinker(Linker):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Turns a whole graph into one C file and calls it.

    An Op that has no C is performed by Python in the middle of it. A graph of which that would be the larger part, or a
    machine without a C compiler, gets the linker of another mode (:func:`fallback_mode`) instead and one
    :class:`NotNative` warning that says why.

    Parameters
    ----------
    cached : bool
        Whether programs and libraries are kept between processes (:mod:`graphs.compiled.cache`).
    """

    required_rewrites: tuple[str, ...] = ("minimum_compile",)
    incompatible_rewrites: tuple[str, ...] = EXCLUDED  # what a plain Mode leaves out for it

    def __init__(self, *, cached: bool = True, allow_gc: bool | None = None, scheduler: Any = None) -> None:
        super().__init__(allow_gc=False, scheduler=scheduler)
        self.cached = cached
        self.query: Any = QUERY  # for graphs that come without a plan: copies of functions, other modes'
        self.fgraph: Any = None
        self.plan = Plan(None)
        self.guarded = False  # whether what it makes is called by a NativeFunction

    def __repr__(self) -> str:
        return f"NativeLinker(cached={self.cached})"

    @property
    def from_cache(self) -> bool:
        """Whether it knew its graph again, which then is left as the user wrote it."""
        return not self.plan.rewritten

    def accept(self, fgraph: Any, no_recycling: Any = None, profile: Any = None) -> Any:
        """Take a graph; gives back another mode's linker where this one cannot run it."""
        if fgraph not in _PLANS or not set(_PLANS[fgraph].order) <= set(fgraph.apply_nodes):
            NativeRewriter(pytensor.compile.mode.optdb, self.query, self.cached).apply(fgraph)
            # the variables that were named have been rewritten
            no_recycling = [v for v in fgraph.variables if v.owner is not None]
        plan = _PLANS[fgraph]
        if plan.program is None:
            _tell(plan.reason)
            other = fallback_mode().linker.clone(allow_gc=False)
            other = other.accept(fgraph, no_recycling=no_recycling, profile=profile)
            if hasattr(other, "accept_var_updates"):  # PyTensor asks the mode's own linker only
                pairs = fgraph.update_mapping.items()
                other.accept_var_updates({fgraph.inputs[i]: fgraph.outputs[o] for o, i in pairs})
            return other
        linker: NativeLinker = self.clone()
        linker.fgraph, linker.plan = fgraph, plan
        return linker

    def make_thunk(
        self, input_storage: Any = None, output_storage: Any = None, storage_map: Any = None, **kwargs: Any
    ) -> Any:
        """The callable, and containers for its inputs and outputs.

        Functions of a :class:`NativeMode` keep the arguments of threads apart. Those of a plain Mode with this linker
        do as all others of PyTensor's: one thread at a time may call them.
        """
        assert self.plan.program is not None
        cells = input_storage, output_storage, storage_map
        inputs, outputs, storage_map = map_storage(self.fgraph, self.schedule(self.fgraph), *cells)
        updates = self.fgraph.update_mapping or {}
        call = NativeCall(
            self.plan.program,
            self.variant,
            self.instead,
            inputs,
            updates,
            self.cached,
            storage_map,
            self.performer,
        )
        entering = [Container(v, cell) for v, cell in zip(self.fgraph.inputs, inputs, strict=True)]
        for container in entering:
            container.type = Remembering(container.type, container.storage)
        pairs = zip(self.fgraph.outputs, outputs, strict=True)
        return call, entering, [Container(v, cell, readonly=True) for v, cell in pairs]

    def variant(self, layouts: str) -> Program:
        """The program for inputs in other memory orders."""
        keep = self.cached and self.from_cache
        question = store.Question.of(self.fgraph, self.query, layouts) if keep else None
        program = store.known(question.key, self.fgraph, layouts) if question else None
        if program is None:
            from graphs.native.pipeline import make_program

            graph, rewriter = self.fgraph, Deferred(pytensor.compile.mode.optdb, self.query)
            if self.from_cache:
                graph = graph.clone()
                rewriter.rewrite(graph)
            program = make_program(graph, layouts, functools.partial(_inside, rewriter))
            if question:
                store.remember(question, program)
        return program

    def performer(self, program: Program) -> Any:
        """What performs nodes of the graph in Python, where the program asks for that."""
        if not (program.performed or program.keeps_objects):
            return None
        from graphs.native.run.perform import Performer

        return Performer(self.fgraph, program)

    def instead(self, reason: str) -> Callable[..., list[Any]]:
        """What runs where the compiler has refused the program: the whole graph in another mode."""
        _tell(reason)
        inputs = {v: v.type() for v in self.fgraph.inputs}  # a shared variable cannot be an argument
        outputs = clone_replace(list(self.fgraph.outputs), replace=inputs)
        function: Callable[..., list[Any]] = pytensor.function(
            list(inputs.values()), outputs, mode=fallback_mode(), on_unused_input="ignore"
        )
        return function


def _tell(reason: str) -> None:
    """Warn that a function is not native, where the user has asked for it: the first line outside this and PyTensor."""
    frame, level = sys._getframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (
        "graphs",
        "pytensor",
    ):
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]  # the last one has none
    mode = fallback_mode()
    # measured on the train graph and on PyMC's models, with nothing compiled before
    compiles = {"NumbaLinker": "0.2", "VMLinker": "0.3"}.get(type(mode.linker).__name__)
    if getattr(mode.linker, "c_thunks", None) is False or not (config.cxx or compiles == "0.2"):
        compiles = None
    cost = f"; where nothing is cached, compiling it takes some {compiles} s a node" if compiles else ""
    name = "default" if mode is default_mode() else "CVM"
    text = f"This function runs in PyTensor's {name} mode: {reason}{cost}."
    warnings.warn(text, NotNative, stacklevel=level + 1)


class Remembering:
    """Stands for an input's Type in its Container, and knows again the array that it accepted last.

    PyTensor filters every argument at every call; a training loop passes the same arrays ten thousand
    times. What may have changed about an array since (its dtype, shape and memory order can be set in
    place) is looked at again by :class:`graphs.compiled.call.NativeCall` and in C.
    """

    def __init__(self, kind: Any, cell: list[Any]) -> None:
        self.kind = kind  # the input's own Type
        self.cell = cell  # of its storage: what was accepted last

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """As the Type's own, unless `value` is what was accepted last."""
        if value is self.cell[0] and type(value) is np.ndarray:
            return value
        return self.kind.filter(value, strict=strict, allow_downcast=allow_downcast)

    def __getattr__(self, name: str) -> Any:
        if "kind" not in self.__dict__:  # while it is being copied
            raise AttributeError(name)
        return getattr(self.kind, name)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.kind


class NativeMaker(FunctionMaker):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Makes functions that any thread may call."""

    def __init__(self, *args: Any, function_class: Any = NativeFunction, **kwargs: Any) -> None:
        super().__init__(*args, function_class=function_class, **kwargs)
        if isinstance(self.linker, NativeLinker):  # its own: a linker gives a copy of itself for each graph
            self.linker.guarded = issubclass(function_class, NativeFunction)


class NativeMode(Mode):  # type: ignore[misc]  # PyTensor's classes are untyped
    """A mode whose rewrites end with the decision whether the graph is native."""

    function_maker = NativeMaker

    linker: Any  # a NativeLinker that knows the mode's rewrites

    def __init__(self, linker: Any = None, optimizer: Any = QUERY, db: Any = None) -> None:
        super().__init__(NativeLinker() if linker is None else linker, optimizer, db)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        self.linker = self.linker.clone()
        self.linker.query = self._optimizer

    @property
    def optimizer(self) -> Any:
        """The rewriter that PyTensor runs."""
        return NativeRewriter(self.optdb, self._optimizer, self.linker.cached)


native_mode = NativeMode()


def default_mode() -> Any:
    """PyTensor's default mode, also where the native mode has been made the default."""
    mode = get_default_mode()
    return get_mode("Mode") if isinstance(mode, NativeMode) else mode


def fallback_mode() -> Any:
    """Where a graph runs that is not native: in the mode that is configured, else in whichever is faster by rule.

    Without Numba's compilation, whose first call takes tens of seconds for a graph of a hundred nodes, PyTensor's C
    linker runs such graphs as fast or faster; it needs a C++ compiler.
    """
    mode = default_mode()
    unnamed = config.mode == "Mode" or isinstance(config.mode, NativeMode)
    return get_mode("CVM") if unnamed and config.cxx else mode


def source_of(fn: Any) -> NativeSource | None:
    """The C file of a function compiled with a :class:`NativeLinker`; None if it runs some other way."""
    call, linker = fn.vm, fn.maker.linker
    if not isinstance(call, NativeCall) or call.instead is not None:
        return None
    program, nodes = call.program, fn.maker.fgraph.toposort()
    order = linker.plan.order if program is linker.plan.program else () if linker.from_cache else nodes
    position = {node: k for k, node in enumerate(nodes)}
    shown = {n: position[node] for n, node in enumerate(order) if node in position}

    def positions(counted: list[int]) -> tuple[int, ...]:
        return tuple(sorted(shown[n] for n in counted if n in shown))

    spans = tuple((first, last, positions(counted)) for first, last, counted in program.spans)
    pieces = tuple((first, last, positions(counted), text) for first, last, counted, text in program.pieces)
    return NativeSource(program.text, spans, pieces, tuple(program.constants))
