"""A NumPy array that notes every operation it takes part in, for the frameworks that call NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from graphs.peers.contract import StepCount

__all__ = ["CountingArray", "count_numpy", "count_training"]


class CountingArray(np.ndarray[Any, Any]):
    """An ndarray whose results are such arrays too, and which notes what made them."""

    noted: ClassVar[list[tuple[str, int]]] = []
    """Name of each operation and the bytes newly allocated for its result (0 for a view)."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Run the ufunc on plain arrays and note it; leave a tape's boxes to the tape."""
        if not all(isinstance(value, np.ndarray | np.generic | float | int) for value in inputs):
            return NotImplemented
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(_plain(array) for array in out)
        result = getattr(ufunc, method)(*map(_plain, inputs), **kwargs)
        self.noted.append((ufunc.__name__, 0 if out is not None else _new_bytes(result)))
        return out[0] if out is not None else _counting(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Run the NumPy function on plain arrays and note it."""
        result = function(*_plain(args), **_plain(kwargs))
        self.noted.append((function.__name__, _new_bytes(result)))
        return _counting(result)


def _plain(value: Any) -> Any:
    if isinstance(value, CountingArray):
        return value.view(np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _new_bytes(result: Any) -> int:
    new = isinstance(result, np.generic) or (isinstance(result, np.ndarray) and result.base is None)
    return result.nbytes if new else 0


def _counting(result: Any) -> Any:
    return np.asarray(result).view(CountingArray) if isinstance(result, np.ndarray | np.generic) else result


def count_numpy(step: Callable[[], object]) -> StepCount:
    """Count the NumPy operations of `step`, whose arrays are `CountingArray`."""
    CountingArray.noted.clear()
    step()
    noted = list(CountingArray.noted)
    allocated = [size for _, size in noted if size]
    return StepCount(
        dispatches=len(noted),
        ops=len(noted),
        temporaries=len(allocated),
        bytes=sum(allocated),
        how="every NumPy call that reached __array_ufunc__ or __array_function__",
    )


def count_training(training: Any) -> StepCount:
    """Count one step of a training whose x, y, w and b are NumPy's; they are put back afterwards."""
    own = vars(training).copy()
    for name in ("x", "y", "w", "b"):
        setattr(training, name, own[name].view(CountingArray))
    try:
        return count_numpy(training.train)
    finally:
        vars(training).update(own)
