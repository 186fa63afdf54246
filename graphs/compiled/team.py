"""How many threads a call gets: all that it may have or one, whichever has taken less time lately.

OpenMP's threads wait for one another by spinning. On idle cores that pays from some 50 µs of work on. Where another
process wants a core, a thread may be put off for the milliseconds that the other is let run, and the rest of the team
waits for it at the end of every loop. No number that could be asked for tells beforehand, so it is measured: bits do
not depend on the number of threads (write/step.h: parts_of), so it may change from one step to the next.

One step of logistic regression, 400 × 784, many in one call, µs: means of two seconds, and the best and the worst
half second. Intel Xeon (Sapphire Rapids) of 2 cores, which others wanted too all the while; threads of GCC that spin
as long as they usually do, 300,000 turns, took 6,200 on the mean with two competitors, where one thread took 600.

===========================  ==============  ===================  ==============
competitors started          one thread      two, whatever comes  as chosen here
===========================  ==============  ===================  ==============
none                         156 (142-184)   302 (146-445)        136 (115-159)
one                          271 (242-302)   566 (382-797)        354 (334-403)
two                          447 (378-530)   658 (575-752)        433 (342-539)
none, the least ever seen    79              28                   31
===========================  ==============  ===================  ==============
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from graphs.environment import drop_odd_thread_counts

__all__ = ["Team", "short_waits"]

LONG = 0.01  # seconds of a step from which on all threads are used: so long, waits even out
EPOCH = 0.01  # seconds after which it is decided anew
FEW, MANY = 16, 256  # epochs after which the other number is tried again, at first and in the end
PORTION = 0.0005  # seconds between two looks at the clock where C takes step after step
WAITS = {
    "GOMP_SPINCOUNT": "4000"
}  # turns of an empty loop, some 100 µs; as it comes, GCC's threads spin 300,000


class Team:
    """What is known of one function's times."""

    def __init__(self, most: int) -> None:
        self.most = most  # threads it may have
        self.now = most  # threads of the next step
        self.lately: dict[int, float] = {}  # seconds that a step has taken, with so many threads
        self.steps, self.seconds = 0, 0.0  # taken in this epoch
        self.stay = self.left = FEW

    def took(self, steps: int, seconds: float) -> None:
        """Note what some steps have taken, and decide about the next."""
        self.steps += steps
        self.seconds += seconds
        if self.seconds < EPOCH:
            return
        other = 1 if self.now > 1 else self.most
        known = self.lately.get(other)
        step = self.seconds / self.steps
        self.steps, self.seconds = 0, 0.0
        tried = self.left == self.stay  # the first epoch with this number
        self.lately[self.now] = step
        if step > LONG:
            self.now = self.most
        elif known is None or known < step:
            self.now, self.left = other, self.stay
        elif self.left:
            self.stay = FEW if tried else self.stay
            self.left = min(self.left, self.stay) - 1
        else:
            self.stay = min(2 * self.stay, MANY)
            self.now, self.left = other, self.stay

    def portion(self, steps: int) -> int:
        """How many of so many steps to take before the clock is looked at."""
        known = self.lately.get(self.now, self.seconds / self.steps if self.steps else PORTION)
        return max(1, min(steps, int(PORTION / max(known, 1e-9))))


@contextlib.contextmanager
def short_waits() -> Iterator[None]:
    """A context in which OpenMP, if it is loaded there, learns to spin for a short time only before it sleeps.

    It asks the environment once. What the user says there is left as it is, unless it is no number of threads:
    OpenMP would complain of that in its own words.
    """
    drop_odd_thread_counts()  # what was set since `import graphs` looked
    ours = {} if {"OMP_WAIT_POLICY", *WAITS} & os.environ.keys() else WAITS
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
