"""The classic's compiled functions as the cache has kept them: a run that finds them there imports no PyTensor.

A run compiles in the ordinary way, and keeps what it compiled (:func:`remember`) under everything that this depends on: the
settings that change the graph, this package's own source, the versions, PyTensor's settings. :func:`known` gives it back as
frozen functions, whose libraries are the very ones that the run compiled, so that both take the same steps to the bit.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from graphs.compiled import cache
from graphs.compiled.compiler import CompilerMissing, begin_library, open_library
from graphs.compiled.program import Program
from graphs.compiled.sources import source_digest
from graphs.environment import DEFAULT_MODE, settings_file, stabilizing_rewrites_fire, stamp
from graphs.frozen.description import Description
from graphs.frozen.function import Frozen

if TYPE_CHECKING:
    from graphs.data import Dataset
    from graphs.experiment.settings import Settings
    from graphs.functions import Functions

__all__ = ["WarmFunctions", "known", "remember"]

NAMES = ("train", "predict", "evaluate")
MODE = "NATIVE"


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept: functions, each with its program, and what a report says of them."""

    functions: list[tuple[Description, str]]
    linker: str
    takes_logarithms: bool


@dataclass(frozen=True)
class WarmFunctions:
    """A learner for :func:`graphs.training.fit`, like the :class:`graphs.functions.Functions` that it once was."""

    frozen: Frozen
    mode: str
    linker: str
    takes_logarithms: bool
    build_seconds: float

    def stages(self) -> list[tuple[str, float]]:
        """As those of :meth:`graphs.functions.Functions.stages`: there was nothing to rewrite or to compile."""
        return [("functions from the cache", self.build_seconds)]

    def __getattr__(self, name: str) -> Any:
        if name in ("train", "predict", "evaluate", "train_many", "read", "write"):
            return getattr(self.frozen, name)
        raise AttributeError(name)


def _key(settings: Settings) -> str | None:
    """Under what the functions of these settings are kept; None where they are not to be."""
    if not isinstance(settings.mode, str) or settings.mode.upper() != MODE or settings_file():
        return None  # what a file of settings does to PyTensor is only known to PyTensor
    package = find_spec("pytensor")
    if package is None or package.origin is None:
        return None
    try:
        state = os.stat(package.origin)
    except OSError:
        return None
    flags = [os.environ.get(name, "") for name in ("PYTENSOR_FLAGS", DEFAULT_MODE)]
    numbers = [float(number).hex() for number in (settings.learning_rate, settings.weight_decay)]
    graph = [settings.formula, settings.dtype, *numbers]
    versions = [sys.version, *sorted(stamp()["versions"].items())]
    place = [package.origin, state.st_size, state.st_mtime_ns]
    return cache.digest("classic", _own_source(), versions, place, flags, graph)


@functools.cache
def _own_source() -> str:
    return source_digest(Path(__file__).parents[1])


def known(
    settings: Settings, dataset: Dataset, told: Callable[[str], None] = lambda why: None
) -> WarmFunctions | None:
    """The functions that the cache has for these settings, at the data set's initial parameters; None if it has none.

    None too where PyTensor has been imported already: then there is nothing to be gained, and somebody may have changed what it
    does. `told` is called with the reason, where there is none.
    """
    if "pytensor" in sys.modules:
        told("PyTensor was imported already")
        return None
    start = time.perf_counter()
    key = _key(settings)
    found = cache.load(key, ".json") if key else None
    if found is None:
        told(_why_not(settings, key))
        return None
    shared = {
        "w": np.array(dataset.initial_w, settings.dtype),
        "b": np.array(dataset.initial_b, settings.dtype),
    }
    try:
        kept = msgspec.json.decode(found[1], type=_Kept)
        described = [each for each, _ in kept.functions]
        programs = {each.name: Program.from_json(text) for each, text in kept.functions}
        for each in described:
            each.check(programs[each.name])
            begin_library(programs[each.name].text)
        if [each.name for each in described] != list(NAMES):
            raise ValueError("other functions")
        libraries = {
            name: functools.partial(open_library, program.text) for name, program in programs.items()
        }
        for opened in libraries.values():
            opened()
        frozen = Frozen(described, programs, libraries, shared)
    except CompilerMissing:
        told("there is no C compiler for what the cache has")
        return None
    except (ValueError, KeyError, RecursionError):
        told("what the cache has is damaged")
        return None
    return WarmFunctions(
        frozen, settings.mode, kept.linker, kept.takes_logarithms, time.perf_counter() - start
    )


def _why_not(settings: Settings, key: str | None) -> str:
    """Why nothing was found."""
    if key is not None:
        return "the cache has none of these settings, versions and source"
    return "another mode" if settings.mode.upper() != MODE else "a file of settings says what PyTensor does"


def remember(settings: Settings, functions: Functions) -> None:
    """Keep compiled functions, where they run in C as a whole and PyTensor's rewrites did what they are to do."""
    key = _key(settings)
    if key is None or cache.load(key, ".json") or not stabilizing_rewrites_fire():
        return
    from graphs.errors import InputError
    from graphs.native.freeze import to_keep

    with contextlib.suppress(InputError):  # something is not native: there is no C compiler, say
        kept, _ = to_keep({name: getattr(functions, name) for name in NAMES})
        listed = [(described, program.to_json()) for described, program in kept]
        whole = _Kept(listed, functions.linker, functions.takes_logarithms)
        cache.store(key, ".json", msgspec.json.encode(whole))
