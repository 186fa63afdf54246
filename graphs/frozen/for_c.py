"""A frozen function for programs in C: what is added to its C file, and its header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphs.compiled.program import Program
from graphs.frozen.description import Argument, Description, Result

__all__ = ["ending", "header"]

C_TYPES = {"bool": "uint8_t", "float32": "float", "float64": "double"} | {
    f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
MOST = 2**16  # numbers of constant arrays that a C file holds
PER_LINE = 8

ARRAY = """\
#ifndef GRAPHS_ARRAY
#define GRAPHS_ARRAY
#include <stdint.h>

/* An array: where its numbers are and how long its axes are; strides are in bytes. (Python's head of an array begins like
   this; only data, axes, shape, strides and flags are read.) */
STRUCT

/* What a function returns: 0 if all is well; numbers above 0 say what was wrong with the values. */
CODES

/* ARRAY(x, 400, 784): memory as an array in C order; ARRAY(&b): one number, which has no axes. */
static inline Array array_over(void *data, int64_t bytes, int axes, int64_t *shape, int64_t *strides)
{
    for (int k = axes; k-- > 0; bytes *= shape[k]) strides[k] = bytes;
    return (Array){.data = (char *)data, .axes = axes, .shape = shape, .strides = strides, .flags = 0x100};
}
#define ARRAY_AXES(...) ((int)(sizeof((int64_t[]){0, __VA_ARGS__}) / sizeof(int64_t)) - 1)
#define ARRAY(data, ...)                                                                                        \\
    array_over((void *)(data), sizeof *(data), ARRAY_AXES(__VA_ARGS__), (int64_t[]){0, __VA_ARGS__} + 1,        \\
               (int64_t[]){0, __VA_ARGS__} + 1)
#endif
"""


# What the header has in common with the C file, and takes from there.
COMMON = {"STRUCT": r"typedef struct \{.*?\} Array;", "CODES": r"enum \{ OTHER_SHAPE.*?\};"}


def _array(text: str) -> str:
    """What a header says of arrays, for this C file."""
    said = ARRAY
    for word, pattern in COMMON.items():
        found = re.search(pattern, text, re.DOTALL)
        assert found is not None  # write/step.h begins with both
        said = said.replace(word, found[0])
    return said


def _axes(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('any' if n is None else str(n) for n in shape)}]" if shape else ""


def _listed(title: str, arrays: Sequence[Argument | Result]) -> Iterator[str]:
    yield f"   {title}:"
    for k, each in enumerate(arrays):
        what = ""
        if isinstance(each, Result) and each.updates:
            what = f": the next {each.updates}"
        elif isinstance(each, Argument) and each.shared:
            what = ": shared"
        yield f"     [{k}] {each.name}{what}: {C_TYPES[each.dtype]}{_axes(each.shape)}"


def _parameters(many: bool) -> str:
    steps = ", int64_t steps" if many else ""
    return f"(Array **in, Array **out, int64_t *want, int threads, void *const *functions{steps})"


def header(described: Description, program: Program) -> str:
    """What a program in C includes."""
    name, big = described.name, described.name.upper()
    if _embedded(program) is None:
        return (
            f"/* {name} has constant arrays of more than {MOST:,} numbers, which its C file does not hold: it cannot be "
            "called from C. */\n"
        )
    functions = [
        f"     [{k}] {short} of {'BLAS or LAPACK' if module.startswith('scipy.linalg.') else module}"
        for k, (module, _, short) in enumerate(each.rpartition(".") for each in program.functions)
    ]
    told = ["   functions: the addresses of", *functions] if functions else []
    lines = [
        f"/* {name}, a function that was frozen. Link with {name}.so, or compile {name}.c with -lm.",
        "",
        *_listed("in", described.arguments),
        *_listed("out", described.results),
        *told,
        "",
        "   out is new memory, never an input's. Where an output has another shape than is wanted, the function returns",
        "   OTHER_SHAPE and has written to `want` the lengths of all axes of all outputs, one after the other.",
        "   threads: most threads that it may use. functions: NULL if there are none above. */",
    ]
    counts = (len(program.inputs), len(program.outputs), sum(rank for _, rank in program.outputs) + 1)
    return "\n".join(
        [
            *lines,
            _array(program.text),
            f"enum {{ {big}_IN = {counts[0]}, {big}_OUT = {counts[1]}, {big}_WANT = {counts[2]} }};",
            "",
            "/* One call. */",
            f"int {name}_step{_parameters(many=False)};",
            "",
            "/* `steps` calls: what each finds for something shared is the next one's input. The heads of the two exchange their",
            "   memory after every step, so that afterwards in[k]->data is where the value stands. */",
            f"int {name}_steps{_parameters(many=True)};",
            "",
        ]
    )


def _number(value: Any, dtype: np.dtype[Any]) -> str:
    if dtype.kind != "f":
        return f"{int(value)}{'u' if dtype.kind == 'u' else ''}" if value != -(2**63) else "INT64_MIN"
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return float(value).hex()


def _numbers(name: str, array: np.ndarray[Any, Any]) -> str:
    """The definition of a C array of these numbers."""
    texts = [_number(value, array.dtype) for value in array.ravel()] or ["0"]
    lines = [", ".join(texts[k : k + PER_LINE]) for k in range(0, len(texts), PER_LINE)]
    body = ",\n    ".join(lines)
    return f"static const {C_TYPES[array.dtype.name]} {name}[] = {{\n    {body}}};\n"


def _embedded(program: Program) -> list[np.ndarray[Any, Any]] | None:
    tables = program.table_arrays()
    return tables if sum(table.size for table in tables) <= MOST else None


def ending(described: Description, program: Program) -> str:
    """What is added to the C file: the function under its own name, given its constants."""
    name, tables = described.name, _embedded(program)
    if tables is None:
        return ""
    updates = [(k, each.updates) for k, each in enumerate(described.results) if each.updates]
    position = {each.name: k for k, each in enumerate(described.arguments) if each.shared}
    pairs = [number for k, shared in updates for number in (position[shared], k)]
    count = len(described.arguments)
    parts = [
        f"\n/* ---- for programs in C: {name}.h says what these take */\n",
        _numbers(f"{name}_constants", np.array(program.constants, "float64")),
        _numbers(f"{name}_pairs", np.array(pairs, "int64")),
    ]
    filled = [f"    for (int k = 0; k < {count}; ++k) given[k] = in[k];"] if count else []
    for k, table in enumerate(tables):
        parts.append(_numbers(f"{name}_table_{k}", table))
        shape = ", ".join(map(str, (*table.shape, 0)))
        strides = ", ".join(map(str, (*table.strides, 0)))
        filled += [
            f"    int64_t shape_{k}[] = {{{shape}}}, strides_{k}[] = {{{strides}}};",
            f"    Array table_{k} = {{.data = (char *){name}_table_{k}, .axes = {table.ndim}, .shape = shape_{k}, "
            f".strides = strides_{k}, .flags = 0x100}};",
            f"    given[{count + k}] = &table_{k};",
        ]
    begin = [f"    Array *given[{count + len(tables) + 1}];", *filled]
    arguments = f"given, out, {name}_constants, want, threads, functions"
    advance = f"(int64_t[{len(described.results) + 1}]){{0}}"
    parts += [
        f"int {name}_step{_parameters(many=False)}",
        "\n".join(["{", *begin, f"    return one_step({arguments});", "}\n"]),
        f"int {name}_steps{_parameters(many=True)}",
        "\n".join(
            [
                "{",
                *begin,
                f"    return many_steps({arguments}, steps, {len(updates)}, {name}_pairs, {len(described.results)}, {advance});",
                "}\n",
            ]
        ),
    ]
    return "\n".join(parts)
