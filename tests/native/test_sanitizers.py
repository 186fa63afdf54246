"""Generated code under AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GRAPHS = """
import numpy as np, pytensor, pytensor.tensor as pt
from graphs.native import NativeLinker, NativeMode, repeat
mode = NativeMode(NativeLinker(cached=False))
x, w, v, k, n = pt.dmatrix("x"), pt.dmatrix("w"), pt.dvector("v"), pt.lvector("k"), pt.lscalar("n")
s = pytensor.shared(np.ones(5), name="s")
p = pt.sigmoid(pt.dot(x, s))
cost = pt.softplus(pt.dot(x, s)).mean() + 0.01 * (s**2).sum()
step = pytensor.function([x], [p, p > 0.5], updates=[(s, s - 0.1 * pt.grad(cost, s))], mode=mode)
other = pytensor.function(
    [x, w, v, k, n],
    [
        pt.special.log_softmax(x @ w, axis=1), pt.argmax(x, axis=1), x.sum(0), x.max(1), x[1:, ::-2], v[n],
        pt.set_subtensor(x[n:, 1], 0.0), pt.join(0, v, v[::-1]), x.flatten(), k // 3, k % -2, k * 2**62, abs(k),
        k.astype("int8"), v.astype("float32").sum(), pt.exp(v * 1e4), pt.log(v), pt.alloc(v, n, v.shape[0]),
    ],
    mode=mode,
)
rng = np.random.default_rng(0)
for rows in (0, 1, 3, 4, 9):
    a = rng.normal(size=(rows, 5))
    for order in (a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2]):
        step(order)
        repeat(step, 5, [order])
        try:
            other(order, rng.normal(size=(5, 3)), rng.normal(size=5), np.array([-(2**63), 2**63 - 1, 0, 5]), 2)
        except (ValueError, IndexError):
            assert rows == 0
K = pt.dmatrix("K")
K.tag.symmetric = True
z, u = pt.dot(x, v), pt.dvector("u")
parts = pytensor.function([x, v, K, u], [pt.dot(z, x), z.sum(), z.max(), pt.dot(K, u), x.T @ w], givens={w: x}, mode=mode)
for rows in (1403, 1404):  # so many are worked on in several parts
    a, k = rng.normal(size=(rows, 401)), rng.normal(size=(803, 803))
    parts(a, rng.normal(size=401), k + k.T, rng.normal(size=803))
a = rng.normal(size=(9, 5))
for bad in (5, 10**15):
    try:
        other(a, rng.normal(size=(5, 3)), rng.normal(size=5), np.array([1]), bad)
    except (IndexError, ValueError):
        continue
    raise SystemExit("an index out of bounds went through")
labels, flags = pt.lvector("labels"), pt.vector("flags", dtype="bool")
import warnings
from pytensor.tensor.signal import convolve1d
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    turns, _ = pytensor.scan(lambda row, h, w: pt.tanh(row + h @ w), sequences=[x], outputs_info=[v], non_sequences=[w])
    sums, _ = pytensor.scan(
        lambda a, b, c: a + b * c, sequences=[labels],
        outputs_info=[{"initial": pt.zeros(2, dtype="int64") + 1, "taps": [-2, -1]}],
    )
S = x @ x.T + 9 * pt.eye(x.shape[0])
later = pytensor.function(
    [x, v, w, labels, flags, n],
    [
        x[labels], x[pt.arange(labels.shape[0]) % x.shape[0], labels % 5], x[flags], x[x > 0],
        pt.inc_subtensor(x[labels], v), pt.set_subtensor(x[flags], 0.0), v[pt.argmax(v)], x[: labels[0] + n],
        pt.grad((x[labels] ** 2).sum(), x), pt.cumsum(x, axis=0), pt.cumprod(v), turns, turns[-1], sums, sums[-2:],
        pt.grad((turns**2).sum(), w), pt.linalg.cholesky(S), pt.linalg.inv(S), pt.linalg.solve(S, x), pt.linalg.det(S),
        *pt.linalg.eigh(S), pt.linalg.solve_triangular(S, x[:, 0], lower=True), pt.diag(v, k=2), pt.diag(x, k=-1),
        *pt.split(x, pt.stack([n, x.shape[0] - n]), n_splits=2), pt.unique(v) * 2,
        pt.gammaln(x), pt.erfcx(x), pt.sin(x * 1e7),
        pt.sort(x, axis=0), pt.argsort(x, kind="stable"), pt.searchsorted(pt.sort(v), x),
        convolve1d(x, v[:3]), convolve1d(v, x[0, :2], mode="valid"),
    ],
    mode=mode,
)
for rows in (2, 3, 4, 9, 17):
    a = rng.normal(size=(rows, 5))
    for order in (a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2]):
        later(order, rng.normal(size=5), np.eye(5) / 2, rng.integers(-rows, rows, 6), rng.random(rows) > 0.5, 2)
    for bad in (rows, -rows - 1, 2**62):
        try:
            later(a, rng.normal(size=5), np.eye(5), np.array([0, bad]), rng.random(rows) > 0.5, 2)
        except IndexError:
            continue
        raise SystemExit("a place outside went through")
rng = following = pytensor.shared(np.random.default_rng(1), name="rng")
drawn = []
for op, *parameters in [
    (pt.random.normal, v, 1.0), (pt.random.uniform, 0.0, v), (pt.random.poisson, v * 20), (pt.random.exponential, v),
    (pt.random.binomial, 90, 0.4), (pt.random.integers, labels, labels + 5), (pt.random.bernoulli, v / 9),
    (pt.random.beta, v, 1.0),
]:
    following, found = op.make_node(following, None, *map(pt.as_tensor, parameters)).outputs
    drawn.append(found)
draws = pytensor.function([v, labels], drawn, updates=[(rng, following)], mode=mode)
for size in (0, 1, 7):
    for _ in range(4):
        draws(rng.get_value().random(size) + 0.1, np.arange(size))
    try:
        draws(-np.ones(2), np.arange(2))
    except ValueError:
        continue
    raise SystemExit("a negative scale went through")
print("clean")
"""


def sanitizer_library():
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    named = subprocess.run(
        [gcc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=False, timeout=30
    )
    path = Path(named.stdout.strip())
    return path.resolve() if path.is_absolute() and path.exists() else None


@pytest.mark.long
def test_no_memory_or_undefined_behaviour_errors(tmp_path):
    address = sanitizer_library()
    if address is None:
        pytest.skip("gcc's AddressSanitizer is not installed")
    environment = {
        **os.environ,
        "CC": "gcc",
        "LD_PRELOAD": str(address),
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "OMP_NUM_THREADS": "2",
        "GRAPHS_NATIVE_CFLAGS": "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g",
    }
    command = [sys.executable, "-c", GRAPHS]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout) == (0, "clean\n"), done.stderr[-3000:]
