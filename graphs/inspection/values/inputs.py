"""A value for every input: given, or drawn from a shape."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphs.errors import MOST, InputError, whole_number
from graphs.foreign import one_line, quoted
from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.values.difference import same_value
from graphs.memory import refuse_beyond_memory

__all__ = ["Given", "Inputs", "Shapes", "bind", "sample_inputs"]

Given = Mapping[str, Any] | Sequence[Any]
Shapes = Mapping[str, Sequence[int]] | Sequence[Sequence[int] | None]


@dataclass(frozen=True, eq=False)
class Inputs:
    """A value for every input of a graph, bound once for all that is asked of it."""

    values: tuple[Any, ...]  # by graph input; None for shared variables
    sources: tuple[str, ...]  # ``given``, ``drawn`` or ``shared``
    seed: int | None  # of those drawn; None where none was

    @property
    def arguments(self) -> tuple[Any, ...]:
        """Those that the caller of the function provides."""
        return tuple(value for value in self.values if value is not None)

    def with_shared(self, live: LiveCopy) -> list[Any]:
        """By graph input: these, and the shared variables' values when `live` was recorded."""
        pairs = zip(self.values, live.initial, strict=True)
        return [initial if value is None else value for value, initial in pairs]

    def same(self, other: Inputs) -> bool:
        """Whether the two are the same to the bit, and from the same places."""
        origins = (self.sources, self.seed) == (other.sources, other.seed)
        return origins and all(map(same_value, self.values, other.values))


@np.errstate(all="ignore")  # what is not finite is counted, not warned of
def bind(live: LiveCopy, given: Given | None = None, shapes: Shapes | None = None, seed: int = 0) -> Inputs:
    """A value for every input of the graph that its caller provides; arguments as for `sample_inputs`.

    Given values are copied: what the caller does to them later changes no answer.
    """
    own = [i for i, value in enumerate(live.initial) if value is None]
    variables = [live.written.inputs[i].variable for i in own]
    found, origins = sample_inputs(variables, given, shapes, seed)
    values: list[Any] = [None] * len(live.initial)
    sources = ["shared"] * len(live.initial)
    for i, value, origin in zip(own, found, origins, strict=True):
        values[i], sources[i] = copy.deepcopy(value), origin
    return Inputs(tuple(values), tuple(sources), seed if "drawn" in sources else None)


def sample_inputs(
    variables: Sequence[Any], given: Given | None, shapes: Shapes | None, seed: int
) -> tuple[list[Any], list[str]]:
    """A value for each input, given or drawn, and which of the two.

    Parameters
    ----------
    variables, given
        The inputs the caller must provide, and values for them.
    shapes
        Of the inputs to draw; a static shape need not be given.
    seed
        For `numpy.random.default_rng`. Floats are drawn from the standard normal distribution
        (complex ones in both parts), integers and booleans are 0 or 1.

    Raises
    ------
    InputError
        If a name is none of the inputs', a value does not fit its Type, or a length is neither
        given nor static.
    """
    seed = whole_number("seed", seed, 0)
    values = _by_position("inputs", variables, given)
    wanted = _by_position("shapes", variables, shapes)
    random = np.random.default_rng(seed)
    results, sources = [], []
    for i, variable in enumerate(variables):
        name = variable.name or f"input {i}"
        if values[i] is not None:
            try:
                if np.iscomplexobj(values[i]) and not str(
                    getattr(variable.type, "dtype", "complex")
                ).startswith("complex"):
                    raise TypeError("complex numbers")
                kept = variable.type.filter(values[i], strict=False, allow_downcast=True)
                whole = isinstance(kept, np.ndarray) and kept.dtype.kind in "iu"
                if whole and np.any(kept != np.asarray(values[i])):
                    raise ValueError("other numbers than those of the type")  # PyTensor cuts them off
                results.append(kept)
            except Exception as problem:  # of PyTensor's, of NumPy's, of the user's own Type
                raise InputError(
                    f"inputs[{name!r}]",
                    found=f"{type(values[i]).__name__} ({one_line(problem)})",
                    allowed=str(variable.type),
                ) from problem
            sources.append("given")
        else:
            results.append(_draw(variable, name, wanted[i], random))
            sources.append("drawn")
    return results, sources


def _by_position(argument: str, variables: Sequence[Any], given: Any) -> list[Any]:
    names = [variable.name or f"input {i}" for i, variable in enumerate(variables)]
    if given is None:
        return [None] * len(variables)
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise InputError(
                    f"{argument}[{name!r}]",
                    found="no input of that name",
                    allowed=", ".join(str(n) for n in names) or "none, for there are no inputs",
                )
        return [given.get(name) for name in names]
    if not isinstance(given, list | tuple):
        allowed = "a value for each input, in their order or by name"
        raise InputError(argument, found=quoted(given), allowed=allowed)
    if len(given) != len(variables):
        raise InputError(argument, found=f"{len(given)} entries", allowed=f"{len(variables)}, one per input")
    return list(given)


def _draw(variable: Any, name: str, shape: Any, random: np.random.Generator) -> Any:
    kind = variable.type
    static = getattr(kind, "shape", None)
    dtype = getattr(kind, "dtype", None)
    if static is None and dtype is None:
        if type(kind).__name__.startswith("Random"):
            return random.spawn(1)[0]
        raise InputError(
            f"inputs[{name!r}]", found="nothing", allowed=f"a value of {kind}, which is not drawn"
        )
    argument, shape = f"shapes[{name!r}]", tuple(static or ()) if shape is None else shape
    fits = (
        isinstance(shape, list | tuple)
        and len(shape) == len(static or ())
        and all(
            isinstance(n, int | np.integer) and not isinstance(n, bool) and 0 <= n <= MOST and s in (None, n)
            for n, s in zip(shape, static or (), strict=True)
        )
    )
    if not fits:
        raise InputError(
            argument,
            found=quoted(shape),
            allowed=f"whole numbers that fit {static} of {kind}",
            remedy="give a shape or a value for it",
        )
    kind_of, size = np.dtype(dtype).kind, np.dtype(dtype).itemsize
    # Drawn in double precision, then in its own, then copied, for what is computed may overwrite it.
    refuse_beyond_memory(argument, quoted(shape), math.prod(map(int, shape)) * (8 + 2 * size))
    drawn: Any = random.standard_normal(shape) if kind_of in "fc" else random.integers(0, 2, shape)
    if kind_of == "c":
        drawn = drawn + 1j * random.standard_normal(shape)
    if hasattr(kind, "format"):
        import scipy.sparse

        drawn = scipy.sparse.csr_matrix(drawn * (random.random(shape) < 0.3)).asformat(kind.format)
        return drawn.astype(dtype)
    return kind.filter(np.asarray(drawn).astype(dtype), strict=False, allow_downcast=True)
