"""Strangers' graphs: what users of PyTensor and PyMC write, and its documentation, by family.

Nothing in them is made for the inspector. Each is small, draws its values from a seed of its own and is made
anew every time, so that no test sees what another did to it.
"""

from __future__ import annotations

from tests.inspection.corpus import (
    densities,
    derivatives,
    indexing,
    kinds,
    layers,
    linear_algebra,
    loops,
    not_finite,
    own_ops,
    pymc_models,
    random_draws,
    ways_to_make_a_function,
)
from tests.inspection.corpus.graph import Graph, Make
from tests.inspection.odd_graphs import ODD_GRAPHS

__all__ = ["CORPUS", "Graph", "Make"]

FAMILIES = (
    loops,
    linear_algebra,
    random_draws,
    indexing,
    layers,
    densities,
    derivatives,
    kinds,
    ways_to_make_a_function,
    own_ops,
    not_finite,
    pymc_models,
)


def _odd(name: str) -> Make:
    return lambda: Graph(*ODD_GRAPHS[name]())


CORPUS: dict[str, Make] = {name: _odd(name) for name in ODD_GRAPHS}
for _family in FAMILIES:
    _new = _family.GRAPHS
    assert CORPUS.keys().isdisjoint(_new), "two graphs of one name"
    CORPUS |= _new
