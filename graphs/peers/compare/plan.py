"""What is to be compared: checked before anything is started."""

from __future__ import annotations

import json
import subprocess
from functools import cache

import msgspec

from graphs.errors import InputError, choose, finite_number, whole_number
from graphs.foreign import plain, quoted
from graphs.peers import COMPARED, FORMULAS, LONGEST, MOST_ROUNDS, MOST_THREADS, PEERS
from graphs.peers.size import Size

__all__ = ["EVERY_FORMULA", "Plan"]

EVERY_FORMULA = ("textbook", "logits", "softplus")  # the last is PyTorch's alone

_PROBE = """
import json, platform, sys
from importlib.util import find_spec
print(json.dumps([platform.python_version(), [name for name in sys.argv[1:] if find_spec(name) is None]]))
"""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which peers, how far and how often; an `InputError` if something is not one of what it says below."""

    runs: tuple[str, ...] = COMPARED  # those that are missing are listed as missing
    formulas: tuple[str, ...] = FORMULAS
    steps: int = 10_000  # before w and b are compared with the reference
    rounds: int = 9  # samples of the steady state; one of each peer per round, in turn
    threads: int = 1  # for every peer alike
    #: Fresh processes that find the caches filled; the median counts. 0 leaves out all times to
    #: first result, the cold one included.
    warm_starts: int = 1
    #: Other samples × features for the steady state; data of the kind `random`, in the dtype of the data.
    sizes: tuple[tuple[int, int], ...] = ()
    timeout: float = 300.0  # seconds that a peer may take to answer one request
    #: Seconds that the steps of one run may take together; then it is compared with the reference
    #: where it got to, and the record says so.
    step_limit: float = 600.0
    interpreters: dict[str, str] = {}  # peer → another Python, where its framework cannot be installed here

    def __post_init__(self) -> None:
        """Refuse what cannot be done, and what is named twice."""
        for argument, names, allowed in (
            ("runs", self.runs, COMPARED),
            ("formulas", self.formulas, EVERY_FORMULA),
        ):
            if not names:
                raise InputError(argument, found="none", allowed="at least one name")
            for name in names:
                choose(argument, name, allowed)
            if len(set(names)) < len(names):
                raise InputError(argument, found=", ".join(names), allowed="each name once")
        whole_number("steps", self.steps, 1)
        whole_number("rounds", self.rounds, 1, MOST_ROUNDS)
        whole_number("threads", self.threads, 1, MOST_THREADS)
        whole_number("warm_starts", self.warm_starts, 0, MOST_ROUNDS)
        finite_number("timeout", self.timeout, above=0, below=LONGEST)
        finite_number("step_limit", self.step_limit, above=0)
        for size in self.sizes:
            Size.of(size if isinstance(size, tuple) else [size])
        for run, python in self.interpreters.items():
            choose("python", run, self.runs)
            if not isinstance(python, str):
                raise InputError("python", found=quoted(python), allowed="the path of a Python")
        if not any(formula in PEERS[run].formulas for formula in self.formulas for run in self.runs):
            raise InputError(
                "formulas",
                found=f"{', '.join(self.formulas)} for {', '.join(self.runs)}, none of which offers it",
                allowed="; ".join(f"{run}: {', '.join(PEERS[run].formulas)}" for run in self.runs),
            )

    def elsewhere(self) -> dict[str, str]:
        """Peer → version of the other Python that is to run it; one that does not start or lacks it is refused."""
        return {run: _probe(run, python) for run, python in self.interpreters.items()}


@cache
def _probe(name: str, python: str) -> str:
    peer = PEERS[name]
    allowed = f"a Python that has {', '.join(peer.requires)}"
    try:
        done = subprocess.run(
            [python, "-c", _PROBE, *peer.requires], capture_output=True, text=True, timeout=60, check=True
        )
        version, lacking = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, TypeError, ValueError) as error:
        raise InputError(
            "python", found=f"{python}, which does not start ({type(error).__name__})", allowed=allowed
        ) from error
    if lacking:
        found = f"{python} without {', '.join(lacking)}"
        raise InputError("python", found=found, allowed=allowed, remedy=peer.install)
    return plain(version)
