"""The same experiment elsewhere: one framework per file, one contract.

Every file ``in_<framework>.py`` offers ``build(data, formula, how) → Training`` in the code that
a user of that framework would write. A file is imported, and with it its framework, only when
something is built from it.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import cast

import numpy as np

from graphs.errors import InputError, choose
from graphs.frameworks.contract import FORMULAS, Samples, StepCount, Training

__all__ = [
    "FORMULAS",
    "RUNS",
    "Run",
    "Samples",
    "StepCount",
    "Training",
    "build",
    "installed",
    "missing",
]


@dataclass(frozen=True)
class Run:
    """One framework in one way of running it.

    Attributes
    ----------
    title : str
        For people.
    module : str
        File of `graphs.frameworks` that holds it.
    how : str
        Which of that file's ways, as its `build` names it.
    requires : tuple of str
        Packages that must be importable.
    install : str
        The command that brings them.
    formulas : tuple of str
        Formulas it offers.
    """

    title: str
    module: str
    how: str
    requires: tuple[str, ...]
    install: str
    formulas: tuple[str, ...] = FORMULAS


_EXTRA = "pip install 'graphs[frameworks]'"
_TORCH = "pip install 'graphs[torch]' (CPU-only PyTorch: see the README)"

#: Every run by name, in the order of the tables: from written by hand to wholly compiled.
RUNS: dict[str, Run] = {
    "numpy": Run("NumPy by hand", "in_numpy", "", ("numpy", "scipy"), "pip install numpy scipy"),
    "autograd": Run("Autograd", "in_autograd", "", ("autograd",), _EXTRA),
    "torch": Run("PyTorch eager", "in_pytorch", "eager", ("torch",), _TORCH, (*FORMULAS, "softplus")),
    "torch-compile": Run("torch.compile", "in_pytorch", "compile", ("torch",), _TORCH),
    "jax": Run("JAX op by op", "in_jax", "op by op", ("jax",), _EXTRA),
    "jax-jit": Run("JAX jit", "in_jax", "jit", ("jax",), _EXTRA),
    "jax-loop": Run("JAX, loop compiled", "in_jax", "loop", ("jax",), _EXTRA),
    **{
        name: Run(title, "in_pytensor", mode, ("pytensor", *needs), _EXTRA)
        for name, title, mode, needs in (
            ("pytensor-none", "PyTensor, no rewrites", "none", ()),
            ("pytensor-fast-compile", "PyTensor FAST_COMPILE", "FAST_COMPILE", ()),
            ("pytensor", "PyTensor default", "default", ()),
            ("pytensor-cvm", "PyTensor CVM", "CVM", ()),
            ("pytensor-jax", "PyTensor JAX", "JAX", ("jax",)),
            ("pytensor-native", "PyTensor native", "NATIVE", ()),
            ("pytensor-native-loop", "PyTensor native, loop in C", "NATIVE, loop in C", ()),
        )
    },
    "aesara": Run(
        "Aesara",
        "in_theano",
        "aesara",
        ("aesara",),
        "in an environment of its own (Python 3.11, NumPy 1): pip install aesara==2.9.4, "
        "then compare --python aesara=PATH",
    ),
    "theano": Run(
        "Theano",
        "in_theano",
        "theano",
        ("theano",),
        "in an environment of its own (Python 3.8): pip install Theano==1.0.5 numpy==1.21.6 'scipy<1.11', "
        "then compare --python theano=PATH",
    ),
}


def missing(name: str) -> tuple[str, ...]:
    """Packages that the run `name` needs and this environment lacks; nothing is imported."""
    run = RUNS[choose("framework", name, RUNS)]
    return tuple(package for package in run.requires if importlib.util.find_spec(package) is None)


def installed() -> tuple[str, ...]:
    """Names of the runs that can be built here."""
    return tuple(name for name in RUNS if not missing(name))


def build(
    name: str,
    data: Samples,
    formula: str = "textbook",
    *,
    learning_rate: float = 0.1,
    weight_decay: float = 0.01,
) -> Training:
    """Make the experiment ready in one framework; this imports it.

    Parameters
    ----------
    name : str
        A key of :data:`RUNS`.
    data : Dataset
        Its ``x``, ``y``, ``initial_w`` and ``initial_b`` are used; none is changed. The dtype of
        ``x`` is the dtype of everything.
    formula : {"textbook", "logits"}
        PyTorch eager also has ``softplus``.
    learning_rate, weight_decay : float
        η of the update p ← p − η·∂cost/∂p and λ of the penalty λ·Σw².

    Raises
    ------
    InputError
        If there is no such run or formula, or its framework is not installed.
    """
    lacking = missing(name)
    run = RUNS[name]
    choose("formula", formula, run.formulas)
    if lacking:
        raise InputError(
            "framework",
            found=f"{name}, without {', '.join(lacking)}",
            allowed=f"those installed here: {', '.join(installed())}",
            remedy=run.install,
        )
    if np.dtype(data.x.dtype) not in (np.dtype("float64"), np.dtype("float32")):
        raise InputError("data.x", found=f"dtype {data.x.dtype}", allowed="float64 or float32")
    module = importlib.import_module(f"graphs.frameworks.{run.module}")
    return cast(
        Training,
        module.build(data, formula, run.how, learning_rate=learning_rate, weight_decay=weight_decay),
    )
