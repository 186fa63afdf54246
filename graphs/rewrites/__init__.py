"""Rewrites of our own, one idea per file.

:mod:`graphs.rewrites.gram`
    Update pairs of a linear model with fixed inputs, carried in the space of the samples.
"""

from graphs.rewrites.gram import GramState, NotApplicable, gram_state, pays

__all__ = ["GramState", "NotApplicable", "gram_state", "pays"]
