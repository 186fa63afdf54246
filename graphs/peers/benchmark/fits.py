"""Seconds to one and the same cost: classifiers of ours and scikit-learn's, each in its own process, in turn.

The cost is λ·Σw² + the mean cross-entropy, computed by NumPy of what each has found. Its optimum is taken to be the
lowest that any fit here came to. Each solver may take the loosest of a ladder of tolerances with which it comes within
`GAP` of it, for a tolerance means another thing to each; that is found out before, and not timed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from graphs import temporary
from graphs.errors import install_command
from graphs.listener import Listener
from graphs.peers.benchmark.plan import Plan
from graphs.peers.benchmark.problems import Problem
from graphs.peers.benchmark.record import FitCell
from graphs.peers.classifiers import FITTERS, write_samples
from graphs.peers.process import Opened, Process, command, environment
from graphs.peers.protocol import Fit, Fitted

__all__ = ["GAP", "LADDER", "measure_fits"]

GAP = 1e-6  # relative to the optimum
LADDER = tuple(10 ** (-k / 2) for k in range(2, 20))
TIGHTEST = 1e-9
PATIENCE = 2.0  # seconds of a fit, after which no tighter tolerance is tried


def measure_fits(plan: Plan, listener: Listener) -> list[FitCell]:
    """Time all classifiers on every problem with every penalty, with the first number of threads."""
    found = []
    with temporary.folder("caches") as caches:
        for problem in map(Problem.of, plan.problems):
            for penalty in plan.penalties:
                decay = problem.weight_decay(penalty)
                threads = plan.threads[0]
                cells = [FitCell(name, problem.name, "float64", threads) for name in FITTERS]
                for cell in cells:
                    cell.penalty, cell.weight_decay = penalty, decay
                    if any(find_spec(package) is None for package in FITTERS[cell.peer].requires):
                        cell.drop("missing", f"without scikit-learn: {install_command('estimators')}")
                found += cells
                if any(cell.stands for cell in cells):
                    _measure(cells, problem, plan, caches, listener)
    return found


def _measure(cells: list[FitCell], problem: Problem, plan: Plan, caches: Path, listener: Listener) -> None:
    where = f"{problem.name}, {cells[0].penalty}"
    with temporary.folder("fits") as folder:
        write_samples(folder, *problem.draw())
        with _opened(cells, plan, caches) as processes:

            def ask(cell: FitCell, tolerance: float) -> Fitted | None:
                listener.begins(f"{where}: {FITTERS[cell.peer].title} with a tolerance of {tolerance:.1g}")
                return processes.ask(cell, _request(cell, folder, tolerance))

            steady = [cell for cell in processes.standing() if FITTERS[cell.peer].steady]
            costs = [answer.cost for cell in steady if (answer := ask(cell, TIGHTEST))]
            optimum = min(filter(math.isfinite, costs), default=math.nan)
            for cell in processes.standing():
                _choose(cell, ask, optimum)
        with _opened(cells, plan, caches) as processes:  # new ones, whose first fit is the first
            for cell in processes.standing():
                listener.begins(f"{where}: the first fit of {FITTERS[cell.peer].title}")
                if answer := processes.ask(cell, _request(cell, folder, cell.tolerance)):
                    cell.build, cell.first = answer.import_, answer.seconds
            began = time.monotonic()
            for number in range(plan.rounds):
                if number >= 3 and time.monotonic() - began > plan.budget:
                    break
                for cell in processes.standing():
                    title = FITTERS[cell.peer].title
                    listener.begins(f"{where}: round {number + 1} of {plan.rounds}, {title}")
                    request = _request(cell, folder, cell.tolerance, plan.sample_seconds)
                    if answer := processes.ask(cell, request):
                        cell.add(answer.seconds, answer.fits, None)


def _request(cell: FitCell, folder: Path, tolerance: float, seconds: float = 0.0) -> Fit:
    return Fit(str(folder), cell.peer, cell.weight_decay, tolerance, seconds)


def _opened(cells: list[FitCell], plan: Plan, caches: Path) -> Opened[FitCell]:
    """A process for each that stands."""
    made = Opened[FitCell](plan.timeout)
    for cell in cells:
        if cell.stands:
            made.add(cell, Process(command(cell.peer), environment(cell.threads, caches)))
    return made


def _choose(cell: FitCell, ask: Callable[[FitCell, float], Fitted | None], optimum: float) -> None:
    """Find the loosest tolerance that is enough, or say how near the tightest came."""
    near = ""
    for tolerance in LADDER:
        answer = ask(cell, tolerance)
        if answer is None:
            return  # the reason stands in the cell
        cell.tolerance, cell.iterations, cell.gap = tolerance, answer.iterations, answer.cost / optimum - 1
        if cell.gap <= GAP:
            return
        near = (
            f"{cell.gap:.1e} above the optimum after {answer.iterations} iterations, {answer.seconds:.2g} s"
        )
        if answer.seconds > PATIENCE:
            break
    cell.drop("not reached", near)
