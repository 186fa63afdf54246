"""The race: one run, interleaved, of our ways to train, their peers, and the limit of the machine.

:mod:`peers` names who runs, :mod:`worker` is the process that each runs in, :mod:`steps` and
:mod:`whole` measure single steps and whole processes, :mod:`targets` compares them with what the
project set out for, :mod:`table` and :mod:`plot` show the record. Nothing here asserts a speed.
"""

__all__: list[str] = []
