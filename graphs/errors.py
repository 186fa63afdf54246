"""The one way bad input is refused, and the one way to say how something missing is installed."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["InputError", "choose", "finite_number", "install_command", "whole_number"]

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
        self.argument = argument
        self.found = found
        self.allowed = allowed
        self.remedy = remedy
        text = f"{argument}: found {found}; allowed: {allowed}"
        super().__init__(f"{text}; {remedy}." if remedy else f"{text}.")


def choose(argument: str, found: object, allowed: Iterable[str]) -> str:
    """Return `found` if it is one of the names in `allowed`; else an :class:`InputError` lists them all."""
    names = tuple(allowed)
    if isinstance(found, str) and found in names:
        return found
    raise InputError(argument, found=repr(found), allowed=", ".join(names))


def whole_number(argument: str, found: object, least: int, most: int | None = None) -> int:
    """Return `found` as an int if it is a whole number from `least` to `most`; else raise :class:`InputError`."""
    if hasattr(found, "__index__") and not isinstance(found, bool):
        number = int(found)  # NumPy's integers have an index too
        if number >= least and (most is None or number <= most):
            return number
    allowed = f"a whole number ≥ {least}" if most is None else f"a whole number from {least} to {most}"
    raise InputError(argument, found=repr(found), allowed=allowed)


def finite_number(
    argument: str,
    found: float,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """Return `found` as a float if it is finite and within the bounds; else raise :class:`InputError`."""
    if math.isfinite(found) and found >= least and above < found < below:
        return float(found)
    bounds = ((" ≥ ", least), (" > ", above), (" < ", below))
    allowed = " and".join(f"{sign}{bound:g}" for sign, bound in bounds if math.isfinite(bound))
    raise InputError(argument, found=repr(found), allowed=f"a finite number{allowed}")
