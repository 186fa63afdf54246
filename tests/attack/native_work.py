"""A command whose work is one small function in the native mode; begun by tests/attack/test_faults.py and its like."""

from __future__ import annotations

import sys
import tempfile

import numpy as np
import pytensor
import pytensor.tensor as pt

from graphs.commands.ending import run
from graphs.compiled import cache


def main() -> int:
    """Compile, call and print; with ``prune``, a cache that has no room for more than this."""
    tempfile.tempdir = None  # what forks has looked already
    if "prune" in sys.argv:
        cache.LIMIT_BYTES = 30_000
    v = pt.dvector("v")
    s = pytensor.shared(np.ones(3), name="s")
    updates = [(s, s - 0.3 * v)]
    function = pytensor.function([v], pt.sigmoid(s * v).sum(), updates=updates, mode="NATIVE")
    print(f"{float(function([1.0, 2.0, 3.0])):.12g}", *(f"{number:.12g}" for number in s.get_value()))
    return 0


run("native", main)
