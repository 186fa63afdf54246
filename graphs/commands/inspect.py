"""Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from graphs.data import DTYPES
from graphs.errors import InputError, choose, install_command, whole_number
from graphs.files import writable
from graphs.foreign import plain, quoted
from graphs.inspection import load, page, save
from graphs.inspection.file import schema
from graphs.inspection.recording import Recording
from graphs.inspection.show.exchanges import exchanges_view
from graphs.inspection.show.report import (
    WEIGHT,
    HotNodes,
    StepTable,
    code_view,
    pair_view,
    report,
    step_view,
    weight_table,
    why_view,
)
from graphs.listener import Listener
from graphs.sharded.cluster import devices_here
from graphs.sharded.layout import Layout
from graphs.sharded.partition import Partition
from graphs.terminal import Shown, console, show_sections

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Compile and ask, or load; then show what is asked for."""
    if given.schema:
        sys.stdout.buffer.write(json.dumps(schema(), indent=2, ensure_ascii=False).encode() + b"\n")
        return 0
    _refuse_nonsense(given)
    layout = None if given.mesh is None else Layout.of(given.mesh)
    width = None if given.width is None else whole_number("width", given.width, 40, 1000)
    show = partial(show_sections, out=console(width=width), width=width)
    if layout is not None:
        with Shown() as listener:
            listener.begins(f"compiling for {layout.devices} devices")
            view = exchanges_view(_partition(layout, given.dtype))
        show([("What the partitioner inserted", view)])
        return 0
    with Shown() as listener:
        # Both before the first is compiled.
        one, other = _side(given), _side(given, given.against) if given.against else None
        asked = one(listener)
        labels, beside = (given.load or given.mode or "default", given.against), None
        if other is None:
            sections = list(_sections(asked.recording, given))
        else:
            beside = other(listener).recording
            sections = [("Side by side", pair_view(asked.recording, beside, labels=labels))]
    recording = asked.recording
    if asked.weigh is not None:  # what takes longest comes when all else has been shown
        show(section for section in sections if section[0] != WEIGHT)
        with Shown() as listener:
            recording = asked.weigh(listener)
        sections = [(WEIGHT, weight_table(recording))] if recording.counterfactuals else []
    if given.json:
        save(recording, given.json)
    if given.html:
        page(recording, beside, labels=labels).save(given.html)
    show(sections)
    if given.json:
        print(f"kept in {plain(given.json)}")
    if given.html:
        print(f"to be opened in a browser: {plain(given.html)}")
    return 0


def _partition(layout: Layout, dtype: str) -> Partition:
    """Of the original's training step on so many devices of this processor."""
    from graphs.data import load as load_data

    data = load_data("random", dtype=dtype)
    layout.check_features(len(data.initial_w))
    devices_here(layout.devices)
    from graphs.models.logistic import logistic_graph
    from graphs.sharded.functions import compile_functions
    from graphs.updates import gradient_descent

    graph = logistic_graph(data.initial_w, dtype=dtype)
    updates = gradient_descent(graph.cost, [graph.w, graph.b])
    return compile_functions(graph, updates, layout).partitioned(data.x, data.y)


class _Asked(NamedTuple):
    """A recording, and what finds out which of its rules carry weight, where that is asked for."""

    recording: Recording
    weigh: Callable[[Listener], Recording] | None = None


def _refuse_nonsense(given: argparse.Namespace) -> None:
    """Refuse, before anything is compiled, what would be left aside or cannot be there."""
    kept = given.load and not (given.against and not given.against.endswith(".json"))
    compiled = {
        "graph": given.graph != "logistic",
        "mode": given.mode is not None,
        "dtype": given.dtype != DTYPES[0],
        "shape": bool(given.shape),
        "input": bool(given.input),
        "seed": given.seed != 0,
        "quick": given.quick,
    }
    shown = {
        "step": given.step is not None,
        "rule": given.rule is not None,
        "phase": given.phase is not None,
        "why": bool(given.why),
        "nodes": given.nodes,
        "code": given.code is not None,
    }
    if given.mesh is not None:
        choose("dtype", given.dtype, DTYPES)
        others = {**compiled, **shown, "load": given.load, "against": given.against}
        others |= {"json": given.json, "html": given.html}
        for other in (name for name, asked in others.items() if asked and name != "dtype"):
            raise InputError(
                other,
                found=f"--{other} beside --mesh",
                allowed="one of them: with --mesh the original's training step is shown, in mode JAX",
            )
        if find_spec("jax") is None:
            remedy = f"{install_command('jax')} brings it"
            raise InputError("mesh", found="no JAX", allowed="a mesh where it is installed", remedy=remedy)
    beside = [("load", name) for name, asked in compiled.items() if kept and asked]
    beside += [("against", name) for name, asked in shown.items() if given.against and asked]
    for one, other in beside:
        why = {"load": "nothing is compiled", "against": "the two are shown side by side"}[one]
        raise InputError(
            other, found=f"--{other} beside --{one}", allowed=f"one of them, for with --{one} {why}"
        )
    if given.shape and given.graph == "logistic":
        raise InputError(
            "shape",
            found="--shape for the logistic graph, which has data of its own",
            allowed="a shape for an input of --graph",
        )
    if given.input and given.graph == "logistic":
        raise InputError(
            "input",
            found="--input for the logistic graph, which has data of its own",
            allowed="a value for an input of --graph",
        )
    if given.against in DTYPES and given.graph != "logistic":
        other = "a mode, without:RULE or a recording, for only the logistic graph has another type"
        raise InputError("against", found=given.against, allowed=other)
    if given.step is not None:
        whole_number("step", given.step, 1)
    if given.code is not None and given.code != "whole":
        number = given.code.removeprefix("#")
        if not (number.isascii() and number.isdigit()):
            raise InputError(
                "code",
                found=quoted(given.code),
                allowed="whole, or a final node",
                remedy="--nodes lists them",
            )
    for name, path in (("json", given.json), ("html", given.html)):
        if path is not None:
            writable(name, path)
    if given.html is not None and given.html == given.json:
        raise InputError(
            "html", found=f"{quoted(given.html)}, which --json is written to", allowed="another file"
        )


def _side(given: argparse.Namespace, against: str = "") -> Callable[[Listener], _Asked]:
    """What makes a recording, or the second one of a pair, when it is called; what it is told is checked now."""
    kept = against if against.endswith(".json") else "" if against else given.load
    if kept:
        recording = load(kept)
        return lambda listener: _Asked(recording)
    # Only now: a recording that was kept is shown without PyTensor.
    from graphs.commands.given_inputs import given_shapes
    from graphs.functions import resolve_mode

    shapes, seed = given_shapes(given.shape), whole_number("seed", given.seed, 0)
    mode = resolve_mode(given.mode) if given.mode or against else None
    if against and against not in DTYPES:
        mode = _other_mode(against, mode)
    return partial(_recorded, given, against, mode, shapes, seed)


def _other_mode(against: str, mode: Any) -> Any:
    """The mode of that name, or `mode` without the rules that it names."""
    from graphs.functions import resolve_mode
    from graphs.inspection.compiling.rules import names_in_database

    if not against.startswith("without:"):
        try:
            return resolve_mode(against)
        except InputError as refusal:
            others = "without:RULE, float32, float64, or a recording that was kept, FILE.json"
            raise InputError("against", found=refusal.found, allowed=f"{refusal.allowed}; {others}") from None
    rules = against.removeprefix("without:").split(",")
    if unknown := [rule for rule in rules if rule not in names_in_database()]:
        raise InputError(
            "against",
            found=f"without:{unknown[0]}",
            allowed="names of PyTensor's rewrites",
            remedy="graphs inspect shows those that fire here",
        )
    return mode.excluding(*rules)


def _recorded(
    given: argparse.Namespace,
    against: str,
    mode: Any,
    shapes: dict[str, tuple[int, ...]] | None,
    seed: int,
    listener: Listener,
) -> _Asked:
    """Compile and examine, as far as what is asked for needs it; `against`: the other one of a pair."""
    from graphs.commands.given_inputs import given_inputs, said_as_option
    from graphs.commands.named_graph import named_graph
    from graphs.functions import resolve_mode

    graph = named_graph(given.graph, dtype=against if against in DTYPES else given.dtype)
    if mode is None and not graph.compiled:
        mode = resolve_mode()
    values = dict(graph.inputs) | given_inputs(given.input)
    inputs = (values,) if values else ()
    whole, parts = given.code == "whole", _parts(given)
    try:
        asked = bool(parts - {"doctor"} or values or shapes)  # why a rewrite did not fire needs no inputs
        if asked and (mode is None or not graph.compiled):  # or else that is what is refused first
            graph.check_inputs(values or None, shapes, seed)
        listener.begins(f"compiling {against}".strip())
        inspection = graph.inspect(mode)
        for rule in given.why:
            inspection = graph.why(inspection, rule)
        inspection = graph.examine(
            inspection,
            *inputs,
            shapes=shapes,
            seed=seed,
            parts=parts - {"weight"},
            whole=whole,
            listener=listener,
        )
    except InputError as error:
        raise said_as_option(error, values) from error
    if "weight" not in parts:
        return _Asked(inspection.recording)
    # What repairs an output is proved at once, for the summary says so.
    rescuers = list(
        dict.fromkeys(inspection.recording.rule_of(r.step).name for r in inspection.recording.rescues())
    )
    if rescuers:
        inspection = graph.leave_out(inspection, rules=rescuers, rounds=15, listener=listener)

    def weigh(listener: Listener) -> Recording:
        rules = inspection.recording.rules
        rest = [rule.name for rule in rules if rule.name not in rescuers]
        return graph.leave_out(inspection, rules=rest, rounds=15, listener=listener).recording

    return _Asked(inspection.recording, weigh)


def _parts(given: argparse.Namespace) -> set[str]:
    """What must be computed for what is to be shown."""
    if given.why and not (
        given.html or given.code or given.step is not None or given.rule or given.phase or given.nodes
    ):
        return set()
    if given.html and given.against:
        return {"values"} if given.quick else {"values", "times", "code"}
    if given.html and not given.quick:
        return {"values", "doctor", "times", "code", "weight"}
    if given.code:
        return {"code"}
    if given.against or given.step is not None or given.rule or given.phase:
        return {"values"}
    if given.nodes:
        return {"values"} if given.quick else {"values", "times"}
    return {"values", "doctor"} if given.quick else {"values", "doctor", "times", "code", "weight"}


def _sections(recording: Recording, given: argparse.Namespace) -> Iterator[tuple[str, RenderableType]]:
    """The sections asked for, with their headings; all of them where none is named."""
    if given.step is not None:
        yield "", step_view(recording, given.step)
    if given.why:
        yield "", _kept_answers(recording, given.why) if given.load else why_view(recording)
    if given.rule or given.phase:
        table = StepTable(recording, given.phase or "", given.rule or "", every=True)
        if not table.rows():
            there = sorted({step.phase for step in recording.steps})
            raise InputError(
                "rule" if given.rule else "phase",
                found=f"no step of {quoted(given.rule or given.phase)}",
                allowed=f"rules that fired, in the phases {', '.join(there)}"
                if there
                else "no rule fired here",
            )
        yield "", table
    if given.nodes:
        yield "", HotNodes(recording, most=sys.maxsize)
    if given.code:
        yield "", code_view(recording, None if given.code == "whole" else given.code)
    if given.step is None and not (given.why or given.rule or given.phase or given.nodes or given.code):
        yield from report(recording)


def _kept_answers(recording: Recording, asked: list[str]) -> RenderableType:
    """What a recording that was kept knows of the rewrites asked about."""
    known = [found.rule for found in recording.whys or ()]
    for rule in asked:
        if rule not in known:
            raise InputError(
                "why",
                found=f"{quoted(rule)}, which was not asked about when the recording was made",
                allowed=", ".join(known) or "none with this recording",
                remedy="compile the graph again, without --load",
            )
    parts = [part for rule in dict.fromkeys(asked) for part in (Text(""), why_view(recording, rule))]
    return Group(*parts[1:])
