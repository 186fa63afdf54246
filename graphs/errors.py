"""The one way bad input is refused."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["InputError", "choose"]


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
    """Return `found` if it is one of the names in `allowed`.

    Raises
    ------
    InputError
        If it is not; the message lists every allowed name.
    """
    names = tuple(allowed)
    if isinstance(found, str) and found in names:
        return found
    raise InputError(argument, found=repr(found), allowed=", ".join(names))
