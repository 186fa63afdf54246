"""Measured time of every node of a compiled function, whatever linker made it.

The function is called as its user calls it, on storage whose contents are put back afterwards:

- Numba: clock reads between the statements of the generated source (`graphs.inspection.probes`);
- CVM and the Python virtual machines: the virtual machine's own clocks around every node;
- the plain ``py`` linker: clocks around every node's thunk;
- anything else compiles the graph as one piece (JAX, PyTorch, the whole-graph C linker): the
  call is timed, the nodes are said not to be.

Plain calls, calls with clocks at both ends and calls with clocks at every node are taken in
turn, round by round, each round from the same state, so that what drifts hits all alike. A
round's figure is the median of its calls where every call is timed apart, else their mean; the
spread is over the rounds.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphs.environment import own_warnings_only
from graphs.inspection.measured import NodeTime, Spread, Times
from graphs.inspection.probes import CannotProbe
from graphs.inspection.watches import Call, first_line, seconds_of_calls, watch_for

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
    rounds: int = 11,
) -> Times:
    """Time every node of a compiled function.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
        It is called many times; the contents of its shared variables are put back.
    arguments : sequence
        Its inputs; copied for every call where the function may overwrite them.
    numbers : sequence of int, optional
        Numbers to give the nodes, in the order they run; 0, 1, 2 … by default.
    seconds : float
        About how long to measure, without compiling.
    rounds : int
        Rounds to spread that over; fewer if a call takes too long.

    Returns
    -------
    Times
        With the reason, and without figures, for what could not be timed.
    """
    order = function.maker.fgraph.toposort()
    names = tuple(range(len(order))) if numbers is None else tuple(numbers)
    original_vm = function.vm
    state = _State(function)
    call = Call(function, arguments)
    try:
        with own_warnings_only():
            return _time(function, order, names, call, state, seconds, rounds)
    except Exception as problem:  # whatever the user's graph raises on these inputs
        reason = f"the function does not run on these inputs: {first_line(problem)}"
        return Times("", None, None, tuple(NodeTime(n, None, reason) for n in names), problem=reason)
    finally:
        function.vm = original_vm
        state.restore()


def _time(
    function: Any,
    order: Sequence[Any],
    names: Sequence[int],
    call: Call,
    state: _State,
    seconds: float,
    rounds: int,
) -> Times:
    call(*call.arguments())  # compiles what is left to compile
    once = seconds_of_calls(call, 3).min()
    state.restore()
    watch, problem = None, ""
    try:
        watch = watch_for(function, order, call)
    except CannotProbe as reason:
        problem = str(reason)
    variants = 3 if watch is not None else 1
    rounds = max(3, min(rounds, int(seconds / (variants * once))))
    calls = int(np.clip(seconds / (variants * rounds * once), 1, MOST_CALLS))
    whole, inside, nodes = [], [], []
    for _ in range(rounds):
        state.restore()
        whole.append(float((watch.middle if watch else np.median)(seconds_of_calls(call, calls))))
        if watch is None:
            continue
        state.restore()
        inside.append(watch.inside(calls))
        state.restore()
        nodes.append(watch.nodes(calls))
    if watch is None:
        timed = tuple(NodeTime(n, None, problem) for n in names)
        return Times("", _spread(whole), None, timed, 0.0, rounds, calls, problem)
    table = np.maximum(np.array(nodes).reshape(rounds, len(order)) - watch.clock, 0.0)
    timed = tuple(
        NodeTime(n, None, NOT_RUN) if np.isnan(column).all() else NodeTime(n, _spread(column))
        for n, column in zip(names, table.T, strict=True)
    )
    return Times(watch.method, _spread(whole), _spread(inside), timed, watch.clock, rounds, calls)


class _State:
    """What calling the function changes: its shared variables and random generators."""

    def __init__(self, function: Any) -> None:
        self._kept = [
            (container, copy.deepcopy(container.storage[0]), container.storage[0])
            for spec, container in zip(function.maker.inputs, function.input_storage, strict=True)
            if spec.shared and (spec.mutable or spec.update is not None)
        ]

    def restore(self) -> None:
        """Put copies of the contents back."""
        for container, value, _ in self._kept:
            container.storage[0] = copy.deepcopy(value)


def _spread(samples: Any) -> Spread:
    q1, median, q3 = (float(q) for q in np.quantile(np.asarray(samples), (0.25, 0.5, 0.75)))
    return Spread(median, q1, q3)
