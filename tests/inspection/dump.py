"""Everything about a function or an expression that could have been touched, as one value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pytensor.graph.op import HasInnerGraph
from pytensor.graph.traversal import ancestors


def dump_expression(outputs: Iterable[Any]) -> list[Any]:
    """Identities, wiring and tags of all that hangs below `outputs`."""
    found = []
    for variable in sorted(ancestors(list(outputs)), key=id):
        owner = variable.owner
        wiring = (id(owner), id(owner.op), [id(v) for v in owner.inputs]) if owner else None
        tags = {name: repr(value) for name, value in vars(variable.tag).items()}
        node_tags = {n: repr(v) for n, v in vars(owner.tag).items()} if owner else None
        inner = dump_inner(owner.op) if owner else None
        found.append((id(variable), variable.name, str(variable.type), wiring, tags, node_tags, inner))
    return found


def dump_inner(op: Any) -> Any:
    """The graph inside an Op, which compiling that Op could edit."""
    if not isinstance(op, HasInnerGraph):
        return None
    nodes = [(id(n), id(n.op), [id(v) for v in n.inputs]) for n in op.fgraph.toposort()]
    return id(op.fgraph), nodes, [id(v) for v in op.fgraph.outputs]


def dump_function(function: Any) -> list[Any]:
    """The same of a compiled function, with its order, features, storage and settings."""
    maker, fgraph = function.maker, function.maker.fgraph
    specs = [(id(s.variable), id(s.update), id(s.value), s.borrow, s.mutable, s.name) for s in maker.inputs]
    return [
        dump_expression(fgraph.outputs),
        dump_expression(spec.variable for spec in maker.outputs),
        [id(node) for node in fgraph.toposort()],
        [id(variable) for variable in fgraph.inputs],
        [id(feature) for feature in fgraph._features],
        specs,
        id(maker.mode),
        id(maker.linker),
        id(function.vm),
        [dump_value(container.storage[0]) for container in function.input_storage],
    ]


def dump_value(value: Any) -> Any:
    """A stored value to the bit, with its identity."""
    if isinstance(value, np.ndarray):
        return id(value), value.dtype.str, value.shape, value.strides, value.tobytes()
    if isinstance(value, np.random.Generator):
        return id(value), repr(value.bit_generator.state)
    return id(value), repr(value)
