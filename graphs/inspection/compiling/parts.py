"""What it takes to compile a graph again: its wiring and specifications, on variables of their own."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytensor.compile.io import In, Out
from pytensor.compile.mode import Mode, get_mode
from pytensor.compile.rebuild import construct_function_ins_and_outs
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.link.basic import Container

from graphs.errors import InputError
from graphs.functions import resolve_mode
from graphs.inspection.compiling.written import Noted, noted_graph, own_op

__all__ = ["Parts", "parts_of", "parts_of_expression"]


@dataclass(frozen=True)
class Parts:
    """What ``FunctionMaker`` needs to compile a graph again.

    Attributes
    ----------
    inputs, outputs : list of In, list of Out
        On variables of their own: compiling them touches nothing of the user's.
    mode : Mode
        The mode asked for.
    name : str
        The function's name, or empty.
    accept_inplace : bool
        Whether the graph may hold in-place nodes from the start.
    function : object
        The compiled function the parts are taken from, or None.
    noted : Noted
        The wiring behind `inputs` and `outputs`, for compiling edits it in place.
    """

    inputs: list[In]
    outputs: list[Out]
    noted: Noted = field(repr=False)
    mode: Mode
    name: str = ""
    accept_inplace: bool = False
    function: Any = field(default=None, repr=False)

    def again(self, mode: Mode) -> Parts:
        """The same parts, not compiled yet, on variables of their own, for another mode."""
        ins, outs, noted = _private(self.noted, self.inputs, self.outputs)
        return replace(self, inputs=ins, outputs=outs, noted=noted, mode=mode)


def parts_of(function: Any) -> Parts:
    """Take a compiled function apart without touching it.

    Parameters
    ----------
    function : pytensor.compile.executor.Function
        What ``pytensor.function`` returned.

    Returns
    -------
    Parts
        With shared variables replaced by private copies of their current values.
    """
    maker = function.maker
    noted = noted_graph(function)
    if noted is None:
        raise InputError(
            "what",
            found="a function that holds only its rewritten graph (unpickled, copied, or compiled before"
            " graphs.inspection was imported) and whose expression is gone from memory",
            allowed="a function whose unrewritten graph can still be had",
            remedy="import graphs.inspection before compiling, or pass the inputs, outputs and"
            " updates themselves with mode=function.maker.mode",
        )
    ins, outs, own = _private(noted, maker.inputs, maker.outputs)
    return Parts(
        ins,
        outs,
        own,
        get_mode(maker.mode),
        name=maker.name or "",
        accept_inplace=bool(maker.accept_inplace),
        function=function,
    )


def parts_of_expression(
    inputs: Sequence[Any],
    outputs: Any,
    updates: Any = (),
    *,
    mode: str | Mode | None = None,
    givens: Any = (),
    name: str = "",
) -> Parts:
    """The parts of a function not compiled yet; arguments as for ``pytensor.function``."""
    if outputs is None:
        outputs = []
    elif isinstance(outputs, Iterable) and not isinstance(outputs, Variable):
        outputs = list(outputs)
    else:
        outputs = [outputs]
    try:
        ins, clones = construct_function_ins_and_outs(
            list(inputs), outputs, updates=updates or None, givens=givens or None
        )
    except (TypeError, AttributeError) as problem:
        raise InputError(
            "expression",
            found=f"something pytensor.function refuses ({problem})",
            allowed="inputs, outputs and updates as pytensor.function takes them",
        ) from problem
    outs = [out if isinstance(out, Out) else Out(out) for out in clones]
    roots = tuple(spec.variable for spec in ins)
    results = [out.variable for out in outs]
    results += [spec.update for spec in ins if spec.update is not None]
    own = _private(Noted.of(roots, results), ins, outs)
    return Parts(*own, resolve_mode(mode), name=name)


def _private(noted: Noted, ins: Sequence[Any], outs: Sequence[Any]) -> tuple[list[In], list[Out], Noted]:
    """Build the noted graph anew on variables and storage of its own.

    Parameters
    ----------
    noted : Noted
        The graph; its outputs are the function's, then the updates in the order of `ins`.
    ins, outs : sequence of In, sequence of Out
        The specifications to carry over (borrow, mutable, strict …).
    """
    memo: dict[Variable, Variable] = {}
    specs = []
    for spec, variable in zip(ins, noted.inputs, strict=True):
        value = getattr(spec, "value", None)
        if isinstance(value, Variable):
            value = value.container
        root = variable.clone()
        if isinstance(value, Container):
            value = _own_container(value)
            if isinstance(root, SharedVariable):
                root.container = value
        elif value is not None:
            value = copy.deepcopy(value)
        memo[variable] = root
        specs.append((spec, root, value))
    for node, op, inputs in noted.nodes:
        for variable in inputs:
            _adopt(variable, memo)
        # Not clone_with_new_inputs: that may build the node anew and narrow its types.
        twin = Apply(own_op(op), [memo[v] for v in inputs], [out.clone() for out in node.outputs])
        twin.tag = copy.copy(node.tag)
        for mark in ("imported_by", "removed_by"):  # written by another compilation
            if hasattr(twin.tag, mark):
                delattr(twin.tag, mark)
        memo.update(zip(node.outputs, twin.outputs, strict=True))
    for variable in noted.outputs:
        _adopt(variable, memo)
    updates = iter(noted.outputs[len(outs) :])
    new_ins = []
    for spec, root, value in specs:
        twin = copy.copy(spec)
        twin.variable, twin.value = root, value
        twin.update = None if spec.update is None else memo[next(updates)]
        new_ins.append(twin)
    new_outs = []
    for spec, variable in zip(outs, noted.outputs[: len(outs)], strict=True):
        twin = copy.copy(spec)
        twin.variable = memo[variable]
        new_outs.append(twin)
    roots = [root for _, root, _ in specs]
    return new_ins, new_outs, Noted.of(roots, [memo[v] for v in noted.outputs])


def _adopt(variable: Variable, memo: dict[Variable, Variable]) -> None:
    """Give a constant or a root that is no declared input a twin of its own."""
    if variable in memo:
        return
    memo[variable] = variable.clone() if isinstance(variable, Constant) else variable


def _own_container(container: Container) -> Container:
    return Container(
        container.type,
        [copy.deepcopy(container.storage[0])],
        readonly=container.readonly,
        strict=container.strict,
        allow_downcast=container.allow_downcast,
        name=container.name,
    )
