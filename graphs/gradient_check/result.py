"""What a check found: plain data, a verdict for every entry, and the text that says it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from graphs.foreign import legible
from graphs.terminal import as_html, as_text, table

__all__ = [
    "CLOSE",
    "DOUBTFUL",
    "KINK",
    "MISSING",
    "NOT_FINITE",
    "OUTSIDE",
    "PURPOSE",
    "RIGHT",
    "ROUNDING",
    "UNRESOLVED",
    "WRONG",
    "Culprit",
    "Entry",
    "GradientCheck",
    "Kink",
    "ParameterCheck",
    "Place",
    "judged",
]

RIGHT = "right"
CLOSE = "close"
DOUBTFUL = "doubtful"
WRONG = "wrong"
KINK = "kink"
OUTSIDE = "wrong at a kink"
UNRESOLVED = "not resolved"
PURPOSE = "on purpose"
MISSING = "no gradient"
NOT_FINITE = "not finite"
# From the best to the worst: the verdict of a parameter is the worst of its entries'.
ORDER = (RIGHT, UNRESOLVED, CLOSE, KINK, PURPOSE, DOUBTFUL, OUTSIDE, WRONG, MISSING, NOT_FINITE)
FINE = frozenset(ORDER[: ORDER.index(PURPOSE) + 1])
TOLD = {
    RIGHT: "the two agree",
    CLOSE: "off by 1e-7 to 1e-4: fine for a cost with kinks, too much for one without",
    DOUBTFUL: "off by 1e-4 to 1e-2: do not trust it",
    WRONG: "off by more than 1e-2",
    KINK: "the slopes on the two sides differ, and the gradient lies between them",
    OUTSIDE: "a kink, and the gradient does not lie between the slopes on its two sides",
    UNRESOLVED: "rounding, of the cost or of the gradient, hides what it is",
    PURPOSE: "it differs because the graph asks for it",
    MISSING: "PyTensor gives none, though the cost changes",
    NOT_FINITE: "the cost or the gradient is no finite number",
}
ROUNDING = 1e-4  # what is off by more, and right, is too small to tell
MOST = 5  # sentences of a kind


def judged(relative: float) -> str:
    """The verdict on a relative error that is no rounding, at a place without a kink."""
    limits = ((1e-7, RIGHT), (1e-4, CLOSE), (1e-2, DOUBTFUL))
    return next((verdict for limit, verdict in limits if relative <= limit), WRONG)


@dataclass(frozen=True)
class Place:
    """A node of the cost's graph, and the line that made it."""

    op: str
    file: str = ""  # empty where no line is known
    line: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.op}, {self.file}:{self.line}  {self.text}".rstrip() if self.file else self.op


@dataclass(frozen=True)
class Kink:
    """Where a cost has no one slope."""

    left: float  # the slope on the left; infinite where the cost jumps
    right: float
    place: Place | None = None  # the node that makes it, where it was found


@dataclass(frozen=True)
class Entry:
    """One entry of a parameter."""

    index: tuple[int, ...]
    gradient: float  # PyTensor's; NaN where there is none
    difference: float  # the slope by differences
    uncertainty: float  # of both, for their rounding and for what was left out
    relative_error: float  # |gradient − difference| / max of the two; 0 where both are 0
    verdict: str
    kink: Kink | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.verdict in FINE


@dataclass(frozen=True)
class ParameterCheck:
    """One parameter, and what became of its entries."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    entries: tuple[Entry, ...]  # all, or a sample
    why: str = ""  # there is no gradient, or it is another on purpose

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with any entry."""
        return all(entry.ok for entry in self.entries)

    @property
    def worst(self) -> Entry | None:
        """The entry with the worst verdict, and of those the largest relative error; None of an empty one."""
        return max(
            self.entries,
            key=lambda e: (ORDER.index(e.verdict), _told(e)),
            default=None,
        )

    @property
    def verdict(self) -> str:
        """The worst of its entries'."""
        return RIGHT if self.worst is None else self.worst.verdict

    @property
    def relative_error(self) -> float:
        """The largest that means something: at no kink, and no rounding; NaN where there is none."""
        return max((told for e in self.entries if (told := _told(e)) >= 0), default=math.nan)


def _told(entry: Entry) -> float:
    """A relative error where it says something; else −1."""
    rounding = entry.verdict == RIGHT and entry.relative_error > ROUNDING
    silent = rounding or entry.verdict in (KINK, UNRESOLVED, PURPOSE) or math.isnan(entry.relative_error)
    return -1.0 if silent else entry.relative_error


@dataclass(frozen=True)
class Culprit:
    """A node whose own gradient is wrong, whatever stands around it."""

    place: Place
    input: int  # its number, from 0
    name: str  # of that input; empty where it has none
    gradient: float  # the node's own, along a random direction; NaN where there is none
    difference: float  # that of its values
    uncertainty: float
    why: str = ""  # what else there is to say
    method: str = ""  # where the gradient is written


@dataclass(frozen=True)
class GradientCheck:
    """What :func:`graphs.check_gradient` found; ``print`` shows it.

    Attributes
    ----------
    ok : bool
        Whether no gradient is wrong; kinks and what differs on purpose are no faults.
    cost : float
        At the point.
    method : str
        How the differences were made, and what decided that.
    parameters : tuple of ParameterCheck
        By parameter: `entries`, `verdict`, `relative_error`.
    culprits : tuple of Culprit
        Nodes whose own gradient is wrong, the first one to look at first.
    """

    cost: float
    method: str
    parameters: tuple[ParameterCheck, ...]
    culprits: tuple[Culprit, ...] = ()
    searched: bool = False  # whether a culprit was looked for

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(parameter.ok for parameter in self.parameters)

    def __str__(self) -> str:
        return as_text(self.view()).rstrip("\n")

    def _repr_html_(self) -> str:
        return as_html(self.view())

    def view(self) -> RenderableType:
        """The table and the sentences."""
        shown = legible(self)
        rows = table(
            "parameter",
            "shape",
            "checked",
            "relative error",
            "at",
            "gradient",
            "differences",
            "verdict",
            numbers=("relative error", "gradient", "differences"),
        )
        for each in shown.parameters:
            worst = each.worst
            checked = f"{len(each.entries):,} of {each.size:,}" if len(each.entries) < each.size else "all"
            numbers = ("", "", "", "")
            if worst is not None:
                at = _at(worst)
                told = (_gradient(worst), _number(worst.difference))
                error = "–" if math.isnan(each.relative_error) else f"{each.relative_error:.1e}"
                numbers = (error, at, *told)
            rows.add_row(each.name, str(each.shape), checked, *numbers, each.verdict)
        return Group(*(Text(sentence) for sentence in _begin(shown)), Text(""), rows, *_tail(shown))


def _tail(shown: GradientCheck) -> list[Text]:
    told = list(_sentences(shown))
    return [Text(""), *map(Text, told)] if told else []


def _begin(shown: GradientCheck) -> Iterator[str]:
    if not math.isfinite(shown.cost):
        yield f"The cost is {shown.cost:g} at this point, and differences of it say nothing."
    elif any(entry.verdict == NOT_FINITE for each in shown.parameters for entry in each.entries):
        yield f"The cost is {shown.cost:.6g}, and its gradient is not finite at this point."
    else:
        found = "No gradient is wrong." if shown.ok else "A gradient is wrong."
        yield f"{found} The cost is {shown.cost:.6g}. {shown.method}"
        return
    yield "`graphs inspect --graph FILE.py:NAME --input NAME=VALUE` shows where that begins."


def _sentences(shown: GradientCheck) -> Iterator[str]:
    for culprit in shown.culprits[:MOST]:
        yield from _blamed(culprit)
    verdicts = {entry.verdict for each in shown.parameters for entry in each.entries}
    if shown.searched and not shown.culprits and verdicts & {DOUBTFUL, WRONG, MISSING}:
        yield (
            "Each Op's own gradient agrees with its own values here, or could not be tried by itself: what is wrong"
            " lies in how they are joined, in an Op with a graph inside, or in a compiled one."
        )
    for each in shown.parameters:
        if each.why:
            yield f"{each.name}: {each.why}"
        if each.verdict in (CLOSE, DOUBTFUL, UNRESOLVED, WRONG, NOT_FINITE):
            found = sum(entry.verdict == each.verdict for entry in each.entries)
            yield f"{each.name}: {found:,} of {len(each.entries):,} entries {each.verdict}: {TOLD[each.verdict]}."
        kinks = [entry for entry in each.entries if entry.kink is not None]
        for entry in kinks[:MOST]:
            yield f"{each.name}{_at(entry)}: {_kink(entry)}"
        if len(kinks) > MOST:
            yield f"{each.name}: {len(kinks) - MOST:,} more entries at kinks."
    drawn = [each.name for each in shown.parameters if len(each.entries) < each.size]
    if drawn:
        yield f"Of {', '.join(drawn)} a sample was checked, not every entry."


def _blamed(culprit: Culprit) -> Iterator[str]:
    name = f" ({culprit.name})" if culprit.name else ""
    where = f", written at {culprit.method}," if culprit.method else ""
    yield f"The gradient of {culprit.place.op}{where} is wrong."
    if culprit.place.file:
        yield f"  {culprit.place.file}:{culprit.place.line}  {culprit.place.text}".rstrip()
    if culprit.why:
        yield f"  For its input {culprit.input}{name}: {culprit.why}"
    else:
        yield (
            f"  For its input {culprit.input}{name}, along a random direction, its gradient gives"
            f" {_number(culprit.gradient)} where its values give {_number(culprit.difference)}"
            f"{_ratio(culprit)}."
        )


def _ratio(culprit: Culprit) -> str:
    """What a reader looks for first: a sign, or a factor."""
    if not culprit.difference or not culprit.gradient:
        return ""
    ratio = culprit.gradient / culprit.difference
    return f": {ratio:.6g} times as much"


def _kink(entry: Entry) -> str:
    assert entry.kink is not None
    left, right = entry.kink.left, entry.kink.right
    made = f", made by {entry.kink.place}" if entry.kink.place else ""
    if not (math.isfinite(left) and math.isfinite(right)):
        return f"the cost jumps here{made}: it has no slope, and the gradient is {_gradient(entry)}."
    if left == right:
        return (
            f"a kink that others cancel{made}. The slope is {_number(left)} on both sides; the gradient picks a side"
            f" for each Op by itself, and is {_gradient(entry)}. Away from this point it may be right."
        )
    lies = "lies between" if entry.verdict in (KINK, PURPOSE) else "does not lie between"
    return (
        f"a kink{made}. The slope is {_number(left)} on the left and {_number(right)} on the right; the gradient,"
        f" {_gradient(entry)}, {lies}."
    )


def _at(entry: Entry) -> str:
    return f"[{', '.join(map(str, entry.index))}]" if entry.index else ""


def _gradient(entry: Entry) -> str:
    return "none" if math.isnan(entry.gradient) and entry.verdict != NOT_FINITE else f"{entry.gradient:.6g}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.6g}"
