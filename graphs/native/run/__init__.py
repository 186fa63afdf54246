"""What becomes of a program inside PyTensor: found again, called as a Function, repeated.

:mod:`~graphs.native.run.store` finds a program again by its graph (:mod:`~graphs.native.run.fingerprint`),
:mod:`~graphs.native.run.function` is the Function that calls it, :mod:`~graphs.native.run.repeat` many times in one
call, :mod:`~graphs.native.run.perform` performs what has no C. All that does without PyTensor is in
:mod:`graphs.compiled`.
"""

__all__: list[str] = []
