"""The limit of the machine: reading X once, which a step that knows nothing beforehand must do."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.compiled.compiler import CompilerMissing, load_text
from graphs.peers.contract import Data, Training

__all__ = ["build"]

# Four streams, a sum for each: no other way of reading that was tried was faster, one stream of 64 sums
# by half (one core of an AMD EPYC, 400 × 784 in the last cache and 20,000 × 784 outside).
SOURCE = """
#include <stddef.h>
double stream(const REAL *x, ptrdiff_t n, int threads)
{
    const ptrdiff_t quarter = n / threads / 4;
    double total = 0;
    #pragma omp parallel for num_threads(threads) reduction(+:total) if (threads > 1)
    for (int part = 0; part < threads; ++part) {
        const REAL *p = x + part * 4 * quarter;
        REAL a = 0, b = 0, c = 0, d = 0;
        #pragma omp simd reduction(+:a, b, c, d)
        for (ptrdiff_t i = 0; i < quarter; ++i) {
            a += p[i];
            b += p[quarter + i];
            c += p[2 * quarter + i];
            d += p[3 * quarter + i];
        }
        total += a + b + c + d;
    }
    for (ptrdiff_t i = threads * 4 * quarter; i < n; ++i) total += x[i];
    return total;
}
"""


class Limit(Training):
    """Sums X once per "step". It has no parameters; `note` says how it reads. Nothing but ``data.x`` is used."""

    def __init__(self, data: Data, formula: str, how: str, learning_rate: float, weight_decay: float) -> None:
        self.x = data.x  # whose memory is read, as long as this lives
        self._read: Callable[[], float] = self.x.sum
        try:
            self._read = _compiled(self.x)
        except CompilerMissing as error:
            self.note = f"NumPy's sum, slower than the memory: {error}"

    def train_many(self, steps: int) -> tuple[Any, Any]:
        """Read X `steps` times."""
        for _ in range(steps):
            total = self._read()
        return None, total


def _compiled(x: NDArray[Any]) -> Callable[[], float]:
    text = SOURCE.replace("REAL", "double" if x.dtype == np.float64 else "float")
    function = load_text(text).stream
    function.restype, function.argtypes = ctypes.c_double, [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int]
    return partial(function, x.ctypes.data, x.size, int(os.environ.get("OMP_NUM_THREADS", "1")))


build = Limit
