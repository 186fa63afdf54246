"""Programs kept between processes: each is found by the graph it was made from, before any rewriting.

A program whose library can neither be loaded nor made counts as absent, and so does every program that
another version of this package's source made. Beside each stands what its key was made of, so that a miss can be explained.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from graphs.compiled import cache
from graphs.compiled.compiler import CompilerMissing, begin_library
from graphs.compiled.program import Program
from graphs.compiled.sources import source_digest
from graphs.native.run.fingerprint import Unrecognisable, fingerprint, surroundings

__all__ = ["Question", "known", "remember"]

GRAPH, OWN = "graph", "version of this package's source"


@dataclass(frozen=True)
class Question:
    """Which program belongs to a graph: what the answer depends on, each by its name."""

    parts: Mapping[str, str]  # empty where the graph cannot be told from its like
    problem: str = ""  # what cannot be told, then
    absence: str = ""  # what the cache said when it was asked; by now it may have an answer

    @classmethod
    def of(cls, fgraph: Any, query: Any, layouts: str = "") -> Question:
        """Of a graph before the rewriting that `query` selects; `layouts` is empty where no memory orders are known."""
        try:
            around, graph = surroundings(query), cache.digest("graph", fingerprint(fgraph))
        except Unrecognisable as problem:
            return cls({}, str(problem))
        return cls({GRAPH: graph, OWN: own_text(), **around, "memory order of the inputs": layouts})

    @property
    def key(self) -> str | None:
        """Under which name the program is kept; None where it is not to be."""
        return cache.digest("program", self.parts) if self.parts else None

    def missed(self) -> Question:
        """The same, to which the cache had no answer just now."""
        return replace(self, absence=cache.absence(self.key, ".json") if self.key else "")

    def why_missed(self) -> str:
        """Why the cache had no program for it, as far as that can be told now."""
        if self.key is None:
            return f"the graph cannot be told from its like ({self.problem}), so that it is never kept"
        if self.absence:
            return self.absence
        try:
            others = [" and ".join(_differing(self.parts, parts)) for parts in self._of_same_graph()]
        except OSError:
            return "the folder of the cache cannot be looked through"
        if not others:
            return "this graph was never kept here, or has made room for others"
        return f"this graph was kept for another {min(others, key=len)}"

    def _of_same_graph(self) -> Iterator[Mapping[str, str]]:
        """What is known of other programs of the same graph, kept before this one was, if it is by now."""
        when = {path.stem: state.st_mtime_ns for path, state in cache.entries() if path.suffix == ".json"}
        mine = when.pop(str(self.key), None)
        for key, at in when.items():
            found = cache.load(key, ".json") if mine is None or at <= mine else None
            with contextlib.suppress(msgspec.MsgspecError, RecursionError):
                parts = (
                    msgspec.json.decode(found[1].partition(b"\n")[2], type=dict[str, str]) if found else {}
                )
                if parts.get(GRAPH) == self.parts[GRAPH]:
                    yield parts


def _differing(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """The parts that differ, by name; versions with the one that was kept."""
    return [
        name + (f" ({theirs[name]}, not {text})" if name in ("PyTensor", "NumPy") and name in theirs else "")
        for name, text in ours.items()
        if theirs.get(name) != text
    ]


def known(key: str | None, fgraph: Any, layouts: str = "") -> Program | None:
    """The program of a graph kept under `key`, its library at hand or being made; None if there is none."""
    found = cache.load(key, ".json") if key else None
    if found is None:
        return None
    try:
        program = Program.from_json(found[1].partition(b"\n")[0])
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


def is_kept(program: Program) -> bool:
    """Whether a program can do without the nodes of its graph, which only rewriting would give again."""
    return not program.performed and not program.keeps_objects


def remember(question: Question, program: Program) -> None:
    """Keep a program, if it can be told from its like and needs no nodes of its graph."""
    if question.key and is_kept(program):
        data = program.to_json().encode() + b"\n" + msgspec.json.encode(question.parts)
        cache.store(question.key, ".json", data)


PACKAGES = (Path(__file__).parents[1], Path(cache.__file__).parent)


@functools.cache
def own_text(packages: tuple[Path, ...] = PACKAGES) -> str:
    """A digest of the whole of :mod:`graphs.native` and what it stands on: other source makes other programs."""
    return source_digest(*packages)
