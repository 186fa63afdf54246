"""Apply nodes that Python performs in the middle of a C function: arrays seen where C has them, and results kept for it."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from pytensor.graph.basic import Constant
from pytensor.scalar.basic import ScalarType

from graphs.compiled.call import Header
from graphs.compiled.program import Program
from graphs.native.lower.performing import is_array
from graphs.native.run.drawing import GeneratorCopies

__all__ = ["Performer"]

Array = np.ndarray[Any, Any]


class _Memory:
    """Memory that NumPy shall see as an array."""

    def __init__(
        self, address: int, dtype: str, shape: tuple[int, ...], strides: tuple[int, ...] | None
    ) -> None:
        self.__array_interface__ = {
            "version": 3,
            "typestr": np.dtype(dtype).str,
            "data": (address, False),
            "shape": shape,
            "strides": strides,
        }


class _Task:
    """One node: its own Python, and the cells through which that takes and gives."""

    def __init__(self, node: Any, inputs: Sequence[Any]) -> None:
        self.node = node
        self.cells: dict[Any, list[Any]] = {}
        for variable in (*node.inputs, *node.outputs):
            self.cells[variable] = [variable.data if isinstance(variable, Constant) else None]
        computed = {v: [v not in node.outputs] for v in self.cells}
        self.thunk = node.op.make_thunk(node, self.cells, computed, list(node.outputs), impl="py")
        # in the order of the words that C writes: with a head of its own or as plain memory
        self.taken = [
            (v, v in inputs and not isinstance(v.type, ScalarType))
            for v in node.inputs
            if not isinstance(v, Constant) and is_array(v)
        ]
        self.kept = [v for v in node.inputs if not isinstance(v, Constant) and not is_array(v)]
        changed = [k for places in (node.op.destroy_map or {}).values() for k in places]
        self.changed = {node.inputs[k] for k in changed}


class Performer:
    """Performs the nodes of one function; `objects` holds what is no array of numbers, by Variable."""

    def __init__(self, fgraph: Any, program: Program) -> None:
        order = fgraph.toposort()
        self.inputs, self.outputs = list(fgraph.inputs), list(fgraph.outputs)
        self.kept = [k for k, v in enumerate(self.inputs) if not is_array(v)]
        self.nodes = {number: order[number] for number, _ in program.performed}
        # what C draws from: copies of these inputs, which then are these outputs of nodes
        self.copies = {position: GeneratorCopies() for position, _ in program.generators}
        self.drawn = {
            position: [order[k].outputs[0] for k in nodes] for position, nodes in program.generators
        }
        self.tasks: dict[int, _Task] = {}
        self.objects: dict[Any, Any] = {}
        self.held: dict[int, list[Array]] = {}  # until the next call: C reads it
        self.failure: BaseException | None = None
        prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
        self.callback = prototype(self._called)
        address = ctypes.cast(self.callback, ctypes.c_void_p).value
        assert address is not None
        self.address: int = address

    def begin(self, values: Sequence[Any]) -> dict[int, int]:
        """Take what is no array of numbers from a function's inputs; what C sees in the place of which input."""
        self.objects = {}  # before all: what the last call has drawn from may be given out again
        shown = {}
        for position, copies in self.copies.items():
            generator, shown[position] = copies.take(values[position])
            self.objects.update(dict.fromkeys(self.drawn[position], generator))
        self.objects.update((self.inputs[k], values[k]) for k in self.kept)
        return shown

    def end(self, outputs: list[Any]) -> list[Any]:
        """A function's outputs, with what is no array of numbers in its place."""
        pairs = zip(self.outputs, outputs, strict=True)
        return [output if is_array(v) else self._object(v) for v, output in pairs]

    def _object(self, variable: Any) -> Any:
        return variable.data if isinstance(variable, Constant) else self.objects[variable]

    def _called(self, number: int, words: int, told: int) -> int:
        try:
            self.perform(number, words, told)
        except BaseException as failure:  # C goes on; it is raised again when that has ended
            self.failure = failure
            return 1
        return 0

    def perform(self, number: int, words: int, told: int) -> None:
        """One node: its inputs are where `words` says, and `told` is filled with where its outputs are."""
        if number not in self.tasks:
            self.tasks[number] = _Task(self.nodes[number], self.inputs)
        task = self.tasks[number]
        at = 0
        for variable, headed in task.taken:
            rank = variable.type.ndim
            given = (ctypes.c_int64 * (1 + rank)).from_address(words + 8 * at)
            if headed:
                array = _behind(given[0], variable.type.dtype)
                at += 1
            else:
                array = np.asarray(_Memory(given[0], variable.type.dtype, tuple(given[1:]), None))
                at += 1 + rank
            if variable in task.changed:
                array = array.copy()
            task.cells[variable][0] = array[()] if isinstance(variable.type, ScalarType) else array
        for variable in task.kept:
            value = self._object(variable)
            task.cells[variable][0] = copy.deepcopy(value) if variable in task.changed else value
        for variable in task.node.outputs:
            task.cells[variable][0] = None
        task.thunk()
        held, at = [], 0
        for variable in task.node.outputs:
            value = task.cells[variable][0]
            if not is_array(variable):
                self.objects[variable] = value
                continue
            array = np.require(value, variable.type.dtype, ["C", "A"])
            held.append(array)
            into = (ctypes.c_int64 * (1 + array.ndim)).from_address(told + 8 * at)
            into[:] = [array.ctypes.data, *array.shape]
            at += 1 + array.ndim
        self.held[number] = held

    def failed(self) -> BaseException:
        """What Python has raised."""
        failure, self.failure = self.failure, None
        return failure or RuntimeError("a node that Python performs has failed")


def _behind(address: int, dtype: str) -> Array:
    """The array whose head is at an address."""
    head = Header.from_address(address)
    several = ctypes.c_int64 * head.axes
    shape, strides = (several.from_address(at) if head.axes else () for at in (head.shape, head.strides))
    return np.asarray(_Memory(head.data, dtype, tuple(shape), tuple(strides)))
