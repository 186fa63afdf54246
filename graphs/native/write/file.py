"""The whole C file: what it says first, the function, the loop of many steps."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphs.native.schedule.storage import Storage
from graphs.native.statements import Computation, Dim, Expression, Let
from graphs.native.write.expressions import C_TYPES, render
from graphs.native.write.loops import LoopWriter, memory_name
from graphs.native.write.names import Names

__all__ = ["functions_text", "write"]

SIGNATURE = """\
/* One call. Outputs are new memory, never an input's; a number other than 0 says what was wrong. */
__attribute__((noinline)) int one_step(Array **in, Array **out, const double *constants, int64_t *want, int threads)
{
"""


def write(computation: Computation, storage: Storage) -> tuple[str, list[list[Any]], list[list[Any]]]:
    """The C file of a graph whose loops are arranged and whose arrays have their places.

    Also which of its lines compute which Apply nodes, as in :class:`~graphs.native.program.Program`.
    """
    names = Names(computation, storage.nests.items)
    loops = LoopWriter(names, storage)
    loops.outermost(storage.nests.items)
    front = _Front(names, loops.called)
    front.arguments(computation)
    front.prologue(computation)
    front.outputs(computation)
    front.memory(storage, loops)
    parts = [
        f"/* {computation.title}\n{_legend(computation, names)}*/\n",
        _sections()["head"].text,
        *(_sections()[name].text for name in ("parts_of", "share_triangle") if name in loops.called),
        functions_text(loops.called),
        SIGNATURE,
    ]
    head = "\n".join(parts)
    body = [f"    {line}" for line in front.lines]
    first = head.count("\n") + 1  # line of the function's body
    then = first + len(body) + 1  # and of its loops
    body += ["", *loops.lines, *(["    free(memory);"] if loops.memory else []), "    return 0;", "}", ""]
    spans = [[start + then, end + then, nodes] for start, end, nodes in loops.spans]
    pieces = [[start + then, end + then, nodes, formula] for start, end, nodes, formula in loops.pieces]
    pieces += [[line + first, line + first, [node], ""] for line, node in front.nodes]
    return head + "\n".join(body) + "\n" + _sections()["many_steps"].text, spans, pieces


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
    """A part of step.h."""

    text: str
    needs: tuple[str, ...]


@functools.cache
def _sections() -> dict[str, _Section]:
    """The parts of step.h, by each name that they define, in the file's order."""
    found = {}
    for part in Path(__file__).with_name("step.h").read_text().split("\n//: ")[1:]:
        heading, _, text = part.partition("\n")
        defined, _, needs = heading.partition(" <- ")
        section = _Section(text.strip("\n") + "\n", tuple(needs.split()))
        found.update(dict.fromkeys(defined.split(), section))
    return found


def functions_text(called: Iterable[str]) -> str:
    """The functions of step.h among those `called` and what they need, each once, needed ones first."""
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

    def __init__(self, names: Names, called: set[str]) -> None:
        self.names, self.called = names, called
        self.lines: list[str] = []
        self.nodes: list[tuple[int, int]] = []

    def put(self, line: str) -> None:
        self.lines.append(line)

    def text(self, expression: Expression, level: float = 0) -> str:
        return render(expression, self.names.length, self.called).within(level)

    def arguments(self, computation: Computation) -> None:
        """Inputs, tables and numbers under their names."""
        for k, array in enumerate([*computation.inputs, *(array for array, _ in computation.tables)]):
            ctype, rank, size = C_TYPES[array.dtype], len(array.dims), np.dtype(array.dtype).itemsize
            self.put(f"if (in[{k}]->axes != {rank}) return OTHER_RANK;")
            self.put(f"if (!aligned(in[{k}])) return UNALIGNED;")
            if not rank:
                self.put(f"const {ctype} {array.name} = *(const {ctype} *)in[{k}]->data;")
                continue
            self.put(f"const {ctype} *const {array.name} = (const {ctype} *)in[{k}]->data;")
            self.put(f"const int64_t *const {array.name}_shape = in[{k}]->shape;")
            if (a := array.fast) is not None:
                other = f"{array.name}_shape[{a}] > 1 && in[{k}]->strides[{a}] != {size}"
                self.put(f"if ({other}) return OTHER_LAYOUT;")
            slow = [a for a in range(rank) if a != array.fast]
            if slow:
                strides = (f"{array.name}_s{a} = in[{k}]->strides[{a}] / {size}" for a in slow)
                self.put(f"const int64_t {', '.join(strides)};")
        for k, (constant, _) in enumerate(computation.constants):
            narrow = "(float)" if constant.dtype == "float32" else ""
            self.put(f"const {C_TYPES[constant.dtype]} {constant.name} = {narrow}constants[{k}];")

    def prologue(self, computation: Computation) -> None:
        """Lengths, numbers computed once, and what must be so."""
        for entry in computation.prologue:
            if isinstance(entry, Let):
                if entry.node is not None:
                    self.nodes.append((len(self.lines), entry.node))
                ctype = C_TYPES[entry.name.dtype]
                self.put(f"const {ctype} {entry.name.name} = {self.text(entry.value, 8)};")
            elif not isinstance(entry, Dim):
                self.put(f"if ({self.text(entry.condition)}) return {entry.error};")
            elif entry.find() is entry:
                self.put(f"const int64_t {self.names.length(entry)} = {self.text(entry.source)};")
            else:
                differs = f"{self.text(entry.source, 5)} != {self.names.length(entry)}"
                self.put(f"if ({differs}) return {entry.merge_error};")

    def outputs(self, computation: Computation) -> None:
        """What the outputs' shapes must be; if they are not, the caller makes new ones and calls again."""
        dims = [dim for array in computation.outputs for dim in array.dims]
        self.lines += [f"want[{k}] = {self.names.length(dim)};" for k, dim in enumerate(dims)]
        offset = 0
        for k, array in enumerate(computation.outputs):
            ctype, rank = C_TYPES[array.dtype], len(array.dims)
            self.put(f"if (!fits(out[{k}], want + {offset}, {rank})) return OTHER_SHAPE;")
            self.put(f"{ctype} *const {array.name}_out = ({ctype} *)out[{k}]->data;")
            offset += rank

    def memory(self, storage: Storage, loops: LoopWriter) -> None:
        """One piece of memory for everything that is neither input, output nor a variable."""
        pieces = loops.memory
        for array, home in storage.homes.items():
            own = array.kind == "scratch" and array.memory_of is None
            if own and home.memory and home.blocked is None:
                pieces.append((memory_name(array, home), C_TYPES[array.dtype], loops.elements(array)))
        if pieces:
            self.put("size_t need = 0;")
            for name, ctype, size in pieces:
                step = f"((size_t)({size}) * sizeof({ctype}) + 127) & ~(size_t)63"
                self.put(f"const size_t {name}_at = need; need += {step};")
            self.put("char *const memory = aligned_alloc(64, need);")
            self.put("if (!memory) return NO_MEMORY;")
            for name, ctype, _ in pieces:
                self.put(f"{ctype} *const {name} = ({ctype} *)(memory + {name}_at);")
        for array in sorted(storage.aliases, key=lambda a: a.name):
            root = memory_name(array.root, storage.homes.get(array.root))
            self.put(f"{C_TYPES[array.dtype]} *const {array.name} = {root};")
