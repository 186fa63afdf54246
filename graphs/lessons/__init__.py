"""The experiments that teach: each is a function whose result can be checked.

Every one returns rows, ``{who: {column: value}}``, for the frameworks that are installed; its
docstring says what to see in them. Nothing is imported before a lesson is taken.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["LESSONS", "Rows", "lesson", "summaries"]

Rows = dict[str, dict[str, Any]]

#: Where every lesson stands, by the name that the command line gives it, in the order in which to take them.
LESSONS = {
    "python": "python.when_python_runs",
    "retracing": "python.retracing",
    "if": "python.python_if",
    "extremes": "numbers.extreme_logits",
    "rewrites": "numbers.without_rewrites",
    "accuracy": "numbers.accuracy",
    "labels": "mistakes.labels",
    "shape": "mistakes.wrong_shape",
    "missing": "mistakes.missing_input",
    "optimizer": "numbers.compiled_optimizer",
    "plane": "plane.noisy_plane",
    "exam": "hours.exam",
    "slopes": "slopes.tanh_and_four_rows",
}


def lesson(name: str) -> Callable[[], Rows]:
    """The function that teaches the lesson of that name; this imports it."""
    module, _, function = LESSONS[name].partition(".")
    found: Callable[[], Rows] = getattr(import_module(f"graphs.lessons.{module}"), function)
    return found


def summaries() -> dict[str, str]:
    """Name of every lesson → the first line of its docstring, read off the file and without importing it."""
    return {
        name: _docstrings(place.partition(".")[0])[place.partition(".")[2]] for name, place in LESSONS.items()
    }


@cache
def _docstrings(module: str) -> dict[str, str]:
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return {node.name: (ast.get_docstring(node) or "").partition("\n")[0] for node in functions}
