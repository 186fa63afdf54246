"""The Op whose own gradient is wrong: each node of the cost by itself, at the values that it really has."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, NullType, grad
from pytensor.graph.basic import Apply, Constant

from graphs.foreign import one_line
from graphs.gradient_check.evaluation import Twin, as_written, is_float, quietly
from graphs.gradient_check.result import Culprit, Place
from graphs.gradient_check.slopes import Slope, slope
from graphs.lines import short_path, traces, user_line

__all__ = ["culprits", "on_purpose", "place_of"]

DIFFERS = {"GradClip", "GradScale"}  # their gradient is another one, on purpose
CUT = {"DisconnectedGrad", "ZeroGrad", "UndefinedGrad"}  # likewise none
TOLERANCE = 1e-6  # relative, beyond what differences cannot tell


def place_of(node: Apply) -> Place:
    """A node, and the user's line that made it."""
    kept = [
        [frame for frame in frames if frame[2] != "make_node"]
        or frames  # who asks the Op for a node, not the Op
        for out in node.outputs
        for frames in traces(out)
    ]
    found = [line for frames in kept if (line := user_line(frames))]
    name = _name(node.op)
    return Place(name, found[0].file, found[0].line, found[0].text) if found else Place(name)


def _name(op: Any) -> str:
    scalar = getattr(op, "scalar_op", None) or getattr(op, "core_op", None)
    try:
        return str(scalar if scalar is not None else op) or type(op).__name__
    except Exception:  # somebody's __str__
        return type(op).__name__


def on_purpose(node: Apply) -> str:
    """``cut`` or ``differs`` where an Op of PyTensor's is there to change the gradient; else empty."""
    name = type(node.op).__name__
    if not type(node.op).__module__.startswith("pytensor."):
        return ""
    truncated = getattr(node.op, "truncate_gradient", -1) != -1
    return "cut" if name in CUT else "differs" if name in DIFFERS or truncated else ""


def culprits(twin: Twin, values: Mapping[Any, Any], wrt: Sequence[Any], seed: int) -> list[Culprit]:
    """The nodes between `wrt` and the cost whose own gradient disagrees with their own values.

    `values`: of every variable. The user's own Ops come first, then those nearest to the parameters.
    """
    reached: set[Any] = set(wrt)
    between = []
    for node in twin.nodes:
        if not reached.isdisjoint(node.inputs):
            reached.update(node.outputs)
            between.append(node)
    random = np.random.default_rng(seed)
    found: list[Culprit] = []
    for node in sorted(between, key=lambda node: _is_pytensors(node.op)):
        if not on_purpose(node):
            found += _tried(twin, node, values, random)
    return found


def _is_pytensors(op: Any) -> bool:
    parts = (op, getattr(op, "scalar_op", None), getattr(op, "core_op", None))
    return all(part is None or type(part).__module__.startswith("pytensor.") for part in parts)


def _tried(
    twin: Twin, node: Apply, values: Mapping[Any, Any], random: np.random.Generator
) -> Iterator[Culprit]:
    """One node, input by input; whatever it raises is told of it."""
    floats = [i for i, v in enumerate(node.inputs) if is_float(v)]
    outs = [i for i, v in enumerate(node.outputs) if is_float(v)]
    numbers = [values.get(v, getattr(v, "data", None)) for v in node.inputs]
    if not floats or not outs or any(number is None for number in numbers):
        return
    if not all(np.isfinite(np.asarray(numbers[i])).all() for i in floats):
        return
    fresh = [_fresh(v) for v in node.inputs]
    apply = node.clone_with_new_inputs(fresh, strict=False)
    weights = [random.standard_normal(np.shape(values[node.outputs[i]])) for i in outs]
    known = [
        pt.constant(np.asarray(w, node.outputs[i].type.dtype)) for i, w in zip(outs, weights, strict=True)
    ]
    where = _written(node.op)
    free = [i for i in floats if not isinstance(node.inputs[i], Constant)]

    def culprit(i: int, gradient: float, told: Slope | None, why: str = "") -> Culprit:
        name = twin_name(node.inputs[i])
        value, error = (told.value, told.error) if told else (math.nan, math.nan)
        return Culprit(place_of(twin.origin(node)), i, name, gradient, value, error, why, where)

    try:
        with quietly():
            own = grad(
                None,
                [fresh[i] for i in free],
                known_grads=dict(zip([apply.outputs[i] for i in outs], known, strict=True)),
                return_disconnected="disconnected",
                null_gradients="return",
                disconnected_inputs="ignore",
            )
            usual = [k for k, g in enumerate(own) if not isinstance(g.type, DisconnectedType | NullType)]
            results = as_written(fresh, [own[k] for k in usual])(*numbers)
    except Exception as problem:  # of the user's Op
        if free and not _is_pytensors(node.op):
            yield culprit(free[0], math.nan, None, f"it cannot be computed ({one_line(problem)}).")
        return
    gradients = dict(zip(usual, results, strict=True))
    try:
        forward = as_written(fresh, [apply.outputs[i] for i in outs])
        for k, i in enumerate(free):
            told, gradient, shaped = _along(forward, numbers, i, weights, gradients.get(k), random)
            if not shaped:
                why = f"its gradient has the shape {np.shape(gradients[k])}, and the input {np.shape(numbers[i])}."
                yield culprit(i, math.nan, None, why)
            elif told.left is not None or not math.isfinite(told.error):
                continue  # a kink, or nothing can be said
            elif k not in gradients:
                if abs(told.value) > told.error and abs(told.value) > TOLERANCE:
                    kind = "undefined" if isinstance(own[k].type, NullType) else "disconnected"
                    why = f"it says that this is {kind}, and its values change by {told.value:.6g} all the same."
                    yield culprit(i, math.nan, told, why)
            elif not _agree(gradient, told):
                yield culprit(i, gradient, told)
    except Exception:  # it cannot be computed nearby: nothing is known of it
        return


def _agree(gradient: float, told: Slope) -> bool:
    size = max(abs(gradient), abs(told.value))
    return math.isfinite(gradient) and abs(gradient - told.value) <= told.error + TOLERANCE * size


def twin_name(variable: Any) -> str:
    """A variable's name, or nothing."""
    return variable.name or ""


def _fresh(variable: Any) -> Any:
    return variable.type(name=variable.name)


def _along(
    forward: Any,
    numbers: Sequence[Any],
    i: int,
    weights: Sequence[Any],
    gradient: Any,
    random: np.random.Generator,
) -> tuple[Slope, float, bool]:
    """What a node's values, weighted and summed, and its gradient say of one way away from an input's value."""
    start = np.asarray(numbers[i])
    size = np.abs(start)
    typical = float(size.max()) if size.size and size.max() > 0 else 1.0
    way = random.standard_normal(start.shape) * np.where(size > 0, size, typical)
    eps = float(np.finfo(start.dtype).eps)

    def value(t: Any) -> tuple[Any, Any]:
        moved = list(numbers)
        moved[i] = np.asarray(start + float(t) * way, start.dtype)
        with quietly():
            outs = forward(*moved)
        parts = (
            np.sum(np.asarray(out, "float64") * w) if np.shape(out) == np.shape(w) else math.nan
            for out, w in zip(outs, weights, strict=True)
        )
        return np.float64(sum(parts)), b""

    told = slope(value, np.float64(0.0), 1.0, eps)
    if gradient is None:
        return told, math.nan, True
    if np.shape(gradient) != start.shape:
        return told, math.nan, False
    along = np.asarray(gradient, "float64") * way
    # Rounding of what is summed here: terms may cancel.
    error = told.error + 64 * eps * float(np.abs(along).sum())
    return told._replace(error=error), float(along.sum()), True


def _written(op: Any) -> str:
    """Where an Op's gradient is written, if it is no Op of PyTensor's, or another gradient was given to one."""
    given = getattr(op, "pullback_overrides", None)
    if callable(given) and (code := getattr(given, "__code__", None)) is not None:
        return f"{short_path(code.co_filename)}:{code.co_firstlineno}"
    for part in (op, getattr(op, "scalar_op", None), getattr(op, "core_op", None)):
        if part is None or type(part).__module__.startswith("pytensor."):
            continue
        for kind in type(part).__mro__:
            if kind.__module__.startswith("pytensor."):
                break
            for method in ("pullback", "L_op", "grad"):
                code = (
                    getattr(inspect.unwrap(vars(kind)[method]), "__code__", None)
                    if method in vars(kind)
                    else None
                )
                if code is not None:
                    return f"{short_path(code.co_filename)}:{code.co_firstlineno}"
    return ""
