"""The linker and the mode: PyTensor's way in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytensor
from pytensor.compile.mode import Mode
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.link.basic import Container, Linker
from pytensor.link.utils import map_storage

from graphs.native.plan import Deferred, NativeRewriter, Plan, default_mode, title
from graphs.native.program import Program, make_program
from graphs.native.remembering import Remembering
from graphs.native.run import store
from graphs.native.run.call import NativeCall

__all__ = ["NativeLinker", "NativeMode", "NotNative", "native_mode"]

# Fusion, BLAS and work in place are this linker's own business, and it does them by index.
QUERY = RewriteDatabaseQuery(
    include=["fast_run"],
    exclude=["fusion", "add_mul_fusion", "inplace", "BlasOpt", "blas_opt", "cxx_only", "scan_make_inplace"],
)


class NotNative(UserWarning):
    """A function runs in PyTensor's default mode after all; the message says why."""


class NativeLinker(Linker):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Turns a whole graph into one C file and calls it.

    A graph with an Op that it does not know, or a machine without a C compiler, gets the default mode's
    linker instead and one :class:`NotNative` warning that says why.

    Parameters
    ----------
    cached : bool
        Whether programs and libraries are kept between processes (:mod:`graphs.native.run.cache`).
    """

    required_rewrites: tuple[str, ...] = ("minimum_compile",)
    incompatible_rewrites: tuple[str, ...] = ("cxx_only",)

    def __init__(self, *, cached: bool = True, allow_gc: bool | None = None, scheduler: Any = None) -> None:
        super().__init__(allow_gc=False, scheduler=scheduler)
        self.cached = cached
        self.fgraph: Any = None
        self.plan: Plan | None = None
        self.query: Any = QUERY

    def __repr__(self) -> str:
        return f"NativeLinker(cached={self.cached})"

    def accept(self, fgraph: Any, no_recycling: Any = None, profile: Any = None) -> Any:
        """Take a graph; gives back the default mode's linker where this one cannot run it."""
        plan = getattr(fgraph, "native_plan", None)
        if plan is None or (
            plan.rewritten and plan.program and not set(plan.order) <= set(fgraph.apply_nodes)
        ):
            rewriter = Deferred(pytensor.compile.mode.optdb, self.query)
            NativeRewriter(rewriter, self.query, self).apply(fgraph)
            plan = fgraph.native_plan
        if plan.program is None:
            warnings.warn(
                f"This function runs in PyTensor's default mode: {plan.reason}.", NotNative, stacklevel=8
            )
            other = default_mode().linker.clone(allow_gc=False)
            other = other.accept(fgraph, no_recycling=no_recycling, profile=profile)
            if hasattr(other, "accept_var_updates"):  # PyTensor asks the mode's own linker only
                pairs = fgraph.update_mapping.items()
                other.accept_var_updates({fgraph.inputs[i]: fgraph.outputs[o] for o, i in pairs})
            return other
        linker = type(self)(cached=self.cached)
        linker.fgraph, linker.plan, linker.query = fgraph, plan, self.query
        return linker

    def make_thunk(
        self, input_storage: Any = None, output_storage: Any = None, storage_map: Any = None, **kwargs: Any
    ) -> Any:
        """The callable, and containers for its inputs and outputs."""
        assert self.plan is not None
        assert self.plan.program is not None
        order = self.schedule(self.fgraph)
        inputs, outputs, storage_map = map_storage(
            self.fgraph, order, input_storage, output_storage, storage_map
        )
        call = NativeCall(self.plan.program, self.variant, self.instead, inputs, self.cached, storage_map)
        call.plan = self.plan  # type: ignore[attr-defined]
        entering = [Container(v, cell) for v, cell in zip(self.fgraph.inputs, inputs, strict=True)]
        for container in entering:
            container.type = Remembering(container.type, container.storage)
        return (
            call,
            entering,
            [Container(v, cell, readonly=True) for v, cell in zip(self.fgraph.outputs, outputs, strict=True)],
        )

    def variant(self, layouts: str) -> Program:
        """The program for inputs in other memory orders."""
        assert self.plan is not None
        keep = self.cached and not self.plan.rewritten
        key = store.key(self.fgraph, self.query, layouts) if keep else None
        program = store.known(key)
        if program is None:
            graph = self.fgraph
            if not self.plan.rewritten:
                graph = graph.clone()
                pytensor.compile.mode.optdb.query(self.query).rewrite(graph)
            program = make_program(graph, title(graph), layouts)
            store.remember(key, program)
        return program

    def instead(self, reason: str) -> Callable[..., list[Any]]:
        """What runs where the compiler has refused the program: the whole graph in the default mode."""
        assert self.plan is not None
        self.plan.program, self.plan.reason = None, reason
        warnings.warn(f"This function runs in PyTensor's default mode: {reason}.", NotNative, stacklevel=6)
        inputs = {v: v.type() for v in self.fgraph.inputs}  # a shared variable cannot be an argument
        outputs = clone_replace(list(self.fgraph.outputs), replace=inputs)
        function: Callable[..., list[Any]] = pytensor.function(
            list(inputs.values()), outputs, mode=default_mode(), on_unused_input="ignore"
        )
        return function


class NativeMode(Mode):  # type: ignore[misc]  # PyTensor's classes are untyped
    """A mode whose rewrites end with the decision whether the graph is native."""

    def __init__(self, linker: Any = None, optimizer: Any = QUERY, db: Any = None) -> None:
        super().__init__(NativeLinker() if linker is None else linker, optimizer, db)

    @property
    def optimizer(self) -> Any:
        """The rewriter that PyTensor runs."""
        query = self._optimizer
        self.linker.query = query
        return NativeRewriter(Deferred(self.optdb, query), query, self.linker)


native_mode = NativeMode()
