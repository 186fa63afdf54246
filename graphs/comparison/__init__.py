"""The same experiment in every framework, side by side → one record, as plain data.

In reading order: a `Plan` (plan.py) is worked off in stages (stages.py) by processes that hold one
framework each (processes.py, opened.py; worker.py is what runs in them), judged by a `Reference`
(reference.py), written into a record (record.py) and summed up (verdicts.py). Tables, plots and the
lines of code side by side are views of it; `lessons` is the room next door.
"""

from graphs.comparison.comparing import compare
from graphs.comparison.listening import Listener
from graphs.comparison.plan import Plan

__all__ = ["Listener", "Plan", "compare"]
