"""The same step many times inside one call."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphs.errors import InputError
from graphs.memory import aligned_copy, aligned_empty
from graphs.native.run.call import NativeCall
from graphs.native.run.heads import Described

__all__ = ["repeat"]


def repeat(
    fn: Any, steps: int, inputs: Sequence[Any], keep: Sequence[int] | None = None
) -> list[np.ndarray[Any, Any]]:
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
        If `steps` or `keep` cannot be used.
    """
    if not isinstance(steps, int) or steps < 1:
        raise InputError("steps", found=repr(steps), allowed="a whole number from 1")
    count = len(fn.maker.outputs)
    kept = list(range(count)) if keep is None else list(keep)
    for position in kept:
        if position not in range(count):
            raise InputError("keep", found=repr(position), allowed=f"positions of outputs, 0 to {count - 1}")
    first = _outputs(fn, inputs)
    histories = [np.empty((steps, *np.shape(first[k])), first[k].dtype) for k in kept]
    for history, k in zip(histories, kept, strict=True):
        history[0] = first[k]
    done = 1
    if steps > 1 and isinstance(fn.vm, NativeCall) and fn.vm.instead is None:
        done += _in_c(fn, steps - 1, kept, [history[1:] for history in histories])
    for t in range(done, steps):
        values = _outputs(fn, inputs)
        for history, k in zip(histories, kept, strict=True):
            history[t] = values[k]
    return histories


def _outputs(fn: Any, inputs: Sequence[Any]) -> list[Any]:
    result = fn(*inputs)
    values = [] if result is None else list(result) if isinstance(result, list | tuple) else [result]
    return [np.asarray(value) for value in values]


def _in_c(fn: Any, steps: int, kept: list[int], histories: list[np.ndarray[Any, Any]]) -> int:
    """The steps after the first; how many were made (0: Python must make them)."""
    call: NativeCall = fn.vm
    pairs = dict(fn.maker.fgraph.update_mapping)
    with call.lock:
        arrays = call.read_inputs()
        spare: dict[int, np.ndarray[Any, Any]] = {}
        for output, position in pairs.items():
            array = arrays[position]
            if not array.flags.c_contiguous or array.shape != call.pools[output].shape:
                return 0
            arrays[position] = aligned_copy(array)
            spare[output] = aligned_empty(array.shape, array.dtype)
        arrays = [a if a.flags.aligned else np.require(a, requirements="A") for a in arrays]
        outputs = []
        for k, pool in enumerate(call.pools):
            if k in spare:
                outputs.append(spare[k])
            elif k in kept:
                outputs.append(histories[kept.index(k)][0])
            else:
                outputs.append(aligned_empty(pool.shape, pool.dtype))
        heads = [Described(a) for a in arrays], [Described(np.asarray(a)) for a in outputs]
        code = _call(call, heads, steps, pairs, kept, histories, call.thread_count(arrays))
        if code:
            if code < 0:
                return 0
            raise call.error(code)
        for output, position in pairs.items():
            head = heads[0][position]
            call.cells[position][0] = arrays[position] if head.header.data == head.start else spare[output]
    return steps


def _call(
    call: NativeCall,
    heads: tuple[list[Described], list[Described]],
    steps: int,
    pairs: dict[int, int],
    kept: list[int],
    histories: list[np.ndarray[Any, Any]],
    threads: int,
) -> int:
    """Fill in the arguments of the C function ``repeat`` and call it."""
    entering = [*(head.address for head in heads[0]), *(head.address for head in call.table_heads)]
    arguments = (ctypes.c_void_p * (len(entering) + 1))(*entering)
    results = (ctypes.c_void_p * (len(heads[1]) + 1))(*(head.address for head in heads[1]))
    flat = [number for output, position in pairs.items() for number in (position, output)]
    pair = (ctypes.c_int64 * (len(flat) + 1))(*flat)
    advance = (ctypes.c_int64 * (len(heads[1]) + 1))()
    for history, k in zip(histories, kept, strict=True):
        if k not in pairs:
            advance[k] = history.strides[0]
    block = tuple(map(ctypes.addressof, (arguments, results, call.constants, call.want)))
    assert call.library is not None, "the first call has opened it"
    return int(
        call.library.many_steps(
            *block,
            threads,
            steps,
            len(pairs),
            ctypes.addressof(pair),
            len(heads[1]),
            ctypes.addressof(advance),
        )
    )
