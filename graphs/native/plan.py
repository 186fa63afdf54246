"""The last of the rewrites: is the graph native, and what has it become?"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytensor.compile.mode import get_default_mode, get_mode
from pytensor.graph.rewriting.basic import GraphRewriter
from pytensor.graph.rewriting.db import RewriteDatabaseQuery

from graphs.native.program import Program, make_program
from graphs.native.run import store
from graphs.native.run.compiler import CompilerMissing, begin_library
from graphs.native.unknown import OpUnknown

if TYPE_CHECKING:
    from graphs.native.linker import NativeLinker

__all__ = ["Deferred", "NativeRewriter", "Plan", "default_mode", "title"]


class Plan:
    """What has been decided about a FunctionGraph.

    Attributes
    ----------
    program : Program or None
        What will run natively.
    reason : str
        Why not, where `program` is None.
    rewritten : bool
        False where the program came from the cache and the graph was left as the user wrote it.
    order : list of Apply
        The nodes that the program's spans count.
    """

    def __init__(self, program: Program | None, reason: str, rewritten: bool, order: Sequence[Any]) -> None:
        self.program = program
        self.reason = reason
        self.rewritten = rewritten
        self.order = list(order)


class Deferred(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """A rewriter that is put together when it is first wanted, which a warm start never does.

    Parameters
    ----------
    database, query
        Where to look, and for what; a rewriter instead of a query is that rewriter.
    """

    def __init__(self, database: Any, query: Any) -> None:
        super().__init__()
        self.database, self.query = database, query
        self.name = "rewrites"

    @functools.cached_property
    def resolved(self) -> Any:
        """The rewriter itself."""
        asked = isinstance(self.query, RewriteDatabaseQuery)
        return self.database.query(self.query) if asked else self.query

    def add_requirements(self, fgraph: Any) -> None:
        """Nothing beyond what the rewrites themselves ask for when they run."""

    def apply(self, fgraph: Any) -> Any:
        """Rewrite `fgraph`."""
        return self.resolved.rewrite(fgraph)

    def rewrite(self, fgraph: Any, *args: Any, **kwargs: Any) -> Any:
        """As `apply`; the rewriter itself attaches its requirements."""
        return self.apply(fgraph)


class NativeRewriter(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """The rewrites of a query, then the decision whether the graph is native; skipped where the cache knows it.

    Parameters
    ----------
    rewriter : GraphRewriter
        Run where the graph is not known.
    query
        What it was made from.
    """

    def __init__(self, rewriter: GraphRewriter, query: Any, linker: NativeLinker) -> None:
        super().__init__()
        self.rewriter = rewriter
        self.query = query
        self.linker = linker
        self.fallback = default_mode()  # while PyTensor rewrites, its configured mode is this one
        self.name = "native"

    def add_requirements(self, fgraph: Any) -> None:
        """Nothing beyond what the rewrites themselves ask for when they run."""

    def apply(self, fgraph: Any) -> Any:
        """Rewrite, or recognise, `fgraph`; its plan is kept on it."""
        key = store.key(fgraph, self.query) if self.linker.cached else None
        program = store.known(key)
        if program is not None:
            fgraph.native_plan = Plan(program, "", False, [])
            return None
        profile = self.rewriter.rewrite(fgraph)
        try:
            program = make_program(fgraph, title(fgraph))
            begin_library(program.text, self.linker.cached)
        except (OpUnknown, CompilerMissing) as why:
            self.fallback.optimizer.rewrite(fgraph)
            fgraph.native_plan = Plan(None, str(why), True, [])
            return profile
        store.remember(key, program)
        fgraph.native_plan = Plan(program, "", True, fgraph.toposort())
        return profile

    def rewrite(self, fgraph: Any, *args: Any, **kwargs: Any) -> Any:
        """As `apply`; the inner rewriter attaches its own requirements."""
        return self.apply(fgraph)

    def __call__(self, fgraph: Any) -> Any:
        return self.apply(fgraph)


def default_mode() -> Any:
    """PyTensor's default mode, also where the native mode has been made the default."""
    from graphs.native.linker import NativeMode

    mode = get_default_mode()
    return get_mode("Mode") if isinstance(mode, NativeMode) else mode


def title(fgraph: Any) -> str:
    """First line of the C file."""
    # a variable may be called anything, "*/" included
    names = [re.sub(r"[^\w .]+", " ", v.name or "an output") for v in fgraph.outputs]
    return f"From a PyTensor graph of {len(fgraph.apply_nodes)} Apply nodes to {', '.join(names)}."
