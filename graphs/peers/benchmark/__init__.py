"""How long do the peers take? One run, interleaved, of our ways to train, the others', and the limit of the machine.

In reading order: what is asked for (plan.py), what is found (record.py), the clocks of single steps (steps.py), of
whole processes (whole.py), of classifiers (problems.py, fits.py), of models that nobody tuned (untuned.py) and of meshes
of devices (meshes.py), what the project set out for (targets.py), table.py, untuned_table.py, mesh_table.py and plot.py.
Nothing here asserts a speed.
"""

from __future__ import annotations

from graphs.data import drawn_bytes
from graphs.environment import PACKAGES, stamp
from graphs.errors import InputError
from graphs.foreign import quoted
from graphs.listener import Listener
from graphs.memory import refuse_beyond_memory
from graphs.peers.benchmark.fits import measure_fits
from graphs.peers.benchmark.meshes import measure_meshes
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.record import Cell, Record
from graphs.peers.benchmark.steps import measure_steps
from graphs.peers.benchmark.untuned import measure_models
from graphs.peers.benchmark.whole import measure_processes
from graphs.peers.size import Size

__all__ = ["Cell", "Plan", "Record", "benchmark"]


def benchmark(plan: Plan, listener: Listener | None = None) -> Record:
    """Time every peer of the plan: steps at every size and dtype, whole processes at the first of them, fits, models."""
    if not isinstance(plan, Plan):
        raise InputError("plan", found=quoted(plan), allowed="a Plan")
    if "processes" in plan.measure:
        size, dtype = Size.of(plan.sizes[0]), plan.dtypes[0]
        needed = drawn_bytes(size.samples, size.features, dtype)
        refuse_beyond_memory(
            "sizes", str(size), needed, "the first is that of the whole processes; take a smaller one"
        )
    listener = listener or Listener()
    record = Record(
        1, stamp((*PACKAGES, "jax", "jaxlib", "torch", "autograd", "matplotlib", "scikit-learn")), plan
    )
    if "steps" in plan.measure:
        for dtype in plan.dtypes:
            for size in map(Size.of, plan.sizes):
                record.steps.extend(measure_steps(size, dtype, plan, listener))
    if "processes" in plan.measure:
        record.processes.update(measure_processes(plan, listener))
    if "estimators" in plan.measure:
        record.estimators.extend(measure_fits(plan, listener))
    if "models" in plan.measure:
        record.models.extend(measure_models(plan, listener))
    if "sharded" in plan.measure:
        record.meshes.extend(measure_meshes(plan, listener))
    return record
