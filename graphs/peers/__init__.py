"""The same experiment elsewhere: one registry, one contract, one worker process, one clock.

A *peer* is one framework in one way of running it. In reading order: this registry; what each peer offers
(contract.py) and the code that a user of its framework would write (in_*.py); the process that it runs in (worker.py),
what that process is asked and answers (protocol.py), how it is started, asked in turn and ended (process.py). Two
questions are put to the same peers: how do they differ (compare), and how long do they take (benchmark)?

Nothing here imports a framework, nor NumPy, so that every ``--help`` can read the names. A peer's file is imported, and
with it its framework, only when something is built from it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from graphs.errors import InputError, choose, finite_number, install_command
from graphs.foreign import quoted

if TYPE_CHECKING:
    from graphs.data import Dataset
    from graphs.peers.contract import Data, Training

__all__ = [
    "BENCHMARKED",
    "COMPARED",
    "FORMULAS",
    "LEARNING_RATE",
    "LIMIT",
    "LONGEST",
    "MOST_ROUNDS",
    "MOST_THREADS",
    "PEERS",
    "REPRODUCE",
    "WEIGHT_DECAY",
    "YARDSTICK",
    "Peer",
    "build",
    "check_data",
    "installed",
    "missing",
]

#: ``textbook`` takes log(p) and log(1 − p) of a computed probability, as on paper; ``logits``
#: goes from x·w + b to the cross-entropy with the function that each framework recommends.
FORMULAS = ("textbook", "logits")

LEARNING_RATE = 0.1  # η of the update p ← p − η·∂cost/∂p
WEIGHT_DECAY = 0.01  # λ of the penalty λ·Σw²

# What may be asked for: no machine has more threads, nobody waits for more rounds, and no clock for so many seconds.
MOST_THREADS, MOST_ROUNDS, LONGEST = 1024, 10**6, 1e6

_EXTRA = install_command("frameworks")
_TORCH = f"{install_command('torch')} (CPU-only PyTorch: see the README)"
_AESARA = (
    "in an environment of its own (Python 3.11, NumPy 1): pip install aesara==2.9.4, "
    "then compare --python aesara=PATH"
)
_THEANO = (
    "in an environment of its own (Python 3.8): pip install Theano==1.0.5 numpy==1.21.6 'scipy<1.11', "
    "then compare --python theano=PATH"
)


class Peer(NamedTuple):
    """One framework in one way of running it, or one of this project's own ways to train."""

    title: str  # for people
    module: str  # the file of this room that builds it
    how: str = ""  # which of that file's ways, as its `build` names it
    requires: tuple[str, ...] = ()  # packages that must be importable
    install: str = _EXTRA  # the command that brings them
    formulas: tuple[str, ...] = FORMULAS
    eager: str = ""  # name of the same framework without its compiler
    ours: bool = False  # trains by the native linker or with Gram state, and is to win
    copies: float = 0  # whole copies of x that it holds of its own at one time, for the estimate of memory
    gram: bool = False  # holds x·xᵀ
    stepwise: bool = True  # can be asked for single steps
    whole: bool = True  # makes sense as a whole process


LIMIT, YARDSTICK, REPRODUCE = "limit", "numpy", "reproduce"
_PT, _NONE = ("pytensor",), "pytensor-none"

# Whom `compare` asks, in the order of its tables: from written by hand to wholly compiled.
_COMPARED = {
    YARDSTICK: Peer("NumPy by hand", "in_numpy", "", ("numpy", "scipy"), "pip install numpy scipy"),
    "autograd": Peer("Autograd", "in_autograd", "", ("autograd",)),
    "torch": Peer("PyTorch eager", "in_pytorch", "eager", ("torch",), _TORCH, (*FORMULAS, "softplus")),
    "torch-compile": Peer(
        "torch.compile", "in_pytorch", "compile", ("torch",), _TORCH, eager="torch", copies=1
    ),
    "jax": Peer("JAX op by op", "in_jax", "op by op", ("jax",)),
    "jax-jit": Peer("JAX jit", "in_jax", "jit", ("jax",), eager="jax", copies=1.2),
    "jax-loop": Peer("JAX, loop compiled", "in_jax", "loop", ("jax",), eager="jax", copies=1.2),
    _NONE: Peer("PyTensor, no rewrites", "in_pytensor", "none", _PT),
    "pytensor-fast-compile": Peer("PyTensor FAST_COMPILE", "in_pytensor", "FAST_COMPILE", _PT, eager=_NONE),
    "pytensor": Peer("PyTensor default", "in_pytensor", "default", _PT, eager=_NONE, copies=1),
    "pytensor-cvm": Peer("PyTensor CVM", "in_pytensor", "CVM", _PT, eager=_NONE),
    "pytensor-jax": Peer("PyTensor JAX", "in_pytensor", "JAX", (*_PT, "jax"), eager=_NONE),
    "pytensor-native": Peer("PyTensor native", "in_pytensor", "NATIVE", _PT, eager=_NONE),
    "pytensor-native-loop": Peer(
        "PyTensor native, loop in C", "in_pytensor", "NATIVE × 500", _PT, eager=_NONE
    ),
    "aesara": Peer("Aesara", "in_theano", "aesara", ("aesara",), _AESARA),
    "theano": Peer("Theano", "in_theano", "theano", ("theano",), _THEANO),
}

# Whom only `benchmark` asks; it knows PyTensor's native linker by other names, and with fewer steps a call.
_TIMED = {
    LIMIT: Peer("limit: stream x once", "limit", whole=False),
    "native": Peer("native, single calls", "in_pytensor", "NATIVE", _PT, ours=True),
    "native-many": Peer("native, train_many", "in_pytensor", "NATIVE × 100", _PT, ours=True),
    "gram": Peer("native + Gram, single calls", "in_pytensor", "Gram", _PT, ours=True, copies=1, gram=True),
    "gram-many": Peer(
        "native + Gram, train_many", "in_pytensor", "Gram × 100", _PT, ours=True, copies=1, gram=True
    ),
    "frozen": Peer("frozen, train_many", "in_frozen", "", ours=True, stepwise=False),
    "frozen-gram": Peer(
        "frozen + Gram, train_many", "in_frozen", "Gram", ours=True, gram=True, stepwise=False
    ),
    "numpy-gram": Peer("NumPy, Gram by hand", "in_numpy_gram", "", ("scipy",), gram=True),
    REPRODUCE: Peer("reproduce: history, optimum", "reproducing", "native", ours=True, stepwise=False),
    "numpy-reproduce": Peer("the same in NumPy", "reproducing", "numpy", ("scipy",), stepwise=False),
}

#: Every peer by name.
PEERS: dict[str, Peer] = {**_COMPARED, **_TIMED}

COMPARED = tuple(_COMPARED)

#: Whom `benchmark` asks, in the order in which they are listed, built and sampled.
BENCHMARKED = (
    LIMIT,
    YARDSTICK,
    "native",
    "native-many",
    "gram",
    "gram-many",
    "frozen",
    "frozen-gram",
    "numpy-gram",
    "jax-loop",
    "jax-jit",
    "torch-compile",
    "autograd",
    "pytensor",
    "pytensor-cvm",
    REPRODUCE,
    "numpy-reproduce",
)


def missing(name: str) -> tuple[str, ...]:
    """Packages that the peer `name` needs and this environment lacks; nothing is imported."""
    peer = PEERS[choose("framework", name, PEERS)]
    return tuple(package for package in peer.requires if importlib.util.find_spec(package) is None)


def installed(names: Iterable[str] = PEERS) -> tuple[str, ...]:
    """Those of the peers `names` that can be built here."""
    return tuple(name for name in names if not missing(name))


def check_data(data: Any) -> None:
    """Refuse what no peer can train on, naming the field."""
    from graphs.data import DTYPES, Dataset, real_numbers, targets
    from graphs.peers.contract import Data

    if not isinstance(data, Data | Dataset):
        raise InputError("data", found=quoted(data), allowed="a Dataset")
    samples, features = real_numbers("data.x", data.x, ("samples", "features")).shape
    choose("data.x.dtype", str(data.x.dtype), DTYPES)
    targets("data.y", data.y, samples)
    real_numbers("data.initial_w", data.initial_w, (features,))
    real_numbers("data.initial_b", data.initial_b, ())


def build(
    name: str,
    data: Data | Dataset,
    formula: str = "textbook",
    *,
    learning_rate: float = LEARNING_RATE,
    weight_decay: float = WEIGHT_DECAY,
) -> Training:
    """Make the experiment ready with one peer, in this process; this imports its framework.

    Parameters
    ----------
    name : str
        A key of :data:`PEERS`.
    data : Data or Dataset
        Its ``x``, ``y``, ``initial_w`` and ``initial_b`` are used; none is changed. The dtype of
        ``x`` is the dtype of everything.
    formula : str
        One of those that the peer offers.
    learning_rate, weight_decay : float
        η of the update p ← p − η·∂cost/∂p and λ of the penalty λ·Σw².

    Raises
    ------
    InputError
        If an argument is not one of the above, or the peer's framework is not installed.
    """
    lacking = missing(name)
    peer = PEERS[name]
    check_data(data)
    finite_number("learning_rate", learning_rate, above=0)
    finite_number("weight_decay", weight_decay, least=0)
    choose("formula", formula, peer.formulas)
    if lacking:
        raise InputError(
            "framework",
            found=f"{name}, without {', '.join(lacking)}",
            allowed=f"those installed here: {', '.join(installed())}",
            remedy=peer.install,
        )
    module = importlib.import_module(f"graphs.peers.{peer.module}")
    training: Training = module.build(data, formula, peer.how, learning_rate, weight_decay)
    return training
