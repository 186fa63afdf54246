"""Where a linker has no code for an Op, the node says that its Python runs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import get_mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from graphs.inspection import inspect
from graphs.inspection.show.report import HotNodes, code_view
from graphs.terminal import as_text

x = pt.dvector("x")


class Twice(Op):  # type: ignore[misc]
    """Has Python, and nothing else."""

    __props__ = ()

    def make_node(self, value: Any) -> Apply:
        return Apply(self, [value], [value.type()])

    def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
        outputs[0][0] = inputs[0] * 2


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("NUMBA", "Numba has no code for this Op: its Python runs, in object mode"),
        ("CVM", "PyTensor has no C code for this Op: its Python runs"),
        ("FAST_COMPILE", ""),
    ],
)
def test_an_op_without_code_of_its_linker_says_so_at_its_node(mode: str, said: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numba will use object mode")
        asked = inspect([x], Twice()(pt.exp(x)), mode=get_mode(mode)).measure(np.ones(3), times=False)
    recording = asked.recording
    assert recording.measurements is not None
    names = {node.node: recording.ops[node.op].name for node in recording.snapshot(-1).nodes}
    notes = {names[code.node]: code.note for code in recording.measurements.code if code.node is not None}
    assert notes.pop("Twice") == said
    assert not any(notes.values())
    number = next(node for node, name in names.items() if name == "Twice")
    shown = " ".join(as_text(HotNodes(recording), width=200).split())
    code = " ".join(as_text(code_view(recording, number), width=200).split())
    assert (f"({said})" in shown and f"{said}." in code) if said else "its Python runs" not in shown + code
