"""Who runs: every way to train that is timed, by name, in the order of the tables."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any

__all__ = ["LIMIT", "OURS", "PEERS", "REPRODUCE", "YARDSTICK", "Peer", "build", "lacking"]


@dataclass(frozen=True)
class Peer:
    """One way to train.

    Attributes
    ----------
    title : str
        For people.
    module, how : str
        What builds it: ``module.build(data, formula, how)``, see :mod:`graphs.frameworks`.
    requires : tuple of str
        Packages that must be importable.
    install : str
        The command that brings them.
    ours : bool
        Made by this project.
    copies : float
        Whole copies of x it holds of its own at one time, for the estimate of memory.
    gram : bool
        Holds x·xᵀ.
    stepwise, whole : bool
        Timed step by step, and as a whole process.
    """

    title: str
    module: str
    how: str = ""
    requires: tuple[str, ...] = ()
    install: str = "pip install 'graphs[frameworks]'"
    ours: bool = False
    copies: float = 0
    gram: bool = False
    stepwise: bool = True
    whole: bool = True


_F, _B = "graphs.frameworks", "graphs.benchmark"
LIMIT, YARDSTICK, REPRODUCE = "limit", "numpy", "reproduce"

PEERS: dict[str, Peer] = {
    LIMIT: Peer("limit: stream x once", f"{_B}.limit", whole=False),
    YARDSTICK: Peer("NumPy by hand", f"{_F}.in_numpy", requires=("scipy",)),
    "native": Peer("native, single calls", f"{_B}.ours", "single", ours=True),
    "native-many": Peer("native, train_many", f"{_B}.ours", "many", ours=True),
    "gram": Peer("native + Gram, single calls", f"{_B}.ours", "gram", ours=True, copies=1, gram=True),
    "gram-many": Peer("native + Gram, train_many", f"{_B}.ours", "gram many", ours=True, copies=1, gram=True),
    "numpy-gram": Peer("NumPy, Gram by hand", f"{_B}.by_hand", gram=True),
    "jax-loop": Peer("JAX, loop compiled", f"{_F}.in_jax", "loop", ("jax",), copies=1.2),
    "jax-jit": Peer("JAX jit", f"{_F}.in_jax", "jit", ("jax",), copies=1.2),
    "torch-compile": Peer("torch.compile", f"{_F}.in_pytorch", "compile", ("torch",), copies=1),
    "autograd": Peer("Autograd", f"{_F}.in_autograd", "", ("autograd",)),
    "pytensor": Peer("PyTensor default", f"{_F}.in_pytensor", "default", copies=1),
    "pytensor-cvm": Peer("PyTensor CVM", f"{_F}.in_pytensor", "CVM"),
    REPRODUCE: Peer("reproduce: history, optimum", f"{_B}.reproducing", "native", ours=True, stepwise=False),
    "numpy-reproduce": Peer(
        "the same in NumPy", f"{_B}.reproducing", "numpy", requires=("scipy",), stepwise=False
    ),
}
OURS = tuple(name for name, peer in PEERS.items() if peer.ours)


def lacking(name: str) -> tuple[str, ...]:
    """Packages that a peer needs and this environment does not have; nothing is imported."""
    return tuple(package for package in PEERS[name].requires if importlib.util.find_spec(package) is None)


def build(name: str, data: Any, formula: str) -> Any:
    """Make a peer ready: the :class:`graphs.frameworks.Training` that its module builds."""
    peer = PEERS[name]
    return importlib.import_module(peer.module).build(data, formula, peer.how)
