"""What becomes of a program: kept, compiled, called, repeated.

:mod:`~graphs.native.run.store` finds a program again by its graph (:mod:`~graphs.native.run.fingerprint`),
:mod:`~graphs.compiled.compiler` makes a library of its text, both keep what they have in
:mod:`~graphs.compiled.cache`; :mod:`~graphs.compiled.call` runs it on NumPy arrays,
:mod:`~graphs.native.run.repeat` many times in one call.
"""

__all__: list[str] = []
