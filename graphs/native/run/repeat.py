"""A PyTensor function called many times inside one call of C; a file of its own, for this is what users call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pytensor.compile.executor import Function

from graphs.compiled.repeated import repeated
from graphs.errors import InputError, whole_number
from graphs.foreign import quoted
from graphs.native.run.function import alone

__all__ = ["repeat"]

Array = np.ndarray[Any, Any]


def repeat(fn: Any, steps: int, inputs: Sequence[Any], keep: Sequence[int] | None = None) -> list[Array]:
    """Call ``fn(*inputs)`` `steps` times, inside C where the function is native.

    To the bit the same as the single calls. Between the first step and the last no Python runs, but for a look at the
    clock now and then where there are several threads, so choose `steps` such that progress, checkpoints and Ctrl-C
    come often enough.

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
    pairs = zip(fn.maker.inputs, fn.input_storage, strict=True)
    updated = [container.storage for spec, container in pairs if spec.update is not None]
    with alone(fn) as call:
        return repeated(call, fn.vm, updated, steps, inputs, kept)
