"""Show what the compiler did to a graph: every rewrite, the values, the cost, the code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.rule import Rule

from graphs.commands.ending import run
from graphs.commands.named_graph import named_graph
from graphs.data import DTYPES
from graphs.errors import InputError, whole_number
from graphs.functions import mode_names, resolve_mode
from graphs.inspection import load, save
from graphs.inspection.recording import Recording
from graphs.inspection.show.report import HotNodes, StepTable, code_view, pair_view, report, step_view
from graphs.listener import Listener
from graphs.terminal import Shown, as_text

EPILOG = """\
what you see:
  A graph as you write it is not what runs. PyTensor rewrites it, rule by rule, in phases: canonicalize
  brings it to one form, stabilize replaces formulas that overflow, specialize picks cheaper ones, fusion
  makes one loop of many, inplace reuses memory. Shown are the story in a few sentences, every rewrite
  with the formula before and after, which of them changed the values, which known stabilizing rewrites
  fire here, what each rule is worth (the same compilation without it), and where the time goes.

examples:
  scripts/run inspect                            the original's training step, in PyTensor's default mode
  scripts/run inspect --mode CVM --quick         PyTensor's C linker; nothing timed, no rule left out
  scripts/run inspect --step 70                  one rewrite: nodes out and in, formula and values
  scripts/run inspect --rule log1p               the steps of rules with log1p in their names
  scripts/run inspect --nodes                    every node that runs, its number, cost and time
  scripts/run inspect --code 65                  the code that node #65 became; --code whole for all of it
  scripts/run inspect --against CVM              two modes side by side: where do they part?
  scripts/run inspect --against without:local_log1p
  scripts/run inspect --against float32
  scripts/run inspect --graph mine.py:f          your own: a compiled function, an expression, (inputs,
                                                 outputs, updates), or something to call that returns one
  scripts/run inspect --graph mine.py:f --shape x=100,20
  scripts/run inspect --json train.json          keep it; look again without computing anything:
  scripts/run inspect --load train.json --step 86

A graph of your own is imported, so its file runs. Its function and shared variables stay as they are: a
copy is compiled and called, on inputs drawn from --seed.

exit codes: 0 done, 1 could not go on, 2 bad input
"""


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="scripts/run inspect",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = options.add_argument_group("what to look at")
    what.add_argument(
        "--graph", default="logistic", metavar="NAME", help="logistic, module:object or file.py:name"
    )
    what.add_argument(
        "--mode", help=f"{', '.join(mode_names())} (default: PyTensor's own; a compiled function has one)"
    )
    what.add_argument("--dtype", choices=DTYPES, default="float64", help="of the logistic graph")
    what.add_argument(
        "--shape", action="append", default=[], metavar="NAME=N,M", help="shape to draw an input in"
    )
    what.add_argument("--seed", type=int, default=0, help="of the drawn inputs (default: 0)")
    what.add_argument("--load", metavar="FILE", help="a recording kept with --json, instead of compiling")
    what.add_argument("--against", metavar="OTHER", help="a second mode, without:RULE, or float32 or float64")
    show = options.add_argument_group("what to show (default: all of it)")
    show.add_argument("--step", type=int, metavar="N", help="one step, before and after")
    show.add_argument("--rule", metavar="TEXT", help="the steps of rules with this in their names")
    show.add_argument("--phase", metavar="NAME", help="the steps of this phase")
    show.add_argument("--nodes", action="store_true", help="every node that runs in the end")
    show.add_argument("--code", metavar="NODE", help="the code of a final node, by number, or: whole")
    show.add_argument("--quick", action="store_true", help="time nothing and leave no rule out")
    show.add_argument("--json", metavar="FILE", help="keep the recording")
    show.add_argument(
        "--width", type=int, metavar="N", help="columns to use (default: the terminal's; 120 in a pipe)"
    )
    return options


def main() -> int:
    arguments = parser().parse_args()
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


if __name__ == "__main__":
    run("inspect", main)
