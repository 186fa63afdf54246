"""What XLA's partitioner inserted: read off the compiled HLO, beside the Apply nodes that caused it.

Every node is traced in a scope of its own (:func:`scope`). XLA carries the names of the scopes into the metadata of the
instructions, through the partitioner and through the pass that makes one all-reduce of several; so an instruction names
the nodes that it stands for. One that names none is said to have no known node.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["COUNTS", "Collective", "Partition", "collectives", "scope"]

COUNTS = "graphs_counts"  # the scope of what is computed for the training loop, and is no node's

KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "collective-broadcast",
)
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
    # Apply nodes that it stands for, by position in the graph; none where that is not known
    nodes: tuple[int, ...]
    every_step: bool  # whether it runs at every step of the loop, or once a call
    counts: bool  # whether it is for what the training loop counts
    line: str  # of the compiled HLO


@dataclass(frozen=True)
class Partition:
    """A loop of training steps as it is divided."""

    layout: str  # devices for the samples, or samples x features
    devices: int
    platform: str  # cpu, gpu or tpu
    processes: int
    collectives: tuple[Collective, ...]
    nodes: Mapping[int, str]  # those that are named, as text

    @property
    def bytes_per_step(self) -> int:
        """What all exchanges of a step come to, on one device."""
        return sum(each.bytes for each in self.collectives if each.every_step)

    def sentences(self) -> Iterator[tuple[str, str]]:
        """Of each exchange what it is, and for what."""
        for each in self.collectives:
            when = "at every step" if each.every_step else "once a call"
            named = " and ".join(f"#{k} {self.nodes[k]}" for k in each.nodes)
            why = named or (
                "what the training loop counts, no node" if each.counts else "a node that is not known"
            )
            yield f"{each.kind} of {each.bytes:,} bytes {when}", why

    def summary(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **asdict(self),
            "nodes": {str(k): text for k, text in self.nodes.items()},
            "bytes_per_step": self.bytes_per_step,
        }


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
        # What another one starts has the type (operands, results, …).
        size = _bytes(_parts(type_)[1] if start and kind != "all-reduce" else type_)
        step = _LOOP.search(name) is not None
        found.append(Collective(kind, size, tuple(sorted(nodes)), step, COUNTS in name, line.strip()))
    return tuple(found)


def _parts(type_: str) -> list[str]:
    """The types that a tuple is made of."""
    parts, depth = [""], 0
    for character in type_[1:-1]:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _bytes(type_: str) -> int:
    total = 0
    for name, bits, lengths in _SHAPE.findall(type_):
        each = 1 if name == "pred" else -(-int(bits) // 8)
        total += each * math.prod(int(length) for length in lengths.split(",") if length)
    return total
