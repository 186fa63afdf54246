"""The same step many times inside one call; a file of its own, for this is what users call."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from pytensor.compile.executor import Function

from graphs.errors import InputError, whole_number
from graphs.foreign import quoted
from graphs.memory import aligned_copy, aligned_empty, refuse_beyond_memory
from graphs.native.run.call import Described, NativeCall, pointers

__all__ = ["repeat"]

Array = np.ndarray[Any, Any]


def repeat(fn: Any, steps: int, inputs: Sequence[Any], keep: Sequence[int] | None = None) -> list[Array]:
    """Call ``fn(*inputs)`` `steps` times, inside one C call where the function is native.

    To the bit the same as the single calls. Between the first step and the last no Python runs, so
    choose `steps` such that progress, checkpoints and Ctrl-C come often enough.

    Parameters
    ----------
    fn : pytensor Function
        With updates of shared variables, or without.
    steps : int
        How often, at least 1.
    inputs : sequence
        Its explicit inputs, the same at every step.
    keep : sequence of int, optional
        Which of its outputs to keep; default: all.

    Returns
    -------
    list of numpy.ndarray
        For each output kept, its value at every step: shape ``(steps, *shape of the output)``.

    Raises
    ------
    InputError
        If an argument is not one of the above, or what is kept has no room; then no step was taken.
    """
    if not isinstance(fn, Function):
        raise InputError("fn", found=quoted(fn), allowed="a compiled PyTensor function")
    steps = whole_number("steps", steps, 1)
    count = len(fn.maker.outputs)
    if keep is not None and not isinstance(keep, list | tuple | range):
        raise InputError("keep", found=quoted(keep), allowed="a list of positions of outputs")
    kept = range(count) if keep is None else [whole_number("keep", k, 0, count - 1) for k in keep]
    takes = sum(not spec.implicit for spec in fn.maker.inputs)  # one more would land in a shared variable
    if not isinstance(inputs, list | tuple) or len(inputs) > takes:
        raise InputError("inputs", found=quoted(inputs), allowed=f"a list of {takes} values")
    state = _state(fn)
    try:
        first = _first(fn, inputs)
        needed = steps * sum(first[k].nbytes for k in kept)
        refuse_beyond_memory("steps", f"{steps}, all of whose outputs are kept", needed, "take fewer at once")
    except BaseException:  # as if it had not been
        for storage, value in state:
            storage[0] = value
        raise
    histories = {k: np.empty((steps, *np.shape(first[k])), first[k].dtype) for k in kept}
    for k, history in histories.items():
        history[0] = first[k]
    done = 1
    if steps > 1 and isinstance(fn.vm, NativeCall) and fn.vm.instead is None:
        done += _in_c(fn, steps - 1, {k: history[1:] for k, history in histories.items()})
    for t in range(done, steps):
        values = _outputs(fn, inputs)
        for k, history in histories.items():
            history[t] = values[k]
    return [histories[k] for k in kept]


def _state(fn: Any) -> list[tuple[list[Any], Any]]:
    """The storage of everything that a step changes, each with a copy of its content."""
    pairs = zip(fn.maker.inputs, fn.input_storage, strict=True)
    updated = [container.storage for spec, container in pairs if spec.update is not None]
    return [(storage, copy.deepcopy(storage[0])) for storage in updated]


def _first(fn: Any, inputs: Sequence[Any]) -> list[Array]:
    """The outputs of the first step, which shows whether the inputs are such as the function takes."""
    try:
        return _outputs(fn, inputs)
    except (TypeError, ValueError, AssertionError) as problem:  # CVM says the last of shapes
        said = next(iter(str(problem).strip().splitlines()), type(problem).__name__)
        raise InputError(
            "inputs",
            found=f"some on which the function fails ({said})",
            allowed="a value of the right type and shape for each of its inputs",
        ) from problem


def _outputs(fn: Any, inputs: Sequence[Any]) -> list[Array]:
    result = fn(*inputs)
    values = [] if result is None else list(result) if isinstance(result, list | tuple) else [result]
    return [np.asarray(value) for value in values]


def _in_c(fn: Any, steps: int, histories: dict[int, Array]) -> int:
    """The steps after the first; how many were made (0: Python must make them).

    An output that updates an input swaps heads with it after every step; one that is kept moves on by one
    entry of its history.
    """
    call: NativeCall = fn.vm
    pairs = dict(fn.maker.fgraph.update_mapping)
    with call.lock:
        arrays = call.read_inputs()
        spare: dict[int, Array] = {}
        for output, position in pairs.items():
            array = arrays[position]
            if not array.flags.c_contiguous or array.shape != call.pools[output].shape:
                return 0
            arrays[position] = aligned_copy(array)
            spare[output] = aligned_empty(array.shape, array.dtype)
        written = {k: history[0, ...] for k, history in histories.items()} | spare
        entering = [Described(np.require(array, requirements="A")) for array in arrays]
        leaving = [
            Described(written[k] if k in written else aligned_empty(pool.shape, pool.dtype))
            for k, pool in enumerate(call.pools)
        ]
        arguments = pointers(head.address for head in (*entering, *call.table_heads))
        results = pointers(head.address for head in leaving)
        flat = [number for output, position in pairs.items() for number in (position, output)]
        swaps = (ctypes.c_int64 * (len(flat) + 1))(*flat)
        advance = (ctypes.c_int64 * (len(leaving) + 1))()
        for k in histories.keys() - pairs.keys():
            advance[k] = histories[k].strides[0]
        assert call.library is not None, "the first call has opened it"
        code = call.library.many_steps(
            *call.block(arguments, results),
            *(call.thread_count(arrays), steps),
            *(len(pairs), ctypes.addressof(swaps), len(leaving), ctypes.addressof(advance)),
        )
        if code < 0:
            return 0
        if code:
            raise call.error(code)
        for output, position in pairs.items():
            head = entering[position]
            call.cells[position][0] = arrays[position] if head.header.data == head.start else spare[output]
    return steps
