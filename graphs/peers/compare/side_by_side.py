"""The same few lines in every framework, cut out of the files that really run.

The peers' files mark what each stretch does with comments, ``# --- formula`` up to the next
``# ---``; a mark may name the variant it belongs to, ``# --- formula: logits``. A loop that is none
of their own is the contract's. PyTensor's lines come from the project's own rooms, whose functions
are cut by the names that they assign.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from graphs import derivatives, updates
from graphs.errors import choose
from graphs.models import logistic
from graphs.peers import COMPARED, FORMULAS, PEERS

__all__ = ["PARTS", "code_panels", "lines_of", "side_by_side"]

#: What a stretch of code does, in the order in which it is done.
PARTS = ("declare", "formula", "gradient", "update", "loop")


def side_by_side(runs: tuple[str, ...] | None = None, formula: str = "textbook") -> dict[str, dict[str, str]]:
    """Title of the peer → part → its lines of code.

    Nothing is imported but the project itself: a framework that is not installed is shown too. Without `runs`
    there is one for each framework's file.
    """
    if runs is None:
        runs = ("numpy", "autograd", "torch", "jax-loop", "pytensor")
    choose("formula", formula, FORMULAS)
    return {
        PEERS[choose("framework", run, COMPARED)].title: {
            part: lines_of(run, part, formula) for part in PARTS
        }
        for run in runs
    }


def code_panels(code: dict[str, dict[str, str]]) -> RenderableType:
    """What `side_by_side` gives for the terminal, one row of panels per part."""
    rows: list[RenderableType] = []
    for part in PARTS:
        panels = [
            Panel(Syntax(lines[part], "python", word_wrap=True, theme="ansi_dark"), title=title, width=76)
            for title, lines in code.items()
        ]
        rows += [Text(part, style="bold"), Columns(panels)]
    return Group(*rows)


def lines_of(run: str, part: str, formula: str = "textbook") -> str:
    """The lines of one peer that do `part`, indented as little as they can be."""
    module = PEERS[run].module
    variants = {formula, "compiled"} if run.endswith("-loop") else {formula}
    stretches = _marked(module, part, variants)
    if part == "loop" and not stretches:  # it is Python's
        stretches = _marked("contract", part, variants)
    if module == "in_pytensor":
        stretches = [*_core(part, formula), *stretches]
    return "\n".join(stretches)


def _marked(module: str, part: str, variants: set[str]) -> list[str]:
    """Every stretch of a peer's file marked as `part` for one of `variants`, or for all."""
    source = (Path(__file__).parents[1] / f"{module}.py").read_text(encoding="utf-8")
    found: list[str] = []
    taken: list[str] | None = None
    for line in [*source.splitlines(), "# --- end"]:
        mark = line.strip()
        if mark.startswith("# --- "):
            if taken:
                found.append(_tidy("\n".join(taken)))
            name, _, variant = mark.removeprefix("# --- ").partition(": ")
            taken = [] if name == part and (not variant or variant in variants) else None
        elif taken is not None:
            taken.append(line)
    return found


def _tidy(code: str) -> str:
    """Without common indentation, empty edges and docstrings, which repeat what the column says."""
    code = textwrap.dedent(code).strip("\n")
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a stretch of a body that ends in `return`, say
        return code
    lines = code.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            first = node.body[0]
            assert first.end_lineno is not None
            for number in range(first.lineno - 1, first.end_lineno):
                lines[number] = ""
    return "\n".join(line for line in lines if line.strip())


def _core(part: str, formula: str) -> list[str]:
    """PyTensor's lines, from the rooms where the project keeps them."""
    graph, written = logistic.logistic_graph, {"textbook": logistic.textbook, "logits": logistic.logits}
    return {
        "declare": [_statements(graph, "x", "y", "w", "b")],
        "formula": [_tidy(inspect.getsource(written[formula])), _statements(graph, "prediction", "cost")],
        "gradient": [_statements(derivatives.gradients, "found")],
        "update": [_statements(updates.gradient_descent)],
    }.get(part, [])


def _statements(function: Callable[..., Any], *names: str) -> str:
    """Statements of `function` that assign one of `names`, as they are written; without names, what it returns."""
    source = textwrap.dedent(inspect.getsource(function))
    (parsed,) = ast.parse(source).body
    assert isinstance(parsed, ast.FunctionDef)
    chosen = []
    for statement in parsed.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        assigned = any(isinstance(target, ast.Name) and target.id in names for target in targets)
        if assigned or (not names and isinstance(statement, ast.Return)):
            chosen.append(ast.get_source_segment(source, statement, padded=True) or "")
    return "\n".join(map(textwrap.dedent, chosen))
