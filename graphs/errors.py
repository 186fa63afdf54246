"""The one way bad input is refused, and the one way to say how something missing is installed."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from numbers import Integral, Real

from graphs.foreign import plain, quoted

__all__ = [
    "MOST",
    "InputError",
    "call_back",
    "choose",
    "finite_number",
    "install_command",
    "number_in",
    "several",
    "whole_in",
    "whole_number",
]

# What package indexes call it; there, `graphs` is somebody else's.
DISTRIBUTION = "compiled-graphs"


def install_command(extra: str = "") -> str:
    """The command that installs this package, with one of its extras (``native``, ``pictures``, …) if named."""
    return f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {DISTRIBUTION}"


class InputError(ValueError):
    """An argument that cannot be used, said so that the reader can mend it.

    Parameters
    ----------
    argument : str
        Name of the argument, option or file.
    found : str
        What was given.
    allowed : str
        What may be given.
    remedy : str, optional
        What to do about it, where ``allowed`` does not say it already.
    """

    def __init__(self, argument: str, *, found: str, allowed: str, remedy: str = "") -> None:
        # What was found is foreign, and what is allowed may list names of somebody else's.
        self.argument, self.found, self.allowed, self.remedy = (
            plain(part, 1000) for part in (argument, found, allowed, remedy)
        )
        text = f"{self.argument}: found {self.found}; allowed: {self.allowed}"
        super().__init__(f"{text}; {self.remedy}." if self.remedy else f"{text}.")


def choose(argument: str, found: object, allowed: Iterable[str]) -> str:
    """Return `found` if it is one of the names in `allowed`; else an :class:`InputError` lists them all."""
    names = tuple(allowed)
    if isinstance(found, str) and found in names:
        return found
    raise InputError(argument, found=quoted(found), allowed=", ".join(names))


def several(argument: str, found: object, allowed: Iterable[str]) -> tuple[str, ...]:
    """Return `found` as a tuple if it is a collection of names in `allowed`; one name alone is none."""
    names = tuple(allowed)
    if isinstance(found, str) or not isinstance(found, Collection):
        raise InputError(argument, found=quoted(found), allowed=f"a list, of {', '.join(names)}")
    return tuple(choose(argument, name, names) for name in found)


def call_back(argument: str, found: object, *methods: str) -> None:
    """Refuse what is to be called later, in the midst of work, and cannot be: it, or these methods of it."""
    if not all(callable(getattr(found, method, None)) for method in methods or ("__call__",)):
        allowed = f"an object with the methods {', '.join(methods)}" if methods else "something to call"
        raise InputError(argument, found=quoted(found), allowed=allowed)


# More steps than a century of computing makes, more bytes than a machine has: no count of ours is larger.
MOST = 10**15


def whole_number(argument: str, found: object, least: int, most: int = MOST) -> int:
    """Return `found` as an int if it is a whole number from `least` to `most`; else raise :class:`InputError`.

    NumPy's integers are whole numbers; a truth value, a float or a text is none.
    """
    if not isinstance(found, bool) and isinstance(found, Integral):
        number = int(found)
        if least <= number <= most:
            return number
        bounded = most < MOST or number > MOST
    else:
        bounded = most < MOST
    allowed = f"a whole number from {least} to {most}" if bounded else f"a whole number ≥ {least}"
    raise InputError(argument, found=quoted(found), allowed=allowed)


def finite_number(
    argument: str,
    found: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `found` as a float if it is finite and within the bounds; else raise :class:`InputError`.

    Python's and NumPy's real numbers are taken; a truth value, a text or an array is none.
    """
    if not isinstance(found, bool) and isinstance(found, Real):
        try:
            number = float(found)
        except OverflowError:  # a whole number that no float reaches
            number = math.inf
        if math.isfinite(number) and number >= least and above < number < below:
            return number
    bounds = ((" ≥ ", least), (" > ", above), (" < ", below))
    allowed = " and".join(f"{sign}{bound:g}" for sign, bound in bounds if math.isfinite(bound))
    raise InputError(argument, found=quoted(found), allowed=f"a finite number{allowed}")


# Python itself reads more: 1_000, digits of other scripts, blanks around them, as many digits as one likes.
_WHOLE = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def whole_in(text: str) -> int | str:
    """The whole number that `text` is; any other text as it stands, for :func:`whole_number` to refuse."""
    return int(text) if _WHOLE.fullmatch(text) else text


def number_in(text: str) -> float | str:
    """The number that `text` is; any other text, or one out of reach, as it stands, for :func:`finite_number`."""
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else text
