"""`compare`: a plan and data → the record."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from graphs.comparison.listening import Listener
from graphs.comparison.plan import Plan
from graphs.comparison.record import begin, conclude, take_up
from graphs.comparison.reference import Reference
from graphs.comparison.stages import Stages
from graphs.data import Dataset, load

__all__ = ["compare"]


def compare(
    data: Dataset,
    plan: Plan | None = None,
    *,
    earlier: dict[str, Any] | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Run one experiment in several frameworks and record how they differ.

    Each framework runs in a process of its own, so that one that is missing, crashes or hangs is
    a line of the record and nothing more.

    Parameters
    ----------
    data : Dataset
        What all start from.
    plan : Plan, optional
        Which runs, how far and how often; default: everything, 10,000 steps.
    earlier : dict, optional
        The record of the same comparison, interrupted; what it holds is not done again.
    listener : Listener, optional
        Is told what begins, what was found, and given the record after every stage.

    Returns
    -------
    dict
        Plain data, ready for JSON; `graphs.comparison.record` says what it holds.

    Raises
    ------
    InputError
        If something cannot be done as asked, before anything is started.
    """
    plan, listener = plan or Plan(), listener or Listener()
    others = [load(samples=n, features=f, dtype=str(data.x.dtype)) for n, f in plan.sizes]
    record = begin(plan, data)
    if earlier:
        take_up(record, earlier)

    def keep() -> None:
        conclude(record, finished=False)
        listener.keep(record)

    keep()
    with tempfile.TemporaryDirectory(prefix="graphs-compare-") as folder:
        reference = Reference(data)
        stages = Stages(Path(folder), plan, data, reference, listener)
        for formula in plan.formulas:
            group = [run for run in record["runs"] if run["formula"] == formula]
            waiting = [run for run in group if run["status"] == "unfinished"]
            for number, run in enumerate(waiting, 1):
                stages.start_fresh(run, f"{number} of {len(waiting)}")
                keep()
            with stages.open(waiting) as opened:
                for run in opened.standing():
                    stages.watch(opened, run)
                    if reference.steps:
                        record["reference"] |= {
                            "steps": reference.steps,
                            "b": float(reference.parameters()[-1]),
                        }
                    keep()
                stages.steady_state(opened)
                stages.describe(opened)
                keep()
                if waiting and formula == plan.formulas[-1]:
                    record["sweep"] = []
                    for other in others:
                        record["sweep"].append(stages.other_size(opened, other))
                        keep()
                for run in opened.standing():
                    run["status"] = "finished"
            keep()
    conclude(record, finished=True)
    listener.keep(record)
    return record
