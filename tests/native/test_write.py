"""Expressions as C text: parentheses where C needs them, and numbers that read back as they are."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import graphs.native.statements as ir
from graphs.compiled.compiler import load_text
from graphs.native.statements import Apply, Named
from graphs.native.write.expressions import literal_text, render
from graphs.native.write.file import _sections, functions_text

a, b, c = (Named("int64", name) for name in "abc")
TEXTS = {
    "a - (b - c)": a - (b - c),
    "a - b - c": (a - b) - c,
    "a * (b + c)": a * (b + c),
    "a / (b * c)": a / (b * c),
    "-(a + b)": -(a + b),
    "-(-a)": a.__neg__().__neg__(),
    "(a | b) ^ c": Apply("int64", "^", (Apply("int64", "|", (a, b)), c)),
    "a | (b ^ c)": Apply("int64", "|", (a, Apply("int64", "^", (b, c)))),
    "(a < b) < c": ir.compare(ir.compare(a, "<", b), "<", c),
    "a < b ? a : b + c": ir.choose(ir.compare(a, "<", b), a, b + c),
    "(a < b ? a : b) + c": ir.choose(ir.compare(a, "<", b), a, b) + c,
    "(double)(a + b)": Apply("float64", "cast", (a + b,)),
    "slice_start(a, b + c, 1)": Apply("int64", "slice_start", (a, b + c, ir.ONE)),
}


@pytest.mark.parametrize("text", TEXTS)
def test_operators_bind_as_in_c(text):
    called = set()
    assert render(TEXTS[text], str, called).text == text
    assert called == ({"slice_start"} if "slice" in text else set())


def test_a_literal_reads_back_as_it_is():
    numbers = [(0.1, "float64"), (1e300, "float64"), (5e-324, "float64"), (-0.0, "float64"), (2.0, "float64")]
    numbers += [(float(np.float32(x)), "float32") for x in (0.1, 1e30, 3.0, 1e-45)]
    numbers += [(n, "int64") for n in (0, -1, 2**31, -(2**31), 2**63 - 1, -(2**63))]
    text = "#include <stdint.h>\n"
    for k, (number, dtype) in enumerate(numbers):
        ctype = {"float64": "double", "float32": "float", "int64": "int64_t"}[dtype]
        text += f"{ctype} n{k} = {literal_text(number, dtype)};\n"
    library = load_text(text)
    kinds = {"float64": ctypes.c_double, "float32": ctypes.c_float, "int64": ctypes.c_int64}
    for k, (number, dtype) in enumerate(numbers):
        found = kinds[dtype].in_dll(library, f"n{k}").value
        assert (found, np.signbit(found)) == (number, np.signbit(number))


@pytest.mark.long
def test_each_function_of_the_c_files_brings_all_it_needs():
    names = [name for name in _sections() if name not in ("head", "INLINE", "RARE", "many_steps")]
    assert {"exp_", "madd", "slice_length", "share_triangle"} <= set(names)
    for name in names:
        if name.endswith("_type") or name in ("largest", "smallest", "bitgen_t"):
            continue  # no function
        text = _sections()["head"].text + functions_text({name})
        if name not in text:
            text += _sections()[name].text
        load_text(f"{text}void *user(void) {{ return (void *){name}; }}\n")


def test_the_largest_of_several_vectors_is_not_a_number_where_one_is():
    """OpenMP's own reduction would drop a NaN of another lane than the first."""
    loop = "for (int64_t k = 0; k < n; ++k) m = x[k] {0} m || x[k] != x[k] ? x[k] : m;"
    text = _sections()["head"].text + functions_text({"largest", "smallest"})
    for name, sign, first in (("largest", ">", "-INFINITY"), ("smallest", "<", "INFINITY")):
        text += f"double of_{name}(const double *x, int64_t n)\n{{\ndouble m = {first};\n"
        text += f"#pragma omp simd reduction({name}:m)\n{loop.format(sign)}\nreturn m;\n}}\n"
    library = load_text(text)
    for name, numpy_s in (("largest", np.max), ("smallest", np.min)):
        function = getattr(library, f"of_{name}")
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_void_p, ctypes.c_int64]
        for place in range(33):
            x = np.random.default_rng(0).normal(size=33)
            assert function(x.ctypes.data, 33) == numpy_s(x)
            x[place] = np.nan
            assert np.isnan(function(x.ctypes.data, 33)), place
