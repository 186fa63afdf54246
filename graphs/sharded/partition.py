"""What XLA's partitioner inserted: read off the compiled HLO, beside the Apply nodes that caused it.

Every node is traced in a scope of its own (:func:`scope`). XLA carries the names of the scopes into the metadata of the
instructions, through the partitioner and through the pass that makes one all-reduce of several; so an instruction names
the nodes that it stands for. One that names none is said to have no known node.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["Collective", "collectives", "scope"]

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute", "collective-broadcast")
# `name = type kind(`; the type may be a tuple. With a start of its own, what is done counts once.
_INSTRUCTION = re.compile(rf"^\s*(?:ROOT )?%?(\S+) = (.+?) ({'|'.join(KINDS)})(-start)?\(")
_SHAPE = re.compile(r"\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")
_NAMED = re.compile(r'op_name="([^"]*)"')
_WHERE = re.compile(r"\bgraphs_(\w+?)_node(\d+)\b")
_LOOP = re.compile(r"\bwhile/body\b")


@dataclass(frozen=True)
class Collective:
    """An instruction in which devices exchange numbers."""

    kind: str  # all-reduce, all-gather, …
    bytes: int  # of its result on one device, once; how many go over a wire is the transport's affair
    nodes: tuple[int, ...]  # Apply nodes that it stands for, by position in the graph; none where that is not known
    every_step: bool  # whether it runs at every step of the loop, or once a call
    line: str  # of the compiled HLO


def scope(function: str, position: int) -> str:
    """The name of the scope in which a node is traced."""
    return f"graphs_{function}_node{position}"


def collectives(hlo: str, function: str) -> tuple[Collective, ...]:
    """What stands in the text of a compiled program, in its order; nodes are those of the graph `function`."""
    found = []
    for line in hlo.splitlines():
        match = _INSTRUCTION.match(line)
        if match is None:
            continue
        _, type_, kind, start = match.groups()
        named = _NAMED.search(line)
        name = named[1] if named else ""
        nodes = {int(position) for of, position in _WHERE.findall(name) if of == function}
        size = _bytes(type_)
        if start and kind != "all-reduce":  # its type has the operands too
            size //= 2
        found.append(Collective(kind, size, tuple(sorted(nodes)), _LOOP.search(name) is not None, line.strip()))
    return tuple(found)


def _bytes(type_: str) -> int:
    total = 0
    for name, bits, lengths in _SHAPE.findall(type_):
        each = 1 if name == "pred" else -(-int(bits) // 8)
        total += each * math.prod(int(length) for length in lengths.split(",") if length)
    return total
