"""What is to be compared: checked before anything is started."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from graphs import frameworks
from graphs.errors import InputError, choose, finite_number, whole_number

__all__ = ["EVERY_FORMULA", "Plan"]

EVERY_FORMULA = ("textbook", "logits", "softplus")

_PROBE = """
import json, platform, sys
from importlib.util import find_spec
print(json.dumps([platform.python_version(), [name for name in sys.argv[1:] if find_spec(name) is None]]))
"""


@dataclass(frozen=True)
class Plan:
    """Which runs, how far and how often.

    Attributes
    ----------
    runs : tuple of str
        Keys of `graphs.frameworks.RUNS`; default: all, the missing ones listed as missing.
    formulas : tuple of {"textbook", "logits", "softplus"}
        ``softplus`` is PyTorch's alone.
    steps : int
        Steps before w and b are compared with the reference.
    rounds : int
        Samples of the steady state; one of each framework per round, in turn.
    threads : int
        For every framework alike.
    warm_starts : int
        Fresh processes that find the caches filled; the median counts. 0 leaves out all times
        to first result, the cold one included.
    sizes : tuple of (samples, features)
        Other sizes for the steady state; data of the kind `random`, in the dtype of the data.
    timeout : float
        Seconds that a framework may take to answer one request.
    step_limit : float
        Seconds that the steps of one run may take together; then it is compared with the
        reference where it got to, and the record says so.
    interpreters : mapping of str to str
        Run → another Python that holds its framework, for one that cannot be installed here.

    Raises
    ------
    InputError
        If one is not one of the above.
    """

    runs: tuple[str, ...] = tuple(frameworks.RUNS)
    formulas: tuple[str, ...] = frameworks.FORMULAS
    steps: int = 10_000
    rounds: int = 9
    threads: int = 1
    warm_starts: int = 1
    sizes: tuple[tuple[int, int], ...] = ()
    timeout: float = 300.0
    step_limit: float = 600.0
    interpreters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be done, and what is named twice."""
        for argument, names, allowed in (
            ("runs", self.runs, tuple(frameworks.RUNS)),
            ("formulas", self.formulas, EVERY_FORMULA),
        ):
            if not names:
                raise InputError(argument, found="none", allowed="at least one name")
            for name in names:
                choose(argument, name, allowed)
            if len(set(names)) < len(names):
                raise InputError(argument, found=", ".join(names), allowed="each name once")
        for name, least in (("steps", 1), ("rounds", 1), ("threads", 1), ("warm_starts", 0)):
            whole_number(name, getattr(self, name), least)
        finite_number("timeout", self.timeout, above=0)
        finite_number("step_limit", self.step_limit, above=0)
        if not any(
            formula in frameworks.RUNS[run].formulas for formula in self.formulas for run in self.runs
        ):
            raise InputError(
                "formulas",
                found=f"{', '.join(self.formulas)} for {', '.join(self.runs)}, none of which offers it",
                allowed="; ".join(f"{run}: {', '.join(frameworks.RUNS[run].formulas)}" for run in self.runs),
            )

    def settings(self) -> dict[str, Any]:
        """The plan as plain data."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]  # json's Any; on the way tuples become lists

    def elsewhere(self) -> dict[str, str]:
        """Run → version of the other Python that is to run it.

        Raises
        ------
        InputError
            If that Python does not start or lacks the framework too.
        """
        return {run: _probe(run, python) for run, python in self.interpreters.items()}


def _probe(name: str, python: str) -> str:
    run = frameworks.RUNS[choose("python", name, frameworks.RUNS)]
    allowed = f"a Python that has {', '.join(run.requires)}"
    try:
        done = subprocess.run(
            [python, "-c", _PROBE, *run.requires], capture_output=True, text=True, timeout=60, check=True
        )
        version, lacking = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise InputError(
            "python", found=f"{python}, which does not start ({type(error).__name__})", allowed=allowed
        ) from error
    if lacking:
        raise InputError(
            "python",
            found=f"{python} without {', '.join(lacking)}",
            allowed=allowed,
            remedy=run.install,
        )
    return str(version)
