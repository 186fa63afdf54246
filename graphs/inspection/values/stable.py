"""What to write instead: formulas that fail at some numbers, and those that do not.

A small table. What a row says of its formula is measured by a test: that it fails at `at`, and that what is to be
written is finite there and right to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Place", "what_to_write"]


class Place:
    """A variable at one entry, and how it was computed."""

    @property
    def name(self) -> str:
        """The class of its (scalar) Op; empty for what is not computed."""
        raise NotImplementedError

    @property
    def value(self) -> Any:
        """The number that stands there; None where there is none."""
        raise NotImplementedError

    @property
    def array(self) -> Any:
        """All of its numbers; None where there are none."""
        raise NotImplementedError

    @property
    def operands(self) -> list[Place]:
        """What it is computed of, at the entries that it is computed of."""
        raise NotImplementedError

    @property
    def through(self) -> Place:
        """The same before its axes were moved."""
        raise NotImplementedError


@dataclass(frozen=True)
class Row:
    """A formula that fails, by its look and the numbers in it."""

    fits: Callable[[Place], bool]
    write: str


def _is(place: Place, *names: str) -> bool:
    return place.name in names


def _operand(place: Place, *names: str) -> Place | None:
    """The first operand computed by such an Op, its axes left aside."""
    return next((found.through for found in place.operands if found.through.name in names), None)


def _log_of(place: Place) -> Place | None:
    """What a logarithm is taken of."""
    return place.operands[0].through if _is(place, "Log", "Log2", "Log10") and place.operands else None


def _at_zero(place: Place | None) -> bool:
    return place is not None and place.value is not None and place.value == 0


def _negative(place: Place | None) -> bool:
    return (
        place is not None and place.value is not None and np.isrealobj(place.value) and bool(place.value < 0)
    )


def _log_of_one_minus(place: Place) -> bool:
    inner = _log_of(place)
    if inner is None or not (_is(inner, "Sub") and _at_zero(inner)):
        return False
    return len(inner.operands) == 2 and inner.operands[0].value == 1


def _is_sigmoid(place: Place) -> bool:
    """σ(z), or 1 / (1 + exp(−z)) written out."""
    if _is(place, "Sigmoid"):
        return True
    if _is(place, "Reciprocal"):
        below = place.operands[0].through
    elif _is(place, "TrueDiv") and place.operands[0].value == 1:
        below = place.operands[1].through
    else:
        return False
    return _is(below, "Add") and _operand(below, "Exp") is not None


def _sum_of_exponentials(place: Place | None) -> bool:
    return place is not None and _is(place, "Sum") and _operand(place, "Exp") is not None


def _zero_times_log(place: Place) -> bool:
    """0 · log 0, by the product or by the logarithm in it; the other factor is what the log is of."""
    inner = _log_of(place)
    return inner is not None and _at_zero(inner)


def _by_norm(place: Place) -> bool:
    """x / √(Σ x²) at 0."""
    if not (_is(place, "TrueDiv") and _at_zero(place.operands[0]) and _at_zero(place.operands[1])):
        return False
    below = place.operands[1].through
    return _is(below, "Sqrt") and _operand(below, "Sum") is not None


def _slope_of_root(place: Place) -> bool:
    if not _is(place, "TrueDiv", "Reciprocal"):
        return False
    below = place.operands[-1].through
    root = below if _is(below, "Sqrt") else _operand(below, "Sqrt") if _is(below, "Mul") else None
    return root is not None and _at_zero(root)


SHIFTED = "m + pt.log(pt.exp(z - m).sum()), where m = z.max() (pt.logsumexp(z) becomes that in modes that stabilize)"
DOMAINS = {  # a function of one number, and what it needs
    "ArcSin": "a number between −1 and 1",
    "ArcCos": "a number between −1 and 1",
    "ArcTanh": "a number between −1 and 1, these left out",
    "ArcCosh": "a number that is at least 1",
    "Log1p": "a number above −1",
    "GammaLn": "a number that is not 0 or a negative whole one",
    "Psi": "a number that is not 0 or a negative whole one",
    "Gamma": "a number that is not 0 or a negative whole one",
}

#: The first row that fits is taken.
TABLE = (
    Row(
        lambda p: _log_of_one_minus(p) and _is_sigmoid(_log_of(p).operands[1].through),  # type: ignore[union-attr]
        "-pt.softplus(z), where the probability is pt.sigmoid(z): log(1 − sigmoid(z)) is that",
    ),
    Row(
        lambda p: (inner := _log_of(p)) is not None and _at_zero(inner) and _is_sigmoid(inner),
        "-pt.softplus(-z), where the probability is pt.sigmoid(z): log(sigmoid(z)) is that",
    ),
    Row(
        _log_of_one_minus,
        "log(1 − p) from what p is computed of, for p has rounded to 1 (pt.log1p(-p) keeps small p,"
        " and pt.log1mexp(log_p) takes log p)",
    ),
    Row(
        lambda p: (inner := _log_of(p)) is not None and _at_zero(inner) and _is(inner, "Softmax"),
        "pt.special.log_softmax(z)",
    ),
    Row(
        lambda p: _sum_of_exponentials(_log_of(p)),
        SHIFTED,
    ),
    Row(
        lambda p: _negative(_log_of(p)),
        "a positive number under the logarithm: pt.exp(s) of an unbounded s, say",
    ),
    Row(
        _zero_times_log,
        "p·log(p) with its limit at 0: pt.switch(pt.eq(p, 0), 0, p * pt.log(pt.switch(pt.eq(p, 0), 1, p)));"
        " or a number under the logarithm that cannot be 0",
    ),
    Row(
        lambda p: _is(p, "Sqrt") and _negative(p.operands[0]),
        "a number under the root that cannot be negative: pt.exp(s) or pt.softplus(s) of an unbounded s, say",
    ),
    Row(
        _by_norm,
        "x / pt.sqrt(pt.maximum((x**2).sum(), tiny)), for 0 / ‖0‖ has no value",
    ),
    Row(
        _slope_of_root,
        "pt.sqrt(u + tiny), or pt.sqrt of a value that a pt.switch inside keeps from 0: the slope of the root"
        " is infinite at 0",
    ),
    Row(
        lambda p: _is(p, "TrueDiv", "Reciprocal") and _at_zero(p.operands[-1]),
        "a divisor that cannot be 0",
    ),
    Row(
        lambda p: _is(p, "Pow") and len(p.operands) == 2 and _negative(p.operands[0]),
        "a base that is not negative: a power that is no whole number has no real value there",
    ),
    Row(
        lambda p: _is(p, "Pow") and len(p.operands) == 2 and _at_zero(p.operands[0]),
        "a base that cannot be 0: a negative power of it is infinite",
    ),
    Row(
        lambda p: _is(p, "Exp", "Exp2", "Expm1", "Sinh", "Cosh"),
        "a formula that does without the exponential of a large number",
    ),
)

#: What is written with an exponential that overflows, recognized further on.
OVERFLOWING = (
    Row(lambda p: _sum_of_exponentials(_log_of(p)), SHIFTED),
    Row(
        lambda p: (
            (_is(p, "Log1p") and _operand(p, "Exp") is not None)
            or (
                (inner := _log_of(p)) is not None and _is(inner, "Add") and _operand(inner, "Exp") is not None
            )
        ),
        "pt.softplus(z) for log(1 + exp(z))",
    ),
    Row(
        lambda p: (
            _is(p, "TrueDiv")
            and _operand(p, "Exp") is not None
            and _sum_of_exponentials(p.operands[1].through)
        ),
        "pt.special.softmax(z)",
    ),
    Row(
        lambda p: _is(p, "TrueDiv") and _operand(p, "Exp") is not None and _is(p.operands[1].through, "Add"),
        "pt.sigmoid(z) for exp(z) / (1 + exp(z))",
    ),
)

MASK = (
    "the safe value into the branch too, for its gradient is computed all the same:"
    " pt.switch(ok, f(pt.switch(ok, x, safe)), other)"
)


def what_to_write(way: Sequence[Place], masked: bool) -> str:
    """What is finite there, or what must hold of what goes in; empty where none is known.

    Parameters
    ----------
    way
        From the place where something is not finite to the output that it reaches.
    masked
        Whether another value is picked there.
    """
    if masked:
        return MASK
    place = way[0]
    if place.name == "Exp":
        for row in OVERFLOWING:
            if any(row.fits(further) for further in way[1:]):
                return row.write
    for row in TABLE:
        if row.fits(place):
            return row.write
    needed = DOMAINS.get(place.name)
    return f"{needed} into {place.name.lower()}" if needed else ""
