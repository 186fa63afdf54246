"""What was found out about a compilation, as plain data.

Where the time to the first result went, the values of every step and the verdicts on them, the same compilation
without one rule, known stabilizing rewrites tried here, and how long every node takes and which code it runs. What a node
costs in arithmetic and bytes follows from the recorded shapes and is not stored: see
`graphs.inspection.costs`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from graphs.timing import Measured, Spread

__all__ = [
    "ANSWERS",
    "BROKE",
    "CHANGED",
    "FIRED",
    "IDENTICAL",
    "LEFT_OUT",
    "LOUD",
    "NEVER_TRIED",
    "NOT_TAKEN",
    "REFUSED",
    "MADE",
    "CAUSES",
    "PICKED",
    "RAISED",
    "REPAIRED",
    "ROUNDING",
    "UNKNOWN",
    "UNMOVED",
    "VERDICTS",
    "Around",
    "Cells",
    "Count",
    "Counterfactual",
    "Diagnosis",
    "Distance",
    "Evaluation",
    "GIVEN",
    "Inner",
    "InnerNode",
    "Measurements",
    "NodeCode",
    "NodeTime",
    "NonFinite",
    "OutputChange",
    "OutputValue",
    "Place",
    "Reading",
    "Reference",
    "Rescue",
    "Row",
    "Stage",
    "Start",
    "StepVerdict",
    "Times",
    "ValueSummary",
    "Why",
]

IDENTICAL = "identical"  # to the bit
ROUNDING = "rounding"
REPAIRED = "repaired"  # non-finite entries became finite
BROKE = "broke"  # finite entries became non-finite
CHANGED = "changed"
UNKNOWN = "unknown"  # there is no value to compare
LOUD = (REPAIRED, BROKE, CHANGED)  # verdicts on what is more than rounding
VERDICTS = (IDENTICAL, ROUNDING, UNKNOWN, *LOUD)
MADE, PICKED, GIVEN, RAISED = CAUSES = ("made", "picked", "given", "raised")  # how an output comes to be none

FIRED = "fired"
LEFT_OUT = "left out by the mode"
NEVER_TRIED = "never tried"
REFUSED = "tried, and no place fits"
NOT_TAKEN = "offered a replacement that was not taken"
UNMOVED = "ran, and changed nothing"  # for rewriters that look at the whole graph at once
ANSWERS = (FIRED, LEFT_OUT, NEVER_TRIED, REFUSED, NOT_TAKEN, UNMOVED)

# How many there are, or which one in a table; JSON holds no larger number exactly.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Row(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What stands as a row in a table of the file: an array of the fields' values in their order."""


class Stage(Row, frozen=True):
    """A stretch of the way to the first result."""

    # ``import``, ``rewriting``, ``code generation``, ``compiler``, ``code generation and compiler`` where a linker does
    # not tell them apart, ``first call``, ``first call, with its compiler``
    name: str
    seconds: Measured  # from its beginning to its end
    phase: str = ""  # for rewriting, the part of the rewriter, by PyTensor's own name


class Start(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Where the time to the first result went, from nothing to what the first call returned.

    The imports are timed in a process of their own; all else as it happened to the recorded copy.
    """

    stages: tuple[Stage, ...]  # in order, one after the other; what was not timed is not among them
    again: float | None = (
        None  # seconds of a call after the first, the median of some; None where none was made
    )
    cache: str = (
        ""  # what the linker's cache of compiled code knew, in a sentence; empty where that is not known
    )

    @property
    def seconds(self) -> float:
        """Of all stages together."""
        return sum(stage.seconds for stage in self.stages)


class ValueSummary(Row, frozen=True):
    """One variable's value from one snapshot on, until a later summary of it replaces this."""

    snapshot: Count  # from which snapshot on
    variable: Count  # which variable
    shape: tuple[Count, ...] | None = None  # real shape; None for values without one
    dtype: str = ""  # NumPy's name, or the value's Python type
    min: float | None = None  # over the finite entries (complex ones by magnitude); None if there are none
    max: float | None = None  # likewise
    mean: float | None = None  # likewise
    nan: Count = 0  # number of NaN entries
    inf: Count = 0  # number of infinite entries
    problem: str = ""  # why it could not be computed; empty where it was


class Cells(Row, frozen=True):
    """The entries of one variable's value, or blocks of them, from one snapshot on: which are finite, and the numbers.

    Kept for values with entries that are not finite, and for small ones.
    """

    snapshot: Count  # from which snapshot on, as the summary of the same snapshot and variable
    variable: Count  # which variable
    columns: Count  # cells in a row: of an array of two axes or more, its last one; else 0, and cells stand in one row
    block: tuple[Count, Count]  # entries that each cell stands for: rows and columns of them
    # one letter per cell, row by row: ``.`` finite, ``n`` NaN, ``+`` and ``-`` infinite; of a block its worst entry
    marks: str
    # of the finite cells in order, four digits; empty where a cell is a block, or there are many
    numbers: tuple[float, ...] = ()


class Reference(Row, frozen=True):
    """One output in extended precision: what its values at every step are measured against."""

    output: Count  # which output
    snapshot: Count  # the graph it was computed by: its Ops, on the same inputs, with more digits
    bits: Count  # of its mantissa
    # how far it lies from the graph as written, computed likewise, in units in the last place of the output's own
    # type, over entries finite in both; None where that is the same graph, or cannot be had
    doubt: float | None = None
    nonfinite: Count = 0  # entries that are not finite with more digits either; they are left out


class Distance(Row, frozen=True):
    """How far one output is from its `Reference`, from one snapshot on."""

    snapshot: Count  # from which snapshot on, until the next of the same output
    output: Count  # which output
    # largest distance of a finite entry, in units in the last place; None where none is finite
    ulp: float | None = None


class OutputChange(Row, frozen=True):
    """How one output moved, in one step or between two compilations."""

    output: Count  # which output of the graph; updated values come after the returned ones
    verdict: str  # identical (to the bit), rounding, repaired, broke, changed or unknown
    absolute: float | None = None  # largest change over entries finite before and after; None if none is
    relative: float | None = None  # the same, relative to the larger of the two
    ulp: float | None = None  # the same, in units in the last place
    repaired: Count = 0  # how many entries became finite
    broke: Count = 0  # how many entries became non-finite
    problem: str = ""  # for ``unknown``, why there is no value to compare
    # where the problem is so ill-conditioned that only this makes it rounding: how far the output moves when
    # the numbers that go in move by a unit in their last place
    spread: float | None = None


class StepVerdict(Row, frozen=True):
    """What one step did to the outputs."""

    step: Count  # counted from 1
    verdict: str  # worst among the outputs: broke, repaired, changed, unknown, rounding, identical
    outputs: tuple[OutputChange, ...] = ()  # only those that are not identical


class OutputValue(Row, frozen=True):
    """One output at the start, at the end, and as the compiled function itself returns it."""

    output: Count  # which output
    first: ValueSummary  # in snapshot 0, Op by Op
    last: ValueSummary  # in the last snapshot, Op by Op
    rescued_by: tuple[Count, ...] = ()  # steps that made entries of it finite
    broken_by: tuple[Count, ...] = ()  # steps that made entries of it non-finite
    called: ValueSummary | None = None  # what the compiled function returned; None where it was not called

    @property
    def compiled(self) -> ValueSummary:
        """What the function returned, or where it was not called what its last graph gives."""
        return self.last if self.called is None else self.called


class Reading(Row, frozen=True):
    """What a node reads where it makes an entry that is not finite."""

    variable: Count  # of which variable
    value: str  # the number, printed; its range, where the node reads more than one entry of it


class NonFinite(Row, frozen=True):
    """Where an output stops being finite, or computing it fails, on one set of inputs."""

    snapshot: Count  # in which snapshot: 0, as written, or the last one
    variable: Count  # the first variable on the way that is not finite
    # ``made`` (its node makes it, of finite numbers too), ``picked`` (its node takes an infinite constant where a
    # condition says so), ``given`` (an input, shared variable or constant that was not finite already) or
    # ``raised`` (its node raises an error)
    kind: str
    value: str  # nan, inf or -inf; what was raised
    entry: tuple[Count, ...]  # the first such entry
    outputs: tuple[Count, ...]  # the outputs that are not finite for it
    # the variables from it to the first of these outputs, both included; of a long way the first twenty and the last
    path: tuple[Count, ...]
    reads: tuple[Reading, ...] = ()  # what its node reads there
    # the comparisons that do not hold, for which an infinite constant is picked or an error raised; their
    # ``value`` has the numbers: ``-1 > 0``
    failed: tuple[Reading, ...] = ()
    inside: str = ""  # in a fused node, the operation that makes it, with its numbers
    # the node that picks another value at this entry, so that it comes only from differentiating what was
    # not picked; None where there is none
    masked_by: Count | None = None
    # a formula that is finite there, or what must hold of the input; empty where none is known
    write: str = ""


class Evaluation(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The values of every snapshot, for one set of inputs."""

    inputs: tuple[str, ...]  # where each input's value is from: ``given``, ``drawn`` or ``shared``
    seed: int | None  # of the drawn inputs; None where all were given
    # by snapshot, then variable; only where new or different from the snapshot before
    values: tuple[ValueSummary, ...]
    steps: tuple[StepVerdict, ...]  # one per step
    outputs: tuple[OutputValue, ...]  # one per output
    # up to this many units in the last place of an output's largest entry count as rounding
    tolerance_ulp: float
    # the compiled function's own outputs against the last snapshot's, evaluated Op by Op; empty where it
    # was not called
    compiled: tuple[OutputChange, ...] = ()
    # why they differ by more than rounding, so that verdicts on steps are not about this function's own
    # numbers; empty where they do not
    apart: str = ""
    nonfinite: tuple[NonFinite, ...] = ()  # where what is not finite comes from, as written and as compiled
    cells: tuple[Cells, ...] = ()  # entries of values, by snapshot, then variable
    references: tuple[Reference, ...] = ()  # for the outputs that can be computed in extended precision
    distances: tuple[Distance, ...] = ()  # from these, by snapshot, then output


class InnerNode(Row, frozen=True):
    """One node of a graph that is told as a whole: that within an Op, or a final one."""

    op: str  # the Op, printed
    # names of what it reads: ``i0`` the first input, or its own name, ``t3`` a result, or a constant, printed
    inputs: tuple[str, ...]
    output: str  # name of what it writes; several, comma-separated, where it writes several
    inner: Inner | None = None  # the graph inside the Op, where it has one too


class Inner(Row, frozen=True):
    """A graph told as a whole: inside a fused elementwise, a Scan's step or an OpFromGraph; or a final graph."""

    nodes: tuple[InnerNode, ...]  # in an order in which they can be computed
    outputs: tuple[str, ...]  # names of the results it returns


class Counterfactual(Row, frozen=True):
    """The same compilation without one rule."""

    rule: Count  # which rule
    excluded: tuple[str, ...]  # names given to ``mode.excluding``; empty where the rule has none
    fired: Count  # number of steps the rule made in the full compilation
    # why there is nothing to compare: cannot be excluded, still fires, does not compile, does not run;
    # empty where all went well
    problem: str = ""
    nodes: Count | None = None  # nodes of the final graph without it
    # outputs without it against outputs with it (``broke``: non-finite without it); only those that are
    # not identical
    outputs: tuple[OutputChange, ...] = ()
    verdict: str = UNKNOWN  # the worst among them; ``unknown`` where there are no values
    # the same verdict for the two final graphs evaluated Op by Op in Python; where it differs, the
    # linker's own compiler (LLVM's fast mathematics, say) changes what the graph says
    formula: str = UNKNOWN
    seconds: Spread | None = None  # one call without it
    ratio: float | None = None  # median of a call without it over the median with it, timed in turn
    # whether leaving it out breaks or changes values beyond rounding, called or evaluated Op by Op, or
    # the compilation
    carries_weight: bool = False
    # what else was off, because it hides what the rule is worth: a setting of the linker's own compiler
    # (``numba__fastmath``), or another rule, which does the same where this one does not; empty where
    # the rule alone was left out
    also: str = ""
    # the final graph without it, inputs by their names, or as ``input0``; None where it is the same as with it, or there is none
    graph: Inner | None = None


class Rescue(msgspec.Struct, frozen=True):
    """One step that made entries of an output finite, and whether leaving its rule out proves it."""

    output: Count  # which output of the graph
    step: Count  # which step; its rule is the rescuer
    # the compilation without that rule (and what would stand in for it), in which entries of the output
    # are not finite; None where no such compilation was made, or the output stays finite
    proof: Counterfactual | None

    @property
    def broken(self) -> int:
        """How many entries of the output are not finite in the proof."""
        changes = self.proof.outputs if self.proof else ()
        return sum(change.broke for change in changes if change.output == self.output)


class Diagnosis(Row, frozen=True):
    """One known stabilizing rewrite, tried in this environment and mode."""

    name: str  # what it does: ``log(sigmoid(x)) → −softplus(−x)``
    fires: bool  # whether the compiled graph has the stable form
    # whether the compiled function is finite where the plain formula is not; None where it did not run
    finite: bool | None
    found: str  # the compiled graph, in one line
    advice: str = ""  # what to do where it does not fire; empty where it does
    rules: tuple[str, ...] = ()  # names of PyTensor's rewrites that do it, as far as this version has them


class Place(Row, frozen=True):
    """A place in the graph where a rewrite was tried, and the test that failed there."""

    node: Count | None  # which node; None for one inside another graph, or that never stood in a snapshot
    snapshot: Count  # which snapshot stood there when it was tried
    formula: str  # the node as it stood there
    test: str  # the test that failed, in words, with what stood there; empty where it is not known
    file: str = ""  # where the test stands; empty where it is not known
    line: Count = 0  # likewise
    source: str = ""  # the test as it is written there
    inside: bool = False  # whether it is a node of a graph within an Op (a Scan's step)
    others: Count = 0  # how many other nodes were refused no later than here


class Why(Row, frozen=True):
    """Why one rewrite did, or did not, fire in this compilation."""

    rule: str  # its name in PyTensor's database
    # ``fired``, ``left out by the mode``, ``never tried``, ``tried, and no place fits``, ``offered a replacement
    # that was not taken``, or ``ran, and changed nothing``, for one that looks at the whole graph at once
    answer: str
    phases: tuple[str, ...] = ()  # the parts of PyTensor's rewriter that hold it
    steps: tuple[Count, ...] = ()  # the steps that it made
    tried: Count = 0  # how often it was tried on this graph
    nodes: Count = 0  # at how many different nodes
    places: tuple[Place, ...] = ()  # where it came furthest and was refused, the nearest first
    told: tuple[str, ...] = ()  # what else is known about the answer, in sentences
    include: str = ""  # the code that brings it in, tried out; empty where it is in, or none is known
    exclude: str = ""  # the code that leaves it out, tried out; empty where it is out, or none is known
    modes: tuple[str, ...] = ()  # for one that is left out, the named modes that hold it


class NodeTime(Row, frozen=True):
    """One node of the final graph in one call of the function."""

    node: Count  # which node
    seconds: Spread | None = None  # the time spent in it per call; None where it could not be told
    problem: str = ""  # why not (``not run with these inputs`` …); empty where it was measured


class Around(Row, frozen=True):
    """A part of a call that is no node: PyTensor's and the linker's own work."""

    name: str  # what is done there
    seconds: Spread  # the time spent in it per call, between two clock reads at its borders
    after: bool = False  # whether it comes after the nodes


class Times(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Measured time of the compiled function, of its nodes and of what lies around them.

    The call, the parts around the nodes and the nodes are measured in calls of their own, taken
    in turn, and each by its own clocks: no figure here is a difference of two others.
    """

    method: str  # how the nodes were timed
    # one whole call, as the user makes it, without any clock inside; None where it could not be made
    call: Spread | None
    # the part of a call from before the first node to after the last, with no clock between
    inside: Spread | None
    nodes: tuple[NodeTime, ...]  # one per node, in the order they run
    around: tuple[Around, ...] = ()  # the other parts of a call, in order
    clock: float = 0.0  # seconds that one clock read between nodes costs; already taken off every node
    rounds: Count = 0  # how many rounds were timed
    calls: Count = 0  # calls per round
    problem: str = ""  # why nothing, or no node, could be timed; empty where all went well

    @property
    def total(self) -> float | None:
        """Sum of the nodes' medians, in seconds; None where no node was timed."""
        known = [timed.seconds.median for timed in self.nodes if timed.seconds is not None]
        return sum(known) if known else None

    @property
    def outside(self) -> float:
        """Sum of the medians of the parts around the nodes, in seconds."""
        return sum(part.seconds.median for part in self.around)

    @property
    def explained(self) -> float | None:
        """Nodes and what lies around them over the whole call; 1 where they add up to it.

        Where no node could be timed, their stretch as one piece stands for them.
        """
        nodes = self.total if self.total is not None else self.inside.median if self.inside else None
        if self.call is None or nodes is None:
            return None
        return (nodes + self.outside) / self.call.median

    @property
    def agreement(self) -> float | None:
        """The nodes' sum over the same stretch timed as one piece; 1 where the probes cost nothing."""
        if self.inside is None or self.total is None:
            return None
        return self.total / self.inside.median


class NodeCode(Row, frozen=True):
    """The code that one node of the final graph became."""

    node: Count | None  # which node; None for code of the function as a whole
    # ``python`` (compiled by Numba, or run as it is), ``c``, ``jaxpr``, ``hlo``, ``llvm``, ``assembly`` …
    language: str
    text: str  # the code; empty where there is none, or where it is nothing but `lines` of the whole
    # where it stands in the whole of the same language: first and last line, counted from 1
    lines: tuple[Count, Count] | None = None
    problem: str = ""  # why there is none
    # what else is to be known of how the node runs: that its linker has no code for it, and runs its Python
    note: str = ""


class Measurements(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Times and code; each may be missing."""

    times: Times | None = None  # None where nothing was to be timed
    code: tuple[NodeCode, ...] = ()  # one per node in the order they run, then that of the whole function
