"""Programs kept between processes: each is found by the graph it was made from, before any rewriting.

A program whose library can neither be loaded nor made counts as absent, and so does every program that
another version of this package's source made.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from graphs.compiled import cache
from graphs.compiled.compiler import CompilerMissing, begin_library
from graphs.compiled.program import Program
from graphs.compiled.sources import source_digest
from graphs.native.run.fingerprint import Unrecognisable, fingerprint, surroundings

__all__ = ["key", "known", "remember"]


def key(fgraph: Any, query: Any, layouts: str = "") -> str | None:
    """Under which name the program of a graph is kept; None if the graph cannot be told from its like.

    The graph is one before the rewriting that `query` selects; `layouts` is empty where no memory orders are known.
    """
    try:
        described = surroundings(query), fingerprint(fgraph)
    except Unrecognisable:
        return None
    return cache.digest("program", own_text(), *described, layouts)


def known(key: str | None, fgraph: Any, layouts: str = "") -> Program | None:
    """The program of a graph kept under `key`, its library at hand or being made; None if there is none."""
    found = cache.load(key, ".json") if key else None
    if found is None:
        return None
    try:
        program = Program.from_json(found[1])
        if not _is_of(program, fgraph, layouts):
            return None
        begin_library(program.text)
    except (ValueError, CompilerMissing):
        return None
    return program


def _is_of(program: Program, fgraph: Any, layouts: str) -> bool:
    """Whether a program takes and gives what its graph does, in these memory orders if any are named."""
    taken, given = (
        [(getattr(v.type, "dtype", None), getattr(v.type, "ndim", None)) for v in variables]
        for variables in (fgraph.inputs, fgraph.outputs)
    )
    same = taken == [tuple(each) for each in program.inputs] and given == [
        tuple(each) for each in program.outputs
    ]
    return same and program.layouts == (layouts or program.layouts)


def remember(key: str | None, program: Program) -> None:
    """Keep a program, unless `key` is None or it needs nodes of its graph, which only rewriting would give again."""
    if key and not program.performed and not program.keeps_objects:
        cache.store(key, ".json", program.to_json().encode())


PACKAGES = (Path(__file__).parents[1], Path(cache.__file__).parent)


@functools.cache
def own_text(packages: tuple[Path, ...] = PACKAGES) -> str:
    """A digest of the whole of :mod:`graphs.native` and what it stands on: other source makes other programs."""
    return source_digest(*packages)
