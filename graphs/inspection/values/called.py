"""What the compiled function itself returns, which is what "as compiled" means, and why its replay may differ.

A replay, Op by Op, is NumPy's arithmetic on the last snapshot. A linker may have other functions, other random
numbers, other dtypes, or a compiler that takes formulas for their algebra; or the function raises. Where the two
part, it is said why, and where that cannot be shown, that it is not known.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pytensor.configdefaults import config
from pytensor.graph.traversal import ancestors
from pytensor.tensor.random.type import RandomType

from graphs.foreign import one_line
from graphs.inspection.compiling.pipeline import LiveCopy, record
from graphs.inspection.findings import IDENTICAL, ROUNDING, OutputChange
from graphs.inspection.values.difference import Missing, Uncertainty, as_array, compare_all
from graphs.inspection.values.inputs import Inputs

__all__ = ["FREEDOMS", "call", "is_drawn_otherwise", "why_apart"]

# Settings of a linker's compiler that let it take formulas for their algebra, and their strict value.
FREEDOMS = {"NumbaLinker": ("numba__fastmath", False)}


def call(live: LiveCopy, inputs: Inputs) -> list[Any]:
    """One call of the compiled copy: its outputs, then the updated values.

    The shared variables are put back afterwards. Where the call fails, every output is
    `Missing`.
    """
    function = live.function
    maker = function.maker
    updated = [i for i, spec in enumerate(maker.inputs) if spec.update is not None]
    live.reset()
    try:
        results = function(*(copy.deepcopy(value) for value in inputs.arguments))
        found = [results] if maker.unpack_single else list(results or ())
        found += [function.input_storage[i].storage[0] for i in updated]
        found = [_as_numpy(value) for value in found]
    except Exception as problem:  # whatever an Op may raise
        found = [Missing(one_line(problem))] * (len(maker.outputs) + len(updated))
    live.reset()
    return found


def _as_numpy(value: Any) -> Any:
    """Arrays of other libraries (JAX, PyTorch) as NumPy's, apart from the function's storage."""
    if isinstance(value, dict):
        return {key: _as_numpy(item) for key, item in value.items()}
    if hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
        return np.array(value)
    return copy.deepcopy(value)


def is_drawn_otherwise(live: LiveCopy, output: int) -> bool:
    """Whether an output depends on random numbers that its linker draws in its own way."""
    linker = type(live.function.maker.linker).__name__
    variable = live.function.maker.fgraph.outputs[output]
    drawn = any(isinstance(v.type, RandomType) for v in ancestors([variable]))
    return drawn and linker in ("JAXLinker", "PytorchLinker")


def why_apart(
    live: LiveCopy,
    inputs: Inputs,
    replayed: Sequence[Any],
    called: Sequence[Any],
    changes: Sequence[OutputChange],
    spread: Uncertainty,
) -> str:
    """Why a call and its replay differ by more than rounding, in a sentence's second half; empty where they do not."""
    loud = [change for change in changes if change.verdict not in (IDENTICAL, ROUNDING)]
    if not loud:
        return ""
    if isinstance(called[0], Missing):
        return f"called on these inputs it raises: {called[0].problem}"
    reasons: dict[str, None] = {}
    unexplained = []
    for change in loud:
        found = list(_reasons(live, change.output, replayed[change.output], called[change.output]))
        reasons |= dict.fromkeys(found)
        unexplained += [] if found else [change.output]
    if unexplained:
        linker = type(live.function.maker.linker).__name__
        name, strict = FREEDOMS.get(linker, ("", None))
        if name and _agrees_under(live, inputs, replayed, unexplained, spread, {name: strict}):
            reasons[
                f"its compiler takes formulas for their algebra; with {name}={strict} it gives the same"
            ] = None
        else:
            names = ", ".join(live.recording.outputs[output].name for output in unexplained)
            reasons[f"why {names} differs is not known"] = None
    return "; ".join(reasons)


def _reasons(live: LiveCopy, output: int, replayed: Any, called: Any) -> Iterator[str]:
    name = live.recording.outputs[output].name
    variable = live.function.maker.fgraph.outputs[output]
    linker = type(live.function.maker.linker).__name__.removesuffix("Linker")
    if isinstance(replayed, Missing):
        yield f"{name} could not be computed Op by Op ({replayed.problem})"
        return
    array, dtype = as_array(called), getattr(variable.type, "dtype", None)
    if array is not None and dtype is not None and str(array.dtype) != dtype:
        yield f"{linker} returns {array.dtype} for {name}, which is of type {dtype}"
    if is_drawn_otherwise(live, output):
        yield f"{name} depends on random numbers, and {linker} draws its own"


def _agrees_under(
    live: LiveCopy,
    inputs: Inputs,
    replayed: Sequence[Any],
    outputs: Sequence[int],
    spread: Uncertainty,
    settings: dict[str, Any],
) -> bool:
    """Whether, compiled under these settings, the function gives what the replay gives."""
    try:
        with config.change_flags(**settings):
            strict = record(live.written.under(live.written.mode))
            found = compare_all(replayed, call(strict, inputs), spread)
    except Exception:  # of whatever compiles
        return False
    return all(found[output].verdict in (IDENTICAL, ROUNDING) for output in outputs)
