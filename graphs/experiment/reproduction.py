"""The experiment from settings to result: load, build, compile, train, compare with the optimum."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphs.data import Dataset, real_numbers
from graphs.environment import stamp
from graphs.errors import InputError
from graphs.experiment.settings import Settings
from graphs.foreign import quoted
from graphs.functions import Functions, compile_functions
from graphs.listener import Listener
from graphs.models.logistic import logistic_graph
from graphs.solving import Certificate, Optimum, certify, find_optimum
from graphs.training import Progress, fit, samples_for
from graphs.updates import gradient_descent

__all__ = ["Reproduction", "build", "reproduce"]


@dataclass(frozen=True)
class Reproduction:
    """What came of a run."""

    settings: Settings
    dataset: Dataset
    progress: Progress  # with history, initial and final parameters
    train_predictions: NDArray[np.bool_]  # of the final model
    unseen_predictions: NDArray[np.bool_] | None  # None where the data set has no unseen inputs
    optimum: Optimum | None  # None where the cost has no minimum, like its certificate
    certificate: Certificate | None
    no_optimum: str  # why there is none
    linker: str  # the PyTensor linker that ran
    takes_logarithms: bool  # whether the compiled train evaluates a log, as the textbook formula is written
    stamp: dict[str, Any]  # versions and machine
    times: dict[str, float]  # seconds: build, first_call, steps (those made in this process), optimum

    def summary(self) -> dict[str, Any]:
        """Everything but the arrays of the history, as plain data; times apart, the same at every run."""
        progress, history = self.progress, self.progress.history
        return {
            "settings": asdict(self.settings),
            "data": {
                "name": self.dataset.name,
                "source": self.dataset.source,
                "draw_order": list(self.dataset.draw_order),
            },
            "versions": self.stamp["versions"],
            "machine": self.stamp["machine"],
            "linker": self.linker,
            "takes_logarithms": self.takes_logarithms,
            "initial": _model(progress.initial, history, 0),
            "final": _model(progress.state, history, -1),
            "first_perfect_call": progress.first_perfect_call or None,
            "mistakes_since_first_perfect_call": progress.mistakes_since,
            "nonfinite_calls": progress.nonfinite_calls,
            "last_nonfinite_call": progress.last_nonfinite_call or None,
            "train_predictions": _bits(self.train_predictions),
            "unseen_predictions": None if self.unseen_predictions is None else _bits(self.unseen_predictions),
            "optimum": self._optimum_summary(),
            "times": self.times,
        }

    def _optimum_summary(self) -> dict[str, Any]:
        if self.optimum is None or self.certificate is None:
            return {"found": False, "why_not": self.no_optimum}
        return {
            "found": True,
            "cost": self.optimum.cost,
            "b": self.optimum.b,
            "w_norm": float(np.linalg.norm(self.optimum.w)),
            "gradient_norm": self.optimum.gradient_norm,
            "evaluations": self.optimum.evaluations,
            **asdict(self.certificate),
        }


def _model(state: dict[str, NDArray[Any]], history: Any, entry: int) -> dict[str, Any]:
    return {
        "w": [float(value) for value in state["w"]],
        "b": float(state["b"]),
        **{name: float(vars(history)[name][entry]) for name in ("w_norm", "mean_xent", "cost", "accuracy")},
    }


def _bits(predictions: NDArray[np.bool_]) -> str:
    return "".join("01"[int(p)] for p in predictions)


def build(settings: Settings, dataset: Dataset) -> Functions:
    """The compiled functions that `settings` ask for, where `dataset` has samples for them."""
    if not isinstance(settings, Settings):
        raise InputError("settings", found=quoted(settings), allowed="Settings")
    if not isinstance(dataset, Dataset):
        raise InputError("dataset", found=quoted(dataset), allowed="a Dataset")
    settings.check()
    initial_w = real_numbers("initial_w", dataset.initial_w, ["features"])
    samples_for(initial_w, dataset.x, dataset.y)
    if dataset.unseen_x is not None:
        real_numbers("unseen_x", dataset.unseen_x, ("samples", len(initial_w)))
    graph = logistic_graph(
        dataset.initial_w,
        dataset.initial_b,
        formula=settings.formula,
        weight_decay=settings.weight_decay,
        dtype=settings.dtype,
    )
    updates = gradient_descent(graph.cost, [graph.w, graph.b], settings.learning_rate)
    return compile_functions(graph, updates, settings.mode)


def reproduce(
    settings: Settings,
    *,
    dataset: Dataset | None = None,
    progress: Progress | None = None,
    checkpoint: Callable[[Progress], None] | None = None,
    checkpoint_every: int = 1000,
    on_build: Callable[[], object] | None = None,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Reproduction:
    """Run the experiment; what is not said here is said of :func:`graphs.training.fit`.

    Parameters
    ----------
    dataset : Dataset, optional
        What ``settings.load()`` returned, where that was called already.
    on_build : callable, optional
        Called when all is compiled, before the first step.
    """
    dataset = dataset or settings.load()
    listener = listener or Listener()
    listener.begins(f"compiling ({settings.mode})")
    functions = build(settings, dataset)
    x, y = dataset.x, dataset.y.astype(dataset.x.dtype)  # once, not at every call
    why_not = _no_optimum(settings, dataset)
    start = time.perf_counter()
    if not why_not:
        importlib.import_module("scipy.optimize")  # takes its time, while a C compiler may be at work
    importing = time.perf_counter() - start
    start = time.perf_counter()
    _first_calls(functions, x, y)
    first_call = time.perf_counter() - start
    if on_build:
        on_build()
    listener.begins("steps")
    start = time.perf_counter()
    progress = fit(
        functions,
        x,
        y,
        steps=settings.steps,
        every=settings.every,
        progress=progress,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        listener=listener,
        stop=stop,
    )
    stepping = time.perf_counter() - start
    listener.begins("the optimum")
    start = time.perf_counter()
    optimum = None if why_not else _optimum(settings, functions, dataset, progress)
    final_cost = float(progress.history.cost[-1])
    w = progress.state["w"]
    certificate = certify(final_cost, w, optimum, settings.weight_decay) if optimum else None
    times = {
        "build": functions.build_seconds,
        "first_call": first_call,
        "steps": stepping,
        "optimum": importing + time.perf_counter() - start,
    }
    unseen = dataset.unseen_x
    return Reproduction(
        settings=settings,
        dataset=dataset,
        progress=progress,
        train_predictions=np.asarray(functions.predict(x)),
        unseen_predictions=None if unseen is None else np.asarray(functions.predict(unseen)),
        optimum=optimum,
        certificate=certificate,
        no_optimum=why_not,
        linker=functions.linker,
        takes_logarithms=functions.takes_logarithms,
        stamp=stamp(),
        times=times,
    )


def _first_calls(functions: Functions, x: NDArray[Any], y: NDArray[Any]) -> None:
    """Have the linker compile what it left to the first call, then put the parameters back."""
    before = functions.read()
    try:
        with np.errstate(all="ignore"):
            functions.predict(x)
            functions.evaluate(x, y)
            functions.train(x, y)
    except MemoryError:
        raise
    except Exception as error:  # whatever a linker's code raises; ours has not begun yet
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            "mode",
            found=f"{functions.mode}, whose compiled code fails on this graph ({type(error).__name__}: {problem})",
            allowed="NATIVE, NUMBA, CVM, FAST_COMPILE, none",
        ) from error
    functions.write(before)


def _no_optimum(settings: Settings, dataset: Dataset) -> str:
    """Why there is no optimum to compare with; empty where there is one."""
    if settings.weight_decay == 0:
        return "without weight decay the cost need not have a minimum"
    if len(np.unique(dataset.y)) < 2:
        return "with one class only, b has no optimum"
    return ""


def _optimum(settings: Settings, functions: Functions, dataset: Dataset, progress: Progress) -> Optimum:
    learner = functions
    if settings.dtype != "float64" or not np.isfinite(progress.history.cost[-1]):
        # The same function in a form that is finite everywhere, in float64, begun at the run's end.
        graph = logistic_graph(
            progress.state["w"],
            float(progress.state["b"]),
            formula="logits",
            weight_decay=settings.weight_decay,
        )
        learner = compile_functions(graph, gradient_descent(graph.cost, [graph.w, graph.b]), "FAST_COMPILE")
    return find_optimum(learner, dataset.x.astype(np.float64), dataset.y)
