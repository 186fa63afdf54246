"""What is to be timed: checked before anything is started."""

from __future__ import annotations

import msgspec

from graphs.data import DTYPES
from graphs.errors import InputError, choose, finite_number, whole_number
from graphs.peers import BENCHMARKED, FORMULAS, LONGEST, MOST_ROUNDS, MOST_THREADS
from graphs.peers.benchmark.problems import PENALTIES, PROBLEMS, Problem
from graphs.peers.models import MODELS
from graphs.peers.size import Size

__all__ = ["Plan"]

MEASURES = ("steps", "processes", "estimators", "models", "sharded")
#: Asked for by name: they are about other questions; the first needs scikit-learn, the last JAX.
UNASKED = ("estimators", "models", "sharded")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which peers, where and how often; an `InputError` about any of it names the command's option."""

    sizes: tuple[str, ...]  # samples x features; whole processes run at the first
    dtypes: tuple[str, ...] = DTYPES
    threads: tuple[int, ...] = (1, 2)
    peers: tuple[str, ...] = BENCHMARKED
    measure: tuple[str, ...] = tuple(name for name in MEASURES if name not in UNASKED)
    formula: str = "logits"
    rounds: int = 15  # samples of each step, fewer where the budget is spent; at least 3
    sample_seconds: float = 0.05  # length of one sample, or one step where that takes longer
    budget: float = 120.0  # seconds of all rounds at one size together
    timeout: float = 300.0  # seconds after which a silent peer is ended
    process_steps: int = 10_000  # of a whole process
    process_rounds: int = 5  # warm runs of each whole process, and half as many cold ones
    problems: tuple[str, ...] = PROBLEMS  # on which classifiers are fitted, each with these penalties:
    penalties: tuple[str, ...] = PENALTIES
    models: tuple[str, ...] = tuple(MODELS)  # of graphs.peers.models, by name
    cold: bool = False  # whether models are compiled with empty caches

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        for option, given in (
            ("sizes", self.sizes),
            ("dtype", self.dtypes),
            ("measure", self.measure),
            ("problems", self.problems),
            ("penalties", self.penalties),
            ("model", self.models),
        ):
            if not given:
                raise InputError(option, found="none", allowed="at least one")
        for size in self.sizes:
            Size.of(size)
        for problem in self.problems:
            for penalty in self.penalties:
                Problem.of(problem).weight_decay(penalty)
        for option, names, allowed in (
            ("dtype", self.dtypes, DTYPES),
            ("measure", self.measure, MEASURES),
            ("formula", (self.formula,), FORMULAS),
            ("only", self.peers, BENCHMARKED),
            ("model", self.models, MODELS),
        ):
            for name in names:
                choose(option, name, allowed)
        if not self.peers:
            raise InputError("only", found="no peer at all", allowed=", ".join(BENCHMARKED))
        if not self.threads:
            raise InputError("threads", found="none", allowed="at least one number")
        for threads in self.threads:
            whole_number("threads", threads, 1, MOST_THREADS)
        whole_number("rounds", self.rounds, 1, MOST_ROUNDS)
        whole_number("process_steps", self.process_steps, 1)
        whole_number("process_rounds", self.process_rounds, 1, MOST_ROUNDS)
        finite_number("sample_seconds", self.sample_seconds, above=0, below=LONGEST)
        finite_number("timeout", self.timeout, above=0, below=LONGEST)
        finite_number("budget", self.budget, least=0)
