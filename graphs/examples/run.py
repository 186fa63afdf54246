"""How examples are run: the mode, who is told, and a folder in which each stage can be stopped and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytensor.compile.mode import Mode

from graphs.experiment.checkpoints import Stage, fingerprint, load_stage, save_stage
from graphs.experiment.folder import Folder
from graphs.functions import (
    ClassifierGraph,
    Functions,
    Objective,
    Residuals,
    compile_functions,
    compile_objective,
    compile_outputs,
    compile_residuals,
    linker_name,
)
from graphs.listener import Listener
from graphs.solving import Solution, least_squares, minimize
from graphs.training import Batches, Progress, fit
from graphs.updates import UpdatePair

__all__ = ["Run"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Run:
    """What an example is given: it compiles, trains and solves through this."""

    example: str = "example"  # by which its files are named
    mode: str | Mode | None = "NATIVE"
    listener: Listener = field(default_factory=Listener)
    stop: Callable[[], bool] = lambda: False
    folder: Folder | None = None
    resume: bool = False  # whether stages that stand in the folder are gone on with
    compiled: dict[str, Any] = field(default_factory=dict)  # what was compiled, by what it is

    def of(self, example: str) -> Run:
        """The same for another example."""
        return replace(self, example=example, compiled={})

    def linkers(self) -> dict[str, str]:
        """The linker that ran each of what was compiled."""
        return {name: linker_name(function) for name, function in self.compiled.items()}

    def function(self, what: str, inputs: Sequence[Any], outputs: Any) -> Any:
        """A function of a graph that is not trained; shared Variables may be among its inputs."""
        self.listener.begins(f"{self.example}: compiling {what}")
        function = compile_outputs(inputs, outputs, self.mode)
        self.compiled[what] = function
        return function

    def functions(self, what: str, graph: ClassifierGraph, updates: Sequence[UpdatePair]) -> Functions:
        """train, predict and evaluate."""
        self.listener.begins(f"{self.example}: compiling {what}")
        functions = compile_functions(graph, updates, self.mode)
        self.compiled[what] = functions.train
        return functions

    def objective(self, what: str, cost: Any, parameters: Sequence[Any], inputs: Sequence[Any]) -> Objective:
        """A cost as a solver wants it."""
        self.listener.begins(f"{self.example}: compiling {what}")
        objective = compile_objective(cost, parameters, inputs, self.mode)
        self.compiled[what] = objective.function
        return objective

    def residuals(self, what: str, graph: Any) -> Residuals:
        """Residuals and Jacobian of a graph that has both, as least squares want them."""
        self.listener.begins(f"{self.example}: compiling {what}")
        problem = compile_residuals(
            graph.residuals, graph.jacobian, graph.parameters, [graph.x, graph.y], self.mode
        )
        self.compiled[what] = problem.function
        self.compiled[f"{what}, Jacobian"] = problem.matrix
        return problem

    def fit(
        self,
        stage: str,
        learner: Functions,
        x: Array,
        y: Array,
        *,
        steps: int,
        every: int,
        batches: Batches | None = None,
        held_out: tuple[Array, Array] | None = None,
        patience: int = 10,
    ) -> Progress:
        """The steps of a stage, as :func:`graphs.training.fit` takes them."""
        self.listener.begins(f"{self.example}: {stage}")
        how = {
            "steps": steps,
            "every": every,
            "batches": None if batches is None else [batches.size, batches.seed],
            "patience": None if held_out is None else patience,
        }
        identity = self._identity(stage, how, x, y, *(held_out or ()), *learner.read().values())
        checkpoint, begun = self._kept(stage, identity)
        return fit(
            learner,
            x,
            y,
            steps=steps,
            every=every,
            batches=batches,
            held_out=held_out,
            patience=patience,
            progress=begun if isinstance(begun, Progress) else None,
            checkpoint=checkpoint,
            listener=self.listener,
            stop=self.stop,
        )

    def minimize(self, stage: str, objective: Objective, data: Sequence[Any], **how: Any) -> Solution:
        """The search of a stage, as :func:`graphs.solving.minimize` makes it."""
        return self._solved(stage, minimize, objective, data, how)

    def least_squares(self, stage: str, problem: Residuals, data: Sequence[Any], **how: Any) -> Solution:
        """The search of a stage, as :func:`graphs.solving.least_squares` makes it."""
        return self._solved(stage, least_squares, problem, data, how)

    def _solved(
        self, stage: str, solve: Any, of: Any, data: Sequence[Any], how: Mapping[str, Any]
    ) -> Solution:
        self.listener.begins(f"{self.example}: {stage}")
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in how.items()}
        identity = self._identity(stage, told, *map(np.asarray, data), of.start)
        checkpoint, begun = self._kept(stage, identity)
        found: Solution = solve(
            of, data, search=begun, checkpoint=checkpoint, listener=self.listener, stop=self.stop, **how
        )
        return found

    def _identity(self, stage: str, how: Mapping[str, Any], *arrays: Array) -> dict[str, Any]:
        """What must be the same for a stage to be gone on with."""
        mode = self.mode if isinstance(self.mode, str) else repr(self.mode)
        return {
            "example": self.example,
            "stage": stage,
            "mode": mode,
            **{name: str(value) for name, value in how.items()},
            "data_sha256": fingerprint(*map(np.asarray, arrays)),
        }

    def _kept(self, stage: str, identity: Mapping[str, Any]) -> tuple[Callable[[Stage], None] | None, Any]:
        """What keeps the stage, and what was kept of it before."""
        if self.folder is None:
            return None, None
        path = self.folder.path / f"{self.example}-{stage.replace(' ', '-')}.npz"
        begun = load_stage(path, identity) if self.resume and path.exists() else None
        return lambda so_far: save_stage(path, so_far, identity), begun
