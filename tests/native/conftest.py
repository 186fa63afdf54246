"""What the native tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytensor
import pytest
from pytensor.graph.traversal import explicit_graph_inputs

from graphs.compiled import compiler
from graphs.native import NativeLinker, NativeMode, explain

# Python's own evaluation of every Op: the oracle. PyTensor's default mode would compile each of these
# graphs through Numba, which takes minutes for all of them and computes the same.
ORACLE = "FAST_COMPILE"

# A compiler runs for each: only these in the tests that one waits for.
OFTEN = ("float64", "float32", "int64", "bool")


def each_dtype(dtypes: Sequence[str]) -> list[Any]:
    """Parameters of a test that is asked of every dtype."""
    return [pytest.param(dtype, marks=() if dtype in OFTEN else pytest.mark.long) for dtype in dtypes]


@pytest.fixture(scope="session")
def uncached() -> NativeMode:
    """The native mode without its cache."""
    return NativeMode(NativeLinker(cached=False))


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a C compiler, on which nothing is native."""
    monkeypatch.setenv("CC", "no-such-compiler")
    compiler.find_compiler.cache_clear()
    yield
    monkeypatch.undo()
    compiler.find_compiler.cache_clear()


def memory_orders(array: np.ndarray) -> list[np.ndarray]:
    """The same numbers in C order, Fortran order, every second element, and backwards."""
    if not array.ndim:
        return [array] * 3
    wide = np.repeat(array, 2, axis=-1)[..., ::2]
    backwards = np.ascontiguousarray(array[::-1])[::-1]
    return [np.asfortranarray(array), wide, backwards]


@pytest.fixture(scope="session")
def agree(uncached: NativeMode) -> Callable[..., None]:
    """Compile outputs natively and with the oracle, and compare them in every memory order."""

    def compare(outputs: Sequence[Any], values: dict[Any, Any], rtol: float = 1e-12) -> None:
        inputs = list(explicit_graph_inputs(outputs))
        arrays = [np.asarray(values[v], dtype=v.type.dtype) for v in inputs]
        native = pytensor.function(inputs, outputs, mode=uncached)
        assert not explain(native).performed, "all of it is C"
        with pytensor.config.change_flags(mode=ORACLE):  # also of the graphs inside its Ops
            expected = pytensor.function(inputs, outputs, mode=ORACLE)(*arrays)
        for given in (arrays, *zip(*map(memory_orders, arrays), strict=True)):
            for k, (found, want) in enumerate(zip(native(*given), expected, strict=True)):
                want = np.asarray(want)
                assert (found.dtype, found.shape) == (want.dtype, want.shape), f"output {k}: {outputs[k]}"
                tolerance = 2e-6 if want.dtype == np.float32 else rtol
                np.testing.assert_allclose(found, want, tolerance, 1e-13, err_msg=f"output {k}: {outputs[k]}")

    return compare
