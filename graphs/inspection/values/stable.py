"""What to write instead: formulas that fail at some numbers, and those that do not.

A small table. Of every formula that is to be written a test measures that it is finite where the other fails, and right
to rounding.
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


def _one_minus(place: Place) -> Place | None:
    """p, where the place is log(1 − p) at p = 1."""
    inner = _log_of(place)
    if inner is None or not (_is(inner, "Sub") and _at_zero(inner)):
        return None
    return inner.operands[1].through if inner.operands[0].value == 1 else None


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
}
POLES = ("GammaLn", "Gamma", "Psi")
POLE = "a number that is not 0 or a negative whole one"

#: The first row that fits is taken.
TABLE = (
    Row(
        lambda p: (inner := _one_minus(p)) is not None and _is_sigmoid(inner),
        "-pt.softplus(z), where the probability is pt.sigmoid(z): log(1 − sigmoid(z)) is that",
    ),
    Row(
        lambda p: (inner := _log_of(p)) is not None and _at_zero(inner) and _is_sigmoid(inner),
        "-pt.softplus(-z), where the probability is pt.sigmoid(z): log(sigmoid(z)) is that",
    ),
    Row(
        lambda p: _one_minus(p) is not None,
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
        lambda p: _at_zero(_log_of(p)),
        "a number under the logarithm that cannot be 0",
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
        lambda p: _is(p, "Pow") and _negative(p.operands[0]) and bool(np.isnan(p.value)),
        "a base that is not negative: a power that is no whole number has no real value there",
    ),
    Row(
        lambda p: _is(p, "Pow") and _at_zero(p.operands[0]),
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

TIMES_LOG = (
    "p·log(p) with its limit at 0: pt.switch(pt.eq(p, 0), 0, p * pt.log(pt.switch(pt.eq(p, 0), 1, p)))"
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
    if (
        _at_zero(_log_of(place))
        and len(way) > 1
        and _is(way[1], "Mul")
        and any(map(_at_zero, way[1].operands))
    ):
        return TIMES_LOG
    if place.name == "Exp":
        for row in OVERFLOWING:
            if any(row.fits(further) for further in way[1:]):
                return row.write
    for row in TABLE:
        if row.fits(place):
            return row.write
    if place.name in POLES and not (_negative(place.operands[0]) or _at_zero(place.operands[0])):
        return ""  # it overflows
    needed = DOMAINS.get(place.name, POLE if place.name in POLES else "")
    return f"{needed} into {place.name.lower()}" if needed else ""
