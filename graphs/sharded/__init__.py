"""The same graph on many devices and machines: its samples sharded by JAX (the extra ``jax``).

In reading order: ``layout`` (how many devices, and what each axis of them splits), ``rows`` (samples on devices),
``partition`` (what XLA inserted), ``functions`` (train, predict and evaluate); then ``membership``, ``roll_call`` and
``cluster`` (processes that find, check and watch each other) and ``local`` (processes of this machine).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["ShardedFunctions", "compile_functions"]

if TYPE_CHECKING:
    from graphs.sharded.functions import ShardedFunctions, compile_functions


# Without JAX until it is used: a command says first how many devices there are.
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    from graphs.sharded import functions

    return getattr(functions, name)
