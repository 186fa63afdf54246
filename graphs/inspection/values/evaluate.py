"""Every snapshot evaluated: what each rewrite did to the numbers, and whether the function itself gives them.

Each Op runs its own Python implementation. What the compiled function returns is found out by calling it.
"""

from __future__ import annotations

from graphs.inspection.compiling.pipeline import LiveCopy
from graphs.inspection.findings import IDENTICAL, Distance, Evaluation, OutputValue, StepVerdict
from graphs.inspection.values.called import call, is_drawn_otherwise, why_apart
from graphs.inspection.values.condition import Conditioning
from graphs.inspection.values.difference import TOLERANCE_ULP, compare_all, summarize, worst
from graphs.inspection.values.inputs import Inputs
from graphs.inspection.values.nonfinite import first_nonfinite
from graphs.inspection.values.perform import quietly
from graphs.inspection.values.precision import distances, references
from graphs.inspection.values.replay import Replay

__all__ = ["evaluate"]


def evaluate(live: LiveCopy, inputs: Inputs, *, run: bool = True) -> Evaluation:
    """Compute every snapshot Op by Op and judge every step.

    Shared variables have the values they had when the recording was made. With `run`, the compiled copy is
    called too and compared with the last snapshot.
    """
    recording = live.recording
    snapshots, last = recording.snapshots, len(recording.steps)
    spread = Conditioning(live, inputs).spread
    with quietly():
        replay = Replay(live, inputs.with_shared(live))
        first = before = replay.outputs(snapshots[0])
        nonfinite = first_nonfinite(live, snapshots[0], replay.values)
        verdicts, moved_to = [], [(0, first)]
        for snapshot in snapshots[1:]:
            replay.advance(snapshot)
            after = replay.outputs(snapshot)
            changes = compare_all(before, after, spread)
            kept = tuple(change for change in changes if change.verdict != IDENTICAL)
            verdicts.append(StepVerdict(snapshot.index, worst([c.verdict for c in changes]), kept))
            if kept:
                moved_to.append((snapshot.index, after))
            before = after
        if last:
            nonfinite += first_nonfinite(live, snapshots[-1], replay.values)
        called = call(live, inputs) if run else []
        compiled = (
            compare_all(before, called, lambda i: None if is_drawn_otherwise(live, i) else spread(i))
            if run
            else ()
        )
        apart = why_apart(live, inputs, before, called, compiled, spread) if run else ""
    outputs = []
    for i, (start, end) in enumerate(zip(first, before, strict=True)):
        moved = [(v.step, change) for v in verdicts for change in v.outputs if change.output == i]
        outputs.append(
            OutputValue(
                i,
                summarize(start, 0, recording.first_outputs[i]),
                summarize(end, last, snapshots[-1].outputs[i]),
                tuple(step for step, change in moved if change.repaired),
                tuple(step for step, change in moved if change.broke),
                summarize(called[i], last, snapshots[-1].outputs[i]) if run else None,
            )
        )
    with quietly():
        exact = references(live, inputs.with_shared(live), outputs)
        so_far: dict[int, Distance] = {}
        apart_from = [d for index, values in moved_to for d in distances(exact, index, values, so_far)]
    return Evaluation(
        inputs.sources,
        inputs.seed,
        tuple(replay.summaries),
        tuple(verdicts),
        tuple(outputs),
        TOLERANCE_ULP,
        compiled,
        apart,
        nonfinite,
        tuple(replay.cells),
        tuple(reference for reference, _ in exact.values()),
        tuple(apart_from),
    )
