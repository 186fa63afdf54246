"""The one training loop: callables + data + schedule → history.

It sees callables only, so any framework's plug in (:class:`Learner`). The schedule is full batch, or
:class:`Batches`: mini-batches, down to one sample at a time. A run so far is a :class:`Progress`, from which it can
go on; it may end before its time as :class:`Diverged` or :class:`Stopped`, or early, where a :class:`HeldOut` part of
the samples says that it gets no better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graphs.data import labels, real_numbers, targets
from graphs.errors import InputError, call_back, whole_number
from graphs.foreign import quoted
from graphs.listener import Listener
from graphs.memory import refuse_beyond_memory

__all__ = [
    "Batches",
    "Calls",
    "Diverged",
    "Entry",
    "HeldOut",
    "History",
    "Learner",
    "Progress",
    "Stopped",
    "broken",
    "fit",
    "samples_for",
    "schedule",
]

Array = NDArray[Any]


@dataclass(frozen=True)
class Calls:
    """What the loop asks of some calls of `train`, in order; each an array of shape (calls,)."""

    perfect: NDArray[np.bool_]  # whether every prediction was right
    finite: NDArray[np.bool_]  # whether every sample's cross-entropy was
    mean_xent: Array  # in nats

    @classmethod
    def of(cls, predictions: Array, xents: Array, y: Array) -> Calls:
        """The same from all that they returned: arrays of shape (calls, samples)."""
        right, finite = predictions == y, np.isfinite(xents)
        return cls(right.all(axis=1), np.asarray(finite.all(axis=1)), xents.mean(axis=1))


@dataclass(frozen=True)
class Entry:
    """What the loop asks of the model as it stands, for an entry of the history."""

    cost: float
    mean_xent: float
    accuracy: float
    gw_norm: float


class Learner(Protocol):
    """What the loop asks of a framework; :class:`graphs.functions.Functions` is one.

    A learner may also have ``train_many(x, y, n) → (predictions, xents)``, each of shape
    (n, samples), which must give the same bits as `n` calls of `train`.

    One whose samples are elsewhere has three more instead: ``place(x, y)`` checks samples and gives what stands for
    them; ``calls(x, y, n) → Calls`` takes `n` steps on that, and ``measure(x, y) → Entry`` none. So no number of
    a single sample need come here.
    """

    @property
    def train(self) -> Callable[..., Sequence[Any]]:
        """``train(x, y) → (prediction, xent)`` from before the step it takes."""

    @property
    def evaluate(self) -> Callable[..., Sequence[Any]]:
        """``evaluate(x, y) → (prediction, xent, cost, gw, gb)`` without a step."""

    def read(self) -> dict[str, Array]:
        """Everything that a step changes, copied; the weights are called ``w``."""

    def write(self, state: Mapping[str, Array]) -> None:
        """Put back what :meth:`read` gave."""


# What an entry of a history takes where it takes most: as text on its way into a file, beside the numbers.
ENTRY_BYTES = 700


def schedule(steps: int, every: int) -> tuple[int, int]:
    """`steps` and `every` as whole numbers from 1 on whose history has room; else an :class:`InputError`."""
    steps, every = whole_number("steps", steps, 1), whole_number("every", every, 1)
    entries = steps // every + 2
    found = f"{every} for {steps} steps, a history of {entries} entries"
    refuse_beyond_memory("every", found, ENTRY_BYTES * entries, "record less often")
    return steps, every


@dataclass(frozen=True)
class History:
    """The run at every k-th step; entry i is the model after ``steps[i]`` updates.

    Each is an array of shape (entries,), NaN where the run has not come yet.
    """

    steps: NDArray[np.int64]
    cost: NDArray[np.float64]  # in nats, like the next
    mean_xent: NDArray[np.float64]
    accuracy: NDArray[np.float64]  # share of right predictions
    gw_norm: NDArray[np.float64]  # ‖∂cost/∂w‖₂
    w_norm: NDArray[np.float64]  # ‖w‖₂

    @classmethod
    def empty(cls, steps: int, every: int) -> History:
        """Room for a whole run from the beginning, so that a checkpoint has its final size at once."""
        steps, every = schedule(steps, every)
        recorded = np.unique(np.append(np.arange(0, steps + 1, every), steps)).astype(np.int64)
        return cls(recorded, *(np.full(len(recorded), np.nan) for _ in range(5)))


@dataclass(frozen=True)
class Batches:
    """Mini-batches: every sample once in a pass, in an order drawn anew for each.

    A pass is ⌈samples/size⌉ steps, of which the last may have fewer samples; each step follows the mean over its
    own. The order is that of the pass's own stream, so that the number of a step says which samples it takes: a run
    that goes on needs nothing else.
    """

    size: int  # samples of a step, at least 1
    seed: int = 0  # of the orders

    def check(self) -> None:
        """Refuse what is no size or no seed."""
        whole_number("batches.size", self.size, 1)
        whole_number("batches.seed", self.seed, 0, 2**32 - 1)

    def per_pass(self, samples: int) -> int:
        """Steps of a pass."""
        return -(-samples // self.size)

    def rows(self, step: int, samples: int) -> NDArray[np.intp]:
        """The samples of the step after `step` others."""
        passed, place = divmod(step, self.per_pass(samples))
        return _order(self.seed, passed, samples)[place * self.size : (place + 1) * self.size]


@lru_cache(maxsize=2)
def _order(seed: int, passed: int, samples: int) -> NDArray[np.intp]:
    """A permutation of the samples, the same for the same pass wherever a run begins or goes on."""
    return np.random.default_rng([seed, passed]).permutation(samples)


@dataclass
class HeldOut:
    """What samples that take no part in training say of a run: whether it still gets better."""

    patience: int  # entries of the history without a better one after which the run ends
    xent: NDArray[np.float64]  # shape (entries of the history,): mean cross-entropy of them, in nats
    best_entry: int  # of the history, the one with the lowest; -1 before the first
    best: dict[str, Array]  # the state there

    def note(self, entry: int, xent: float, state: dict[str, Array]) -> None:
        """Take down an entry; one that is not a number is no better than any."""
        self.xent[entry] = xent
        if self.best_entry < 0 or xent < self.xent[self.best_entry]:
            self.best_entry, self.best = entry, state

    def says_stop(self, entry: int) -> bool:
        """Whether none of the last entries up to this one was better."""
        return entry - self.best_entry >= self.patience


@dataclass
class Progress:
    """A run so far: all that is needed to go on to the bit. Calls of `train` are counted from 1."""

    step: int  # updates made
    initial: dict[str, Array]  # parameters before the first update
    state: dict[str, Array]  # parameters now
    history: History
    first_perfect_call: int = 0  # the first whose predictions were all right; 0 if none was
    mistakes_since: int = 0  # calls after that one with a wrong prediction
    nonfinite_calls: int = 0  # calls whose cross-entropy held NaN or infinity
    first_nonfinite_call: int = 0
    last_nonfinite_call: int = 0
    first_mean_xent: float = float("nan")  # mean cross-entropy that the first call returned, in nats
    held_out: HeldOut | None = None  # where some samples were kept out, to end early

    @classmethod
    def fresh(cls, state: dict[str, Array], steps: int, every: int) -> Progress:
        """A run of `steps` that has not begun, standing at `state`."""
        return cls(0, initial=state, state=state, history=History.empty(steps, every))

    def note(self, calls: Calls) -> None:
        """Count the calls from ``step + 1`` on."""
        perfect, finite = calls.perfect, calls.finite
        if self.step == 0:
            self.first_mean_xent = float(calls.mean_xent[0])
        if not self.first_perfect_call and perfect.any():
            self.first_perfect_call = self.step + 1 + int(perfect.argmax())
        if self.first_perfect_call:
            self.mistakes_since += int((~perfect[max(self.first_perfect_call - self.step, 0) :]).sum())
        bad = self.step + 1 + np.flatnonzero(~finite)
        if bad.size:
            self.nonfinite_calls += len(bad)
            self.first_nonfinite_call = self.first_nonfinite_call or int(bad[0])
            self.last_nonfinite_call = int(bad[-1])


class Diverged(ArithmeticError):
    """The run left the numbers that mean anything."""

    def __init__(self, step: int, quantity: str, cause: str) -> None:
        self.step = step  # the update that did it, counted from 1
        self.quantity, self.cause = quantity, cause  # what broke, and why most likely
        super().__init__(f"diverged at step {step}: {quantity}. Likely cause: {cause}.")


class Stopped(Exception):
    """The run was asked to stop, and did, between two steps; `progress` can be resumed."""

    def __init__(self, progress: Any, what: str = "step") -> None:
        self.progress = progress
        super().__init__(f"stopped after {what} {progress.step}")


# Gradient descent that converges never raises the cost; a million times the first is no wobble.
GROWTH_LIMIT = 1e6
# Steps between two looks at the parameters and at `stop`, and numbers held at once meanwhile.
CHUNK_STEPS = 100
CHUNK_NUMBERS = 2**20


def fit(
    learner: Learner,
    x: Array,
    y: Array,
    *,
    steps: int,
    every: int = 1,
    batches: Batches | None = None,
    held_out: tuple[Array, Array] | None = None,
    patience: int = 10,
    progress: Progress | None = None,
    checkpoint: Callable[[Progress], None] | None = None,
    checkpoint_every: int = 1000,
    listener: Listener | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Progress:
    """Take `steps` steps and record the model before the first, at every k-th and after the last.

    Parameters
    ----------
    learner : Learner
    x : ndarray, shape (samples, features)
    y : ndarray, shape (samples,)
        Targets, 0 or 1; labels 0 … K−1 where the weights are a matrix (features, K).
    steps : int
        Updates in all, at least 1, those of a resumed run counted in.
    every : int
        k, at least 1.
    batches : Batches, optional
        The samples of each step; default: all of them, full batch.
    held_out : (x, y), optional
        Samples that take no part. The run ends early where their mean cross-entropy, asked for with every entry of
        the history, was not lower in the last `patience` of them; and then, or at the end, `learner` holds the
        parameters at which it was lowest.
    patience : int
        At least 1.
    progress : Progress, optional
        Where to go on, from a checkpoint; its state is written into `learner`.
    checkpoint : callable, optional
        Called with the progress before the first step (of a run begun here), every
        `checkpoint_every` steps, at the end and when stopped.
    listener : Listener, optional
        Told now and then how many updates of how many are made.
    stop : callable
        Asked between steps; once it answers True the run ends with :class:`Stopped`.

    Returns
    -------
    Progress
        Of the whole run.

    Raises
    ------
    InputError
        If an argument is not one of the above; then nothing was done.
    Diverged
        At the step after which a parameter is not finite, or whose cross-entropy is a million
        times the first one's.
    Stopped
        When `stop` asked for it.
    """
    history = History.empty(steps, every)
    checkpoint_every = whole_number("checkpoint_every", checkpoint_every, 1)
    call_back("stop", stop)
    if checkpoint is not None:
        call_back("checkpoint", checkpoint)
    if listener is not None:
        call_back("listener", listener, "progress")
    call_back("learner", learner, "train", "evaluate", "read", "write")
    state = learner.read()
    if batches is None and hasattr(learner, "place"):
        x, y = learner.place(x, y)
    else:
        x, y = samples_for(state["w"], x, y)
    if batches is not None:
        if not isinstance(batches, Batches):
            raise InputError("batches", found=quoted(batches), allowed="graphs.training.Batches")
        batches.check()
    if held_out is not None:
        if not isinstance(held_out, tuple) or len(held_out) != 2:
            raise InputError("held_out", found=quoted(held_out), allowed="a pair (x, y)")
        held_out = samples_for(state["w"], *held_out, argument="held_out ")
    whole_number("patience", patience, 1)
    if progress is None:
        if wrong := broken(state):
            raise InputError("learner", found=wrong, allowed="finite parameters to begin from")
        progress = Progress(0, initial=state, state=state, history=history)
        if held_out:
            progress.held_out = HeldOut(patience, np.full(len(history.steps), np.nan), -1, state)
        if checkpoint:
            checkpoint(progress)
    else:
        _goes_on(progress, history, patience if held_out else None)
        learner.write(progress.state)
    with np.errstate(all="ignore"):  # non-finite values are counted here, not warned of
        while progress.step < steps:
            if _record(learner, progress, x, y, held_out):
                break
            if stop():
                if checkpoint:
                    checkpoint(progress)
                raise Stopped(progress)
            calls = _calls_until_next_look(progress.step, len(y), steps, every, checkpoint_every)
            if batches is None:
                _advance(learner, progress, x, y, calls)
            else:
                for _ in range(calls):
                    rows = batches.rows(progress.step, len(y))
                    _advance(learner, progress, x[rows], y[rows], 1)
            if listener:
                listener.progress(progress.step, steps)
            if progress.step == steps:
                _record(learner, progress, x, y, held_out)
            if checkpoint and (progress.step % checkpoint_every == 0 or progress.step == steps):
                checkpoint(progress)
    if progress.held_out:
        if checkpoint and progress.step < steps:  # it ended early, with an entry that was not kept yet
            checkpoint(progress)
        learner.write(progress.held_out.best)
    return progress


def samples_for(w: Array, x: Array, y: Array, *, argument: str = "") -> tuple[Array, Array]:
    """The samples and targets, where weights such as `w` can be trained on them; else an :class:`InputError`.

    Weights of shape (features, K) are for labels 0 … K−1, those of shape (features,) for 0 and 1.
    """
    x = real_numbers(f"{argument}x", x, ("samples", *np.shape(w)[:1]))
    if not np.can_cast(x.dtype, w.dtype):
        found = f"an array of dtype {x.dtype}"
        raise InputError(f"{argument}x", found=found, allowed=f"{w.dtype}, as the weights")
    if np.ndim(w) == 2:
        return x, labels(f"{argument}y", y, len(x), np.shape(w)[1])
    return x, targets(f"{argument}y", y, len(x))


def _goes_on(progress: Progress, history: History, patience: int | None) -> None:
    """Refuse a run so far that is none of this length, or was ended early otherwise."""
    if not isinstance(progress, Progress):
        raise InputError(
            "progress", found=quoted(progress), allowed="a Progress, of this run as far as it came"
        )
    begun_as = progress.history.steps
    if not np.array_equal(begun_as, history.steps):
        every = [int(step) for step in (begun_as[1], history.steps[1])]
        raise InputError(
            "progress",
            found=f"a run of {begun_as[-1]} steps, recorded at every {every[0]}",
            allowed=f"one of {history.steps[-1]} steps, recorded at every {every[1]}",
        )
    whole_number("progress.step", progress.step, 0, int(history.steps[-1]))
    begun_with = progress.held_out.patience if progress.held_out else None
    if begun_with != patience:
        found, allowed = (
            "one without samples held out" if each is None else f"one with a patience of {each}"
            for each in (begun_with, patience)
        )
        raise InputError("progress", found=found, allowed=allowed)


def _calls_until_next_look(step: int, samples: int, steps: int, every: int, checkpoint_every: int) -> int:
    to_entry, to_checkpoint = every - step % every, checkpoint_every - step % checkpoint_every
    return min(to_entry, to_checkpoint, steps - step, CHUNK_STEPS, max(1, CHUNK_NUMBERS // samples))


def _record(
    learner: Learner, progress: Progress, x: Array, y: Array, held_out: tuple[Array, Array] | None
) -> bool:
    """Fill the history's entry for this step, if it has one; whether the samples held out say that it is the last."""
    history = progress.history
    entry = int(np.searchsorted(history.steps, progress.step))
    if entry == len(history.steps) or history.steps[entry] != progress.step:
        return False
    found = _measured(learner, x, y)
    for name, value in vars(found).items():
        vars(history)[name][entry] = value
    history.w_norm[entry] = _norm(progress.state["w"])
    if held_out is None or progress.held_out is None:
        return False
    progress.held_out.note(entry, float(np.mean(learner.evaluate(*held_out)[1])), progress.state)
    return progress.held_out.says_stop(entry)


def _measured(learner: Learner, x: Array, y: Array) -> Entry:
    measure = getattr(learner, "measure", None)
    if measure is not None:
        entry: Entry = measure(x, y)
        return entry
    prediction, xent, cost, gw = learner.evaluate(x, y)[:4]
    right = np.count_nonzero(np.asarray(prediction) == y) / len(y)
    return Entry(float(cost), float(np.mean(xent)), right, _norm(gw))


def _norm(vector: Array) -> float:
    """‖v‖₂, summed by NumPy itself: BLAS's norm of a long vector depends on how many threads it has."""
    return float(np.sqrt(np.square(vector).sum()))


def _advance(learner: Learner, progress: Progress, x: Array, y: Array, calls: int) -> None:
    """Make `calls` updates and note what they returned; find the exact step if one of them diverged."""
    made = _train(learner, x, y, calls)
    state = learner.read()
    means = made.mean_xent
    first = progress.first_mean_xent if progress.step else float(means[0])
    grown = np.isfinite(means) & (means > GROWTH_LIMIT * max(first, 1.0))
    if grown.any():
        call = int(grown.argmax())
        raise Diverged(
            progress.step + call,  # the update before the call that shows it
            f"the mean cross-entropy has grown from {first:.6g} to {means[call]:.6g}",
            "the learning rate is too large",
        )
    wrong = broken(state)
    if wrong:
        if calls > 1:  # the same steps again, one at a time, stop at the very one
            learner.write(progress.state)
            for _ in range(calls):
                _advance(learner, progress, x, y, 1)
        raise Diverged(progress.step + 1, wrong, _cause(progress, made))
    progress.note(made)
    progress.step += calls
    progress.state = state


def _train(learner: Learner, x: Array, y: Array, calls: int) -> Calls:
    counted, many = getattr(learner, "calls", None), getattr(learner, "train_many", None)
    if counted is not None:
        made: Calls = counted(x, y, calls)
        return made
    if many is not None:
        predictions, xents = many(x, y, calls)
    else:
        results = [learner.train(x, y) for _ in range(calls)]
        predictions = np.stack([np.asarray(prediction) for prediction, _ in results])
        xents = np.stack([np.asarray(xent) for _, xent in results])
    return Calls.of(predictions, xents, y)


def broken(state: Mapping[str, Array]) -> str:
    """Which parameters hold how many numbers that are not finite; empty if none does."""
    bad = [
        f"{np.size(array) - np.isfinite(array).sum()} of the {np.size(array)} values of {name}"
        for name, array in state.items()
        if not np.isfinite(array).all()
    ]
    return f"{' and '.join(bad)} are not finite" if bad else ""


def _cause(progress: Progress, made: Calls) -> str:
    before, now = (float(np.linalg.norm(model["w"])) for model in (progress.initial, progress.state))
    grown = now > 10 * max(before, 1.0)
    if not grown and (progress.nonfinite_calls or not made.finite.all()):
        return (
            "the formula overflowed as it is evaluated here (log(0), or exp of a large number); "
            "use a mode with the stabilizing rewrites, or the logits formula"
        )
    return "the learning rate is too large"
