"""What the texts around the classic explain, each as a graph that is run: a claim, and beside it what was found.

Every example is a function that takes a :class:`graphs.examples.run.Run` and returns an
:class:`graphs.examples.outcome.Outcome`; its docstring says what is claimed. Nothing is imported before one is run.
"""

from __future__ import annotations

from graphs.catalogue import Catalogue

__all__ = ["EXAMPLES"]

#: Where every example stands, by the name that the command line gives it, in the order of the texts.
EXAMPLES = Catalogue(
    "graphs.examples",
    {
        "sigmoid": "sigmoid.sigmoid",
        "growth": "growth.growth",
        "clipping": "clipping.clipping",
        "likelihood": "likelihood.likelihood",
        "solvers": "solvers.solvers",
        "softmax": "softmax.softmax",
        "ascent": "ascent.ascent",
        "minibatch": "minibatch.minibatch",
        "rmsprop": "rmsprop.rmsprop",
        "stopping": "stopping.stopping",
        "differences": "differences.differences",
        "curve": "curve.curve",
    },
)
