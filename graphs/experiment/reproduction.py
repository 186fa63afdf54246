"""The experiment from settings to result: load, build, compile, train, compare with the optimum."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from graphs.data import Dataset, real_numbers
from graphs.environment import stamp
from graphs.errors import InputError
from graphs.experiment.ahead import import_ahead
from graphs.experiment.provenance import packages
from graphs.experiment.settings import Settings
from graphs.experiment.warm import WarmFunctions, known, remember
from graphs.foreign import plain, quoted
from graphs.listener import Listener
from graphs.sharded.layout import Layout
from graphs.shards import Stored
from graphs.solving import Certificate, NoOptimum, Optimum, certify, find_optimum
from graphs.training import Progress, fit, samples_for

# What imports PyTensor is imported where it is needed: a run that finds its functions in the cache does without.
if TYPE_CHECKING:
    from graphs.functions import Functions
    from graphs.sharded.functions import ShardedFunctions
    from graphs.sharded.partition import Partition

__all__ = ["Prepared", "Reproduction", "build", "prepare", "reproduce"]


@dataclass(frozen=True)
class Reproduction:
    """What came of a run."""

    settings: Settings
    dataset: Dataset
    progress: Progress  # with history, initial and final parameters
    train_predictions: NDArray[np.bool_] | None  # of the final model; None where the rows stay in files
    unseen_predictions: NDArray[np.bool_] | None  # None where the data set has no unseen inputs
    optimum: Optimum | None  # None where the cost has no minimum or it was not found, like its certificate
    certificate: Certificate | None
    no_optimum: str  # why there is none
    linker: str  # the PyTensor linker that ran
    takes_logarithms: bool  # whether the compiled train evaluates a log, as the textbook formula is written
    stamp: dict[str, Any]  # versions and machine
    times: dict[str, float]  # seconds: build, first_call, steps (those made in this process), optimum
    origin: str = ""  # where the functions came from, and why not from the cache
    stages: Sequence[tuple[str, float]] = ()  # what came before the first step, in order: name and seconds
    partition: Partition | None = None  # of a run on a mesh

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
            "train_predictions": None if self.train_predictions is None else _bits(self.train_predictions),
            "unseen_predictions": None if self.unseen_predictions is None else _bits(self.unseen_predictions),
            "optimum": self._optimum_summary(),
            **({} if self.partition is None else {"partition": self.partition.summary()}),
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


AnyFunctions: TypeAlias = "Functions | WarmFunctions | ShardedFunctions"


def build(
    settings: Settings,
    dataset: Dataset,
    told: Callable[[str], None] = lambda why: None,
    mesh: Layout | None = None,
) -> AnyFunctions:
    """The functions that `settings` ask for, from the cache or compiled, where `dataset` has samples for them.

    `told` is called with the reason why the cache did not do. On a `mesh`, they are :mod:`graphs.sharded`'s.
    """
    if not isinstance(settings, Settings):
        raise InputError("settings", found=quoted(settings), allowed="Settings")
    if not isinstance(dataset, Dataset):
        raise InputError("dataset", found=quoted(dataset), allowed="a Dataset")
    settings.check()
    initial_w = real_numbers("initial_w", dataset.initial_w, ["features"])
    if not isinstance(dataset.x, Stored):
        samples_for(initial_w, dataset.x, dataset.y)
    if dataset.unseen_x is not None:
        real_numbers("unseen_x", dataset.unseen_x, ("samples", len(initial_w)))
    if mesh is None:
        warm = known(settings, dataset, told)
        if warm is not None:
            return warm
    else:
        told("for a mesh of devices")
    from graphs.functions import compile_functions
    from graphs.models.logistic import logistic_graph
    from graphs.updates import gradient_descent

    graph = logistic_graph(
        dataset.initial_w,
        dataset.initial_b,
        formula=settings.formula,
        weight_decay=settings.weight_decay,
        dtype=settings.dtype,
    )
    updates = gradient_descent(graph.cost, [graph.w, graph.b], settings.learning_rate)
    if mesh is not None:
        from graphs.sharded.functions import compile_functions as compile_sharded

        return compile_sharded(graph, updates, mesh)
    functions = compile_functions(graph, updates, settings.mode)
    remember(settings, functions)
    return functions


@dataclass(frozen=True)
class Prepared:
    """A run that can begin: compiled, and called once."""

    settings: Settings
    dataset: Dataset
    x: Any  # what the functions are called with: the data set's; on a mesh, what stands for it there
    y: Any  # likewise, in the dtype of x: converted once, not at every call
    functions: AnyFunctions
    listener: Listener
    times: dict[str, float]  # seconds, as of Reproduction
    origin: str = ""  # likewise
    stages: Sequence[tuple[str, float]] = ()  # likewise
    partition: Partition | None = None  # likewise

    def train(
        self,
        *,
        progress: Progress | None = None,
        checkpoint: Callable[[Progress], None] | None = None,
        checkpoint_every: int = 1000,
        stop: Callable[[], bool] = lambda: False,
    ) -> Reproduction:
        """Take the steps: a result without an optimum. The arguments are those of :func:`graphs.training.fit`."""
        self.listener.begins("steps")
        x, unseen = self.x, self.dataset.unseen_x
        start = time.perf_counter()
        progress = fit(
            self.functions,
            x,
            self.y,
            steps=self.settings.steps,
            every=self.settings.every,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            listener=self.listener,
            stop=stop,
        )
        stepping = time.perf_counter() - start
        return Reproduction(
            settings=self.settings,
            dataset=self.dataset,
            progress=progress,
            train_predictions=None
            if isinstance(self.dataset.x, Stored)
            else np.asarray(self.functions.predict(x)),
            unseen_predictions=None if unseen is None else np.asarray(self.functions.predict(unseen)),
            optimum=None,
            certificate=None,
            no_optimum=_no_optimum(self.settings, self.dataset) or "it has not been looked for",
            linker=self.functions.linker,
            takes_logarithms=self.functions.takes_logarithms,
            stamp=stamp(packages(self.settings)),
            times={**self.times, "steps": stepping},
            origin=self.origin,
            stages=self.stages,
            partition=self.partition,
        )

    def compare(self, result: Reproduction) -> Reproduction:
        """The same result beside the optimum.

        Where the search fails, for whatever reason, a warning names it, and `no_optimum` of the result does.
        """
        if _no_optimum(self.settings, self.dataset):
            return result
        self.listener.begins("the optimum")
        start = time.perf_counter()
        try:
            with np.errstate(all="ignore"):
                cost, optimum = _optimum(self.settings, self.functions, self.dataset, result.progress)
                w = result.progress.state["w"]
                certificate = certify(cost, w, optimum, self.settings.weight_decay)
            found: dict[str, Any] = {"optimum": optimum, "certificate": certificate, "no_optimum": ""}
        except Exception as error:  # what the steps came to stands without it
            why = str(error) if isinstance(error, NoOptimum) else f"{type(error).__name__}: {error}"
            warnings.warn(f"the optimum was not found: {plain(why)}.", RuntimeWarning, stacklevel=2)
            found = {"no_optimum": f"not found: {plain(why)}"}
        seconds = result.times.get("optimum", 0.0) + time.perf_counter() - start
        return replace(result, **found, times={**result.times, "optimum": seconds})


def prepare(
    settings: Settings,
    *,
    dataset: Dataset | None = None,
    listener: Listener | None = None,
    mesh: Layout | None = None,
) -> Prepared:
    """Load, build and compile.

    Parameters
    ----------
    settings : Settings
    dataset : Dataset, optional
        What ``settings.load()`` returned, where that was called already.
    listener : Listener, optional
    mesh : Layout, optional
        Of the devices over which the samples are dealt out; JAX has so many.
    """
    if not isinstance(settings, Settings):
        raise InputError("settings", found=quoted(settings), allowed="Settings")
    dataset = dataset or settings.load()
    listener = listener or Listener()
    if settings.data is not None and not isinstance(dataset.x, Stored):
        _name_far_features(dataset.x)
    listener.begins(f"compiling ({settings.mode})")
    reasons: list[str] = []
    functions = build(settings, dataset, reasons.append, mesh)
    origin = f"compiled: {reasons[0]}" if reasons else "from the cache, without PyTensor"
    times = {"build": functions.build_seconds}
    if not _no_optimum(settings, dataset):
        import_ahead("scipy.optimize")
    start = time.perf_counter()
    partition = None
    if mesh is None:
        x, y = dataset.x, dataset.y.astype(dataset.x.dtype)
        _first_calls(
            functions,
            lambda: functions.predict(x),
            lambda: functions.evaluate(x, y),
            lambda: functions.train(x, y),
        )
    else:  # what the training loop asks, and nothing with a number for each sample
        sharded = cast("ShardedFunctions", functions)
        x, y = sharded.place(dataset.x, dataset.y)
        partition = sharded.partitioned(x, y)
        before = sharded.read()  # and where a sum fails, it is no fault of the mode's
        sharded.measure(x, y)
        sharded.calls(x, y, 1)
        sharded.write(before)
    times["first_call"] = time.perf_counter() - start
    stages = functions.stages()
    waited = sum(seconds for name, seconds in stages if name == "compiler")
    stages.append(("first calls", max(0.0, times["first_call"] - waited)))
    return Prepared(settings, dataset, x, y, functions, listener, times, origin, stages, partition)


def reproduce(settings: Settings) -> Reproduction:
    """The whole experiment."""
    prepared = prepare(settings)
    return prepared.compare(prepared.train())


# Beyond these, one learning rate cannot suit a feature and b, whose own feature is 1 everywhere: the steps are stable
# only below 8/x² (the cross-entropy's curvature along w is at most x²/4), and b moves by at most η in one step.
LARGE, SMALL = 1e3, 1e-3


def _name_far_features(x: NDArray[Any]) -> None:
    """Warn of features so far from 1 that the steps will hardly do for them what they do for the others."""
    largest = np.maximum(np.abs(x.max(axis=0)), np.abs(x.min(axis=0)))
    far = np.flatnonzero((largest > LARGE) | ((largest > 0) & (largest < SMALL)))
    if not far.size:
        return
    named = ", ".join(f"{column} (up to {largest[column]:.3g})" for column in far[:5])
    more = f" and {far.size - 5} more" if far.size > 5 else ""
    warnings.warn(
        f"far out of scale, so that no learning rate suits them and b together, and training may not get far: "
        f"of x, counted from 0, column {named}{more}; standardise each before: (x − mean)/std.",
        RuntimeWarning,
        stacklevel=3,
    )


def _first_calls(functions: AnyFunctions, *calls: Callable[[], object]) -> None:
    """Have the linker compile what it left to the first call, then put the parameters back."""
    before = functions.read()
    try:
        with np.errstate(all="ignore"):
            for call in calls:
                call()
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
    if isinstance(dataset.y, Stored):
        return "it is not looked for where the rows stay in files"
    if len(np.unique(dataset.y)) < 2:
        return "with one class only, b has no optimum"
    return ""


def _optimum(
    settings: Settings, functions: AnyFunctions, dataset: Dataset, progress: Progress
) -> tuple[float, Optimum]:
    """The optimum, and the run's final cost to compare with its; on a mesh, found by this process alone."""
    x, cost = dataset.x.astype(np.float64, copy=False), float(progress.history.cost[-1])
    learner: Any = functions
    if settings.dtype != "float64" or functions.takes_logarithms or hasattr(functions, "calls"):
        from graphs.functions import compile_functions
        from graphs.models.logistic import logistic_graph
        from graphs.updates import gradient_descent

        # The same function in a form that is finite everywhere, in float64, begun at the run's end.
        graph = logistic_graph(
            progress.state["w"],
            float(progress.state["b"]),
            formula="logits",
            weight_decay=settings.weight_decay,
        )
        learner = compile_functions(graph, gradient_descent(graph.cost, [graph.w, graph.b]), "FAST_COMPILE")
        if not np.isfinite(cost):
            cost = float(learner.evaluate(x, dataset.y)[2])
    return cost, find_optimum(learner, x, dataset.y)
