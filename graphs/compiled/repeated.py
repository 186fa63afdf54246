"""The same step many times inside one call of C."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from graphs.compiled.call import FAILED, Described, NativeCall, pointers
from graphs.errors import InputError
from graphs.foreign import one_line
from graphs.memory import aligned_copy, aligned_empty, refuse_beyond_memory

__all__ = ["repeated"]

Array = np.ndarray[Any, Any]


def repeated(
    call: Callable[..., Any],
    inner: Any,
    updated: Sequence[list[Any]],
    steps: int,
    inputs: Sequence[Any],
    kept: Sequence[int],
) -> list[Array]:
    """Call ``call(*inputs)`` `steps` times; all but the first inside one C call where `inner` is a :class:`NativeCall`.

    `updated`: the cells that a step changes, which stand as they were where no step could be taken. Returns of each
    output `kept` its value at every step.
    """
    state = [(cell, copy.deepcopy(cell[0])) for cell in updated]
    try:
        first = _first(call, inputs)
        needed = steps * sum(first[k].nbytes for k in kept)
        found = f"{steps}, all of whose outputs are kept"
        refuse_beyond_memory("steps", found, needed, "take fewer at once")
    except BaseException:  # as if it had not been
        for cell, value in state:
            cell[0] = value
        raise
    histories = {k: np.empty((steps, *np.shape(first[k])), first[k].dtype) for k in kept}
    for k, history in histories.items():
        history[0] = first[k]
    done = 1
    if steps > 1 and isinstance(inner, NativeCall):
        rest = {k: history[1:] for k, history in histories.items()}
        if inner.settle(lambda arrays: _in_c(inner, arrays, steps - 1, rest)) is not None:
            done = steps
    for t in range(done, steps):
        values = _outputs(call(*inputs))
        for k, history in histories.items():
            history[t] = values[k]
    return [histories[k] for k in kept]


def _first(call: Callable[..., Any], inputs: Sequence[Any]) -> list[Array]:
    """The outputs of the first step, which shows whether the inputs are such as the function takes."""
    try:
        return _outputs(call(*inputs))
    except (TypeError, ValueError, AssertionError) as problem:  # CVM says the last of shapes
        raise InputError(
            "inputs",
            found=f"some on which the function fails ({one_line(problem)})",
            allowed="a value of the right type and shape for each of its inputs",
        ) from problem


def _outputs(result: Any) -> list[Array]:
    values = [] if result is None else list(result) if isinstance(result, list | tuple) else [result]
    return [np.asarray(value) for value in values]


def _in_c(
    call: NativeCall, arrays: list[Array], steps: int, histories: dict[int, Array]
) -> list[Array] | None:
    """Make the steps after the first; the outputs of the last of them, or None where Python must make them.

    An output that updates an input swaps heads with it after every step; one that is kept moves on by one
    entry of its history.
    """
    ready = call.opened()
    if ready is None or call.objects:
        return None
    arrays, outputs = list(arrays), dict[int, Array]()
    for k, position in call.updates.items():
        array = arrays[position]
        if not array.flags.c_contiguous or array.shape != call.pools[k].shape:
            return None
        arrays[position] = aligned_copy(array)
        outputs[k] = aligned_empty(array.shape, array.dtype)
    for k, pool in enumerate(call.pools):
        if k not in outputs:
            outputs[k] = histories[k][0, ...] if k in histories else aligned_empty(pool.shape, pool.dtype)
    entering = [Described(np.require(array, requirements="A")) for array in arrays]
    leaving = [Described(outputs[k]) for k in range(len(outputs))]
    arguments = pointers(head.address for head in (*entering, *ready.table_heads))
    results = pointers(head.address for head in leaving)
    flat = [number for k, position in call.updates.items() for number in (position, k)]
    swaps = (ctypes.c_int64 * (len(flat) + 1))(*flat)
    advance = (ctypes.c_int64 * (len(leaving) + 1))()
    for k in histories.keys() - call.updates.keys():
        advance[k] = histories[k].strides[0]
    team, code = call.team(arrays, ready), 0
    while steps and not code:
        portion, began = team.portion(steps) if team else steps, perf_counter()
        code = ready.library.many_steps(
            *ready.block(arguments, results),
            *(team.now if team else 1, ready.functions, portion),
            *(len(call.updates), ctypes.addressof(swaps), len(leaving), ctypes.addressof(advance)),
        )
        if team:
            team.took(portion, perf_counter() - began)
        steps -= portion
    if code == FAILED:
        raise ready.performer.failed()
    if code < 0:
        return None
    if code:
        raise call.error(code)
    for k, position in call.updates.items():
        head = entering[position]
        if head.header.data == head.start:  # after an even number of exchanges
            outputs[k] = arrays[position]
    return [outputs[k] for k in range(len(outputs))]
