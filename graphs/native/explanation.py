"""Which nodes of a compiled function are native and why the others are not, and what making it took."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from graphs.compiled import cache
from graphs.compiled.compiler import seconds_waited
from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.native.linker import NativeLinker, refusal, source_of
from graphs.native.run.store import is_kept

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """How a compiled function runs; printing it prints a line for each node."""

    native: bool  # whether its C file runs at all
    reason: str  # why it does not; empty where it does
    #: Of each node in its order: its Op, and why Python performs it; empty where C computes it. None at all where the
    #: program came from the cache, whose graph was never rewritten: then C computes everything.
    nodes: tuple[tuple[str, str], ...]
    #: Seconds of each part of the rewriter, by PyTensor's name for it; none where the program came from the cache.
    rewriting: tuple[tuple[str, float], ...] = ()
    code: float = 0.0  # seconds that writing the C took, from the rewritten graph
    compiler: float = 0.0  # seconds for which Python has waited for the C compiler by now
    cache: str = ""  # whether the program came from the cache, and if not why not, in a sentence

    @property
    def performed(self) -> tuple[tuple[str, str], ...]:
        """The nodes that Python performs, and why."""
        return tuple(node for node in self.nodes if node[1])

    def __str__(self) -> str:
        if not self.native:
            return f"Not native: {self.reason}."
        if not self.nodes:
            return f"Native as a whole. {self.cache}"
        others = f", {len(self.performed)} are performed by Python" if self.performed else ""
        lines = [
            f"Native: of {len(self.nodes)} nodes C computes {len(self.nodes) - len(self.performed)}{others}."
        ]
        for number, (op, why) in enumerate(self.nodes):
            lines.append(f"{number:4}  {'Python' if why else 'C     '}  {op}{f' ({why})' if why else ''}")
        rewriting = sum(seconds for _, seconds in self.rewriting)
        lines.append(
            f"Rewriting took {rewriting:.2g} s, code generation {self.code:.2g} s; waited for the compiler: "
            f"{self.compiler:.2g} s. {self.cache}"
        )
        return "\n".join(lines)


def explain(function: Any) -> Explanation:
    """Say which nodes of a function are computed by its C file, and why others are not.

    Parameters
    ----------
    function : pytensor Function
        Compiled by a :class:`~graphs.native.linker.NativeLinker`, or by any other linker.

    Raises
    ------
    InputError
        If it is no compiled function.
    """
    maker = getattr(function, "maker", None)
    if maker is None or not hasattr(maker, "fgraph"):
        raise InputError("function", found=quoted(function), allowed="a compiled PyTensor function")
    linker = maker.linker
    if not isinstance(linker, NativeLinker):
        name = type(linker).__name__
        return Explanation(False, refusal(maker.fgraph) or f"it was compiled by {name}", ())
    if source_of(function) is None:
        return Explanation(False, "the C compiler has refused its C file", ())
    plan, program = linker.plan, function.vm.program
    waited = seconds_waited(program.text, linker.cached) if function.vm.current else 0.0
    made = functools.partial(
        Explanation, rewriting=plan.rewriting, code=plan.code, compiler=waited, cache=_cache(linker)
    )
    if linker.from_cache:
        return made(True, "", ())
    performed = dict(program.performed)
    nodes = maker.fgraph.toposort()
    told = tuple((" ".join(str(node.op).split()), performed.get(k, "")) for k, node in enumerate(nodes))
    return made(True, "", told)


def _cache(linker: Any) -> str:
    """Where a native function's program came from; of one that was not to be cached, whether the cache has it."""
    question = linker.plan.question
    if linker.from_cache:
        return "Its program came from the cache."
    if question is None:
        return ""
    if not is_kept(linker.plan.program):
        return "It is never kept in the cache: some of its nodes are the user's own or Python's, and only rewriting gives them."
    if linker.cached:
        return f"Its program was not in the cache: {question.why_missed()}."
    if question.key and cache.load(question.key, ".json"):
        return "The cache has its program: what compiles it again does without rewriting and code generation."
    return f"The cache does not have its program: {question.why_missed()}."
