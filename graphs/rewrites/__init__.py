"""Rewrites of our own.

:mod:`graphs.rewrites.gram`
    Update pairs of a linear model with fixed inputs, carried in the space of the samples. What an expression
    may be for that, and the algebra of it, is :mod:`~graphs.rewrites.linear_forms`; how a graph is read as such
    expressions is :mod:`~graphs.rewrites.translation`. Neither knows what is carried from step to step.
"""

from graphs.rewrites.gram import GramState, NotApplicable, gram_state, pays

__all__ = ["GramState", "NotApplicable", "gram_state", "pays"]
