"""Models: symbols → a cost, under the names of their source; one file each, nothing compiled.

A file holds a frozen dataclass that names the model's Variables and a function that builds it from initial
parameters. Everything after it (updates, functions, training) takes these Variables and knows no formula.

:mod:`graphs.models.sigmoid`
    The logistic function σ itself: slope, symmetry, odds and log-odds; the other sigmoids.
:mod:`graphs.models.growth`
    Growth towards a capacity, and the differential equation that it solves.
:mod:`graphs.models.cross_entropy`
    Binary cross-entropy, clipped and stable, and what clipping does to the gradient.
:mod:`graphs.models.likelihood`
    The log-likelihood, and its gradient Xᵀ(y − p).
:mod:`graphs.models.logistic`
    Logistic regression: x, y and shared w, b → p_1, prediction, xent, cost.
:mod:`graphs.models.softmax`
    The same for K classes.
:mod:`graphs.models.linear`
    A linear fit, which is what one does not do with labels.
:mod:`graphs.models.curve`
    The four-parameter logistic curve, its residuals and their Jacobian.
"""

from graphs.models.cross_entropy import CrossEntropyGraph, cross_entropy_graph
from graphs.models.curve import CurveGraph, curve_graph
from graphs.models.growth import GrowthGraph, growth_graph
from graphs.models.likelihood import LikelihoodGraph, likelihood_graph
from graphs.models.linear import LinearGraph, linear_graph
from graphs.models.logistic import FORMULAS, LogisticGraph, logistic_graph
from graphs.models.sigmoid import SIGMOIDS, SigmoidGraph, sigmoid_graph
from graphs.models.softmax import SOFTMAX_FORMULAS, SoftmaxGraph, softmax_graph

__all__ = [
    "FORMULAS",
    "SIGMOIDS",
    "SOFTMAX_FORMULAS",
    "CrossEntropyGraph",
    "CurveGraph",
    "GrowthGraph",
    "LikelihoodGraph",
    "LinearGraph",
    "LogisticGraph",
    "SigmoidGraph",
    "SoftmaxGraph",
    "cross_entropy_graph",
    "curve_graph",
    "growth_graph",
    "likelihood_graph",
    "linear_graph",
    "logistic_graph",
    "sigmoid_graph",
    "softmax_graph",
]
