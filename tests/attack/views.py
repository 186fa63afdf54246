"""Every way to look at a recording."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import RenderableType

from graphs.inspection import Recording
from graphs.inspection.show.report import (
    HotNodes,
    StepTable,
    code_view,
    doctor_view,
    overview,
    pair_view,
    step_view,
    weight_table,
)


def views(found: Recording, other: Recording, most: int = 10**9) -> dict[str, Callable[[], RenderableType]]:
    """The views of a recording by name, of single steps and nodes at most so many; each is made when it is called."""
    steps = range(1, min(len(found.steps), most) + 1)
    return {
        "report": lambda: overview(found),
        "every step": lambda: StepTable(found, every=True),
        **{f"step {k}": lambda k=k: step_view(found, k) for k in steps},
        "nodes": lambda: HotNodes(found, most=10**9),
        "the whole code": lambda: code_view(found, None),
        **{f"code of {node}": lambda node=node: code_view(found, node) for node in found.final_order[:most]},
        "weight": lambda: weight_table(found, every=True),
        "doctor": lambda: doctor_view(found),
        "first of a pair": lambda: pair_view(found, other, labels=(found.name[:1000], "other")),
        "second of a pair": lambda: pair_view(other, found, labels=("one", found.mode[:1000])),
    }
