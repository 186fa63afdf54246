"""A program in C: kept, compiled, called, repeated. Nothing here imports PyTensor.

:mod:`~graphs.compiled.program` is what a graph became, as plain data. :mod:`~graphs.compiled.compiler` makes a library of
its text, kept in :mod:`~graphs.compiled.cache`; :mod:`~graphs.compiled.call` runs it on NumPy arrays,
:mod:`~graphs.compiled.repeated` many times in one call. What makes programs is :mod:`graphs.native`, which imports
PyTensor; what calls them need not, and :mod:`graphs.frozen` does without.
"""

__all__: list[str] = []
