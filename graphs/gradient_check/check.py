"""(cost, parameters, values) → PyTensor's gradient beside central differences, with a verdict for every entry.

A check goes one way, and its methods stand in that order: the values by root, the arithmetic in which the cost is
differenced, PyTensor's gradient with how far rounding moves it, the two beside each other entry by entry, and, where
they part, what is to blame. All of it needs the one point that is looked at, so it is one object in one file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pytensor
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import DisconnectedType, NullType, grad
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.traversal import ancestors, graph_inputs
from pytensor.tensor.type import TensorType

from graphs.errors import InputError, whole_number
from graphs.foreign import one_line, plain, quoted
from graphs.functions import resolve_mode
from graphs.gradient_check.blame import culprits, on_purpose, place_of
from graphs.gradient_check.branches import Watch, watches
from graphs.gradient_check.evaluation import (
    Evaluator,
    Twin,
    extended,
    in_float64,
    is_float,
    quietly,
    rewritten,
    twin_of,
)
from graphs.gradient_check.result import (
    KINK,
    MISSING,
    NOT_FINITE,
    OUTSIDE,
    PURPOSE,
    RIGHT,
    ROUNDING,
    UNRESOLVED,
    Culprit,
    Entry,
    GradientCheck,
    Kink,
    ParameterCheck,
    judged,
)
from graphs.gradient_check.slopes import Slope, slope

__all__ = ["check_gradient"]

ENTRIES = 50
CLOSER = 1e-4  # of the scale, where a second look begins
COMPARISONS = {"LT", "GT", "LE", "GE", "EQ", "NEQ"}
DRAWS = 4  # of inputs that differ by rounding


def check_gradient(
    cost: Any,
    parameters: Sequence[Any],
    values: Mapping[Any, Any] | None = None,
    *,
    mode: str | Mode | None = None,
    entries: int = ENTRIES,
    seed: int = 0,
) -> GradientCheck:
    """Compare PyTensor's gradient of a cost with central differences; nothing of yours is changed.

    The differences are of the cost as written, Op by Op, in extended precision where each Op of it can be computed
    so, else in float64, with the steps' error extrapolated away. What they cannot tell is called not resolved, a
    kink is called a kink, and where a gradient is wrong, the Op whose own gradient is wrong is looked for.

    Parameters
    ----------
    cost : Variable, scalar
    parameters : sequence of Variables
        Shared Variables or inputs of the cost's graph, of a float dtype.
    values : mapping, optional
        The value of each input, by its name or by the Variable itself. A shared Variable that is named here has
        that value for the check, and keeps its own.
    mode : str, Mode or None
        In which the gradient is compiled; PyTensor's default by itself.
    entries : int
        How many entries of a parameter are checked at most: of a larger one, so many that are drawn.
    seed : int
        Of what is drawn.

    Returns
    -------
    GradientCheck
        ``print`` shows it; `ok` says whether anything is wrong.

    Raises
    ------
    InputError
        If the cost is no scalar of real numbers or is random, a parameter is not in it, or a value is missing or does
        not fit.
    """
    entries, seed = whole_number("entries", entries, 1), whole_number("seed", seed, 0)
    resolved = resolve_mode(mode)
    _differentiable(cost, parameters)
    roots = [v for v in dict.fromkeys(graph_inputs([cost])) if not isinstance(v, Constant)]
    _refuse_random(cost, roots)
    point = _values(roots, values)
    return _Check(cost, list(parameters), point, resolved, entries, seed).done()


def _differentiable(cost: Any, parameters: Any) -> None:
    if not isinstance(cost, Variable) or not is_float(cost):
        found = (
            f"{plain(cost)}, a Variable of {plain(cost.type)}" if isinstance(cost, Variable) else quoted(cost)
        )
        raise InputError("cost", found=found, allowed="a scalar Variable of a float dtype")
    if cost.type.ndim:
        found = f"a Variable of {cost.type.ndim} dimensions"
        raise InputError("cost", found=found, allowed="a scalar", remedy="take a mean or a sum")
    if not isinstance(parameters, list | tuple) or not parameters:
        allowed = "a list of shared Variables or inputs, at least one"
        found = f"{plain(parameters)} by itself" if isinstance(parameters, Variable) else quoted(parameters)
        raise InputError("parameters", found=found, allowed=allowed)
    read = set(ancestors([cost]))
    for place, parameter in enumerate(parameters):
        fits = isinstance(parameter, Variable) and is_float(parameter) and not isinstance(parameter, Constant)
        if not fits or parameter.owner is not None:
            found = plain(parameter) if isinstance(parameter, Variable) else quoted(parameter)
            kind = f", a Variable of {plain(parameter.type)}" if isinstance(parameter, Variable) else ""
            allowed = "shared Variables or inputs of a float dtype, as dense arrays"
            raise InputError("parameters", found=found + kind, allowed=allowed)
        if parameter not in read:
            found = f"{plain(parameter)}, not in the cost"
            raise InputError("parameters", found=found, allowed="those of the cost's own graph")
        if any(parameter is other for other in parameters[:place]):
            raise InputError("parameters", found=f"{plain(parameter)}, twice", allowed="each once")


def _refuse_random(cost: Any, roots: Sequence[Any]) -> None:
    drawn = [v for v in ancestors([cost]) if v.owner is not None and hasattr(v.owner.op, "ndim_supp")]
    drawn += [v for v in roots if type(v.type).__name__.startswith("Random")]
    if drawn:
        what = place_of(drawn[0].owner) if drawn[0].owner else plain(drawn[0])
        raise _random(f"a cost with random numbers in it ({what})")


def _random(found: str) -> InputError:
    remedy = "draw once, outside of the graph, and give what was drawn as an input"
    return InputError("cost", found=found, allowed="a function of its inputs alone", remedy=remedy)


def _values(roots: Sequence[Any], given: Any) -> dict[Any, Any]:
    """The value of each root, shared ones with their own where none is given."""
    named = _by_root(roots, given)
    found = {}
    for root in roots:
        argument = f"values[{root.name or str(root)!r}]"
        if root in named:
            found[root] = _fitting(argument, root, named[root])
        elif isinstance(root, SharedVariable):
            found[root] = root.get_value(borrow=False)
        else:
            raise InputError(argument, found="nothing", allowed=f"a value of {plain(root.type)}")
    return found


def _by_root(roots: Sequence[Any], given: Any) -> dict[Any, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        found: dict[Any, Any] = {}
        for key, value in given.items():
            fits = [r for r in roots if r is key or (isinstance(key, str) and r.name == key)]
            if len(fits) != 1 or fits[0] in found:
                argument = f"values[{key if isinstance(key, str) else plain(key)!r}]"
                names = ", ".join(str(root.name or root) for root in roots)
                what = "no input of that name" if not fits else "several, or one twice"
                raise InputError(
                    argument, found=what, allowed=names, remedy="a Variable itself may stand for its name"
                )
            found[fits[0]] = value
        return found
    raise InputError("values", found=quoted(given), allowed="a mapping of values, by name or by Variable")


def _fitting(argument: str, root: Any, value: Any) -> Any:
    try:
        if np.iscomplexobj(value) and not str(getattr(root.type, "dtype", "complex")).startswith("complex"):
            raise TypeError("complex numbers")
        kept = root.type.filter(value, strict=False, allow_downcast=True)
        if isinstance(kept, np.ndarray) and kept.dtype.kind in "iu" and np.any(kept != np.asarray(value)):
            raise ValueError("other numbers than those of the type")  # PyTensor cuts them off
    except Exception as problem:  # of PyTensor's, of NumPy's, of the user's own Type
        found = f"{type(value).__name__} ({one_line(problem)})"
        raise InputError(argument, found=found, allowed=str(root.type)) from problem
    return np.array(kept) if isinstance(kept, np.ndarray) else kept


class _Differences:
    """Slopes of a cost on a twin of its graph."""

    def __init__(self, evaluator: Evaluator, why: str = "") -> None:
        self.evaluator, self.why = evaluator, why
        self.twin, self.rough = evaluator.twin, 0.0
        self.watched: list[Watch] = watches(self.twin)
        self.wanted = [self.twin.cost, *(v for watch in self.watched for v in watch.reads)]

    def learn(self, neighbours: Sequence[Mapping[Any, Any]]) -> None:
        """Take from points as near as rounding makes them, on the same branches, how far that moves the cost."""
        cost, branch = self.at({})
        with quietly():
            found = [float(near - cost) for near, other in map(self.at, neighbours) if other == branch]
        self.rough = max((abs(each) for each in found if math.isfinite(each)), default=0.0)

    def at(self, changed: Mapping[Any, Any]) -> tuple[Any, Any]:
        """The cost where inputs have these values, and on which branches it was computed; NaN where it raises."""
        try:
            cost, *reads = self.evaluator(changed, self.wanted)
        except MemoryError:
            raise
        except Exception:  # of an Op, for which the values are out of bounds
            return math.nan, None
        return self.evaluator.kind(np.asarray(cost)[()]), self._branch(reads)

    def _branch(self, reads: Sequence[Any]) -> tuple[bytes, ...]:
        found, start = [], 0
        with quietly():
            for watch in self.watched:
                side = watch.at(reads[start : start + len(watch.reads)])
                start += len(watch.reads)
                # + 0.0: the two zeros are one
                found.append(blake2b((np.asarray(side, "float64") + 0.0).tobytes(), digest_size=16).digest())
        return tuple(found)

    def slope(self, root: Any, index: tuple[int, ...], scale: float, *, patient: bool = False) -> Slope:
        """Along one entry."""
        kind = self.evaluator.kind
        start = np.asarray(self.evaluator.values[root])

        def value(number: Any) -> tuple[Any, Any]:
            moved = np.array(start, kind)
            moved[index] = number
            return self.at({root: moved})

        return slope(value, kind(start[index]), scale, self.evaluator.eps, rough=self.rough, patient=patient)

    def kink(self, told: Slope, root: Any, index: tuple[int, ...], scale: float) -> Kink:
        """What makes the two sides differ."""
        assert told.left is not None
        assert told.right is not None
        left, centre, right = told.crossed
        changed = [
            watch.node
            for watch, *sides in zip(self.watched, left, centre, right, strict=True)
            if len(set(sides)) > 1
        ]
        deciding = [
            node for node in changed if type(getattr(node.op, "scalar_op", 0)).__name__ not in COMPARISONS
        ]
        node = next(iter([*deciding, *changed]), None)
        if node is None:
            node = self._bent(root, index, scale)
        return Kink(told.left, told.right, None if node is None else place_of(self.twin.origin(node)))

    def _bent(self, root: Any, index: tuple[int, ...], scale: float) -> Apply | None:
        """The first node whose own results have a kink: of an Op that nothing is known of."""
        results = [out for node in self.twin.nodes for out in node.outputs if is_float(out)]
        start = np.asarray(self.evaluator.values[root], self.evaluator.kind)

        def bends(step: float) -> list[Any]:
            sides = []
            for sign in (-1, 0, 1):
                moved = np.array(start)
                moved[index] += sign * step
                sides.append(self.evaluator({root: moved}, results))
            return [
                np.abs(a + c - 2 * b).max(initial=0) / step if a.shape == b.shape == c.shape else 0
                for a, b, c in zip(*([np.asarray(v) for v in side] for side in sides), strict=True)
            ]

        try:
            with quietly():
                wide, narrow = bends(scale * 2.0**-10), bends(scale * 2.0**-14)
        except Exception:  # of an Op, for which the values are out of bounds
            return None
        kinked = (out for out, a, b in zip(results, wide, narrow, strict=True) if b > 0.5 * a and b > 1e-6)
        return next((out.owner for out in kinked), None)


class _Check:
    """One check, under way."""

    def __init__(
        self, cost: Any, parameters: list[Any], point: dict[Any, Any], mode: Mode, entries: int, seed: int
    ) -> None:
        self.cost, self.parameters, self.point, self.mode = cost, parameters, point, mode
        self.entries, self.seed = entries, seed
        self.random = np.random.default_rng(seed)
        self.wide = True  # whether differences are made of the cost in float64

    def done(self) -> GradientCheck:
        differences = self._differences()
        value = float(differences.at({})[0])
        differences.learn([self._off(differences.evaluator) for _ in range(DRAWS)])
        gradients, rounding, missing = self._gradients()
        found = []
        for k, parameter in enumerate(self.parameters):
            found.append(self._judged(differences, value, parameter, gradients[k], rounding[k], missing[k]))
        result = GradientCheck(value, differences.why, tuple(found))
        finite = all(e.verdict != NOT_FINITE for each in found for e in each.entries)
        return result if result.ok or not finite or not math.isfinite(value) else self._explained(result)

    # The cost.

    def _differences(self) -> _Differences:
        """On the best arithmetic that there is for this cost."""
        narrow = any(is_float(root) and root.type.dtype != "float64" for root in self.point)
        try:
            return self._evaluated(twin_of(self.cost, wide=True), "")
        except InputError:
            if not narrow:
                raise
            why = "the cost cannot be computed in float64"  # of an Op that takes it, and fails in it
        except TypeError as problem:  # of an Op that does not take it
            why = f"the cost cannot be had in float64 ({one_line(problem)})"
        self.wide = False
        return self._evaluated(twin_of(self.cost, wide=False), why)

    def _evaluated(self, twin: Twin, why: str) -> _Differences:
        values = self._on(twin)
        own = in_float64(twin, values)
        first, again = (self._computed(own) for _ in range(2))
        if not (first == again or (math.isnan(first) and math.isnan(again))):
            raise _random("a cost that is another one each time it is computed")
        of = "the cost as written"
        if not math.isfinite(first):
            other = rewritten(twin)
            try:
                better = in_float64(other, values)
                if math.isfinite(self._computed(better)):
                    twin, own, of = (
                        other,
                        better,
                        "the cost as PyTensor rewrites it, for as written it is not finite",
                    )
            except InputError:
                pass
        try:
            wide = extended(twin, values)
            reason = wide if isinstance(wide, str) else ""
            if isinstance(wide, Evaluator):
                told, plainly = (float(np.asarray(e({}, [twin.cost])[0])) for e in (wide, own))
                apart = abs(told - plainly) > self._unsure(own, plainly)
                if not apart or not math.isfinite(plainly):
                    digits = f"extended precision ({np.finfo(np.longdouble).nmant + 1} bits)"
                    return _Differences(wide, f"Differences of {of}, in {digits}.")
                reason = "in extended precision the cost is another one"
        except MemoryError:
            raise
        except Exception as problem:  # NumPy's, of types that no kernel takes
            reason = one_line(problem)
        narrow = own.eps > np.finfo("float64").eps
        own.kind = np.float32 if narrow else np.float64
        return _Differences(
            own, f"Differences of {of}, in {'float32' if narrow else 'float64'}: {why or reason}."
        )

    def _computed(self, evaluator: Evaluator) -> float:
        try:
            return float(np.asarray(evaluator({}, [evaluator.twin.cost])[0]))
        except MemoryError:
            raise
        except Exception as problem:  # of PyTensor's, of the user's own Op
            found = f"a cost that cannot be computed at this point ({one_line(problem)})"
            raise InputError("cost", found=found, allowed="one that can") from problem

    def _unsure(self, evaluator: Evaluator, value: float) -> float:
        """How far another arithmetic may give another cost: by more than numbers that are off by rounding do."""
        spreads = [
            abs(float(np.asarray(evaluator(self._off(evaluator), [evaluator.twin.cost])[0])) - value)
            for _ in range(DRAWS)
        ]
        return 1e3 * max(spreads) + 1e5 * evaluator.eps * abs(value)

    def _off(self, evaluator: Evaluator) -> dict[Any, Any]:
        """The floats at the point, each number off by as much as rounding makes it."""
        return {
            root: np.asarray(value, evaluator.kind) * (1 + self._signs(value) * evaluator.kind(evaluator.eps))
            for root, value in evaluator.values.items()
            if is_float(root)
        }

    def _signs(self, value: Any) -> Any:
        return self.random.choice(np.array([-1, 1], "int8"), np.shape(value))

    def _on(self, twin: Twin) -> dict[Any, Any]:
        """The values at the point, by root of a twin."""
        return {
            root: np.asarray(self.point[own], root.type.dtype) if is_float(root) else self.point[own]
            for own, root in twin.roots.items()
            if own in self.point
        }

    # The gradient.

    def _gradients(self) -> tuple[list[Any], list[Any], list[str]]:
        """By parameter: PyTensor's gradient or None, what its rounding may be, and why there is none."""
        twin = twin_of(self.cost, wide=False)
        wrt = [twin.roots[parameter] for parameter in self.parameters]
        try:
            with quietly():
                own = grad(
                    twin.cost,
                    wrt,
                    return_disconnected="disconnected",
                    null_gradients="return",
                    disconnected_inputs="ignore",
                )
        except Exception as problem:  # of the user's Op, which has none or a broken one
            node = _without_gradient(twin)
            where = f": {place_of(twin.origin(node))}" if node is not None else ""
            found = f"a cost that has no gradient ({one_line(problem)}){where}"
            raise InputError("cost", found=found, allowed="one whose Ops all have a gradient") from problem
        missing = [_missing(each) for each in own]
        there = [each for each, why in zip(own, missing, strict=True) if not why]
        values = self._on(twin)
        try:
            with quietly():
                function = pytensor.function(list(values), there, mode=self.mode, on_unused_input="ignore")
                results = list(map(np.array, function(*values.values())))
                moved = [{**values, **self._rounded(values)} for _ in range(DRAWS)]
                others = [list(map(np.array, function(*each.values()))) for each in moved]
        except MemoryError:
            raise
        except Exception as problem:  # of the mode's linker, of the user's own Op
            if blamed := self._blamed(self.parameters):
                first = blamed[0]
                why = first.why or f"the gradient for its input {first.input} is wrong."
                found = f"a gradient that cannot be computed ({one_line(problem)}): {first.place}: {why}"
                raise InputError(
                    "cost", found=found, allowed="one whose Ops all have a right gradient"
                ) from problem
            found = f"a gradient that cannot be compiled or computed in this mode ({one_line(problem)})"
            raise InputError("mode", found=found, allowed="a mode for all of the graph's Ops") from problem
        with quietly():
            spreads = [
                np.median([np.abs(np.asarray(other[k], "float64") - result) for other in others], axis=0)
                for k, result in enumerate(results)
            ]
        pairs = iter(zip(results, spreads, strict=True))
        found_: list[Any] = [None if why else next(pairs) for why in missing]
        return [f and f[0] for f in found_], [f and f[1] for f in found_], missing

    def _rounded(self, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Likewise, in the dtypes of the user's own variables."""
        found = {}
        for root, value in values.items():
            if is_float(root):
                eps = np.finfo(value.dtype).eps
                found[root] = np.asarray(value * (1 + self._signs(value) * eps), value.dtype)
        return found

    # The two beside each other.

    def _judged(
        self,
        differences: _Differences,
        value: float,
        parameter: Any,
        gradient: Any,
        rounding: Any,
        missing: str,
    ) -> ParameterCheck:
        start = np.asarray(self.point[parameter])
        drawn = np.arange(start.size)
        if start.size > self.entries:
            drawn = np.sort(self.random.choice(start.size, self.entries, replace=False))
        indices = [tuple(map(int, np.unravel_index(flat, start.shape))) for flat in drawn]
        shape = () if gradient is None else np.shape(gradient)
        if gradient is not None and shape != start.shape:
            blamed = self._blamed([parameter])
            where = f": {blamed[0].place}" if blamed else ""
            found = f"a gradient of the shape {shape} for {plain(parameter)}{where}"
            raise InputError("cost", found=found, allowed=f"one of its own, {start.shape}")
        sizes = np.abs(() if gradient is None else gradient[np.isfinite(gradient)])
        largest = float(np.max(sizes, initial=0.0))
        told = []
        for index in indices:
            number = math.nan if gradient is None else float(gradient[index])
            unsure = (0.0, 0.0)
            if gradient is not None:
                own = 16 * float(np.finfo(gradient.dtype).eps) * largest
                unsure = (own, own + 16 * float(rounding[index]))
            told.append(self._entry(differences, value, parameter, index, number, unsure, largest))
        name = parameter.name or str(parameter)
        lost = missing if any(entry.verdict == MISSING for entry in told) else ""
        return ParameterCheck(name, start.shape, str(start.dtype), start.size, tuple(told), lost)

    def _entry(
        self,
        differences: _Differences,
        value: float,
        parameter: Any,
        index: tuple[int, ...],
        gradient: float,
        rounding: tuple[float, float],
        largest: float,
    ) -> Entry:
        infinite = math.isinf(gradient) or (math.isnan(gradient) and rounding != (0.0, 0.0))
        if not math.isfinite(value) or infinite:
            return Entry(index, gradient, math.nan, math.inf, math.nan, NOT_FINITE)
        root = differences.twin.roots[parameter]
        start = np.asarray(differences.evaluator.values[root])
        scale = _scale(start, index)
        told = differences.slope(root, index, scale)
        entry = _compared(index, gradient, told, rounding, largest)
        if not entry.ok or entry.verdict == UNRESOLVED:
            # A second look, with shorter steps: a function that changes fast may look flat from afar.
            closer = differences.slope(root, index, scale * CLOSER, patient=True)
            told = _both(told, closer, gradient, rounding[1])
            entry = _compared(index, gradient, told, rounding, largest)
        if told.left is not None:
            entry = replace(entry, kink=differences.kink(told, root, index, scale))
        elif told.crossed is not None and not entry.ok and entry.verdict != MISSING:
            # kinks that cancel: each Op's gradient has picked a side by itself
            told = told._replace(left=told.value, right=told.value)
            entry = replace(entry, verdict=OUTSIDE, kink=differences.kink(told, root, index, scale))
        return entry

    # What is wrong, and why.

    def _explained(self, result: GradientCheck) -> GradientCheck:
        nodes = {v.owner: v for v in ancestors([self.cost]) if v.owner is not None}
        cut = [v for node, v in nodes.items() if on_purpose(node) == "cut"]
        if cut:
            result = self._held(result, cut)
        if result.ok:
            return result
        pairs = zip(self.parameters, result.parameters, strict=True)
        found = self._blamed([parameter for parameter, each in pairs if not each.ok])
        result = replace(result, culprits=tuple(found), searched=True)
        scaled = [node for node in nodes if on_purpose(node) == "differs"]
        if scaled and not found:
            why = f"{place_of(scaled[0])} changes the gradient on purpose."
            result = replace(result, parameters=tuple(_excused(each, why) for each in result.parameters))
        return result

    def _blamed(self, parameters: Sequence[Any]) -> list[Culprit]:
        """The nodes between these parameters and the cost whose own gradient is wrong."""
        for wide in (True, False):
            try:
                twin = twin_of(self.cost, wide=wide)
                own = in_float64(twin, self._on(twin))
                computed = [
                    out for node in twin.nodes for out in node.outputs if isinstance(out.type, TensorType)
                ]
                known = own.values | dict(zip(computed, own({}, computed), strict=True))
            except Exception:  # an Op that is for float32 alone, or whose results cannot all be had
                continue
            return culprits(twin, known, [twin.roots[parameter] for parameter in parameters], self.seed)
        return []

    def _held(self, result: GradientCheck, cut: Sequence[Any]) -> GradientCheck:
        """Look again, with what is cut off from the gradient on purpose held where it is."""
        twin = twin_of(self.cost, wide=self.wide)
        inner = in_float64(twin, self._on(twin))
        twins = {own: made for made, own in twin.origins.items()}
        outs = [twins[v.owner].outputs[v.index] for v in cut]
        values = dict(zip(cut, inner({}, outs), strict=True))
        held_twin = twin_of(self.cost, wide=self.wide, held=cut)
        known = self._on(held_twin) | {held_twin.roots[v]: value for v, value in values.items()}
        best = extended(held_twin, known)
        differences = _Differences(best if isinstance(best, Evaluator) else in_float64(held_twin, known))
        parameters = []
        why = (
            f"{place_of(cut[0].owner)} cuts the gradient off on purpose; with its value held, the two agree."
        )
        for parameter, each in zip(self.parameters, result.parameters, strict=True):
            root = held_twin.roots.get(parameter)
            largest = max((abs(e.gradient) for e in each.entries), default=0.0)
            entries = []
            for entry in each.entries:
                if not entry.ok:
                    gradient = 0.0 if math.isnan(entry.gradient) else entry.gradient
                    told = Slope(0.0, 0.0)
                    if root is not None:
                        scale = _scale(np.asarray(self.point[parameter]), entry.index)
                        told = differences.slope(root, entry.index, scale)
                    rounding = entry.uncertainty if math.isfinite(entry.uncertainty) else 0.0
                    again = _compared(entry.index, gradient, told, (rounding, rounding), largest)
                    if again.ok:
                        entry = replace(entry, verdict=PURPOSE)
                entries.append(entry)
            changed = any(entry.verdict == PURPOSE for entry in entries)
            parameters.append(replace(each, entries=tuple(entries), why=why if changed else each.why))
        return replace(result, parameters=tuple(parameters))


def _excused(parameter: ParameterCheck, why: str) -> ParameterCheck:
    if parameter.ok:
        return parameter
    entries = tuple(e if e.ok else replace(e, verdict=PURPOSE) for e in parameter.entries)
    return replace(parameter, entries=entries, why=why)


def _scale(start: Any, index: tuple[int, ...]) -> float:
    """How far a step may go: as far as the entry is large, or as its parameter's entries are."""
    typical = float(np.sqrt(np.mean(np.square(np.asarray(start, "float64")))))
    return max(abs(float(start[index])), typical) or 1.0


def _compared(
    index: tuple[int, ...], gradient: float, told: Slope, rounding: tuple[float, float], largest: float
) -> Entry:
    """The verdict on one entry; `rounding`: of the gradient, at a kink and elsewhere."""
    none, size = math.isnan(gradient), max(abs(gradient), abs(told.value))
    apart = abs(told.value) if none else abs(gradient - told.value)
    relative = math.nan if math.isnan(apart) else apart / size if size else 0.0
    relative = 1.0 if none and told.value else 0.0 if none else relative
    unsure = told.error + rounding[told.left is None]
    if told.left is not None and told.right is not None:
        low, high = sorted((told.left, told.right))
        slack = rounding[0] + (told.error if math.isfinite(told.error) else 0.0) + 1e-6 * size
        verdict = KINK if none or low - slack <= gradient <= high + slack else OUTSIDE
        if math.isinf(low) or math.isinf(high):
            verdict = KINK
    elif not math.isfinite(unsure) or math.isnan(told.value):
        verdict = UNRESOLVED
    elif none:
        verdict = RIGHT if apart <= unsure else MISSING
    elif apart <= unsure:
        small = relative <= ROUNDING or gradient == 0 or unsure <= 1e-7 * largest
        verdict = RIGHT if small else UNRESOLVED
    else:
        verdict = judged(relative)
    return Entry(index, gradient, told.value, unsure, relative, verdict)


def _both(far: Slope, near: Slope, gradient: float, rounding: float) -> Slope:
    """What two looks say together: where they contradict each other, nothing finer than that."""
    if near.left is not None:
        return near
    if not math.isfinite(near.error):
        return far
    if not math.isfinite(far.error) or far.left is not None:
        return near
    if abs(far.value - near.value) <= far.error + near.error:
        return min(far, near, key=lambda told: told.error)
    if abs(near.value - gradient) <= near.error + rounding:
        return near
    return near._replace(error=max(near.error, abs(far.value - near.value)))


def _missing(gradient: Any) -> str:
    if isinstance(gradient.type, DisconnectedType):
        return "PyTensor finds no way from it to the cost along which there is a gradient."
    if isinstance(gradient.type, NullType):
        why = getattr(gradient.type, "why_null", "") or "an Op says so"
        return f"its gradient is undefined: {plain(str(why).strip(), 200)}"
    return ""


def _without_gradient(twin: Twin) -> Apply | None:
    """The first node that raises when it is asked for its gradient."""
    for node in twin.nodes:
        fresh = [v.type() for v in node.inputs]
        try:
            made = node.clone_with_new_inputs(fresh, strict=False)
            known = {out: out.zeros_like(dtype=out.type.dtype) for out in made.outputs if is_float(out)}
            wanted = [v for v in fresh if is_float(v)]
            if known and wanted:
                ways: dict[str, Any] = {"return_disconnected": "disconnected", "null_gradients": "return"}
                with quietly():
                    grad(None, wanted, known_grads=known, disconnected_inputs="ignore", **ways)
        except Exception:  # of the user's Op
            return node
    return None
