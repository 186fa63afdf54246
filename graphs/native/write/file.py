"""The whole C file: what it says first, the function, the loop of many steps."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphs.native.schedule.storage import Storage
from graphs.native.statements import Computation
from graphs.native.write.between import BodyWriter
from graphs.native.write.expressions import C_TYPES
from graphs.native.write.names import Names

__all__ = ["functions_text", "write"]

SIGNATURE = """\
/* One call. Outputs are new memory, never an input's; a number other than 0 says what was wrong. */
__attribute__((noinline)) int one_step(Array **in, Array **out, const double *constants, int64_t *want, int threads,
                                       void *const *functions)
{
"""


def write(computation: Computation, storage: Storage) -> tuple[str, list[list[Any]], list[list[Any]]]:
    """The C file of a graph whose loops are arranged and whose arrays have their places.

    Also which of its lines compute which Apply nodes, as in :class:`~graphs.compiled.program.Program`.
    """
    names = Names(computation, storage.nests)
    before = BodyWriter(computation, names, storage)
    before.parts(
        storage.nests.items
    )  # for what the loops are found to need; lengths late known have memory late
    body = BodyWriter(computation, names, storage, before.memory)
    body.parts(storage.nests.items)
    front = _Front(body)
    front.arguments(computation)
    front.functions(computation)
    front.prologue(computation)
    front.lines += body.want_outputs(0)
    front.lines += body.take_memory(0)
    ending = _ending(computation, body)
    shared = [name for name in ("parts_of", "share_triangle", "team_of") if name in body.called]
    parts = [
        f"/* {computation.title}\n{_legend(computation, names)}*/\n",
        _sections()["head"].text,
        *(_sections()[name].text for name in (["GOMP_parallel", *shared] if shared else [])),
        functions_text(body.called),
        SIGNATURE,
    ]
    head = "\n".join(parts)
    lines = [f"    {line}" for line in front.lines]
    first = head.count("\n") + 1  # line of the function's body
    then = first + len(lines) + 1  # and of its loops
    lines += ["", *body.lines, *ending, "}", ""]
    spans = [[start + then, end + then, nodes] for start, end, nodes in body.spans]
    pieces = [[start + then, end + then, nodes, formula] for start, end, nodes, formula in body.pieces]
    pieces += [[line + first, line + first, [node], ""] for line, node in front.nodes]
    return head + "\n".join(lines) + "\n" + _sections()["many_steps"].text, spans, pieces


def _ending(computation: Computation, body: BodyWriter) -> list[str]:
    """The function's last lines: checks of what arrays hold, memory given back."""
    freed = [f"    free({name});" for name in body.memory_names()]
    if not body.early:
        return [*freed, "    return 0;"]
    checks = [f"    {body.entry(check, body.LEAVE)[0]}" for check in computation.checks]
    return [*checks, "done:", *freed, "    return code;"]


def _legend(computation: Computation, names: Names) -> str:
    lines = []
    for dim in names.measured:
        origins = [d.origin for d in computation.dims if d.find() is dim and d.origin]
        lines.append(f"   {names.letters[dim]} runs over {', '.join(origins[:4] or ['a length'])}.\n")
    lines += [f"   {c.name} = {value!r}, given at run time.\n" for c, value in computation.constants]
    return "".join(lines)


# ---- the C that never changes


@dataclass(frozen=True)
class _Section:
    """A part of one of the C files."""

    text: str
    needs: tuple[str, ...]


# needed ones first
FILES = "step.h", "mathematics.h", "special.h", "linear_algebra.h", "sorting.h", "drawing.h"


@functools.cache
def _sections() -> dict[str, _Section]:
    """The parts of the C files, by each name that they define, in their order."""
    found = {}
    here = Path(__file__)
    parts = [part for name in FILES for part in here.with_name(name).read_text().split("\n//: ")[1:]]
    for part in parts:
        heading, _, text = part.partition("\n")
        heading, _, also = heading.partition(", also ")
        defined, _, needs = heading.partition(" <- ")
        section = _Section(text.strip("\n") + "\n", tuple(needs.split()))
        found.update(dict.fromkeys(defined.split(), section))
        for kind in also.split():  # the same of another type
            other = _Section(_of(kind, section.text), tuple(_of(kind, need) for need in section.needs))
            found.update(dict.fromkeys((_of(kind, name) for name in defined.split()), other))
    return found


# Names in these files of what is about doubles; the same about floats ends in f, or begins with s in BLAS and LAPACK.
OUTSIDE = re.compile(r"\bd(gemm|potrf|trsm|getrf|getrs|getri|syevr)(?=\b|_)")
OWN = "madd dot_rows apply multiply is_stacked cholesky solve_triangle solve_factored solve_positive solve invert"
OWN += " determinant eigen convolve"
OWN_OR_LIBM = re.compile(rf"\b({OWN} log fabs)\b".replace(" ", "|"))


def _of(kind: str, text: str) -> str:
    """C text, or the name of a section, that is about doubles, about another type."""
    if kind != "float":
        return re.sub(r"(?<![a-z])double(?![a-z])", kind, text)
    text = OWN_OR_LIBM.sub(r"\1f", OUTSIDE.sub(r"s\1", text.replace("double", "float")))
    return re.sub(r"\b(\d+\.\d+)\b", r"\1f", text)


def functions_text(called: Iterable[str]) -> str:
    """The functions of the C files among those `called` and what they need, each once, needed ones first."""
    sections, done = _sections(), dict[str, None]()

    def add(section: _Section) -> None:
        for need in section.needs:
            add(sections[need])
        done.setdefault(section.text)

    inline = list(sections).index("INLINE")
    for name in list(sections)[inline + 1 :]:
        if name in called:
            add(sections[name])
    return "\n".join([sections["INLINE"].text, *done] if done else [])


# ---- the function's first lines


class _Front:
    """What the function does before its loops; `nodes`: which line computes which Apply node."""

    def __init__(self, body: BodyWriter) -> None:
        self.body = body
        self.lines: list[str] = []
        self.nodes: list[tuple[int, int]] = []
        computation = body.computation
        if body.early or any(computation.inputs) or computation.tables:
            self.put("int code = 0;")
        for name in body.memory_names():
            if name != "memory":
                self.put(f"char *{name} = NULL;")

    def put(self, line: str) -> None:
        self.lines.append(line)

    def arguments(self, computation: Computation) -> None:
        """Inputs, tables and numbers under their names."""
        for k, array in enumerate([*computation.inputs, *(array for array, _ in computation.tables)]):
            if array is None:
                continue
            ctype, rank, size = C_TYPES[array.dtype], len(array.dims), np.dtype(array.dtype).itemsize
            along = -1 if array.fast is None or not rank else array.fast
            self.put(f"if ((code = misfit(in[{k}], {rank}, {along}, {size}))) return code;")
            if not rank:
                self.put(f"const {ctype} {array.name} = *(const {ctype} *)in[{k}]->data;")
                continue
            self.put(f"const {ctype} *const {array.name} = (const {ctype} *)in[{k}]->data;")
            self.put(f"const int64_t *const {array.name}_shape = in[{k}]->shape;")
            slow = [a for a in range(rank) if a != array.fast]
            if slow:
                strides = (f"{array.name}_s{a} = in[{k}]->strides[{a}] / {size}" for a in slow)
                self.put(f"const int64_t {', '.join(strides)};")
        for each in computation.generators:
            self.put(f"bitgen_t *const {each.name} = (bitgen_t *)in[{each.position}]->data;")
        for k, (constant, _) in enumerate(computation.constants):
            narrow = "(float)" if constant.dtype == "float32" else ""
            self.put(f"const {C_TYPES[constant.dtype]} {constant.name} = {narrow}constants[{k}];")

    def functions(self, computation: Computation) -> None:
        """Functions of others, given at run time, under their names."""
        for k, name in enumerate(computation.functions):
            module, _, short = name.rpartition(".")
            # one type for all of a family: sort_float64 is a sort
            kind = next(
                f"{word}_type" for word in (short, short.partition("_")[0]) if f"{word}_type" in _sections()
            )
            self.body.called.add(kind)
            remark = f"  /* {module}'s */" if module else ""
            self.put(f"{kind} *const {short} = ({kind} *)functions[{k}];{remark}")

    def prologue(self, computation: Computation) -> None:
        """Lengths, numbers computed once, and what must be so."""
        for entry in computation.prologue:
            line, node = self.body.entry(entry, "return {};")
            if node is not None:
                self.nodes.append((len(self.lines), node))
            self.put(line)
