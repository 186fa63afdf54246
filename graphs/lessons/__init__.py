"""The experiments that teach: each is a function whose result can be checked.

Every one returns rows, ``{who: {column: value}}``, for the frameworks that are installed; its
docstring says what to see in them. Nothing is imported before a lesson is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphs.catalogue import Catalogue

__all__ = ["LESSONS", "Rows", "lesson"]

Rows = dict[str, dict[str, Any]]

#: Where every lesson stands, by the name that the command line gives it, in the order in which to take them.
LESSONS = Catalogue(
    "graphs.lessons",
    {
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
    },
)


def lesson(name: str) -> Callable[[], Rows]:
    """The function that teaches the lesson of that name; this imports it."""
    return LESSONS.function(name)
