"""How do the peers differ? The same experiment with each, side by side → one typed record.

In reading order: a `Plan` (plan.py) is worked off in stages (stages.py), judged by a `Reference` (reference.py),
written into a record (record.py) and summed up (verdicts.py). Tables, plots and the lines of code side by side
(tables.py, plots.py, side_by_side.py) are views of it; keeping.py puts them into a folder.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphs import temporary
from graphs.data import Dataset, drawn_bytes, load
from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.listener import Listener
from graphs.memory import refuse_beyond_memory
from graphs.peers import PEERS, check_data
from graphs.peers.compare.plan import Plan
from graphs.peers.compare.record import Comparison, begin, take_up
from graphs.peers.compare.reference import MARK, Reference
from graphs.peers.compare.stages import Stages
from graphs.peers.compare.verdicts import conclude
from graphs.peers.size import Size
from graphs.peers.worker import MAPPED_BYTES

__all__ = ["Comparison", "Plan", "check", "compare"]


def check(data: Dataset, plan: Plan) -> None:
    """Refuse, before anything is started or made, what is no data or plan, or would need more memory than there is.

    Every peer's process is open while all take their turns; the reference keeps its state at every mark.
    """
    check_data(data)
    if not isinstance(plan, Plan):
        raise InputError("plan", found=quoted(plan), allowed="a Plan")
    features, dtype, wide = data.x.shape[1], str(data.x.dtype), np.dtype(np.longdouble).itemsize
    marks = plan.steps // MARK
    found = f"{plan.steps}, with the reference's weights at every {MARK}th"
    refuse_beyond_memory("steps", found, marks * (features + 1) * wide, "compare after fewer steps")
    sizes = [Size.of(size) for size in plan.sizes]
    held = sum(size.nbytes(dtype) for size in sizes)
    for size in sizes:
        x = size.nbytes(dtype)
        copies = sum(PEERS[run].copies + (x <= MAPPED_BYTES) for run in plan.runs)
        needed = held + drawn_bytes(*size, dtype) + int(copies * x)
        refuse_beyond_memory("sizes", str(size), needed, "take a smaller one, or fewer runs")
    plan.elsewhere()


def compare(
    data: Dataset,
    plan: Plan | None = None,
    *,
    earlier: Comparison | None = None,
    listener: Listener | None = None,
    keep: Callable[[Comparison], object] = lambda record: None,
) -> Comparison:
    """Run one experiment with several peers and record how they differ.

    Each peer runs in a process of its own, so that one that is missing, crashes or hangs is
    a line of the record and nothing more. What cannot be done as asked is refused before anything is started.

    Parameters
    ----------
    earlier : Comparison, optional
        The record of the same comparison, interrupted; what it holds is not done again.
    keep : callable, optional
        Is given the record so far, whole in itself, after every run's every stage. Its ``finished``
        is false until the last call. It is the same object each time and goes on changing.
    """
    plan, listener = Plan() if plan is None else plan, listener or Listener()
    check(data, plan)
    others = [load(samples=n, features=f, dtype=str(data.x.dtype)) for n, f in plan.sizes]
    record = begin(plan, data)
    if earlier:
        take_up(record, earlier)

    def so_far(*, finished: bool = False) -> None:
        conclude(record, finished=finished)
        keep(record)

    so_far()
    with temporary.folder("compare") as folder:
        reference = Reference(data)
        stages = Stages(folder, plan, data, reference, listener)
        for formula in plan.formulas:
            waiting = [run for run in record.runs if run.formula == formula and run.stands]
            for number, run in enumerate(waiting, 1):
                stages.start_fresh(run, f"{number} of {len(waiting)}")
                so_far()
            with stages.open(waiting) as opened:
                for run in opened.standing():
                    stages.watch(opened, run)
                    if reference.steps:
                        record.reference.steps = reference.steps
                        record.reference.b = float(reference.parameters()[-1])
                    so_far()
                stages.time(opened)
                stages.describe(opened)
                so_far()
                if waiting and formula == plan.formulas[-1]:
                    record.sweep = []
                    for other in others:
                        record.sweep.append(stages.other_size(opened, other))
                        so_far()
                for run in opened.standing():
                    run.status = "finished"
            so_far()
    so_far(finished=True)
    return record
