"""Models: symbols → a cost, under the names of their source; one file each, nothing compiled.

A file holds a frozen dataclass that names the model's Variables and a function that builds it from initial
parameters. Everything after it (updates, functions, training) takes these Variables and knows no formula.

:mod:`graphs.models.logistic`
    Logistic regression: x, y and shared w, b → p_1, prediction, xent, cost.
"""

from graphs.models.logistic import FORMULAS, LogisticGraph, logistic_graph

__all__ = ["FORMULAS", "LogisticGraph", "logistic_graph"]
