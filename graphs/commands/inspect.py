"""Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Group, RenderableType
from rich.rule import Rule

from graphs.data import DTYPES
from graphs.errors import InputError, whole_number
from graphs.foreign import plain, quoted
from graphs.inspection import load, save
from graphs.inspection.file import schema
from graphs.inspection.recording import Recording
from graphs.inspection.show.report import HotNodes, StepTable, code_view, pair_view, report, step_view
from graphs.listener import Listener
from graphs.terminal import Shown, as_text, console

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Compile and ask, or load; then show what is asked for."""
    if given.schema:
        sys.stdout.buffer.write(json.dumps(schema(), indent=2, ensure_ascii=False).encode() + b"\n")
        return 0
    _refuse_nonsense(given)
    width = None if given.width is None else whole_number("width", given.width, 40, 1000)
    out = console(width=width)
    with Shown() as listener:
        recording = load(given.load) if given.load else _recorded(given, listener)
        sections = list(_sections(recording, given))
        if given.against:
            sections = [("Side by side", _side_by_side(recording, given, listener))]
    if given.json:
        save(recording, given.json)
    for heading, content in sections:
        titled = Group(Rule(heading, align="left"), content, "") if heading else content
        if out.is_terminal:
            out.print(titled)
        else:
            print(as_text(titled, width or 120), end="")
    if given.json:
        print(f"kept in {plain(given.json)}")
    return 0


def _refuse_nonsense(given: argparse.Namespace) -> None:
    """Refuse, before anything is compiled, what would be left aside or cannot be there."""
    for name, value in vars(given).items():
        if value == "":
            raise InputError(name, found="an empty text", allowed="what --help says of it")
    kept = given.load and not (given.against and not given.against.endswith(".json"))
    compiled = {
        "graph": given.graph != "logistic",
        "mode": given.mode is not None,
        "dtype": given.dtype != DTYPES[0],
        "shape": bool(given.shape),
        "seed": given.seed != 0,
        "quick": given.quick,
    }
    shown = {
        "step": given.step is not None,
        "rule": given.rule is not None,
        "phase": given.phase is not None,
        "nodes": given.nodes,
        "code": given.code is not None,
    }
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
    if given.json and not Path(given.json).absolute().parent.is_dir():
        found = f"{given.json}, whose folder is not there"
        raise InputError("json", found=found, allowed="a file in a folder that is")
    if given.json and Path(given.json).is_dir():
        raise InputError("json", found=f"{given.json}, which is a folder", allowed="a file")


def _recorded(given: argparse.Namespace, listener: Listener, against: str = "") -> Recording:
    """Compile and examine, as far as what is asked for needs it; `against`: the other one of a pair."""
    # Only now: a recording that was kept is shown without PyTensor.
    from graphs.commands.named_graph import named_graph
    from graphs.functions import resolve_mode
    from graphs.inspection.compiling.rules import names_in_database

    graph = named_graph(given.graph, dtype=against if against in DTYPES else given.dtype)
    other = "" if against in DTYPES else against
    if other.startswith("without:"):
        rules = other.removeprefix("without:").split(",")
        if unknown := [rule for rule in rules if rule not in names_in_database()]:
            raise InputError(
                "against",
                found=f"without:{unknown[0]}",
                allowed="names of PyTensor's rewrites",
                remedy="graphs inspect shows those that fire here",
            )
        mode = resolve_mode(given.mode).excluding(*rules)
    elif other:
        mode = resolve_mode(other)
    else:
        mode = None if graph.compiled and not given.mode and not against else resolve_mode(given.mode)
    listener.begins(f"compiling {against}".strip())
    inputs = (dict(graph.inputs),) if graph.inputs else ()
    shapes, seed = _shapes(given.shape), whole_number("seed", given.seed, 0)
    whole = given.code == "whole"
    try:
        inspection = graph.inspect(mode)
        inspection = graph.examine(
            inspection, *inputs, shapes=shapes, seed=seed, parts=_parts(given), whole=whole, listener=listener
        )
    except InputError as error:
        if not error.argument.startswith("shapes["):
            raise
        name = error.argument.removeprefix("shapes[").strip("]'\"")
        raise InputError(
            "shape",
            found=f"{error.found} for {name}",
            allowed=error.allowed,
            remedy=f"say it with --shape {name}=LENGTH,LENGTH,…",
        ) from error
    return inspection.recording


def _parts(given: argparse.Namespace) -> set[str]:
    """What must be computed for what is to be shown."""
    if given.code:
        return {"code"}
    if given.against or given.step is not None or given.rule or given.phase:
        return {"values"}
    if given.nodes:
        return {"values"} if given.quick else {"values", "times"}
    return {"values", "doctor"} if given.quick else {"values", "doctor", "times", "code", "weight"}


def _shapes(given: list[str]) -> dict[str, tuple[int, ...]] | None:
    """``["x=400,784"]`` → ``{"x": (400, 784)}``."""
    shapes = {}
    for text in given:
        name, equals, lengths = text.partition("=")
        try:
            shapes[name] = tuple(int(length) for length in lengths.split(",") if length.strip())
        except ValueError:
            equals = ""
        if not equals or not name:
            raise InputError("shape", found=quoted(text), allowed="NAME=LENGTH,LENGTH,… as in x=400,784")
    return shapes or None


def _sections(recording: Recording, given: argparse.Namespace) -> Iterator[tuple[str, RenderableType]]:
    """The sections asked for, with their headings; all of them where none is named."""
    if given.step is not None:
        yield "", step_view(recording, given.step)
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
    if given.step is None and not (given.rule or given.phase or given.nodes or given.code):
        yield from report(recording)


def _side_by_side(recording: Recording, given: argparse.Namespace, listener: Listener) -> RenderableType:
    """The recording beside a second one."""
    kept = given.against.endswith(".json")
    other = load(given.against) if kept else _recorded(given, listener, given.against)
    first = given.load or given.mode or "default"
    return pair_view(recording, other, labels=(first, given.against))
