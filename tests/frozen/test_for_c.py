"""A program in C of twenty lines calls a frozen function; nothing of Python is in it."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import graphs
from graphs.compiled.compiler import CompilerMissing, find_compiler
from graphs.native import freeze
from tests.conftest import ROOT


def ran(folder, program, *objects):
    """Compile, run, and give what it prints."""
    try:
        compiler = find_compiler().command
    except CompilerMissing:
        pytest.skip("no C compiler")
    source = folder.parent / "program.c"
    source.write_text(program)
    binary = folder.parent / "program"
    files = [str(folder / name) for name in objects]
    strict = ["-Wall", "-Werror"] if objects[0].endswith(".so") else []
    options = ["-std=gnu11", *strict, f"-I{folder}", f"-Wl,-rpath,{folder}"]
    made = subprocess.run(
        [*compiler, *options, str(source), *files, "-o", str(binary), "-lm"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    done = subprocess.run([str(binary)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    return [[float(number) for number in line.split()] for line in done.stdout.splitlines()]


def by_hand(x, y, w, b, steps):
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(x @ w) - b))
        found = p > 0.5, -y * np.log(p) - (1 - y) * np.log(1 - p)
        residual = (p - y) / len(y)
        w, b = w - 0.1 * (residual @ x + 0.02 * w), b - 0.1 * residual.sum()
    return (w, b, *found)


@pytest.mark.parametrize("linked", ["train.so", "train.c"])
def test_the_program_of_the_readme(tmp_path, linked):
    program = re.search(r"^```c\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)[1]
    assert len(program.splitlines()) <= 20
    graph = graphs.logistic_graph(np.zeros(2))
    functions = graphs.compile_functions(
        graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b], 0.1), "NATIVE"
    )
    folder = freeze(functions, tmp_path / "trained")
    (code, *found), *rows = ran(folder, program, linked)
    x, y = np.array([[1.0, 2], [-1, 0], [3, -2]]), np.array([1.0, 0, 1])
    w, b, prediction, xent = by_hand(x, y, np.zeros(2), 0.0, 1000)
    assert code == 0
    np.testing.assert_allclose(found, [*w, b], rtol=1e-12)
    np.testing.assert_allclose(rows, np.column_stack([prediction, xent]), rtol=1e-12)


PROGRAM = """
#include <stdio.h>
#include "turned.h"
#include "moved.h"
int main(void)
{
    float v[] = {1, 2, 3};
    double out[3];
    int64_t n = 4, next = 0, want[TURNED_WANT + MOVED_WANT];
    Array in[] = {ARRAY(v, 3), ARRAY(&n)}, small = ARRAY(out, 2), right = ARRAY(out, 3), moved = ARRAY(&next);
    Array *given[] = {&in[0], &in[1]}, *first[] = {&small}, *second[] = {&right}, *count[] = {&in[1]}, *third[] = {&moved};
    printf("%d", turned_step(given, first, want, 1, NULL));
    printf(" %d\\n", (int)want[0]);
    printf("%d", turned_step(given, second, want, 1, NULL));
    printf(" %.17g %.17g %.17g\\n", out[0], out[1], out[2]);
    printf("%d", moved_steps(count, third, want, 1, NULL, 5));
    printf(" %d\\n", (int)*(int64_t *)in[1].data);
    return 0;
}
"""


def test_constant_arrays_several_functions_and_shapes_that_are_asked_for(tmp_path):
    v, n = pt.fvector("v"), pytensor.shared(np.int64(4), name="n")
    table = np.array([[1.5, -np.inf, 0], [np.nan, 2**-1074, 1], [1e300, 0.1, -0.0]])
    mask = np.isfinite(table)
    turned = pytensor.function([v], pt.dot(pt.switch(mask, table, 7.0), v) + n, mode="NATIVE")
    moved = pytensor.function([], [], updates=[(n, n * 2)], mode="NATIVE")
    folder = freeze({"turned": turned, "moved": moved}, tmp_path / "two")
    found = ran(folder, PROGRAM, "turned.so", "moved.so")
    expected = turned(np.array([1, 2, 3], "float32"))
    assert found[0] == [-1, 3]
    assert found[1][0] == 0
    np.testing.assert_allclose(found[1][1:], expected, rtol=1e-12)
    assert found[2] == [0, 4 * 2**5]


def test_constant_arrays_that_are_too_large_for_c_are_said_to_be(tmp_path):
    v = pt.dvector("v")
    table = np.random.default_rng(0).normal(size=70_000)
    folder = freeze(pytensor.function([v], v * table, mode="NATIVE", name="f"), tmp_path / "large")
    assert "cannot be called from C" in (folder / "f.h").read_text()
    np.testing.assert_array_equal(graphs.frozen.load(folder).f(table), table * table)
