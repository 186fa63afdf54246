"""The page that names every pass from a graph as written to its recording, in order.

written → watched → tables → recording. What was found out beside it comes after
(`graphs.inspection.inspection`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pytensor.graph.basic import Apply, Variable

from graphs.environment import stamp
from graphs.inspection.compiling.tables import Tables, find_origins
from graphs.inspection.compiling.watch import compile_watched, mode_name, query_of
from graphs.inspection.compiling.written import Written, is_from_cache, same_graph
from graphs.inspection.linkers.compilers import Worked
from graphs.inspection.recording import OutputSpec, Recording
from graphs.inspection.start import FirstCall, until_compiled

__all__ = ["LiveCopy", "record"]


@dataclass(frozen=True)
class LiveCopy:
    """A recorded compilation with the live objects it was made from, for whoever must run them."""

    recording: Recording  # the story, without findings
    function: Any  # the compiled copy, with storage of its own: calling it changes nothing of the user's
    # by number, as in ``recording.nodes``; their inputs are those of the last snapshot they stood in
    nodes: tuple[Apply, ...]
    variables: tuple[Variable, ...]  # by number, as in ``recording.variables``
    written: Written  # what to compile again, under another mode or with a rule left out
    # the shared variables' values when the recording was made, by input; None for inputs that the caller
    # provides
    initial: tuple[Any, ...]
    stored: tuple[Any, ...]  # the same as the linker keeps them (JAX has random generators of its own)
    compiler: Worked  # what the linker's compiler did while the copy was made
    first_call: FirstCall = field(default_factory=FirstCall)  # of the copy, which happens once

    def reset(self) -> None:
        """Put the copy's shared variables back to what they were when it was recorded."""
        for container, value in zip(self.function.input_storage, self.stored, strict=True):
            if value is not None:
                container.storage[0] = copy.deepcopy(value)


def record(written: Written) -> LiveCopy:
    """Compile a graph as written, and record what the compiler does to it.

    Raises
    ------
    InputError
        If its mode compiles another graph than the one it rewrites first (DebugMode).
    """
    initial = written.values()
    watched = compile_watched(written)
    tables = Tables()
    inputs, first_nodes, first_outputs, steps = tables.story(watched)
    origins = find_origins(watched, tables)
    function, final, mode = written.function, watched.function.maker.fgraph, written.mode
    known = None if function is None or is_from_cache(function) else function.maker.fgraph
    nodes = tables.nodes(origins)
    recording = Recording(
        name=written.name,
        mode=mode_name(mode),
        linker=type(mode.linker).__name__,
        query=query_of(mode),
        matches=None if known is None else same_graph(final, known),
        ops=tuple(tables.ops.entries),
        variables=tables.variables(),
        nodes=nodes,
        rules=tuple(tables.rules.entries),
        lines=tuple(tables.lines.entries),
        inputs=inputs,
        first_nodes=first_nodes,
        first_outputs=first_outputs,
        outputs=tuple(_output_specs(written, inputs)),
        steps=steps,
        final_order=tuple(tables.node(node) for node in final.toposort()),
        seconds=watched.seconds,
        recorder_seconds=watched.own_seconds,
        stamp=_stamp(),
        start=until_compiled(watched.phases, watched.seconds, watched.compiler),
    )
    return LiveCopy(
        recording,
        watched.function,
        tuple(tables.live_nodes.entries),
        tuple(tables.live_variables.entries),
        written,
        initial,
        tuple(copy.deepcopy(container.storage[0]) for container in watched.function.input_storage),
        watched.compiler,
    )


def _output_specs(written: Written, inputs: Sequence[int]) -> Iterator[OutputSpec]:
    for i, spec in enumerate(written.outputs):
        yield OutputSpec(str(spec.variable.name or f"output {i}"))
    for position, spec in enumerate(written.inputs):
        if spec.update is not None:
            yield OutputSpec(str(spec.variable.name or f"input {position}"), inputs[position])


@cache
def _stamp() -> dict[str, Any]:
    """The stamp does not change while the process runs, and costs as much as a small compile."""
    return stamp()
