"""Measured time of every node of a compiled function, whatever linker made it.

The function is called as its user calls it, on storage whose contents are put back afterwards. How a clock
gets between the nodes, its linker's module knows (`graphs.inspection.linkers`); where one cannot (JAX,
PyTorch, the whole-graph C linker, the native one), all nodes are timed as one piece, and said to be.

What a call does around its nodes (checking inputs, boxing, storing updates) is timed too, by
clocks at its borders, and not taken to be what is left over. So nodes and surroundings must add up
to the plain call, which is measured apart from them: `Times.explained` says how well.

Plain calls, calls with clocks at the borders and calls with clocks at every node are taken in
turn, round by round, each round from the same state, so that what drifts hits all alike. A
round's figure is the median of its calls or, where the clock is coarse, the mean of their middle
half; the spread is over the rounds.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphs.environment import own_warnings_only
from graphs.foreign import one_line
from graphs.inspection.findings import Around, NodeTime, Times
from graphs.inspection.linkers import known
from graphs.inspection.linkers.calls import NODES, Call, CannotTime, Whole, one_piece, seconds_of_calls
from graphs.timing import Spread

__all__ = ["time_nodes"]

NOT_RUN = "not run with these inputs"
MOST_CALLS = 2000


@np.errstate(all="ignore")  # what is not finite is counted, not warned of
def time_nodes(
    function: Any,
    arguments: Sequence[Any] = (),
    *,
    numbers: Sequence[int] | None = None,
    seconds: float = 2.0,
    rounds: int = 25,
) -> Times:
    """Time every node of a compiled function; what cannot be timed says why.

    Parameters
    ----------
    function, arguments
        Called many times; the contents of its shared variables are put back, and arguments copied for every
        call where it may overwrite them.
    numbers : sequence of int, optional
        Numbers to give the nodes, in the order they run; 0, 1, 2 … by default.
    seconds : float
        About how long to measure, without compiling.
    rounds : int
        Rounds to spread that over; fewer if a call takes too long.
    """
    order = function.maker.fgraph.toposort()
    names = range(len(order)) if numbers is None else numbers
    original_vm, state = function.vm, _State(function)
    try:
        with own_warnings_only():
            return _time(Call(function, arguments), order, names, state, seconds, rounds)
    except Exception as problem:  # whatever the user's graph raises on these inputs
        reason = f"the function does not run on these inputs: {one_line(problem)}"
        return Times("", None, None, tuple(NodeTime(n, None, reason) for n in names), problem=reason)
    finally:
        function.vm = original_vm
        state.restore()


def _time(
    call: Call, order: Sequence[Any], names: Sequence[int], state: _State, seconds: float, rounds: int
) -> Times:
    call()  # compiles what is left to compile
    once = seconds_of_calls(call, 3).min()
    state.restore()
    watch, problem = _watch(call, order)
    variants = 2 if problem else 3
    rounds = max(3, min(rounds, int(seconds / (variants * once))))
    calls = int(np.clip(seconds / (variants * rounds * once), 1, MOST_CALLS))
    whole, stretches, nodes = [], [], []
    for _ in range(rounds):
        state.restore()
        whole.append(float(watch.middle(seconds_of_calls(call, calls))))
        state.restore()
        stretches.append(watch.stretches(calls))
        if not problem:
            state.restore()
            nodes.append(watch.nodes(calls))
    parts = dict(zip(watch.parts, map(Spread.of, np.array(stretches).T), strict=True))
    first = watch.parts.index(NODES)
    around = tuple(
        Around(name, parts[name], after=i > first) for i, name in enumerate(watch.parts) if i != first
    )
    if problem:
        timed = tuple(NodeTime(n, None, problem) for n in names)
    else:
        table = np.maximum(np.array(nodes).reshape(rounds, len(order)) - watch.clock, 0.0)
        timed = tuple(
            NodeTime(n, None, NOT_RUN) if np.isnan(column).all() else NodeTime(n, Spread.of(column))
            for n, column in zip(names, table.T, strict=True)
        )
    return Times(
        method=watch.method,
        call=Spread.of(whole),
        inside=parts[NODES],
        nodes=timed,
        around=around,
        clock=watch.clock,
        rounds=rounds,
        calls=calls,
        problem=problem,
    )


def _watch(call: Call, order: Sequence[Any]) -> tuple[Any, str]:
    """How to time the function, and why not its nodes one by one, if so."""
    if not order:
        return Whole(call), "the graph has no nodes"
    linker = known(call.function.maker.linker)
    try:
        return (linker.watch if linker else one_piece)(call, order), ""
    except CannotTime as reason:
        return Whole(call), str(reason)


class _State:
    """What calling the function changes: its shared variables and random generators."""

    def __init__(self, function: Any) -> None:
        self._kept = [
            (container, copy.deepcopy(container.storage[0]))
            for spec, container in zip(function.maker.inputs, function.input_storage, strict=True)
            if spec.shared and (spec.mutable or spec.update is not None)
        ]

    def restore(self) -> None:
        """Put copies of the contents back."""
        for container, value in self._kept:
            container.storage[0] = copy.deepcopy(value)
