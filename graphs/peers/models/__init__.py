"""Untuned models: graphs that nobody wrote for a compiler, each as PyTensor and as JAX, with data of its own.

Every model is a function whose arguments are its sizes and which returns a :class:`graphs.peers.models.model.Model`:
data and parameters, drawn from a seed, and its cost twice, as a user of PyTensor and as one of JAX would write it. Its
docstring says what it is. What is measured is the cost and its gradients by all parameters, as one compiled function
(compiled.py). Nothing is imported before a model is asked for, and of the two frameworks only the one that is.
"""

from __future__ import annotations

from graphs.catalogue import Catalogue

__all__ = ["MODELS"]

#: Where every model stands, by the name that the command line gives it.
MODELS = Catalogue(
    "graphs.peers.models",
    {
        "softmax": "classifiers.softmax",
        "logistic-float32": "classifiers.logistic_float32",
        "ordinal": "classifiers.ordinal",
        "mlp-tanh": "perceptrons.mlp_tanh",
        "mlp-relu": "perceptrons.mlp_relu",
        "poisson": "counts.poisson",
        "negative-binomial": "counts.negative_binomial",
        "zero-inflated": "counts.zero_inflated",
        "cox": "survival.cox",
        "elastic-net": "regressions.elastic_net",
        "student-t": "regressions.student_t",
        "huber": "regressions.huber",
        "hierarchical": "by_index.hierarchical",
        "factorisation": "by_index.factorisation",
        "item-response": "by_index.item_response",
        "mixture": "mixtures.mixture",
        "gaussian-process": "gaussian_process.gaussian_process",
        "convolution-1d": "convolutions.convolution_1d",
        "convolution-2d": "convolutions.convolution_2d",
        "attention": "attention.attention",
        "elementwise": "elementwise.elementwise",
        "autoregression": "series.autoregression",
        "kalman": "series.kalman",
        "lstm": "series.lstm",
    },
)
