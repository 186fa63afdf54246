"""Everything that can be asked of one compilation, put together in one recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from graphs.inspection.ablation import counterfactuals
from graphs.inspection.compiling.compiled import Inspection
from graphs.inspection.doctor import diagnose
from graphs.inspection.measurement import measure
from graphs.inspection.recording import Recording
from graphs.inspection.values.evaluate import evaluate

__all__ = ["PARTS", "examine"]

PARTS = ("values", "doctor", "times", "code", "weight")


def examine(
    inspection: Inspection,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int] | None] | None = None,
    seed: int = 0,
    parts: Collection[str] = PARTS,
    whole: bool = False,
    rounds: int = 15,
    progress: Callable[[str], None] | None = None,
) -> Recording:
    """Evaluate, diagnose, time, read the code and leave rules out, as far as asked for.

    Parameters
    ----------
    inspection : Inspection
        What `graphs.inspection.inspect` gave.
    inputs, shapes, seed
        As for `graphs.inspection.evaluate`.
    parts : collection of str
        Of `PARTS`: ``values`` at every step, ``doctor`` for known stabilizing rewrites, ``times``
        and ``code`` of the final nodes, ``weight`` for the compilation without each rule (which
        compiles once per rule and takes longest).
    whole : bool
        With ``code``, also LLVM and assembly, or compiled HLO.
    rounds : int
        With ``weight``, rounds of timing per rule.
    progress : callable, optional
        Told what is being done.

    Returns
    -------
    Recording
    """
    tell = progress or (lambda doing: None)
    result = inspection.recording
    if "values" in parts:
        tell("computing every step's values")
        evaluated = evaluate(inspection, inputs, shapes=shapes, seed=seed)
        result = msgspec.structs.replace(result, evaluation=evaluated.evaluation)
    if "doctor" in parts:
        tell("trying known stabilizing rewrites")
        result = msgspec.structs.replace(result, diagnoses=diagnose(inspection.parts.mode))
    if "times" in parts or "code" in parts:
        tell("timing the nodes" if "times" in parts else "reading the code")
        measured = measure(
            inspection,
            inputs,
            shapes=shapes,
            seed=seed,
            times="times" in parts,
            code="code" in parts,
            whole=whole,
        )
        result = msgspec.structs.replace(result, measurements=measured.measurements)
    if "weight" in parts:
        without = counterfactuals(
            dataclasses.replace(inspection, recording=result),
            inputs,
            shapes=shapes,
            seed=seed,
            rounds=rounds,
            progress=lambda rule: tell(f"compiling without {rule}"),
        )
        result = without
    return result
