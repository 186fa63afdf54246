"""What a forked child must not take over from its parent: locks held by threads that the child does not have.

One handler for all of them, and for whoever must know that this process is such a child.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet

__all__ = ["is_child", "open_lock"]

_locks: WeakSet[Any] = WeakSet()  # threading.RLock has no type of a name that all versions know
_child = False


def open_lock() -> Any:
    """A lock that its own thread may take again, and that is open in a forked child whoever held it.

    What the lock guards must be usable wherever the other thread stopped.
    """
    made = threading.RLock()
    _locks.add(made)
    return made


def is_child() -> bool:
    """Whether this process was forked after this module was imported: then it has one thread and no team of OpenMP's."""
    return _child


def _begin_child() -> None:
    global _child
    _child = True
    for lock in _locks:
        # where the thread that forked holds one, the child is in the middle of what the lock guards
        if not lock._is_owned():  # as threading's own Condition asks
            lock._at_fork_reinit()  # as logging does with its locks


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
