"""Whether a gradient is right: PyTensor's beside central differences, entry by entry, and which Op is to blame.

:mod:`check` is the way in. :mod:`evaluation` computes the cost as written, in extended precision where every Op is
known there; :mod:`branches` says on which side of its kinks each Op is; :mod:`slopes` makes differences of values and
says how far they can be trusted; :mod:`blame` looks for the Op whose own gradient is wrong; :mod:`result` is what was
found, and how it is shown.
"""

from graphs.gradient_check.check import check_gradient
from graphs.gradient_check.result import GradientCheck

__all__ = ["GradientCheck", "check_gradient"]
