"""What a worker is asked and what it answers, one line of JSON each: types for the dicts of :mod:`graphs.peers.worker`.

A request is named like the worker's method and holds its arguments; the type of its answer stands in the brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphs.peers import LEARNING_RATE, PEERS, WEIGHT_DECAY
from graphs.peers.contract import StepCount

__all__ = [
    "Broken",
    "Build",
    "Built",
    "Call",
    "Called",
    "Compile",
    "Compiled",
    "Count",
    "Counted",
    "Failure",
    "Fit",
    "Fitted",
    "Gradient",
    "Once",
    "Parameters",
    "Request",
    "Sample",
    "State",
    "Took",
    "Train",
    "Watch",
    "Watched",
    "Whole",
]

Answer = TypeVar("Answer")


class Failure(Exception):
    """A worker that did not answer as it should: its status, and what is known about it, for the record.

    ``crashed``: ended by itself; ``hung``: ended by us after the time allowed; ``failed``: answered with an
    exception; ``not applicable``: with one that says that this way of training is not made for these data.
    """

    def __init__(self, status: str, happened: str) -> None:
        super().__init__(f"{status}: {happened}")
        self.status, self.happened = status, happened


class _Refusal(msgspec.Struct):
    error: str = ""  # type of the exception and what it said


class Request(msgspec.Struct, Generic[Answer], tag_field="do", tag=str.lower, frozen=True):
    """What a worker is asked."""

    @property
    def do(self) -> str:
        """Name of the worker's method."""
        return type(self).__name__.lower()

    def read(self, line: bytes) -> Answer:
        """The answer that a line holds; a `Failure` if it says why there is none, or cannot be read."""
        request: Any = type(self)
        (expected,) = get_args(request.__orig_bases__[0])  # what stands in the brackets
        try:
            error = msgspec.json.decode(line, type=_Refusal).error
            if not error:
                answer: Answer = msgspec.json.decode(line, type=expected)
                return answer
        except (ValueError, RecursionError) as unreadable:  # msgspec's are among them, and what is no UTF-8
            raise Failure("failed", f"an answer that is none: {unreadable}") from unreadable
        kind, _, said = error.partition(": ")
        raise Failure("not applicable", said) if kind == "NotApplicable" else Failure("failed", error)


class Built(msgspec.Struct, rename={"import_": "import"}):
    """Seconds of importing the framework and of building."""

    import_: float
    build: float
    note: str = ""  # what the peer has to say about itself
    versions: dict[str, str] = {}  # of the packages that were asked for


class Build(Request[Built], frozen=True, kw_only=True):
    """Make ready to begin at the first step; `module` and `how` are the peer's."""

    module: str
    how: str
    folder: str  # of the data, see `graphs.peers.worker.write_data`
    formula: str
    learning_rate: float = LEARNING_RATE
    weight_decay: float = WEIGHT_DECAY
    packages: tuple[str, ...] = ()  # whose versions are asked for

    @classmethod
    def of(cls, name: str, folder: object, formula: str, packages: tuple[str, ...] = ()) -> Build:
        """What builds the peer of that name."""
        peer = PEERS[name]
        return cls(module=peer.module, how=peer.how, folder=str(folder), formula=formula, packages=packages)


class Took(msgspec.Struct):
    """What some steps took."""

    seconds: float  # to the last result's arrival
    steps: int
    cores: float  # kept busy meanwhile
    peak_rss_bytes: int | None  # largest resident set until then; None where the system does not tell


class Train(Request[Took], frozen=True):
    """Take steps in the peer's own loop."""

    steps: int


class Sample(Request[Took], frozen=True):
    """Take as many steps as take so many seconds, or one where that takes longer."""

    seconds: float


class Broken(msgspec.Struct):
    """A quantity that did not stay finite."""

    quantity: str  # xent, w or b
    first_step: int
    last_step: int
    inf: int  # of its numbers at the first of those steps
    nan: int
    of: int


class Watched(msgspec.Struct):
    """What was seen since the beginning, and what was said during the last steps."""

    step: int = 0
    broke: list[Broken] = []
    warnings: list[str] = []


class Watch(Request[Watched], frozen=True):
    """Take steps and look at xent, w and b: after each, or in the peer's own loop at their end."""

    steps: int
    each: bool


class State(msgspec.Struct):
    """w and b, exactly, as hexadecimal floats."""

    w: list[str]
    b: str

    def __post_init__(self) -> None:
        """Refuse, while an answer is read, what is no number."""
        try:
            self.numbers()
        except OverflowError as error:  # which msgspec would let through
            raise ValueError(str(error)) from error

    def numbers(self) -> tuple[NDArray[np.float64], float]:
        """The same as numbers."""
        return np.array([float.fromhex(value) for value in self.w]), float.fromhex(self.b)


class Parameters(Request[State], frozen=True):
    """What are w and b now?"""


class Whole(msgspec.Struct):
    """All that a process did."""

    built: Built
    seconds: float  # of the steps
    reached: State


class Once(Request[Whole], frozen=True):
    """Build, take steps, look at where they led."""

    build: Build
    steps: int


@dataclass(frozen=True)
class Counted(StepCount):
    """What one step makes the framework do, and what Python does."""

    python_calls: int  # Python functions entered
    builtin_calls: int  # built-in functions called


class Count(Request[Counted], frozen=True):
    """What does one step do?"""


class Fitted(msgspec.Struct, rename={"import_": "import"}):
    """A classifier, fitted."""

    import_: float  # seconds of importing it, in this process
    seconds: float  # of one fit
    fits: int  # that were timed together
    cost: float  # reached, by NumPy
    iterations: int


class Fit(Request[Fitted], frozen=True):
    """Fit a classifier, again and again for so many seconds, at least once."""

    folder: str  # of x and y, see `graphs.peers.classifiers.write_samples`
    solver: str
    weight_decay: float
    tolerance: float
    seconds: float = 0.0


class Compiled(msgspec.Struct):
    """A model, compiled and called once."""

    dtype: str  # of its parameters
    build: float  # seconds from the model to a function
    first: float  # seconds of that function's first call
    fallback: str = ""  # why a native function is none


class Compile(Request[Compiled], frozen=True):
    """Compile a model of :mod:`graphs.peers.models`, call it once, leave what it returned in a folder."""

    model: str
    how: str  # the peer's
    results: str


class Called(msgspec.Struct):
    """What calls of a compiled model took."""

    seconds: float  # of one call
    calls: int  # that were timed together
    peak_rss_bytes: int | None


class Call(Request[Called], frozen=True):
    """Call what was compiled last, again and again for so many seconds, at least once."""

    seconds: float


class Gradient(Request[dict[str, str]], frozen=True):
    """How does the framework hold the gradient: name of the representation → its text."""
