"""The experiments that teach: each is a function whose result can be checked.

Every one returns rows, ``{who: {column: value}}``, for the frameworks that are installed; its
docstring says what to see in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphs.comparison.lessons.elsewhere import exam, noisy_plane, tanh_and_four_rows
from graphs.comparison.lessons.mistakes import labels, missing_input, wrong_shape
from graphs.comparison.lessons.numbers import (
    accuracy,
    compiled_optimizer,
    extreme_logits,
    without_rewrites,
)
from graphs.comparison.lessons.python import python_if, retracing, when_python_runs

__all__ = [
    "LESSONS",
    "accuracy",
    "compiled_optimizer",
    "exam",
    "extreme_logits",
    "labels",
    "missing_input",
    "noisy_plane",
    "python_if",
    "retracing",
    "tanh_and_four_rows",
    "when_python_runs",
    "without_rewrites",
    "wrong_shape",
]

#: Every lesson by the name that the command line gives it, in the order in which to take them.
LESSONS: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
    "python": when_python_runs,
    "retracing": retracing,
    "if": python_if,
    "extremes": extreme_logits,
    "rewrites": without_rewrites,
    "accuracy": accuracy,
    "labels": labels,
    "shape": wrong_shape,
    "missing": missing_input,
    "optimizer": compiled_optimizer,
    "plane": noisy_plane,
    "exam": exam,
    "slopes": tanh_and_four_rows,
}
