"""Where the time to the first result went: imports, rewriting by phase, code, compiler, first call, a call after it.

Rewriting and compiling are timed when a copy is recorded, without the recorder's own work. Its first call happens once,
whatever asks for it first. Imports are timed in a process of their own, for here they are over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from subprocess import TimeoutExpired
from typing import Any

import msgspec
import numpy as np

from graphs.environment import own_warnings_only
from graphs.inspection.findings import Stage, Start
from graphs.inspection.linkers import known
from graphs.inspection.linkers.calls import Call, seconds_of_calls
from graphs.inspection.linkers.compilers import Worked, compiling
from graphs.timing import fresh_process

__all__ = ["FirstCall", "until_called", "until_compiled", "with_imports"]

AGAIN, ENOUGH = 20, 0.1  # calls after the first, and seconds after which there are enough of them
LONGEST_IMPORT = 60.0  # seconds
IMPORT = """
import time
start = time.perf_counter()
import {modules}
print(time.perf_counter() - start)
"""


def until_compiled(phases: Sequence[tuple[str, float]], seconds: float, compiler: Worked) -> Start:
    """The stages of a compilation that took so many seconds, of which the rewriter's parts took these."""
    stages = [Stage("rewriting", spent, phase) for phase, spent in phases]
    rest = max(0.0, seconds - sum(spent for _, spent in phases))
    if compiler.seconds is None:
        stages.append(Stage("code generation and compiler", round(rest, 7)))
    else:
        worked = min(compiler.seconds, rest)
        stages.append(Stage("code generation", round(rest - worked, 7)))
        stages.append(Stage("compiler", round(worked, 7)))
    return Start(tuple(stages), cache=compiler.told)


@dataclass
class FirstCall:
    """The first call of a copy, and some after it: made when the first question needs a call."""

    made: bool = False
    seconds: float | None = None  # without the compiler's; None where it was not made, or failed
    again: float | None = None  # seconds of a later call
    compiler: Worked | None = None  # what the compiler did in it

    def make(self, function: Any, arguments: Sequence[Any]) -> None:
        """Make it, if it has not been made; what it changes is for the caller to put back."""
        if self.made:
            return
        self.made = True
        call = Call(function, arguments)
        try:
            with own_warnings_only(), np.errstate(all="ignore"):
                given = call.arguments()
                with compiling(function.maker.linker, function) as self.compiler:
                    start = time.perf_counter()
                    function(*given)
                    self.seconds = time.perf_counter() - start
                calls = int(np.clip(ENOUGH / max(seconds_of_calls(call, 1)[0], 1e-9), 1, AGAIN))
                self.again = float(np.median(seconds_of_calls(call, calls)))
        except Exception:  # whatever the user's graph raises on these inputs: who asked will say it
            self.seconds = None


def until_called(start: Start, compiled: Worked, first: FirstCall) -> Start:
    """With the first call, where it was made and gave something; what compiled in it is the compiler's."""
    if first.seconds is None or first.compiler is None:
        return start
    if start.again is not None:
        return start
    both, stages = compiled + first.compiler, list(start.stages)
    if both.seconds is None:
        making = [stage for stage in stages if stage.name.startswith(("code", "compiler"))]
        stages = [stage for stage in stages if stage not in making]
        together = sum(stage.seconds for stage in making)
        stages.append(Stage("code generation and compiler", round(together, 7)))
        stages.append(Stage("first call, with its compiler", round(first.seconds, 7)))
    else:
        worked = min(first.compiler.seconds or 0.0, first.seconds)
        stages[-1] = msgspec.structs.replace(stages[-1], seconds=round(stages[-1].seconds + worked, 7))
        stages.append(Stage("first call", round(first.seconds - worked, 7)))
    return msgspec.structs.replace(start, stages=tuple(stages), again=first.again, cache=both.told)


def with_imports(start: Start, linker: Any) -> Start:
    """With the time of what a program imports for a function of this linker."""
    if any(stage.name == "import" for stage in start.stages):
        return start
    spent = _imports(("pytensor", *getattr(known(linker), "IMPORTS", ())))
    if spent is None:
        return start
    return msgspec.structs.replace(start, stages=(Stage("import", round(spent, 7)), *start.stages))


@cache
def _imports(modules: tuple[str, ...]) -> float | None:
    """Seconds that importing takes in a process of its own; None where it cannot be done."""
    command = [sys.executable, "-P", "-c", IMPORT.format(modules=", ".join(modules))]
    try:
        done = fresh_process(command, timeout=LONGEST_IMPORT)
        return float(done.stdout.split()[-1])
    except (OSError, TimeoutExpired, ValueError, IndexError):
        return None
