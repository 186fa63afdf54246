"""What a function takes, gives and changes, as plain data: all that is needed to call its program."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from graphs.compiled.program import AXES, DTYPES, Program

__all__ = ["Argument", "Description", "Result"]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")

_Shape = Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None], msgspec.Meta(max_length=AXES)]


class Argument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a program takes: an argument of the function, or a value that functions share."""

    name: str
    dtype: str
    shape: _Shape  # None for a length that may be any
    shared: bool = False
    downcast: bool = False  # whether numbers of any other dtype are taken too


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a program gives: an output of the function, or the next value of something shared."""

    name: str
    dtype: str
    shape: _Shape
    updates: str = ""  # the name of the shared value


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One function."""

    name: str
    arguments: list[Argument]  # in the program's order: those of the function first, in its own
    results: list[Result]  # likewise
    returns: Literal["list", "one", "nothing"] = "list"

    def check(self, program: Program) -> None:
        """Raise a ValueError unless it fits the program that it describes."""
        taken = [(each.dtype, len(each.shape)) for each in self.arguments]
        given = [(each.dtype, len(each.shape)) for each in self.results]
        if taken != [tuple(each) for each in program.inputs]:
            raise ValueError(f"{self.name} takes other arrays than its C file")
        if given != [tuple(each) for each in program.outputs]:
            raise ValueError(f"{self.name} gives other arrays than its C file")
        if program.performed or not {dtype for dtype, _ in (*taken, *given)} <= DTYPES:
            raise ValueError(f"{self.name} needs more than arrays of numbers")
        if set(program.layouts) - {"C"}:
            raise ValueError(f"{self.name} is for other memory orders")
        named = [each.name for each in self.arguments]
        if not all(NAME.fullmatch(name) for name in (self.name, *named)) or len(set(named)) < len(named):
            raise ValueError(f"{self.name} has names that are none")
        shared = [each.name for each in self.arguments if each.shared]
        kept = [each.updates for each in self.results if each.updates]
        own = [bool(each.updates) for each in self.results]
        if len(set(kept)) < len(kept) or not set(kept) <= set(shared) or own != sorted(own):
            raise ValueError(f"{self.name} changes what it does not share")
        if self.returns != "list" and len(own) - sum(own) != (self.returns == "one"):
            raise ValueError(f"{self.name} has another number of outputs than it returns")
