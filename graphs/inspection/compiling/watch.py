"""Watching a compilation: a copy is compiled in the same mode, and every change to it noted.

While PyTensor compiles, only references are kept, so that watching costs little; the plain tables are
made afterwards (`graphs.inspection.compiling.tables`).
"""

from __future__ import annotations

import contextlib
import copy
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pytensor.compile.mode import Mode, predefined_modes
from pytensor.configdefaults import config
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.features import Feature
from pytensor.graph.fg import FunctionGraph, Output
from pytensor.graph.rewriting.basic import GraphRewriter, SequentialGraphRewriter, SequentialNodeRewriter

from graphs.environment import own_warnings_only
from graphs.errors import InputError
from graphs.foreign import plain
from graphs.inspection.compiling.rules import is_revert
from graphs.inspection.compiling.written import Written
from graphs.inspection.linkers.compilers import Worked, compiling

__all__ = [
    "Application",
    "Watched",
    "Watcher",
    "compile_watched",
    "mode_name",
    "query_of",
    "rewrite_watched",
    "rewriting",
    "overheard",
]

BEFORE_PHASES = "setting up"
AFTER_REWRITING = "output copies"


@dataclass
class Application:
    """One application of one rule, in PyTensor's own objects (see ``recording.Step``)."""

    phase: Any
    phase_name: str
    rule: Any
    gone: list[Apply]
    come: list[tuple[Apply, tuple[Variable, ...]]]
    moved: list[tuple[Apply | None, int, Variable, Variable]]
    replaced: list[tuple[Variable, Variable]]
    seconds: float


@dataclass
class Watched:
    """A compiled copy and everything that happened while it was compiled."""

    function: Any  # the copy, with storage of its own
    returned: int  # how many of the outputs are the function's; updated values come after them
    inputs: tuple[Variable, ...]  # the graph's inputs: the function's own, then shared variables
    first: tuple[tuple[Apply, tuple[Variable, ...]], ...]  # nodes and their inputs before any rewrite
    first_outputs: tuple[Variable, ...]  # the graph's outputs before any rewrite
    applications: list[Application]  # in order
    phases: list[tuple[str, float]]  # parts of the rewriter in order, and the seconds that each took
    compiler: Worked  # what the linker's compiler did
    seconds: float  # the compilation without the watcher's work
    own_seconds: float  # that work


class _Kept(logging.Handler):
    """Keeps what is said, a line each."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(plain(record.getMessage()))


@contextlib.contextmanager
def overheard() -> Iterator[list[str]]:
    """What PyTensor says of a rewrite that fails, with a traceback, before it goes on; nobody else hears it."""
    logger, kept = logging.getLogger("pytensor"), _Kept()
    handed_on, others = logger.propagate, logger.handlers[:]
    logger.propagate, logger.handlers[:] = False, [kept]
    try:
        yield kept.said
    finally:
        logger.propagate, logger.handlers[:] = handed_on, others


def compile_watched(written: Written) -> Watched:
    """Compile a graph as written in its mode and note every change.

    Raises
    ------
    InputError
        If the mode compiles another graph than the one it rewrote first (DebugMode).
    """
    watcher = Watcher()
    started = time.perf_counter()
    with own_warnings_only(), compiling(written.mode.linker) as compiler:
        function = rewrite_watched(written, watcher).create()
    seconds = time.perf_counter() - started
    if type(function.maker.linker) is not type(written.mode.linker):
        compiler = Worked()  # it handed the graph on to another one, whose compiler was not watched
    return Watched(
        function,
        len(written.outputs),
        watcher.inputs,
        watcher.first,
        watcher.first_outputs,
        watcher.applications,
        watcher.phases,
        compiler,
        round(seconds - watcher.own, 7),
        round(watcher.own, 7),
    )


def rewrite_watched(written: Written, watcher: Watcher) -> Any:
    """Rewrite a graph as written in its mode, and show every change to `watcher`; what makes the function of it.

    Raises
    ------
    InputError
        If the mode compiles another graph than the one it rewrote first (DebugMode).
    """
    maker = written.mode.function_maker(
        written.inputs,
        written.outputs,
        _watching(written.mode, watcher),
        accept_inplace=written.accept_inplace,
        profile=None,
        on_unused_input="ignore",
        name=written.name or None,
    )
    watcher.close()
    graph = watcher.fgraph
    if graph is None or maker.fgraph is not graph:
        raise InputError(
            "mode",
            found=f"{type(written.mode).__name__}, which rewrites several copies of a graph",
            allowed="a mode that rewrites the graph it compiles",
            remedy="record the mode that it checks instead",
        )
    maker.mode = written.mode
    graph.remove_feature(watcher)
    return maker


@dataclass
class _Group:
    """Changes that belong to one application, until it is complete."""

    reason: Any
    rule: Any
    present: dict[Apply, bool] = field(default_factory=dict)
    moved: dict[tuple[Any, int], Variable] = field(default_factory=dict)
    pairs: dict[tuple[Variable, Variable], None] = field(default_factory=dict)
    complete: bool = False
    ended: float = 0.0


class Watcher(Feature):  # type: ignore[misc]  # PyTensor's classes are untyped
    """Notes what happens to one graph.

    Changes are grouped by the validation that follows each application. A group is closed only
    when the next one begins: where a later feature refuses the graph, PyTensor takes the change
    back after our own validation passed, and the two must cancel.
    """

    def __init__(self) -> None:
        self.fgraph: FunctionGraph | None = None
        self.applications: list[Application] = []
        self.phase: Any = None
        self.phase_name = BEFORE_PHASES
        self.phases: list[tuple[str, float]] = []
        self.own = 0.0
        self._phase_began = 0.0
        self._group: _Group | None = None
        self._counts: dict[int, dict[Any, int]] = {}

    def on_attach(self, fgraph: FunctionGraph) -> None:
        started = time.perf_counter()
        self.fgraph = fgraph
        self.wiring: dict[Apply, list[Variable]] = {n: list(n.inputs) for n in fgraph.toposort()}
        self.outputs: list[Variable] = list(fgraph.outputs)
        self.inputs = tuple(fgraph.inputs)
        self.first = tuple((node, tuple(inputs)) for node, inputs in self.wiring.items())
        self.first_outputs = tuple(self.outputs)
        self._spend(started)
        self._last = time.perf_counter() - self.own

    def clone(self) -> Feature:
        return Feature()  # a graph made from this one is not watched

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        self._enters_or_leaves(node, reason, list(node.inputs))

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        self._enters_or_leaves(node, reason, None)

    def _enters_or_leaves(self, node: Apply, reason: Any, reads: list[Variable] | None) -> None:
        started = time.perf_counter()
        group = self._group_for(reason)
        group.present.setdefault(node, node in self.wiring)
        if reads is None:
            self.wiring.pop(node, None)
        else:
            self.wiring[node] = reads
        self._touch(group, started)

    def on_change_input(
        self, fgraph: FunctionGraph, node: Apply, i: int, var: Variable, new: Variable, reason: Any
    ) -> None:
        started = time.perf_counter()
        group = self._group_for(reason)
        if isinstance(node.op, Output):
            group.moved.setdefault((None, node.op.idx), var)
            self.outputs[node.op.idx] = new
        elif node in self.wiring:
            group.moved.setdefault((node, i), var)
            self.wiring[node][i] = new
        if not is_revert(reason):
            group.pairs[var, new] = None
        self._touch(group, started)

    def on_validate(self, fgraph: FunctionGraph) -> None:
        if self._group is not None:
            self._group.complete = True

    def begin(self, phase: Any, name: str) -> None:
        """A part of the rewriter starts."""
        self.close()
        now = time.perf_counter() - self.own
        if self.phase is not None:
            self.phases.append((self.phase_name, round(max(0.0, now - self._phase_began), 7)))
        self.phase, self.phase_name = phase, name
        self._last = self._phase_began = now

    def close(self) -> None:
        """End the open group, and keep it if the graph is another one after it."""
        group, self._group = self._group, None
        if group is None:
            return
        gone, come, moved = self._net(group)
        if not (gone or come or moved):
            return
        self.applications.append(
            Application(
                self.phase,
                self.phase_name,
                group.rule,
                gone,
                [(node, tuple(self.wiring[node])) for node in come],
                moved,
                list(group.pairs),
                round(max(0.0, group.ended - self._last), 7),
            )
        )
        self._last = group.ended

    def _net(
        self, group: _Group
    ) -> tuple[list[Apply], list[Apply], list[tuple[Any, int, Variable, Variable]]]:
        """What a group has changed by now: nodes gone and come, and inputs moved."""
        gone = [n for n, before in group.present.items() if before and n not in self.wiring]
        come = [n for n, before in group.present.items() if not before and n in self.wiring]
        fresh = set(come)
        moved: list[tuple[Any, int, Variable, Variable]] = []
        for (node, i), old in group.moved.items():
            reads = self.outputs if node is None else self.wiring.get(node)
            if reads is not None and node not in fresh and reads[i] is not old:
                moved.append((node, i, old, reads[i]))
        return gone, come, moved

    def settled(self) -> int:
        """How many applications there are by now, the open one too: between two of them nothing is taken back."""
        return len(self.applications) + (self._group is not None and any(self._net(self._group)))

    def _group_for(self, reason: Any) -> _Group:
        group = self._group
        if group is not None and is_revert(reason):
            group.complete = True
            return group
        if group is not None and (group.complete or not _same(group.reason, reason)):
            self.close()
            group = None
        if group is None:
            group = self._group = _Group(reason, self._acting(reason))
        return group

    def _acting(self, reason: Any) -> Any:
        """The members of a group of rewrites that made a change, where PyTensor counts them."""
        counts = getattr(reason, "applied_true", None)
        if not isinstance(reason, SequentialNodeRewriter) or counts is None:
            return reason
        before = self._counts.get(id(reason), {})
        acting = [member for member, count in counts.items() if count > before.get(member, 0)]
        self._counts[id(reason)] = dict(counts)
        return acting or reason

    def _touch(self, group: _Group, started: float) -> None:
        self._spend(started)
        group.ended = time.perf_counter() - self.own

    def _spend(self, started: float) -> None:
        self.own += time.perf_counter() - started


def _same(first: Any, second: Any) -> bool:
    return first is second or (isinstance(first, str) and first == second)


class _Phase(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """One part of the rewriter, announced to the watcher."""

    def __init__(self, rewriter: GraphRewriter, watcher: Watcher) -> None:
        self.inner, self.watcher = rewriter, watcher
        self.name = getattr(rewriter, "name", None)

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        self.inner.add_requirements(fgraph)

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        if fgraph is not self.watcher.fgraph:
            return self.inner.apply(fgraph, *args, **kwargs)
        self.watcher.begin(self.inner, _phase_name(self.inner))
        try:
            return self.inner.apply(fgraph, *args, **kwargs)
        finally:
            self.watcher.begin(None, AFTER_REWRITING)

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)


class _Announcing(GraphRewriter):  # type: ignore[misc]  # PyTensor's classes are untyped
    """The mode's whole rewriter, on a watched graph."""

    def __init__(self, mode: Mode, watcher: Watcher) -> None:
        self.mode, self.watcher = mode, watcher
        # Now, for PyTensor configures another mode while it rewrites, and one that falls back to the default reads it.
        self.inner = mode.optimizer

    def rewrite(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        if self.watcher.fgraph is not None:
            return self.inner.rewrite(fgraph, *args, **kwargs)
        fgraph.attach_feature(self.watcher)
        rewriter = _in_phases(self.inner, self.watcher)
        # Rewrites of inner graphs read the mode from the configuration: let them see the real one.
        with config.change_flags(mode=self.mode):
            return rewriter.rewrite(fgraph, *args, **kwargs)

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> Any:
        return self.inner.apply(fgraph, *args, **kwargs)


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


def _phase_name(rewriter: Any) -> str:
    """PyTensor's own name for a part of its rewriter."""
    return str(
        getattr(rewriter, "name", None) or getattr(rewriter, "__name__", None) or type(rewriter).__name__
    )


def mode_name(mode: Any) -> str:
    """PyTensor's own name for a mode where it has one, else its class and linker."""
    names = (str(name) for name, known in predefined_modes.items() if known is mode)
    return next(names, f"{type(mode).__name__}({type(mode.linker).__name__})")


def query_of(mode: Any) -> tuple[str, ...]:
    """The mode's selection of rewrites: ``+`` included, ``&`` required, ``-`` excluded."""
    query = getattr(mode, "_optimizer", None)
    parts = (("+", "include"), ("&", "require"), ("-", "exclude"))
    return tuple(
        f"{sign}{tag}" for sign, which in parts for tag in sorted(map(str, getattr(query, which, ())))
    )


def rewriting(mode: Any) -> Any:
    """`mode`, or the same one without a cache of whole programs.

    A linker with a true attribute ``cached`` (`graphs.native`'s) knows a graph again and skips its
    rewriting; then there is nothing to see.
    """
    if not getattr(mode.linker, "cached", False):
        return mode
    twin = copy.copy(mode)
    twin.linker = copy.copy(mode.linker)
    twin.linker.cached = False
    return twin
