"""Who made an output finite, and does leaving that rule out prove it?"""

from __future__ import annotations

from dataclasses import dataclass

from graphs.inspection.findings import Counterfactual
from graphs.inspection.recording import Recording

__all__ = ["Rescue", "rescues"]


@dataclass(frozen=True)
class Rescue:
    """One step that made entries of an output finite.

    Attributes
    ----------
    output : int
        Which output of the graph.
    step : int
        Which step; its rule is the rescuer.
    proof : Counterfactual or None
        The compilation without that rule (and what would stand in for it), in which entries of the
        output are not finite; None where no such compilation was made, or the output stays finite.
    """

    output: int
    step: int
    proof: Counterfactual | None

    @property
    def broken(self) -> int:
        """How many entries of the output are not finite in the proof."""
        changes = self.proof.outputs if self.proof else ()
        return sum(change.broke for change in changes if change.output == self.output)


def rescues(recording: Recording) -> tuple[Rescue, ...]:
    """Every rescue that the recorded values show, with its proof."""
    if recording.evaluation is None:
        return ()
    return tuple(
        Rescue(value.output, step, _proof(recording, value.output, recording.steps[step - 1].rule))
        for value in recording.evaluation.outputs
        for step in value.rescued_by
    )


def _proof(recording: Recording, output: int, rule: int) -> Counterfactual | None:
    for found in recording.counterfactuals or ():
        if found.rule == rule and any(c.output == output and c.broke for c in found.outputs):
            return found
    return None
