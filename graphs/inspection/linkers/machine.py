"""PyTensor's virtual machines, which run one thunk per node, and its C linker, which writes one module.

Times: the C virtual machine has a clock of its own around every node, to the microsecond; where the loop over
the nodes is Python, a clock is put around every thunk.

Code: PyTensor compiles a node's C inside a module of several hundred lines that unpack, check and
hand back Python objects. Shown is the Op's own part, from the same generator. In it ``FAIL``
stands for the six lines, the same everywhere, that set an exception and leave.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import re
import textwrap
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from pytensor.configdefaults import config
from pytensor.graph.basic import Apply, Constant
from pytensor.graph.fg import FunctionGraph
from pytensor.link.basic import PerformLinker
from pytensor.link.c.basic import CLinker, OpWiseCLinker
from pytensor.link.vm import VM, Loop, Stack

from graphs.inspection.findings import NodeCode
from graphs.inspection.linkers.calls import Call, Seconds, Whole, one_piece, runs_instead
from graphs.inspection.linkers.compilers import Worked
from graphs.timing import no_collection

__all__ = ["code", "compiling", "watch"]

OP_PART = re.compile(r"^// Op class .*?(?=^[ \t]*__label_\d+:)", re.MULTILINE | re.DOTALL)
FAILURE = re.compile(r"\{\s*__failure = \d+;.*?goto __label_\d+;\s*\}", re.DOTALL)


def watch(call: Call, order: Sequence[Any]) -> Whole:
    """By the loop that runs the nodes: Python's or CVM's; the C linker has none."""
    vm = call.function.vm
    if isinstance(vm, Loop | Stack) or type(call.function.maker.linker) in (PerformLinker, OpWiseCLinker):
        return _Thunks(call, order)
    if isinstance(vm, VM):
        return _VirtualMachine(call, order)
    one_piece(call, order)


@contextlib.contextmanager
def compiling(linker: Any, function: Any) -> Iterator[Worked]:
    """PyTensor's own count of C modules: it generates, compiles and loads one after the other, with no clock between."""
    if not config.cxx or isinstance(linker, PerformLinker) or getattr(linker, "c_thunks", None) is False:
        yield Worked(0.0)  # every Op runs its own Python
        return
    from pytensor.link.c.basic import get_module_cache

    worked, counts = Worked(), get_module_cache().stats
    there = list(counts)
    yield worked
    in_process, on_disk, compiled = (now - then for now, then in zip(counts, there, strict=True))
    if not compiled:
        worked.seconds = 0.0
    if compiled or on_disk or in_process:
        worked.told = f"PyTensor compiled {compiled} C modules, and had {on_disk} on disk and {in_process} in this process."


class _VirtualMachine(Whole):
    """CVM: its C loop adds up each node's time, to the microsecond; averaged over many calls."""

    method = "the C virtual machine's own clock around every node, averaged over the middle half of the calls"
    middle = staticmethod(lambda calls: _middle_half(np.asarray(calls)))

    def __init__(self, call: Call, order: Sequence[Any]) -> None:
        super().__init__(call)
        self._vm = call.function.vm
        at = {node: position for position, node in enumerate(self._vm.nodes)}
        self._positions = [at[node] for node in order]

    def nodes(self, calls: int) -> Seconds:
        vm = self._vm
        rows = np.empty((calls, len(self._positions)))
        vm.time_thunks = 1
        try:
            with no_collection():
                for row in range(calls):
                    self._clear()
                    self._call()
                    rows[row] = np.where(vm.call_counts, vm.call_times, np.nan)[self._positions]
        finally:
            vm.time_thunks = 0
            self._clear()
        return np.asarray(_middle_half(rows))

    def _clear(self) -> None:
        for position in range(len(self._vm.call_times)):
            self._vm.call_times[position], self._vm.call_counts[position] = 0.0, 0


def _middle_half(calls: Seconds) -> Any:
    """The mean of the calls, but for the fastest and the slowest quarter.

    A clock that counts whole microseconds is right on average only, and where the machine was
    busy with something else a call took many times as long: those are left out.
    """
    totals = np.nansum(calls, axis=1) if calls.ndim > 1 else calls
    quarter = len(calls) // 4
    return calls[np.argsort(totals)[quarter : len(calls) - quarter]].mean(axis=0)


class _Thunks(Whole):
    """A clock around every node's thunk, for linkers whose loop over the nodes is Python."""

    method = "a clock around every node's thunk"

    def __init__(self, call: Call, order: Sequence[Any]) -> None:
        super().__init__(call)
        self.clock = self._python_clock
        self._spent = np.zeros(len(order))
        self._ran = np.zeros(len(order), dtype=bool)
        self._at = {node: position for position, node in enumerate(order)}
        self._vm = self._timed_vm()

    def _timed_vm(self) -> Any:
        """A twin of the function's virtual machine that runs timed thunks on the same storage."""
        function = self._call.function
        if isinstance(function.vm, VM):
            twin = copy.copy(function.vm)
            twin.thunks = [self._timed(*pair) for pair in zip(twin.thunks, twin.nodes, strict=True)]
            return twin
        linker = function.maker.linker
        run, _, outputs, thunks, nodes = linker.make_all(
            input_storage=[container.storage for container in function.input_storage],
            output_storage=[container.storage for container in function.output_storage],
        )
        timed = [self._timed(*pair) for pair in zip(thunks, nodes, strict=True)]
        stale = [run.storage_map[v] for v in linker.no_recycling if v.owner is not None]

        def loop() -> list[Any]:
            for cell in stale:
                cell[0] = None
            for thunk in timed:
                thunk()
            return [output.storage[0] for output in outputs]

        return loop

    def _timed(self, thunk: Any, node: Any) -> Any:
        position, spent, ran = self._at[node], self._spent, self._ran

        def timed() -> Any:
            start = time.perf_counter()
            result = thunk()
            spent[position] += time.perf_counter() - start
            ran[position] = True
            return result

        timed.__dict__.update(getattr(thunk, "__dict__", {}))  # lazy, inputs, outputs
        timed.lazy = getattr(thunk, "lazy", False)  # type: ignore[attr-defined]  # read by the VM
        return timed

    def nodes(self, calls: int) -> Seconds:
        rows = np.empty((calls, len(self._spent)))
        with runs_instead(self._vm, self._call.function):
            for row in range(calls):
                self._spent[:], self._ran[:] = 0.0, False
                self._call()
                rows[row] = np.where(self._ran, self._spent, np.nan)
        return np.asarray(np.median(rows, axis=0))


def code(function: Any, arguments: Sequence[Any], *, whole: bool) -> Iterator[NodeCode]:
    """C or Python of every node, by position; with `whole`, all that the C linker wrote."""
    thunks = dict(zip(getattr(function.vm, "nodes", ()), getattr(function.vm, "thunks", ()), strict=True))
    linker = function.maker.linker
    in_c = type(linker).__name__ == "CLinker"
    with_c = bool(getattr(linker, "c_thunks", False)) and bool(config.cxx)
    for position, node in enumerate(function.maker.fgraph.toposort()):
        if in_c or hasattr(thunks.get(node), "cthunk"):
            try:
                yield NodeCode(position, "c", _c_part(node))
            except Exception as problem:  # an Op of somebody's
                yield NodeCode(position, "c", "", problem=f"{type(problem).__name__}: {problem}")
        else:
            note = "PyTensor has no C code for this Op: its Python runs" if with_c else ""
            yield msgspec.structs.replace(_python(position, node), note=note)
    if whole and in_c:
        yield NodeCode(None, "c", linker.get_src_code())


def _c_part(node: Apply) -> str:
    # Not node.clone(): one variable per position, and none shared with the compiled graph.
    inputs = [variable.clone() for variable in node.inputs]
    alone = Apply(node.op, inputs, [output.clone() for output in node.outputs])
    roots = [variable for variable in inputs if not isinstance(variable, Constant)]
    source = CLinker().accept(FunctionGraph(roots, alone.outputs, clone=False)).get_src_code()
    part = OP_PART.search(source)
    text = FAILURE.sub("FAIL", part[0] if part else source)
    text = re.sub(r"(^[ \t]*\n){2,}", "\n", text, flags=re.MULTILINE)
    return textwrap.dedent(text).strip()


def _python(position: int, node: Apply) -> NodeCode:
    for method in ("perform", "make_thunk"):
        try:
            text = inspect.getsource(getattr(type(node.op), method))
        except (OSError, TypeError, AttributeError):
            continue
        return NodeCode(position, "python", textwrap.dedent(text).strip())
    return NodeCode(position, "python", "", problem="the source of its Python implementation is not kept")
