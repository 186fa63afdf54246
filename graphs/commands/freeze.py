"""Write compiled functions as C, to be called without PyTensor."""

from __future__ import annotations

import argparse
from typing import Any

from graphs.commands.named_graph import named_functions
from graphs.data import load
from graphs.errors import InputError
from graphs.foreign import plain
from graphs.frozen.folder import load as load_frozen
from graphs.functions import compile_functions
from graphs.models.logistic import logistic_graph
from graphs.native import freeze
from graphs.terminal import Shown
from graphs.updates import gradient_descent

__all__ = ["main"]


def main(given: argparse.Namespace) -> int:
    """Compile, write, read back, show."""
    if given.out is None:
        raise InputError("out", found="nothing", allowed="--out DIR, the folder to write")
    with Shown() as listener:
        listener.begins(f"compiling {given.graph}")
        functions = _classic() if given.graph == "logistic" else named_functions(given.graph)
        listener.begins("writing C")
        folder = freeze(functions, given.out)
        frozen = load_frozen(folder)
    for function in frozen.functions.values():
        print(plain(f"{function.name}({', '.join(each.name for each in function.arguments)})"))
    shared = ", ".join(f"{name} {value.dtype}{list(value.shape)}" for name, value in frozen.read().items())
    print(plain(f"sharing {shared or 'nothing'}; kept in {folder}", 4000))
    return 0


def _classic() -> Any:
    """The original's functions at their initial weights."""
    data = load("random", seed=0)
    graph = logistic_graph(data.initial_w)
    return compile_functions(graph, gradient_descent(graph.cost, [graph.w, graph.b]), "NATIVE")
