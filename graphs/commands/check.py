"""Check the gradient of a user's own cost against differences of its values."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pytensor.compile.sharedvalue import SharedVariable

from graphs.commands.given_inputs import given_inputs, given_shapes, said_as_option
from graphs.commands.named_graph import NamedCost, named_cost
from graphs.errors import InputError, whole_number
from graphs.foreign import plain, quoted
from graphs.functions import resolve_mode
from graphs.inspection.values.inputs import sample_inputs
from graphs.terminal import Shown, show_sections

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Read, check, show; 1 where a gradient is wrong."""
    entries, seed = whole_number("entries", given.entries, 1), whole_number("seed", given.seed, 0)
    shapes = given_shapes(given.shape)
    mode = None if given.mode is None else resolve_mode(given.mode)
    for option, asked in (("shape", given.shape), ("input", given.input)):
        if asked and given.graph == "logistic":
            found = f"--{option} for the logistic cost, which has data of its own"
            raise InputError(option, found=found, allowed=f"--{option} for a graph of yours")
    with Shown() as listener:
        listener.begins(f"reading {given.graph}")
        cost = named_cost(given.graph)
        parameters = _parameters(cost, given.wrt)
        values = _values(cost, given.input, shapes, seed)
        listener.begins(f"checking the gradient of {cost.name}")
        checked = cost.check(parameters, values, mode=mode, entries=entries, seed=seed)
    show_sections([("", checked.view())])
    return 0 if checked.ok else 1


def _parameters(cost: NamedCost, names: Sequence[str]) -> list[Any]:
    """The roots with these names; where none is named, the shared ones, or else all."""
    floats = [root for root in cost.roots if str(getattr(root.type, "dtype", "")).startswith("float")]
    if not names:
        shared = [root for root in floats if isinstance(root, SharedVariable)]
        if not floats:
            allowed = "one that is computed from numbers of a float dtype"
            raise InputError("graph", found=f"{cost.name}, of no parameter", allowed=allowed)
        return sorted(shared or floats, key=_name)
    found = []
    for name in dict.fromkeys(names):
        fits = [root for root in floats if _name(root) == name]
        if len(fits) != 1:
            there = ", ".join(plain(_name(root)) for root in floats)
            many = f"{quoted(name)}, the name of {len(fits)}" if fits else quoted(name)
            raise InputError("wrt", found=many, allowed=there or "nothing: the cost has no parameter")
        found += fits
    return found


def _name(root: Any) -> str:
    return str(root.name or root)


def _values(cost: NamedCost, texts: Sequence[str], shapes: Any, seed: int) -> dict[Any, Any]:
    """The value of each input, given or drawn, and those given for shared variables."""
    given = given_inputs(texts)
    shared = {root.name: root for root in cost.roots if isinstance(root, SharedVariable) and root.name}
    inputs = [root for root in cost.roots if not isinstance(root, SharedVariable)]
    values = {shared[name]: given.pop(name) for name in list(given) if name in shared}
    there = {root.name for root in inputs}
    known = {name: value for name, value in cost.inputs.items() if name in there} | given
    try:
        drawn, _ = sample_inputs(inputs, known or None, shapes, seed)
    except InputError as error:
        raise said_as_option(error, known) from error
    return values | dict(zip(inputs, drawn, strict=True))
