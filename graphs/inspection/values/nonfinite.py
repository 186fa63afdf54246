"""Where what is not finite comes from: the first node on the way that makes it of finite numbers.

From an output that is not finite the way leads upstream, at the entry where it is not, through whatever is not finite
there, to a node all of whose inputs are. What is infinite in between and does no harm (``1 / (1 + exp(800))``
is 0) is never met on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from pytensor.graph.basic import Constant
from pytensor.raise_op import CheckAndRaise
from pytensor.scalar.basic import EQ, GE, GT, LE, LT, NEQ, Composite, Mul, Switch, TrueDiv
from pytensor.tensor.basic import Alloc, MakeVector, ScalarFromTensor, TensorFromScalar
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise

from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.findings import GIVEN, MADE, PICKED, RAISED, NonFinite, Reading
from graphs.inspection.recording import GRADIENT, Placed, Snapshot
from graphs.inspection.values.difference import Missing, as_array
from graphs.inspection.values.perform import perform
from graphs.inspection.values.stable import Place, what_to_write

__all__ = ["first_nonfinite"]

MOST = 8  # of one snapshot
LONGEST = 20  # variables of a way that are kept, beside its end

COMPARED = {GT: ">", GE: "≥", LT: "<", LE: "≤", EQ: "=", NEQ: "≠"}

Entry = tuple[int, ...]


def first_nonfinite(live: LiveCopy, snapshot: Snapshot, values: Mapping[int, Any]) -> tuple[NonFinite, ...]:
    """Where this snapshot's outputs stop being finite, in the order in which its nodes run.

    Parameters
    ----------
    live
        The recorded compilation.
    snapshot
        One of its snapshots.
    values
        By variable, of that snapshot.
    """
    return _Search(live, snapshot, values).found()


@dataclass(frozen=True)
class _At:
    """An entry of a variable."""

    variable: int
    entry: Entry


class _Search:
    def __init__(self, live: LiveCopy, snapshot: Snapshot, values: Mapping[int, Any]) -> None:
        self.live, self.snapshot, self.values = live, snapshot, values
        self.owners = {variable: placed for placed in snapshot.nodes for variable in placed.outputs}
        self.order = {placed.node: i for i, placed in enumerate(snapshot.nodes)}

    def found(self) -> tuple[NonFinite, ...]:
        sources: dict[Any, tuple[_At, list[int], list[_At]]] = {}  # entry, outputs, way from there
        for output, variable in enumerate(self.snapshot.outputs):
            for way in self._ways_to(variable):
                source = way[-1]
                known = sources.get(self._computation(source))
                if known is None or self._position(source) < self._position(known[0]):
                    outputs = known[1] if known else []
                    known = sources[self._computation(source)] = (source, outputs, way[::-1])
                if output not in known[1]:
                    known[1].append(output)
        ordered = sorted(sources.values(), key=lambda kept: self._position(kept[0]))
        return tuple(self._described(*kept) for kept in ordered[:MOST])

    def _ways_to(self, variable: int) -> Iterator[list[_At]]:
        """Every way from an output that is not finite, or not there, to where that begins."""
        if isinstance(self.values.get(variable), Missing):
            way = [_At(variable, ())]
            while (reads := self._missing(way[-1].variable)) is not None:
                way.append(_At(reads, ()))
            ways = [way]
        elif (entry := self._first_bad(variable)) is not None:
            ways = list(self._ways(_At(variable, entry)))
        else:
            ways = []
        yield from ways
        for way in ways:  # what a condition was False for may itself not be finite
            for comparison in self._comparisons(way[-1]):
                placed = self.owners[comparison.variable]
                for number in placed.inputs:
                    if (entry := self._first_bad(number)) is not None and not self._is_constant(number):
                        yield from ([*way, comparison, *more] for more in self._ways(_At(number, entry)))

    def _missing(self, variable: int) -> int | None:
        """What a variable's node reads that could not be computed."""
        placed = self.owners.get(variable)
        reads = placed.inputs if placed is not None else ()
        return next((number for number in reads if isinstance(self.values.get(number), Missing)), None)

    def _comparisons(self, at: _At) -> list[_At]:
        """The comparisons that do not hold, of a condition by which a constant is picked or an error raised."""
        placed = self.owners.get(at.variable)
        if placed is None:
            return []
        op = self.live.nodes[placed.node].op
        if isinstance(self.values.get(at.variable), Missing):
            conditions = placed.inputs[1:] if isinstance(op, CheckAndRaise) else ()
        elif _is_switch(op):
            picked = self._picked(placed, at.entry).variable
            conditions = placed.inputs[:1] if picked == placed.inputs[2] else ()
        else:
            return []
        return [found for number in conditions for found in self._failing(number)]

    def _failing(self, number: int) -> Iterator[_At]:
        """The comparisons below a condition that make it False."""
        array = as_array(self.values.get(number))
        if array is None or array.dtype.kind != "b" or array.all():
            return
        placed = self.owners.get(number)
        if placed is None:
            return
        op = self.live.nodes[placed.node].op
        if isinstance(op, Elemwise) and type(op.scalar_op) in COMPARED:
            yield _At(number, tuple(int(i) for i in np.argwhere(~array)[0]))
        elif isinstance(
            op, Elemwise | DimShuffle | CAReduce | MakeVector | ScalarFromTensor | TensorFromScalar | Alloc
        ):
            for reads in placed.inputs:
                yield from self._failing(reads)

    def _compared(self, at: _At) -> str:
        """A comparison with its numbers."""
        placed = self.owners[at.variable]
        sign = COMPARED[type(self.live.nodes[placed.node].op.scalar_op)]
        numbers = (self._number(self._broadcast(number, at.entry)) for number in placed.inputs)
        return f" {sign} ".join(map(_printed, numbers))

    def _computation(self, at: _At) -> Any:
        """Equal where the same is computed of the same, as a gradient does what the forward part has done."""
        placed = self.owners.get(at.variable)
        return (
            at if placed is None else (placed.op, placed.inputs, placed.outputs.index(at.variable), at.entry)
        )

    def _position(self, at: _At) -> tuple[bool, int]:
        """The forward part comes first, then what runs first."""
        owner = self.owners.get(at.variable)
        if owner is None:
            return False, -1
        return self.live.recording.nodes[owner.node].origin.kind == GRADIENT, self.order[owner.node]

    def _first_bad(self, variable: int) -> Entry | None:
        """The first NaN, else the first infinite entry; None where all are finite or it holds no numbers."""
        array = as_array(self.values.get(variable))
        if array is None or array.dtype.kind not in "fc":
            return None
        for bad in (np.isnan(array), np.isinf(array)):
            if bad.any():
                return tuple(int(i) for i in np.argwhere(bad)[0])
        return None

    def _number(self, at: _At) -> Any:
        """What stands at that entry; None where nothing does."""
        array = as_array(self.values.get(at.variable))
        if array is None or len(at.entry) != array.ndim:
            return None
        return array[at.entry]

    def _is_bad(self, at: _At) -> bool:
        number = self._number(at)
        return number is not None and number.dtype.kind in "fc" and not np.isfinite(number)

    def _ways(self, end: _At) -> Iterator[list[_At]]:
        """From an entry of an output upstream, to every variable whose node makes it of finite numbers."""
        reached: dict[int, tuple[_At, int | None]] = {
            end.variable: (end, None)
        }  # and what it was reached from
        waiting = [end]
        while waiting:
            at = waiting.pop()
            upstream = self._upstream(at)
            if not upstream:
                way, back = [at], reached[at.variable][1]
                while back is not None:
                    further, back = reached[back]
                    way.append(further)
                yield way[::-1]
            for further in reversed(upstream):
                if further.variable not in reached:
                    reached[further.variable] = (further, at.variable)
                    waiting.append(further)

    def _upstream(self, at: _At) -> list[_At]:
        """The entries that the node of an entry reads and that are not finite, NaN first."""
        placed = self.owners.get(at.variable)
        if placed is None:
            return []
        op = self.live.nodes[placed.node].op
        if _is_switch(op):
            picked = self._picked(placed, at.entry)
            # An infinite constant is what the user wants there; which condition picks it is the question.
            return [picked] if self._is_bad(picked) and not self._is_constant(picked.variable) else []
        bad = []
        for number in dict.fromkeys(placed.inputs):
            reads = self._reads(placed, number, at)
            if reads is not None and self._is_bad(reads):
                bad.append(reads)
        if bad and not isinstance(op, Elemwise | DimShuffle) and self._fails_without(placed, at):
            return []
        return sorted(bad, key=lambda reads: not np.isnan(self._number(reads)))

    def _fails_without(self, placed: Placed, at: _At) -> bool:
        """Whether an entry is not finite although all that its node reads is made so."""
        variables = [self.live.variables[number] for number in placed.inputs]
        try:
            cleaned = [_cleaned(self.values[number]) for number in placed.inputs]
            results = perform(self.live.nodes[placed.node], variables, cleaned)
            made = as_array(results[placed.outputs.index(at.variable)])
            return made is not None and len(at.entry) == made.ndim and not np.isfinite(made[at.entry])
        except Exception:  # of whatever Op; another shape
            return False

    def _reads(self, placed: Placed, number: int, at: _At) -> _At | None:
        """Which entry of an input an entry of the result is made of; the first bad one where there are several."""
        op = self.live.nodes[placed.node].op
        if isinstance(op, Elemwise):
            return self._broadcast(number, at.entry)
        if isinstance(op, DimShuffle):
            order = [
                op.new_order.index(axis) if axis in op.new_order else None for axis in range(op.input_ndim)
            ]
            return _At(number, tuple(0 if place is None else at.entry[place] for place in order))
        entry = self._first_bad(number)
        return None if entry is None else _At(number, entry)

    def _broadcast(self, number: int, entry: Entry) -> _At:
        array = as_array(self.values.get(number))
        shape = () if array is None else array.shape
        own = entry[len(entry) - len(shape) :]
        return _At(number, tuple(0 if n == 1 else i for n, i in zip(shape, own, strict=True)))

    def _picked(self, placed: Placed, entry: Entry) -> _At:
        condition, yes, no = placed.inputs
        chosen = yes if self._number(self._broadcast(condition, entry)) else no
        return self._broadcast(chosen, entry)

    def _is_constant(self, variable: int) -> bool:
        """Whether it is one number written in the graph, whatever its shape was made to be."""
        placed = self.owners.get(variable)
        if placed is None:
            return isinstance(self.live.variables[variable], Constant)
        op = self.live.nodes[placed.node].op
        return isinstance(op, DimShuffle | Alloc | TensorFromScalar) and self._is_constant(placed.inputs[0])

    def _described(self, at: _At, outputs: Sequence[int], way: Sequence[_At]) -> NonFinite:
        placed = self.owners.get(at.variable)
        value = self.values[at.variable]
        said = value.problem if isinstance(value, Missing) else _printed(self._number(at))
        path = tuple(step.variable for step in (way if len(way) <= LONGEST else [*way[:LONGEST], way[-1]]))
        told = NonFinite(self.snapshot.index, at.variable, GIVEN, said, at.entry, tuple(outputs), path)
        if placed is None:
            return told
        failed = tuple(Reading(found.variable, self._compared(found)) for found in self._comparisons(at))
        if isinstance(value, Missing):
            reads = tuple(Reading(i, self._told(placed, i, at)) for i in dict.fromkeys(placed.inputs))
            return msgspec.structs.replace(told, kind=RAISED, reads=reads, failed=failed)
        op = self.live.nodes[placed.node].op
        inside, picked = "", _is_switch(op) and self._is_bad(self._picked(placed, at.entry))
        if isinstance(op, Elemwise) and isinstance(op.scalar_op, Composite):
            numbers = [self._number(self._broadcast(i, at.entry)) for i in placed.inputs]
            inside, picked = _inside(op.scalar_op, numbers, placed.outputs.index(at.variable))
        masked = self._masked(way)
        return msgspec.structs.replace(
            told,
            kind=PICKED if picked else MADE,
            reads=tuple(Reading(i, self._told(placed, i, at)) for i in dict.fromkeys(placed.inputs)),
            failed=failed,
            inside=inside,
            masked_by=masked,
            write="" if picked else what_to_write([_Spot(self, step) for step in way], masked is not None),
        )

    def _told(self, placed: Placed, number: int, at: _At) -> str:
        """An input's number at the entry, or where the node reads more of it its range."""
        op = self.live.nodes[placed.node].op
        one = isinstance(op, Elemwise | DimShuffle) and not isinstance(self.values[at.variable], Missing)
        if one and (reads := self._reads(placed, number, at)) is not None:
            return _printed(self._number(reads))
        array = as_array(self.values.get(number))
        if array is None or array.size == 0 or array.dtype.kind not in "biuf":
            return "" if array is None or array.size else "nothing"
        low, high = array.min(), array.max()
        return _printed(low) if low == high else f"{_printed(low)} … {_printed(high)}"

    def _masked(self, way: Sequence[_At]) -> int | None:
        """The node that picks another value there, whose zero then meets what is not finite.

        0 · ∞ and 0 / 0 are NaN, so that a branch that was not picked still breaks the gradient.
        """
        for at in way:
            placed = self.owners.get(at.variable)
            number = self._number(at)
            if placed is None or number is None or not np.isnan(number):
                continue
            op = self.live.nodes[placed.node].op
            if not (isinstance(op, Elemwise) and isinstance(op.scalar_op, Mul | TrueDiv)):
                continue
            for reads in placed.inputs:
                switch = self._zero_of_switch(self._broadcast(reads, at.entry), set())
                if switch is not None:
                    return switch
        return None

    def _zero_of_switch(self, at: _At, seen: set[int]) -> int | None:
        """The switch that a zero comes from, through products with it."""
        placed, number = self.owners.get(at.variable), self._number(at)
        if placed is None or at.variable in seen or number is None or number != 0:
            return None
        seen.add(at.variable)
        op = self.live.nodes[placed.node].op
        if _is_switch(op):
            return placed.node
        if not isinstance(op, Elemwise | DimShuffle):
            return None
        for i in placed.inputs:
            reads = self._reads(placed, i, at)
            if reads is not None and (switch := self._zero_of_switch(reads, seen)) is not None:
                return switch
        return None


class _Spot(Place):
    """An entry of a variable, as the table of stable formulas looks at it."""

    def __init__(self, search: _Search, at: _At) -> None:
        self._search, self._at = search, at

    @property
    def name(self) -> str:
        placed = self._search.owners.get(self._at.variable)
        if placed is None:
            return ""
        op = self._search.live.nodes[placed.node].op
        return type(op.scalar_op if isinstance(op, Elemwise) else op).__name__

    @property
    def value(self) -> Any:
        return self._search._number(self._at)

    @property
    def operands(self) -> list[Place]:
        placed = self._search.owners.get(self._at.variable)
        if placed is None:
            return []
        found: list[Place] = []
        for number in placed.inputs:
            reads = self._search._reads(placed, number, self._at)
            array = as_array(self._search.values.get(number))
            entry = (0,) * (0 if array is None else array.ndim)
            found.append(_Spot(self._search, reads or _At(number, entry)))
        return found[:1] if self.name == "DimShuffle" else found

    @property
    def through(self) -> Place:
        return self.operands[0].through if self.name == "DimShuffle" else self


def _is_switch(op: Any) -> bool:
    return isinstance(op, Elemwise) and isinstance(op.scalar_op, Switch)


def _cleaned(value: Any) -> Any:
    """An array with ones where it is not finite; anything else as it is."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "fc":
        return value
    cleaned = np.where(np.isfinite(value), value, np.ones((), value.dtype))
    return cleaned if isinstance(value, np.ndarray) else cleaned[()]


def _printed(number: Any) -> str:
    """A number as Python prints it; a whole one of a float type without its point."""
    if number is None:
        return ""
    item = np.asarray(number).item()
    return f"{item:.9g}" if isinstance(item, float) else str(item)


def _inside(scalar: Any, numbers: Sequence[Any], output: int) -> tuple[str, bool]:
    """What makes a fused operation's result not finite, ``log1p(-1)``, and whether a condition picks it."""
    graph = scalar.fgraph
    known: dict[Any, Any] = dict(zip(graph.inputs, numbers, strict=True))

    def read(variable: Any) -> Any:
        return variable.data if isinstance(variable, Constant) else known[variable]

    try:
        with np.errstate(all="ignore"):
            for node in graph.toposort():
                reads = [np.asarray(read(v), v.type.dtype)[()] for v in node.inputs]
                made = node.op.impl(*reads)
                known.update(
                    zip(node.outputs, made if isinstance(made, list | tuple) else [made], strict=True)
                )
        variable = graph.outputs[output]
        while variable.owner is not None:
            node = variable.owner
            reads = [read(v) for v in node.inputs]
            text = f"{type(node.op).__name__.lower()}({', '.join(map(_printed, reads))})"
            if isinstance(node.op, Switch):
                picked = node.inputs[1 if reads[0] else 2]
                if np.isfinite(read(picked)):
                    return "", False
                if isinstance(picked, Constant):
                    return text, True
                variable = picked
                continue
            bad = [v for v, number in zip(node.inputs, reads, strict=True) if not np.isfinite(number)]
            if not bad:
                return text, False
            variable = next((v for v in bad if np.isnan(read(v))), bad[0])
    except Exception:  # an Op without Python of its own, or of a type that has no numbers
        return "", False
    return "", False
