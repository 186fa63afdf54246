"""What the graph's values did from step to step, and what each rule is worth: plain data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Counterfactual",
    "Diagnosis",
    "Evaluation",
    "OutputChange",
    "OutputValue",
    "StepVerdict",
    "ValueSummary",
]

IDENTICAL, ROUNDING, REPAIRED, BROKE, CHANGED, UNKNOWN = (
    "identical",
    "rounding",
    "repaired",
    "broke",
    "changed",
    "unknown",
)


@dataclass(frozen=True)
class ValueSummary:
    """One variable's value from one snapshot on, until a later summary of it replaces this.

    Attributes
    ----------
    snapshot, variable : int
        From which snapshot on; which variable.
    shape : tuple of int or None
        Real shape; None for values without one.
    dtype : str
        NumPy's name, or the value's Python type.
    min, max, mean : float or None
        Over the finite entries (for complex values, of their magnitudes); None where there are
        none.
    nan, inf : int
        Number of NaN and of infinite entries.
    problem : str
        Why it could not be computed; empty where it was.
    """

    snapshot: int
    variable: int
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    nan: int = 0
    inf: int = 0
    problem: str = ""


@dataclass(frozen=True)
class OutputChange:
    """How one output moved in one step.

    Attributes
    ----------
    output : int
        Which output of the graph (updated values count, after the returned ones).
    verdict : str
        ``identical`` (to the bit), ``rounding``, ``repaired`` (non-finite entries became
        finite), ``broke`` (finite became non-finite), ``changed`` or ``unknown``.
    absolute, relative, ulp : float or None
        Largest change over entries finite before and after; relative to the larger of the two;
        in units in the last place. None where no such entry exists.
    repaired, broke : int
        How many entries became finite, became non-finite.
    problem : str
        For ``unknown``, why there is no value to compare.
    """

    output: int
    verdict: str
    absolute: float | None = None
    relative: float | None = None
    ulp: float | None = None
    repaired: int = 0
    broke: int = 0
    problem: str = ""


@dataclass(frozen=True)
class StepVerdict:
    """What one step did to the outputs.

    Attributes
    ----------
    step : int
        Counted from 1.
    verdict : str
        The worst among the outputs: broke, repaired, changed, unknown, rounding, identical.
    outputs : tuple of OutputChange
        Only those that are not identical.
    """

    step: int
    verdict: str
    outputs: tuple[OutputChange, ...] = ()


@dataclass(frozen=True)
class OutputValue:
    """How finite one output is at the start and at the end.

    Attributes
    ----------
    output : int
        Which output.
    first, last : ValueSummary
        In snapshot 0 and in the last snapshot.
    rescued_by : tuple of int
        Steps that made entries of it finite.
    broken_by : tuple of int
        Steps that made entries of it non-finite.
    """

    output: int
    first: ValueSummary
    last: ValueSummary
    rescued_by: tuple[int, ...] = ()
    broken_by: tuple[int, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The values of every snapshot, for one set of inputs.

    Attributes
    ----------
    inputs : tuple of str
        What each input was fed: ``given``, ``drawn from the seed`` or ``shared variable``.
    seed : int or None
        Seed of the drawn inputs; None where all were given.
    values : tuple of ValueSummary
        By snapshot, then variable; only where new or different from the snapshot before.
    steps : tuple of StepVerdict
        One per step.
    outputs : tuple of OutputValue
        One per output.
    tolerance_ulp : float
        Up to this many units in the last place of an output's largest entry count as rounding.
    compiled : tuple of OutputChange
        The compiled function's own outputs against the last snapshot's, evaluated Op by Op;
        empty where it was not called.
    """

    inputs: tuple[str, ...]
    seed: int | None
    values: tuple[ValueSummary, ...]
    steps: tuple[StepVerdict, ...]
    outputs: tuple[OutputValue, ...]
    tolerance_ulp: float
    compiled: tuple[OutputChange, ...] = ()


@dataclass(frozen=True)
class Counterfactual:
    """The same compilation without one rule.

    Attributes
    ----------
    rule : int
        Index into ``Recording.rules``.
    excluded : tuple of str
        Names given to ``mode.excluding``; empty where the rule has none.
    fired : int
        Number of steps the rule made in the full compilation.
    problem : str
        Why there is nothing to compare: cannot be excluded, still fires, does not compile, does
        not run. Empty where all went well.
    nodes : int or None
        Nodes of the final graph without it.
    outputs : tuple of OutputChange
        Outputs without it against outputs with it (``broke``: non-finite without it); only
        those that are not identical.
    verdict : str
        The worst among them; ``unknown`` where there are no values.
    formula : str
        The same verdict for the two final graphs evaluated Op by Op in Python. Where it differs,
        the linker's own compiler (LLVM's fast mathematics, say) changes what the graph says.
    seconds, seconds_q1, seconds_q3 : float or None
        One call without it: median and quartiles.
    ratio : float or None
        Median of a call without it over the median with it, timed in turn.
    carries_weight : bool
        Whether leaving it out breaks or changes values beyond rounding, called or evaluated Op
        by Op, or the compilation.
    also : str
        What else was off, because it hides what the rule is worth: a setting of the linker's own
        compiler (``numba__fastmath``), or another rule, which does the same where this one does
        not. Empty where the rule alone was left out.
    """

    rule: int
    excluded: tuple[str, ...]
    fired: int
    problem: str = ""
    nodes: int | None = None
    outputs: tuple[OutputChange, ...] = ()
    verdict: str = UNKNOWN
    formula: str = UNKNOWN
    seconds: float | None = None
    seconds_q1: float | None = None
    seconds_q3: float | None = None
    ratio: float | None = None
    carries_weight: bool = False
    also: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """One known stabilizing rewrite, tried in this environment and mode.

    Attributes
    ----------
    name : str
        What it does, ``log(sigmoid(x)) → -softplus(-x)``.
    fires : bool
        Whether the compiled graph has the stable form.
    finite : bool or None
        Whether the compiled function is finite where the plain formula is not; None where it
        could not be run.
    found : str
        The compiled graph, in one line.
    advice : str
        What to do where it does not fire; empty where it does.
    """

    name: str
    fires: bool
    finite: bool | None
    found: str
    advice: str = ""
