"""One call on any PyTensor function or expression: what did the compiler do to it?"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from pytensor.compile.executor import Function
from pytensor.graph.basic import Apply, Variable
from pytensor.link.basic import Container

from graphs.environment import stamp
from graphs.errors import InputError
from graphs.inspection.compiling.modes import mode_name, query_of
from graphs.inspection.compiling.origins import find_origins
from graphs.inspection.compiling.parts import Parts, parts_of, parts_of_expression
from graphs.inspection.compiling.recorder import Watched, compile_watched
from graphs.inspection.compiling.rules import describe
from graphs.inspection.compiling.same import same_graph
from graphs.inspection.compiling.tables import Tables
from graphs.inspection.compiling.written import is_from_cache
from graphs.inspection.recording import Change, OutputSpec, Recording, Rule, Step

__all__ = ["Inspection", "inspect", "record"]


@dataclass(frozen=True)
class Inspection:
    """A recording with the live objects it was made from, for whoever must run them.

    Attributes
    ----------
    recording : Recording
        Plain data.
    function : pytensor.compile.executor.Function
        The compiled copy, with storage of its own: calling it changes nothing of the user's.
    nodes : tuple of Apply
        By number, as in ``recording.nodes``. Their inputs are those of the last snapshot they
        stood in.
    variables : tuple of Variable
        By number, as in ``recording.variables``.
    parts : Parts
        What to compile again, under another mode or with a rule left out.
    initial : tuple
        The shared variables' values when the recording was made, by input; None for inputs that
        the caller provides.
    stored : tuple
        The same as the linker keeps them (JAX has random generators of its own).
    """

    recording: Recording
    function: Any
    nodes: tuple[Apply, ...]
    variables: tuple[Variable, ...]
    parts: Parts
    initial: tuple[Any, ...]
    stored: tuple[Any, ...]

    def reset(self) -> None:
        """Put the copy's shared variables back to what they were when it was recorded."""
        for container, value in zip(self.function.input_storage, self.stored, strict=True):
            if value is not None:
                container.storage[0] = copy.deepcopy(value)


def record(
    what: Any,
    outputs: Any = None,
    updates: Any = (),
    *,
    mode: Any = None,
    givens: Any = (),
    name: str = "",
) -> Recording:
    """Compile a copy of a function or expression and record what the compiler did.

    Parameters
    ----------
    what : pytensor function, or list of Variable
        A compiled function; or the inputs of an expression, as for ``pytensor.function``.
    outputs : Variable or list of Variable, optional
        With inputs: what to compute.
    updates : list of (shared variable, Variable), optional
        With inputs: new values of shared variables.
    mode : str or Mode, optional
        With inputs: the mode to compile in; PyTensor's configured one by default. A function is
        recorded in its own mode and linker.
    givens : list of pairs, optional
        With inputs: as for ``pytensor.function``.
    name : str, optional
        With inputs: a name for the recording.

    Returns
    -------
    Recording
        Without values, counterfactuals and times (see `graphs.inspection`).

    Raises
    ------
    InputError
        If `what` is neither a compiled function nor a list of inputs, or a mode is given with a
        function.
    """
    return inspect(what, outputs, updates, mode=mode, givens=givens, name=name).recording


def inspect(
    what: Any,
    outputs: Any = None,
    updates: Any = (),
    *,
    mode: Any = None,
    givens: Any = (),
    name: str = "",
) -> Inspection:
    """Record as `record` does, and keep the live objects too."""
    if isinstance(what, Function):
        given = {"outputs": outputs, "updates": updates, "mode": mode, "givens": givens}
        for argument, value in given.items():
            if value is not None and value != ():
                raise InputError(
                    argument,
                    found="one beside a compiled function",
                    allowed="none, for the function has its own",
                    remedy="pass the inputs, outputs and updates of the expression instead",
                )
        return inspect_parts(parts_of(what))
    if isinstance(what, Variable | Mapping | str) or not isinstance(what, Sequence):
        raise InputError(
            "what",
            found=f"{type(what).__name__}",
            allowed="a compiled PyTensor function, or a list of input variables",
        )
    return inspect_parts(
        parts_of_expression(list(what), outputs, updates, mode=mode, givens=givens, name=name)
    )


def inspect_parts(parts: Parts) -> Inspection:
    """Compile and record `parts`."""
    initial = tuple(_stored(spec) for spec in parts.inputs)
    watched = compile_watched(parts)
    tables = Tables()
    inputs = tuple(tables.variable(v) for v in watched.inputs)
    first_nodes = tuple(tables.add_node(node, reads) for node, reads in watched.first)
    first_outputs = tuple(tables.variable(v) for v in watched.first_outputs)
    rules: dict[tuple[str, str], Rule] = {}
    steps = tuple(_steps(watched, tables, rules))
    origins = find_origins(watched, tables)
    final = watched.function.maker.fgraph
    function = parts.function
    nodes = tables.nodes(origins)
    mode = parts.mode
    recording = Recording(
        name=parts.name,
        mode=mode_name(mode),
        linker=type(mode.linker).__name__,
        query=query_of(mode),
        matches=None
        if function is None or is_from_cache(function)
        else same_graph(final, function.maker.fgraph),
        ops=tuple(tables.ops),
        variables=tables.variables(),
        nodes=nodes,
        rules=tuple(rules.values()),
        lines=tuple(tables.lines),
        inputs=inputs,
        first_nodes=first_nodes,
        first_outputs=first_outputs,
        outputs=tuple(_output_specs(parts, inputs)),
        steps=steps,
        final_order=tuple(tables.node(node) for node in final.toposort()),
        seconds=watched.seconds,
        recorder_seconds=watched.own_seconds,
        stamp=_stamp(),
    )
    return Inspection(
        recording,
        watched.function,
        tuple(tables.live_nodes),
        tuple(tables.live_variables),
        parts,
        initial,
        tuple(copy.deepcopy(container.storage[0]) for container in watched.function.input_storage),
    )


def _stored(spec: Any) -> Any:
    """A deep copy of an input's stored value; the compiled copy may overwrite its own in place."""
    value = getattr(spec, "value", None)
    return copy.deepcopy(value.storage[0] if isinstance(value, Container) else value)


def _steps(watched: Watched, tables: Tables, rules: dict[tuple[str, str], Rule]) -> Any:
    known: dict[Any, int] = {}
    for application in watched.applications:
        key = _key(application.rule, application.phase)
        if key not in known:
            known[key] = _number(describe(application.rule, application.phase), rules)
        gone = tuple(tables.node(node) for node in application.gone)
        come, changes = [], []
        for node, reads in application.come:
            number = tables.add_node(node, reads)
            come.append(number)
            now = tuple(tables.variable(v) for v in reads)
            # A node that comes back may read other variables than when it first came.
            for i, (born, reading) in enumerate(zip(tables.birth_inputs(number), now, strict=True)):
                if born != reading:
                    changes.append(Change(number, i, born, reading))
        for moved, i, old, new in application.moved:
            number_or_none = None if moved is None else tables.node(moved)
            changes.append(Change(number_or_none, i, tables.variable(old), tables.variable(new)))
        yield Step(
            application.phase_name,
            known[key],
            gone,
            tuple(come),
            tuple(changes),
            tuple((tables.variable(o), tables.variable(n)) for o, n in application.replaced),
            application.seconds,
        )


def _number(rule: Rule, rules: dict[tuple[str, str], Rule]) -> int:
    """The number of a rule; one that runs in several phases is registered under several names."""
    key = (rule.name, rule.source.file if rule.source else "")
    known = rules.get(key)
    names = (*known.registered, *rule.registered) if known else rule.registered
    rules[key] = msgspec.structs.replace(known or rule, registered=tuple(dict.fromkeys(names)))
    return list(rules).index(key)


def _key(rule: Any, phase: Any) -> Any:
    """Equal for changes that one description fits; the objects live as long as the watch."""
    if isinstance(rule, list | tuple):
        return tuple(_key(member, phase) for member in rule)
    return (rule, id(phase)) if isinstance(rule, str) else (id(rule), id(phase))


def _output_specs(parts: Parts, inputs: Sequence[int]) -> Any:
    for i, spec in enumerate(parts.outputs):
        yield OutputSpec(str(spec.variable.name or f"output {i}"))
    for position, spec in enumerate(parts.inputs):
        if spec.update is not None:
            name = str(spec.variable.name or f"input {position}")
            yield OutputSpec(name, inputs[position])


@cache
def _stamp() -> dict[str, object]:
    """The stamp does not change while the process runs, and costs as much as a small compile."""
    return stamp()
