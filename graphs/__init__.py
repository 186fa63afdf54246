"""Theano's logistic-regression example on PyTensor, and a look at what the compiler did to it.

The public names, in the order in which data flows through them.
"""

from graphs.environment import prepare_compile_folder

prepare_compile_folder()  # before anything here imports pytensor

from graphs.data import Dataset, load
from graphs.errors import InputError
from graphs.functions import Functions, compile_functions, resolve_mode
from graphs.models.logistic import LogisticGraph, logistic_graph
from graphs.reading import read
from graphs.training import Diverged, History, Progress, fit
from graphs.updates import gradient_descent, gradients, momentum

__all__ = [
    "InputError",
    "Dataset",
    "load",
    "read",
    "LogisticGraph",
    "logistic_graph",
    "gradients",
    "gradient_descent",
    "momentum",
    "Functions",
    "resolve_mode",
    "compile_functions",
    "fit",
    "History",
    "Progress",
    "Diverged",
]
