"""How far every step's outputs are from the same outputs computed with more digits.

What Herbie's report shows of each step of a derivation (Panchekha et al., PLDI 2015), for a compiler's rewrites. The
digits are those of `numpy.longdouble`, which has 64 bits of mantissa on x86 and no more than float64 on some
machines: there, and for graphs with an Op that is computed in float64 only, nothing is said.

Which graph computes the reference? The one as written may overflow with more digits too, and a fused one has no
Op by Op. So each output is computed by the graph as written, by the one after each step that repaired entries of
it, and by the last that can be; that with the most finite entries is taken, the last of equals. How far it is from
the one as written says how much to trust it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Constant

from graphs.gradient_check.evaluation import (
    MOST_PRODUCTS,
    checked,
    kernel_of,
    products_of,
    widened,
)
from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.findings import Distance, OutputValue, Reference
from graphs.inspection.recording import Snapshot
from graphs.inspection.values.difference import as_array

__all__ = ["distances", "references"]

MOST_TRIED = 12  # graphs from the last backwards, to find one whose Ops all can be computed so
MOST_ENTRIES = 30_000_000  # read and computed in all, a second or two: numbers of this type are slow
Outputs = list[NDArray[Any] | None]


def references(
    live: LiveCopy, values: Sequence[Any], outputs: Sequence[OutputValue]
) -> dict[int, tuple[Reference, NDArray[Any]]]:
    """By output, in extended precision; without those for which it cannot be had.

    `values` by graph input.
    """
    info = np.finfo(np.longdouble)
    if info.eps >= np.finfo(np.float64).eps:
        return {}
    recording = live.recording
    last = len(recording.steps)
    work = _Work()

    @cache
    def computed(snapshot: int) -> Outputs:
        return _extended(live, recording.snapshot(snapshot), values, work)

    def known(snapshot: int) -> int:
        return sum(output is not None for output in computed(snapshot))

    latest = _latest_of_each_phase(recording.steps)
    final = next((snapshot for snapshot in latest if known(snapshot) >= max(known(0), 1)), 0)
    found: dict[int, tuple[Reference, NDArray[Any]]] = {}
    for value in outputs:
        at = value.output
        tried = {s: out for s in (0, *value.rescued_by, final) if (out := computed(s)[at]) is not None}
        kind = _float_type(live, recording.snapshot(last).outputs[at])
        if not tried or kind is None:
            continue
        best = max(tried, key=lambda s: (np.count_nonzero(np.isfinite(tried[s])), s))
        if best < max(value.rescued_by, default=0):
            continue  # a graph from before a repair is no witness
        doubt = _apart(tried[0], tried[best], kind) if best and 0 in tried else None
        bad = int(np.count_nonzero(~np.isfinite(tried[best])))
        found[at] = Reference(at, best, info.nmant + 1, doubt, bad), tried[best]
    return found


def distances(
    references: dict[int, tuple[Reference, NDArray[Any]]],
    snapshot: int,
    outputs: Sequence[Any],
    so_far: dict[int, Distance],
) -> list[Distance]:
    """Of these outputs from their references, where that is not what it was; `so_far` is brought up to date."""
    found = []
    for at, (_, reference) in references.items():
        value = as_array(outputs[at])
        if value is None or value.dtype.kind != "f" or value.shape != reference.shape:
            continue
        distance = Distance(snapshot, at, _apart(value, reference, value.dtype))
        if at not in so_far or so_far[at].ulp != distance.ulp:
            so_far[at] = distance
            found.append(distance)
    return found


def _float_type(live: LiveCopy, variable: int) -> Any:
    """The dtype of an output of real numbers; None for another."""
    dtype = live.recording.variables[variable].dtype
    return np.dtype(dtype) if dtype in ("float32", "float64") else None


def _latest_of_each_phase(steps: Sequence[Any]) -> list[int]:
    """The snapshots at which phases end, the last first."""
    ends = [i for i, step in enumerate(steps, start=1) if i == len(steps) or steps[i].phase != step.phase]
    return ends[::-1][:MOST_TRIED]


def _apart(value: NDArray[Any], reference: NDArray[Any], kind: Any) -> float | None:
    """Largest distance over entries finite in both, in units in the last place of the reference."""
    both = np.isfinite(value) & np.isfinite(reference)
    if not both.any():
        return None
    exact = np.asarray(reference, np.longdouble)[both]
    with np.errstate(all="ignore"):
        unit = np.spacing(np.abs(exact.astype(kind))).astype(np.longdouble)
        apart = np.abs(np.asarray(value, np.longdouble)[both] - exact) / unit
    apart = apart[np.isfinite(apart)]
    return float(f"{float(apart.max()):.4g}") if apart.size else None


class _Work:
    """How many entries may still be read and computed."""

    def __init__(self) -> None:
        self.left = MOST_ENTRIES

    def takes(self, *values: Any) -> bool:
        """Whether there is still room for these."""
        self.left -= sum(int(np.size(value)) for value in values)
        return self.left >= 0


def _extended(live: LiveCopy, snapshot: Snapshot, values: Sequence[Any], work: _Work) -> Outputs:
    """The outputs of one graph; None for those that an Op without more digits, or too much work, leads to."""
    given = dict(zip(live.recording.inputs, values, strict=True))
    known: dict[int, Any] = {}

    def read(number: int) -> Any:
        if number not in known:
            variable = live.variables[number]
            value = variable.data if isinstance(variable, Constant) else given[number]
            if not work.takes(value):
                raise KeyError(number)
            known[number] = widened(variable, value)
        return known[number]

    with np.errstate(all="ignore"):
        for placed in snapshot.nodes:
            node = live.nodes[placed.node]
            try:
                arguments = [read(number) for number in placed.inputs]
                if products_of(node, arguments) > MOST_PRODUCTS or not work.takes(*arguments):
                    continue
                kernel: Callable[..., Any] = kernel_of(node)
                results = [
                    checked(node, out, r) for out, r in zip(node.outputs, kernel(*arguments), strict=True)
                ]
            # No such kernel, or whatever an Op may raise on such numbers: there is no reference then.
            except Exception:
                continue
            known.update(zip(placed.outputs, results, strict=True))
    found: Outputs = []
    for number in snapshot.outputs:
        try:
            value = read(number)
        except KeyError:
            value = None
        wide = isinstance(value, np.ndarray) and value.dtype == np.longdouble
        found.append(value if wide else None)
    return found
