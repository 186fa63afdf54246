"""Loops that ask for vectors get them: gcc says so itself. Of other compilers nothing is known here."""

from __future__ import annotations

import re
import subprocess

import pytensor
import pytensor.tensor as pt
import pytest

from graphs.compiled.compiler import FLAGS, THREADS, CompilerMissing, find_compiler
from graphs.native import source_of
from graphs.peers.models.compiled import in_pytensor, named

pytestmark = pytest.mark.once

x, y = pt.dmatrix("x"), pt.dvector("y")
v, u = pt.dvector("v"), pt.dvector("u")


GRAPHS = {
    "sin and cos of one x": pt.sin(v) * pt.cos(v) + pt.tan(v),
    "tanh beside them": (pt.tanh(v) * pt.sin(u + v)).sum() + pt.cos(u + v).sum(),
    "truth values as numbers": (v > u).astype("float64") * pt.exp(v) + (1.0 - (u >= v).astype("float64")) * u,
    "truth values kept": (x > 0).astype("float64") * y[:, None] + (x > 0).sum(),
    "softmax of rows": pt.special.softmax(x, axis=1).max(axis=1)
    + pt.special.log_softmax(x, axis=1).sum(axis=1),
    "clipped and chosen": pt.switch(pt.isinf(v), 0.0, pt.clip(v, -1, u)) + pt.maximum(u, pt.log1p(pt.exp(v))),
}


# The same everywhere, for nothing is run: without AVX-512 nothing is written to several places at once.
PROCESSOR = "-march=x86-64-v4"


@pytest.fixture(scope="module")
def gcc() -> str:
    try:
        command = find_compiler().command
    except CompilerMissing:
        pytest.skip("no C compiler")
    defined = subprocess.run(
        [*command, "-dM", "-E", "-xc", "/dev/null"], capture_output=True, text=True, check=False
    )
    version = re.search(r"__GNUC__ (\d+)", defined.stdout)
    if "__clang__" in defined.stdout or version is None or int(version[1]) < 12:
        pytest.skip("not gcc 12 or later")
    if "__x86_64__" not in defined.stdout:
        pytest.skip("not x86-64")
    return command[0]


# In these, branches of conditions once cost all vectors.
MODELS = ("zero-inflated", "elementwise", "ordinal", "softmax")


@pytest.mark.parametrize("name", [*GRAPHS, *MODELS])
def test_every_loop_that_asks_for_vectors_has_them(name, gcc, uncached, tmp_path):
    if name in MODELS:
        fn = in_pytensor(named(name), uncached)
    else:
        fn = pytensor.function([x, y, v, u], GRAPHS[name], mode=uncached, on_unused_input="ignore")
    text = source_of(fn).text
    path = tmp_path / "step.c"
    path.write_text(text)
    flags = [PROCESSOR if flag == "-march=native" else flag for flag in FLAGS]
    command = [gcc, *flags, *THREADS[0], "-fopt-info-vec", str(path), "-o", str(tmp_path / "step.so"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    vectors = {
        int(line) for line in re.findall(r"step\.c:(\d+):\d+: optimized: loop vectorized", done.stderr)
    }
    lines = text.splitlines()
    begin = next(k for k, line in enumerate(lines) if "int one_step(" in line)
    asked = [k for k, line in enumerate(lines, 1) if k > begin and re.search(r"#pragma omp .*simd", line)]
    assert asked
    # gcc names a line of the loop's head or of what it does first
    without = [
        k for k in asked if not vectors & set(range(k, k + 9)) and not _is_left_alone(lines[k : k + 3])
    ]
    assert not without, "\n".join("\n".join(lines[k - 1 : k + 8]) for k in without)


def _is_left_alone(lines: list[str]) -> bool:
    """Whether a loop has one line, that sets to 0, which is a memset then, or a block of rows to few bytes."""
    head, body, end = (line.strip() for line in lines)
    few = head.startswith("for (int row") and re.search(r"\] = .* [!=<>]=? [^?]*;$", body)
    return end == "}" and (re.search(r"\] = 0(\.0)?;$", body) is not None or bool(few))
