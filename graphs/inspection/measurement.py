"""Times and code of a recorded compilation's final graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from graphs.inspection.compiling.compiled import Inspection
from graphs.inspection.findings import Measurements
from graphs.inspection.linkers.clocks import time_nodes
from graphs.inspection.linkers.code import generated_code
from graphs.inspection.recording import Recording
from graphs.inspection.values.evaluate import feed

__all__ = ["measure"]


def measure(
    inspection: Inspection,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int] | None] | None = None,
    seed: int = 0,
    seconds: float = 2.0,
    rounds: int = 25,
    times: bool = True,
    code: bool = True,
    whole: bool = False,
) -> Recording:
    """Time every final node, and read the code it became.

    Parameters
    ----------
    inspection : Inspection
        What `graphs.inspection.inspect` gave. Its compiled copy is called; the user's function
        is not.
    inputs, shapes, seed
        As for `graphs.inspection.evaluate`.
    seconds, rounds
        As for `graphs.inspection.linkers.clocks.time_nodes`.
    times, code : bool
        What to do.
    whole : bool
        Also LLVM and assembly, or compiled HLO, of the whole function.

    Returns
    -------
    Recording
        The same recording with its ``measurements``.
    """
    fed, _ = feed(inspection, inputs, shapes=shapes, seed=seed)
    arguments = [value for value in fed if value is not None]
    numbers = inspection.recording.final_order
    inspection.reset()
    function = inspection.function
    timed = (
        time_nodes(function, arguments, numbers=numbers, seconds=seconds, rounds=rounds) if times else None
    )
    found = generated_code(function, arguments, numbers=numbers, whole=whole) if code else ()
    inspection.reset()
    return msgspec.structs.replace(inspection.recording, measurements=Measurements(timed, found))
