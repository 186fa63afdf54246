"""Functions frozen once for all of these tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphs
from graphs.native import freeze
from tests.conftest import dataset


@pytest.fixture(scope="session")
def native() -> graphs.Functions:
    """The original's functions in mode NATIVE."""
    graph = graphs.logistic_graph(dataset().initial_w)
    return graphs.compile_functions(graph, graphs.gradient_descent(graph.cost, [graph.w, graph.b]), "NATIVE")


@pytest.fixture(scope="session")
def classic(native: graphs.Functions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the original's functions at their initial weights; not to be changed."""
    native.write({"w": dataset().initial_w, "b": np.array(0.0)})
    return freeze(native, tmp_path_factory.mktemp("frozen") / "classic")
