"""A program: C text and all that is needed to call it, as plain data."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

import msgspec
import numpy as np

__all__ = ["Program"]

FORMAT = 7
AXES = 64  # that NumPy can have
# What a C file may call of others: a module's name, then that of a function as outside.py finds it.
KNOWN = re.compile(
    r"scipy\.linalg\.cython_(blas|lapack)\.\w+"
    r"|scipy\.special\.cython_special\.\w+"
    r"|numpy\.random\._generator\.random_\w+"
    r"|numpy\.(arg)?sort(_stable)?_(float(64|32)|u?int(64|32|16|8)|bool)"
)
DTYPES = {
    "bool",
    "float32",
    "float64",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}


@dataclass(frozen=True)
class Program:
    """One compiled function's text and interface."""

    text: str  # the C file
    # [first line, last line, [Apply nodes]] of each loop, lines from 1, nodes by topological order
    spans: list[list[Any]]
    pieces: list[list[Any]]  # the same for each statement, and its formula where the line is a comment's
    inputs: list[list[Any]]  # [dtype, number of axes] of each
    outputs: list[list[Any]]
    constants: list[float]  # numbers given at run time
    tables: list[list[Any]]  # constant arrays: dtype, shape, bytes in base64
    errors: list[list[str]]  # [exception, message] for each number that the C function may return
    layouts: str  # for which memory orders of the inputs
    functions: list[str]  # of others, which C is given at every call: module.name, or "perform"
    performed: list[list[Any]]  # [Apply node, by topological order; why] for each that Python performs
    # [input, [Apply nodes]] for each random generator that C draws from
    generators: list[list[Any]]

    def to_json(self) -> str:
        """The program as text; ``constants`` are exact."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        data |= {"constants": [float(c).hex() for c in self.constants], "format": FORMAT}
        return msgspec.json.encode(data).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Program:
        """Read back what :meth:`to_json` wrote; a ValueError if it is something else, whatever that is."""
        try:
            stored = msgspec.json.decode(text, type=_Stored)
            if stored.format != FORMAT:
                raise ValueError("a program of another format")
            constants = [float.fromhex(c) for c in stored.constants]
            program = cls(**{field.name: getattr(stored, field.name) for field in fields(cls)})
        except (msgspec.MsgspecError, RecursionError, OverflowError) as problem:
            raise ValueError(str(problem)) from None
        program = replace(program, constants=constants)
        program.check()
        return program

    @classmethod
    def of_arrays(cls, text: str, *, tables: Sequence[np.ndarray[Any, Any]], **interface: Any) -> Program:
        """A program whose constant arrays are given as such, and of which nobody asks what its lines compute."""
        told = [
            [table.dtype.name, list(table.shape), base64.b64encode(table.tobytes()).decode()]
            for table in tables
        ]
        return cls(text, spans=[], pieces=[], tables=told, performed=[], generators=[], **interface)

    def check(self) -> None:
        """Raise a ValueError unless one part fits the other, as far as can be told without reading the C text."""
        last_line = self.text.count("\n") + 1
        if not all(1 <= first <= last <= last_line for first, last, *_ in (*self.spans, *self.pieces)):
            raise ValueError("lines that are not there")
        used_types = {dtype for dtype, *_ in (*self.inputs, *self.outputs)} - {"object"}
        if not used_types | {dtype for dtype, *_ in self.tables} <= DTYPES:
            raise ValueError("numbers of another kind")
        if len(self.layouts) != len(self.inputs) or not set(self.layouts) <= set("CFA"):
            raise ValueError("memory orders that are none")
        if not all(f"int {name}(" in self.text for name in ("one_step", "one_call", "many_steps")):
            raise ValueError("a C file without its functions")
        code = re.sub(r"/\*.*?\*/", "", self.text, flags=re.DOTALL)
        for name, count in (
            ("in", len(self.inputs) + len(self.tables)),
            ("out", len(self.outputs)),
            ("constants", len(self.constants)),
            ("functions", len(self.functions)),
        ):
            used = 1 + max(map(int, re.findall(rf"\b{name}\[(\d{{1,9}})\]", code)), default=-1)
            if used > count or (used < count and not self.keeps_objects):
                raise ValueError(f"another number of {name} than the C file takes")
        if not all(name == "perform" or KNOWN.fullmatch(name) for name in self.functions):
            raise ValueError("a function of somebody else")
        self.table_arrays()

    @property
    def keeps_objects(self) -> bool:
        """Whether some input or output is no array of numbers, and never reaches C."""
        return any(dtype == "object" for dtype, _ in (*self.inputs, *self.outputs))

    def table_arrays(self) -> list[np.ndarray[Any, Any]]:
        """The constant arrays; a ValueError if one is not as long as it says."""
        return [
            np.frombuffer(base64.b64decode(data, validate=True), dtype).reshape(shape).copy()
            for dtype, shape, data in self.tables
        ]


_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Interface = list[tuple[str, Annotated[int, msgspec.Meta(ge=0, le=AXES)]]]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """A program's JSON: each part of the type that it must have, and nothing else."""

    format: int
    text: str
    spans: list[tuple[_Count, _Count, list[_Count]]]
    pieces: list[tuple[_Count, _Count, list[_Count], str]]
    inputs: _Interface
    outputs: _Interface
    constants: list[str]
    tables: list[tuple[str, Annotated[list[_Count], msgspec.Meta(max_length=AXES)], str]]
    errors: list[tuple[str, str]]
    layouts: str
    functions: list[str]
    performed: list[tuple[_Count, str]]
    generators: list[tuple[_Count, list[_Count]]]
