"""The whole C file: what it says first, the function, the loop of many steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphs.native.lower.state import Lowering
from graphs.native.schedule.fusion import Item, Nest, arrange
from graphs.native.schedule.storage import Storage
from graphs.native.statements import Array, Dim
from graphs.native.write.blocks import NestWriter
from graphs.native.write.expressions import C_TYPES
from graphs.native.write.helpers import helper_text
from graphs.native.write.loops import elements, memory_name

__all__ = ["Written", "write"]

HEAD = """\
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#define THREAD omp_get_thread_num()
#else
#define THREAD 0
#endif
#define ALIGNED __attribute__((aligned(64)))

/* The head of a NumPy array, as CPython lays it out; strides are in bytes. */
typedef struct {
    intptr_t references;
    void *type;
    char *data;
    int axes;
    int64_t *shape, *strides;
    void *base, *dtype;
    int flags;
} Array;

enum { OTHER_SHAPE = -1, UNALIGNED = -2, OTHER_RANK = -3, NO_MEMORY = -4, OTHER_LAYOUT = -5 };

/* Whether an array is aligned; whether an output has the shape that is wanted. */
static int aligned(const Array *a) { return (a->flags & 0x100) != 0; }
static int fits(const Array *a, const int64_t *want, int axes)
{
    for (int k = 0; k < axes; ++k)
        if (a->shape[k] != want[k]) return 0;
    return a->axes == axes;
}
"""

BLOCKING = """
/* Threads worth starting, and where each one's share of the rows begins. */
static inline int team_size(int64_t work, int threads)
{
    const int64_t useful = work / 65536 + 1;
    return threads < useful ? threads : (int)useful;
}
static inline int64_t share(int64_t rows, int64_t me, int64_t team)
{
    return me == team ? rows : rows * me / team & ~(int64_t)3;
}
"""

TRIANGLE = """
/* The same where row i is i numbers long: the rows before `me` hold its share of the triangle. */
static inline int64_t share_triangle(int64_t rows, int64_t me, int64_t team)
{
    return me == team ? rows : (int64_t)(rows * sqrt((double)me / team)) & ~(int64_t)3;
}
"""

REPEAT = """
/* The same step `steps` times. Input `pairs[2k]` takes the value of output `pairs[2k + 1]` after each step, the
   two exchanging their memory; every output moves on by `advance` bytes, so that a history fills up. */
int many_steps(Array **in, Array **out, const double *constants, int64_t *want, int threads,
               int64_t steps, int64_t pairs, const int64_t *pair, int64_t outputs, const int64_t *advance)
{
    for (int64_t t = 0; t < steps; ++t) {
        const int code = one_step(in, out, constants, want, threads);
        if (code) return code;
        for (int64_t k = 0; k < outputs; ++k) out[k]->data += advance[k];
        for (int64_t k = 0; k < pairs; ++k) {
            char *const data = in[pair[2 * k]]->data;
            in[pair[2 * k]]->data = out[pair[2 * k + 1]]->data;
            out[pair[2 * k + 1]]->data = data;
        }
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Written:
    """A C file and which of its lines (from 1) compute which Apply nodes: whole loops, and single statements."""

    text: str
    spans: list[tuple[int, int, list[int]]]
    pieces: list[tuple[int, int, list[int]]]


def write(state: Lowering, title: str) -> Written:
    """The C file of a lowered graph.

    Parameters
    ----------
    state : Lowering
        Its statements and prologue.
    title : str
        First line of the comment at the top.
    """
    items = arrange(state.statements)
    dims = _letters(state, items)
    aliases = {s.target for s in state.statements if s.target.memory_of}
    aliases |= {r.array for s in state.statements for r in s.expression.reads() if r.array.memory_of}
    storage = Storage(items, aliases)
    writer = NestWriter(storage, state.helpers)
    writer.outermost(items)
    front, known_before = _front(state, storage, writer, aliases)
    legend = _legend(state, dims)
    helpers = helper_text(state.helpers)
    blocking = BLOCKING if any("team_size(" in line for line in writer.lines) else ""
    blocking += TRIANGLE if any("share_triangle(" in line for line in writer.lines) else ""
    head = f"/* {title}\n{legend}*/\n\n{HEAD}{blocking}\n{helpers}\n" + SIGNATURE
    before = head.count("\n") + len(front)
    freed = ["    free(memory);"] if writer.memory else []
    body = [*front, *writer.lines, *freed, "    return 0;", "}"]
    text = head + "\n".join(body) + "\n" + REPEAT
    text = re.sub(r"@(\d+)@", lambda m: _length_name(state.dims[int(m[1])]), text)
    head_lines = head.count("\n")
    spans, pieces = (
        [(first + before + 1, last + before + 1, nodes) for first, last, nodes in found]
        for found in (writer.spans, writer.pieces)
    )
    pieces += [(line + head_lines + 1, line + head_lines + 1, [node]) for line, node in known_before]
    return Written(text, spans, pieces)


SIGNATURE = """\
/* One call. Outputs are new memory, never an input's; a number other than 0 says what was wrong. */
__attribute__((noinline)) int one_step(Array **in, Array **out, const double *constants, int64_t *want, int threads)
{
"""


def _length_name(dim: Dim) -> str:
    found = dim.find()
    return str(found.constant) if found.constant is not None else f"n_{found.letter}"


def _letters(state: Lowering, items: list[Item]) -> list[Dim]:
    """A letter for every dim, and loop variables: i, j, k, …; a second loop over the same dim gets a number."""
    letters = iter([*"ijklmopq", *(f"i{k}" for k in range(2, 1000))])
    found: list[Dim] = []
    for kind, *rest in state.prologue:
        if kind == "dim" and rest[0].find() is rest[0] and rest[0].constant is None:
            rest[0].letter = next(letters)
            found.append(rest[0])

    def visit(inner: list[Item], used: list[str]) -> None:
        for item in inner:
            if isinstance(item, Nest):
                letter = item.dim.letter = item.dim.letter or next(letters)
                count = used.count(letter)
                item.variable = letter if not count else f"{letter}_{count + 1}"
                visit(item.body, [*used, letter])

    visit(items, [])
    return found


def _legend(state: Lowering, dims: list[Dim]) -> str:
    lines = [f"   {d.letter} runs over {', '.join(_origins(state, d))}.\n" for d in dims]
    for name, _, value in state.constants:
        lines.append(f"   {name} = {value!r}, given at run time.\n")
    return "".join(lines)


def _origins(state: Lowering, dim: Dim) -> list[str]:
    names = [d.origin for d in state.dims if d.find() is dim and d.origin]
    return names[:4] or ["a length"]


def _front(
    state: Lowering, storage: Storage, writer: NestWriter, aliases: set[Array]
) -> tuple[list[str], list[tuple[int, int]]]:
    """The first lines of the function, and which of them (from 0) computes which node."""
    arrays = [*state.inputs, *(array for array, _ in state.tables)]
    lines = []
    for k, array in enumerate(arrays):
        ctype, rank = C_TYPES[array.dtype], len(array.dims)
        lines.append(f"if (in[{k}]->axes != {rank}) return OTHER_RANK;")
        lines.append(f"if (!aligned(in[{k}])) return UNALIGNED;")
        if not rank:
            lines.append(f"const {ctype} {array.name} = *(const {ctype} *)in[{k}]->data;")
            continue
        lines.append(f"const {ctype} *const {array.name} = (const {ctype} *)in[{k}]->data;")
        lines.append(f"const int64_t *const {array.name}_shape = in[{k}]->shape;")
        size = SIZES[ctype]
        if array.fast is not None:
            a = array.fast
            lines.append(
                f"if ({array.name}_shape[{a}] > 1 && in[{k}]->strides[{a}] != {size}) return OTHER_LAYOUT;"
            )
        strides = [
            f"{array.name}_s{a} = in[{k}]->strides[{a}] / {size}" for a in range(rank) if a != array.fast
        ]
        if strides:
            lines.append(f"const int64_t {', '.join(strides)};")
    for k, (name, dtype, _) in enumerate(state.constants):
        ctype = C_TYPES[dtype]
        lines.append(f"const {ctype} {name} = {'(float)' if dtype == 'float32' else ''}constants[{k}];")
    known_before = []
    for entry in state.prologue:
        if entry[0] == "line" and entry[2] is not None:
            known_before.append((len(lines), entry[2]))
        lines += _prologue_line(state, entry)
    lines += _outputs(state)
    lines += _memory(writer, storage, aliases)
    return ["    " + line for line in lines] + [""], known_before


SIZES = {"double": 8, "float": 4} | {f"{u}int{n}_t": n // 8 for u in ("", "u") for n in (8, 16, 32, 64)}


def _prologue_line(state: Lowering, entry: tuple[object, ...]) -> list[str]:
    kind = entry[0]
    if kind == "line":
        return [str(entry[1])]
    if kind == "check":
        return [f"if ({entry[1]}) return {entry[2]};"]
    dim = entry[1]
    assert isinstance(dim, Dim)
    if dim.find() is dim:
        return [f"const int64_t n_{dim.letter} = {dim.source};"]
    return [f"if ({dim.source} != {_length_name(dim)}) return {dim.merge_error};"]


def _outputs(state: Lowering) -> list[str]:
    """What the outputs' shapes must be; if they are not, the caller makes new ones and calls again."""
    lines, offset = [], 0
    for array in state.outputs:
        for dim in array.dims:
            lines.append(f"want[{offset}] = {dim.find().token};")
            offset += 1
    offset = 0
    for k, array in enumerate(state.outputs):
        lines.append(f"if (!fits(out[{k}], want + {offset}, {len(array.dims)})) return OTHER_SHAPE;")
        offset += len(array.dims)
        ctype = C_TYPES[array.dtype]
        lines.append(f"{ctype} *const {array.name}_out = ({ctype} *)out[{k}]->data;")
    return lines


def _memory(writer: NestWriter, storage: Storage, aliases: set[Array]) -> list[str]:
    """One piece of memory for everything that is neither input, output nor a variable."""
    for array, home in storage.homes.items():
        if array.kind == "scratch" and array.memory_of is None and home.memory and home.blocked is None:
            writer.memory.append((memory_name(array, home), C_TYPES[array.dtype], elements(array, home)))
    lines = []
    if writer.memory:
        lines.append("size_t need = 0;")
        for name, ctype, size in writer.memory:
            lines.append(
                f"const size_t {name}_at = need; need += ((size_t)({size}) * sizeof({ctype}) + 127) & ~(size_t)63;"
            )
        lines.append("char *const memory = aligned_alloc(64, need);")
        lines.append("if (!memory) return NO_MEMORY;")
        for name, ctype, _ in writer.memory:
            lines.append(f"{ctype} *const {name} = ({ctype} *)(memory + {name}_at);")
    for array in sorted(aliases, key=lambda a: a.name):
        assert array.memory_of is not None
        root = memory_name(array.memory_of, storage.homes.get(array.memory_of))
        lines.append(f"{C_TYPES[array.dtype]} *const {array.name} = {root};")
    return lines
