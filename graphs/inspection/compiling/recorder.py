"""Watching a compilation: a copy is compiled in the same mode, and every change to it noted.

While PyTensor compiles, only references are kept, so that watching costs little; the plain
tables are made afterwards (`graphs.inspection.compiling.tables`).
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any

from pytensor.compile.mode import Mode
from pytensor.configdefaults import config
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import (
    GraphRewriter,
    SequentialGraphRewriter,
)

from graphs.environment import own_warnings_only
from graphs.errors import InputError
from graphs.inspection.compiling.modes import phase_name, rewriting
from graphs.inspection.compiling.parts import Parts
from graphs.inspection.compiling.watch import Application, Watcher

__all__ = ["Watched", "compile_watched"]

AFTER_REWRITING = "output copies"


@dataclass
class Watched:
    """A compiled copy and everything that happened while it was compiled.

    Attributes
    ----------
    function : pytensor.compile.executor.Function
        The copy, with storage of its own.
    inputs : tuple of Variable
        The graph's inputs: the function's own, then shared variables.
    first : tuple of (Apply, tuple of Variable)
        Nodes and their inputs before any rewrite.
    first_outputs : tuple of Variable
        The graph's outputs before any rewrite.
    applications : list of Application
        In order.
    seconds, own_seconds : float
        The compilation without the watcher's work, and that work.
    """

    parts: Parts
    function: Any
    inputs: tuple[Variable, ...]
    first: tuple[tuple[Apply, tuple[Variable, ...]], ...]
    first_outputs: tuple[Variable, ...]
    applications: list[Application]
    seconds: float
    own_seconds: float


class _Phase(GraphRewriter):  # type: ignore[misc]
    """One part of the rewriter, announced to the watcher."""

    def __init__(self, rewriter: GraphRewriter, watcher: Watcher) -> None:
        self.inner, self.watcher = rewriter, watcher
        self.name = getattr(rewriter, "name", None)

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        self.inner.add_requirements(fgraph)

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        if fgraph is not self.watcher.fgraph:
            return self.inner.apply(fgraph, *args, **kwargs)
        self.watcher.begin(self.inner, phase_name(self.inner))
        try:
            return self.inner.apply(fgraph, *args, **kwargs)
        finally:
            self.watcher.begin(None, AFTER_REWRITING)

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)


class _Announcing(GraphRewriter):  # type: ignore[misc]
    """The mode's whole rewriter, on a watched graph."""

    def __init__(self, mode: Mode, watcher: Watcher) -> None:
        self.mode, self.watcher = mode, watcher

    def rewrite(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        if self.watcher.fgraph is not None:
            return self.mode.optimizer.rewrite(fgraph, *args, **kwargs)
        fgraph.attach_feature(self.watcher)
        # Rewrites of inner graphs read the mode from the configuration: let them see the real one.
        with config.change_flags(mode=self.mode):
            rewriter = _in_phases(self.mode.optimizer, self.watcher)
            return rewriter.rewrite(fgraph, *args, **kwargs)

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        return self.mode.optimizer.apply(fgraph, *args, **kwargs)


def _in_phases(rewriter: Any, watcher: Watcher) -> Any:
    """The same rewriter with each of its parts announced."""
    rewriter = getattr(rewriter, "resolved", rewriter)  # the native linker's, put together when wanted
    # PyTensor 3.3 wraps the sequence to make the mode known, a linker of one's own to add to it.
    for name in ("_rewriter", "rewriter"):
        wrapped = vars(rewriter).get(name)
        if isinstance(wrapped, GraphRewriter):
            twin: Any = copy.copy(rewriter)
            setattr(twin, name, _in_phases(wrapped, watcher))
            return twin
    if isinstance(rewriter, SequentialGraphRewriter):
        twin = copy.copy(rewriter)
        twin.data = [_Phase(part, watcher) for part in rewriter.data]
        return twin
    return _Phase(rewriter, watcher)


def _watching(mode: Mode, watcher: Watcher) -> Mode:
    """`mode` itself, linker and all, but with an announcing rewriter."""
    mode = rewriting(mode)
    kind = type(mode)
    announcing = property(lambda self: _Announcing(mode, watcher))
    twin: Any = object.__new__(type(kind.__name__, (kind,), {"optimizer": announcing}))
    vars(twin).update(vars(mode))
    return twin


def compile_watched(parts: Parts) -> Watched:
    """Compile `parts` in their mode and note every change.

    Returns
    -------
    Watched
        The compiled copy and its story.

    Raises
    ------
    InputError
        If the mode compiles another graph than the one it rewrote first (DebugMode).
    """
    watcher = Watcher()
    started = time.perf_counter()
    with own_warnings_only():
        maker = parts.mode.function_maker(
            parts.inputs,
            parts.outputs,
            _watching(parts.mode, watcher),
            accept_inplace=parts.accept_inplace,
            profile=None,
            on_unused_input="ignore",
            name=parts.name or None,
        )
        watcher.close()
        same = maker.fgraph is watcher.fgraph
        if not same:
            raise InputError(
                "mode",
                found=f"{type(parts.mode).__name__}, which rewrites several copies of a graph",
                allowed="a mode that rewrites the graph it compiles",
                remedy="record the mode that it checks instead",
            )
        maker.mode = parts.mode
        maker.fgraph.remove_feature(watcher)
        function = maker.create()
    seconds = time.perf_counter() - started
    return Watched(
        parts,
        function,
        watcher.inputs,
        watcher.first,
        watcher.first_outputs,
        watcher.applications,
        round(seconds - watcher.own, 7),
        round(watcher.own, 7),
    )
