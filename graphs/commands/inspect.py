"""Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.rule import Rule

from graphs.commands.named_graph import named_graph
from graphs.data import DTYPES
from graphs.errors import InputError, whole_number
from graphs.functions import resolve_mode
from graphs.inspection import load, save
from graphs.inspection.file import schema
from graphs.inspection.recording import Recording
from graphs.inspection.show.report import HotNodes, StepTable, code_view, pair_view, report, step_view
from graphs.listener import Listener
from graphs.terminal import Shown, as_text

__all__ = ["main"]


def main(arguments: argparse.Namespace) -> int:
    """Examine, keep, show."""
    if arguments.schema:
        print(json.dumps(schema(), indent=2, ensure_ascii=False))
        return 0
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show → or µ still shows the rest
    width = None if arguments.width is None else whole_number("width", arguments.width, 40, 1000)
    out = Console(width=width)
    with Shown() as tell:
        recording = load(arguments.load) if arguments.load else record(arguments, tell)
        sections = list(chosen(recording, arguments))
        if arguments.against:
            sections = [("Side by side", compare(recording, arguments, tell))]
    if arguments.json:
        save(recording, arguments.json)
    for heading, content in sections:
        titled = Group(Rule(heading, align="left"), content, "") if heading else content
        if out.is_terminal:
            out.print(titled)
        else:
            print(as_text(titled, width or 120), end="")
    if arguments.json:
        print(f"kept in {arguments.json}")
    return 0


def record(arguments: argparse.Namespace, tell: Listener, against: str = "") -> Recording:
    """Compile and examine, as far as what is asked for needs it."""
    dtype = against if against in DTYPES else arguments.dtype
    graph = named_graph(arguments.graph, dtype=dtype)
    mode = None if graph.compiled and not arguments.mode and not against else resolve_mode(arguments.mode)
    if against.startswith("without:"):
        mode = resolve_mode(arguments.mode).excluding(*against.removeprefix("without:").split(","))
    elif against and against not in DTYPES:
        mode = resolve_mode(against)
    tell.begins(f"compiling{f' {against}' if against else ''}")
    given = shapes(arguments.shape)
    seed = whole_number("seed", arguments.seed, 0)
    try:
        asked = graph.inspect(mode).examine(
            *((dict(graph.inputs),) if graph.inputs else ()),
            shapes=given,
            seed=seed,
            parts=parts(arguments),
            whole=arguments.code == "whole",
            listener=tell,
        )
        return asked.recording
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


def parts(arguments: argparse.Namespace) -> set[str]:
    """What must be computed for what is to be shown."""
    if arguments.code:
        return {"code"}
    if arguments.against or arguments.step is not None or arguments.rule or arguments.phase:
        return {"values"}
    if arguments.nodes:
        return {"values"} if arguments.quick else {"values", "times"}
    return {"values", "doctor"} if arguments.quick else {"values", "doctor", "times", "code", "weight"}


def shapes(given: list[str]) -> dict[str, tuple[int, ...]] | None:
    """``["x=400,784"]`` → ``{"x": (400, 784)}``."""
    found = {}
    for text in given:
        name, equals, lengths = text.partition("=")
        try:
            found[name] = tuple(int(length) for length in lengths.split(",") if length.strip())
        except ValueError:
            equals = ""
        if not equals or not name:
            raise InputError("shape", found=repr(text), allowed="NAME=LENGTH,LENGTH,… as in x=400,784")
    return found or None


def chosen(recording: Recording, arguments: argparse.Namespace) -> Iterator[tuple[str, RenderableType]]:
    """The sections asked for; all of them where none is named."""
    if arguments.step is not None and not recording.steps:
        raise InputError("step", found=str(arguments.step), allowed="none: no rewrite changed this graph")
    if arguments.step is not None:
        yield "", step_view(recording, whole_number("step", arguments.step, 1, len(recording.steps)))
    if arguments.rule or arguments.phase:
        table = StepTable(recording, arguments.phase or "", arguments.rule or "", every=True)
        if not list(table.rows()):
            there = sorted({step.phase for step in recording.steps})
            raise InputError(
                "rule" if arguments.rule else "phase",
                found=f"no step of {arguments.rule or arguments.phase!r}",
                allowed=f"rules that fired, in the phases {', '.join(there)}",
            )
        yield "", table
    if arguments.nodes:
        yield "", HotNodes(recording, most=sys.maxsize)
    if arguments.code:
        yield "", code_view(recording, node_number(recording, arguments.code))
    if not (
        arguments.step is not None or arguments.rule or arguments.phase or arguments.nodes or arguments.code
    ):
        yield from report(recording)


def node_number(recording: Recording, given: str) -> int | None:
    """``65`` or ``#65`` → 65; ``whole`` → None."""
    if given == "whole":
        return None
    text = given.removeprefix("#")
    if not text.isdigit() or int(text) not in recording.final_order:
        numbers = ", ".join(map(str, recording.final_order[:20]))
        raise InputError(
            "code",
            found=repr(given),
            allowed=f"whole, or a final node: {numbers}",
            remedy="--nodes lists them",
        )
    return int(text)


def compare(recording: Recording, arguments: argparse.Namespace, tell: Listener) -> RenderableType:
    """The recording beside a second one."""
    if arguments.against.endswith(".json"):
        other = load(arguments.against)
    else:
        other = record(arguments, tell, arguments.against)
    first = arguments.load or arguments.mode or "default"
    return pair_view(recording, other, labels=(first, arguments.against))
