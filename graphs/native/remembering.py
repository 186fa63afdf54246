"""An input's Type that knows again the array it accepted last."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Remembering"]


class Remembering:
    """Stands for a Type in a Container.

    PyTensor filters every argument at every call; a training loop passes the same arrays ten thousand
    times. What may have changed about an array since (its dtype, shape and memory order can be set in
    place) is looked at again by :class:`graphs.native.run.call.NativeCall` and in C.

    Parameters
    ----------
    kind : Type
        The input's own.
    cell : list
        The input's storage cell: what was accepted last.
    """

    def __init__(self, kind: Any, cell: list[Any]) -> None:
        self.kind = kind
        self.cell = cell

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """As the Type's own, unless `value` is what was accepted last."""
        if value is self.cell[0] and type(value) is np.ndarray:
            return value
        return self.kind.filter(value, strict=strict, allow_downcast=allow_downcast)

    def __getattr__(self, name: str) -> Any:
        if "kind" not in self.__dict__:  # while it is being copied
            raise AttributeError(name)
        return getattr(self.kind, name)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.kind
